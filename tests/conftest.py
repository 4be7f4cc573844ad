"""One running service for all tests that only talk to it; and which tests share a process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from xdist.scheduler import LoadScopeScheduling

from tests.running import Service

# Each has a service or engines of its own: in one process, they are started once.
TOGETHER = (
    "tests/analytics/",
    "tests/api/",
    "tests/broadcasts/",
    "tests/commands/",
    "tests/contests/",
    "tests/durability/",
    "tests/postgres/",
    "tests/telegram/bot/",
    "tests/test_embedded.py",
    "tests/web/",
)


class ByService(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
    """The largest of `TOGETHER` first, each as a whole; then, one by one, the tests that share nothing."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByService:
    return ByService(config, log)


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
