"""How many rows each dashboard query reads, beside a scan of activity: `python -m benchmarks.analytics [--rows N]`.

It fills a ClickHouse server of its own (Debian's package) in a temporary folder, by default with 50 million rows of
activity: two years of 200,000 students in 5,000 questions. That takes a few minutes and some gigabytes. Fewer rows are
a shorter time of fewer students and questions. Then every report runs over the range of its dashboard and over all the
time, and ClickHouse tells how many rows it read.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import clickhouse_driver

from grafana.build import DASHBOARDS
from storage.clickhouse import activity, reports, rollups
from storage.clickhouse.engine import connect
from storage.clickhouse.rollups import SELECTS, Rollups
from tests.clickhouse_server import ClickHouseServer

ROWS: Final = 50_000_000
IN_TRAINING: Final = 10  # rows: its beginning, eight answers, its end
PORTION: Final = 500_000
MOST_SHARE: Final = 0.02
END: Final = datetime(2025, 12, 31, 23, 59, tzinfo=UTC)
OF_LOGS: Final = ("service_log_levels", "service_troubles")
DAYS: Final = {"6h": 1, "24h": 1, "90d": 90, "1y": 365}

# Row `number` of a history made of hashes. (A division by ten is that of trainings, a remainder what happens in one.)
HISTORY: Final = """
INSERT INTO activity (position, user, seq, at, event, platform, training, subject, topic, kind, question, score,
    correct, seconds, mode, contest, reason, chosen, questions, scores, times, choices)
SELECT
    number + 1, student, toUInt32(number), toDateTime({begin} + intDiv(number * {span}, {rows})), event,
    ['http', 'web', 'telegram'][student % 3 + 1], if(event = '', '', concat(toString(student), '-', toString(session))),
    concat('subject-', toString(session % 4)), if(step BETWEEN 1 AND 8, concat('topic-', toString(asked % 12)), ''),
    if(step BETWEEN 1 AND 8, 'single', ''), if(step BETWEEN 1 AND 8, asked, 0), if(step BETWEEN 1 AND 8, right, 0),
    toUInt8(step BETWEEN 1 AND 8 AND right = 1), if(step BETWEEN 1 AND 8, cityHash64(number, 5) % 90, 0),
    if(step IN (0, 9), 'practice', ''), if(step IN (0, 9) AND session % 20 = 7, intDiv(session, 100000) + 1, 0),
    if(step = 9, 'complete', ''),
    arrayMap(one -> ['a', 'b', 'c', 'd'][cityHash64(number, 3) % 4 + 1], arrayFilter(one -> step BETWEEN 1 AND 8, [1])),
    arrayMap(one -> cityHash64(number - one, 1) % {quarter} * 4 + session % 4, before),
    arrayMap(one -> toFloat64(cityHash64(number - one, 2) % 2), before),
    arrayMap(one -> toFloat64(cityHash64(number - one, 5) % 90), before),
    arrayMap(one -> [['a', 'b', 'c', 'd'][cityHash64(number - one, 3) % 4 + 1]], before)
FROM (
    SELECT
        number, intDiv(number, 10) AS session, number % 10 AS step,
        cityHash64(session) % {students} + 1 AS student, cityHash64(number, 1) % {quarter} * 4 + session % 4 AS asked,
        toFloat64(cityHash64(number, 2) % 2) AS right, arrayFilter(one -> step = 9, [1, 2, 3, 4, 5, 6, 7, 8]) AS before,
        multiIf(step = 0, 'started', step = 9, 'finished', 'answered') AS event
    FROM numbers({first}, {many})
)
"""


@dataclass(frozen=True)
class Read:
    report: str
    span: str
    rows: int
    share: float
    seconds: float


async def measure(count: int, folder: Path) -> tuple[int, list[Read]]:
    """How many rows a scan of activity reads, and each report."""
    server = ClickHouseServer(folder)
    await server.start()
    clickhouse = connect(server.url, folder)
    try:
        await activity.migrate(clickhouse)
        client = clickhouse_driver.Client.from_url(f"{server.url}?send_receive_timeout=600")
        await asyncio.to_thread(_fill, client, count)
        rollups.STEP = 500_000  # type: ignore[misc]  # fewer steps than a service takes, for the time it takes here
        kept, began = Rollups(clickhouse), time.monotonic()
        for upto in range(PORTION, count + PORTION, PORTION):
            await kept.catch_up(min(upto, count))
            _say(f"rollups: {min(upto, count):,} rows, {min(upto, count) / (time.monotonic() - began):,.0f} a second")
        sys.stderr.write("\n")
        return await asyncio.to_thread(_read_all, client, count)
    finally:
        await clickhouse.close()
        await server.kill()


def _fill(client: Any, count: int) -> None:  # Any: the driver is not typed
    span = int(timedelta(days=730).total_seconds() * count / ROWS)
    for first in range(0, count, PORTION):
        values = {
            "begin": int(END.timestamp()) - span,
            "span": span,
            "rows": count,
            "quarter": max(5_000 * count // ROWS // 4, 4),
            "students": max(200_000 * count // ROWS, 50),
            "first": first,
            "many": min(PORTION, count - first),
        }
        sql = HISTORY
        for name, value in values.items():
            sql = sql.replace(f"{{{name}}}", str(value))
        client.execute(sql)
        _say(f"activity: {first + values['many']:,} rows")
    sys.stderr.write("\n")


def _read_all(client: Any, count: int) -> tuple[int, list[Read]]:
    for table in SELECTS:  # as merges leave them after a while
        client.execute(f"OPTIMIZE TABLE {table} FINAL")
    client.execute("SELECT sum(cityHash64(position, user, event)) FROM activity")
    scan = int(client.last_query.progress.rows)
    found = []
    for name, days in _asked():
        start = datetime(2000, 1, 1, tzinfo=UTC) if days is None else END - timedelta(days=days)
        began = time.monotonic()
        client.execute(reports.expand(reports.REPORTS[name], start, END))
        rows = int(client.last_query.progress.rows)
        span = "all" if days is None else f"{days} d"
        found.append(Read(name, span, rows, rows / scan, time.monotonic() - began))
    return scan, found


def _asked() -> Iterator[tuple[str, int | None]]:
    """Each report with the days of its dashboard, and with None for all the time."""
    for _, since, panels in DASHBOARDS.values():
        for panel in panels:
            if panel.report and panel.report not in OF_LOGS:
                yield panel.report, DAYS[since.removeprefix("now-")]
                yield panel.report, None


def _say(what: str) -> None:
    sys.stderr.write(f"\r{what:70}")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analytics")
    parser.add_argument("--rows", type=int, default=ROWS)
    count = parser.parse_args(arguments).rows // IN_TRAINING * IN_TRAINING
    with tempfile.TemporaryDirectory(prefix="apo-analytics-") as folder:
        scan, found = asyncio.run(measure(count, Path(folder)))
    print(f"a scan of activity reads {scan:,} rows; wanted: at most {MOST_SHARE:.0%} of them")
    for one in found:
        print(f"{one.report:22} {one.span:>6}  {one.rows:>12,} rows  {one.share:7.3%}  {one.seconds:6.2f} s")
    worst = max(one.share for one in found)
    print(f"the most that one reads: {worst:.3%}")
    return 0 if worst <= MOST_SHARE else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
