"""What became of an answer, and the review of a finished training."""

from __future__ import annotations

from typing import Any

from protocols.catalogue import Texts
from protocols.messages import (
    Progress,
    Reviewed,
    ShowFile,
    ShownQuestion,
    Summary,
    Training,
    Verdict,
    VerdictName,
)
from protocols.telegram.callbacks import Go, OfContest, OfQuestion, OfReviewed, OfSubject, Review, subject_token
from protocols.telegram.markup import CAPTION_UNITS, MESSAGE_UNITS, bold, cut, join, needs_picture, styled, utf16_len
from protocols.telegram.screens.screen import Picture, Screen, drawn, key, paragraphs
from protocols.telegram.screens.words import VERDICT_MARKS, HasChoices, escaped, in_words, key_in_words
from protocols.telegram.values import Key, Keyboard, Styled


def verdict_screen(
    t: Texts, training: str, token: str, question: ShownQuestion, given: Any, verdict: Verdict, *, favorite: bool
) -> Screen:
    """The verdict on an answer in practice. `given` is the response (Any: JSON) to `question`, for which `token` stood
    when it was asked.
    """
    assert verdict.verdict is not None
    assert verdict.score is not None
    title = verdict_title(t, verdict.verdict, verdict.score)
    told = answers_told(t, question, given, verdict.key, right=verdict.verdict == "correct")
    more = [escaped(verdict.feedback) if verdict.feedback else "", verdict.explanation or ""]
    ahead = key(t("Results ▶"), Review(training)) if verdict.next is None else key(t("Next ▶"), Go("continue"))
    return _told(
        title=bold(title),
        question=question.text,
        image=question.image,
        told=[told, *more],
        foot=progress_line(t, verdict.progress),
        keyboard=(
            (ahead,),
            _about_keys(t, OfQuestion("unstar" if favorite else "star", token), OfQuestion("report", token)),
        ),
    )


def verdict_title(t: Texts, verdict: VerdictName | None, score: float | None) -> str:
    if verdict is None or score is None:
        return "▫️ " + t("No answer")
    if verdict == "correct":
        return "✅ " + t("Right!")
    if verdict == "wrong":
        return "❌ " + t("Not right")
    return "🟡 " + t("Partly right: {share}", share=t.percent(score))


def answers_told(t: Texts, question: HasChoices, given: Any, key: Any, *, right: bool) -> str:
    """What was answered, and what is right where that differs, in Markdown."""
    lines = []
    if given is not None:
        lines.append(f"**{t('Your answer:')}** {in_words(t, question, given)}")
    if not right:
        lines.append(f"**{t('Right answer:')}** {key_in_words(t, question, key)}")
    return "\n\n".join(lines)


def progress_line(t: Texts, progress: Progress) -> str:
    if progress.correct is None:
        return ""
    right = t("Right: {correct} of {answered}", correct=progress.correct, answered=progress.answered)
    if progress.left == 0:
        return right
    return right + " · " + t.plural("{n} question left", "{n} questions left", progress.left)


def _about_keys(t: Texts, star: OfQuestion | OfReviewed, report: OfQuestion | OfReviewed) -> tuple[Key, ...]:
    """The star of a question, lit where pressing puts it out, and the way to tell its authors of a mistake."""
    label = t("★ Favourite") if star.verb == "unstar" else t("☆ Favourite")
    return (key(label, star), key(t("⚠️ Mistake?"), report))


def _told(*, title: Styled, question: str, image: str | None, told: list[str], foot: str, keyboard: Keyboard) -> Screen:
    """As much as fits: the picture stays where the words fit below it, and the question goes before the explanation."""
    body = [styled(part) for part in told]
    short = paragraphs(title, *body, foot)
    whole = paragraphs(title, styled(question), *body, foot)
    if any(map(needs_picture, (question, *told))):
        image_first: tuple[Picture, ...] = () if image is None else (ShowFile(file=image),)
        return Screen(paragraphs(title, foot), keyboard, (*image_first, *drawn(question, *told)), whole)
    if image is not None:
        picture = (ShowFile(file=image),)
        for text in (whole, short):
            if utf16_len(text.text) <= CAPTION_UNITS:
                return Screen(text, keyboard, picture, text)
    if utf16_len(whole.text) <= MESSAGE_UNITS:
        return Screen(whole, keyboard)
    return Screen(cut(short), keyboard)


def summary_screen(t: Texts, title: str, training: Training, *, notice: str = "") -> Screen:
    """The end of a training: its result in figures. `title` is its subject's."""
    summary = training.summary
    assert summary is not None
    lines: list[str | Styled] = [notice] if notice else []
    lines.append(join(bold(t("🏁 The training is finished")), title, sep=" · "))
    lines.append(
        join(bold(t("Result: {share}", share=t.percent(summary.share))), _points(t, summary, training.size), sep="\n")
    )
    lines.append(_counts(t, summary))
    token = subject_token(training.subject)
    keyboard: list[tuple[Key, ...]] = [(key(t("🔎 Go through the questions"), Review(training.id, 1)),)]
    if training.contest is not None:
        keyboard.append((key(t("🏆 Leaders"), OfContest("open", training.contest)),))
    if summary.wrong or summary.partial:
        keyboard.append((key(t("♻️ Train mistakes"), OfSubject("mistakes", token)),))
    keyboard.append((key(t("🔁 Once more"), OfSubject("quick", token)), key(t("☰ Menu"), Go("menu"))))
    return Screen(paragraphs(*lines), tuple(keyboard))


def _points(t: Texts, summary: Summary, size: int) -> str:
    minutes, seconds = divmod(round(summary.seconds), 60)
    took = (
        t("{minutes} min {seconds} s", minutes=minutes, seconds=seconds)
        if minutes
        else t("{seconds} s", seconds=seconds)
    )
    points = t.plural("{score} of {n} point", "{score} of {n} points", size, score=t.number(summary.score))
    return f"{points} · ⏱ {took}"


def _counts(t: Texts, summary: Summary) -> str:
    counted: list[tuple[VerdictName | None, str, int]] = [
        ("correct", t("right: {n}", n=summary.correct), summary.correct),
        ("partial", t("partly: {n}", n=summary.partial), summary.partial),
        ("wrong", t("wrong: {n}", n=summary.wrong), summary.wrong),
        (None, t("no answer: {n}", n=summary.unanswered), summary.unanswered),
    ]
    return "\n".join(f"{VERDICT_MARKS[verdict]} {text}" for verdict, text, count in counted if count)


def review_screen(t: Texts, training: Training, page: int, *, favorite: bool) -> Screen:
    """One question of a finished training; `page` counts from 1. `favorite`: it is among the student's own."""
    assert training.summary is not None
    questions = training.summary.questions
    one: Reviewed = questions[page - 1]
    size = len(questions)
    place = t("Question {number} of {size}", number=page, size=size)
    title = join(bold(place), verdict_title(t, one.verdict, one.score), sep=" · ")
    before = key("‹", Review(training.id, page - 1 or size))
    after = key("›", Review(training.id, page % size + 1))
    turning = (before, key(f"{page}/{size}", Review(training.id, page)), after)
    told = answers_told(t, one, one.response, one.key, right=one.verdict == "correct")
    return _told(
        title=title,
        question=one.text,
        image=one.image,
        told=[told, one.explanation],
        foot="",
        keyboard=(
            *((turning,) if size > 1 else ()),
            _about_keys(
                t,
                OfReviewed("unstar" if favorite else "star", training.id, page),
                OfReviewed("report", training.id, page),
            ),
            (key(t("‹ Results"), Review(training.id)),),
        ),
    )
