"""A bare aiohttp handler: it parses JSON and returns JSON of a given size, and does nothing else.

python -m benchmarks.peers.bare BYTES
"""

from __future__ import annotations

import asyncio
import sys

import orjson
import uvloop
from aiohttp import web


def application(size: int) -> web.Application:
    """Answers every POST with a JSON object of about `size` bytes, made anew each time."""
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        sent = orjson.loads(await request.read())
        body = orjson.dumps({"question": sent["question"], "filler": "x" * (size - 40)})
        return web.Response(body=body, content_type="application/json")

    app.router.add_post("/api/v1/trainings/{training}/answers", answer)
    return app


async def main() -> None:
    runner = web.AppRunner(application(int(sys.argv[1])), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"listening {runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main())
