"""The pool: which errors mean "not now", and how values travel."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from storage.embedded import Engines
from storage.postgres.pool import TRANSIENT, Pool, is_transient, open_pool, transaction


async def test_json_travels_as_values(pool: Pool) -> None:
    value = {"a": [1, 2.5, None, "ё"], "b": {"c": True}}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value
    assert await pool.fetchval("SELECT $1::jsonb ->> 'a'", value) == '[1, 2.5, null, "ё"]'


async def test_connections_say_whose_they_are(pool: Pool) -> None:
    assert await pool.fetchval("SELECT current_setting('application_name')") == "apo"


async def test_a_server_that_is_not_there_is_transient(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await open_pool(f"postgresql://apo@/apo?host={tmp_path}", patience=0.15)
    assert is_transient(caught.value)


async def test_a_database_that_does_not_exist_is_told_at_once(server: str) -> None:
    with pytest.raises(asyncpg.InvalidCatalogNameError) as caught:
        await open_pool(server.replace("/apo?", "/no_such?"))
    assert not is_transient(caught.value)


async def test_a_connection_ended_by_the_server_is_transient_and_the_pool_recovers(pool: Pool) -> None:
    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError)) as caught:
        await pool.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_transient(caught.value)
    assert await pool.fetchval("SELECT 1") == 1


async def test_a_statement_that_takes_too_long_is_transient(pool: Pool) -> None:
    with pytest.raises(TimeoutError) as caught:
        await pool.execute("SELECT pg_sleep(5)", timeout=0.01)
    assert is_transient(caught.value)


@pytest.mark.parametrize("sql", ["SELEKT", "SELECT 1 / 0", "SELECT no_such_column"])
async def test_a_fault_of_ours_is_not_transient(pool: Pool, sql: str) -> None:
    with pytest.raises(asyncpg.PostgresError) as caught:
        await pool.execute(sql)
    assert not is_transient(caught.value)


async def test_a_value_of_the_wrong_type_is_not_transient(pool: Pool) -> None:
    with pytest.raises(asyncpg.DataError) as caught:
        await pool.fetchval("SELECT $1::int", "one")
    assert not is_transient(caught.value)


async def test_a_transaction_that_raises_leaves_nothing(pool: Pool) -> None:
    async def fail() -> None:
        async with transaction(pool) as connection:
            await connection.execute("INSERT INTO checkpoints VALUES ('x', 1)")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await pool.fetchval("SELECT count(*) FROM checkpoints") == 0


async def test_the_pool_outlives_a_server_that_is_stopped_and_one_that_is_killed(tmp_path: Path) -> None:
    engines = Engines(tmp_path, mongo=False)
    pool = await open_pool((await engines.start()).postgres_url)
    try:
        await engines.stop_one("postgres")
        with pytest.raises(TRANSIENT):
            await pool.fetchval("SELECT 1")
        await engines.start_one("postgres")
        assert await answer_at_last(pool) == 1
        pid = engines.pid("postgres")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert await answer_at_last(pool) == 1
    finally:
        await pool.close()
        await engines.stop()


async def answer_at_last(pool: Pool) -> object:
    """What the pool answers after some errors, all of which are transient."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await pool.fetchval("SELECT 1")
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(0.02)
