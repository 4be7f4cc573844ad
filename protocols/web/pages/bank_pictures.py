"""Pictures on the pages of departments: those of questions, and those that the bot draws of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from protocols import messages as m
from protocols.web.previews import bot_screen
from protocols.web.visit import Visit

# A picture of the bank may be SVG from anywhere: it may draw, and nothing else.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def picture_response(file: m.File) -> web.Response:
    return web.Response(
        body=file.content,
        content_type=file.media_type,
        headers={"Content-Security-Policy": POLICY, "Cache-Control": "private, max-age=600"},
    )


async def drawn_picture(visit: Visit, preview: m.Preview, number: str) -> web.Response:
    """The picture of this number that the bot would draw of a question. Raises NotFound."""
    pictures = bot_screen(visit.t, preview, {}, datetime.now(UTC)).pictures
    wanted = pictures[int(number)] if number.isdecimal() and len(number) < 4 and int(number) < len(pictures) else None
    if not isinstance(wanted, m.DrawText):
        raise m.NotFound("There is no such picture.")
    return picture_response(await visit.expect(m.File, wanted))
