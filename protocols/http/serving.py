"""Puts the application on a port, with bounds on slow and vanishing clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import structlog
from aiohttp import web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.web_protocol import RequestHandler

from protocols.http import problems
from protocols.http.application import DISPATCHER
from protocols.http.begun import BegunResponse

# From the last answer (or the connection's start) until the next request's head is there whole.
IDLE_SECONDS = 75.0
SHUTDOWN_SECONDS = 10.0
# With answers waiting that the client does not read.
WRITE_SECONDS = 60.0
BACKLOG = 1024

_log = structlog.get_logger("apo.http")


class _Connection(RequestHandler):
    """A connection that refuses in problem+json too what is not even HTTP."""

    __slots__ = ("_stuck",)

    _stuck: asyncio.TimerHandle | None

    async def start(self) -> None:
        """Answer one request after the other, in the connection's own task.

        aiohttp makes a task for each request, so that context variables which one sets are not seen by the next;
        ours set none. Whatever is not a whole plain request it is left, with the rest of the connection.
        """
        loop, messages = self._loop, self._messages
        while not self._force_close:
            if not messages:
                self._waiter = loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            message, payload = messages[0]
            if self._upgraded or not isinstance(message, RawRequestMessage) or not payload.is_eof():
                await super().start()
                return
            assert self._manager is not None
            assert self._parser is not None
            assert self._request_factory is not None
            assert self._request_handler is not None
            messages.popleft()
            self._parser.message_consumed()
            if self._buffer_paused and len(messages) <= self._msg_queue_resume_size:
                self._resume_reading_if_drained()
            self._manager.requests_count += 1
            assert self._task_handler is not None
            writer = StreamWriter(self, loop)
            request = self._request_factory(message, payload, self, writer, self._task_handler)
            response, client_left = await self._handle_request(request, None, self._request_handler)
            if client_left or not response.keep_alive or self._close:
                break
            self._next_keepalive_close_time = now = loop.time() + self._keepalive_timeout
            if self._keepalive_handle is None:
                self._keepalive_handle = loop.call_at(now, self._process_keepalive)
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """An answer that was begun already is written here and now, unless the client reads too slowly."""
        if resp.__class__ is BegunResponse and not self._paused and not self._upgraded:
            assert isinstance(resp, BegunResponse)
            if resp.write_at_once(request):
                return resp, False
        return await super().finish_response(request, resp, start_time)

    def pause_writing(self) -> None:
        """The client reads too slowly; one that does not read at all is not waited for."""
        super().pause_writing()
        if self.transport is not None:
            self._stuck = self._loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forgive()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forgive()
        super().connection_lost(exc)

    def _forgive(self) -> None:
        stuck = getattr(self, "_stuck", None)
        if stuck is not None:
            stuck.cancel()
            self._stuck = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was begun and cannot be taken back")
        if status == 400:
            answer = problems.problem(400, "what was sent is not well-formed HTTP")
        else:
            _log.error("connection failed", status=status, exc_info=exc)
            answer = problems.problem(500, "something failed here that should not")
        answer.force_close()
        return answer


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        # The factory makes `web.Request`s, which is all that the dispatcher takes.
        handle = cast(Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], self.app[DISPATCHER].handle)
        # aiohttp has no setting for the class of its connections.
        return _Server(
            handle,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Serves until the runner's `cleanup()`, which closes the port, lets open requests end for
    SHUTDOWN_SECONDS and then closes their connections. Raises OSError where the port cannot be had.

    A client that leaves does not cancel its request: the command has been sent on, and cutting its way back
    would save nothing. Bodies are taken as they come, not inflated: a kilobyte could become a gigabyte.
    """
    runner = _Runner(
        app,
        access_log=None,
        keepalive_timeout=IDLE_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
        handler_cancellation=False,
        auto_decompress=False,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner
