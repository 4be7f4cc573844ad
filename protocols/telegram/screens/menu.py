"""The menu and the help."""

from __future__ import annotations

from contextlib import suppress

from protocols.catalogue import Texts, mark
from protocols.messages import NotFound, Training
from protocols.telegram.callbacks import Go
from protocols.telegram.markup import bold, join
from protocols.telegram.screens.screen import Screen, key, paragraphs, to_menu
from protocols.telegram.screens.subjects import subjects_of, title_of
from protocols.telegram.turn import Turn
from protocols.telegram.values import Keyboard, Styled

COMMANDS = {
    "menu": mark("Subjects, statistics, settings"),
    "subjects": mark("Choose a subject and train"),
    "continue": mark("Go on with the training"),
    "statistics": mark("What I have done"),
    "settings": mark("Name, grade, language"),
    "link": mark("Join with an account of the website"),
    "help": mark("What the bot can do"),
    "cancel": mark("Leave what is begun"),
}


def menu_screen(
    t: Texts, name: str, training: Training | None, title: str, *, admin: bool = False, notice: str = ""
) -> Screen:
    """`training` is the open one, `title` that of its subject; `admin`: somebody who may send mass messages."""
    words: list[str | Styled] = [bold(t("Hello, {name}!", name=name)), t("What shall we do?")]
    going_on: Keyboard = ()
    if training is not None:
        done = training.size - training.progress.left
        label = t("▶️ Go on: {subject}, {done} of {size}", subject=title, done=done, size=training.size)
        going_on = ((key(label, Go("continue")),),)
    return Screen(
        paragraphs(notice, join(*words, sep="\n")),
        (
            *going_on,
            (key(t("📚 Subjects"), Go("subjects")),),
            (key(t("★ Favourites"), Go("favorites")), key(t("♻️ Mistakes"), Go("mistakes"))),
            (key(t("📈 Statistics"), Go("statistics")), key(t("🏆 Leaders"), Go("boards"))),
            (key(t("📝 Contests"), Go("contests")),),
            *(((key(t("📣 Mass messages"), Go("broadcast")),),) if admin else ()),
            (key(t("⚙️ Settings"), Go("settings")), key(t("❓ Help"), Go("help"))),
        ),
    )


def help_screen(t: Texts) -> Screen:
    lines: list[str | Styled] = [
        bold(t("What I can do")),
        t("Choose a subject, and I ask questions. Answer with buttons or a message, and see at once what is right."),
        t("“Set up” chooses topics, kinds, difficulty, or an exam: a time limit, and the answers at its end."),
        t("☆ keeps a question for later; ⚠️ tells the authors that something is wrong with it."),
        t("If you have an account on the website, /link makes both one."),
        "\n".join(f"/{name} — {t(text)}" for name, text in COMMANDS.items()),
    ]
    return Screen(paragraphs(*lines), (to_menu(t),))


async def open_menu(turn: Turn, *, notice: str = "", below: bool = False) -> None:
    training, title = None, ""
    with suppress(NotFound):
        training = await turn.open_training()
    if training is not None:
        title = title_of(await subjects_of(turn), training.subject)
    turn.expect_nothing()
    admin = turn.chat.role == "admin"
    await turn.show(menu_screen(turn.t, turn.chat.name, training, title, admin=admin, notice=notice), below=below)


async def open_help(turn: Turn, *, below: bool = False) -> None:
    turn.expect_nothing()
    await turn.show(help_screen(turn.t), below=below)
