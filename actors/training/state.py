"""What a session remembers, and its snapshot. Frozen and small: a million of them live in one process."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from actors.training.selection import NO_NUMBERS, History, Numbers
from protocols.messages import Mode, Response

Reason: TypeAlias = Literal["complete", "student", "replaced", "time", "joined"]

# What became of a question: one byte each in `TrainingState.marks`.
UNTOUCHED: Final = 0
SKIPPED: Final = 1
"""Skipped once: it comes back at the end."""
DROPPED: Final = 2
"""Skipped again when it had come back."""
ANSWERED: Final = 3

SNAPSHOT_VERSION: Final = 1


class UnreadableSnapshot(ValueError):
    """The snapshot is of another version or broken; the journal from its start says the same."""


class Answer(NamedTuple):
    """One answer as it was given and graded; `question` is the bank's number of it."""

    question: int
    response: Response
    score: float
    seconds: float


class Contest(NamedTuple):
    """What a training has of the contest that it belongs to. Times are in microseconds.

    `results_at` is when the results may be told, None: as soon as the training is over. `outage` is the last one that
    was made up for, `extended` what was given back in all.
    """

    id: int
    results_at: int | None
    outage: int = 0
    extended: int = 0


class Untold(NamedTuple):
    """A finished training of a contest whose results are not told yet: what it will add to one's mistakes."""

    training: str
    results_at: int
    right: tuple[int, ...]
    wrong: tuple[int, ...]


class TrainingState(NamedTuple):
    """A training, open while `finished_at` is None. Times are in microseconds since 1970.

    `number` counts the user's own trainings. `marks` holds one byte for each of `questions`, `skipped` the
    positions that will come back, in that order.
    `touched_at` is the time of the last step: since then the student has been at the current question.
    """

    number: int
    subject: str
    mode: Mode
    questions: Numbers
    seed: int
    started_at: int
    deadline: int | None
    touched_at: int
    marks: bytes
    skipped: bytes = b""
    answers: tuple[Answer, ...] = ()
    correct: int = 0
    finished_at: int | None = None
    reason: Reason | None = None
    request: str | None = None
    contest: Contest | None = None

    @property
    def open(self) -> bool:
        return self.finished_at is None

    @property
    def left(self) -> int:
        """How many questions are still to come."""
        return self.marks.count(UNTOUCHED) + len(self.skipped)

    def position(self, question: int) -> int | None:
        """Where a question stands in this training, by the bank's number of it."""
        try:
            return self.questions.index(question)
        except ValueError:
            return None

    def current(self) -> int | None:
        """The position of the question to show: the first untouched, then the skipped; None when finished."""
        if self.finished_at is not None:
            return None
        untouched = self.marks.find(UNTOUCHED)
        if untouched >= 0:
            return untouched
        return self.skipped[0] if self.skipped else None

    def answer(self, question: int) -> Answer | None:
        for answer in reversed(self.answers):
            if answer.question == question:
                return answer
        return None


class SessionState(NamedTuple):
    """All that the rules know of a user. `training` is the open or the last of `trainings` in all.

    `seen` and `mistakes` take in a training when it finishes: until then its own answers tell.
    `joined_into` is the user of whom this one has become part; `joined` are those who became part of this one.
    `contests` are those taken part in, each with the id of its training.
    """

    user: int
    trainings: int = 0
    training: TrainingState | None = None
    seen: Numbers = NO_NUMBERS
    mistakes: Numbers = NO_NUMBERS
    favorites: Numbers = NO_NUMBERS
    erased: bool = False
    joined_into: int | None = None
    joined: tuple[int, ...] = ()
    contests: tuple[tuple[int, str], ...] = ()
    untold: tuple[Untold, ...] = ()

    @property
    def history(self) -> History:
        return History(self.seen, self.mistakes, self.favorites)


def initial(user: int) -> SessionState:
    """The state of a user who has done nothing yet."""
    return SessionState(user)


def training_id(user: int, number: int) -> str:
    """The id by which others know a user's `number`-th training."""
    return f"{user}-{number}"


def to_bytes(state: SessionState) -> bytes:
    """A snapshot: versioned JSON in UTF-8. It differs only where the states differ."""
    training = state.training
    return json.dumps(
        {
            "version": SNAPSHOT_VERSION,
            "user": state.user,
            "trainings": state.trainings,
            "seen": list(state.seen),
            "mistakes": list(state.mistakes),
            "favorites": list(state.favorites),
            "erased": state.erased,
            "joined_into": state.joined_into,
            "joined": state.joined,
            "contests": state.contests,
            "untold": state.untold,
            "training": None
            if training is None
            else {
                "number": training.number,
                "subject": training.subject,
                "mode": training.mode,
                "questions": list(training.questions),
                "seed": training.seed,
                "started_at": training.started_at,
                "deadline": training.deadline,
                "touched_at": training.touched_at,
                "marks": list(training.marks),
                "skipped": list(training.skipped),
                "answers": training.answers,
                "correct": training.correct,
                "finished_at": training.finished_at,
                "reason": training.reason,
                "request": training.request,
                "contest": training.contest,
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def from_bytes(snapshot: bytes) -> SessionState:
    """The state that `to_bytes` wrote. Raises `UnreadableSnapshot` for any other version or content."""
    try:
        kept = json.loads(snapshot)
        version = kept["version"]
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableSnapshot(f"not a snapshot: {error}") from error
    if version != SNAPSHOT_VERSION:
        raise UnreadableSnapshot(f"snapshot of version {version!r}; this is version {SNAPSHOT_VERSION}")
    try:
        training = kept["training"]
        return SessionState(
            user=kept["user"],
            trainings=kept["trainings"],
            training=None if training is None else _training(training),
            seen=numbers(kept["seen"]),
            mistakes=numbers(kept["mistakes"]),
            favorites=numbers(kept["favorites"]),
            erased=kept["erased"],
            joined_into=kept.get("joined_into"),  # from here on, and from the request below, came after the version
            joined=tuple(kept.get("joined", ())),
            contests=tuple((contest, training) for contest, training in kept.get("contests", ())),
            untold=tuple(
                Untold(training, results_at, tuple(right), tuple(wrong))
                for training, results_at, right, wrong in kept.get("untold", ())
            ),
        )
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise UnreadableSnapshot(f"broken snapshot: {error!r}") from error


def _training(kept: dict[str, Any]) -> TrainingState:  # Any: fresh from JSON
    return TrainingState(
        number=kept["number"],
        subject=sys.intern(kept["subject"]),
        mode=kept["mode"],
        questions=numbers(kept["questions"]),
        seed=kept["seed"],
        started_at=kept["started_at"],
        deadline=kept["deadline"],
        touched_at=kept["touched_at"],
        marks=bytes(kept["marks"]),
        skipped=bytes(kept["skipped"]),
        answers=tuple(Answer(*answer) for answer in kept["answers"]),
        correct=kept["correct"],
        finished_at=kept["finished_at"],
        reason=kept["reason"],
        request=kept.get("request"),
        contest=None if kept.get("contest") is None else Contest(*kept["contest"]),
    )


def numbers(values: Iterable[int]) -> Numbers:
    """A compact array; the empty one is shared."""
    return array("I", tuple(values)) or NO_NUMBERS
