"""Reads what a client sends: tokens, JSON bodies, uploads. Nothing is buffered beyond its limit."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from aiohttp import BodyPartReader, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic_core import from_json

from protocols.http.problems import TooSlow, Unreadable, WrongMediaType
from protocols.messages import FieldError, Invalid, TooLarge, Unauthenticated

JSON_LIMIT: Final = 64 * 1024
UPLOAD_LIMIT: Final = 32 * 1024 * 1024
# What multipart adds around the file: boundaries, headers, the short fields.
UPLOAD_MARGIN: Final = 64 * 1024
FIELD_LIMIT: Final = 200
JSON_SECONDS: Final = 30.0
UPLOAD_SECONDS: Final = 600.0
STALL_SECONDS: Final = 30.0

# By which a client that sends the same request again says so (draft-ietf-httpapi-idempotency-key-header).
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
KEY_FORM: Final = r"^[!-~]{1,64}$"


def idempotency_key(header: str) -> str:
    """The key in an `Idempotency-Key` header. Raises `Invalid`."""
    if re.fullmatch(KEY_FORM, header) is None:
        raise Invalid(f"the header {IDEMPOTENCY_KEY} is not 1 to 64 printable ASCII characters without spaces")
    return header


def bearer(header: str | None) -> str:
    """The token in an `Authorization` header. Raises `Unauthenticated`."""
    if header is None:
        raise Unauthenticated("this call needs a token: send the header `Authorization: Bearer <token>`")
    if header[:7].casefold() != "bearer " or not header.isascii() or len(header) > 512:
        raise Unauthenticated("the Authorization header does not read `Bearer <token>`")
    return header[7:].strip()


def arrived(content: StreamReader) -> bytes:
    """A body that has arrived whole, and so short that reading was never paused for it.

    `read_nowait()` would set the connection's parser going once more, which takes longer than all that is done here.
    """
    if not 0 < content.total_bytes <= JSON_LIMIT:
        return content.read_nowait()
    parts = content._buffer
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def slow_body(content: StreamReader, limit: int = JSON_LIMIT) -> bytes:
    """A JSON body that had not arrived whole with its headers. Raises `TooLarge`, `TooSlow`."""
    body = bytearray()
    try:
        async with asyncio.timeout(JSON_SECONDS):
            while chunk := await content.readany():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(f"the body is longer than {limit} bytes")
    except TimeoutError:
        raise TooSlow(f"the body did not arrive within {JSON_SECONDS:.0f} s") from None
    return bytes(body)


def json_object(raw: bytes, limit: int = JSON_LIMIT) -> dict[str, object]:
    """A JSON object; NaN, half surrogates, bad UTF-8 and bottomless nesting are no JSON.

    Raises `Unreadable`, `Invalid` where it is JSON but no object, `TooLarge`.
    """
    if len(raw) > limit:
        raise TooLarge(f"the body is longer than {limit} bytes")
    if not raw:
        raise Unreadable("the body is empty; a JSON object is expected")
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(f"the body is not JSON: {error}") from None
    if type(value) is not dict:
        raise Invalid("the body is not a JSON object", (FieldError(path="", message="Input should be an object"),))
    return value


def whole_numbers(body: dict[str, object]) -> dict[str, object]:
    """The same with `1.0` as `1`: to JSON both are one number, to a strict model they are not."""
    return {name: _whole(value) for name, value in body.items()}


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 63:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value


async def upload(request: web.Request) -> dict[str, object]:
    """The parts of a bank upload: `content` and `name` from `file`, and `subject` and `format` if given.

    Raises `WrongMediaType`, `Unreadable`, `TooLarge`, `TooSlow`, `Invalid`.
    """
    if request.content_type != "multipart/form-data":
        raise WrongMediaType("send the bank as multipart/form-data, in a part named `file`")
    if (request.content_length or 0) > UPLOAD_LIMIT + UPLOAD_MARGIN:
        raise TooLarge(f"a bank file has at most {UPLOAD_LIMIT} bytes")
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            return await _parts(request)
    except TimeoutError:
        raise TooSlow(f"the upload stood still for {STALL_SECONDS:.0f} s, or took too long") from None
    except HttpProcessingError as error:
        raise Unreadable(f"the multipart body cannot be read: {error.message}") from None
    except (ValueError, AssertionError, LookupError) as error:
        # What aiohttp's multipart reader raises on broken headers, boundaries and encodings.
        raise Unreadable(f"the multipart body cannot be read: {error}") from None


async def _parts(request: web.Request) -> dict[str, object]:
    reader = await request.multipart()
    values: dict[str, object] = {}
    while (part := await asyncio.wait_for(reader.next(), STALL_SECONDS)) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise Unreadable("each part of the upload needs a name, and none may be multipart itself")
        if part.name not in ("file", "subject", "format"):
            raise _invalid(part.name, "No such part; there are: file, format, subject")
        key = "content" if part.name == "file" else part.name
        if key in values:
            raise Unreadable(f"the part {part.name!r} stands twice")
        if key == "content":
            values["name"] = (part.filename or "file")[:FIELD_LIMIT]
            values[key] = await _content(part, UPLOAD_LIMIT)
        else:
            values[key] = (await _content(part, FIELD_LIMIT)).decode()
    if "content" not in values:
        raise _invalid("file", "Field required")
    return values


def _invalid(part: str, message: str) -> Invalid:
    return Invalid("the upload does not validate", (FieldError(path=part, message=message),))


async def _content(part: BodyPartReader, limit: int) -> bytes:
    body = bytearray()
    while chunk := await asyncio.wait_for(part.read_chunk(64 * 1024), STALL_SECONDS):
        body += chunk
        if len(body) > limit and limit == UPLOAD_LIMIT:
            raise TooLarge(f"a bank file has at most {limit} bytes")
        if len(body) > limit:
            raise _invalid(part.name or "", f"At most {limit} bytes")
    return bytes(body)
