"""Where a person begins: the subjects, registration, signing in."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from protocols import messages as m
from protocols.catalogue import LANGUAGES
from protocols.http.problems import problem
from protocols.web.application import Page
from protocols.web.rendering import faults, render, see
from protocols.web.visit import COOKIE_SECONDS, LANGUAGE, LANGUAGE_SECONDS, SESSION, Visit, inside, said

SHOWN_CONTESTS: Final = 3


async def home(visit: Visit) -> web.Response:
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    training = None
    if visit.caller is not None:
        try:
            training = await visit.expect(m.Training, m.ShowTraining(user=visit.user, platform="web"))
        except m.NotFound:
            training = None
    answered: tuple[m.OwnReport, ...] = ()
    contests: list[m.Contest] = []
    if visit.caller is not None:
        reports = await visit.expect(m.OwnReports, m.ListOwnReports(user=visit.user, unseen=True, limit=5))
        answered = reports.items
        page = await visit.expect(m.Contests, m.ListContests(user=visit.user))
        contests = [contest for contest in page.items if contest.state != "over"][:SHOWN_CONTESTS]
    return render(visit, "home.html", subjects=subjects.items, training=training, answered=answered, contests=contests)


async def login_form(visit: Visit) -> web.Response:
    return render(visit, "login.html", to=inside(visit.request.query.get("to", "/")))


async def login(visit: Visit) -> web.Response:
    to = inside(visit.one("to", "/"))
    try:
        granted = await visit.expect(
            m.TokenGranted,
            said(m.OpenToken, login=visit.one("login"), password=visit.one("password"), address=visit.address),
        )
    except (m.Invalid, m.Unauthenticated):
        problem = visit.t("Wrong login or password.")
        return render(visit, "login.html", status=422, to=to, problem=problem)
    return _signed_in(visit, granted, to)


async def register_form(visit: Visit) -> web.Response:
    return render(visit, "register.html", faults={}, to=inside(visit.request.query.get("to", "/")))


async def register(visit: Visit) -> web.Response:
    to = inside(visit.one("to", "/"))
    taken: m.Conflict | None = None
    try:
        await visit.ask(
            said(
                m.Register,
                login=visit.one("login").strip(),
                password=visit.one("password"),
                name=visit.one("name"),
                grade=visit.filled("grade"),
                language=visit.language,
            )
        )
    except m.Invalid as refusal:
        return render(visit, "register.html", status=refusal.status, faults=faults(refusal), to=to)
    except m.Conflict as refusal:
        taken = refusal  # unless it is theirs: the form was sent twice
    opening = said(m.OpenToken, login=visit.one("login").strip(), password=visit.one("password"), address=visit.address)
    try:
        granted = await visit.expect(m.TokenGranted, opening)
    except m.Unauthenticated:
        if taken is None:
            raise
        return render(visit, "register.html", status=taken.status, faults={"login": ""}, to=to)
    return _signed_in(visit, granted, to)


async def logout(visit: Visit) -> web.Response:
    await visit.ask(said(m.CloseToken, user=visit.user, token=visit.token))
    response = see("/")
    response.del_cookie(SESSION, path="/")
    return response


async def choose_language(visit: Visit) -> web.Response:
    language = visit.one("language")
    response = see(inside(visit.one("to", "/")))
    if language in LANGUAGES:
        response.set_cookie(
            LANGUAGE, language, max_age=LANGUAGE_SECONDS, httponly=True, samesite="Lax", secure=_secure(visit)
        )
        if visit.caller is not None:
            await visit.ask(said(m.ChangeProfile, user=visit.user, language=language))
    return response


async def lost(visit: Visit) -> web.Response:
    """Whatever else is asked for: a person is led back, a program told as everywhere."""
    detail = "there is nothing here; the calls are listed at /api/docs"
    if "text/html" not in visit.request.headers.get("Accept", ""):
        return problem(404, detail)
    raise m.NotFound(detail)


def _signed_in(visit: Visit, granted: m.TokenGranted, to: str) -> web.Response:
    response = see(to)
    response.set_cookie(
        SESSION, granted.token, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax", secure=_secure(visit)
    )
    return response


def _secure(visit: Visit) -> bool:
    """Whether the browser has come by TLS; on one's own machine it has not."""
    return visit.request.headers.get("X-Forwarded-Proto", visit.request.scheme) == "https"


PAGES: Final = (
    Page("GET", "/", home, role=None),
    Page("GET", "/login", login_form, role=None),
    Page("POST", "/login", login, role=None),
    Page("GET", "/register", register_form, role=None),
    Page("POST", "/register", register, role=None),
    Page("POST", "/logout", logout),
    Page("POST", "/language", choose_language, role=None),
)

# The last of all pages. What is asked of the API it leaves to the API.
LOST: Final = Page("GET", "/{lost:(?!api/).*}", lost, role=None)
