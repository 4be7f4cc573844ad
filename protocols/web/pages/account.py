"""A person's own account: the profile, the link to Telegram, their data, and its erasure."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from protocols import messages as m
from protocols.web.application import Page
from protocols.web.rendering import faults, render, see
from protocols.web.visit import SESSION, Visit, said


async def profile(visit: Visit) -> web.Response:
    return await _profile(visit, {})


async def _profile(visit: Visit, wrong: dict[str, str], code: m.LinkCode | None = None) -> web.Response:
    known = await visit.expect(m.Profile, m.ShowProfile(user=visit.user))
    return render(visit, "profile.html", status=422 if wrong else 200, profile=known, faults=wrong, code=code)


async def change(visit: Visit) -> web.Response:
    try:
        await visit.ask(
            said(
                m.ChangeProfile,
                user=visit.user,
                name=visit.one("name"),
                grade=visit.filled("grade"),
                notifications=visit.one("notifications") == "yes",
            )
        )
    except m.Invalid as refusal:
        return await _profile(visit, faults(refusal))
    return see("/profile", saved="yes")


async def link(visit: Visit) -> web.Response:
    return await _profile(visit, {}, await visit.expect(m.LinkCode, m.CreateLinkCode(user=visit.user)))


async def export(visit: Visit) -> web.Response:
    kept = await visit.expect(m.AccountExport, m.ExportAccount(user=visit.user))
    return web.Response(
        text=kept.model_dump_json(indent=1),
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="apo.json"'},
    )


async def erase_form(visit: Visit) -> web.Response:
    return render(visit, "erase.html")


async def erase(visit: Visit) -> web.Response:
    try:
        await visit.ask(said(m.EraseAccount, user=visit.user, password=visit.one("password")))
    except m.Forbidden:
        return render(visit, "erase.html", status=403, problem=visit.t("Wrong password: nothing was erased."))
    response = see("/")
    response.del_cookie(SESSION, path="/")
    return response


PAGES: Final = (
    Page("GET", "/profile", profile),
    Page("POST", "/profile", change),
    Page("POST", "/profile/link", link),
    Page("GET", "/profile/export", export),
    Page("GET", "/profile/erase", erase_form),
    Page("POST", "/profile/erase", erase),
)
