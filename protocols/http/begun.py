"""Answers whose head is made when the service starts: nearly all are alike but for their length and the date."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from multidict import CIMultiDict


class Begun:
    """The beginning that answers of one route share."""

    def __init__(self, status: int, headers: CIMultiDict[str]) -> None:
        self.status = status
        self.headers = headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}Content-Length: ".encode()

    def response(self, body: bytes) -> web.StreamResponse:
        return BegunResponse(self, body)

    def whole(self, body: bytes) -> bytes:
        return b"%b%d\r\nDate: %b\r\n\r\n%b" % (self._head, len(body), rfc822_formatted_time().encode(), body)


class BegunResponse(web.Response):
    """Written in one piece to a client that speaks HTTP/1.1 and keeps the connection; to others as aiohttp does."""

    def __init__(self, begun: Begun, body: bytes) -> None:
        self._begun = begun
        self._status = begun.status
        self._content = body
        self._keep_alive: bool | None = None
        self._ordinary: web.Response | None = None

    def write_at_once(self, request: web.BaseRequest) -> bool:
        """Write the whole of it, without suspending; False: nothing was written, it must go the ordinary way."""
        transport = request.transport
        if request.version != HttpVersion11 or not request.keep_alive or transport is None or transport.is_closing():
            return False
        self._keep_alive = True
        transport.write(self._begun.whole(self._content))
        return True

    def ordinary(self) -> web.Response:
        """The same as aiohttp writes it."""
        return web.Response(body=self._content, status=self._status, headers=self._begun.headers)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        if request.version == HttpVersion11 and request.keep_alive:
            self._keep_alive = True
            self._writer = writer = request.writer
            data = self._begun.whole(self._content)
            if writer.transport is None or writer.transport.is_closing():
                raise ConnectionResetError("the client has left")
            writer.transport.write(data)
            writer.output_size += len(data)
            return writer
        self._ordinary = self.ordinary()
        return await self._ordinary.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        if self._ordinary is not None:
            await self._ordinary.write_eof(data)
            self._keep_alive = self._ordinary.keep_alive
        else:
            await self._writer.drain()
