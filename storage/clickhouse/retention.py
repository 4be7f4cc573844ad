"""What is too old is dropped: activity by months, logs by weeks. Rollups stay."""

from __future__ import annotations

from datetime import date, timedelta

from storage.clickhouse.engine import ClickHouse


async def drop_activity(clickhouse: ClickHouse, months: int, today: date) -> list[str]:
    """Drop activity of all but the last `months` months and the current one, once it is in the rollups.

    Nothing is dropped before there is newer activity: what comes is never older than what is there, and the highest
    position, by which the relay knows how far it is, stays.
    """
    oldest = today.year * 12 + today.month - 1 - months
    first = f"{oldest // 12:04}{oldest % 12 + 1:02}"
    return await _drop(clickhouse, "activity", first, "")


async def drop_logs(clickhouse: ClickHouse, days: int, today: date) -> list[str]:
    """Drop the weeks of logs that ended more than `days` days ago."""
    before = today - timedelta(days=days)
    return await _drop(clickhouse, "logs", (before - timedelta(days=before.weekday())).isoformat(), "'")


async def _drop(clickhouse: ClickHouse, table: str, first: str, quote: str) -> list[str]:
    rows = await clickhouse.query(
        f"SELECT DISTINCT partition FROM system.parts WHERE table = '{table}'"  # noqa: S608 our own names
        " AND database = currentDatabase() AND active ORDER BY partition"
    )
    # 18.16 shows a date in its quotes.
    partitions = [str(row[0]).strip("'") for row in rows]
    old = [name for name in partitions if name < first]
    if len(old) == len(partitions):
        old = old[:-1]
    for name in old:
        await clickhouse.execute(f"ALTER TABLE {table} DROP PARTITION {quote}{name}{quote}")
    return old
