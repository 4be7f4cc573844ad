"""Rollups take in each event once, whatever breaks when; and the figures of questions out of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest

from actors.analytics.quality import assess
from storage.clickhouse import activity, quality, reports, retention, rollups
from storage.clickhouse.engine import ClickHouse, ClickHouseError, Value, connect
from storage.clickhouse.rollups import SELECTS, Rollups
from tests.analytics.conftest import ActivityRows, by_month, column, fill
from tests.analytics.history import Happened
from tests.analytics.truth import Truth
from tests.clickhouse_server import ClickHouseServer

ALL = (datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 11, 30, tzinfo=UTC))
# Of each rollup a figure that a doubled or a lost event would change.
TOTALS = {
    "learning": "countMerge(answers)",
    "trainings": "sumMerge(started) + sumMerge(finished)",
    "presence": "sumMerge(answers)",
    "people": "sumMerge(answers)",
    "weeks": "sumMerge(answers)",
    "quality": "countMerge(answers)",
    "choices": "arraySum(sumMapMerge(strengths).2)",
    "contests": "sumMerge(started) + sumMerge(finished)",
}


async def totals(clickhouse: ClickHouse) -> dict[str, int]:
    found = {}
    for table, figure in TOTALS.items():
        ((total,),) = await clickhouse.query(f"SELECT toInt64({figure}) FROM {table}")
        found[table] = int(total)
    return found


def expected(history: Sequence[Happened]) -> dict[str, int]:
    truth = Truth(history, *ALL)
    ended = [answer for training in truth.ended for answer in truth.given[training]]
    chosen = [
        option
        for training in truth.ended
        for answer in truth.given[training]
        if len(truth.given[training]) > 1 and answer.data["kind"] in ("single", "multiple")
        for option in set(answer.data["response"])
    ]
    both = len(truth.begun) + len(truth.ended)
    of_contests = [one for one in [*truth.begun, *truth.ended] if truth.begun[one].data["contest"]]
    return {
        "learning": len(truth.answered),
        "trainings": both,
        "presence": len(truth.answered),
        "people": len(truth.answered),
        "weeks": len(truth.answered),
        "quality": len(ended),
        "choices": len(chosen),
        "contests": len(of_contests),
    }


class Breaking:
    """ClickHouse whose connection breaks at the `at`-th statement: before it has done its work, or after."""

    def __init__(self, inner: ClickHouse, at: int, *, done: bool) -> None:
        self._inner = inner
        self._left = at
        self._done = done

    async def execute(self, sql: str) -> None:
        self._left -= 1
        if self._left == 0 and not self._done:
            raise ClickHouseError("the connection is lost", transient=True)
        await self._inner.execute(sql)
        if self._left == 0:
            raise ClickHouseError("the connection is lost", transient=True)

    async def query(self, sql: str) -> list[tuple[Value, ...]]:
        return await self._inner.query(sql)

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        await self._inner.insert(table, columns, rows)

    async def insert_json(self, table: str, columns: Sequence[str], lines: str) -> None:
        await self._inner.insert_json(table, columns, lines)

    async def close(self) -> None:
        await self._inner.close()


async def test_each_event_is_in_each_rollup_once(
    empty: ClickHouse, rows: ActivityRows, history: list[Happened]
) -> None:
    await fill(empty, rows)
    assert await totals(empty) == expected(history)


@pytest.mark.parametrize("done", [False, True])
async def test_a_connection_that_breaks_in_an_insert_neither_doubles_nor_loses(
    empty: ClickHouse, rows: ActivityRows, history: list[Happened], done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "STEP", 2_000)
    await activity.insert(empty, by_month(rows))
    for at in (1, 2, 3, 5, 1, 8):
        one = Rollups(Breaking(empty, at, done=done))
        with pytest.raises(ClickHouseError):
            await one.catch_up(len(rows))
    await one.catch_up(len(rows))  # this one goes on, and the others were as before a restart
    assert await totals(empty) == expected(history)


async def test_a_server_killed_in_the_middle_has_every_event_once_afterwards(
    tmp_path: Path, rows: ActivityRows, history: list[Happened], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "STEP", 500)
    server = ClickHouseServer(tmp_path)
    await server.start()
    clickhouse = connect(server.url, tmp_path)
    try:
        await activity.migrate(clickhouse)
        await activity.insert(clickhouse, by_month(rows))
        broken = 0
        for pause in (0.05, 0.3, 0.6):
            work = asyncio.create_task(Rollups(clickhouse).catch_up(len(rows)))
            await asyncio.sleep(pause)
            await server.kill()
            broken += isinstance((await asyncio.gather(work, return_exceptions=True))[0], ClickHouseError)
            await server.start()
        assert broken
        await Rollups(clickhouse).catch_up(len(rows))
        assert await totals(clickhouse) == expected(history)
    finally:
        await clickhouse.close()
        await server.kill()


async def test_a_rollup_without_rows_does_not_begin_at_the_beginning_again(
    empty: ClickHouse, rows: ActivityRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "STEP", 1_000)
    without_contests = [row for row in rows if column("contest", row) == 0]
    await activity.insert(empty, by_month(without_contests))
    await Rollups(empty).catch_up(len(rows))
    counting = Breaking(empty, 0, done=False)
    await Rollups(counting).catch_up(len(rows))
    assert -counting._left <= len(SELECTS)  # at most one short step each


async def test_an_event_that_was_parked_and_is_freed_counts_once(
    empty: ClickHouse, rows: ActivityRows, history: list[Happened]
) -> None:
    late = next(number for number, row in enumerate(rows) if column("event", row) == "answered")
    await activity.insert(empty, [*by_month(rows[:late]), activity.parked(late + 1)])
    await activity.insert(empty, by_month(rows[late + 1 :]))
    kept = Rollups(empty)
    await kept.catch_up(len(rows))
    assert (await totals(empty))["learning"] == expected(history)["learning"] - 1
    assert await activity.redo(empty, late + 1, [rows[late]])
    await kept.redo(late + 1)
    assert not await activity.redo(empty, late + 1, [rows[late]])
    assert await totals(empty) == expected(history)


async def test_figures_of_questions_equal_numpys_on_the_same_answers(
    empty: ClickHouse, rows: ActivityRows, history: list[Happened]
) -> None:
    await fill(empty, rows)
    pairs = Truth(history, *ALL).pairs(all_time=True)
    compared = 0
    for subject in ("biology", "mathematics"):
        for question, sums in (await quality.sums(empty, subject, None, None)).items():
            answers = pairs[subject, question]
            found = assess(sums, (), ())
            x, y = np.array([pair for pair in answers if pair[1] is not None], dtype=float).T
            assert found.answers == len(answers)
            assert found.facility == pytest.approx(np.mean([score for score, _ in answers]), abs=1e-9)
            assert found.pairs == len(x)
            assert found.discrimination == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
            assert sum(sums.strengths.values()) == len(x)
            compared += 1
    assert compared == 60


async def test_figures_of_one_question_since_a_month(
    empty: ClickHouse, rows: ActivityRows, history: list[Happened]
) -> None:
    await fill(empty, rows)
    truth = Truth(history, datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC))
    found = await quality.sums(empty, "biology", 5, date(2025, 10, 20))
    assert found.keys() == {5}
    assert found[5].answers == len(truth.pairs()["biology", 5])


async def test_activity_of_before_is_made_again_from_the_journal(
    tmp_path: Path, rows: ActivityRows, history: list[Happened]
) -> None:
    clickhouse = connect("", tmp_path)
    try:
        await clickhouse.execute((activity.MIGRATIONS / "0001_activity.sql").read_text())
        await clickhouse.execute(
            "CREATE TABLE migrations (name String, applied_at DateTime) ENGINE = MergeTree ORDER BY name"
        )
        await clickhouse.insert("migrations", ("name", "applied_at"), [("0001_activity.sql", 0)])
        old = activity.COLUMNS[: activity.COLUMNS.index("mode")]
        await clickhouse.insert("activity", old, [orjson.loads(row)[: len(old)] for row in rows[:500]])
        await fill(clickhouse, rows)
        assert await activity.checkpoint(clickhouse) == len(rows)
        assert await totals(clickhouse) == expected(history)
    finally:
        await clickhouse.close()


async def test_old_activity_is_dropped_and_its_sums_stay(
    empty: ClickHouse, rows: ActivityRows, history: list[Happened]
) -> None:
    await fill(empty, rows)
    assert await retention.drop_activity(empty, 1, date(2025, 11, 20)) == ["202509"]
    ((oldest,),) = await empty.query("SELECT toYYYYMM(min(at)) FROM activity")
    assert oldest == 202510
    await Rollups(empty).catch_up(len(rows))
    assert await totals(empty) == expected(history)
    found = await reports.run(empty, "students_daily", *ALL)
    assert len(found) == len(Truth(history, *ALL).students_daily())


async def test_the_newest_activity_stays_for_the_relay_to_know_its_place(empty: ClickHouse, rows: ActivityRows) -> None:
    await fill(empty, rows)
    await retention.drop_activity(empty, 1, date(2027, 1, 1))
    assert await activity.checkpoint(empty) == len(rows)


async def test_old_logs_are_dropped_by_weeks(empty: ClickHouse) -> None:
    columns = ("at", "microseconds", "level", "logger", "event", "fields")
    for day in (2, 5, 12, 26):  # Tuesday, Friday, Friday, Friday
        at = int(datetime(2026, 6, day, tzinfo=UTC).timestamp())
        await empty.insert("logs", columns, [(at, 0, "info", "a", "b", "{}")])
    assert await retention.drop_logs(empty, 7, date(2026, 6, 18)) == ["2026-06-01"]
    ((left,),) = await empty.query("SELECT toInt64(count()) FROM logs")
    assert left == 2
