"""One running service for all tests that only talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.running import Service


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
