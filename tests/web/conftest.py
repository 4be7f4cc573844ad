from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.running import Service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A service with the demo subjects, as somebody has it who has just started it."""
    running = Service(tmp_path_factory.mktemp("web"))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser without scripts: it keeps cookies and follows where it is led."""
    async with aiohttp.ClientSession(
        service.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept-Language": "ru"}
    ) as session:
        yield session
