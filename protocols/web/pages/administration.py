"""For administrators: users, spreadsheets, parked steps, and the record of what was done."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from multidict import CIMultiDict

from protocols import messages as m
from protocols.catalogue import mark
from protocols.http.downloads import downloading
from protocols.web.application import Page
from protocols.web.rendering import render, see
from protocols.web.visit import Visit, said

ROLE_NAMES: Final[dict[m.Role, str]] = {
    "student": mark("student"),
    "editor": mark("editor"),
    "admin": mark("administrator"),
}
SPREADSHEETS: Final[dict[m.SpreadsheetKind, tuple[str, str]]] = {
    "users": (mark("Users"), mark("Everybody, and what they have done in all.")),
    "results": (mark("Results"), mark("Every training with its result.")),
    "questions": (mark("Questions"), mark("The whole bank, with keys and how often each was answered rightly.")),
}
EVENTS: Final = {
    "started": mark("a training was begun"),
    "answered": mark("a question was answered"),
    "skipped": mark("a question was skipped"),
    "finished": mark("a training was finished"),
    "extended": mark("the clock of a contest stood still"),
    "told": mark("the results of a contest were told"),
    "favorite": mark("a favourite was chosen or taken out"),
    "erased": mark("an account was erased"),
    "left": mark("an account was joined to another"),
    "joined": mark("another account was joined to this one"),
}
RELAYS: Final = {
    "read models": mark("results and leaderboards"),
    "counters": mark("counters of questions"),
    "activity": mark("activity"),
}
ACTS: Final = {
    "ArchiveQuestion": mark("archived a question"),
    "CancelBroadcast": mark("cancelled a mass message"),
    "ChangeBroadcast": mark("changed a mass message"),
    "ChangeContest": mark("changed a contest"),
    "ChangeQuestion": mark("changed a question"),
    "ChangeSubject": mark("changed a subject"),
    "ChangeUser": mark("changed a user"),
    "CloseReport": mark("answered a report"),
    "CreateBroadcast": mark("wrote a mass message"),
    "CreateContest": mark("planned a contest"),
    "CreateSubject": mark("added a subject"),
    "DeleteContest": mark("deleted a contest"),
    "EraseUser": mark("erased a user"),
    "ImportBank": mark("imported questions"),
    "MakeContestSpreadsheet": mark("took the results of a contest"),
    "MakeSpreadsheet": mark("took a spreadsheet"),
    "PauseBroadcast": mark("paused a mass message"),
    "RestoreQuestion": mark("brought a question back"),
    "ResetPassword": mark("gave a user a new password"),
    "ResumeBroadcast": mark("let a mass message go on"),
    "RetryAllParked": mark("retried all parked steps"),
    "RetryParked": mark("retried a parked step"),
    "StartBroadcast": mark("started a mass message"),
}
OUTCOMES: Final[dict[m.ActOutcome | None, str]] = {
    "done": mark("done"),
    "refused": mark("refused"),
    "failed": mark("failed"),
    None: mark("cut short"),
}


# --- Users ---------------------------------------------------------------------------------------------------


async def users(visit: Visit) -> web.Response:
    asked = {name: visit.request.query.get(name, "") for name in ("search", "role", "blocked", "after")}
    given = {name: value for name, value in asked.items() if value}
    found = await visit.expect(m.ManagedUsers, said(m.FindUsers, user=visit.user, **given))
    following = urlencode(given | {"after": found.next}) if found.next else None
    return render(visit, "users.html", users=found.items, asked=asked, following=following, ROLE_NAMES=ROLE_NAMES)


async def user(visit: Visit) -> web.Response:
    return await _user(visit)


async def _user(
    visit: Visit, problem: str | None = None, status: int = 200, made: m.MadeUpPassword | None = None
) -> web.Response:
    shown = await visit.expect(m.ManagedUser, said(m.ShowUser, user=visit.user, target=visit.part("user")))
    return render(visit, "user.html", status=status, shown=shown, problem=problem, made=made, ROLE_NAMES=ROLE_NAMES)


async def change_user(visit: Visit) -> web.Response:
    blocked = {"yes": True, "no": False}.get(visit.one("blocked"))
    target = visit.part("user")
    try:
        await visit.ask(said(m.ChangeUser, user=visit.user, target=target, role=visit.filled("role"), blocked=blocked))
    except m.Conflict:
        problem = visit.t("Nobody blocks themself, and the last administrator keeps the role.")
        return await _user(visit, problem, 409)
    return see(f"/admin/users/{target}")


async def reset_password(visit: Visit) -> web.Response:
    try:
        made = await visit.expect(m.MadeUpPassword, said(m.ResetPassword, user=visit.user, target=visit.part("user")))
    except m.Conflict:
        own = str(visit.user) == visit.part("user")
        problem = (
            visit.t("Another administrator gives you a new password.")
            if own
            else visit.t("They have no login: they come by Telegram, without a password.")
        )
        return await _user(visit, problem, 409)
    return await _user(visit, made=made)


async def erase_form(visit: Visit) -> web.Response:
    shown = await visit.expect(m.ManagedUser, said(m.ShowUser, user=visit.user, target=visit.part("user")))
    return render(visit, "erase_user.html", shown=shown)


async def erase(visit: Visit) -> web.Response:
    try:
        await visit.ask(said(m.EraseUser, user=visit.user, target=visit.part("user")))
    except m.Conflict:
        return await _user(visit, visit.t("Your own account is erased in your profile."), 409)
    return see("/admin/users")


# --- Spreadsheets --------------------------------------------------------------------------------------------


async def spreadsheets(visit: Visit) -> web.Response:
    return render(visit, "exports.html", SPREADSHEETS=SPREADSHEETS)


async def spreadsheet(visit: Visit) -> web.StreamResponse:
    made = await visit.expect(
        m.Download, said(m.MakeSpreadsheet, user=visit.user, kind=visit.part("kind"), language=visit.language)
    )
    return downloading(made, CIMultiDict())


# --- Parked steps --------------------------------------------------------------------------------------------


async def parked(visit: Visit) -> web.Response:
    return await _parked(visit)


async def _parked(visit: Visit, problem: str | None = None, status: int = 200) -> web.Response:
    after = visit.request.query.get("after")
    steps = await visit.expect(m.ParkedSteps, said(m.ListParked, user=visit.user, after=after))
    return render(
        visit,
        "parked.html",
        status=status,
        steps=steps.items,
        following=steps.next,
        counts=steps.relays,
        problem=problem,
        EVENTS=EVENTS,
        RELAYS=RELAYS,
    )


async def retry(visit: Visit) -> web.Response:
    try:
        await visit.ask(said(m.RetryParked, user=visit.user, relay=visit.one("relay"), position=visit.one("position")))
    except m.Conflict:
        return await _parked(visit, visit.t("It was refused again: the reason is below."), 409)
    except m.NotFound:
        pass  # somebody else was first
    return see("/admin/parked")


async def retry_all(visit: Visit) -> web.Response:
    tried = await visit.expect(m.RetriedParked, said(m.RetryAllParked, user=visit.user, relay=visit.one("relay")))
    if tried.refused:
        problem = visit.t.plural(
            "{n} step was refused again: the reason is below.",
            "{n} steps were refused again: the reasons are below.",
            tried.refused,
        )
        return await _parked(visit, problem, 409)
    return see("/admin/parked")


# --- The record ----------------------------------------------------------------------------------------------


async def audit(visit: Visit) -> web.Response:
    asked = {name: visit.request.query.get(name, "") for name in ("by", "act", "after")}
    given = {name: value for name, value in asked.items() if value}
    found = await visit.expect(m.Audit, said(m.ListAudit, user=visit.user, **given))
    following = urlencode(given | {"after": found.next}) if found.next else None
    return render(
        visit, "audit.html", entries=found.items, asked=asked, following=following, ACTS=ACTS, OUTCOMES=OUTCOMES
    )


async def home(visit: Visit) -> web.Response:
    return see("/admin/users")


PAGES: Final = (
    Page("GET", "/admin", home, role="admin"),
    Page("GET", "/admin/users", users, role="admin"),
    Page("GET", "/admin/users/{user}", user, role="admin"),
    Page("POST", "/admin/users/{user}", change_user, role="admin"),
    Page("POST", "/admin/users/{user}/password", reset_password, role="admin"),
    Page("GET", "/admin/users/{user}/erase", erase_form, role="admin"),
    Page("POST", "/admin/users/{user}/erase", erase, role="admin"),
    Page("GET", "/admin/exports", spreadsheets, role="admin"),
    Page("GET", "/admin/exports/{kind}.xlsx", spreadsheet, role="admin"),
    Page("GET", "/admin/parked", parked, role="admin"),
    Page("POST", "/admin/parked", retry, role="admin"),
    Page("POST", "/admin/parked/all", retry_all, role="admin"),
    Page("GET", "/admin/audit", audit, role="admin"),
)
