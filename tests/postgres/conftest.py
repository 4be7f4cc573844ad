"""A PostgreSQL of our own for all tests here, and for each test a database with the schema in it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest
from argon2 import PasswordHasher

from actors.accounts import Accounts
from actors.drawing import Drawing
from actors.figures import Desk
from actors.passwords import Passwords
from protocols.messages import Language
from storage.embedded import Engines
from storage.postgres.migrate import migrate
from storage.postgres.pool import Pool, open_pool
from tests.postgres.stand import Clock, small_bank

DATABASES = count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server's database."""
    with asyncio.Runner() as runner:
        engines = Engines(tmp_path_factory.mktemp("engines"), mongo=False)
        endpoints = runner.run(engines.start())
        yield endpoints.postgres_url
        runner.run(engines.stop())


def _with_database(server: str, name: str) -> str:
    head, _, query = server.partition("?")
    return head.rsplit("/", 1)[0] + "/" + name + (f"?{query}" if query else "")


async def _run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture
async def empty_url(server: str) -> str:
    """A database with nothing in it; it goes with its server."""
    name = f"empty_{next(DATABASES)}"
    await _run(server, f"CREATE DATABASE {name} TEMPLATE template0")
    return _with_database(server, name)


@pytest.fixture(scope="session")
def migrated(server: str) -> str:
    asyncio.run(migrate(server, lambda step: None))
    return server


@pytest.fixture
async def url(migrated: str) -> str:
    """A database with the schema and no rows."""
    await _run(
        migrated,
        """DO $$ BEGIN EXECUTE (
               SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
               FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'
           ); END $$""",
    )
    return migrated


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
    return Accounts(pool, clock, passwords, small_bank())


@pytest.fixture
async def desk(pool: Pool, clock: Clock) -> AsyncIterator[Desk]:
    """Figures, told in English to user 2 and in Russian to anybody else."""

    async def language_of(user: int) -> Language:
        return "en" if user == 2 else "ru"

    drawing = Drawing()
    yield Desk(pool, clock, small_bank(), drawing, language_of)
    await drawing.close()
