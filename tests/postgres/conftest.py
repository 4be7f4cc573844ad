"""A PostgreSQL of our own for all tests here, and for each test a database with the schema in it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest
from argon2 import PasswordHasher

from actors.accounts import Accounts
from actors.passwords import Passwords
from storage.embedded import Engines
from storage.postgres.migrate import migrate
from storage.postgres.pool import Pool, open_pool
from tests.postgres.stand import Clock, Names

DATABASES = count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server's database."""
    with asyncio.Runner() as runner:
        engines = Engines(tmp_path_factory.mktemp("engines"), mongo=False)
        endpoints = runner.run(engines.start())
        yield endpoints.postgres_url
        runner.run(engines.stop())


async def _create(server: str, source: str) -> str:
    name = f"test_{next(DATABASES)}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
    finally:
        await connection.close()
    return name


def _with_database(server: str, name: str) -> str:
    head, _, query = server.partition("?")
    return head.rsplit("/", 1)[0] + "/" + name + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A migrated database to copy."""

    async def make() -> str:
        name = await _create(server, "template0")
        await migrate(_with_database(server, name), lambda step: None)
        return name

    return asyncio.run(make())


@pytest.fixture
async def empty_url(server: str) -> str:
    return _with_database(server, await _create(server, "template0"))


@pytest.fixture
async def url(server: str, template: str) -> str:
    return _with_database(server, await _create(server, template))


@pytest.fixture
async def pool(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url)
    yield pool
    await pool.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """With parameters that cost next to nothing."""
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield passwords
    passwords.close()


@pytest.fixture
def accounts(pool: Pool, clock: Clock, passwords: Passwords) -> Accounts:
    return Accounts(pool, clock, passwords, Names())
