"""Server-sent events (WHATWG HTML, section 9.2): a reply that is told again whenever it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Final

import structlog
from aiohttp import web

from protocols.http.problems import SERVER
from protocols.messages import Message, Refusal, Unavailable

STREAMS_AT_ONCE: Final = 100
PAUSE_SECONDS: Final = 0.5  # between two looks
HEARTBEAT_SECONDS: Final = 15.0  # so that proxies do not take it for dead, and that we learn who has left
HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # which nginx would do
    "X-Content-Type-Options": "nosniff",
    "Server": SERVER,
}

_log = structlog.get_logger("apo.http")


class Streams:
    """All streams that are open."""

    def __init__(self) -> None:
        self._open = 0
        self._closing = asyncio.Event()

    async def close(self, app: web.Application) -> None:
        """End them, and refuse new ones: the service stops."""
        self._closing.set()

    async def answer(
        self,
        request: web.Request,
        ask: Callable[[], Awaitable[Message]],
        serialize: Callable[[Message], bytes],
        is_last: Callable[[Message], bool],
    ) -> web.StreamResponse:
        """What `ask` replies, at once and at every change, to the one that is the last. Raises what the first
        `ask` raises; later, a refusal ends the stream, unless it is only that there is no reply at the moment.
        """
        if self._open >= STREAMS_AT_ONCE or self._closing.is_set():
            raise Unavailable("too many streams are open; try again soon", retry_after=5)
        self._open += 1
        try:
            reply = await ask()
            response = web.StreamResponse(headers=HEADERS)
            await response.prepare(request)
            await self._tell(response, reply, ask, serialize, is_last)
            await response.write_eof()
            return response
        finally:
            self._open -= 1

    async def _tell(
        self,
        response: web.StreamResponse,
        reply: Message,
        ask: Callable[[], Awaitable[Message]],
        serialize: Callable[[Message], bytes],
        is_last: Callable[[Message], bool],
    ) -> None:
        told, at = b"", monotonic()
        while True:
            fresh = serialize(reply)
            if fresh != told:
                await response.write(b"data: %b\n\n" % fresh)
                told, at = fresh, monotonic()
            elif monotonic() - at >= HEARTBEAT_SECONDS:
                await response.write(b": nothing new\n\n")
                at = monotonic()
            if is_last(reply) or await self._closes():
                return
            try:
                reply = await ask()
            except Unavailable:
                continue
            except Refusal:
                return
            except Exception:
                _log.exception("a stream failed")
                return

    async def _closes(self) -> bool:
        """Whether the service stops, after a pause."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), PAUSE_SECONDS)
        return self._closing.is_set()
