"""Accounts, tokens, profiles and what a user may see of themself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue, SecretStr, StringConstraints

from protocols.messages.base import Command, Grade, Language, Login, Message, PersonName, Role, Slug
from protocols.messages.training import Training

NewPassword = Annotated[SecretStr, Field(min_length=8, max_length=200)]
GivenPassword = Annotated[SecretStr, Field(max_length=200)]


class Register(Message):
    login: Login
    password: NewPassword
    name: PersonName
    language: Language = "ru"
    grade: Grade | None = None


class OpenToken(Message):
    """`address` is where the request came from: guessing is slowed per login and per address."""

    login: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")]
    password: GivenPassword
    address: str


class CloseToken(Command):
    token: SecretStr


class Authenticate(Message):
    token: SecretStr


class Caller(Message):
    """Whom a token stands for."""

    user: int
    role: Role
    language: Language


class Profile(Message):
    id: int
    login: str | None
    name: str
    language: Language
    grade: int | None
    role: Role
    notifications: bool
    registered_at: datetime
    last_seen_at: datetime | None
    telegram: bool


class TokenGranted(Message):
    token: str
    expires_at: datetime
    user: Profile


class ShowProfile(Command):
    pass


class ChangeProfile(Command):
    """Only what is set is changed."""

    name: PersonName | None = None
    language: Language | None = None
    grade: Grade | None = None
    notifications: bool | None = None


class EraseAccount(Command):
    password: GivenPassword


class ExportAccount(Command):
    pass


class AccountExport(Message):
    """Everything kept about a user."""

    profile: Profile
    tokens: tuple[dict[str, JsonValue], ...]
    chats: tuple[dict[str, JsonValue], ...]
    broadcasts: tuple[dict[str, JsonValue], ...]
    contests: tuple[dict[str, JsonValue], ...]
    favorites: tuple[dict[str, JsonValue], ...]
    trainings: tuple[dict[str, JsonValue], ...]
    answers: tuple[dict[str, JsonValue], ...]
    reports: tuple[dict[str, JsonValue], ...]
    journal: tuple[dict[str, JsonValue], ...]


class CreateLinkCode(Command):
    pass


class LinkCode(Message):
    code: str
    expires_at: datetime


class ReportQuestion(Command):
    question: str
    subject: Slug | None = None
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
    # Who sends the same request again, not knowing what became of it, gets the same report.
    request: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")] | None = None


class Reported(Message):
    id: int
    question: str
    subject: str
    text: str
    reported_at: datetime


class ShowFavoritesById(Command):
    """Which of these questions of a subject are among the user's favourites."""

    questions: tuple[str, ...]
    subject: Slug


class FavoritesById(Message):
    questions: frozenset[str]


class SetFavoriteById(Command):
    """A favourite by the id a student sees; `subject` is needed where two subjects share the id."""

    question: str
    subject: Slug | None = None
    favorite: bool


class ListTrainings(Command):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class Trainings(Message):
    """Newest first; each summary is without its questions, which the training itself tells."""

    items: tuple[Training, ...]
    next: str | None


class ShowTrainingById(Command):
    training: str


class ShowStatistics(Command):
    subject: Slug | None = None
    days: Annotated[int, Field(ge=1, le=3660)] | None = None


class Figures(Message):
    """`score` is the sum over answers, each 0 to 1; `seconds` is the time spent on them."""

    answered: int
    correct: int
    score: float
    seconds: float


class SubjectFigures(Figures):
    subject: str
    title: str


class TopicFigures(Figures):
    subject: str
    topic: str
    title: str


class DayFigures(Figures):
    day: date


class Streak(Message):
    """Days in a row with an answer: up to today (or yesterday), and the longest ever."""

    current: int
    longest: int


class Statistics(Message):
    """`weakest` are the topics that most is to be won in, the weakest first. `better_than` is the share of the others
    who trained in the same time and subject whose mean score is lower; None: there are too few, or too few answers.
    """

    totals: Figures
    trainings: int
    by_subject: tuple[SubjectFigures, ...]
    by_topic: tuple[TopicFigures, ...]
    by_day: tuple[DayFigures, ...]
    streak: Streak
    weakest: tuple[TopicFigures, ...] = ()
    better_than: float | None = None


Theme: TypeAlias = Literal["light", "dark"]


class DrawStatistics(ShowStatistics):
    format: Literal["svg", "png"]
    theme: Theme = "light"


class ShowLeaderboard(Command):
    subject: Slug
    days: Annotated[int, Field(ge=1, le=3660)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 100


class Standing(Message):
    place: int
    name: str
    score: float
    answered: int


class Leaderboard(Message):
    items: tuple[Standing, ...]
