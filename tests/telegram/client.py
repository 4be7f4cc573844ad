"""Pyrogram's own client, told of another data centre. Nothing of it is replaced, only the address it connects to."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path
from types import FunctionType
from typing import Any

import pyrogram
from pyrogram.connection import Connection
from pyrogram.crypto import rsa
from pyrogram.session import Auth, Session

from tests.telegram.center import DataCenter

Pyrogram = Any
"""A `pyrogram.Client`, for tests: its types call every field optional, while what a test asserts is what it checks."""


def client_of(center: DataCenter, name: str = "bot", token: str | None = None, **options: Any) -> pyrogram.Client:
    """A client that keeps its session in memory and signs in as the bot of `center`; `options` are Pyrogram's."""
    trust(center.public_key_file)
    session, auth = here(center)

    class HereClient(pyrogram.Client):
        """Pyrogram's methods, for which the names `Session` and `Auth` mean those of this centre."""

        connect = _with_names(pyrogram.Client.connect, session, auth)
        load_session = _with_names(pyrogram.Client.load_session, session, auth)
        save_file = _with_names(pyrogram.Client.save_file, session, auth)
        get_file = _with_names(pyrogram.Client.get_file, session, auth)

    return HereClient(
        name,
        api_id=center.api_id,
        api_hash=center.api_hash,
        bot_token=token or center.bot_token,
        in_memory=True,
        **options,
    )


def here(center: DataCenter) -> tuple[type[Session], type[Auth]]:
    """Pyrogram's session and key exchange, connecting to `center`."""
    address = (center.host, center.port)

    class HereSession(Session):
        connection = _directed(address)

    class HereAuth(Auth):
        connection = _directed(address)

    return HereSession, HereAuth


def trust(public_key_file: Path) -> None:
    """Tell Pyrogram of the key in a PKCS#1 file."""
    der = base64.b64decode("".join(public_key_file.read_text().splitlines()[1:-1]))
    modulus, rest = _integer(der[4:])
    exponent, _ = _integer(rest)
    bare = b"".join(_serialized(number) for number in (modulus, exponent))
    fingerprint = int.from_bytes(sha1(bare).digest()[-8:], "little", signed=True)
    rsa.server_public_keys[fingerprint] = rsa.PublicKey(modulus, exponent)


def _directed(address: tuple[str, int]) -> property:
    """An attribute for a connection, which sends every connection put there to `address`."""

    def get(owner: Any) -> Connection | None:
        connection: Connection | None = owner.__dict__["directed"]
        return connection

    def put(owner: Any, connection: Connection | None) -> None:
        if connection is not None:
            connection.address = address
        owner.__dict__["directed"] = connection

    return property(get, put)


def _with_names(method: Callable[..., Any], session: type[Session], auth: type[Auth]) -> Any:
    method = inspect.unwrap(method)  # of pyrogram.sync, which lets methods be called without a loop
    assert isinstance(method, FunctionType)
    names = {**method.__globals__, "Session": session, "Auth": auth}
    copy = FunctionType(method.__code__, names, method.__name__, method.__defaults__, method.__closure__)
    copy.__kwdefaults__ = method.__kwdefaults__
    return copy


def _integer(der: bytes) -> tuple[int, bytes]:
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    return int.from_bytes(der[start : start + length], "big"), der[start + length :]


def _serialized(number: int) -> bytes:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)
