"""How the service is used, for administrators: the reports of the dashboards, without a dashboard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from protocols import messages as m
from protocols.web import charts
from protocols.web.application import Page
from protocols.web.rendering import render
from protocols.web.visit import Visit, said

PERIODS: Final = (7, 30, 90, 365)
DEFAULT_DAYS: Final = "30"
Row = dict[str, int | float | str]


async def analytics(visit: Visit) -> web.Response:
    days = visit.request.query.get("days") or DEFAULT_DAYS
    found = await visit.expect(m.Analytics, said(m.ShowAnalytics, user=visit.user, days=days))
    t = visit.t
    reports = {
        name: [dict(zip(one.columns, row, strict=True)) for row in one.rows] for name, one in found.reports.items()
    }
    given = by_day(found, reports["learning_answers"], "given")
    shares = right_by_day(found, reports["learning_answers"], reports["learning_right"])

    def whole(value: float) -> str:
        return t.number(value if value < 3 else round(value))

    drawn = (
        (
            t("Students by day"),
            charts.columns(by_day(found, reports["students_daily"], "students"), t("Students by day"), whole),
        ),
        (
            t("New students by day"),
            charts.columns(by_day(found, reports["students_new"], "students"), t("New students by day"), whole),
        ),
        (t("Answers by day"), charts.columns(given, t("Answers by day"), whole)),
        (t("Share of right answers by day"), charts.line(shares, t("Share of right answers by day"), t.percent, 1.0)),
        (
            t("Answers by the hour (UTC)"),
            charts.columns(by_hour(reports["students_hours"]), t("Answers by the hour (UTC)"), whole),
        ),
        (
            t("Trainings begun by day"),
            charts.columns(by_day(found, reports["learning_trainings"], "begun"), t("Trainings begun by day"), whole),
        ),
    )
    return render(
        visit,
        "analytics.html",
        days=days,
        periods=PERIODS,
        found=found,
        reports=reports,
        charts=drawn,
        retention=cohorts(reports["students_retention"]),
    )


def by_day(found: m.Analytics, rows: Iterable[Row], column: str) -> list[tuple[str, float]]:
    """A point for each day of the range, also where there was nothing."""
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        sums[str(row["time"])[:10]] += float(row[column])
    return [(day.isoformat(), sums[day.isoformat()]) for day in _days(found.since, found.until)]


def right_by_day(found: m.Analytics, given: Iterable[Row], shares: Iterable[Row]) -> list[tuple[str, float]]:
    """The share of right answers in all subjects together, of the days on which there were any."""
    share = {(row["time"], row["subject"]): float(row["share"]) for row in shares}
    answers: dict[str, float] = defaultdict(float)
    right: dict[str, float] = defaultdict(float)
    for row in given:
        day = str(row["time"])[:10]
        answers[day] += float(row["given"])
        right[day] += float(row["given"]) * share[row["time"], row["subject"]]
    return [(day, right[day] / answers[day]) for day in sorted(answers)]


def by_hour(rows: Iterable[Row]) -> list[tuple[str, float]]:
    given = {int(row["hour"]): float(row["given"]) for row in rows}
    return [(f"{hour:02}", given.get(hour, 0.0)) for hour in range(24)]


def cohorts(rows: Iterable[Row]) -> Mapping[str, list[int]]:
    """Of each week of first trainings, how many students came in it and in each week after, up to the last there is."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for row in rows:
        found[str(row["cohort"])][int(row["weeks_later"])] = int(row["students"])
    return {cohort: [later.get(week, 0) for week in range(max(later) + 1)] for cohort, later in found.items()}


def _days(since: date, until: date) -> Iterable[date]:
    return (since + timedelta(days=number) for number in range((until - since).days + 1))


PAGES: Final = (Page("GET", "/admin/analytics", analytics, role="admin"),)
