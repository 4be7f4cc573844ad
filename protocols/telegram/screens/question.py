"""The question that is being asked: how each kind looks and is answered by tapping or typing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TypeAlias

from protocols.catalogue import Texts
from protocols.messages import ShowFile, ShownQuestion, Training
from protocols.telegram.callbacks import LETTERS, Go, OfQuestion, QuestionVerb, question_token
from protocols.telegram.markup import CAPTION_UNITS, MESSAGE_UNITS, bold, cut, join, needs_picture, styled, utf16_len
from protocols.telegram.screens.screen import Picture, Screen, drawn, key, paragraphs, rows
from protocols.telegram.screens.words import BREAK, choices_of, labels, letter, letters_of, listed, plain
from protocols.telegram.values import Key, Keyboard, Styled

Answer: TypeAlias = str | list[str] | dict[str, str]


@dataclass(frozen=True, slots=True)
class Asking:
    """A question on the screen: which one, and what was picked so far (see `OfQuestion`)."""

    training: Training
    question: ShownQuestion
    topic: str
    picked: str = ""

    @property
    def token(self) -> str:
        return question_token(self.training.id, self.question.id, self.training.progress.skipped)

    def meaning(self, verb: QuestionVerb, picked: str | None = None) -> OfQuestion:
        return OfQuestion(verb, self.token, self.picked if picked is None else picked)


def question_screen(t: Texts, asking: Asking, now: datetime, notice: str = "") -> Screen:
    """The question with its choices. `notice` is a line above it."""
    question = asking.question
    choices = choices_of(question)
    names = labels(t, choices)
    shown_names = names or [letter(t, place) for place in range(len(choices))]
    left_names = [str(place + 1) for place in range(len(question.left or ()))]
    lists = [listed(left_names, question.left or ()), [] if names else listed(shown_names, choices)]

    head, foot = header(t, asking, now), prompt(t, asking, shown_names)
    keyboard = question_keyboard(t, asking, shown_names)

    # Line by line: a text may be new, and the choices in another order, but each line was shown before.
    shown_lists = [join(*map(styled, lines), sep="\n") for lines in lists]
    whole = paragraphs(notice, head, styled(question.text), *shown_lists, foot)
    short = cut(paragraphs(notice, head, foot), CAPTION_UNITS)
    pictured = any(choice.image for choice in (*(question.left or ()), *choices))
    if pictured:
        return Screen(short, keyboard, _drawn_with_choices(question, left_names, shown_names), whole)
    formulas = any(map(needs_picture, (question.text, *chain(*lists))))
    if formulas or utf16_len(whole.text) > (CAPTION_UNITS if question.image else MESSAGE_UNITS):
        drawing = drawn(question.text, *map(BREAK.join, lists))
        return Screen(short, keyboard, (*_files(question.image), *drawing), whole)
    return Screen(whole, keyboard, _files(question.image))


def _files(image: str | None) -> tuple[Picture, ...]:
    return () if image is None else (ShowFile(file=image),)


def _drawn_with_choices(question: ShownQuestion, left: list[str], names: list[str]) -> tuple[Picture, ...]:
    """All that there is to see, one below the other."""
    pictures: list[Picture] = [*drawn(question.text), *_files(question.image)]
    for name, choice in (*zip(left, question.left or (), strict=True), *zip(names, choices_of(question), strict=True)):
        pictures += [*drawn(*listed([name], [choice])), *_files(choice.image)]
    return tuple(pictures)


def header(t: Texts, asking: Asking, now: datetime) -> Styled:
    """Where the student is, what it is about, how hard it is, and in an exam how much time is left."""
    training, progress = asking.training, asking.training.progress
    number = progress.answered + progress.skipped + 1
    if number <= training.size:
        place = t("Question {number} of {size}", number=number, size=training.size)
    else:
        place = t.plural("Skipped before, {n} left", "Skipped before, {n} left", progress.left)
    level = "●" * asking.question.difficulty + "○" * (5 - asking.question.difficulty)
    parts = [asking.topic, level]
    if training.deadline is not None:
        parts.append("⏳ " + remaining(t, training.deadline, now))
    return join(bold(place), *(part for part in parts if part), sep=" · ")


def remaining(t: Texts, deadline: datetime, now: datetime) -> str:
    seconds = max(0, int((deadline - now).total_seconds()))
    if seconds < 60:
        return t("less than a minute")
    return t.plural("{n} minute", "{n} minutes", -(-seconds // 60))


def prompt(t: Texts, asking: Asking, names: list[str]) -> str:
    """What to do, and for answers of several taps how far it has come."""
    question, picked = asking.question, asking.picked
    places = letters_of(picked, len(names)) or []
    match question.kind:
        case "single":
            return t("Choose one answer.")
        case "multiple":
            return t("Tick all that are right, then tap “Done”.")
        case "text":
            return t("✍️ Write your answer as a message.")
        case "number":
            return t("✍️ Write a number as a message, for example {example}.", example=t.number(0.5))
        case "order":
            so_far = " → ".join(names[place] for place in places)
            if not so_far:
                return t("Tap in the right order, beginning with the first.")
            if len(places) < len(names):
                return t("Your order: {so_far} → …", so_far=so_far)
            return t("Your order: {so_far}. All right?", so_far=so_far)
    left = question.left or ()
    pairs = [f"{number} — {names[place]}" for number, place in enumerate(places, 1)]
    so_far = t("Your pairs: {pairs}", pairs="; ".join(pairs)) + "\n\n" if pairs else ""
    if len(places) >= len(left):
        return so_far + t("All right?")
    ahead = left[len(places)]
    name = plain(ahead.text)
    return so_far + t(
        "What goes with {item}?", item=f"{len(places) + 1}. {name}" if len(name) <= 60 else str(len(places) + 1)
    )


def question_keyboard(t: Texts, asking: Asking, names: list[str]) -> Keyboard:
    return (*_answer_keys(t, asking, names), *_other_keys(t, asking))


def _answer_keys(t: Texts, asking: Asking, names: list[str]) -> Keyboard:
    kind, picked = asking.question.kind, asking.picked
    width = columns(names)
    if kind == "single":
        return rows((key(name, asking.meaning("done", LETTERS[place])) for place, name in enumerate(names)), width)
    if kind == "multiple":
        ticks = [_tick(asking, place, name) for place, name in enumerate(names)]
        return (*rows(ticks, min(width, 4)), (key(t("✔️ Done"), asking.meaning("done")),))
    if kind not in ("order", "match"):
        return ()
    wanted = len(names) if kind == "order" else len(asking.question.left or ())
    taps: Keyboard = ()
    if len(picked) < wanted:
        taps = rows((_tap(asking, place, name) for place, name in enumerate(names)), width)
    else:
        taps = ((key(t("✔️ Done"), asking.meaning("done")),),)
    if picked:
        back = key(t("↩️ Undo"), asking.meaning("pick", picked[:-1]))
        return (*taps, (back, key(t("✖️ From the beginning"), asking.meaning("pick", ""))))
    return taps


def _tap(asking: Asking, place: int, name: str) -> Key:
    """The next one of an order, or the next partner. What has its place in an order stays where it was, marked."""
    mine = LETTERS[place]
    if asking.question.kind == "order" and mine in asking.picked:
        return key(f"{asking.picked.index(mine) + 1} · {name}", asking.meaning("pick"))
    return key(name, asking.meaning("pick", asking.picked + mine))


def _tick(asking: Asking, place: int, name: str) -> Key:
    mine = LETTERS[place]
    ticked = mine in asking.picked
    after = asking.picked.replace(mine, "") if ticked else "".join(sorted(asking.picked + mine))
    return key(("☑️ " if ticked else "◻️ ") + name, asking.meaning("pick", after))


def _other_keys(t: Texts, asking: Asking) -> Keyboard:
    star = (
        key(t("★ Favourite"), asking.meaning("unstar"))
        if asking.training.favorite
        else key(t("☆ Favourite"), asking.meaning("star"))
    )
    return (
        (key(t("⏭ Skip"), asking.meaning("skip")), key(t("🏁 Finish"), asking.meaning("finish"))),
        (star, key(t("⚠️ Mistake?"), asking.meaning("report")), key(t("☰ Menu"), Go("menu"))),
    )


def columns(names: list[str]) -> int:
    """How many buttons a row takes so that a phone shows each whole."""
    longest = max(map(len, names), default=1)
    if longest <= 3:
        return 5 if len(names) > 8 else 4
    return 3 if longest <= 8 else 2 if longest <= 14 else 1


def answer_of(question: ShownQuestion, picked: str) -> Answer | None:
    """The response that letters stand for; None where they stand for none, as in forged or outdated data."""
    choices = choices_of(question)
    places = letters_of(picked, len(choices))
    if places is None:
        return None
    ids = [choices[place].id for place in places]
    match question.kind:
        case "single":
            return ids[0] if len(ids) == 1 else None
        case "multiple":
            return ids if ids and len(set(ids)) == len(ids) else None
        case "order":
            return ids if len(set(ids)) == len(ids) == len(choices) else None
        case "match":
            left = question.left or ()
            return {one.id: partner for one, partner in zip(left, ids, strict=True)} if len(ids) == len(left) else None
    return None


def is_partial(question: ShownQuestion, picked: str) -> bool:
    """Whether letters are something that can be on the screen of this question."""
    places = letters_of(picked, len(choices_of(question)))
    if places is None:
        return False
    if question.kind == "match":
        return len(places) <= len(question.left or ())
    return len(set(places)) == len(places) and (question.kind in ("multiple", "order") or not places)


def finish_screen(t: Texts, asking: Asking) -> Screen:
    """Whether to finish indeed."""
    progress = asking.training.progress
    left = t.plural("{n} question is not answered yet.", "{n} questions are not answered yet.", progress.left)
    return Screen(
        paragraphs(bold(t("Finish the training?")), left),
        (
            (key(t("🏁 Yes, finish"), asking.meaning("finish-now")),),
            (key(t("‹ Back to the question"), asking.meaning("show")),),
        ),
    )
