"""What a student has done: statistics, past trainings, pictures, and the leaderboards. Days are days in
UTC.
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from asyncpg import Record
from cachetools import LRUCache, TLRUCache, TTLCache

from actors.bank import Bank
from actors.drawing import Drawing
from actors.training.grading import verdict_of
from actors.training.state import Answer
from actors.training.views import moment, summary
from protocols.messages import (
    DayFigures,
    DrawStatistics,
    FieldError,
    Figures,
    File,
    Invalid,
    Language,
    Leaderboard,
    ListTrainings,
    NotFound,
    Progress,
    ShowLeaderboard,
    ShowStatistics,
    ShowTrainingById,
    Standing,
    Statistics,
    Streak,
    Subject,
    SubjectFigures,
    TopicFigures,
    Training,
    Trainings,
)
from storage.postgres import figures as sql
from storage.postgres.pool import Pool

CURSOR = re.compile("[1-9][0-9]{0,8}")  # a training's number
CACHED_PICTURES = 100
CALENDAR = timedelta(weeks=53)  # of a picture
CACHED_LEADERBOARDS = 1_000
# A leaderboard is kept for this many times the time it took to make: so at most a twentieth of the database
# goes into one, and a quick one is always fresh.
TIMES_ITS_COST = 20
LONGEST_KEPT_SECONDS = 60.0
# Who is compared with others, and with how many at least; what they have is counted again after a while.
FEWEST_COMPARED = 20
FEWEST_PEERS = 5
PEERS_SECONDS = 120.0
# Topics to work on: as many, of those with enough answers, where not nearly all points were won.
MOST_WEAKEST = 3
FEWEST_IN_TOPIC = 5
GOOD_ENOUGH = 0.85
MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True, slots=True)
class _Board:
    leaderboard: Leaderboard
    cost: float


class Desk:
    """Answers questions about figures. `clock` tells microseconds since 1970; `language_of` a user's
    language.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], int],
        bank: Bank,
        drawing: Drawing,
        language_of: Callable[[int], Awaitable[Language]],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._bank = bank
        self._drawing = drawing
        self._language_of = language_of
        # By all that is in the picture: so none is ever out of date.
        self._pictures: LRUCache[tuple[str, Language, str], File] = LRUCache(CACHED_PICTURES)
        self._boards: TLRUCache[tuple[str, int | None, int], _Board] = TLRUCache(
            CACHED_LEADERBOARDS,
            ttu=lambda _, board, now: now + min(board.cost * TIMES_ITS_COST, LONGEST_KEPT_SECONDS),
        )
        self._counting = asyncio.Lock()
        self._peers: TTLCache[tuple[str | None, date | None], list[tuple[int, int]]] = TTLCache(100, PEERS_SECONDS)
        self._comparing = asyncio.Lock()

    async def show_statistics(self, message: ShowStatistics) -> Statistics:
        """Raises NotFound for an unknown subject."""
        return await self._statistics(message, await self._language_of(message.user))

    async def draw_statistics(self, message: DrawStatistics) -> File:
        """The statistics as a picture. Raises NotFound for an unknown subject, Unavailable when too many are
        being drawn.
        """
        today = self._today()  # before the figures, of which none is then from before the first day that is drawn
        language = await self._language_of(message.user)
        statistics = await self._statistics(message, language)
        drawn = statistics.model_dump_json()
        calendar = await sql.calendar(self._pool, message.user, message.subject, today - CALENDAR)
        key = (f"{today} {message.days} {message.theme} {calendar} {drawn}", language, message.format)
        picture = self._pictures.get(key)
        if picture is None:
            content = await self._drawing.statistics(
                drawn, calendar, language, message.format, days=message.days, today=today, theme=message.theme
            )
            picture = File(content=content, media_type=MEDIA_TYPES[message.format])
            self._pictures[key] = picture
        return picture

    async def list_trainings(self, message: ListTrainings) -> Trainings:
        """Newest first, each summary without its questions. Raises Invalid for a cursor that is none of
        ours.
        """
        before = None if message.after is None else _number(message.after)
        rows = await sql.trainings(self._pool, message.user, before, message.limit + 1)
        shown = rows[: message.limit]
        return Trainings(
            items=tuple(_without_questions(training) for training in await self._views(shown)),
            next=_cursor(shown[-1]["number"]) if len(rows) > len(shown) else None,
        )

    async def show_training(self, message: ShowTrainingById) -> Training:
        """A past training with its summary; an open one without its question, which only the session knows.

        Raises NotFound, also for somebody else's.
        """
        row = None
        if "\0" not in message.training:  # which PostgreSQL does not take
            row = await sql.training(self._pool, message.user, message.training)
        if row is None:
            raise NotFound(f"You have no training {message.training!r}")
        (view,) = await self._views([row])
        return view

    async def show_leaderboard(self, message: ShowLeaderboard) -> Leaderboard:
        """Raises NotFound for an unknown subject."""
        self._subject(message.subject)
        key = (message.subject, message.days, message.limit)
        async with self._counting:  # many ask at the end of a contest; one counts
            board = self._boards.get(key)
            if board is None:
                began = time.monotonic()
                rows = await sql.leaderboard(self._pool, message.subject, self._since(message.days), message.limit)
                items = tuple(Standing(**row) for row in rows)
                board = _Board(Leaderboard(items=items), time.monotonic() - began)
                self._boards[key] = board
        return board.leaderboard

    def _subject(self, slug: str) -> Subject:
        subject = self._bank.subject(slug)
        if subject is None:
            raise NotFound(f"There is no subject {slug!r}")
        return subject

    def _today(self) -> date:
        return moment(self._clock()).date()

    def _since(self, days: int | None) -> date | None:
        return None if days is None else self._today() - timedelta(days=days - 1)

    async def _statistics(self, message: ShowStatistics, language: Language) -> Statistics:
        if message.subject is not None:
            self._subject(message.subject)
        rows = await sql.statistics(self._pool, message.user, message.subject, self._since(message.days))
        titles = _Titles(self._bank, language)
        by_subject = tuple(
            SubjectFigures(subject=row["subject"], title=titles.subject(row["subject"]), **_figures(row))
            for row in rows.by_subject
        )
        by_topic = tuple(
            TopicFigures(
                subject=row["subject"],
                topic=row["topic"],
                title=titles.topic(row["subject"], row["topic"]),
                **_figures(row),
            )
            for row in rows.by_topic
        )
        totals = Figures(
            answered=sum(one.answered for one in by_subject),
            correct=sum(one.correct for one in by_subject),
            score=round(sum(one.score for one in by_subject), 6),
            seconds=round(sum(one.seconds for one in by_subject), 3),
        )
        return Statistics(
            totals=totals,
            weakest=weakest([one for one in by_topic if self._is_asked(one)]),
            better_than=await self._better_than(message, totals),
            trainings=rows.trainings,
            by_subject=by_subject,
            by_topic=by_topic,
            by_day=tuple(DayFigures(day=row["day"], **_figures(row)) for row in rows.by_day),
            streak=streak(rows.days, self._today()),
        )

    def _is_asked(self, topic: TopicFigures) -> bool:
        """Whether it has questions still."""
        known = self._bank.subject(topic.subject) is not None
        return known and self._bank.index(topic.subject).count(topic.topic) > 0

    async def _better_than(self, message: ShowStatistics, totals: Figures) -> float | None:
        if totals.answered < FEWEST_COMPARED:
            return None
        since = self._since(message.days)
        key = (message.subject, since)
        async with self._comparing:
            counted = self._peers.get(key)
            if counted is None:
                counted = await sql.mean_scores(self._pool, message.subject, since, FEWEST_COMPARED)
                self._peers[key] = counted
        others = sum(users for _, users in counted) - 1  # one of them is whoever asks
        if others < FEWEST_PEERS:
            return None
        own = int(100 * totals.score / totals.answered + 1e-9)
        return min(1.0, sum(users for hundredth, users in counted if hundredth < own) / others)

    async def _views(self, rows: Sequence[Record]) -> list[Training]:
        given: dict[str, list[Answer]] = defaultdict(list)
        for row in await sql.answers(self._pool, [row["id"] for row in rows]):
            given[row["training"]].append(Answer(row["question"], row["response"], row["score"], row["seconds"]))
        return [self._view(row, given[row["id"]]) for row in rows]

    def _view(self, row: Record, given: Sequence[Answer]) -> Training:
        finished_at: datetime | None = row["finished_at"]
        answered = {answer.question for answer in given}
        skips: list[int] = [number for number in row["skipped"] if number not in answered]
        passed_over = set(skips)
        coming_back = sum(skips.count(number) == 1 for number in passed_over)
        correct = sum(verdict_of(answer.score) == "correct" for answer in given)
        size = len(row["questions"])
        results_at: datetime | None = row["results_at"]
        secret = results_at is not None and moment(self._clock()) < results_at
        hidden = row["mode"] == "exam" and (finished_at is None or secret)
        return Training(
            id=row["id"],
            subject=row["subject"],
            mode=row["mode"],
            size=size,
            status="open" if finished_at is None else "finished",
            started_at=row["started_at"],
            finished_at=finished_at,
            deadline=row["deadline"],
            progress=Progress(
                answered=len(answered),
                correct=None if hidden else correct,
                skipped=len(passed_over),
                left=size - len(answered) - len(passed_over) + coming_back,
            ),
            question=None,
            summary=None if finished_at is None or secret else summary(row["questions"], given, self._bank),
            contest=row["contest"],
            extended_seconds=row["extended"],
            results_at=results_at,
        )


