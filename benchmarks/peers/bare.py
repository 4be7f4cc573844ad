"""A bare aiohttp handler: it parses JSON and returns JSON, as aiohttp's documentation shows, and does nothing else.

    python -m benchmarks.peers.bare FILE

FILE holds what it returns: an answer of the service, so that both are of the same size.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from pathlib import Path

import uvloop
from aiohttp import web
from pydantic import JsonValue

dumps = partial(json.dumps, ensure_ascii=False)


def application(reply: JsonValue) -> web.Application:
    """Parses every answer and returns `reply`, made anew each time."""
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        await request.json()
        return web.json_response(reply, dumps=dumps)

    app.router.add_post("/api/v1/trainings/{training}/answers", answer)
    return app


async def main(reply: JsonValue) -> None:
    runner = web.AppRunner(application(reply), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"listening {runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main(json.loads(Path(sys.argv[1]).read_text())))
