"""Rollups: sums of activity, so that no dashboard has to look through history.

Each table of `rollups/*.sql` is filled from activity by ranges of positions, by an insert that carries in its own
rows how far it has come: it is one block of a table without partitions, so all of it is stored or nothing. An insert
whose outcome is not known is looked up in the table, never repeated on a guess; and activity itself holds each position
once. So every event is in every rollup once, whatever is killed when.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from storage.clickhouse.engine import ClickHouse, ClickHouseError

SELECTS: Final = {file.stem: file.read_text() for file in sorted(Path(__file__).with_name("rollups").glob("*.sql"))}
# Positions in one insert: few enough to be one block, which ClickHouse cuts at 1,048,576 rows.
STEP: Final = 200_000


class Rollups:
    """Brings the rollups up to what activity holds."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._turn = asyncio.Lock()
        self._marks: dict[str, int] = {}  # of those whose place is known
        self._hints: dict[str, int] = {}

    async def catch_up(self, upto: int) -> None:
        """Take in what activity holds up to the position `upto`, all of which must be there. Raises ClickHouseError."""
        async with self._turn:
            for table, select in SELECTS.items():
                mark = self._marks.pop(table, None)  # unknown again, should this fail
                if mark is None:
                    mark = await self._look_up(table)
                while mark < upto:
                    step = min(mark + STEP, upto)
                    # By a plain replacement, for braces may stand in SQL: and both are integers.
                    bounded = select.replace("{after}", str(mark)).replace("{upto}", str(step))
                    await self._clickhouse.execute(f"INSERT INTO {table} {bounded}")
                    mark = step
                    if mark - self._hints.get(table, 0) >= STEP:
                        await self._clickhouse.insert("marks", ("rollup", "position"), [(table, mark)])
                        self._hints[table] = mark
                self._marks[table] = mark

    async def redo(self, position: int) -> None:
        """Take in an event that activity got after its turn, by those that have passed it. Raises ClickHouseError.

        Only for a row that was just stored: what is broken off here is not made good later, so that nothing is ever
        counted twice.
        """
        async with self._turn:
            for table, select in SELECTS.items():
                if position <= (self._marks.get(table) or await self._look_up(table)):
                    bounded = select.replace("{after}", str(position - 1)).replace("{upto}", str(position))
                    await self._clickhouse.execute(f"INSERT INTO {table} {bounded}")

    async def _look_up(self, table: str) -> int:
        """How far a rollup has come: by its rows, or by what was noted when it had none to store."""
        ((running,),) = await self._clickhouse.query(
            f"SELECT toInt64(count()) FROM system.processes WHERE query LIKE 'INSERT INTO {table} %'"  # noqa: S608
        )
        if running:
            raise ClickHouseError("an insert of a lost connection is still running", transient=True)
        ((stored,),) = await self._clickhouse.query(f"SELECT toInt64(maxMerge(upto)) FROM {table}")  # noqa: S608
        ((noted,),) = await self._clickhouse.query(
            f"SELECT toInt64(max(position)) FROM marks WHERE rollup = '{table}'"  # noqa: S608 our own names
        )
        self._hints[table] = int(noted)
        return max(int(stored), int(noted))
