"""Pictures of questions as Telegram takes them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from protocols.messages import File, Unavailable
from protocols.telegram.pictures import WIDTH, as_photo


def drawing(inside: str = "", width: int = 100, height: int = 50) -> File:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{inside}</svg>'
    return File(content=svg.encode(), media_type="image/svg+xml")


def opened(photo: bytes) -> Image.Image:
    with Image.open(io.BytesIO(photo)) as image:
        assert image.format == "PNG"
        return image.convert("L")


def png(width: int, height: int, colour: str = "black") -> File:
    written = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(written, "PNG")
    return File(content=written.getvalue(), media_type="image/png")


@pytest.mark.parametrize("family", ["sans-serif", "serif", "monospace", "DejaVu Sans, Arial, sans-serif", "Arial"])
async def test_the_words_of_a_drawing_are_drawn_in_whatever_font(family: str) -> None:
    words = f'<text x="10" y="30" font-size="20" font-family="{family}">ЖS</text>'
    assert min(opened(await as_photo([drawing(words)])).tobytes()) < 100


async def test_words_that_name_no_font_are_drawn() -> None:
    words = '<text x="10" y="30" font-size="20">ЖS</text>'
    assert min(opened(await as_photo([drawing(words)])).tobytes()) < 100


async def test_a_png_goes_as_it_is() -> None:
    file = png(30, 20)
    assert await as_photo([file]) == file.content


async def test_several_become_one_below_the_other() -> None:
    photo = opened(await as_photo([png(100, 50), drawing(), png(2 * WIDTH, 80)]))
    assert photo.width == WIDTH
    assert photo.height > 50 + WIDTH // 2 + 40
    assert photo.getpixel((WIDTH // 2, 10)) == 0
    assert photo.getpixel((10, 10)) == 255, "a narrow one stands in the middle"
    assert photo.getpixel((10, photo.height - 10)) == 0


async def test_a_photo_is_not_taller_than_telegram_takes() -> None:
    photo = opened(await as_photo([drawing(height=700, width=100)] * 3))
    assert photo.width + photo.height <= 10_000
    assert photo.height <= 20 * photo.width


@pytest.mark.parametrize(
    "file",
    [
        File(content=b"<svg", media_type="image/svg+xml"),
        File(content=b"\xff", media_type="image/svg+xml"),
        File(content=b"no picture", media_type="image/webp"),
    ],
)
async def test_what_is_no_picture_is_told_as_such(file: File) -> None:
    with pytest.raises(Unavailable):
        await as_photo([file])
