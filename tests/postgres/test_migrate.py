"""Migrations: whole or not at all, once, and never backwards."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from storage.postgres.migrate import MIGRATIONS, MigrationRefused, migrate, migrations


def write(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
    return folder


def ignore(step: str) -> None:
    pass


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_fresh_database_gets_every_migration_in_order(empty_url: str) -> None:
    told: list[str] = []
    applied = await migrate(empty_url, told.append)
    assert applied == told == [path.stem for path in sorted(MIGRATIONS.glob("*.sql"))]


async def test_a_migrated_database_is_left_alone(url: str) -> None:
    assert await migrate(url, ignore) == []


async def test_only_what_is_new_is_applied(empty_url: str, tmp_path: Path) -> None:
    await migrate(empty_url, ignore, write(tmp_path, m0001_a="CREATE TABLE a (n int)"))
    folder = write(tmp_path, m0002_b="CREATE TABLE b (n int)")
    assert await migrate(empty_url, ignore, folder) == ["0002_b"]


async def test_a_failing_migration_leaves_nothing_of_itself_and_all_before_it(empty_url: str, tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        m0001_a="CREATE TABLE a (n int)",
        m0002_b="CREATE TABLE b (n int); INSERT INTO b VALUES (1); SELECT 1 / 0",
    )
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_url, ignore, folder)
    assert await query(empty_url, "SELECT to_regclass('a') IS NOT NULL AND to_regclass('b') IS NULL")
    assert await query(empty_url, "SELECT array_agg(name) FROM migrations") == ["0001_a"]


async def test_a_mended_migration_is_applied_on_the_next_run(empty_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path, m0001_a="SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_url, ignore, folder)
    assert await migrate(empty_url, ignore, write(tmp_path, m0001_a="CREATE TABLE a (n int)")) == ["0001_a"]


async def test_services_that_start_together_migrate_once(empty_url: str) -> None:
    outcomes = await asyncio.gather(*(migrate(empty_url, ignore) for _ in range(4)))
    assert sorted(map(len, outcomes)) == [0, 0, 0, len(migrations())]


async def test_a_newer_database_is_refused(empty_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path, m0001_a="CREATE TABLE a (n int)", m0002_b="CREATE TABLE b (n int)")
    await migrate(empty_url, ignore, folder)
    (folder / "0002_b.sql").unlink()
    with pytest.raises(MigrationRefused, match="it has 0002_b, this program ends with 0001_a"):
        await migrate(empty_url, ignore, folder)


async def test_a_changed_file_is_refused(empty_url: str, tmp_path: Path) -> None:
    await migrate(empty_url, ignore, write(tmp_path, m0001_a="CREATE TABLE a (n int)"))
    with pytest.raises(MigrationRefused, match="0001_a: the file differs"):
        await migrate(empty_url, ignore, write(tmp_path, m0001_a="CREATE TABLE a (n bigint)"))


@pytest.mark.parametrize("name", ["2_short.sql", "0001-dash.sql", "first.sql"])
def test_a_misnamed_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationRefused, match=name):
        migrations(tmp_path)


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationRefused, match="0002 was expected"):
        migrations(write(tmp_path, m0001_a="SELECT 1", m0003_c="SELECT 1"))
