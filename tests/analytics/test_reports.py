"""Every report, on both kinds of ClickHouse, says what a count of the journal in plain Python says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from grafana.build import DASHBOARDS
from storage.clickhouse import activity, reports
from storage.clickhouse.engine import ClickHouse
from tests.analytics.conftest import ActivityRows
from tests.analytics.history import Happened, Line
from tests.analytics.truth import Truth

# Whole days, a range that begins and ends within days, and one with nothing in it.
RANGES = [
    (datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 11, 30, 23, 59, 59, tzinfo=UTC)),
    (datetime(2025, 10, 8, 13, 7, tzinfo=UTC), datetime(2025, 11, 2, 4, 30, 1, tzinfo=UTC)),
    (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("span", RANGES, ids=["all", "some", "none"])
@pytest.mark.parametrize("report", sorted(reports.REPORTS))
async def test_a_report_says_what_the_journal_says(
    filled: ClickHouse, history: list[Happened], log: list[Line], report: str, span: tuple[datetime, datetime]
) -> None:
    found = await reports.run(filled, report, *span)
    expected = getattr(Truth(history, *span, log), report)()
    assert [_near(row) for row in expected] == found


def _near(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(pytest.approx(one, rel=1e-9, abs=1e-12) if isinstance(one, float) else one for one in row)


@pytest.mark.asyncio(loop_scope="module")
async def test_rows_of_activity_come_back_as_the_journal_told_them(filled: ClickHouse, rows: ActivityRows) -> None:
    columns = ", ".join("toUInt32(at)" if column == "at" else column for column in activity.COLUMNS)
    found = await filled.query(f"SELECT {columns} FROM activity ORDER BY position")
    assert list(map(_with_lists, found)) == list(map(orjson.loads, rows))


def _with_lists(value: object) -> object:
    """The native protocol tells lists as tuples."""
    return [_with_lists(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("report", sorted(reports.REPORTS))
def test_the_history_has_something_for_every_report(history: list[Happened], log: list[Line], report: str) -> None:
    assert getattr(Truth(history, *RANGES[0], log), report)()


@pytest.mark.parametrize(
    "report", [panel.report for _, _, panels in DASHBOARDS.values() for panel in panels if panel.kind == "barchart"]
)
def test_bars_stand_above_texts_or_grafana_draws_none(history: list[Happened], report: str) -> None:
    assert {type(row[0]) for row in getattr(Truth(history, *RANGES[0]), report)()} == {str}


@pytest.mark.parametrize("report", sorted(reports.REPORTS))
def test_every_column_has_a_name(report: str) -> None:
    names = reports.columns(report)
    assert len(set(names)) == len(names) >= 2


def test_macros_are_put_in_as_grafana_does() -> None:
    sql = "$__timeFilter(at) AND $__dateFilter(day) AND $__fromTime < $__toTime"
    start, end = datetime(2025, 9, 1, 1, 2, 3, tzinfo=UTC), datetime(2025, 9, 2, 23, tzinfo=UTC)
    assert reports.expand(sql, start, end) == (
        "at >= toDateTime(1756688523) AND at <= toDateTime(1756854000)"
        " AND day >= toDate('2025-09-01') AND day <= toDate('2025-09-02')"
        " AND toDateTime(1756688523) < toDateTime(1756854000)"
    )


def test_a_macro_that_is_not_known_is_no_sql() -> None:
    with pytest.raises(reports.UnknownMacro, match="adHoc"):
        reports.expand("SELECT $__adHoc(x)", *RANGES[0])
