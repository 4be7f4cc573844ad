"""Mass messages, for administrators: written, seen as their recipients will see them, sent and watched."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from pydantic import SecretStr

from protocols import messages as m
from protocols.catalogue import mark
from protocols.http.application import STREAMS
from protocols.telegram.markup import styled
from protocols.telegram.screens.mass_words import STATES, WAITING, problem_told, reasons_told
from protocols.web.application import Page
from protocols.web.markup import telegram_html
from protocols.web.rendering import faults, render, see
from protocols.web.visit import Visit, said

MOST_BUTTONS: Final = 3
TROUBLES: Final = {
    "text": mark("A text has 1 to 4096 characters, below a picture up to 1024."),
    "image": mark("Telegram would not take this picture: it takes PNG and JPEG of up to 10 MB."),
    "buttons": mark("A button has a title, and an address that begins with https:// or a subject."),
    "audience": mark("Nobody would get it: nobody of these is reached by Telegram and wants messages."),
    "start_at": mark("This time has passed, or is too far away."),
}
COMMANDS: Final[dict[str, type[m.BroadcastCommand]]] = {
    "start": m.StartBroadcast,
    "pause": m.PauseBroadcast,
    "resume": m.ResumeBroadcast,
    "cancel": m.CancelBroadcast,
}


async def broadcasts(visit: Visit) -> web.Response:
    after = visit.request.query.get("after")
    page = await visit.expect(m.Broadcasts, said(m.ListBroadcasts, user=visit.user, after=after))
    return render(visit, "broadcasts.html", broadcasts=page.items, following=page.next, STATES=STATES)


async def compose(visit: Visit) -> web.Response:
    return await _compose(visit)


async def look(visit: Visit) -> web.Response:
    """What they would see, and how many they are: as a page, or as the piece of it that a script asks for."""
    return await _compose(visit, fragment=visit.one("fragment") == "yes")


async def _compose(visit: Visit, refusal: m.Invalid | None = None, fragment: bool = False) -> web.Response:
    wrong = {path.partition(".")[0] for path in faults(refusal)} if refusal else set()
    count = None
    try:
        audience = said(m.CountAudience, user=visit.user, audience=_audience(visit))
        count = (await visit.expect(m.AudienceCount, audience)).recipients
    except m.Invalid:
        wrong.add("audience")
    text = styled(visit.one("text"))
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    return render(
        visit,
        "look.html" if fragment else "compose.html",
        status=422 if refusal else 200,
        subjects=subjects.items,
        count=count,
        seen=telegram_html(text.text, text.entities),
        buttons=[row[0]["text"] for row in _buttons(visit)],
        troubles=[TROUBLES.get(name, TROUBLES["text"]) for name in sorted(wrong)],
        most_buttons=MOST_BUTTONS,
    )


async def create(visit: Visit) -> web.Response:
    image = visit.files.get("image")
    try:
        made = await visit.expect(
            m.Broadcast,
            said(
                m.CreateBroadcast,
                user=visit.user,
                text=visit.one("text").replace("\r\n", "\n"),
                buttons=_buttons(visit),
                image=image.content if image else None,
                audience=_audience(visit),
                start_at=visit.moment("start_at"),
            ),
        )
    except m.Invalid as refusal:
        return await _compose(visit, refusal)
    return see(f"/admin/broadcasts/{made.id}")


def _audience(visit: Visit) -> dict[str, object]:
    given = {
        "grades": visit.all("grades"),
        "subjects": visit.all("subjects"),
        "active_days": visit.filled("active_days"),
        "users": visit.one("users").replace(",", " ").split(),
    }
    return {name: value for name, value in given.items() if value}


def _buttons(visit: Visit) -> list[list[dict[str, str]]]:
    """One in a row: each title with an address, or with a subject."""
    rows = []
    for number in range(1, MOST_BUTTONS + 1):
        title, target = visit.filled(f"title-{number}"), visit.filled(f"target-{number}")
        if title or target:
            kind = "url" if target and "/" in target else "subject"
            rows.append([{"text": title or "", kind: target or ""}])
    return rows


async def broadcast(visit: Visit) -> web.Response:
    return await _broadcast(visit)


async def _broadcast(visit: Visit, problem: str | None = None, status: int = 200) -> web.Response:
    number = visit.part("broadcast")
    shown = await visit.expect(m.Broadcast, said(m.ShowBroadcast, user=visit.user, broadcast=number))
    content = await visit.expect(m.BroadcastContent, said(m.ShowBroadcastContent, user=visit.user, broadcast=number))
    text, entities = content.text, content.entities
    if entities is None:
        text, entities = (made := styled(text)).text, made.entities
    return render(
        visit,
        "broadcast.html",
        status=status,
        broadcast=shown,
        seen=telegram_html(text, entities),
        buttons=[button.text for row in content.buttons for button in row],
        problem=problem or problem_told(visit.t, shown),
        reasons=reasons_told(visit.t, shown),
        STATES=STATES,
        WAITING=WAITING,
    )


async def picture(visit: Visit) -> web.Response:
    content = await visit.expect(
        m.BroadcastContent, said(m.ShowBroadcastContent, user=visit.user, broadcast=visit.part("broadcast"))
    )
    if content.image is None:
        raise m.NotFound("It has no picture.")
    media = "image/png" if content.image.startswith(b"\x89PNG") else "image/jpeg"
    return web.Response(body=content.image, content_type=media, headers={"Content-Security-Policy": "sandbox"})


async def command(visit: Visit) -> web.Response:
    number, kind = visit.part("broadcast"), COMMANDS.get(visit.one("do"))
    if kind is None:
        raise m.Invalid("There is no such button.")
    try:
        await visit.ask(said(kind, user=visit.user, broadcast=number))
    except m.Conflict:
        return await _broadcast(visit, visit.t("That does not fit any more: it is in another state now."), 409)
    return see(f"/admin/broadcasts/{number}")


async def stream(visit: Visit) -> web.StreamResponse:
    asked = said(m.ShowBroadcast, user=visit.user, broadcast=visit.part("broadcast"))

    async def ask() -> m.Message:
        await visit.ask(m.Authenticate(token=SecretStr(visit.token)))  # it may have been closed meanwhile
        return await visit.ask(asked)

    return await visit.request.app[STREAMS].answer(
        visit.request,
        ask,
        lambda reply: reply.model_dump_json().encode(),
        lambda reply: isinstance(reply, m.Broadcast) and reply.state in ("finished", "cancelled"),
    )


PAGES: Final = (
    Page("GET", "/admin/broadcasts", broadcasts, role="admin"),
    Page("POST", "/admin/broadcasts", create, role="admin", upload=m.PICTURE_LIMIT),
    Page("GET", "/admin/broadcasts/new", compose, role="admin"),
    Page("POST", "/admin/broadcasts/look", look, role="admin", upload=m.PICTURE_LIMIT),
    Page("GET", "/admin/broadcasts/{broadcast}", broadcast, role="admin"),
    Page("POST", "/admin/broadcasts/{broadcast}", command, role="admin"),
    Page("GET", "/admin/broadcasts/{broadcast}/picture", picture, role="admin"),
    Page("GET", "/admin/broadcasts/{broadcast}/stream", stream, role="admin"),
)
