"""Contests: a set of questions, a window of time, who may take part, and who came out where."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from protocols.messages.base import Command, Grade, Kind, Language, Message, OwnId, Platform, Slug, UserNumber
from protocols.messages.broadcasts import AdminCommand
from protocols.messages.training import DifficultyRange

ContestState: TypeAlias = Literal["upcoming", "running", "over"]
ContestNumber = Annotated[int, Field(ge=1, lt=2**63)]
ContestTitle = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
LONGEST_WINDOW = timedelta(days=31)
FIRST_YEAR, LAST_YEAR = 2000, 2100


class ContestFilters(Message):
    """Those of a training that are the same for everybody."""

    topics: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=100)] | None = None
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=6)] | None = None
    difficulty: DifficultyRange | None = None


class Participants(Message):
    """Who may take part: whoever is in one of `grades` or among `users`; where neither is given, everybody."""

    grades: Annotated[tuple[Grade, ...], Field(min_length=1, max_length=12)] | None = None
    users: Annotated[tuple[UserNumber, ...], Field(min_length=1, max_length=10_000)] | None = None


class ContestPlan(Message):
    """The plan: `questions` by their own ids, in this order, or `size` of those that fit `filters`.

    `draw`: these are drawn once, for all the `same`, or for `each` student. `minutes` are each student's own, within
    the window. `rules` is the safe subset of Markdown. Who joined gets a message `remind_minutes` before the start.
    """

    title: ContestTitle
    subject: Slug
    rules: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")] = ""
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    minutes: Annotated[int, Field(ge=1, le=300)]
    questions: Annotated[tuple[OwnId, ...], Field(min_length=1, max_length=200)] | None = None
    size: Annotated[int, Field(ge=1, le=200)] | None = None
    filters: ContestFilters = ContestFilters()
    draw: Literal["same", "each"] = "same"
    participants: Participants = Participants()
    results_hidden: bool = True
    remind_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] | None = None


class CreateContest(AdminCommand, ContestPlan):
    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, at in (("starts_at", self.starts_at), ("ends_at", self.ends_at)):
            if not FIRST_YEAR <= at.year < LAST_YEAR:
                raise ValueError(f"{name}: the year must be {FIRST_YEAR} to {LAST_YEAR - 1}")
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at: it must be after starts_at")
        if self.ends_at - self.starts_at > LONGEST_WINDOW:
            raise ValueError(f"ends_at: at most {LONGEST_WINDOW.days} days after starts_at")
        if (self.questions is None) == (self.size is None):
            raise ValueError("size: a contest has either a size or its questions")
        if self.questions is not None and self.filters != ContestFilters():
            raise ValueError("filters: they choose among many questions, and here the questions are given")
        if self.questions is not None and len(set(self.questions)) < len(self.questions):
            raise ValueError("questions: one of them is there twice")
        return self


class ContestCommand(AdminCommand):
    contest: ContestNumber


class ChangeContest(ContestCommand):
    """Only what is set is changed; once it has begun, only the title and the rules can be."""

    title: ContestTitle | None = None
    subject: Slug | None = None
    rules: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")] | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    minutes: Annotated[int, Field(ge=1, le=300)] | None = None
    questions: Annotated[tuple[OwnId, ...], Field(min_length=1, max_length=200)] | None = None
    size: Annotated[int, Field(ge=1, le=200)] | None = None
    filters: ContestFilters | None = None
    draw: Literal["same", "each"] | None = None
    participants: Participants | None = None
    results_hidden: bool | None = None
    remind_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] | None = None


class DeleteContest(ContestCommand):
    """Possible until somebody has started."""


class ShowPlan(ContestCommand):
    """The contest as administrators see it."""


class ListPlans(AdminCommand):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class PlannedContest(ContestPlan):
    """`ends_at` has moved by `extended_seconds`, because of outages. `joined` and `started` count students."""

    id: int
    state: ContestState
    extended_seconds: float
    created_at: datetime
    joined: int
    started: int


class PlannedContests(Message):
    """Newest first."""

    items: tuple[PlannedContest, ...]
    next: str | None


class MakeContestSpreadsheet(AdminCommand):
    """`file` is the id of the contest with `.xlsx`. Headings are in `language`, or in that of whoever asks."""

    file: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,17}\.xlsx$")]
    language: Language | None = None


class ListContests(Command):
    """Those that the user may take part in, or has joined."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class ShowContest(Command):
    contest: ContestNumber


class JoinContest(ShowContest):
    """Announce that one will take part; starting does it as well."""


class StartContest(ShowContest):
    """Begin; whoever has begun gets the same training again, also when it is over."""

    platform: Platform = "http"


class Contest(Message):
    """A contest as its students see it. `training` is the user's own, once they have started."""

    id: int
    title: str
    subject: str
    rules: str
    starts_at: datetime
    ends_at: datetime
    extended_seconds: float
    minutes: int
    size: int
    state: ContestState
    results_hidden: bool
    joined: bool
    training: str | None


class Contests(Message):
    """Newest first."""

    items: tuple[Contest, ...]
    next: str | None


class ShowContestLeaderboard(Command):
    contest: ContestNumber
    limit: Annotated[int, Field(ge=1, le=100)] = 100
    after: str | None = None


class ContestStanding(Message):
    """`place` and `score` are None while the training is open: an exam does not tell. `seconds` were used in all.

    The better score is before, then the fewer seconds; who has both the same shares a place.
    """

    place: int | None
    name: str
    score: float | None
    answered: int
    seconds: int | None


class ContestLeaderboard(Message):
    """`hidden`: nothing is told before `results_at`. `final`: nobody can answer any more. `own` is the user's line."""

    contest: int
    hidden: bool
    results_at: datetime | None
    final: bool
    items: tuple[ContestStanding, ...]
    own: ContestStanding | None
    next: str | None
