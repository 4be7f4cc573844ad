"""Forward-only migrations: numbered plain-SQL files, each applied whole or not at all.

`migrations/0002_contests.sql` is number 2. The table `migrations` keeps what was applied with its SHA-256.
An advisory lock lets one service migrate at a time; whoever comes second finds nothing left to do.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

MIGRATIONS = Path(__file__).parent / "migrations"
CONNECT_SECONDS = 10.0
WAIT_SECONDS = 120.0  # for another service that is migrating now
STEP_SECONDS = 3600.0  # one file may rewrite a big table
LOCK = 0x41504F_4D494752  # any number that only we use: "APO" "MIGR"

_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


class MigrationRefused(Exception):
    """The database cannot be migrated by this code; nothing was changed by the step that is named."""


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The migrations of a folder in order. Raises MigrationRefused on a misnamed file or a gap in the
    numbers.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise MigrationRefused(f"{path.name}: a migration is named like 0002_what_it_adds.sql")
        found.append(Migration(int(match[1]), path.stem, path.read_text(encoding="utf-8")))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationRefused(f"{migration.name}: number {expected:04} was expected here")
    return found


async def migrate(dsn: str, on_step: Callable[[str], None], folder: Path = MIGRATIONS) -> list[str]:
    """Bring the database up to this code; returns the names that were applied now, each told to `on_step`
    first.

    Raises MigrationRefused when the database is newer than the code, when an applied file was changed since,
    or when another service does not finish migrating; asyncpg's errors when the database does not answer or
    a file fails.
    """
    known = await asyncio.to_thread(migrations, folder)
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_SECONDS,
        command_timeout=STEP_SECONDS,
        server_settings={"application_name": "apo"},
    )
    try:
        await _take_lock(connection)
        # Rather fail than wait behind a running statement and make everybody else wait behind us.
        await connection.execute("SET lock_timeout = '10s'")
        applied = await _applied(connection)
        _compare(applied, known)
        fresh = known[len(applied) :]
        for migration in fresh:
            on_step(migration.name)
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migrations (number, name, sha256) VALUES ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    migration.sha256,
                )
        return [migration.name for migration in fresh]
    finally:
        await connection.close(timeout=CONNECT_SECONDS)  # the advisory lock goes with the connection


async def pending(connection: asyncpg.Connection, folder: Path = MIGRATIONS) -> list[str]:
    """The names that `migrate` would apply; changes nothing. Raises MigrationRefused as it does."""
    known = await asyncio.to_thread(migrations, folder)
    there = await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
    applied = await _rows(connection) if there else {}
    _compare(applied, known)
    return [migration.name for migration in known[len(applied) :]]


async def _take_lock(connection: asyncpg.Connection) -> None:
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=WAIT_SECONDS)
    except TimeoutError:
        raise MigrationRefused(
            f"another service has been migrating this database for {WAIT_SECONDS:.0f} s: wait, or stop it"
        ) from None


async def _applied(connection: asyncpg.Connection) -> Mapping[int, tuple[str, str]]:
    await connection.execute(
        """CREATE TABLE IF NOT EXISTS migrations (
               number     integer PRIMARY KEY,
               name       text NOT NULL,
               sha256     text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now()
           )"""
    )
    return await _rows(connection)


async def _rows(connection: asyncpg.Connection) -> Mapping[int, tuple[str, str]]:
    rows = await connection.fetch("SELECT number, name, sha256 FROM migrations ORDER BY number")
    return {row["number"]: (row["name"], row["sha256"]) for row in rows}


def _compare(applied: Mapping[int, tuple[str, str]], known: list[Migration]) -> None:
    by_number = {migration.number: migration for migration in known}
    for number, (name, sha256) in applied.items():
        migration = by_number.get(number)
        if migration is None:
            raise MigrationRefused(
                f"the database is newer than this program: it has {name}, this program ends with "
                f"{known[-1].name if known else 'nothing'}; start the newer program"
            )
        if (migration.name, migration.sha256) != (name, sha256):
            raise MigrationRefused(
                f"{migration.name}: the file differs from what was applied as {name}; "
                "restore the file, and put the change into a new migration"
            )
