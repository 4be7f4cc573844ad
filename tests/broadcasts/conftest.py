"""A PostgreSQL of our own, and for each test a database with the schema and no rows."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from storage.embedded import Engines
from storage.postgres.migrate import migrate
from storage.postgres.pool import Pool, open_pool
from tests.broadcasts.stand import Stand


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server with the schema in it."""
    with asyncio.Runner() as runner:
        engines = Engines(tmp_path_factory.mktemp("postgres"), mongo=False)
        endpoints = runner.run(engines.start())
        runner.run(migrate(endpoints.postgres_url, lambda step: None))
        yield endpoints.postgres_url
        runner.run(engines.stop())


@pytest.fixture
async def pool(server: str) -> AsyncIterator[Pool]:
    connection = await asyncpg.connect(server)
    await connection.execute("TRUNCATE users, broadcasts, deliveries, trainings RESTART IDENTITY CASCADE")
    await connection.close()
    pool = await open_pool(server)
    yield pool
    await pool.close()


@pytest.fixture
async def stand(pool: Pool) -> AsyncIterator[Stand]:
    """A broadcaster that runs in simulated time, with a courier; started by the test."""
    stand = Stand(pool)
    yield stand
    await stand.stop()
