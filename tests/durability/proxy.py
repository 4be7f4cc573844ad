"""What stands before a server: before PostgreSQL, and loses a connection at the worst moment, work done and word not
given; before ClickHouse, and holds back what it says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit

# ReadyForQuery, idle: the statement and its transaction are done.
IDLE = b"Z\x00\x00\x00\x05I"


class LosingProxy:
    """Between a client and PostgreSQL; `lose_next_answer` ends the connection instead of passing one on.

    `cut_off_after` so many answers the client loses its connection, and the server is not told.
    """

    def __init__(self, postgres_url: str, folder: Path) -> None:
        parts = urlsplit(postgres_url)
        self._server_socket = str(Path(parse_qs(parts.query)["host"][0]) / ".s.PGSQL.5432")
        self._own_socket = str(folder / ".s.PGSQL.5432")
        self.url = parts._replace(query=f"host={quote(str(folder))}").geturl()
        self.lose_next_answer = False
        self.cut_off_after: int | None = None
        self.lost = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut_off: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._connected, self._own_socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self._server_socket)
        pair = (to_client, to_server)
        for work in (self._carry(client, to_server, pair), self._answer(server, to_client, pair)):
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
        finally:
            if target not in self._cut_off:
                for writer in pair:
                    writer.close()

    async def _answer(
        self,
        server: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        try:
            while data := await server.read(65536):
                if self.lose_next_answer and data.endswith(IDLE):
                    self.lose_next_answer = False
                    self.lost += 1
                    return
                if self.cut_off_after is not None and data.endswith(IDLE):
                    self.cut_off_after -= 1
                    if self.cut_off_after < 0:
                        self.cut_off_after = None
                        self.lost += 1
                        self._cut_off.update(pair)
                        client.close()
                        await asyncio.Event().wait()
                client.write(data)
        finally:
            for writer in pair:
                writer.close()


class SlowProxy:
    """Passes on at once what a client says to a ClickHouse server, and what that answers after `pause()` seconds."""

    def __init__(self, url: str, pause: Callable[[], float]) -> None:
        self._server_url = urlsplit(url)
        self.pause = pause
        self.url = ""
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._listener.sockets[0].getsockname()[1]
        self.url = f"clickhouse://default@127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection(self._server_url.hostname, self._server_url.port)
        except ConnectionError:
            to_client.close()
            return
        for work in (self._carry(client, to_server, lambda: 0.0), self._carry(server, to_client, lambda: self.pause())):
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, pause: Callable[[], float]
    ) -> None:
        try:
            while data := await source.read(2**16):
                await asyncio.sleep(pause())
                target.write(data)
                await target.drain()
        except ConnectionError:
            pass  # one side has gone, and the other is told so
        finally:
            target.close()
