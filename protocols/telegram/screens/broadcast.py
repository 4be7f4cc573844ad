"""Mass messages, for administrators: what is sent, to whom, and how far it has come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import structlog
from pydantic import ValidationError

from protocols.catalogue import Texts, texts
from protocols.messages import (
    Audience,
    Broadcast,
    BroadcastCommand,
    BroadcastContent,
    Broadcasts,
    BroadcastState,
    Button,
    CancelBroadcast,
    ChangeBroadcast,
    Chat,
    Conflict,
    CreateBroadcast,
    Invalid,
    ListBroadcasts,
    PauseBroadcast,
    ResumeBroadcast,
    ShowBroadcast,
    ShowBroadcastContent,
    ShownSubject,
    StartBroadcast,
    Unavailable,
)
from protocols.telegram.callbacks import BroadcastVerb, Go, OfBroadcast, subject_token
from protocols.telegram.courier import outgoing
from protocols.telegram.markup import bold, join, utf16_len
from protocols.telegram.screens.mass_words import NOBODY, STATES, WAITING, begins_training, problem_told, reasons_told
from protocols.telegram.screens.refusals import sorry
from protocols.telegram.screens.screen import Screen, key, paragraphs, rows, to_menu
from protocols.telegram.screens.start import GRADES
from protocols.telegram.screens.subjects import subjects_of
from protocols.telegram.turn import Asked, Sends, Turn
from protocols.telegram.values import Flooded, Gone, Key, Keyboard, Offline, Outgoing, Peer, Refused, Styled, Wrote

log = structlog.get_logger(__name__)

Chosen = TypeVar("Chosen")

FOLLOW_SECONDS: Final = 2.0
BAR: Final = 12  # signs of a progress bar
LISTED: Final = 8
ACTIVE_DAYS: Final = (7, 30)
CERTAIN: Final = "yes"
UNSTARTED: Final = ("draft", "scheduled")
LISTED_ONE: Final = "listed"  # opened from the list: what it looks like is not above
# The last lines of a message: `Title | https://…` or `Title | biology`.
_BUTTON = re.compile(r"\s*(\S.{0,63}?)\s*\|\s*(https?://\S+|[a-z0-9][a-z0-9_-]{0,63})\s*")
MOST_BUTTONS: Final = 10


# --- What is seen --------------------------------------------------------------------------------------------


def compose_screen(t: Texts, latest: Sequence[Broadcast], notice: str = "") -> Screen:
    keys = [
        key(f"{one.id}. {t(STATES[one.state])} · {_beginning(one.text)}", _of("open", one, LISTED_ONE))
        for one in latest
    ]
    return Screen(
        paragraphs(
            notice,
            bold(t("📣 A mass message")),
            t("Send me the message as it should look: a text with its formatting, with a picture if you like."),
            t("Buttons are its last lines, a title and an address or a subject:"),
            f"{t('Biology')} | biology\n{t('News')} | https://example.org",
        ),
        (*rows(keys, 1), to_menu(t)),
    )


def draft_screen(t: Texts, broadcast: Broadcast, subjects: Sequence[ShownSubject]) -> Screen:
    """One that is not started: whom it goes to."""
    people = t.plural("It goes to {n} person.", "It goes to {n} people.", broadcast.recipients)
    nobody = "" if broadcast.recipients else t(NOBODY)
    when = (
        t("It starts by itself: {moment}", moment=t.moment(broadcast.start_at))
        if broadcast.start_at is not None
        else t("Above is what they will see. Nothing is sent before you start it.")
    )
    audience = broadcast.audience
    grades = [
        key(("✓ " if grade in (audience.grades or ()) else "") + str(grade), _of("grade", broadcast, str(grade)))
        for grade in GRADES
    ]
    of_subjects = [
        key(
            ("✓ " if subject.slug in (audience.subjects or ()) else "") + subject.title,
            _of("subject", broadcast, subject_token(subject.slug)),
        )
        for subject in subjects
    ]
    active = [
        key(
            ("✓ " if audience.active_days == days else "")
            + t.plural("here in the last {n} day", "here in the last {n} days", days),
            _of("active", broadcast, str(days)),
        )
        for days in ACTIVE_DAYS
    ]
    everyone = key(("✓ " if audience == Audience() else "") + t("Everyone"), _of("everyone", broadcast))
    return Screen(
        paragraphs(
            bold(people), nobody, when, t("Narrow it by grade, by subjects they have trained, or by who was here:")
        ),
        (
            (everyone,),
            *rows(grades, 6),
            *rows(of_subjects, 2),
            *rows(active, 1),
            (key(t("✏️ Write it anew"), _of("rewrite", broadcast)),),
            (key(t("▶️ Start now"), _of("start", broadcast)), key(t("✖️ Cancel it"), _of("cancel", broadcast))),
            to_menu(t),
        ),
    )


def rewrite_screen(t: Texts, number: int, notice: str = "") -> Screen:
    """What is written next takes the place of one that is not started."""
    return Screen(
        paragraphs(
            notice,
            bold(t("✏️ Mass message {number}", number=str(number))),
            t("Send me all of it as it should look now, with picture and buttons: it takes the place of this one."),
            t("To whom it goes, and when, stays as it is."),
        ),
        ((key(t("‹ No, back to it"), OfBroadcast("open", number)),),),
    )


def progress_screen(t: Texts, broadcast: Broadcast) -> Screen:
    """One that was started: how far it has come."""
    done = broadcast.recipients - broadcast.left
    share = done / broadcast.recipients if broadcast.recipients else 1.0
    full = int(share * BAR)
    lines: list[str | Styled] = [
        bold(t("📣 {number}: {state}", number=str(broadcast.id), state=t(STATES[broadcast.state]))),
        _beginning(broadcast.text),
        "▓" * full + "░" * (BAR - full) + " " + t.percent(share),
        t(
            "sent: {sent} · blocked: {blocked} · failed: {failed} · left: {left}",
            sent=broadcast.sent,
            blocked=broadcast.blocked,
            failed=broadcast.failed,
            left=broadcast.left,
        ),
    ]
    if begins_training(broadcast):
        lines.append(t("pressed a button: {pressed}", pressed=broadcast.pressed))
    if broadcast.rate:
        lines.append(t("{rate} a second", rate=round(broadcast.rate, 1)))
    if broadcast.eta is not None:
        lines.append(t("Ready: {moment}", moment=t.moment(broadcast.eta)))
    if broadcast.waiting is not None:
        lines.append(t(WAITING[broadcast.waiting]))
    words = paragraphs(join(*lines, sep="\n"), reasons_told(t, broadcast), problem_told(t, broadcast))
    follows = broadcast.id if broadcast.state == "running" else None
    return Screen(words, _progress_keys(t, broadcast), follows=follows)


def _progress_keys(t: Texts, broadcast: Broadcast) -> Keyboard:
    back = (key(t("📣 Mass messages"), Go("broadcast")), *to_menu(t))
    cancel = key(t("✖️ Cancel it"), _of("cancel", broadcast))
    match broadcast.state:
        case "running":
            return ((key(t("⏸ Pause"), _of("pause", broadcast)), cancel), (_refresh(t, broadcast),), back)
        case "paused":
            return ((key(t("▶️ Go on"), _of("resume", broadcast)), cancel), back)
    return (back,)


def cancel_screen(t: Texts, broadcast: Broadcast) -> Screen:
    """Whether to cancel indeed one that was started or has its time: it cannot be taken up again."""
    words = [
        t.plural(
            "{n} person has not got it, and will not.", "{n} people have not got it, and will not.", broadcast.left
        ),
        t("A cancelled message cannot go on. One that is paused can."),
    ]
    return Screen(
        paragraphs(bold(t("Cancel mass message {number}?", number=str(broadcast.id))), *words),
        (
            (key(t("✖️ Yes, cancel it"), _of("cancel", broadcast, CERTAIN)),),
            (key(t("‹ No, back to it"), _of("open", broadcast)),),
        ),
    )


def _refresh(t: Texts, broadcast: Broadcast) -> Key:
    return key(t("🔄 Look again"), _of("open", broadcast))


def _of(verb: BroadcastVerb, broadcast: Broadcast, value: str = "") -> OfBroadcast:
    return OfBroadcast(verb, broadcast.id, value)


def _beginning(text: str) -> str:
    return text.strip().partition("\n")[0][:30]


# --- What is done --------------------------------------------------------------------------------------------


async def open_broadcasts(turn: Turn, *, notice: str = "", below: bool = False) -> None:
    """Wait for the message that is to be sent, and offer the latest ones. Raises Forbidden."""
    latest = await turn.ask(ListBroadcasts(user=turn.user, limit=LISTED), Broadcasts)
    turn.expect("broadcast")
    await turn.show(compose_screen(turn.t, latest.items, notice), below=below)


async def compose(turn: Turn, wrote: Wrote, number: str | None) -> None:
    """Make a draft of what was written, or put it in place of what draft `number` says; and show it exactly as its
    recipients will see it.
    """
    subjects = await subjects_of(turn)
    styled, buttons = parted(Styled(wrote.text, wrote.entities), frozenset(one.slug for one in subjects))
    image = await turn.fetch(wrote.picture) if wrote.picture is not None else None
    try:
        written = {
            "user": turn.user,
            "text": styled.text,
            "entities": styled.entities,
            "buttons": buttons,
            "image": image,
        }
        command = (
            CreateBroadcast.model_validate({**written, "request": turn.identity})
            if number is None
            else ChangeBroadcast.model_validate({**written, "broadcast": number})
        )
        broadcast = await turn.ask(command, Broadcast)
    except Conflict as refusal:  # it was started meanwhile
        assert number is not None, "what is new is in nobody's way"
        await turn.say(sorry(turn.t, refusal))
        turn.expect_nothing()
        started = await turn.ask(ShowBroadcast(user=turn.user, broadcast=number), Broadcast)
        await _show(turn, started, below=True)
        return
    except (Invalid, ValidationError) as error:
        places = (
            {one.path for one in error.errors}
            if isinstance(error, Invalid)
            else {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        )
        notice = _trouble(turn.t, places) if styled.text.strip() else turn.t("It needs words, too: write some, please.")
        if number is None:
            await open_broadcasts(turn, notice=notice, below=True)
        else:
            await turn.show(rewrite_screen(turn.t, int(number), notice), below=True)
        return
    turn.expect_nothing()
    await _preview(turn, broadcast)


async def _preview(turn: Turn, broadcast: Broadcast) -> None:
    """One that is not started, below what its recipients will see."""
    content = await turn.ask(ShowBroadcastContent(user=turn.user, broadcast=broadcast.id), BroadcastContent)
    await turn.send(outgoing(content))
    await turn.show(draft_screen(turn.t, broadcast, await subjects_of(turn)), below=True)


def _trouble(t: Texts, places: set[str]) -> str:
    if "image" in places:
        return t("Telegram would not take this picture. Send it as a photo, please.")
    return t("This cannot be sent: a text has up to 4096 characters, below a picture up to 1024.")


def parted(styled: Styled, subjects: frozenset[str]) -> tuple[Styled, tuple[tuple[Button, ...], ...]]:
    """A message without the last lines that describe its buttons, and these, one in a row."""
    lines = styled.text.split("\n")
    buttons: list[tuple[Button, ...]] = []
    while lines and len(buttons) < MOST_BUTTONS:
        found = _BUTTON.fullmatch(lines[-1])
        if found is None or not (button := _button(found[1], found[2], subjects)):
            break
        buttons.insert(0, (button,))
        lines.pop()
    text = "\n".join(lines).rstrip() if buttons else styled.text
    end = utf16_len(text)
    entities = tuple(
        entity.model_copy(update={"length": min(entity.length, end - entity.offset)})
        for entity in styled.entities
        if entity.offset < end
    )
    return Styled(text, entities), tuple(buttons)


def _button(title: str, target: str, subjects: frozenset[str]) -> Button | None:
    try:
        if target in subjects:
            return Button(text=title, subject=target)
        return Button.model_validate({"text": title, "url": target})
    except ValidationError:
        return None


async def press(turn: Turn, meant: OfBroadcast) -> None:
    """Do what a button below a mass message says. Raises a `Refusal`."""
    broadcast = await turn.ask(ShowBroadcast(user=turn.user, broadcast=meant.broadcast), Broadcast)
    if meant.verb == "cancel" and meant.value != CERTAIN and broadcast.state in ("scheduled", "running", "paused"):
        await turn.show(cancel_screen(turn.t, broadcast))
        return
    match meant.verb:
        case "everyone" | "grade" | "subject" | "active":
            audience = await _changed(turn, broadcast.audience, meant)
            broadcast = await turn.ask(
                ChangeBroadcast(user=turn.user, broadcast=meant.broadcast, audience=audience), Broadcast
            )
        case "start" | "pause" | "resume" | "cancel":
            broadcast = await _commanded(turn, meant)
        case "rewrite" if broadcast.state in UNSTARTED:
            turn.expect("broadcast", number=str(broadcast.id))
            await turn.show(rewrite_screen(turn.t, broadcast.id))
            return
    turn.expect_nothing()
    if broadcast.state in UNSTARTED and meant.value == LISTED_ONE:
        await _preview(turn, broadcast)
    else:
        await _show(turn, broadcast)


async def _show(turn: Turn, broadcast: Broadcast, *, below: bool = False) -> None:
    if broadcast.state in UNSTARTED:
        await turn.show(draft_screen(turn.t, broadcast, await subjects_of(turn)), below=below)
    else:
        await turn.show(progress_screen(turn.t, broadcast), below=below)


async def _commanded(turn: Turn, meant: OfBroadcast) -> Broadcast:
    """Start, pause, resume or cancel it; how it is then, also where that did not fit any more."""
    command: type[BroadcastCommand] = COMMANDS[meant.verb]
    try:
        return await turn.ask(command(user=turn.user, broadcast=meant.broadcast), Broadcast)
    except Conflict as refusal:
        broadcast = await turn.ask(ShowBroadcast(user=turn.user, broadcast=meant.broadcast), Broadcast)
        if broadcast.state not in WANTED[meant.verb]:  # else it was done, and only not shown
            await turn.toast(sorry(turn.t, refusal), alert=True)
        return broadcast


async def follow(ask: Asked, sender: Sends, chat: Chat, number: int, zone: ZoneInfo) -> None:
    """Let the progress bar that a chat shows edit itself until there is nothing more to see."""
    t, peer, menu = texts(chat.language, zone), Peer(chat.telegram, chat.access_hash), chat.state.get("menu")
    running = isinstance(menu, int)
    while running:
        assert isinstance(menu, int)
        await asyncio.sleep(FOLLOW_SECONDS)
        try:
            broadcast = await ask(ShowBroadcast(user=chat.user, broadcast=number))
            assert isinstance(broadcast, Broadcast)
            screen = progress_screen(t, broadcast)
            await sender.edit(peer, menu, Outgoing(screen.styled, screen.keyboard))
            running = screen.follows is not None
        except (Unavailable, Offline) as error:
            log.debug("the progress of a mass message is not shown now", why=str(error))
        except Flooded as error:
            await asyncio.sleep(error.seconds)
        except (Gone, Refused) as error:
            log.debug("the progress of a mass message has no screen any more", why=str(error))
            return


COMMANDS: Final[dict[str, type[BroadcastCommand]]] = {
    "start": StartBroadcast,
    "pause": PauseBroadcast,
    "resume": ResumeBroadcast,
    "cancel": CancelBroadcast,
}
WANTED: Final[dict[str, tuple[BroadcastState, ...]]] = {
    "start": ("running", "finished"),
    "pause": ("paused",),
    "resume": ("running", "finished"),
    "cancel": ("cancelled",),
}


async def _changed(turn: Turn, audience: Audience, meant: OfBroadcast) -> Audience:
    match meant.verb:
        case "everyone":
            return Audience()
        case "grade" if meant.value in map(str, GRADES):
            grades = _toggled(audience.grades or (), int(meant.value))
            return audience.model_copy(update={"grades": tuple(sorted(grades)) or None})
        case "subject":
            slugs = [one.slug for one in await subjects_of(turn) if subject_token(one.slug) == meant.value]
            chosen = _toggled(audience.subjects or (), slugs[0]) if slugs else audience.subjects or ()
            return audience.model_copy(update={"subjects": tuple(chosen) or None})
        case "active" if meant.value in map(str, ACTIVE_DAYS):
            days = int(meant.value)
            return audience.model_copy(update={"active_days": None if audience.active_days == days else days})
    return audience


def _toggled(chosen: tuple[Chosen, ...], one: Chosen) -> tuple[Chosen, ...]:
    return tuple(other for other in chosen if other != one) if one in chosen else (*chosen, one)
