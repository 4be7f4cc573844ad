"""The key exchange where it goes another way than Pyrogram goes."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha1, sha256
from pathlib import Path

import pytest
import tgcrypto
from pyrogram import raw
from pyrogram.crypto import rsa as pyrogram_rsa
from pyrogram.raw.core import TLObject

from tests.telegram import rsa
from tests.telegram.client import trust
from tests.telegram.exchange import ExchangeFailed, KeyExchange

NONCE = 12345


def begun() -> tuple[KeyExchange, raw.types.ResPQ]:
    exchange = KeyExchange()
    answer = exchange.answer(raw.functions.ReqPqMulti(nonce=NONCE))
    assert isinstance(answer, raw.types.ResPQ)
    return exchange, answer


def factors(pq: bytes) -> tuple[int, int]:
    product = int.from_bytes(pq, "big")
    p = next(divisor for divisor in range((1 << 20) + 1, 1 << 21, 2) if product % divisor == 0)
    return p, product // p


def inner(answer: raw.types.ResPQ) -> bytes:
    p, q = factors(answer.pq)
    return raw.types.PQInnerData(
        pq=answer.pq,
        p=p.to_bytes(4, "big"),
        q=q.to_bytes(4, "big"),
        nonce=NONCE,
        server_nonce=answer.server_nonce,
        new_nonce=99,
    ).write()


def request(answer: raw.types.ResPQ, encrypted: bytes, **changed: int | bytes) -> TLObject:
    p, q = factors(answer.pq)
    fields: dict[str, int | bytes] = {
        "nonce": NONCE,
        "server_nonce": answer.server_nonce,
        "p": p.to_bytes(4, "big"),
        "q": q.to_bytes(4, "big"),
        "public_key_fingerprint": rsa.fingerprint(),
        "encrypted_data": encrypted,
    }
    built: TLObject = raw.functions.ReqDHParams(**{**fields, **changed})  # type: ignore[arg-type]  # one dict for all
    return built


def encrypt(data: bytes) -> bytes:
    return pow(int.from_bytes(data, "big"), rsa.EXPONENT, rsa.MODULUS).to_bytes(256, "big")


def padded_as_of_2021(data: bytes) -> bytes:
    while True:
        padded = data + os.urandom(192 - len(data))
        key = os.urandom(32)
        body: bytes = tgcrypto.ige256_encrypt(padded[::-1] + sha256(key + padded).digest(), key, bytes(32))
        masked = bytes(a ^ b for a, b in zip(key, sha256(body).digest(), strict=True))
        if int.from_bytes(masked + body, "big") < rsa.MODULUS:
            return masked + body


def padded_as_before(data: bytes) -> bytes:
    return sha1(data).digest() + data + os.urandom(235 - len(data))


def test_both_forms_of_rsa_padding_are_understood() -> None:
    for pad in (padded_as_of_2021, padded_as_before):
        exchange, answer = begun()
        parameters = exchange.answer(request(answer, encrypt(pad(inner(answer)))))
        assert isinstance(parameters, raw.types.ServerDHParamsOk)


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": 1},
        {"server_nonce": 1},
        {"p": b"\x00\x00\x00\x03"},
        {"public_key_fingerprint": 1},
        {"encrypted_data": b"short"},
        {"encrypted_data": bytes(256)},
        {"encrypted_data": os.urandom(256)},
    ],
)
def test_what_does_not_fit_ends_the_exchange(changed: dict[str, int | bytes]) -> None:
    exchange, answer = begun()
    with pytest.raises(ExchangeFailed):
        exchange.answer(request(answer, encrypt(padded_as_before(inner(answer))), **changed))


def test_steps_out_of_turn_end_the_exchange() -> None:
    finish = raw.functions.SetClientDHParams(nonce=NONCE, server_nonce=0, encrypted_data=bytes(32))
    with pytest.raises(ExchangeFailed):
        KeyExchange().answer(finish)
    exchange, answer = begun()
    finish.server_nonce = answer.server_nonce
    with pytest.raises(ExchangeFailed):
        exchange.answer(finish)
    with pytest.raises(ExchangeFailed):
        exchange.answer(raw.functions.help.GetConfig())


def test_the_public_key_file_is_read_by_openssl_as_pkcs1(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    rsa.write_public_key(file)
    command = ["openssl", "rsa", "-RSAPublicKey_in", "-in", str(file), "-noout", "-modulus"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
    assert int(told.removeprefix("Modulus="), 16) == rsa.MODULUS


def test_client_and_server_give_the_key_the_same_name(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    rsa.write_public_key(file)
    trust(file)
    assert pyrogram_rsa.server_public_keys[rsa.fingerprint()].m == rsa.MODULUS
