"""A history in the journal of a real PostgreSQL, and both kinds of ClickHouse with the activity of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path

import asyncpg
import orjson
import pytest
import pytest_asyncio

from actors.log_shipper import COLUMNS as LOG_COLUMNS
from storage.clickhouse import activity
from storage.clickhouse.engine import ClickHouse, connect
from storage.clickhouse.rollups import Rollups
from storage.embedded import Engines
from storage.postgres import journal
from storage.postgres.migrate import migrate
from storage.postgres.pool import open_pool
from tests.analytics.history import Happened, Line, made_up, made_up_log
from tests.clickhouse_server import ClickHouseServer

NUMBERS = count()
ActivityRows = list[str]  # JSON arrays


@pytest.fixture(scope="session")
def history() -> list[Happened]:
    return made_up()


@pytest.fixture(scope="session")
def log() -> list[Line]:
    return made_up_log()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rows(history: Sequence[Happened], tmp_path_factory: pytest.TempPathFactory) -> ActivityRows:
    """The history as the relay reads it from the journal."""
    async with Engines(tmp_path_factory.mktemp("journal"), mongo=False) as endpoints:
        await migrate(endpoints.postgres_url, lambda step: None)
        connection = await asyncpg.connect(endpoints.postgres_url)
        await connection.executemany(
            "INSERT INTO journal (user_id, seq, data) VALUES ($1, $2, $3::jsonb)",
            [(one.user, one.seq, orjson.dumps(one.data).decode()) for one in history],
        )
        await connection.close()
        pool = await open_pool(endpoints.postgres_url)
        found: ActivityRows = []
        while step := await journal.activity(pool, len(found), len(found) + 4_999):
            found += [line for lines in step for line in lines.split("\n")]
        await pool.close()
    return found


def column(name: str, row: str) -> int | str:
    value: int | str = orjson.loads(row)[activity.COLUMNS.index(name)]
    return value


def by_month(rows: Sequence[str]) -> list[str]:
    """The rows in the pieces that are stored at once."""

    def month(row: str) -> str:
        return datetime.fromtimestamp(int(column("at", row)), UTC).strftime("%Y%m")

    return ["\n".join(piece) for _, piece in groupby(rows, key=month)]


async def fill(clickhouse: ClickHouse, rows: ActivityRows) -> None:
    """Store activity as relay and rollups do, in uneven steps."""
    await activity.migrate(clickhouse)
    rollups = Rollups(clickhouse)
    for first, last in ((0, 10), (10, 11), (11, 3000), (3000, len(rows))):
        await activity.insert(clickhouse, by_month(rows[first:last]))
        if last != 11:
            await rollups.catch_up(last)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ClickHouseServer]:
    server = ClickHouseServer(tmp_path_factory.mktemp("clickhouse"))
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["inside", "server"])
async def filled(
    request: pytest.FixtureRequest,
    rows: ActivityRows,
    log: list[Line],
    server: ClickHouseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ClickHouse]:
    """ClickHouse with the activity of the history and a log: the engine inside this process, and a server."""
    async for clickhouse in opened(request.param, server, tmp_path_factory.mktemp("clickhouse")):
        await fill(clickhouse, rows)
        lines = [
            (int(one.at.timestamp()), one.at.microsecond, one.level, one.logger, one.event, one.fields) for one in log
        ]
        for first in range(0, len(lines), 500):
            await clickhouse.insert("logs", LOG_COLUMNS, lines[first : first + 500])
        yield clickhouse


@pytest_asyncio.fixture(params=["inside", "server"])
async def empty(request: pytest.FixtureRequest, server: ClickHouseServer, tmp_path: Path) -> AsyncIterator[ClickHouse]:
    """ClickHouse with the tables."""
    async for clickhouse in opened(request.param, server, tmp_path):
        await activity.migrate(clickhouse)
        yield clickhouse


async def opened(kind: str, server: ClickHouseServer, folder: Path) -> AsyncIterator[ClickHouse]:
    """A new database: of the engine inside this process, in `folder`, or of the server."""
    clickhouse = connect(await new_database(server) if kind == "server" else "", folder)
    yield clickhouse
    await clickhouse.close()


async def new_database(server: ClickHouseServer) -> str:
    """Its URL."""
    name = f"test_{next(NUMBERS)}"
    clickhouse = connect(server.url, Path())
    await clickhouse.execute(f"CREATE DATABASE {name}")
    await clickhouse.close()
    return server.url.removesuffix("default") + name
