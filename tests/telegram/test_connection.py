"""The connection mends itself, and says in a sentence what it cannot mend."""

from __future__ import annotations

import asyncio
import base64
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pyrogram.crypto.rsa import server_public_keys

from protocols.telegram import keys
from protocols.telegram.connection import Connection, WrongSetting
from tests.running import Service
from tests.telegram import rsa
from tests.telegram.center import DataCenter
from tests.telegram.wired import settings, wired


@asynccontextmanager
async def connection(center: DataCenter, folder: Path, **environment: str) -> AsyncIterator[Connection]:
    """A connection alone, being kept."""
    configured = settings(center, folder, **environment).telegram
    made = Connection(configured, folder / "telegram", lambda container: None, lambda: None)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


# --- Settings -----------------------------------------------------------------------------------------------


async def test_a_wrong_token_turns_the_bot_off_with_a_sentence(center: DataCenter, tmp_path: Path) -> None:
    async with connection(center, tmp_path, APO_TELEGRAM__BOT_TOKEN="5900000001:AAE-wrong") as made:
        await until(lambda: made.problem and "bot_token" in made.problem)
        assert "ACCESS_TOKEN_INVALID" in (made.problem or "")


async def test_a_wrong_api_id_turns_the_bot_off_with_a_sentence(center: DataCenter, tmp_path: Path) -> None:
    async with connection(center, tmp_path, APO_TELEGRAM__API_HASH="0" * 32) as made:
        await until(lambda: made.problem and "api_id" in made.problem)


@pytest.mark.parametrize("token", ["token", ":x", "١:x"])
async def test_a_token_of_another_form_is_refused(center: DataCenter, tmp_path: Path, token: str) -> None:
    with pytest.raises(WrongSetting, match="bot_token"):
        async with connection(center, tmp_path, APO_TELEGRAM__BOT_TOKEN=token):
            pass


@pytest.mark.parametrize("content", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "ключ"])
async def test_a_file_that_holds_no_key_is_named(center: DataCenter, tmp_path: Path, content: str) -> None:
    center.public_key_file.write_text(content)
    with pytest.raises(WrongSetting, match=str(center.public_key_file)):
        async with connection(center, tmp_path):
            pass


async def test_a_key_file_that_is_missing_is_named(center: DataCenter, tmp_path: Path) -> None:
    center.public_key_file.unlink()
    with pytest.raises(WrongSetting, match=str(center.public_key_file)):
        async with connection(center, tmp_path):
            pass


def test_a_key_is_read_in_either_form(tmp_path: Path) -> None:
    own = tmp_path / "pkcs1.pem"
    rsa.write_public_key(own)
    pkcs1 = base64.b64decode("".join(own.read_text().splitlines()[1:-1]))
    # SEQUENCE { SEQUENCE { OID rsaEncryption, NULL }, BIT STRING { the same as in PKCS#1 } }
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    bits = b"\x03\x82" + (len(pkcs1) + 1).to_bytes(2, "big") + b"\x00" + pkcs1
    whole = b"\x30\x82" + len(algorithm + bits).to_bytes(2, "big") + algorithm + bits
    wrapped = tmp_path / "spki.pem"
    wrapped.write_text(f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(whole).decode()}-----END PUBLIC KEY-----\n")
    for file in (own, wrapped):
        server_public_keys.pop(rsa.fingerprint(), None)
        keys.trust(file)
        assert server_public_keys[rsa.fingerprint()] == (rsa.MODULUS, rsa.EXPONENT)


# --- Mending ------------------------------------------------------------------------------------------------


async def test_a_dropped_connection_is_made_again(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path):
        for number in range(3):
            center.drop_connections()
            anna.write(f"after {number}")
            await anna.sees(f"echo after {number}", timeout=20)


async def test_wrong_salts_are_mended(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path):
        for number in range(3):
            center.rotate_salts()
            anna.write(f"salt {number}")
            await anna.sees(f"echo salt {number}")


async def test_a_data_center_that_was_down_is_found_again(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path):
        await center.close()
        anna.write("while down")
        await asyncio.sleep(2)
        await center.listen()
        await anna.sees("echo while down", timeout=30)


async def test_it_waits_for_a_data_center_that_is_not_there_yet(center: DataCenter, tmp_path: Path) -> None:
    await center.close()
    async with connection(center, tmp_path) as made:
        await until(lambda: made.problem and "cannot connect" in made.problem)
        await center.listen()
        await until(lambda: made.problem is None)


async def test_a_restart_needs_no_new_authorization(center: DataCenter, tmp_path: Path) -> None:
    for _ in range(2):
        async with connection(center, tmp_path) as made:
            await until(lambda: made.problem is None)
    assert [call.method for call in center.log].count("auth.importBotAuthorization") == 1


async def test_the_authorization_is_kept_for_this_user_only(center: DataCenter, tmp_path: Path) -> None:
    async with connection(center, tmp_path) as made:
        await until(lambda: made.problem is None)
    mode = (tmp_path / "telegram" / "authorization.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_a_key_that_was_forgotten_is_agreed_anew(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path):
        center.forget_keys()
        center.drop_connections()
        anna.write("again")
        await anna.sees("echo again", timeout=30)


async def test_a_kept_authorization_that_cannot_be_read_is_made_anew(center: DataCenter, tmp_path: Path) -> None:
    (tmp_path / "telegram").mkdir()
    (tmp_path / "telegram" / "authorization.json").write_text("{")
    async with connection(center, tmp_path) as made:
        await until(lambda: made.problem is None)


async def test_a_session_that_the_server_does_not_know_any_more_is_authorized_again(
    center: DataCenter, tmp_path: Path
) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path):
        for key in center._keys.values():
            key.user_id = 0
        center.drop_connections()
        anna.write("again")
        await anna.sees("echo again", timeout=30)


# --- The service --------------------------------------------------------------------------------------------


async def test_the_bot_answers_in_the_running_service(center: DataCenter, tmp_path: Path) -> None:
    service = Service(tmp_path / "service", center.environment())
    await service.start()
    try:
        await center.online()
        anna = center.user("Anna", language="en")
        anna.write("/start")
        await anna.sees(lambda shown: bool(shown.buttons), timeout=30)
    finally:
        assert await service.stop() == 0
