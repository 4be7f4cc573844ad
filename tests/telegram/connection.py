"""One connection of a client: packets in, packets out, whatever comes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from io import BytesIO

from pyrogram.raw.core import TLObject

from tests.telegram.exchange import ExchangeFailed, KeyExchange
from tests.telegram.session import Clock, NoSuchKey
from tests.telegram.transport import BadFrame, Transport, accept

NO_SUCH_KEY = -404
UNSENT = 16 << 20
"""A client that reads so little that this much waits for it is dropped."""


class Connection:
    """`made` is told a new key and its salt; `receive` takes an encrypted packet, or raises NoSuchKey."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        clock: Clock,
        made: Callable[[bytes, int], None],
        receive: Callable[[Connection, bytes], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._made = made
        self._receive = receive
        self._transport: Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Until one of the two hangs up."""
        exchange = KeyExchange()
        try:
            self._transport = await accept(self._reader, self._writer)
            while not self._writer.is_closing():
                packet = await self._transport.receive()
                if packet[:8] == bytes(8):
                    self._exchange(exchange, packet)
                else:
                    self._receive(self, packet)
        except NoSuchKey:
            self.send(struct.pack("<i", NO_SUCH_KEY))
        except (BadFrame, ExchangeFailed, asyncio.IncompleteReadError, TimeoutError, OSError):
            pass  # Telegram hangs up as well, without a word
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._writer.close()

    def send(self, packet: bytes) -> None:
        if self._transport is None or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > UNSENT:
            self.abort()
            return
        self._transport.send(packet)

    def close_unless_pinged(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(1.0, seconds), self.abort)

    def abort(self) -> None:
        """Gone at once, as when a cable is cut."""
        self._writer.transport.abort()

    def _exchange(self, exchange: KeyExchange, packet: bytes) -> None:
        if len(packet) < 24:
            raise BadFrame("too short for a message")
        length = int.from_bytes(packet[16:20], "little")
        try:
            request = TLObject.read(BytesIO(packet[20 : 20 + length]))
        except Exception as error:  # the generated readers raise whatever the garbage leads them to
            raise ExchangeFailed("not a constructor") from error
        body = exchange.answer(request).write()
        if exchange.key is not None:
            self._made(exchange.key, exchange.salt)
        self.send(bytes(8) + struct.pack("<qi", self._clock.next(answer=True), len(body)) + body)
