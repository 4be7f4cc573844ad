"""Mass messages, for administrators: written, seen as their recipients will see them, sent and watched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from pydantic import SecretStr

from protocols import messages as m
from protocols.catalogue import mark
from protocols.http.application import STREAMS
from protocols.telegram.markup import styled
from protocols.telegram.screens.mass_words import NOBODY, STATES, WAITING, begins_training, problem_told, reasons_told
from protocols.web.application import Page
from protocols.web.markup import telegram_html
from protocols.web.rendering import faults, render, see
from protocols.web.visit import Visit, said

MOST_BUTTONS: Final = 3
TROUBLES: Final = {
    "text": mark("A text has 1 to 4096 characters, below a picture up to 1024."),
    "image": mark("Telegram would not take this picture: it takes PNG and JPEG of up to 10 MB."),
    "buttons": mark("A button has a title, and an address that begins with https:// or a subject."),
    "audience": mark("Users are named by their numbers, with commas between them; days are 1 to 3660."),
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


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that is being changed, as it is kept."""

    shown: m.Broadcast
    content: m.BroadcastContent

    @property
    def buttons(self) -> list[dict[str, str]]:
        """One after the other, as in a form."""
        return [button.model_dump(mode="json", exclude_none=True) for row in self.content.buttons for button in row]


async def _kept(visit: Visit, number: str) -> Kept:
    """Raises NotFound, Invalid."""
    return Kept(
        await visit.expect(m.Broadcast, said(m.ShowBroadcast, user=visit.user, broadcast=number)),
        await visit.expect(m.BroadcastContent, said(m.ShowBroadcastContent, user=visit.user, broadcast=number)),
    )


async def compose(visit: Visit) -> web.Response:
    return await _compose(visit)


async def look(visit: Visit) -> web.Response:
    """What they would see, and how many they are: as a page, or as the piece of it that a script asks for."""
    number = visit.filled("broadcast")
    kept = None if number is None else await _kept(visit, number)
    return await _compose(visit, kept, fragment=visit.one("fragment") == "yes")


async def _compose(
    visit: Visit, kept: Kept | None = None, refusal: m.Invalid | None = None, fragment: bool = False
) -> web.Response:
    """For a new message, or for the one that is changed."""
    wrong = {path.partition(".")[0] for path in faults(refusal)} if refusal else set()
    count = None
    try:
        audience = said(m.CountAudience, user=visit.user, audience=_audience(visit, kept))
        count = (await visit.expect(m.AudienceCount, audience)).recipients
    except m.Invalid:
        wrong.add("audience")
    text, entities = _text(visit), None
    if kept is not None and text == kept.content.text:
        entities = kept.content.entities
    if entities is None:
        text, entities = (made := styled(text)).text, made.entities
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    return render(
        visit,
        "look.html" if fragment else "compose.html",
        status=422 if refusal else 200,
        subjects=subjects.items,
        count=count,
        NOBODY=NOBODY,
        kept=kept,
        seen=telegram_html(text, entities),
        buttons=[button["text"] for button in _buttons(visit, kept)],
        troubles=[TROUBLES.get(name, TROUBLES["text"]) for name in sorted(wrong)],
        most_buttons=_most_buttons(kept),
    )


async def create(visit: Visit) -> web.Response:
    image = visit.files.get("image")
    try:
        made = await visit.expect(
            m.Broadcast,
            said(
                m.CreateBroadcast,
                user=visit.user,
                text=_text(visit),
                buttons=[[button] for button in _buttons(visit)],
                image=image.content if image else None,
                audience=_audience(visit),
                start_at=visit.moment("start_at"),
            ),
        )
    except m.Invalid as refusal:
        return await _compose(visit, refusal=refusal)
    return see(f"/admin/broadcasts/{made.id}")


async def edit(visit: Visit) -> web.Response:
    kept = await _kept(visit, visit.part("broadcast"))
    if kept.shown.state not in ("draft", "scheduled"):
        return see(f"/admin/broadcasts/{kept.shown.id}")
    visit.form.update(_filled_in(visit, kept))
    return await _compose(visit, kept)


