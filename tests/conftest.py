"""One running service for all tests that only talk to it; and which tests share a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.running import Service

HERE = Path(__file__).parent
# Each has a service or engines of its own: in one process, they are started once.
TOGETHER = (
    "analytics",
    "api",
    "broadcasts",
    "commands",
    "contests",
    "durability",
    "postgres",
    "telegram/bot",
    "test_embedded.py",
    "web",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(HERE)
        for group in TOGETHER:
            if place.is_relative_to(group):
                item.add_marker(pytest.mark.xdist_group(group))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """The service with its own embedded engines and the demo bank: one for each process that runs tests.

    It keeps what tests write: a test must bring its own users and subjects. A test that starts it anew must
    run on the loop of the session, and leave it running.
    """
    service = Service(tmp_path_factory.mktemp("service"), {"APO_LOG__FORMAT": "json"})
    await service.start()
    yield service
    await service.stop()