def streak(days: Sequence[date], today: date) -> Streak:
    """Days in a row out of ascending distinct days. A row that ends yesterday still goes on: today is not
    over.
    """
    longest = length = 0
    last: date | None = None
    for day in days:
        length = length + 1 if last is not None and day - last == timedelta(days=1) else 1
        longest = max(longest, length)
        last = day
    goes_on = last is not None and last >= today - timedelta(days=1)
    return Streak(current=length if goes_on else 0, longest=longest)


def weakest(topics: Sequence[TopicFigures]) -> tuple[TopicFigures, ...]:
    """The topics with the lowest mean scores, of those that enough was answered in."""
    known = [one for one in topics if one.answered >= FEWEST_IN_TOPIC and one.score < GOOD_ENOUGH * one.answered]
    return tuple(sorted(known, key=lambda one: (one.score / one.answered, one.subject, one.topic))[:MOST_WEAKEST])


class _Titles:
    """Titles in one language; what is no longer in the bank is called by its slug."""

    def __init__(self, bank: Bank, language: Language) -> None:
        self._bank = bank
        self._language = language
        self._topics: dict[str, dict[str, str]] = {}

    def subject(self, slug: str) -> str:
        subject = self._bank.subject(slug)
        return subject.title_in(self._language) if subject else slug

    def topic(self, subject: str, topic: str) -> str:
        if subject not in self._topics:
            found = self._bank.subject(subject)
            topics = found.topics if found else ()
            self._topics[subject] = {one.slug: one.title_in(self._language) for one in topics}
        return self._topics[subject].get(topic, topic)


def _figures(row: Record) -> dict[str, float]:
    """Rounded, since sums of floats end in dust: 0.30000000000000004."""
    return {
        "answered": row["answered"],
        "correct": row["correct"],
        "score": round(row["score"], 6),
        "seconds": round(row["seconds"], 3),
    }


def _without_questions(training: Training) -> Training:
    if training.summary is None:
        return training
    return training.model_copy(update={"summary": training.summary.model_copy(update={"questions": ()})})


def _cursor(number: int) -> str:
    return str(number)


def _number(cursor: str) -> int:
    """The number in a cursor. Raises Invalid when it is none of ours."""
    if CURSOR.fullmatch(cursor) is None:
        message = "not a cursor of this list: take `next` of the page before"
        raise Invalid(message, (FieldError(path="after", message=message),))
    return int(cursor)
