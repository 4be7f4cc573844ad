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
MOST_CONTESTS: Final = 100  # that are called by their titles; those of before by their numbers
Row = dict[str, int | float | str]


async def analytics(visit: Visit) -> web.Response:
    days = visit.request.query.get("days") or DEFAULT_DAYS
    found = await visit.expect(m.Analytics, said(m.ShowAnalytics, user=visit.user, days=days))
    t = visit.t
    reports = {
        name: [dict(zip(one.columns, row, strict=True)) for row in one.rows] for name, one in found.reports.items()
    }
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    plans = await visit.expect(m.PlannedContests, m.ListPlans(user=visit.user, limit=MOST_CONTESTS))

    def daily(report: str, column: str) -> list[tuple[str, float]]:
        return [(t.day(day), value) for day, value in by_day(found, reports[report], column)]

    given, answers = daily("learning_answers", "given"), reports["learning_answers"]
    shares = [(t.day(day), share) for day, share in right_by_day(answers, reports["learning_right"])]
    drawn = (
        (
            t("Students by day"),
            charts.columns(daily("students_daily", "students"), t("Students by day"), t.number),
        ),
        (
            t("New students by day"),
            charts.columns(daily("students_new", "students"), t("New students by day"), t.number),
        ),
        (t("Answers by day"), charts.columns(given, t("Answers by day"), t.number)),
        (t("Share of right answers by day"), charts.line(shares, t("Share of right answers by day"), t.percent, 1.0)),
        (
            t("Answers by the hour (UTC)"),
            charts.columns(by_hour(reports["students_hours"]), t("Answers by the hour (UTC)"), t.number),
        ),
        (
            t("Trainings begun by day"),
            charts.columns(daily("learning_trainings", "begun"), t("Trainings begun by day"), t.number),
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
        titles={subject.slug: subject.title for subject in subjects.items},
        topics={(subject.slug, topic.slug): topic.title for subject in subjects.items for topic in subject.topics},
        contests={contest.id: contest.title for contest in plans.items},
    )


def by_day(found: m.Analytics, rows: Iterable[Row], column: str) -> list[tuple[date, float]]:
    """A point for each day of the range, also where there was nothing."""
    sums: dict[date, float] = defaultdict(float)
    for row in rows:
        sums[_day(row)] += float(row[column])
    return [(day, sums[day]) for day in _days(found.since, found.until)]


def right_by_day(given: Iterable[Row], shares: Iterable[Row]) -> list[tuple[date, float]]:
    """The share of right answers in all subjects together, of the days on which there were any."""
    share = {(row["time"], row["subject"]): float(row["share"]) for row in shares}
    answers: dict[date, float] = defaultdict(float)
    right: dict[date, float] = defaultdict(float)
    for row in given:
        day = _day(row)
        answers[day] += float(row["given"])
        right[day] += float(row["given"]) * share[row["time"], row["subject"]]
    return [(day, right[day] / answers[day]) for day in sorted(answers)]


def by_hour(rows: Iterable[Row]) -> list[tuple[str, float]]:
    given = {int(row["hour_of_day"]): float(row["given"]) for row in rows}
    return [(f"{hour:02}", given.get(hour, 0.0)) for hour in range(24)]


def cohorts(rows: Iterable[Row]) -> Mapping[date, list[int]]:
    """Of each week of first trainings, how many students came in it and in each week after, up to the last there is."""
    found: dict[date, dict[int, int]] = defaultdict(dict)
    for row in rows:
        found[date.fromisoformat(str(row["cohort"]))][int(row["weeks_later"])] = int(row["students"])
    return {cohort: [later.get(week, 0) for week in range(max(later) + 1)] for cohort, later in found.items()}


def _day(row: Row) -> date:
    return date.fromisoformat(str(row["time"])[:10])


def _days(since: date, until: date) -> Iterable[date]:
    return (since + timedelta(days=number) for number in range((until - since).days + 1))


PAGES: Final = (Page("GET", "/admin/analytics", analytics, role="admin"),)
