"""The people of these tests, and a subject whose keys are known; on the service that other tests use as well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.api.banks import Bank, walk_through
from tests.api.client import Client
from tests.contests.school import with_role
from tests.running import Service

HERE = Path(__file__).parent
NAMES = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guest(service: Service) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        yield Client(session, service)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def admin(guest: Client) -> Client:
    return await with_role(guest, "admin", "admin-of-contests")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editor(guest: Client) -> Client:
    return await with_role(guest, "editor", "editor-of-contests")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def walk(editor: Client) -> Bank:
    return await walk_through(editor)


@pytest_asyncio.fixture(loop_scope="session")
async def student(guest: Client) -> Client:
    return await guest.register(login=f"contestant-{next(NAMES)}", name="Anna", grade=9)


@pytest_asyncio.fixture(loop_scope="session")
async def another(guest: Client) -> Client:
    return await guest.register(login=f"contestant-{next(NAMES)}", name="Boris", grade=10)
