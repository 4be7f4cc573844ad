"""One service at a data centre for all tests of the pages, and a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.api.banks import Bank, walk_through
from tests.api.client import PASSWORD, Client, connect
from tests.running import Service
from tests.telegram.center import DataCenter
from tests.web.browser import chromium
from tests.web.visitor import Visitor, browsing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def center(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DataCenter]:
    async with DataCenter(tmp_path_factory.mktemp("center")) as center:
        yield center


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory, center: DataCenter) -> AsyncIterator[Service]:
    """A service with the demo subjects, as somebody has it who has just started it, and with a bot."""
    running = Service(tmp_path_factory.mktemp("web"), center.environment())
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser without scripts: it keeps cookies and follows where it is led."""
    async with aiohttp.ClientSession(
        service.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept-Language": "ru"}
    ) as session:
        yield session


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guest(service: Service) -> AsyncIterator[Client]:
    """Somebody without an account who calls the API."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        yield Client(session, service)


async def with_role(guest: Client, role: str, login: str = "") -> Client:
    """A new account with this role."""
    login = login or f"{role}-of-the-pages"
    await guest.post("/users", {"login": login, "password": PASSWORD, "name": role.title()}, status=201)
    connection = await connect(guest.service)
    try:
        await connection.execute("UPDATE users SET role = $1 WHERE login = $2", role, login)
    finally:
        await connection.close()
    return await guest.signed_in(login)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editor(guest: Client) -> Client:
    return await with_role(guest, "editor")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def admin(guest: Client) -> Client:
    return await with_role(guest, "admin")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chief(guest: Client) -> AsyncIterator[Visitor]:
    """An administrator without scripts, who reads English."""
    visitor = await browsing(await with_role(guest, "admin", "chief-of-the-pages"))
    yield visitor
    await visitor.session.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bank(editor: Client) -> Bank:
    """A subject with every kind of question, whose keys are known."""
    return await walk_through(editor)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser
