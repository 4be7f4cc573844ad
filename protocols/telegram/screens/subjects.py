"""Subjects: which there are, and what can be done in one."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.catalogue import Texts
from protocols.messages import ListSubjects, NotFound, ShownSubject, Subjects
from protocols.telegram.callbacks import Go, OfSubject, SubjectVerb, subject_token
from protocols.telegram.markup import bold, join
from protocols.telegram.screens.screen import Screen, key, paragraphs, rows, to_menu
from protocols.telegram.turn import Turn

USUAL_SIZE = 10  # of a training
MOST_LISTED = 90  # Telegram takes 100 buttons


def subjects_screen(t: Texts, subjects: Iterable[ShownSubject], verb: SubjectVerb, question: str) -> Screen:
    """The subjects that have questions; pressing one does `verb`. `question` says what for."""
    full = [subject for subject in subjects if subject.questions][:MOST_LISTED]
    keys = [key(subject.title, OfSubject(verb, subject_token(subject.slug))) for subject in full]
    words = bold(question) if keys else t("There are no questions yet. Please come back later.")
    return Screen(join(words), (*rows(keys, 1 if len(keys) < 8 else 2), to_menu(t)))


def subject_screen(t: Texts, subject: ShownSubject, *, notice: str = "") -> Screen:
    token = subject_token(subject.slug)
    counts = t.plural("{n} question", "{n} questions", subject.questions)
    counts += ", " + t.plural("{n} topic", "{n} topics", sum(topic.questions > 0 for topic in subject.topics))
    words = paragraphs(notice, join(bold(subject.title), counts, sep="\n"))
    if not subject.questions:
        return Screen(
            join(bold(subject.title), t("There are no questions yet. Please come back later."), sep="\n"), (to_menu(t),)
        )
    size = min(USUAL_SIZE, subject.questions)
    quick = t.plural("▶️ Quick start: {n} question", "▶️ Quick start: {n} questions", size)
    return Screen(
        words,
        (
            (key(quick, OfSubject("quick", token)),),
            (key(t("🎛 Set up"), OfSubject("setup", token)),),
            (key(t("★ Favourites"), OfSubject("favorites", token)), key(t("♻️ Mistakes"), OfSubject("mistakes", token))),
            (key(t("🏆 Leaders"), OfSubject("board", token)),),
            (key(t("‹ Subjects"), Go("subjects")), key(t("☰ Menu"), Go("menu"))),
        ),
    )


def title_of(subjects: Iterable[ShownSubject], slug: str) -> str:
    return next((subject.title for subject in subjects if subject.slug == slug), slug)


def topic_of(subjects: Iterable[ShownSubject], slug: str, topic: str) -> str:
    """The title of a topic; empty where it is not known any more."""
    for subject in subjects:
        if subject.slug == slug:
            return next((one.title for one in subject.topics if one.slug == topic), "")
    return ""


async def subjects_of(turn: Turn) -> tuple[ShownSubject, ...]:
    return (await turn.ask(ListSubjects(language=turn.t.language), Subjects)).items


async def subject_by_token(turn: Turn, token: str) -> ShownSubject:
    """Raises NotFound, as for the button of a subject that is gone."""
    for subject in await subjects_of(turn):
        if subject_token(subject.slug) == token:
            return subject
    raise NotFound("There is no such subject any more")


async def open_subjects(turn: Turn, verb: SubjectVerb = "open", *, below: bool = False) -> None:
    t = turn.t
    questions = {
        "open": t("Choose a subject"),
        "favorites": t("Favourite questions of which subject?"),
        "mistakes": t("Mistakes in which subject?"),
        "board": t("Leaders in which subject?"),
    }
    turn.expect_nothing()
    await turn.show(subjects_screen(t, await subjects_of(turn), verb, questions[verb]), below=below)


async def open_subject(turn: Turn, subject: ShownSubject, *, below: bool = False) -> None:
    turn.expect_nothing()
    await turn.show(subject_screen(turn.t, subject), below=below)