async def change(visit: Visit) -> web.Response:
    """What was not touched stays as it is, also where a form could not tell it: formatting, and rows of buttons."""
    number = visit.part("broadcast")
    kept = await _kept(visit, number)
    given: dict[str, object] = {
        "audience": _audience(visit, kept),
        "start_at": visit.moment("start_at", kept.shown.start_at),
    }
    if (text := _text(visit)) != kept.content.text:
        given["text"] = text
    if (buttons := _buttons(visit, kept)) != kept.buttons:
        given["buttons"] = [[button] for button in buttons]
    if image := visit.files.get("image"):
        given["image"] = image.content
    elif visit.one("without_image") == "yes":
        given["image"] = None
    try:
        await visit.ask(said(m.ChangeBroadcast, user=visit.user, broadcast=number, **given))
    except m.Invalid as refusal:
        return await _compose(visit, kept, refusal)
    except m.Conflict:
        return await _broadcast(visit, visit.t("It has changed meanwhile: look at it again."), 409)
    return see(f"/admin/broadcasts/{number}")


def _filled_in(visit: Visit, kept: Kept) -> dict[str, list[str]]:
    """The form that makes this message."""
    audience = kept.shown.audience
    fields: dict[str, Iterable[object]] = {
        "text": [kept.content.text],
        "grades": audience.grades or (),
        "subjects": audience.subjects or (),
        "active_days": [audience.active_days or ""],
        "users": [" ".join(map(str, audience.users or ()))],
        "start_at": [visit.local(kept.shown.start_at)],
    }
    for number, button in enumerate(kept.buttons, 1):
        fields[f"title-{number}"] = [button["text"]]
        fields[f"target-{number}"] = [button.get("url") or button["subject"]]
    return {name: [str(value) for value in values] for name, values in fields.items()}


def _text(visit: Visit) -> str:
    return visit.one("text").replace("\r\n", "\n")


def _audience(visit: Visit, kept: Kept | None = None) -> dict[str, object]:
    """The form has no platforms: those of what is kept stay."""
    given = {
        "grades": visit.all("grades"),
        "subjects": visit.all("subjects"),
        "active_days": visit.filled("active_days"),
        "users": visit.one("users").replace(",", " ").split(),
        "platforms": kept and kept.shown.audience.platforms,
    }
    return {name: value for name, value in given.items() if value}


def _most_buttons(kept: Kept | None) -> int:
    return MOST_BUTTONS if kept is None else max(MOST_BUTTONS, len(kept.buttons))


def _buttons(visit: Visit, kept: Kept | None = None) -> list[dict[str, str]]:
    """Each title with an address, or with a subject."""
    buttons = []
    for number in range(1, _most_buttons(kept) + 1):
        title, target = visit.filled(f"title-{number}"), visit.filled(f"target-{number}")
        if title or target:
            kind = "url" if target and "/" in target else "subject"
            buttons.append({"text": title or "", kind: target or ""})
    return buttons


async def broadcast(visit: Visit) -> web.Response:
    return await _broadcast(visit)


async def _broadcast(visit: Visit, problem: str | None = None, status: int = 200) -> web.Response:
    kept = await _kept(visit, visit.part("broadcast"))
    shown, content = kept.shown, kept.content
    text, entities = content.text, content.entities
    if entities is None:
        text, entities = (made := styled(text)).text, made.entities
    return render(
        visit,
        "broadcast.html",
        status=status,
        broadcast=shown,
        seen=telegram_html(text, entities),
        buttons=[button["text"] for button in kept.buttons],
        problem=problem or problem_told(visit.t, shown),
        reasons=reasons_told(visit.t, shown),
        begins_training=begins_training(shown),
        STATES=STATES,
        WAITING=WAITING,
        NOBODY=NOBODY,
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
    Page("GET", "/admin/broadcasts/{broadcast}/edit", edit, role="admin"),
    Page("POST", "/admin/broadcasts/{broadcast}/edit", change, role="admin", upload=m.PICTURE_LIMIT),
    Page("GET", "/admin/broadcasts/{broadcast}/picture", picture, role="admin"),
    Page("GET", "/admin/broadcasts/{broadcast}/stream", stream, role="admin"),
)
