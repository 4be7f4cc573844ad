"""One service at a data centre for all tests of the bot, and students who come to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.api.banks import Bank, walk_through
from tests.api.client import PASSWORD, Client, connect
from tests.running import Service
from tests.telegram.center import DataCenter

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All on the loop of the session, where the service and the data centre are."""
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def center(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DataCenter]:
    async with DataCenter(tmp_path_factory.mktemp("center")) as center:
        yield center


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory, center: DataCenter) -> AsyncIterator[Service]:
    """A test that stops it must start it again."""
    environment = {"APO_LOG__FORMAT": "json"} | center.environment()
    service = Service(tmp_path_factory.mktemp("service"), environment)
    await service.start()
    await center.online()
    yield service
    await service.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guest(service: Service) -> AsyncIterator[Client]:
    """Somebody on the website, without an account."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        yield Client(session, service)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bank(guest: Client) -> Bank:
    """A subject with one question of each kind, each in a topic of its own."""
    login = "editor-of-the-bot"
    await guest.post("/users", {"login": login, "password": PASSWORD, "name": "Editor"}, status=201)
    connection = await connect(guest.service)
    try:
        await connection.execute("UPDATE users SET role = 'editor' WHERE login = $1", login)
    finally:
        await connection.close()
    return await walk_through(await guest.signed_in(login))
