"""Who may what: every call and every page, tried by everybody, beside a table that was written by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from protocols.catalogue import texts
from protocols.http.application import Readiness, build
from protocols.http.route import BASE
from protocols.messages import Caller, Message
from protocols.web.application import handlers
from protocols.web.pages import PAGES
from tests.api.client import Client
from tests.running import Service

MOSCOW = ZoneInfo("Europe/Moscow")
FOR_OTHERS = texts("ru", MOSCOW)("This page is for others. An administrator can give you the role.")
LADDER = ("nobody", "student", "editor", "admin")
# The least who may, of `LADDER`. A route that is not here, or that is no more, fails the first test.
CALLS = {
    "nobody": """
        POST /users
        POST /tokens
        GET /subjects
        GET /subjects/{subject}/schema
        GET /files/{file}
    """,
    "student": """
        DELETE /tokens/current
        GET /me
        PATCH /me
        DELETE /me
        GET /me/export
        POST /me/link
        GET /subjects/{subject}/leaderboard
        POST /trainings
        GET /trainings
        GET /trainings/current
        GET /trainings/{training}
        POST /trainings/{training}/answers
        POST /trainings/{training}/skip
        POST /trainings/{training}/finish
        PUT /me/favorites/{question}
        DELETE /me/favorites/{question}
        POST /questions/{question}/reports
        GET /me/statistics
        GET /me/statistics.svg
        GET /me/statistics.png
        GET /contests
        GET /contests/{contest}
        POST /contests/{contest}/join
        POST /contests/{contest}/start
        GET /contests/{contest}/leaderboard
        GET /me/reports
        POST /me/reports/{report}/seen
    """,
    "editor": """
        POST /admin/bank/validate
        POST /admin/bank/import
        POST /admin/bank/errors.xlsx
        GET /admin/bank/export
        GET /admin/subjects/{subject}/template.xlsx
        GET /admin/questions
        GET /admin/questions/{question}
        PATCH /admin/questions/{question}
        DELETE /admin/questions/{question}
        POST /admin/questions/{question}/restore
        GET /admin/questions/{question}/history
        POST /admin/subjects
        GET /admin/subjects/{subject}
        PATCH /admin/subjects/{subject}
        GET /admin/reports
        POST /admin/reports/{report}/close
        GET /admin/questions/{question}/quality
        GET /admin/subjects/{subject}/quality
    """,
    "admin": """
        POST /admin/contests
        GET /admin/contests
        GET /admin/contests/{contest}
        PATCH /admin/contests/{contest}
        DELETE /admin/contests/{contest}
        POST /admin/broadcasts
        GET /admin/broadcasts
        GET /admin/broadcasts/{broadcast}
        GET /admin/broadcasts/{broadcast}/stream
        PATCH /admin/broadcasts/{broadcast}
        POST /admin/broadcasts/{broadcast}/start
        POST /admin/broadcasts/{broadcast}/pause
        POST /admin/broadcasts/{broadcast}/resume
        POST /admin/broadcasts/{broadcast}/cancel
        GET /admin/users
        GET /admin/users/{target}
        PATCH /admin/users/{target}
        DELETE /admin/users/{target}
        POST /admin/users/{target}/password
        GET /admin/exports/users.xlsx
        GET /admin/exports/results.xlsx
        GET /admin/exports/questions.xlsx
        GET /admin/exports/contests/{file}
        GET /admin/parked
        POST /admin/parked/{relay}/{position}/retry
        GET /admin/audit
        GET /admin/analytics
    """,
}
SEEN = {
    "nobody": """
        GET /
        GET /login
        POST /login
        GET /register
        POST /register
        POST /language
        GET /subjects/{subject}
        GET /pictures/{file}
        GET /{lost:(?!api/).*}
    """,
    "student": """
        POST /logout
        GET /profile
        POST /profile
        POST /profile/link
        GET /profile/export
        GET /profile/erase
        POST /profile/erase
        POST /trainings
        GET /trainings
        GET /trainings/{training}
        GET /training
        POST /training/answer
        GET /training/answer
        POST /training/skip
        POST /training/finish
        POST /favorites
        POST /reports
        GET /statistics
        GET /statistics.svg
        GET /subjects/{subject}/leaderboard
        GET /contests
        GET /contests/{contest}
        POST /contests/{contest}/join
        POST /contests/{contest}/start
        POST /reports/{report}/seen
    """,
    "editor": """
        GET /bank
        POST /bank/checks
        GET /bank/checks/{check}
        GET /bank/checks/{check}/state
        POST /bank/checks/{check}/import
        GET /bank/checks/{check}/errors.xlsx
        GET /bank/checks/{check}/pictures/{picture}
        GET /bank/checks/{check}/drawn/{place}/{number}
        GET /bank/subjects/{subject}
        GET /bank/subjects/{subject}/export
        GET /bank/subjects/{subject}/template.xlsx
        GET /bank/subjects/{subject}/questions/{question}
        GET /bank/subjects/{subject}/questions/{question}/drawn/{number}
        POST /bank/subjects/{subject}/questions/{question}/archive
        POST /bank/subjects/{subject}/questions/{question}/restore
        GET /bank/subjects/{subject}/questions/{question}/edit
        POST /bank/subjects/{subject}/questions/{question}/edit
        GET /bank/reports
        POST /bank/reports/{report}/close
        GET /bank/new-subject
        POST /bank/new-subject
        GET /bank/subjects/{subject}/declaration
        POST /bank/subjects/{subject}/declaration
    """,
    "admin": """
        GET /admin
        GET /admin/users
        GET /admin/users/{user}
        POST /admin/users/{user}
        POST /admin/users/{user}/password
        GET /admin/users/{user}/erase
        POST /admin/users/{user}/erase
        GET /admin/exports
        GET /admin/exports/{kind}.xlsx
        GET /admin/parked
        POST /admin/parked
        POST /admin/parked/all
        GET /admin/audit
        GET /admin/analytics
        GET /admin/broadcasts
        POST /admin/broadcasts
        GET /admin/broadcasts/new
        POST /admin/broadcasts/look
        GET /admin/broadcasts/{broadcast}
        POST /admin/broadcasts/{broadcast}
        GET /admin/broadcasts/{broadcast}/edit
        POST /admin/broadcasts/{broadcast}/edit
        GET /admin/broadcasts/{broadcast}/picture
        GET /admin/broadcasts/{broadcast}/stream
        GET /admin/contests
        POST /admin/contests
        GET /admin/contests/new
        GET /admin/contests/{contest}
        GET /admin/contests/{contest}/edit
        POST /admin/contests/{contest}/edit
        POST /admin/contests/{contest}/delete
        GET /admin/contests/{contest}/results.xlsx
    """,
}
# The same for everybody, and asked of nobody.
OPEN = {
    "/api/v1/openapi.json",
    "/api/docs",
    "/api/docs/style.css",
    "/healthz",
    "/readyz",
    "/metrics",
    "/static/answering.js",
    "/static/bank.js",
    "/static/broadcast.js",
    "/static/contest.js",
    "/static/icon.svg",
    "/static/once.js",
    "/static/progress.js",
    "/static/star.js",
    "/static/style.css",
    "/static/times.js",
    "/static/training.js",
}
SIGN_OUT = ("DELETE /tokens/current", "POST /logout")  # each ends the token that it comes with
KIND = {"kind": "users"}


@dataclass(frozen=True)
class Visitor:
    role: str
    token: str = ""
    csrf: str = ""


def _table(text: dict[str, str]) -> dict[str, str]:
    return {line.strip(): role for role, lines in text.items() for line in lines.splitlines() if line.strip()}


class _Nobody:
    """A service that knows nobody."""

    async def ask(self, message: Message, /) -> Message:
        raise NotImplementedError

    def caller(self, token: str, /) -> Caller | None:
        return None


async def _ready() -> Readiness:
    return Readiness(status="ok", parts={})


def _served() -> set[str]:
    """Method and path of all that the application takes, except what it takes to say that there is nothing."""
    nobody = _Nobody()
    app: web.Application = build(
        nobody,
        ready=_ready,
        registry=CollectorRegistry(),
        pages=lambda address_of, observer: handlers(PAGES, nobody, MOSCOW, address_of, observer),
    )
    return {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD" and route.resource.canonical != "/{tail}"
    }


def test_no_route_is_left_out() -> None:
    calls = {route.replace(" ", f" {BASE}", 1) for route in _table(CALLS)}
    seen = {re.sub(r":[^}]+", "", route) for route in _table(SEEN)}
    assert _served() == calls | seen | {f"GET {path}" for path in OPEN}


def _filled(path: str) -> str:
    """The path with something in its variable parts that is not there."""
    return re.sub(r"\{(\w+)\}", lambda name: KIND.get(name[1], "999999999"), path)


async def _visitor(session: aiohttp.ClientSession, client: Client | None, role: str) -> Visitor:
    if client is None:
        return Visitor(role)
    async with session.get(f"{client.service.url}/profile", cookies={"session": client.token or ""}) as response:
        csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', await response.text())
    assert csrf is not None
    return Visitor(role, client.token or "", csrf[1])


async def _called(session: aiohttp.ClientSession, service: Service, who: Visitor, route: str) -> str:
    """`yes`, `sign in`, or `no`."""
    method, path = route.split(" ")
    headers = {"Authorization": f"Bearer {who.token}"} if who.token else {}
    async with session.request(method, f"{service.url}{BASE}{_filled(path)}", headers=headers) as response:
        told = await response.text(errors="replace")
        assert response.status < 500, (route, response.status, told)
    if response.status == 401:
        return "sign in"
    return "no" if response.status == 403 and "this call is for the role" in told else "yes"


async def _visited(session: aiohttp.ClientSession, service: Service, who: Visitor, route: str) -> str:
    method, path = route.split(" ")
    cookies = {"session": who.token} if who.token else {}
    form = {"csrf": who.csrf} if method == "POST" else None
    async with session.request(
        method, service.url + _filled(path), data=form, cookies=cookies, allow_redirects=False
    ) as response:
        told = await response.text(errors="replace")
        assert response.status < 500, (route, response.status, told)
    if response.status == 303 and response.headers["Location"].startswith("/login"):
        return "sign in"
    return "no" if response.status == 403 and FOR_OTHERS in told else "yes"


def _expected(role: str, least: str) -> str:
    if LADDER.index(role) >= LADDER.index(least):
        return "yes"
    return "sign in" if role == "nobody" else "no"


@pytest.mark.asyncio(loop_scope="session")
async def test_each_role_may_exactly_what_the_table_says(
    service: Service, guest: Client, editor: Client, admin: Client
) -> None:
    student = await guest.register()
    wrong = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        people: list[tuple[str, Client | None]] = [
            ("nobody", None),
            ("student", student),
            ("editor", editor),
            ("admin", admin),
        ]
        for path in sorted(OPEN):
            async with session.get(service.url + path) as response:
                assert response.status == 200, path
        known = {role: await _visitor(session, client, role) for role, client in people}
        for call, table in ((_called, _table(CALLS)), (_visited, _table(SEEN))):
            for route, least in table.items():
                for role, client in people:
                    who = known[role]
                    if route in SIGN_OUT and client is not None:
                        who = await _visitor(session, await guest.signed_in(client.login), role)
                    found = await call(session, service, who, route)
                    if found != _expected(role, least):
                        wrong.append((route, role, found))
    assert wrong == []
