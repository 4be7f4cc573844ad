"""The keys of the connection: the data centre's public RSA key, and the authorization key agreed with it."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path

from pyrogram.crypto import rsa
from pyrogram.raw.core import Bytes

_PEM = re.compile(r"-----BEGIN (RSA )?PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END (RSA )?PUBLIC KEY-----")
_SEQUENCE, _INTEGER, _BIT_STRING = 0x30, 0x02, 0x03


class UnusableKey(Exception):
    """A file of a public key cannot be read, or holds none: which file, and why."""


def trust(file: Path) -> None:
    """Let Pyrogram talk to the data centre that has this RSA key (PEM, PKCS#1 or SubjectPublicKeyInfo).

    Raises:
        UnusableKey: names the file and the setting.
    """
    try:
        modulus, exponent = _parse(file.read_text(encoding="ascii"))
    except OSError as error:
        raise UnusableKey(f"[telegram.data_center] public_key_file {file}: {error.strerror}") from None
    except ValueError:
        raise UnusableKey(f"[telegram.data_center] public_key_file {file}: is not an RSA public key in PEM") from None
    rsa.server_public_keys[_fingerprint(modulus, exponent)] = rsa.PublicKey(modulus, exponent)


def _parse(text: str) -> tuple[int, int]:
    found = _PEM.search(text)
    if found is None:
        raise ValueError("no PEM")
    try:
        outer, _ = _der(base64.b64decode("".join(found[2].split()), validate=True), _SEQUENCE)
        if found[1] is None:  # SubjectPublicKeyInfo: the algorithm, then the same as in PKCS#1 in a bit string
            _, rest = _der(outer, _SEQUENCE)
            bits, _ = _der(rest, _BIT_STRING)
            outer, _ = _der(bits[1:], _SEQUENCE)
        modulus, rest = _der(outer, _INTEGER)
        exponent, _ = _der(rest, _INTEGER)
    except (binascii.Error, IndexError) as error:
        raise ValueError("no DER") from error
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


def _der(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of a DER value with this tag, and what follows it (X.690, 8.1)."""
    if data[0] != tag:
        raise ValueError("another type")
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise ValueError("cut short")
    return data[start : start + size], data[start + size :]


def _fingerprint(modulus: int, exponent: int) -> int:
    """How a server names its key: the lower 64 bits of the SHA-1 of `rsa_public_key n:string e:string`, signed."""
    bare = b"".join(bytes(Bytes(_big_endian(number))) for number in (modulus, exponent))
    return int.from_bytes(sha1(bare).digest()[-8:], "little", signed=True)  # noqa: S324 - the protocol's choice


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@dataclass(frozen=True)
class Authorization:
    """A key that a data centre knows this bot by."""

    data_center: int
    auth_key: bytes


class Kept:
    """The authorization of one bot in a file that only this user may read, so that a restart needs no new one."""

    def __init__(self, folder: Path, token: str) -> None:
        self._file = folder / "authorization.json"
        self._token = sha256(token.encode()).hexdigest()  # another token is another bot

    def load(self) -> Authorization | None:
        try:
            kept = json.loads(self._file.read_text())
            if kept["token"] != self._token:
                return None
            return Authorization(int(kept["data_center"]), bytes.fromhex(kept["auth_key"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # none, or none that can be used: a new one is made

    def save(self, authorization: Authorization) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._file.with_suffix(".new")
        new.unlink(missing_ok=True)
        content = {
            "token": self._token,
            "data_center": authorization.data_center,
            "auth_key": authorization.auth_key.hex(),
        }
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            json.dump(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self._file)

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)
