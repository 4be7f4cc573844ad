"""The making of an authorization key (https://core.telegram.org/mtproto/auth_key), the server's side."""

from __future__ import annotations

import random
import secrets
import time
from hashlib import sha1, sha256
from io import BytesIO

import tgcrypto
from pyrogram import raw
from pyrogram.crypto.prime import CURRENT_DH_PRIME
from pyrogram.raw.core import TLObject

from tests.telegram import rsa

GENERATOR = 3
EXPONENT_BITS = 320  # enough for a discrete logarithm of 2048 bits, and six times as quick as 2048
# Small, for the client factorizes their product in plain Python at each new key.
PRIMES = [n for n in range((1 << 20) + 1, (1 << 20) + 4000, 2) if all(n % divisor for divisor in range(3, 1032, 2))]


class ExchangeFailed(Exception):
    """The client said what no honest client says; Telegram hangs up then."""


class KeyExchange:
    """The exchange of one connection: `answer` each request in turn; `key` is there after the last."""

    def __init__(self) -> None:
        self.key: bytes | None = None
        self.salt = 0
        self._nonce = 0
        self._server_nonce = 0
        self._factors = (0, 0)
        self._new_nonce = b""
        self._exponent = 0

    def answer(self, request: object) -> TLObject:
        """
        Raises:
            ExchangeFailed: out of turn, or with what does not fit.
        """
        match request:
            case raw.functions.ReqPq() | raw.functions.ReqPqMulti():
                return self._begin(request.nonce)
            case raw.functions.ReqDHParams():
                self._same(request.nonce, request.server_nonce)
                return self._parameters(request)
            case raw.functions.SetClientDHParams():
                self._same(request.nonce, request.server_nonce)
                return self._finish(request)
        raise ExchangeFailed(f"{type(request).__name__} outside of a session")

    def _begin(self, nonce: int) -> TLObject:
        self._nonce = nonce
        self._server_nonce = int.from_bytes(secrets.token_bytes(16), "little", signed=True)
        p, q = sorted(random.sample(PRIMES, 2))
        self._factors = (p, q)
        return raw.types.ResPQ(
            nonce=nonce,
            server_nonce=self._server_nonce,
            pq=(self._factors[0] * self._factors[1]).to_bytes(8, "big"),
            server_public_key_fingerprints=[rsa.fingerprint()],
        )

    def _parameters(self, request: raw.functions.ReqDHParams) -> TLObject:
        if (int.from_bytes(request.p, "big"), int.from_bytes(request.q, "big")) != self._factors:
            raise ExchangeFailed("these are not the factors")
        if request.public_key_fingerprint != rsa.fingerprint():
            raise ExchangeFailed("another key")
        inner = _read(_unpad(request.encrypted_data))
        if not isinstance(inner, raw.types.PQInnerData | raw.types.PQInnerDataDc):
            raise ExchangeFailed("no p_q_inner_data")
        self._same(inner.nonce, inner.server_nonce)
        self._new_nonce = inner.new_nonce.to_bytes(32, "little", signed=True)
        self._exponent = secrets.randbits(EXPONENT_BITS)
        public = pow(GENERATOR, self._exponent, CURRENT_DH_PRIME)
        data = raw.types.ServerDHInnerData(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            g=GENERATOR,
            dh_prime=CURRENT_DH_PRIME.to_bytes(256, "big"),
            g_a=public.to_bytes(256, "big"),
            server_time=int(time.time()),
        ).write()
        answer = sha1(data).digest() + data
        answer += secrets.token_bytes(-len(answer) % 16)
        return raw.types.ServerDHParamsOk(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            encrypted_answer=tgcrypto.ige256_encrypt(answer, *self._temporary_key()),
        )

    def _finish(self, request: raw.functions.SetClientDHParams) -> TLObject:
        data: bytes = request.encrypted_data
        if not self._exponent or not data or len(data) % 16:
            raise ExchangeFailed("out of turn")
        plain = tgcrypto.ige256_decrypt(data, *self._temporary_key())
        inner = _read(plain[20:])
        if not isinstance(inner, raw.types.ClientDHInnerData) or sha1(inner.write()).digest() != plain[:20]:
            raise ExchangeFailed("no client_DH_inner_data, or its hash does not fit")
        self._same(inner.nonce, inner.server_nonce)
        public = int.from_bytes(inner.g_b, "big")
        if not 1 << (2048 - 64) < public < CURRENT_DH_PRIME - (1 << (2048 - 64)):
            raise ExchangeFailed("g_b is out of range")
        key = pow(public, self._exponent, CURRENT_DH_PRIME).to_bytes(256, "big")
        server_nonce = self._server_nonce.to_bytes(16, "little", signed=True)
        salt = bytes(a ^ b for a, b in zip(self._new_nonce[:8], server_nonce[:8], strict=True))
        self.key = key
        self.salt = int.from_bytes(salt, "little", signed=True)
        proof = sha1(self._new_nonce + b"\x01" + sha1(key).digest()[:8]).digest()[-16:]
        return raw.types.DhGenOk(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            new_nonce_hash1=int.from_bytes(proof, "little", signed=True),
        )

    def _same(self, nonce: int, server_nonce: int) -> None:
        if not self._server_nonce or (nonce, server_nonce) != (self._nonce, self._server_nonce):
            raise ExchangeFailed("nonces of another exchange")

    def _temporary_key(self) -> tuple[bytes, bytes]:
        server_nonce = self._server_nonce.to_bytes(16, "little", signed=True)
        new_server = sha1(self._new_nonce + server_nonce).digest()
        server_new = sha1(server_nonce + self._new_nonce).digest()
        new_new = sha1(self._new_nonce + self._new_nonce).digest()
        return new_server + server_new[:12], server_new[12:] + new_new + self._new_nonce[:4]


def _unpad(encrypted: bytes) -> bytes:
    """What a client encrypted, by RSA_PAD as of 2021 or by the older form with a SHA-1 in front."""
    if len(encrypted) != 256:
        raise ExchangeFailed("RSA of 256 bytes is due")
    plain = rsa.decrypt(encrypted)
    masked, body = plain[:32], plain[32:]
    key = bytes(a ^ b for a, b in zip(masked, sha256(body).digest(), strict=True))
    padded = tgcrypto.ige256_decrypt(body, key, bytes(32))
    data: bytes = padded[191::-1]
    if sha256(key + data).digest() == padded[192:]:
        return data
    data = plain[21:]
    inner = _read(data)
    if plain[0] or sha1(inner.write()).digest() != plain[1:21]:
        raise ExchangeFailed("the hash of the encrypted part does not fit")
    return data


def _read(data: bytes) -> TLObject:
    try:
        read: TLObject = TLObject.read(BytesIO(data))
    except Exception as error:  # the generated readers raise whatever the garbage leads them to
        raise ExchangeFailed("not a constructor") from error
    return read
