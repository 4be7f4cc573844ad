"""Pictures that a bank file names: `data:` URIs, paths beside the file, or ids of files that are kept already."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

MOST_BYTES = 2 * 1024 * 1024
FILE_ID = re.compile(r"[0-9a-f]{64}")

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


class PictureError(Exception):
    """A picture that cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class Picture:
    content: bytes
    media_type: str


def picture_name(path: str) -> str:
    """A path as pictures that come with a file are found by it: one spelling for what is the same."""
    return posixpath.normpath(unicodedata.normalize("NFC", path).replace("\\", "/"))


def resolve(reference: str, folder: Path | None, beside: Mapping[str, bytes] | None = None) -> Picture | None:
    """The picture that `reference` names; None if it is the id of a file, for whoever keeps files to find.

    Paths are looked for among `beside`, then relative to `folder`, and stay in it; without one they name nothing.
    Raises `PictureError`.
    """
    if FILE_ID.fullmatch(reference):
        return None
    name = repr(reference if len(reference) <= 60 else reference[:60] + "…")
    came = beside.get(picture_name(reference)) if beside else None
    if came is not None:
        content = came
    elif reference.startswith("data:"):
        content = _from_data(reference, name)
    else:
        content = _from_folder(reference, name, folder)
    if len(content) > MOST_BYTES:
        raise PictureError(f"{name} has {len(content)} bytes; at most {MOST_BYTES} are kept")
    media_type = media_type_of(content)
    if media_type is None:
        raise PictureError(f"{name} is none of PNG, JPEG, GIF, WebP and SVG")
    return Picture(content, media_type)


def media_type_of(content: bytes) -> str | None:
    """What kind of picture this is by its content; None if it is none that is kept."""
    for signature, media_type in _SIGNATURES.items():
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    # Comments are taken as they come (`*+`): to try them together in all ways takes for ever.
    if re.match(rb"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*+<svg[\s>]", content[:4096], re.DOTALL):
        return "image/svg+xml"
    return None


def _from_data(reference: str, name: str) -> bytes:
    head, comma, body = reference.partition(",")
    if not comma:
        raise PictureError(f"{name} is a data: URI without data")
    try:
        raw = unquote_to_bytes(body)
        return base64.b64decode(raw, validate=True) if head.endswith(";base64") else raw
    except binascii.Error as error:
        raise PictureError(f"{name} is not valid base64: {error}") from None


def _from_folder(reference: str, name: str, folder: Path | None) -> bytes:
    if folder is None:
        raise PictureError(
            f"{name} cannot be found: it did not come with the file; upload a ZIP of the file and its pictures, "
            "or give the picture as a data: URI"
        )
    path = (folder / reference).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise PictureError(f"{name} leads out of the folder of the bank file")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PictureError(f"{name} has {path.stat().st_size} bytes; at most {MOST_BYTES} are kept")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"{name} cannot be read: {error.strerror}") from None
