"""Pyrogram's client, session and key exchange, fitted to a service.

Pyrogram mends a broken session by itself, forever and out of sight. Here a session lives once: it says that it
is lost, whoever waits for an answer is told at once, and the connection makes a new one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import pyrogram
import structlog
from pyrogram import raw
from pyrogram.connection import Connection as PyrogramConnection
from pyrogram.errors import BadRequest, RPCError
from pyrogram.raw.core import TLObject

log = structlog.get_logger()

Address: TypeAlias = tuple[str, int]

UNKNOWN_KEY = 404  # a transport error: https://core.telegram.org/mtproto/mtproto-transports#transport-errors
CLOSE_SECONDS = 15.0
UNKNOWN_ERRORS = "unknown_errors.txt"  # to which Pyrogram adds errors that it does not know


class StartFailed(Exception):
    """No session could be begun: why. Trying again may help."""


class KeyUnknown(StartFailed):
    """The data centre does not know the authorization key (any more)."""


class Link(PyrogramConnection):
    """A TCP connection to `address`, or to Telegram's own; remembers the transport error that ended it."""

    error: int | None = None

    def __init__(self, made: PyrogramConnection, address: Address | None) -> None:
        super().__init__(made.dc_id, made.test_mode, made.ipv6, made.proxy, made.media)
        if address is not None:
            self.address = address

    async def connect(self) -> None:
        await super().connect()  # type: ignore[no-untyped-call]
        # Pyrogram makes its sockets so that nobody does this for it; without it a reply that follows another
        # message waits for the other side's delayed acknowledgement, 40 ms.
        assert self.protocol.socket is not None  # it is connected
        self.protocol.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def recv(self) -> bytes | None:
        packet: bytes | None = await super().recv()
        if packet is not None and len(packet) == 4:
            self.error = -int.from_bytes(packet, "little", signed=True)
        return packet


class Client(pyrogram.Client):
    """What Pyrogram's sessions refer to. Updates are handed on as they come; nothing is kept of their peers."""

    def __init__(self, api_id: int, api_hash: str, receive: Callable[[TLObject], None]) -> None:
        super().__init__("apo", api_id, api_hash, in_memory=True, workers=1, app_version="APO", device_model="server")
        self._receive = receive

    async def handle_updates(self, updates: TLObject) -> None:
        self._receive(updates)


class Auth(pyrogram.session.Auth):
    """Agrees on a new authorization key."""

    MAX_RETRIES = 1

    def __init__(self, client: Client, data_center: int, address: Address | None) -> None:
        self._address = address
        self._link: Link | None = None
        super().__init__(client, data_center, False)

    # Pyrogram assigns a connection of its own; the property is how the address is ours.
    @property  # type: ignore[override]
    def connection(self) -> Link | None:
        return self._link

    @connection.setter
    def connection(self, made: PyrogramConnection | None) -> None:
        self._link = None if made is None else Link(made, self._address)

    async def invoke(self, data: TLObject) -> Any:
        """As Pyrogram, but raises StartFailed where that would go on with a key that was refused. Any: its own type."""
        answer = await super().invoke(data)
        if isinstance(answer, (raw.types.ServerDHParamsFail, raw.types.DhGenRetry, raw.types.DhGenFail)):
            raise StartFailed(f"the key exchange was refused: {type(answer).__name__}")
        return answer


class Session(pyrogram.session.Session):
    """One session over one connection. `lost` is set when it has ended, for whatever reason."""

    START_TIMEOUT = 10

    def __init__(
        self,
        client: Client,
        data_center: int,
        auth_key: bytes,
        address: Address | None,
        *,
        is_media: bool = False,
    ) -> None:
        self._address = address
        self._link: Link | None = None
        self._refusal: RPCError | None = None
        self.lost = asyncio.Event()
        super().__init__(client, data_center, auth_key, False, is_media)

    # As above; a second connection is what Pyrogram's endless loop of `start` would make.
    @property  # type: ignore[override]
    def connection(self) -> Link | None:
        return self._link

    @connection.setter
    def connection(self, made: PyrogramConnection | None) -> None:
        if made is None:
            return
        if self._link is not None:
            raise StartFailed("there was no answer")
        self._link = Link(made, self._address)

    async def start(self) -> None:
        """Connect and introduce this client.

        Raises:
            KeyUnknown: the data centre does not know the key.
            RPCError: it refused the introduction.
            StartFailed: anything else.
        """
        try:
            await super().start()  # type: ignore[no-untyped-call]
        except StartFailed:
            if self._refusal is not None:
                raise self._refusal from None
            if self._link is not None and self._link.error == UNKNOWN_KEY:
                raise KeyUnknown("the data centre does not know the authorization key") from None
            raise
        except (OSError, ValueError) as error:
            raise StartFailed(str(error) or type(error).__name__) from error

    async def send(self, data: TLObject, wait_response: bool = True, timeout: float = 15.0) -> Any:  # noqa: ASYNC109 - Pyrogram's
        """As Pyrogram's; a lost session fails at once. Any: the answer is of whatever type the call has."""
        if self.lost.is_set():
            raise ConnectionError("the connection is lost")
        try:
            return await super().send(data, wait_response, timeout)
        except RPCError as error:
            self._refusal = error  # `start` swallows it, and would try again
            raise
        except OSError as error:
            if error.filename != UNKNOWN_ERRORS:
                raise
            # Telegram refused with an error that Pyrogram does not know, and cannot write down in this folder.
            raise BadRequest("[400 UNKNOWN]") from error
        finally:
            # `wait_for` of Python 3.11, by which Pyrogram waits, swallows a cancellation that comes with the answer.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError

    async def recv_worker(self) -> None:
        await super().recv_worker()  # type: ignore[no-untyped-call]
        self.lose()  # also while it was starting: then nobody else says so

    async def restart(self) -> None:
        """What Pyrogram does when the connection has ended."""
        self.lose()

    def lose(self) -> None:
        """Fail all that wait for an answer, and let the connection make another session."""
        self.lost.set()
        for result in self.results.values():
            result.event.set()

    async def stop(self) -> None:
        self.lose()
        await super().stop()  # type: ignore[no-untyped-call]
        self.lose()  # what was sent meanwhile

    async def close(self) -> None:
        """Stop, whatever state it is in; never raises, and takes a bounded time."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.stop()
        except Exception as error:
            log.debug("a session was closed badly", error=repr(error))
        for task in (self.ping_task, self.recv_task):
            if task is not None and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
