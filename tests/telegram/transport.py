"""How packets are cut out of the byte stream: abridged, intermediate and full, plain or obfuscated.

The format is told from the first bytes (https://core.telegram.org/mtproto/mtproto-transports).
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from abc import ABC, abstractmethod

import tgcrypto

LARGEST = 4 << 20
START_SECONDS = 30.0
"""How long a connection may take for its first packet format; later silence is the client's own affair."""


class BadFrame(Exception):
    """What arrived is not a packet of the transport that the connection began with."""


class Stream:
    """Bytes of a connection as the client meant them, deciphered when the transport is obfuscated."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._incoming: tuple[bytes, bytearray, bytearray] | None = None
        self._outgoing: tuple[bytes, bytearray, bytearray] | None = None

    async def read(self, length: int) -> bytes:
        data = await self._reader.readexactly(length)
        if self._incoming is not None:
            return bytes(tgcrypto.ctr256_decrypt(data, *self._incoming))
        return data

    def write(self, data: bytes) -> None:
        if self._outgoing is not None:
            data = tgcrypto.ctr256_encrypt(data, *self._outgoing)
        self.writer.write(data)

    def obfuscate(self, opening: bytes) -> bytes:
        """Cipher all that follows by the 64 bytes the client opened with; the tag of the packet format within."""
        backwards = opening[55:7:-1]
        self._incoming = (opening[8:40], bytearray(opening[40:56]), bytearray(1))
        self._outgoing = (backwards[:32], bytearray(backwards[32:]), bytearray(1))
        return bytes(tgcrypto.ctr256_decrypt(opening, *self._incoming))[56:60]


class Transport(ABC):
    """Packets in and out; `receive` raises BadFrame, or asyncio.IncompleteReadError when the client is gone."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @abstractmethod
    async def receive(self) -> bytes: ...

    @abstractmethod
    def send(self, packet: bytes) -> None: ...


class Abridged(Transport):
    async def receive(self) -> bytes:
        length = (await self._stream.read(1))[0] & 0x7F
        if length == 0x7F:
            length = int.from_bytes(await self._stream.read(3), "little")
        return await self._stream.read(_sane(length * 4))

    def send(self, packet: bytes) -> None:
        words = len(packet) // 4
        head = bytes([words]) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")
        self._stream.write(head + packet)


class Intermediate(Transport):
    async def receive(self) -> bytes:
        length: int = struct.unpack("<I", await self._stream.read(4))[0]
        return await self._stream.read(_sane(length & 0x7FFFFFFF))

    def send(self, packet: bytes) -> None:
        self._stream.write(struct.pack("<I", len(packet)) + packet)


class Full(Transport):
    def __init__(self, stream: Stream, opening: bytes) -> None:
        super().__init__(stream)
        self._opening = opening
        self._received = 0
        self._sent = 0

    async def receive(self) -> bytes:
        head = self._opening or await self._stream.read(8)
        self._opening = b""
        length, number = struct.unpack("<II", head)
        if length < 12 or number != self._received:
            raise BadFrame(f"packet of {length} bytes, number {number} where {self._received} was due")
        body = await self._stream.read(_sane(length - 8))
        if zlib.crc32(head + body[:-4]) != int.from_bytes(body[-4:], "little"):
            raise BadFrame("the checksum does not fit")
        self._received += 1
        return body[:-4]

    def send(self, packet: bytes) -> None:
        framed = struct.pack("<II", len(packet) + 12, self._sent) + packet
        self._sent += 1
        self._stream.write(framed + zlib.crc32(framed).to_bytes(4, "little"))


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Transport:
    """The transport a client begins with.

    Raises:
        BadFrame: none that is known.
        asyncio.IncompleteReadError: the client left before it was told.
        TimeoutError: the client did not tell in time.
    """
    async with asyncio.timeout(START_SECONDS):
        stream = Stream(reader, writer)
        opening = await stream.read(1)
        if opening == b"\xef":
            return Abridged(stream)
        opening += await stream.read(3)
        if opening == b"\xee" * 4:
            return Intermediate(stream)
        opening += await stream.read(4)
        if opening[4:] == bytes(4):
            return Full(stream, opening)
        opening += await stream.read(56)
        tag = stream.obfuscate(opening)
    if tag == b"\xef" * 4:
        return Abridged(stream)
    if tag == b"\xee" * 4:
        return Intermediate(stream)
    raise BadFrame("no transport begins like this")


def _sane(length: int) -> int:
    if not 0 < length <= LARGEST:
        raise BadFrame(f"a packet of {length} bytes")
    return length
