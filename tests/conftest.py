"""One running service for all tests that only talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.running import Service

HERE = Path(__file__).parent
# Campaigns, browsers and fuzzers that take half a minute each and more: `./check --thorough` runs them too.
THOROUGH = frozenset(
    (
        "analytics/test_prometheus.py",
        "analytics/test_reading.py",
        "api/test_schemathesis.py",
        "broadcasts/test_kill.py",
        "contests/test_big.py",
        "contests/test_outages.py",
        "durability/test_joining.py",
        "durability/test_servers.py",
        "telegram/test_storms.py",
        "web/test_administration.py",
        "web/test_departments.py",
        "web/test_pages.py",
        "web/test_student.py",
    )
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).as_posix() in THOROUGH:
            item.add_marker(pytest.mark.thorough)


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
