"""One row for each event of the journal, exactly once.

The highest position stored is the checkpoint: it is stored by the very insert that stores the rows. An insert
into one partition is all or nothing, so a batch is cut where the month changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import orjson

from storage.clickhouse.engine import ClickHouse, ClickHouseError

MIGRATIONS = Path(__file__).with_name("migrations")

COLUMNS = (
    "position",
    "user",
    "seq",
    "at",
    "microseconds",
    "event",
    "platform",
    "training",
    "subject",
    "topic",
    "kind",
    "question",
    "score",
    "correct",
    "seconds",
    "mode",
    "contest",
    "reason",
    "chosen",
    "questions",
    "scores",
    "times",
    "choices",
)


async def migrate(clickhouse: ClickHouse) -> list[str]:
    """Apply what is new of the numbered files, each of which can be applied again; returns their names."""
    await clickhouse.execute(
        "CREATE TABLE IF NOT EXISTS migrations (name String, applied_at DateTime) ENGINE = MergeTree ORDER BY name"
    )
    applied = {row[0] for row in await clickhouse.query("SELECT name FROM migrations")}
    new = [file for file in sorted(MIGRATIONS.glob("*.sql")) if file.name not in applied]
    for file in new:
        for statement in file.read_text().split(";"):
            if statement.strip():
                await clickhouse.execute(statement)
        await clickhouse.insert("migrations", ("name", "applied_at"), [(file.name, int(time.time()))])
    return [file.name for file in new]


async def checkpoint(clickhouse: ClickHouse) -> int:
    """The position of the journal up to which activity is stored.

    Raises ClickHouseError while an insert whose connection was lost may still add to it.
    """
    ((running,),) = await clickhouse.query(
        "SELECT toInt64(count()) FROM system.processes WHERE query LIKE 'INSERT INTO activity %'"
    )
    if running:
        raise ClickHouseError("an insert of a lost connection is still running", transient=True)
    ((position,),) = await clickhouse.query("SELECT toInt64(max(position)) FROM activity")
    return int(position)


async def insert(clickhouse: ClickHouse, pieces: Iterable[str]) -> None:
    """Store rows, by position and all above the checkpoint: JSON arrays in the order of `COLUMNS`, one a line.

    Each piece belongs to one month.
    """
    for lines in pieces:
        await clickhouse.insert_json("activity", COLUMNS, lines)


async def redo(clickhouse: ClickHouse, position: int, pieces: Iterable[str]) -> bool:
    """Store the row of a position that was parked, beside the one that stands for it; False: it is there already."""
    ((found,),) = await clickhouse.query(
        f"SELECT toInt64(count()) FROM activity WHERE position = {position} AND event != 'parked'"  # noqa: S608
    )
    if not found:
        await insert(clickhouse, pieces)
    return not found


def parked(position: int) -> str:
    """The row that stands where an event was left out."""
    answer = ("", "", "", "", "", 0, 0.0, 0, 0.0)
    training: tuple[object, ...] = ("", 0, "", [], [], [], [], [])
    return orjson.dumps((position, 0, 0, int(time.time()), 0, "parked", *answer, *training)).decode()
