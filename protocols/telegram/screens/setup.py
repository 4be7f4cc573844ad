"""Putting a training together and starting it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import JsonValue, TypeAdapter, ValidationError

from protocols.catalogue import Texts, mark
from protocols.messages import (
    KINDS,
    Conflict,
    DifficultyRange,
    Filters,
    Kind,
    Mode,
    NotFound,
    ShownSubject,
    ShownTopic,
    StartTraining,
    Training,
)
from protocols.telegram.callbacks import Go, OfSubject, SubjectVerb, subject_token, token
from protocols.telegram.markup import bold, join
from protocols.telegram.screens.screen import Screen, key, paragraphs, rows, to_menu
from protocols.telegram.screens.subjects import USUAL_SIZE, subject_screen, subjects_of, title_of
from protocols.telegram.screens.training import go_on, show_question
from protocols.telegram.screens.words import KIND_NAMES
from protocols.telegram.turn import Turn
from protocols.telegram.values import Key, Keyboard, Styled

SIZES: Final = (5, 10, 20, 50)
MINUTES: Final = (10, 20, 45, 90)
TOPICS_A_PAGE: Final = 8
MOST_TOPICS: Final = 100  # `Filters` takes no more
Level = Literal["any", "easy", "middle", "hard"]
LEVELS: Final[dict[Level, tuple[str, DifficultyRange | None]]] = {
    "any": (mark("Any"), None),
    "easy": (mark("Easy"), DifficultyRange(max=2)),
    "middle": (mark("Middle"), DifficultyRange(min=3, max=3)),
    "hard": (mark("Hard"), DifficultyRange(min=4)),
}
WITHOUT: Final = {
    "topics": mark("any topic"),
    "kinds": mark("any kind of question"),
    "difficulty": mark("any difficulty"),
    "only": mark("not only new ones"),
}


@dataclass(frozen=True, slots=True)
class Setup:
    """A training that is being put together; empty topics and kinds are all of them."""

    subject: str
    size: int = USUAL_SIZE
    mode: Mode = "practice"
    minutes: int = 20
    topics: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    level: Level = "any"
    unseen: bool = False


_SETUP: Final = TypeAdapter(Setup)


def setup_of(kept: JsonValue, subject: str) -> Setup:
    """What is kept, if it is of this subject and of this version; otherwise the usual."""
    try:
        setup = _SETUP.validate_python(kept)
    except ValidationError:
        return Setup(subject)
    return setup if setup.subject == subject else Setup(subject)


def changed(setup: Setup, subject: ShownSubject, verb: SubjectVerb, value: str) -> Setup:
    """The setup after a press. A value that fits nothing changes nothing. Pressing twice is as pressing once."""
    number = int(value) if value.isascii() and value.isdigit() else 0
    name, _, on = value.partition(".")
    if verb == "size" and number in SIZES:
        return replace(setup, size=number)
    if verb == "minutes" and number in MINUTES:
        return replace(setup, minutes=number)
    if verb == "mode":
        return replace(setup, mode="exam" if value == "exam" else "practice")
    if verb == "level":
        return replace(setup, level=next((level for level in LEVELS if level == value), setup.level))
    if verb == "only":
        return replace(setup, unseen=value == "unseen")
    if verb == "reset":
        return Setup(setup.subject)
    if verb == "kind":
        return replace(
            setup, kinds=tuple(kind for kind in KINDS if (on == "1" if kind == name else kind in setup.kinds))
        )
    if verb == "topic":
        on = on[:1]
        chosen = tuple(
            topic.slug
            for topic in subject.topics
            if (on == "1" if token(topic.slug) == name else topic.slug in setup.topics)
        )
        return replace(setup, topics=chosen[:MOST_TOPICS])
    return setup


def setup_screen(t: Texts, subject: ShownSubject, setup: Setup) -> Screen:
    place = subject_token(subject.slug)

    def of(verb: SubjectVerb, value: str = "") -> OfSubject:
        return OfSubject(verb, place, value)

    def row(verb: SubjectVerb, choices: dict[str, str], chosen: str) -> tuple[Key, ...]:
        return tuple(key(_marked(name, value == chosen), of(verb, value)) for value, name in choices.items())

    sizes = {str(size): str(size) for size in SIZES}
    minutes = {str(one): t("{n} min", n=one) for one in MINUTES}
    modes = {"practice": t("Practice"), "exam": t("Exam")}
    levels: dict[str, str] = {level: t(name) for level, (name, _) in LEVELS.items()}
    new = key(
        ("☑️ " if setup.unseen else "◻️ ") + t("Only new questions"), of("only", "all" if setup.unseen else "unseen")
    )
    topics = t("Topics: {n}", n=len(setup.topics)) if setup.topics else t("Topics: all")
    kinds = t("Kinds: {n}", n=len(setup.kinds)) if setup.kinds else t("Kinds: all")
    return Screen(
        _described(t, subject, setup),
        (
            (key(t("▶️ Start"), of("start")),),
            row("size", sizes, str(setup.size)),
            row("mode", modes, setup.mode),
            *((row("minutes", minutes, str(setup.minutes)),) if setup.mode == "exam" else ()),
            (key(topics, of("topics", "0")), key(kinds, of("kinds"))),
            row("level", levels, setup.level),
            (new,),
            (key(t("‹ Back"), of("open")), key(t("Reset"), of("reset"))),
        ),
    )


def _described(t: Texts, subject: ShownSubject, setup: Setup) -> Styled:
    mode = t("Practice: you see at once what is right.")
    if setup.mode == "exam":
        mode = t.plural(
            "Exam: {n} minute, answers are told at the end.",
            "Exam: {n} minutes, answers are told at the end.",
            setup.minutes,
        )
    lines = [t.plural("{n} question", "{n} questions", setup.size), mode]
    if setup.topics:
        lines.append(
            t(
                "Topics: {topics}",
                topics=", ".join(topic.title for topic in subject.topics if topic.slug in setup.topics),
            )
        )
    if setup.kinds:
        lines.append(t("Kinds: {kinds}", kinds=", ".join(t(KIND_NAMES[kind]) for kind in setup.kinds)))
    if setup.level != "any":
        lines.append(t("Difficulty: {level}", level=t(LEVELS[setup.level][0]).lower()))
    if setup.unseen:
        lines.append(t("Only questions that you have not seen."))
    return paragraphs(bold(subject.title), "\n".join(lines))


def _marked(name: str, chosen: bool) -> str:
    return f"• {name}" if chosen else name


def topics_screen(t: Texts, subject: ShownSubject, setup: Setup, page: int) -> Screen:
    place = subject_token(subject.slug)
    topics = [topic for topic in subject.topics if topic.questions]
    pages = max(1, -(-len(topics) // TOPICS_A_PAGE))
    page %= pages

    def toggle(topic: ShownTopic) -> Key:
        on = topic.slug in setup.topics
        after = f"{token(topic.slug)}.{0 if on else 1}.{page}"
        label = ("☑️ " if on else "◻️ ") + f"{topic.title} · {topic.questions}"
        return key(label, OfSubject("topic", place, after))

    turning: Keyboard = ()
    if pages > 1:
        turning = (
            (
                key("‹", OfSubject("topics", place, str((page - 1) % pages))),
                key(f"{page + 1}/{pages}", OfSubject("topics", place, str(page))),
                key("›", OfSubject("topics", place, str((page + 1) % pages))),
            ),
        )
    shown = topics[page * TOPICS_A_PAGE : (page + 1) * TOPICS_A_PAGE]
    return Screen(
        join(bold(t("Which topics?")), t("If none is ticked, all are taken."), sep="\n"),
        (*((toggle(topic),) for topic in shown), *turning, (key(t("‹ Ready"), OfSubject("setup", place)),)),
    )


def kinds_screen(t: Texts, subject: ShownSubject, setup: Setup) -> Screen:
    place = subject_token(subject.slug)
    toggles = [
        key(
            ("☑️ " if kind in setup.kinds else "◻️ ") + t(name),
            OfSubject("kind", place, f"{kind}.{0 if kind in setup.kinds else 1}"),
        )
        for kind, name in KIND_NAMES.items()
    ]
    return Screen(
        join(bold(t("Which kinds of questions?")), t("If none is ticked, all are taken."), sep="\n"),
        (*rows(toggles, 2), (key(t("‹ Ready"), OfSubject("setup", place)),)),
    )


def nothing_screen(t: Texts, subject: ShownSubject, without: dict[str, int]) -> Screen:
    """Nothing fits all that was asked for: how many fit when one condition is dropped."""
    place = subject_token(subject.slug)
    counts = [
        f"• {t(WITHOUT[name])}: " + t.plural("{n} question", "{n} questions", count)
        for name, count in without.items()
        if name in WITHOUT
    ]
    words: list[str | Styled] = [bold(t("No question fits all of this."))]
    if counts:
        words.append(join(t("With one condition less there are:"), *counts, sep="\n"))
    return Screen(
        paragraphs(*words),
        ((key(t("‹ Change"), OfSubject("setup", place)), key(t("Reset"), OfSubject("reset", place))), to_menu(t)),
    )


def replacing_screen(t: Texts, open_training: Training, title: str, again: OfSubject) -> Screen:
    """Whether a training that is open may be finished by another."""
    done = open_training.size - open_training.progress.left
    words = t(
        "“{subject}” is open: {done} of {size} done. A new training finishes it.",
        subject=title,
        done=done,
        size=open_training.size,
    )
    return Screen(
        paragraphs(bold(t("Start a new training?")), words),
        ((key(t("▶️ Go on with the old one"), Go("continue")),), (key(t("🆕 Start a new one"), again),), to_menu(t)),
    )


# --- Handlers -------------------------------------------------------------------------------------------------


async def press_setup(turn: Turn, subject: ShownSubject, meant: OfSubject) -> None:
    """A press on any of the screens that put a training together."""
    setup = changed(setup_of(turn.state.get("setup"), subject.slug), subject, meant.verb, meant.value)
    turn.state["setup"] = _SETUP.dump_python(setup, mode="json")
    turn.expect_nothing()
    t = turn.t
    if meant.verb in ("topics", "topic"):
        page = meant.value.rpartition(".")[2]
        number = int(page) if page.isascii() and page.isdigit() else 0
        await turn.show(topics_screen(t, subject, setup, number))
    elif meant.verb in ("kinds", "kind"):
        await turn.show(kinds_screen(t, subject, setup))
    else:
        await turn.show(setup_screen(t, subject, setup))


async def press_start(turn: Turn, subject: ShownSubject, meant: OfSubject) -> None:
    """Start a training; ask first where that finishes another one in which something was done.

    The button says in its value which topic is meant, if it is one, and at the second time `yes`.
    """
    topic, _, said = meant.value.rpartition(".")
    if said != "yes":
        topic = said
        try:
            running = await turn.open_training()
        except NotFound:
            pass
        else:
            if running.progress.answered or running.progress.skipped:
                title = title_of(await subjects_of(turn), running.subject)
                again = OfSubject(meant.verb, meant.token, f"{topic}.yes")
                await turn.show(replacing_screen(turn.t, running, title, again))
                return
    await start_training(turn, subject, meant.verb, topic)


async def start_training(turn: Turn, subject: ShownSubject, verb: SubjectVerb, topic: str) -> None:
    """`topic` is the token of the only one that is asked for; empty: whatever the verb says. Raises NotFound where it
    is gone.
    """
    setup = setup_of(turn.state.get("setup"), subject.slug) if verb == "start" else Setup(subject.slug)
    if topic:
        setup = replace(setup, topics=tuple(one.slug for one in subject.topics if token(one.slug) == topic))
        if not setup.topics:
            raise NotFound("There is no such topic any more")
    known = {topic.slug for topic in subject.topics}
    only: Literal["unseen", "mistakes", "favorites"] | None = "unseen" if setup.unseen else None
    if verb == "mistakes" or verb == "favorites":
        only = verb
    filters = Filters(
        topics=tuple(topic for topic in setup.topics if topic in known) or None,
        kinds=setup.kinds or None,
        difficulty=LEVELS[setup.level][1],
        only=only,
    )
    command = StartTraining(
        user=turn.user,
        subject=subject.slug,
        size=setup.size,
        mode=setup.mode,
        minutes=setup.minutes if setup.mode == "exam" else None,
        filters=filters,
        request=turn.identity,
        platform="telegram",
    )
    try:
        training = await turn.ask(command, Training)
    except Conflict as refusal:
        await _nothing(turn, subject, verb, refusal)
        return
    await show_question(turn, training)


async def _nothing(turn: Turn, subject: ShownSubject, verb: SubjectVerb, refusal: Conflict) -> None:
    t = turn.t
    if refusal.details.get("contest"):
        await go_on(turn, notice=t("You are taking part in a contest: finish its training first."))
    elif verb == "favorites":
        notice = t("You have no favourites here yet: tap ☆ below a question to keep it.")
        await turn.show(subject_screen(t, subject, notice=notice))
    elif verb == "mistakes":
        await turn.show(subject_screen(t, subject, notice=t("There are no mistakes to train here. 👏")))
    else:
        without = refusal.details.get("without")
        counts = without if isinstance(without, dict) else {}
        await turn.show(nothing_screen(t, subject, {n: c for n, c in counts.items() if isinstance(c, int)}))
