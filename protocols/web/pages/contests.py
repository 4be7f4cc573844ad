"""Contests for students: which there are, their rules, taking part, and who is where."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from protocols import messages as m
from protocols.catalogue import mark
from protocols.web.application import Page
from protocols.web.rendering import render, see
from protocols.web.visit import Visit, said

STATES: Final[dict[m.ContestState, str]] = {
    "upcoming": mark("It has not begun yet"),
    "running": mark("It is on"),
    "over": mark("It is over"),
}


async def contests(visit: Visit) -> web.Response:
    after = visit.request.query.get("after")
    page = await visit.expect(m.Contests, said(m.ListContests, user=visit.user, after=after))
    return render(
        visit,
        "contests.html",
        contests=page.items,
        following=page.next,
        titles=await titles_of(visit),
        STATES=STATES,
    )


async def contest(visit: Visit) -> web.Response:
    return await _contest(visit)


async def _contest(visit: Visit, refusal: m.Conflict | None = None) -> web.Response:
    number, after = visit.part("contest"), visit.request.query.get("after")
    shown = await visit.expect(m.Contest, said(m.ShowContest, user=visit.user, contest=number))
    board = await visit.expect(
        m.ContestLeaderboard, said(m.ShowContestLeaderboard, user=visit.user, contest=number, after=after)
    )
    return render(
        visit,
        "contest.html",
        status=200 if refusal is None else refusal.status,
        contest=shown,
        board=board,
        refusal=refusal,
        titles=await titles_of(visit),
        STATES=STATES,
    )


async def join(visit: Visit) -> web.Response:
    try:
        await visit.ask(said(m.JoinContest, user=visit.user, contest=visit.part("contest")))
    except m.Conflict as refusal:
        return await _contest(visit, refusal)
    return see(f"/contests/{visit.part('contest')}")


async def start(visit: Visit) -> web.Response:
    try:
        training = await visit.expect(
            m.Training, said(m.StartContest, user=visit.user, platform="web", contest=visit.part("contest"))
        )
    except m.Conflict as refusal:
        return await _contest(visit, refusal)
    return see("/training" if training.status == "open" else f"/trainings/{training.id}")


async def titles_of(visit: Visit) -> dict[str, str]:
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    return {subject.slug: subject.title for subject in subjects.items}


PAGES: Final = (
    Page("GET", "/contests", contests),
    Page("GET", "/contests/{contest}", contest),
    Page("POST", "/contests/{contest}/join", join),
    Page("POST", "/contests/{contest}/start", start),
)
