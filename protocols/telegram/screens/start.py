"""The beginning: language, name, grade, and then the menu or the subject that a link named."""

from __future__ import annotations

from protocols.catalogue import Texts, mark
from protocols.messages import ChangeProfile, Language, Profile
from protocols.telegram.callbacks import Choose, Go
from protocols.telegram.markup import bold, join
from protocols.telegram.screens.menu import open_menu
from protocols.telegram.screens.screen import Screen, key, paragraphs, rows
from protocols.telegram.screens.subjects import open_subject, subjects_of
from protocols.telegram.turn import Turn, person_name
from protocols.telegram.values import Key, Styled

LANGUAGE_NAMES: dict[Language, str] = {"ru": "Русский", "en": "English"}
GRADES = range(1, 12)
NOT_AT_SCHOOL = "none"
LINK_PREFIX = "subject_"
GRADE_WANTED = mark("Please tap your grade, or write it as a number from 1 to 11.")
NAME_WANTED = mark("Please write your name as a message: one line of at most 100 letters.")


def language_keys() -> tuple[Key, ...]:
    return tuple(key(name, Choose("language", language)) for language, name in LANGUAGE_NAMES.items())


def welcome_screen() -> Screen:
    """In both languages, for which one is the question."""
    return Screen(
        join(bold("👋 Привет! Hello!"), "Выберите язык. Choose a language.", sep="\n"),
        (language_keys(),),
    )


def name_screen(t: Texts, suggested: str, *, back: bool = False, notice: str = "") -> Screen:
    words: list[str | Styled] = [bold(t("What is your name?")), t("Write it as a message, or take this one:")]
    keys: tuple[tuple[Key, ...], ...] = ((key(suggested, Choose("name", "telegram")),),)
    if back:
        keys += ((key(t("‹ Settings"), Go("settings")),),)
    return Screen(paragraphs(notice, *words), keys)


def grade_screen(t: Texts, *, back: bool = False, notice: str = "") -> Screen:
    words: list[str | Styled] = [
        bold(t("Which grade are you in?")),
        t("It helps to choose what fits you, and is told to nobody."),
    ]
    keys = rows((key(str(grade), Choose("grade", str(grade))) for grade in GRADES), 4)
    keys += ((key(t("Not at school"), Choose("grade", NOT_AT_SCHOOL)),),)
    if back:
        keys += ((key(t("‹ Settings"), Go("settings")),),)
    return Screen(paragraphs(notice, *words), keys)


async def start(turn: Turn, argument: str) -> None:
    """`/start`, perhaps with the word of a deep link."""
    slug = argument.removeprefix(LINK_PREFIX) if argument.startswith(LINK_PREFIX) else ""
    if turn.state.get("met"):
        await arrive(turn, slug, below=True)
        return
    if slug:
        turn.state["start"] = slug
    turn.expect_nothing()
    await turn.show(welcome_screen(), below=True)


async def go_on(turn: Turn) -> None:
    """The step of the beginning that a newcomer is at: the others are not asked again."""
    match turn.expected["what"]:
        case "name":
            await ask_name(turn, below=True)
        case "grade":
            await ask_grade(turn, below=True)
        case _:
            await start(turn, "")


async def arrive(turn: Turn, slug: str = "", *, below: bool = False) -> None:
    """The beginning is behind: the subject that was asked for, or the menu."""
    for subject in await subjects_of(turn):
        if slug and subject.slug == slug:
            await open_subject(turn, subject, below=below)
            return
    notice = turn.t("There is no such subject; here is what there is.") if slug else ""
    await open_menu(turn, below=below, notice=notice)


async def choose_language(turn: Turn, language: Language) -> None:
    """A step of the beginning: the name is next."""
    await turn.ask(ChangeProfile(user=turn.user, language=language), Profile)
    await turn.meet_again()
    await ask_name(turn)


async def ask_name(turn: Turn, *, notice: str = "", below: bool = False) -> None:
    turn.expect("name")
    suggested = person_name(turn.incoming.sender.name)
    await turn.show(name_screen(turn.t, suggested, back=bool(turn.state.get("met")), notice=notice), below=below)


async def ask_grade(turn: Turn, *, notice: str = "", below: bool = False) -> None:
    turn.expect("grade")
    await turn.show(grade_screen(turn.t, back=bool(turn.state.get("met")), notice=notice), below=below)


async def choose_name(turn: Turn, name: str) -> None:
    """A step of the beginning: the grade is next."""
    await turn.ask(ChangeProfile(user=turn.user, name=name), Profile)
    await turn.meet_again()
    await ask_grade(turn)


async def choose_grade(turn: Turn, grade: int | None) -> None:
    """The last step of the beginning."""
    await turn.ask(ChangeProfile(user=turn.user, grade=grade), Profile)
    await turn.meet_again()
    turn.state["met"] = True
    slug = turn.state.pop("start", "")
    await arrive(turn, slug if isinstance(slug, str) else "")
