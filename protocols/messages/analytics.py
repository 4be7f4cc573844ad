"""Figures about questions and about the whole service, for departments and administrators."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from protocols.messages.bank import EditorCommand
from protocols.messages.base import Kind, Message, Slug
from protocols.messages.broadcasts import AdminCommand

QualityFlag: TypeAlias = Literal["key", "second_key", "giveaway", "unsolved", "guessed", "indifferent", "unchosen"]


class ShowQuestionQuality(EditorCommand):
    """`since` is taken as the beginning of its month."""

    question: str
    subject: Slug | None = None
    since: date | None = None


class ShowSubjectQuality(EditorCommand):
    """`flagged` leaves out the questions that nothing is to be said about."""

    subject: Slug
    since: date | None = None
    flagged: bool = False
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class FigureInterval(Message):
    """In which a figure lies with a certainty of 95 %; of times: between which the middle half of them lies."""

    low: float
    high: float


class ChoiceQuality(Message):
    """`strong` and `weak` are the shares of the stronger and of the weaker students who chose this option."""

    id: str
    key: bool
    chosen: int
    strong: float | None
    weak: float | None


class QualityRemark(Message):
    """What should be looked at, and why, in plain words; `choice` is the option that it is about."""

    flag: QualityFlag
    choice: str | None
    reason: str


class QuestionQuality(Message):
    """How good a question is, by its answers in finished trainings.

    `facility` is their mean score. `discrimination` is the correlation of the score with the mean score of the rest of
    the same training; it rests on `pairs`, the answers that were not alone in their training. Stronger and weaker
    students, of whom there are `strong` and `weak`, are told apart by the same. None: there are too few answers.
    """

    id: str
    subject: str
    topic: str
    kind: Kind
    archived: bool
    answers: int
    correct: int
    facility: float | None
    facility_interval: FigureInterval | None
    pairs: int
    discrimination: float | None
    discrimination_interval: FigureInterval | None
    median_seconds: float | None
    seconds_spread: FigureInterval | None
    strong: int
    weak: int
    choices: tuple[ChoiceQuality, ...]
    flags: tuple[QualityRemark, ...]


class SubjectQuality(Message):
    """`answered` questions of the subject have figures, `flagged` of these have flags."""

    answered: int
    flagged: int
    items: tuple[QuestionQuality, ...]
    next: str | None


class ShowAnalytics(AdminCommand):
    days: Annotated[int, Field(ge=1, le=731)] = 30


class AnalyticsReport(Message):
    """What the dashboards' query of this name answers; times are in UTC."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int | float | str, ...], ...]


class Analytics(Message):
    """The dashboards' reports, by name, of the days from `since` to `until`."""

    since: date
    until: date
    reports: dict[str, AnalyticsReport]
