"""Contests for administrators: planned, looked at, deleted, and their results taken home."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from protocols import messages as m
from protocols.catalogue import mark
from protocols.http.downloads import downloading
from protocols.web.application import Page
from protocols.web.pages.contests import STATES, titles_of
from protocols.web.rendering import faults, render, see
from protocols.web.visit import Visit, said

TROUBLES: Final = {
    "title": mark("A title has 1 to 200 characters."),
    "starts_at": mark("It needs a start."),
    "ends_at": mark("The end is after the start, in the future, and at most 31 days later."),
    "minutes": mark("Everybody has 1 to 300 minutes."),
    "size": mark("Either give the number of questions, 1 to 200, or list them."),
    "questions": mark("These questions are not all there, or one of them is there twice or archived."),
    "filters": mark("Kinds and difficulty choose among many; where the questions are listed, leave them out."),
    "participants": mark("Users are listed by their numbers."),
    "remind_minutes": mark("A reminder comes 1 to 10080 minutes before the start."),
}


async def plans(visit: Visit) -> web.Response:
    after = visit.request.query.get("after")
    page = await visit.expect(m.PlannedContests, said(m.ListPlans, user=visit.user, after=after))
    titles = await titles_of(visit)
    return render(visit, "plans.html", contests=page.items, following=page.next, titles=titles, STATES=STATES)


async def form(visit: Visit) -> web.Response:
    return await _form(visit)


async def _form(
    visit: Visit, refusal: m.Refusal | None = None, contest: m.PlannedContest | None = None
) -> web.Response:
    """For a new contest, or for the one that is changed."""
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    wrong = {path.partition(".")[0] for path in faults(refusal)} if isinstance(refusal, m.Invalid) else set()
    return render(
        visit,
        "plan_form.html",
        status=200 if refusal is None else refusal.status,
        subjects=subjects.items,
        troubles=[trouble for name, trouble in TROUBLES.items() if name in wrong],
        refusal=refusal,
        contest=contest,
    )


async def create(visit: Visit) -> web.Response:
    try:
        made = await visit.expect(m.PlannedContest, _planned(visit))
    except (m.Invalid, m.Conflict) as refusal:
        return await _form(visit, _named(refusal))
    return see(f"/admin/contests/{made.id}")


async def edit(visit: Visit) -> web.Response:
    contest = await _shown(visit)
    visit.form.update(_filled_in(visit, contest))
    return await _form(visit, contest=contest)


async def change(visit: Visit) -> web.Response:
    number = visit.part("contest")
    try:
        if "starts_at" in visit.form:
            planned = _planned(visit, await _shown(visit))
            changed = said(m.ChangeContest, contest=number, **dict(planned))
        else:  # it had begun, and the form had no more
            title, rules = visit.one("title"), visit.one("rules")
            changed = said(m.ChangeContest, user=visit.user, contest=number, title=title, rules=rules)
        await visit.ask(changed)
    except (m.Invalid, m.Conflict) as refusal:
        return await _form(visit, _named(refusal), await _shown(visit))
    return see(f"/admin/contests/{number}")


def _planned(visit: Visit, kept: m.PlannedContest | None = None) -> m.CreateContest:
    """The plan that is filled in, in place of what is `kept`. Raises Invalid."""
    low, high = visit.filled("min"), visit.filled("max")
    filters: dict[str, object] = {}
    if topics := visit.all("topics"):
        filters["topics"] = topics
    if kinds := visit.all("kinds"):
        filters["kinds"] = kinds
    if low or high:
        filters["difficulty"] = {"min": low, "max": high}
    participants: dict[str, object] = {}
    if grades := visit.all("grades"):
        participants["grades"] = grades
    if users := visit.one("users").replace(",", " ").split():
        participants["users"] = users
    return said(
        m.CreateContest,
        user=visit.user,
        title=visit.one("title"),
        subject=visit.one("subject"),
        rules=visit.one("rules"),
        starts_at=visit.moment("starts_at", kept.starts_at if kept else None),
        ends_at=visit.moment("ends_at", kept.ends_at if kept else None),
        minutes=visit.one("minutes"),
        size=visit.filled("size"),
        questions=visit.one("questions").split() or None,
        filters=filters,
        draw=visit.one("draw", "same"),
        participants=participants,
        results_hidden=visit.one("results_hidden") == "yes",
        remind_minutes=visit.filled("remind_minutes"),
    )


def _filled_in(visit: Visit, plan: m.ContestPlan) -> dict[str, list[str]]:
    """The form that makes this plan."""
    difficulty = plan.filters.difficulty or m.DifficultyRange()
    fields: dict[str, Iterable[object]] = {
        "title": [plan.title],
        "subject": [plan.subject],
        "rules": [plan.rules],
        "starts_at": [visit.local(plan.starts_at)],
        "ends_at": [visit.local(plan.ends_at)],
        "minutes": [plan.minutes],
        "size": [plan.size or ""],
        "questions": [" ".join(plan.questions or ())],
        "topics": plan.filters.topics or (),
        "kinds": plan.filters.kinds or (),
        "min": [difficulty.min or ""],
        "max": [difficulty.max or ""],
        "draw": [plan.draw],
        "grades": plan.participants.grades or (),
        "users": [" ".join(map(str, plan.participants.users or ()))],
        "results_hidden": ["yes" if plan.results_hidden else "no"],
        "remind_minutes": [plan.remind_minutes or ""],
    }
    return {name: [str(value) for value in values] for name, values in fields.items()}


def _named(refusal: m.Refusal) -> m.Refusal:
    """What is said of the whole begins with the field that it is about."""
    if not isinstance(refusal, m.Invalid):
        return refusal
    errors = tuple(
        error
        if error.path
        else m.FieldError(path=error.message.removeprefix("Value error, ").partition(":")[0], message=error.message)
        for error in refusal.errors
    )
    return m.Invalid(refusal.detail, errors)


async def _shown(visit: Visit) -> m.PlannedContest:
    return await visit.expect(m.PlannedContest, said(m.ShowPlan, user=visit.user, contest=visit.part("contest")))


async def plan(visit: Visit) -> web.Response:
    return await _plan(visit)


async def _plan(visit: Visit, problem: str | None = None) -> web.Response:
    return render(
        visit,
        "plan.html",
        status=200 if problem is None else 409,
        contest=await _shown(visit),
        titles=await titles_of(visit),
        STATES=STATES,
        problem=problem,
    )


async def delete(visit: Visit) -> web.Response:
    try:
        await visit.ask(said(m.DeleteContest, user=visit.user, contest=visit.part("contest")))
    except m.Conflict:
        return await _plan(visit, visit.t("Somebody has started this contest already; its results are kept."))
    return see("/admin/contests")


async def spreadsheet(visit: Visit) -> web.StreamResponse:
    file = f"{visit.part('contest')}.xlsx"
    made = await visit.expect(
        m.Download, said(m.MakeContestSpreadsheet, user=visit.user, file=file, language=visit.language)
    )
    return downloading(made, CIMultiDict())


PAGES: Final = (
    Page("GET", "/admin/contests", plans, role="admin"),
    Page("POST", "/admin/contests", create, role="admin"),
    Page("GET", "/admin/contests/new", form, role="admin"),
    Page("GET", "/admin/contests/{contest}", plan, role="admin"),
    Page("GET", "/admin/contests/{contest}/edit", edit, role="admin"),
    Page("POST", "/admin/contests/{contest}/edit", change, role="admin"),
    Page("POST", "/admin/contests/{contest}/delete", delete, role="admin"),
    Page("GET", "/admin/contests/{contest}/results.xlsx", spreadsheet, role="admin"),
)
