"""One running service for all tests here; commands work beside it."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.commands.house import House
from tests.running import Service

BOT_TOKEN = "123456:hush-4711"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with asyncio.Runner() as runner:
        service = Service(tmp_path_factory.mktemp("house"), {"APO_TELEGRAM__BOT_TOKEN": BOT_TOKEN})
        runner.run(service.start())
        yield service
        runner.run(service.stop())


@pytest.fixture(scope="session")
def house(service: Service) -> House:
    return House(service.folder / "data", service.url)
