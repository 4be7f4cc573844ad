"""Settings, joining with an account of the website, and one's data: taken along, or erased."""

from __future__ import annotations

import asyncio
import io
import zipfile

from pydantic import JsonValue
from pydantic_core import to_json

from protocols.catalogue import Texts
from protocols.messages import (
    AccountExport,
    ChangeProfile,
    Chat,
    Conflict,
    Done,
    EraseFromTelegram,
    ExportAccount,
    Invalid,
    LinkAccounts,
    Linked,
    NotFound,
    Profile,
)
from protocols.telegram.callbacks import Choose, Go
from protocols.telegram.files import LARGEST
from protocols.telegram.markup import bold, code
from protocols.telegram.screens.menu import open_menu
from protocols.telegram.screens.screen import Screen, key, paragraphs, to_menu
from protocols.telegram.screens.start import LANGUAGE_NAMES, language_keys
from protocols.telegram.turn import Turn
from protocols.telegram.values import Outgoing, Styled

EXPORT_NAME, ZIPPED_NAME = "apo-export.json", "apo-export.zip"
ZIPPED_FROM = 1024 * 1024


def settings_screen(t: Texts, chat: Chat, *, notice: str = "") -> Screen:
    grade = t("not at school") if chat.grade is None else str(chat.grade)
    notify = t("on") if chat.notifications else t("off")
    lines = [
        t("Name: {name}", name=chat.name),
        t("Grade: {grade}", grade=grade),
        t("Language: {language}", language=LANGUAGE_NAMES[chat.language]),
        t("Notifications: {state}", state=notify),
    ]
    switch = t("🔕 Switch notifications off") if chat.notifications else t("🔔 Switch notifications on")
    words = paragraphs(bold(t("⚙️ Settings")), "\n".join(lines))
    return Screen(
        paragraphs(notice, words),
        (
            (key(t("Name"), Go("name")), key(t("Grade"), Go("grade")), key(t("Language"), Go("language"))),
            (key(switch, Choose("notify", "off" if chat.notifications else "on")),),
            (key(t("🔗 Join with the website"), Go("link")),),
            (key(t("📦 My data"), Go("export")), key(t("🗑 Erase all"), Go("erase"))),
            to_menu(t),
        ),
    )


def languages_screen(t: Texts) -> Screen:
    return Screen(bold(t("Language")), (language_keys(), (key(t("‹ Settings"), Go("settings")),)))


def link_screen(t: Texts, *, notice: str = "") -> Screen:
    how: list[str | Styled] = [
        bold(t("🔗 Join with the website")),
        t("Ask for a code on the website, in your profile. Then write it here as a message, for example:"),
        code("/link ABCD2345"),
        t("Both accounts become one, with the history of both. A code holds for 10 minutes."),
    ]
    return Screen(paragraphs(notice, *how), ((key(t("‹ Settings"), Go("settings")),),))


def erase_screen(t: Texts) -> Screen:
    words: list[str | Styled] = [
        bold(t("🗑 Erase everything?")),
        t("Your account, your trainings and your statistics go, here and on the website. It cannot be undone."),
    ]
    return Screen(
        paragraphs(*words),
        ((key(t("Yes, go on"), Go("erase-again")),), (key(t("‹ No, keep it"), Go("settings")),)),
    )


def erase_again_screen(t: Texts) -> Screen:
    return Screen(
        paragraphs(bold(t("Really? This is the last question.")), t("After it nothing can be brought back.")),
        ((key(t("‹ No, keep it"), Go("settings")),), (key(t("Erase my account"), Go("erase-now")),)),
    )


# --- Handlers -------------------------------------------------------------------------------------------------


async def open_settings(turn: Turn, *, notice: str = "", below: bool = False) -> None:
    turn.expect_nothing()
    await turn.show(settings_screen(turn.t, turn.chat, notice=notice), below=below)


async def change(turn: Turn, **changes: str | int | bool | None) -> None:
    """Change the profile, and show the settings as they are then."""
    await turn.ask(ChangeProfile.model_validate({"user": turn.user, **changes}), Profile)
    await turn.meet_again()
    await open_settings(turn, notice=turn.t("Done."))


async def open_link(turn: Turn, *, below: bool = False) -> None:
    turn.expect("code")
    await turn.show(link_screen(turn.t), below=below)


async def link(turn: Turn, given: str, *, below: bool = False) -> None:
    """Join this account with the one that made the code."""
    t = turn.t
    joins: dict[str, JsonValue] = {"identity": turn.identity, "user": turn.user}
    before = turn.state.get("joins")
    # Where the chat has another account than when this came, it was joined then, and only nobody was told.
    joined = isinstance(before, dict) and before.get("identity") == turn.identity and before.get("user") != turn.user
    try:
        if not joined:
            await turn.note("joins", joins)
            await turn.ask(LinkAccounts(user=turn.user, code=given.replace("\0", "")[:64]), Linked)
    except (NotFound, Invalid, Conflict) as refusal:
        turn.expect("code")
        notice = t("❗️ This code is not known, or it is too old. Please ask for a new one.")
        if isinstance(refusal, Conflict) and "role" in refusal.details:
            notice = t(
                "❗️ Not joined: you have more rights here than the account {login} on the website, and it would get "
                "them. If it is not yours, somebody wanted your rights. If it is, have it given the same role first, "
                "on the page of users; then write the code again.",
                login=str(refusal.details["login"]),
            )
        elif isinstance(refusal, Conflict):
            notice = t("❗️ These two cannot be joined: one of them is joined with another account already.")
        await turn.show(link_screen(t, notice=notice), below=below)
        return
    await turn.meet_again()
    turn.state.pop("joins", None)
    turn.state["met"] = True
    await open_menu(turn, notice=turn.t("🔗 Joined: your history is here and on the website."), below=below)


async def export(turn: Turn) -> None:
    await turn.toast(turn.t("One moment…"))
    kept = await turn.ask(ExportAccount(user=turn.user), AccountExport)
    file, name = await asyncio.to_thread(packed, kept)
    if len(file) > LARGEST:
        await turn.say(turn.t("This is too much for Telegram. You can take it along on the website, in your profile."))
        return
    await turn.send(Outgoing(Styled(turn.t("Everything that is kept about you.")), file=file, file_name=name))


def packed(kept: AccountExport) -> tuple[bytes, str]:
    """One's data as a file and its name: JSON, zipped where it is long. Piece by piece, so that others get on."""
    lines: list[bytes] = []
    for name, value in kept:
        if isinstance(value, tuple):
            items = b",\n".join(b"    " + to_json(item) for item in value)
            told = b"[\n" + items + b"\n  ]" if items else b"[]"
        else:
            told = to_json(value)
        lines.append(b"  " + to_json(name) + b": " + told)
    file = b"{\n" + b",\n".join(lines) + b"\n}\n"
    if len(file) <= ZIPPED_FROM:
        return file, EXPORT_NAME
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(EXPORT_NAME, file)
    return archive.getvalue(), ZIPPED_NAME


async def erase(turn: Turn) -> None:
    """The end of the account; the chat is forgotten with it, so nothing is remembered of it here."""
    await turn.ask(EraseFromTelegram(user=turn.user, telegram=turn.peer.telegram), Done)
    await turn.toast("")
    menu = turn.state.get("menu")
    await turn.delete(*([menu] if isinstance(menu, int) else []))
    await turn.say(turn.t("Everything is erased. If you come back one day: /start"))
