"""The service against its own OpenAPI document: schemathesis sends what fits it, and what does not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.api.client import BASE, PASSWORD, Client, connect
from tests.broadcasts.stand import add_people
from tests.running import Service

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SIGN_OUT = f"{BASE}/tokens/current"
STREAM = f"{BASE}/admin/broadcasts/{{broadcast}}/stream"  # which may well go on for days
EXAMPLES = 6  # for each call, in each phase
SEED = 2026  # so that a run shows what the run before it showed; any other will do as well


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A service of its own: what is done to it here is nothing that other tests could bear."""
    service = Service(tmp_path_factory.mktemp("fuzzed"), {"APO_LOG__FORMAT": "json"})
    await service.start()
    connection = await connect(service)
    await add_people(connection, range(1_000_000, 1_000_003))  # somebody who may get mass messages
    await connection.close()
    async with aiohttp.ClientSession() as session:
        yield Client(session, service)
    await service.stop()


async def schemathesis(client: Client, folder: Path, examples: int, *options: str) -> str:
    """What it says after a run with all checks as this client; it must have found nothing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
        *("run", f"{client.service.url}{BASE}/openapi.json", "--checks", "all"),
        *("--header", f"Authorization: Bearer {client.token}", "--max-examples", str(examples)),
        *("--seed", str(SEED)),
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    return text


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("role", "examples"),
    [
        ("admin", 1),
        pytest.param("student", EXAMPLES, marks=pytest.mark.thorough),
        pytest.param("admin", EXAMPLES, marks=pytest.mark.thorough),
    ],
)
async def test_schemathesis_finds_nothing(fuzzed: Client, tmp_path: Path, role: str, examples: int) -> None:
    """In all its phases; but for signing out, which would end the token of all other calls, and for a stream, whose
    end schemathesis would wait for. A student is refused all that is an administrator's before anything is read.
    """
    login = f"{role}-{examples}"
    await fuzzed.post("/users", {"login": login, "password": PASSWORD, "name": role}, status=201)
    connection = await connect(fuzzed.service)
    try:
        await connection.execute("UPDATE users SET role = $1 WHERE login = $2", role, login)
    finally:
        await connection.close()
    user = await fuzzed.signed_in(login)
    excluded = ["--exclude-path-regex", f"^{BASE}/admin/"] if role == "student" else ["--exclude-path", STREAM]
    said = await schemathesis(user, tmp_path, examples, "--exclude-path", SIGN_OUT, *excluded)
    paths = (await fuzzed.get("/openapi.json"))["paths"]
    left_out = {SIGN_OUT} | ({path for path in paths if f"{BASE}/admin/" in path} if role == "student" else {STREAM})
    calls = sum(len(methods) for path, methods in paths.items() if path not in left_out)
    assert f"Tested: {calls}" in said
    assert (await user.get("/me"))["role"] == role, "the token was good to the end"
    assert "request failed" not in fuzzed.service.log


async def test_schemathesis_finds_nothing_about_signing_out(fuzzed: Client, tmp_path: Path) -> None:
    user = await fuzzed.register()
    await schemathesis(user, tmp_path, 1, "--include-path", SIGN_OUT)
    await user.refused(401, "GET", "/me")
