"""A PostgreSQL of our own for the tests that talk to the actors without a service around them."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from storage.embedded import Engines
from storage.postgres.migrate import migrate
from storage.postgres.pool import Pool, open_pool


@pytest.fixture(scope="session")
def bare_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server with the schema in it."""
    with asyncio.Runner() as runner:
        engines = Engines(tmp_path_factory.mktemp("postgres"), mongo=False)
        endpoints = runner.run(engines.start())
        runner.run(migrate(endpoints.postgres_url, lambda step: None))
        yield endpoints.postgres_url
        runner.run(engines.stop())


@pytest.fixture
async def url(bare_postgres: str) -> str:
    """A database with the schema and no rows."""
    connection = await asyncpg.connect(bare_postgres)
    await connection.execute("TRUNCATE journal, snapshots, checkpoints, trainings, answers, days, parked")
    await connection.close()
    return bare_postgres


@pytest.fixture
async def pool(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url)
    yield pool
    await pool.close()


@pytest.fixture
async def hand(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection by which a test looks into the database, or stands in its way."""
    connection = await asyncpg.connect(url)
    yield connection
    connection.terminate()
