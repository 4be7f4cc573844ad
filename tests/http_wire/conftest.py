from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from protocols.http import Readiness, build, serve, serving
from tests.http_wire.stand import Client, TableRouter


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    # Clients that were refused in the middle of a long upload are not waited for here.
    monkeypatch.setattr(serving, "SHUTDOWN_SECONDS", 0.3)
    router = TableRouter()
    registry = CollectorRegistry()
    kept: list[Client] = []

    async def ready() -> Readiness:
        return kept[0].readiness

    runner = await serve(build(router, ready=ready, registry=registry), "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        kept.append(Client(session, router, runner.addresses[0][1]))
        yield kept[0]
    await runner.cleanup()
