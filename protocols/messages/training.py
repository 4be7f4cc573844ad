"""Commands, events and replies of one student's session."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeGuard

from pydantic import Field, StringConstraints, model_validator

from protocols.messages.base import Command, Kind, Message, Mode, OwnId, Platform, Slug, VerdictName

Response: TypeAlias = (
    Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]
    | Annotated[int, Field(strict=True, ge=-(10**18), le=10**18)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
    | Annotated[list[OwnId], Field(max_length=100)]
    | Annotated[dict[OwnId, OwnId], Field(max_length=100)]
)


class DifficultyRange(Message):
    min: Annotated[int, Field(ge=1, le=5)] | None = None
    max: Annotated[int, Field(ge=1, le=5)] | None = None


class Filters(Message):
    topics: Annotated[tuple[Slug, ...], Field(max_length=100)] | None = None
    kinds: Annotated[tuple[Kind, ...], Field(max_length=6)] | None = None
    difficulty: DifficultyRange | None = None
    only: Literal["unseen", "mistakes", "favorites"] | None = None


class SessionCommand(Command):
    """A command that only the user's own session actor may answer."""

    platform: Platform = "http"


class StartTraining(SessionCommand):
    subject: Slug
    size: Annotated[int, Field(ge=1, le=200)] = 10
    mode: Mode = "practice"
    minutes: Annotated[int, Field(ge=1, le=300)] | None = None
    filters: Filters = Filters()
    # Who sends the same request again, not knowing what became of it, gets the same training.
    request: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def _minutes_belong_to_an_exam(self) -> Self:
        if self.mode == "exam" and self.minutes is None:
            raise ValueError("minutes: an exam needs its length, 1 to 300 minutes")
        if self.mode == "practice" and self.minutes is not None:
            raise ValueError("minutes: only an exam has a time limit")
        return self


class GiveAnswer(SessionCommand):
    training: str
    question: str
    response: Response


class SkipQuestion(SessionCommand):
    training: str
    question: str


class FinishTraining(SessionCommand):
    training: str


class ShowTraining(SessionCommand):
    """The open training (`training` is None), or the last one by its id while the session remembers it."""

    training: str | None = None


class ShowLastAnswer(SessionCommand):
    """The answer that was given last, in the training that the session remembers, and what became of it."""


class ShowFavorites(SessionCommand):
    """Which of these are among the user's favourites, by the bank's numbers."""

    questions: tuple[int, ...]


class SetFavorite(SessionCommand):
    question: int
    favorite: bool


class EraseSession(SessionCommand):
    """The last word of a session: what it stored is erased by whoever carries its events onward."""


class JoinInto(SessionCommand):
    """This session's user becomes part of the user `into`: it ends, and tells what it remembers."""

    into: int


class SessionMemory(Message):
    """What a session knows beyond its last training: of how many trainings, and questions by the bank's numbers."""

    trainings: Annotated[int, Field(ge=0)]
    seen: tuple[int, ...]
    mistakes: tuple[int, ...]
    favorites: tuple[int, ...]
    contests: tuple[tuple[int, str], ...] = ()  # each with the training by which it was taken part in


class TakeContest(SessionCommand):
    """Take part in a contest: once, whatever was asked before. Times are in microseconds since 1970.

    `questions` are the bank's numbers where all get the same; None: `size` of those that fit `filters` are drawn.
    """

    contest: int
    subject: str
    questions: tuple[int, ...] | None
    size: int
    filters: Filters
    starts_at: int
    ends_at: int
    minutes: int
    hidden: bool


class ExtendTime(SessionCommand):
    """The service could accept nothing from `began` to `ended`: give the time back to a contest's training.

    `outage` numbers outages in their order; each counts once. `ends_at` is the contest's own end from now on.
    """

    training: str
    outage: int
    began: int
    ended: int
    ends_at: int


class TakeOver(SessionCommand):
    """The user `source` has become part of this session's user, and remembered this; once for each source."""

    source: int
    memory: SessionMemory


_SESSION_COMMANDS: frozenset[type[object]] = frozenset(
    (
        StartTraining,
        GiveAnswer,
        SkipQuestion,
        FinishTraining,
        ShowTraining,
        ShowLastAnswer,
        ShowFavorites,
        SetFavorite,
        EraseSession,
        JoinInto,
        TakeOver,
        TakeContest,
        ExtendTime,
    )
)


def is_of_session(message: object) -> TypeGuard[SessionCommand]:
    """Whether it is a session's command: in one look-up, for pydantic is slow to compare with a common base."""
    return message.__class__ in _SESSION_COMMANDS


# --- Events -------------------------------------------------------------------------------------------------


class Event(Message):
    """What happened, as the journal keeps it. `at` is in microseconds since 1970, by the server's clock."""

    at: int


class TrainingStarted(Event):
    type: Literal["started"] = "started"
    training: str
    subject: str
    mode: Mode
    questions: tuple[int, ...]
    seed: int
    deadline: int | None
    platform: Platform
    request: str | None = None
    contest: int | None = None
    results_at: int | None = None  # of a contest that tells its results at its end only: when that is


