"""What a student has reached: statistics with their picture, and the leaderboards."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from protocols import messages as m
from protocols.web.application import Page
from protocols.web.rendering import render
from protocols.web.visit import Visit, said

PERIODS: Final = (7, 30, 365)


async def statistics(visit: Visit) -> web.Response:
    days = visit.request.query.get("days")
    figures = await visit.expect(m.Statistics, said(m.ShowStatistics, user=visit.user, days=days or None))
    return render(visit, "statistics.html", figures=figures, days=days, periods=PERIODS)


async def statistics_picture(visit: Visit) -> web.Response:
    days = visit.request.query.get("days")
    theme = visit.request.query.get("theme") or "light"
    file = await visit.expect(
        m.File, said(m.DrawStatistics, user=visit.user, days=days or None, format="svg", theme=theme)
    )
    return web.Response(body=file.content, content_type=file.media_type)


async def leaderboard(visit: Visit) -> web.Response:
    days = visit.request.query.get("days")
    slug = visit.part("subject")
    board = await visit.expect(m.Leaderboard, said(m.ShowLeaderboard, user=visit.user, subject=slug, days=days or None))
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    subject = next((one for one in subjects.items if one.slug == slug), None)
    if subject is None:
        raise m.NotFound(f"There is no subject {slug!r}.")
    return render(visit, "leaderboard.html", subject=subject, standings=board.items, days=days, periods=PERIODS)


PAGES: Final = (
    Page("GET", "/statistics", statistics),
    Page("GET", "/statistics.svg", statistics_picture),
    Page("GET", "/subjects/{subject}/leaderboard", leaderboard),
)
