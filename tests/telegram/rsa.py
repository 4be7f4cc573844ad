"""The key pair of the data centre. It guards nothing: tests alone trust it, so it stands here in the open."""

from __future__ import annotations

import base64
from hashlib import sha1
from pathlib import Path

PRIMES = (
    int(
        "d6db1f3a4f0c9da0b4fb45af881aea5cd24abf6294abeeba472c173a9c1d836f"
        "47acd7b8be87575ebac3ed19c5f6bf4acfb9fc98b2df5a08ea89721b149ec298"
        "cdf476312fd29c41879c508d8a1f504c53b81d9252ff55054c3a227c62e3bf95"
        "45bb06ac138458412fedf29e3b75ef1d62f71132aacfc0701ea462708913ed33",
        16,
    ),
    int(
        "d58c485155df3a2276ec4055e32bef066134d03bce8aa692ce6a8d7ffe0e67da"
        "8f5464a03c0bdcb996c545c3d814074006f4785c004257f597172db312274c1a"
        "9ce8e45b08f9b736adf55b4caa6cf9b069635d09935739bbfaf28d0e2cb1ba81"
        "b0d0ae035f8a94c2930e1e91970b8125f1bc685987e50833c3b780275cf267a7",
        16,
    ),
)
MODULUS = PRIMES[0] * PRIMES[1]
EXPONENT = 65537
_SECRET = pow(EXPONENT, -1, (PRIMES[0] - 1) * (PRIMES[1] - 1))


def decrypt(data: bytes) -> bytes:
    """256 bytes, of what was encrypted for this key without padding."""
    return pow(int.from_bytes(data, "big"), _SECRET, MODULUS).to_bytes(256, "big")


def fingerprint() -> int:
    """The key's name on the wire: the lower 64 bits of the SHA-1 of its bare serialization, signed."""
    bare = b"".join(_tl_bytes(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (MODULUS, EXPONENT))
    return int.from_bytes(sha1(bare).digest()[-8:], "little", signed=True)


def write_public_key(file: Path) -> None:
    """PKCS#1 in PEM: `-----BEGIN RSA PUBLIC KEY-----`."""
    der = _der(0x30, _der_integer(MODULUS) + _der_integer(EXPONENT))
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    file.write_text("\n".join(["-----BEGIN RSA PUBLIC KEY-----", *lines, "-----END RSA PUBLIC KEY-----", ""]))


def _tl_bytes(data: bytes) -> bytes:
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    width = (size.bit_length() + 7) // 8
    length = bytes([size]) if size < 0x80 else bytes([0x80 | width]) + size.to_bytes(width, "big")
    return bytes([tag]) + length + content


def _der_integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