class QuestionAnswered(Event):
    """`question` is the bank's number of it; `seconds` since it was shown."""

    type: Literal["answered"] = "answered"
    training: str
    question: int
    subject: str
    topic: str
    kind: Kind
    # Any: a `Response`, which was validated when it came. None once its user was erased.
    response: Any = None
    score: float
    seconds: float
    platform: Platform


class QuestionSkipped(Event):
    type: Literal["skipped"] = "skipped"
    training: str
    question: int


class TrainingFinished(Event):
    type: Literal["finished"] = "finished"
    training: str
    reason: Literal["complete", "student", "replaced", "time", "joined"]


class TimeExtended(Event):
    """The clock of a contest's training stood still during an outage. Times are in microseconds.

    `deadline` and `results_at` are those from now on; `extended` is all that was given back so far.
    """

    type: Literal["extended"] = "extended"
    training: str
    outage: int
    deadline: int | None
    results_at: int | None
    extended: int


class ResultsTold(Event):
    """The contest is over, and what its training was worth is no secret any more."""

    type: Literal["told"] = "told"
    training: str


class FavoriteSet(Event):
    type: Literal["favorite"] = "favorite"
    question: int
    favorite: bool


class SessionErased(Event):
    type: Literal["erased"] = "erased"


class SessionLeft(Event):
    """The user has become part of the user `into`; nothing but erasure comes after."""

    type: Literal["left"] = "left"
    into: int


class AccountJoined(Event):
    """The user `source` has become part of this one, which had had `after` trainings, and brought `memory` along.

    Trainings are numbered in one row: the next is the one after `after` + `memory.trainings`.
    """

    type: Literal["joined"] = "joined"
    source: int
    after: int
    memory: SessionMemory


AnyEvent: TypeAlias = (
    TrainingStarted
    | QuestionAnswered
    | QuestionSkipped
    | TrainingFinished
    | TimeExtended
    | ResultsTold
    | FavoriteSet
    | SessionErased
    | SessionLeft
    | AccountJoined
)
JournalEvent: TypeAlias = Annotated[AnyEvent, Field(discriminator="type")]


# --- Replies of a session -----------------------------------------------------------------------------------


class Progress(Message):
    """`correct` is None while an exam is open."""

    answered: int
    correct: int | None
    skipped: int
    left: int


class ShownChoice(Message):
    id: str
    text: str
    image: str | None = None


class ShownQuestion(Message):
    """A question without its key."""

    id: str
    subject: str
    topic: str
    kind: Kind
    difficulty: int
    text: str
    image: str | None = None
    options: tuple[ShownChoice, ...] | None = None
    left: tuple[ShownChoice, ...] | None = None
    right: tuple[ShownChoice, ...] | None = None


class Verdict(Message):
    """`score`, `verdict`, `key`, `explanation` and `feedback` are None in an exam."""

    question: str
    score: float | None
    verdict: VerdictName | None
    # Any: JSON of our own making, here and below; to validate it as such takes a Python call for each value.
    key: Any
    explanation: str | None
    feedback: str | None = None
    next: ShownQuestion | None
    progress: Progress


class Favorites(Message):
    """Those of the questions that were asked about which are among the user's favourites."""

    questions: tuple[int, ...]


class LastAnswer(Message):
    """The verdict is as it was told, but for what comes next now."""

    training: str
    subject: str
    question: ShownQuestion
    response: Any
    verdict: Verdict
    favorite: bool


class Skipped(Message):
    next: ShownQuestion | None
    progress: Progress


class Reviewed(Message):
    """One question of a finished training; `score` and `verdict` are None where no answer was given.

    Its choices stand in the order of the bank.
    """

    question: str
    topic: str
    kind: Kind
    text: str
    image: str | None = None
    options: tuple[ShownChoice, ...] | None = None
    left: tuple[ShownChoice, ...] | None = None
    right: tuple[ShownChoice, ...] | None = None
    response: Any
    score: float | None
    verdict: VerdictName | None
    key: Any
    explanation: str


class Summary(Message):
    """`score` is the sum over answers, each 0 to 1; `share` is that over the size."""

    answered: int
    correct: int
    partial: int
    wrong: int
    unanswered: int
    score: float
    share: float
    seconds: float
    questions: tuple[Reviewed, ...]


class ContestTaken(Message):
    """The user has taken part already, by this training."""

    training: str


class Training(Message):
    """`extended_seconds` were given back because of outages, and are in `deadline`.

    `results_at` is when a contest tells what its training was worth; until then there is no `summary`.
    `favorite`: the question that is asked now is among the user's favourites.
    """

    id: str
    subject: str
    mode: Mode
    size: int
    status: Literal["open", "finished"]
    started_at: datetime
    finished_at: datetime | None
    deadline: datetime | None
    progress: Progress
    question: ShownQuestion | None
    summary: Summary | None
    contest: int | None = None
    extended_seconds: float = 0.0
    results_at: datetime | None = None
    favorite: bool = False
