"""The questions of a subject: found, looked at, edited, archived; their history, and what students report."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web
from multidict import CIMultiDict

from protocols import messages as m
from protocols.catalogue import mark
from protocols.http.downloads import downloading
from protocols.telegram.screens.words import plain
from protocols.web.application import Page
from protocols.web.pages.bank_pictures import drawn_picture
from protocols.web.previews import Look, look
from protocols.web.question_forms import PICTURE_LIMIT, changes_of
from protocols.web.rendering import render, see
from protocols.web.visit import Visit, said

FILTERS: Final = ("search", "topic", "kind", "difficulty", "archived")
ACTS: Final[dict[m.Act, str]] = {
    "imported": mark("imported"),
    "changed": mark("changed"),
    "archived": mark("archived"),
    "restored": mark("brought back"),
}
MEMBERS: Final = {
    "topic": mark("topic"),
    "difficulty": mark("difficulty"),
    "text": mark("text"),
    "options": mark("options"),
    "left": mark("what is to be matched"),
    "right": mark("what it is matched with"),
    "key": mark("key"),
    "explanation": mark("explanation"),
    "source": mark("source"),
    "tags": mark("tags"),
    "image": mark("picture"),
    "extra": mark("own fields"),
    "archived": mark("archived"),
    "kind": mark("kind"),
}
EXPORTS: Final[dict[m.ExportFormat, str]] = {
    "xlsx": "XLSX",
    "yaml": "YAML",
    "json": "JSON",
    "gift": "GIFT",
    "moodle-xml": "Moodle XML",
}
BLANK_ROWS: Final = 2


async def subject(visit: Visit) -> web.Response:
    declared = await _declared(visit)
    asked = {name: visit.request.query.get(name, "") for name in FILTERS}
    given = {name: value for name, value in asked.items() if value}
    after = visit.request.query.get("after") or None
    found = await visit.expect(
        m.BankQuestions,
        said(m.ListQuestions, user=visit.user, subject=declared.slug, after=after, **given),
    )
    waiting = await visit.expect(m.OpenReports, m.CountReports(user=visit.user))
    return render(
        visit,
        "bank_subject.html",
        declared=declared,
        topics=_topics(visit, declared),
        questions=found.items,
        asked=asked,
        given=urlencode(given),
        following=urlencode(given | {"after": found.next}) if found.next else None,
        further=after is not None,
        reports=waiting.subjects.get(declared.slug, 0),
        words=plain,
        EXPORTS=EXPORTS,
    )


async def export(visit: Visit) -> web.StreamResponse:
    given = {name: value for name in (*FILTERS, "format") if (value := visit.request.query.get(name))}
    message = said(m.ExportBank, user=visit.user, subject=visit.part("subject"), **given)
    return downloading(await visit.expect(m.Download, message), CIMultiDict())


async def template(visit: Visit) -> web.Response:
    slug = visit.part("subject")
    file = await visit.expect(m.File, said(m.ShowBankTemplate, user=visit.user, subject=slug))
    return web.Response(
        body=file.content,
        content_type=file.media_type,
        headers={"Content-Disposition": f'attachment; filename="{slug}.xlsx"'},
    )


# --- One question ---------------------------------------------------------------------------------------------


async def question(visit: Visit) -> web.Response:
    declared = await _declared(visit)
    which = _which(visit)
    shown = await visit.expect(m.BankQuestion, said(m.ShowBankQuestion, **which))
    preview = await visit.expect(m.Preview, said(m.PreviewQuestion, **which))
    history = await visit.expect(m.QuestionHistory, said(m.ShowHistory, **which))
    waiting = await visit.expect(m.QuestionReports, said(m.ListReports, **which, limit=100))
    closed = await visit.expect(m.QuestionReports, said(m.ListReports, **which, open=False, limit=100))
    quality: m.QuestionQuality | None = None
    with suppress(m.Unavailable):  # the page is worth showing without it
        quality = await visit.expect(m.QuestionQuality, said(m.ShowQuestionQuality, **which))
    return render(
        visit,
        "bank_question.html",
        quality=quality,
        declared=declared,
        topics=_topics(visit, declared),
        question=shown,
        address=address_of(shown.subject, shown.id),
        look=_look(visit, declared, preview),
        changes=_told(visit, shown, history),
        waiting=waiting.items,
        closed=closed.items,
        ACTS=ACTS,
        MEMBERS=MEMBERS,
    )


async def drawn(visit: Visit) -> web.Response:
    preview = await visit.expect(m.Preview, said(m.PreviewQuestion, **_which(visit)))
    return await drawn_picture(visit, preview, visit.part("number"))


async def archive(visit: Visit) -> web.Response:
    await visit.ask(said(m.ArchiveQuestion, **_which(visit)))
    return see(address_of(visit.part("subject"), visit.part("question")))


async def restore(visit: Visit) -> web.Response:
    await visit.ask(said(m.RestoreQuestion, **_which(visit)))
    return see(address_of(visit.part("subject"), visit.part("question")))


async def edit(visit: Visit) -> web.Response:
    shown = await visit.expect(m.BankQuestion, said(m.ShowBankQuestion, **_which(visit)))
    return await _form(visit, await _declared(visit), shown, dict(shown.question))


async def change(visit: Visit) -> web.Response:
    """Keeps the changes; or, where that was asked for, shows how they would look."""
    declared = await _declared(visit)
    which = _which(visit)
    before = await visit.expect(m.BankQuestion, said(m.ShowBankQuestion, **which))
    changes = changes_of(visit, dict(before.question), declared)
    draft = {name: value for name, value in (before.question | changes).items() if value is not None}
    if visit.one("as-of") != before.updated_at.isoformat():
        problem = visit.t(
            "Somebody has changed this question meanwhile. What you wrote is below: look at theirs first."
        )
        return await _form(visit, declared, before, draft, problem=problem, status=409)
    try:
        if visit.one("look"):
            preview = await visit.expect(m.Preview, said(m.PreviewChange, **which, changes=changes))
            return await _form(visit, declared, before, draft, preview=preview)
        await visit.ask(said(m.ChangeQuestion, **which, changes=changes))
    except m.Invalid as refusal:
        return await _form(visit, declared, before, draft, refusal=refusal, status=422)
    return see(address_of(before.subject, before.id))


async def _form(
    visit: Visit,
    declared: m.DeclaredSubject,
    shown: m.BankQuestion,
    draft: dict[str, Any],  # Any: members of a question, perhaps not valid ones
    *,
    preview: m.Preview | None = None,
    refusal: m.Invalid | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    return render(
        visit,
        "bank_edit.html",
        status=status,
        problem=problem,
        declared=declared,
        topics=_topics(visit, declared),
        question=shown,
        draft=draft,
        accepted=_accepted(draft),
        address=address_of(shown.subject, shown.id),
        look=None if preview is None else _look(visit, declared, preview),
        errors=() if refusal is None else refusal.errors,
        wrong=set() if refusal is None else {error.path.split(".")[0] for error in refusal.errors},
        blank_rows=BLANK_ROWS,
    )


def _accepted(draft: dict[str, Any]) -> list[dict[str, Any]]:
    """What a text or a number is accepted as, one to a row. Any: see above."""
    key = draft.get("key")
    if draft["kind"] not in ("text", "number") or not isinstance(key, dict):
        return []
    if draft["kind"] == "number" and not key.get("accept"):
        return [key]
    return [{"text": one} if isinstance(one, str) else one for one in key.get("accept", ())]


def _look(visit: Visit, declared: m.DeclaredSubject, preview: m.Preview) -> Look:
    drawn_at = f"{address_of(declared.slug, preview.shown.id)}/drawn"
    topics = _topics(visit, declared)
    return look(visit.t, preview, topics, pictures="/pictures", drawn=drawn_at, now=datetime.now(UTC))


def _told(
    visit: Visit, shown: m.BankQuestion, history: m.QuestionHistory
) -> list[tuple[m.QuestionChange, list[tuple[str, str, str]]]]:
    """Each change with its members: the name of each, what it was and what it became."""
    now: dict[str, Any] = dict(shown.question) | {"archived": shown.archived}  # Any: JSON
    told = []
    for one in history.items:
        members = [
            (visit.t(MEMBERS[name]) if name in MEMBERS else name, _brief(was), _brief(now.get(name)))
            for name, was in one.was.items()
        ]
        told.append((one, members))
        now |= one.was
    return told


def _brief(value: Any) -> str:  # Any: JSON
    """A member of a question in a line: texts as they are, the rest as words with commas."""
    match value:
        case None:
            return "–"
        case bool():
            return "✓" if value else "✗"
        case dict():
            return "; ".join(f"{name}: {_brief(one)}" for name, one in value.items() if name != "id")
        case list() | tuple():
            return " · ".join(map(_brief, value))
    return str(value)


# --- Reports --------------------------------------------------------------------------------------------------


async def reports(visit: Visit) -> web.Response:
    subject = visit.request.query.get("subject") or None
    open_ones = visit.request.query.get("closed") is None
    after = visit.request.query.get("after") or None
    found = await visit.expect(
        m.QuestionReports,
        said(m.ListReports, user=visit.user, subject=subject, open=open_ones, after=after),
    )
    kept = ({"subject": subject} if subject else {}) | ({} if open_ones else {"closed": "1"})
    return render(
        visit,
        "bank_reports.html",
        reports=found.items,
        open_ones=open_ones,
        subject=subject,
        following=urlencode(kept | {"after": found.next}) if found.next else None,
        address_of=address_of,
    )


async def close(visit: Visit) -> web.Response:
    closed = await visit.expect(
        m.QuestionReport,
        said(m.CloseReport, user=visit.user, report=visit.part("report"), answer=visit.one("answer")),
    )
    return see(address_of(closed.subject, closed.question))


async def saw(visit: Visit) -> web.Response:
    await visit.ask(said(m.MarkReportSeen, user=visit.user, report=visit.part("report")))
    return see("/")


def address_of(subject: str, question: str) -> str:
    """The page of a question."""
    return f"/bank/subjects/{quote(subject)}/questions/{quote(question, safe='')}"


def _which(visit: Visit) -> dict[str, Any]:
    """The fields that say which question. Any: of several types."""
    return {"user": visit.user, "question": visit.part("question"), "subject": visit.part("subject")}


async def _declared(visit: Visit) -> m.DeclaredSubject:
    try:
        message = said(m.ShowSubject, user=visit.user, subject=visit.part("subject"))
    except m.Invalid:
        raise m.NotFound(f"There is no subject {visit.part('subject')!r}.") from None
    return await visit.expect(m.DeclaredSubject, message)


def _topics(visit: Visit, declared: m.DeclaredSubject) -> dict[str, str]:
    return {topic.slug: topic.title_in(visit.language) for topic in declared.topics}


ONE: Final = "/bank/subjects/{subject}/questions/{question}"
PAGES: Final = (
    Page("GET", "/bank/subjects/{subject}", subject, "editor"),
    Page("GET", "/bank/subjects/{subject}/export", export, "editor"),
    Page("GET", "/bank/subjects/{subject}/template.xlsx", template, "editor"),
    Page("GET", ONE, question, "editor"),
    Page("GET", f"{ONE}/drawn/{{number}}", drawn, "editor"),
    Page("POST", f"{ONE}/archive", archive, "editor"),
    Page("POST", f"{ONE}/restore", restore, "editor"),
    Page("GET", f"{ONE}/edit", edit, "editor"),
    Page("POST", f"{ONE}/edit", change, "editor", upload=PICTURE_LIMIT),
    Page("GET", "/bank/reports", reports, "editor"),
    Page("POST", "/bank/reports/{report}/close", close, "editor"),
    Page("POST", "/reports/{report}/seen", saw),
)
