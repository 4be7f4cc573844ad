"""Every transport of the client, and everything that is none."""

from __future__ import annotations

import asyncio
import os
import random
import struct
from hashlib import sha1

import pytest
from pyrogram import raw
from pyrogram.connection import connection as pyrogram_connection
from pyrogram.connection.transport import (
    TCP,
    TCPAbridged,
    TCPAbridgedO,
    TCPFull,
    TCPIntermediate,
    TCPIntermediateO,
)

from tests.telegram.bare import BareClient, make_key
from tests.telegram.center import DataCenter
from tests.telegram.client import client_of


@pytest.mark.parametrize("transport", [TCPAbridged, TCPAbridgedO, TCPFull, TCPIntermediate, TCPIntermediateO])
async def test_a_client_signs_in_and_converses_over_each_transport(
    center: DataCenter, transport: type[TCP], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyrogram_connection, "TCPAbridged", transport)  # the client's own choice of one
    anna = center.user("Anna", started=True)
    async with client_of(center) as bot:
        for text in ("short", "long " * 800):
            await bot.send_message(anna.id, text)
            assert anna.last.text == text.strip()


NOISE = random.Random(1).randbytes  # the same in every process that collects the tests


@pytest.mark.parametrize(
    "opening",
    [
        NOISE(64),
        NOISE(5),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"X" * 64,
        b"\xef\x7f\xff\xff\xff",
        b"\xef\x00",
        b"\xef\x02" + bytes(8),
        b"\xef\x0a" + NOISE(40),
        b"\xef\x0a" + bytes(16) + b"\x14\x00\x00\x00" + NOISE(20),
        b"\xee\xee\xee\xee" + struct.pack("<I", 1 << 30) + b"x" * 50,
        b"\xee\xee\xee\xee" + struct.pack("<I", 3) + b"abc",
        struct.pack("<II", 20, 0) + b"eight by" + b"sum!",
        struct.pack("<II", 5, 0) + b"x" * 20,
    ],
)
async def test_garbage_is_hung_up_on_and_harms_nobody(center: DataCenter, opening: bytes) -> None:
    reader, writer = await asyncio.open_connection(center.host, center.port)
    writer.write(opening)
    writer.write_eof()
    async with asyncio.timeout(5):
        while await reader.read(1024):
            pass
    writer.close()
    await make_key(center)


async def test_truncated_packets_harm_nobody(bare: BareClient, center: DataCenter) -> None:
    whole = BareClient(center, bare.key, b"another!")
    message = whole.message(raw.functions.Ping(ping_id=1), content=False)
    chance = random.Random(7)
    for _ in range(20):
        async with BareClient(center, bare.key, os.urandom(8)) as other:
            await other.send(message)
            _, writer = await asyncio.open_connection(center.host, center.port)
            writer.write(b"\xef\x1a" + os.urandom(chance.randrange(100)))
            writer.close()
    pong = await bare.answer(bare.message(raw.functions.Ping(ping_id=5), content=False))
    assert isinstance(pong, raw.types.Pong)


async def test_an_unknown_key_gets_404(center: DataCenter) -> None:
    async with BareClient(center, os.urandom(256)) as client:
        await client.send(client.message(raw.functions.Ping(ping_id=1)))
        assert await client.packet() == struct.pack("<i", -404)
        assert await client.packet() is None


async def test_a_packet_that_was_tampered_with_gets_404(center: DataCenter, bare: BareClient) -> None:
    await bare.send_packet(sha1(bare.key).digest()[-8:] + os.urandom(16) + os.urandom(96))
    assert await bare.packet() == struct.pack("<i", -404)


async def test_a_key_that_was_forgotten_gets_404(center: DataCenter, bare: BareClient) -> None:
    center.forget_keys()
    await bare.send(bare.message(raw.functions.Ping(ping_id=1)))
    assert await bare.packet() == struct.pack("<i", -404)
