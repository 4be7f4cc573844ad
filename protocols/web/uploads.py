"""Forms with files: read part by part, and never more than the page takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from protocols.http.problems import TooSlow, Unreadable
from protocols.http.reading import STALL_SECONDS, UPLOAD_SECONDS
from protocols.messages import TooLarge

FORM_LIMIT: Final = 256 * 1024  # bytes of all fields together
FORM_FIELDS: Final = 2_000
CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file as it came; `name` is what the sender calls it, and may be anything."""

    name: str
    content: bytes


async def read(
    request: web.Request,
    form: dict[str, list[str]],
    files: dict[str, Uploaded],
    limit: int,
    check: Callable[[], None],
) -> None:
    """Fill `form` and `files` from a multipart body; each file has at most `limit` bytes. `check` looks at the form
    before any file is read, so the fields that it needs come first.

    Raises TooLarge, TooSlow, Unreadable, and what `check` raises.
    """
    if (request.content_length or 0) > limit + FORM_LIMIT:
        raise TooLarge(f"A file has at most {limit} bytes.")
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            await _read(request, form, files, limit, check)
    except TimeoutError:
        raise TooSlow("The upload stood still, or took too long.") from None
    except (HttpProcessingError, ValueError, AssertionError, LookupError) as error:
        # What aiohttp's multipart reader raises on broken headers, boundaries and encodings.
        raise Unreadable(f"The form cannot be read: {error}") from None


async def _read(
    request: web.Request,
    form: dict[str, list[str]],
    files: dict[str, Uploaded],
    limit: int,
    check: Callable[[], None],
) -> None:
    reader = await request.multipart()
    room, parts = FORM_LIMIT, 0
    while (part := await asyncio.wait_for(reader.next(), STALL_SECONDS)) is not None:
        parts += 1
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise Unreadable("Each part of a form has a name, and none is multipart itself.")
        if parts > FORM_FIELDS:
            raise TooLarge(f"A form has at most {FORM_FIELDS} fields.")
        if part.filename is None:
            value = await _content(part, room)
            room -= len(value)
            form.setdefault(part.name, []).append(value.decode(errors="replace"))
            continue
        check()
        content = await _content(part, limit)
        if part.filename and part.name not in files:
            files[part.name] = Uploaded(part.filename[:200], content)


async def _content(part: BodyPartReader, limit: int) -> bytes:
    body = bytearray()
    while chunk := await asyncio.wait_for(part.read_chunk(CHUNK), STALL_SECONDS):
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"At most {limit} bytes can be taken here.")
    return bytes(body)
