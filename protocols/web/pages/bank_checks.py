"""Bank files before they are imported: sent, examined, looked at question by question, imported."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from protocols import messages as m
from protocols.catalogue import mark
from protocols.http.reading import UPLOAD_LIMIT
from protocols.web.application import Page
from protocols.web.fault_words import in_language
from protocols.web.pages.bank_pictures import drawn_picture, picture_response
from protocols.web.previews import look
from protocols.web.rendering import render, see
from protocols.web.visit import Visit, said

SHOWN_AT_ONCE: Final = 10
TOLD_AT_ONCE: Final = 50  # errors, warnings
STAGES: Final = {
    "": mark("Waiting for its turn …"),
    "examining": mark("The file is being read and checked …"),
    "storing": mark("The questions are being stored …"),
}
FORMATS: Final[dict[m.BankFormat | None, str]] = {
    "yaml": "YAML",
    "json": "JSON",
    "gift": "GIFT",
    "moodle-xml": "Moodle XML",
    "aiken": "Aiken",
    "xlsx": "XLSX",
    None: "–",
}


async def upload(visit: Visit) -> web.Response:
    uploaded = visit.files.get("file")
    if uploaded is None or not uploaded.content:
        return await bank(visit, visit.t("Choose a file first; an empty one holds no questions."), 422)
    check = await visit.expect(
        m.BankCheck,
        said(
            m.OpenCheck,
            user=visit.user,
            content=uploaded.content,
            name=uploaded.name.replace("\x00", ""),
            subject=visit.filled("subject"),
        ),
    )
    return see(f"/bank/checks/{check.id}")


async def begin(visit: Visit) -> web.Response:
    return await bank(visit)


async def bank(visit: Visit, problem: str | None = None, status: int = 200) -> web.Response:
    """What there is, and where to send a file."""
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    waiting = await visit.expect(m.OpenReports, m.CountReports(user=visit.user))
    return render(visit, "bank.html", status=status, problem=problem, subjects=subjects.items, reports=waiting.subjects)


async def check(visit: Visit) -> web.Response:
    return await _check(visit)


async def _check(visit: Visit, problem: str | None = None, status: int = 200) -> web.Response:
    try:
        check = await visit.expect(m.BankCheck, said(m.ShowCheck, user=visit.user, check=visit.part("check")))
    except (m.NotFound, m.Invalid):
        return await bank(visit, visit.t("This file is kept no longer. Please choose it again."), 404)
    if check.state in ("examining", "importing"):
        return render(visit, "check_progress.html", check=check, STAGES=STAGES)
    after = visit.request.query.get("after", "0")
    found = await visit.expect(
        m.CheckedQuestions,
        said(m.ListChecked, user=visit.user, check=check.id, after=after, limit=SHOWN_AT_ONCE),
    )
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    topics = {topic.slug: topic.title_in(visit.language) for topic in check.topics}
    base = f"/bank/checks/{check.id}"
    looks = [
        (
            one.where,
            look(
                visit.t,
                one.preview,
                topics,
                pictures=f"{base}/pictures",
                drawn=f"{base}/drawn/{one.place}",
                now=check.expires_at,
            ),
        )
        for one in found.items
    ]
    first = found.items[0].place if found.items else 0
    return render(
        visit,
        "check.html",
        status=status,
        problem=problem,
        check=check,
        report=check.report,
        looks=looks,
        first=first,
        total=found.total,
        at_once=SHOWN_AT_ONCE,
        told=None if visit.request.query.get("told") == "all" else TOLD_AT_ONCE,
        subjects=subjects.items,
        FORMATS=FORMATS,
    )


async def state(visit: Visit) -> web.Response:
    """How far it is, for the script of the page."""
    check = await visit.expect(m.BankCheck, said(m.ShowCheck, user=visit.user, check=visit.part("check")))
    told = {
        "busy": check.state in ("examining", "importing"),
        "stage": visit.t(STAGES.get(check.stage, STAGES[""])),
        "done": check.done,
        "total": check.total,
    }
    return web.Response(body=orjson.dumps(told), content_type="application/json")


async def import_checked(visit: Visit) -> web.Response:
    try:
        await visit.ask(
            said(
                m.ImportChecked,
                user=visit.user,
                check=visit.part("check"),
                partial=visit.one("partial") == "yes",
            )
        )
    except m.Conflict:
        return await _check(visit, visit.t("This cannot be imported: look at what is wrong."), 409)
    return see(f"/bank/checks/{visit.part('check')}")


async def marked(visit: Visit) -> web.Response:
    check = await visit.expect(m.BankCheck, said(m.ShowCheck, user=visit.user, check=visit.part("check")))
    errors = () if check.report is None else check.report.errors
    told = tuple(one.model_copy(update={"message": in_language(visit.t, one.message)}) for one in errors)
    file = await visit.expect(m.File, m.MarkCheckedErrors(user=visit.user, check=check.id, errors=told))
    return web.Response(
        body=file.content,
        content_type=file.media_type,
        headers={"Content-Disposition": 'attachment; filename="errors.xlsx"'},
    )


async def picture(visit: Visit) -> web.Response:
    message = said(m.ShowCheckedPicture, user=visit.user, check=visit.part("check"), picture=visit.part("picture"))
    return picture_response(await visit.expect(m.File, message))


async def drawn(visit: Visit) -> web.Response:
    found = await visit.expect(
        m.CheckedQuestions,
        said(m.ListChecked, user=visit.user, check=visit.part("check"), after=visit.part("place"), limit=1),
    )
    if not found.items:
        raise m.NotFound("There is no such question.")
    return await drawn_picture(visit, found.items[0].preview, visit.part("number"))


PAGES: Final = (
    Page("GET", "/bank", begin, "editor"),
    Page("POST", "/bank/checks", upload, "editor", upload=UPLOAD_LIMIT),
    Page("GET", "/bank/checks/{check}", check, "editor"),
    Page("GET", "/bank/checks/{check}/state", state, "editor"),
    Page("POST", "/bank/checks/{check}/import", import_checked, "editor"),
    Page("GET", "/bank/checks/{check}/errors.xlsx", marked, "editor"),
    Page("GET", "/bank/checks/{check}/pictures/{picture}", picture, "editor"),
    Page("GET", "/bank/checks/{check}/drawn/{place}/{number}", drawn, "editor"),
)
