"""The people of these tests, each with a session of HTTP of their own, and a subject whose keys are known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.api.banks import Bank, walk_through
from tests.api.client import PASSWORD, Client, connect
from tests.running import Service

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All on the loop of the session, where the service is kept: some tests start it anew."""
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guest(service: Service) -> AsyncIterator[Client]:
    """Somebody without an account."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        yield Client(session, service)


@pytest_asyncio.fixture(loop_scope="session")
async def student(guest: Client) -> Client:
    """A new account, for one test."""
    return await guest.register()


@pytest_asyncio.fixture(loop_scope="session")
async def another_student(guest: Client) -> Client:
    return await guest.register(name="Another")


async def _with_role(guest: Client, role: str) -> Client:
    login = f"{role}-of-all-tests"
    await guest.post("/users", {"login": login, "password": PASSWORD, "name": role.title()}, status=201)
    connection = await connect(guest.service)
    try:
        await connection.execute("UPDATE users SET role = $1 WHERE login = $2", role, login)
    finally:
        await connection.close()
    return await guest.signed_in(login)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editor(guest: Client) -> Client:
    return await _with_role(guest, "editor")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def admin(guest: Client) -> Client:
    return await _with_role(guest, "admin")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def walk(editor: Client) -> Bank:
    """A subject with one question of each kind, which no test changes."""
    return await walk_through(editor)


@pytest_asyncio.fixture(loop_scope="session")
async def own(editor: Client) -> Bank:
    """The same questions in a subject that is this test's alone: to change, or to count in."""
    return await walk_through(editor)
