"""Pictures as Telegram takes them for photos: one PNG or JPEG. Vector graphics are drawn, several become one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import resvg_py
from PIL import Image

from protocols.messages import File, Unavailable

WIDTH = 1000  # pixels; phones show a photo at about that
TALLEST = 8000  # width and height are 10,000 together at most
SLIMMEST = 19  # times as high as wide; Telegram takes 20
GAP = 24
FONT = "DejaVu Sans"
DRAWING_SECONDS = 10.0


async def as_photo(files: Sequence[File]) -> bytes:
    """The files one below the other. Raises Unavailable for a picture that cannot be drawn."""
    if len(files) == 1 and files[0].media_type in ("image/png", "image/jpeg"):
        return files[0].content
    try:
        async with asyncio.timeout(DRAWING_SECONDS):
            return await asyncio.to_thread(_stacked, files)
    except (TimeoutError, ValueError, OSError, Image.DecompressionBombError) as error:
        raise Unavailable(f"A picture cannot be drawn: {error}") from error


def _stacked(files: Sequence[File]) -> bytes:
    pictures = [_opened(file) for file in files]
    height = sum(picture.height for picture in pictures) + GAP * (len(pictures) - 1)
    width = max(height // SLIMMEST, *(picture.width for picture in pictures))
    whole = Image.new("RGB", (width, height), "white")
    top = 0
    for picture in pictures:
        whole.paste(picture, ((width - picture.width) // 2, top), picture)
        top += picture.height + GAP
    whole.thumbnail((WIDTH, TALLEST))
    written = io.BytesIO()
    whole.save(written, "PNG")
    return written.getvalue()


def _opened(file: File) -> Image.Image:
    content = file.content
    if file.media_type == "image/svg+xml":
        content = resvg_py.svg_to_bytes(
            svg_string=content.decode(),
            width=WIDTH,
            background="#ffffff",
            skip_system_fonts=True,
            font_files=_fonts(),
            # Whatever a drawing names: a text in a font that is not there would be left out.
            font_family=FONT,
            serif_family=FONT,
            sans_serif_family=FONT,
            cursive_family=FONT,
            fantasy_family=FONT,
            monospace_family=FONT,
        )
    with Image.open(io.BytesIO(content)) as opened:
        picture = opened.convert("RGBA")
    if picture.width > WIDTH:
        picture.thumbnail((WIDTH, picture.height))
    return picture


@cache
def _fonts() -> list[str]:
    """Those that matplotlib brings, for a server may have none."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return [str(folder / f"DejaVuSans{style}.ttf") for style in ("", "-Bold", "-Oblique", "-BoldOblique")]
