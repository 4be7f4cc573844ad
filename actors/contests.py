"""Contests: what is planned, who may take part, and who comes out where."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import structlog
from asyncpg import Record
from cachetools import TLRUCache
from pydantic import ValidationError

from actors.accounts import Accounts
from actors.bank import Bank
from actors.training.selection import History, draw, matching, without_each
from actors.training.views import moment
from protocols.messages import (
    ChangeContest,
    Conflict,
    Contest,
    ContestLeaderboard,
    ContestPlan,
    Contests,
    ContestStanding,
    ContestState,
    ContestTaken,
    CreateContest,
    DeleteContest,
    Done,
    FieldError,
    Filters,
    Invalid,
    JoinContest,
    ListContests,
    ListPlans,
    Message,
    NotFound,
    PlannedContest,
    PlannedContests,
    SessionCommand,
    ShowContest,
    ShowContestLeaderboard,
    ShowPlan,
    ShowTrainingById,
    StartContest,
    TakeContest,
    Training,
)
from storage.postgres import contests as sql
from storage.postgres.pool import Pool

log = structlog.get_logger()

# Once a contest has begun, these may still be changed.
ALWAYS = frozenset({"user", "contest", "title", "rules"})
MANY_BOARDS = 100
# A board is kept for this many times the time it took to make, as that of a subject is.
TIMES_ITS_COST = 20
LONGEST_KEPT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Board:
    rows: Sequence[Record]
    cost: float


class ContestDesk:
    """`clock` tells microseconds since 1970; `show_training` shows a past training."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], int],
        bank: Bank,
        accounts: Accounts,
        random: Random,
        to_session: Callable[[SessionCommand], Awaitable[Message]],
        show_training: Callable[[ShowTrainingById], Awaitable[Message]],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._bank = bank
        self._accounts = accounts
        self._random = random
        self._to_session = to_session
        self._show_training = show_training
        self._boards: TLRUCache[int, _Board] = TLRUCache(
            MANY_BOARDS, ttu=lambda _, board, now: now + min(board.cost * TIMES_ITS_COST, LONGEST_KEPT_SECONDS)
        )
        self._counting = asyncio.Lock()

    # --- For administrators -------------------------------------------------------------------------------------

    async def create(self, message: CreateContest) -> PlannedContest:
        """A start that has passed is now. Raises NotFound for a subject, Invalid for questions that are not there or an
        end that has passed, Conflict when too few questions fit.
        """
        now = self._now()
        plan, questions = self._prepared(message, now)
        contest = await sql.add(self._pool, plan, questions, now)
        log.info("a contest was created", contest=contest, by=message.user)
        return await self._planned(contest)

    async def change(self, message: ChangeContest) -> PlannedContest:
        """Raises NotFound, Conflict for what cannot be changed any more, and what `create` raises."""
        row = await self._row(message.contest)
        now = self._now()
        changes = message.model_dump(include=message.model_fields_set - {"user", "contest"}, exclude_unset=True)
        # None leaves as it is, but for what may be without a value.
        changes = {name: value for name, value in changes.items() if value is not None or name == "remind_minutes"}
        plan = ContestPlan.model_validate(row["plan"])
        if row["starts_at"] <= now:
            late = sorted(changes.keys() - ALWAYS)
            if late:
                raise Conflict(f"the contest has begun: {', '.join(late)} cannot be changed any more")
            await sql.rename(
                self._pool, message.contest, changes.get("title", plan.title), changes.get("rules", plan.rules)
            )
            return await self._planned(message.contest)
        if changes.get("questions"):
            changes = {"size": None, "filters": {}} | changes
        elif changes.get("size"):
            changes = {"questions": None} | changes
        try:
            merged = CreateContest.model_validate({**plan.model_dump(), **changes, "user": message.user})
        except ValidationError as error:
            raise _misfit(error) from None
        plan, questions = self._prepared(merged, now)
        if not await sql.change(self._pool, message.contest, plan, questions, row["starts_at"]):
            raise Conflict("the contest was changed by somebody else just now; look at it again")
        log.info("a contest was changed", contest=message.contest, by=message.user, what=sorted(changes))
        return await self._planned(message.contest)

    async def delete(self, message: DeleteContest) -> Done:
        """Raises NotFound, Conflict when somebody has started."""
        await self._row(message.contest)
        if not await sql.delete(self._pool, message.contest):
            raise Conflict("somebody has started this contest already; its results are kept")
        log.info("a contest was deleted", contest=message.contest, by=message.user)
        return Done()

    async def show_plan(self, message: ShowPlan) -> PlannedContest:
        return await self._planned(message.contest)

    async def list_plans(self, message: ListPlans) -> PlannedContests:
        """Raises Invalid on a cursor that is none."""
        rows = await sql.page_of_planned(self._pool, _number(message.after), message.limit + 1)
        items = tuple(self._as_planned(row) for row in rows[: message.limit])
        return PlannedContests(items=items, next=str(items[-1].id) if len(rows) > message.limit else None)

    def _prepared(self, message: CreateContest, now: datetime) -> tuple[ContestPlan, list[int] | None]:
        """The plan to keep, and the numbers of its questions if they are the same for all."""
        if message.ends_at <= now:
            raise _invalid("ends_at", f"This has passed; it is {now:%Y-%m-%dT%H:%M:%SZ} now")
        plan = ContestPlan.model_validate(
            message.model_dump(exclude={"user"}) | {"starts_at": max(message.starts_at, now)}
        )
        subject = self._bank.subject(plan.subject)
        if subject is None:
            raise NotFound(f"there is no subject {plan.subject!r}")
        if plan.questions is not None:
            return plan, [self._question(plan.subject, place, id) for place, id in enumerate(plan.questions)]
        assert plan.size is not None
        index = self._bank.index(plan.subject)
        filters = Filters(**dict(plan.filters))
        fitting = matching(index, filters, History())
        if fitting < plan.size:
            without = without_each(index, filters, History())
            counts = "".join(f"; {count} without {name!r}" for name, count in without.items())
            raise Conflict(f"{fitting} questions fit, and {plan.size} are asked for{counts}", without=dict(without))
        if plan.draw == "each":
            return plan, None
        seed = self._random.getrandbits(64)
        return plan, draw(index, filters, History(), plan.size, Random(seed))  # noqa: S311  # the seed is no secret

    def _question(self, subject: str, place: int, id: str) -> int:
        try:
            number = self._bank.find(id, subject)
        except NotFound as refusal:
            raise _invalid(f"questions.{place}", refusal.detail) from None
        if self._bank.place(number).archived:
            raise _invalid(f"questions.{place}", f"The question {id!r} is archived")
        return number

    async def _row(self, contest: int) -> Record:
        row = await sql.planned(self._pool, contest)
        if row is None:
            raise NotFound(f"There is no contest {contest}")
        return row

    async def _planned(self, contest: int) -> PlannedContest:
        return self._as_planned(await self._row(contest))

    def _as_planned(self, row: Record) -> PlannedContest:
        return PlannedContest.model_validate(
            row["plan"]
            | {name: row[name] for name in ("id", "starts_at", "ends_at", "created_at", "joined", "started")}
            | {"state": self._state(row), "extended_seconds": row["extended"].total_seconds()}
        )

    # --- For students -------------------------------------------------------------------------------------------

    async def list_contests(self, message: ListContests) -> Contests:
        """Raises Invalid on a cursor that is none."""
        rows = await sql.page_of_user(self._pool, message.user, _number(message.after), message.limit + 1)
        items = tuple(self._shown(row) for row in rows[: message.limit])
        return Contests(items=items, next=str(items[-1].id) if len(rows) > message.limit else None)

    async def show(self, message: ShowContest) -> Contest:
        """Raises NotFound, also for a contest that is for others."""
        return self._shown(await self._admitting(message.user, message.contest))

    async def join(self, message: JoinContest) -> Contest:
        """Raises NotFound, Conflict when it is over."""
        row = await self._admitting(message.user, message.contest)
        if not row["joined"]:
            self._refuse_after_the_end(row)
            if await sql.enter(self._pool, message.user, message.contest, self._now(), starting=False) is None:
                raise NotFound(f"There is no contest {message.contest}")
        return await self.show(message)

    async def start(self, message: StartContest) -> Training:
        """The user's training in it, begun now or before. Raises NotFound, Conflict outside the window or while another
        contest is being taken part in.
        """
        row = await self._admitting(message.user, message.contest)
        if not row["started"]:
            self._refuse_after_the_end(row)
            if row["starts_at"] > self._now():
                seconds = int((row["starts_at"] - self._now()).total_seconds()) + 1
                raise Conflict(f"the contest begins in {seconds} s", starts_in_seconds=seconds)
            entered = await sql.enter(self._pool, message.user, message.contest, self._now(), starting=True)
            if entered is None:
                raise NotFound(f"There is no contest {message.contest}")
            row = entered
        plan = ContestPlan.model_validate(row["plan"])
        reply = await self._to_session(
            TakeContest(
                user=message.user,
                platform=message.platform,
                contest=message.contest,
                subject=plan.subject,
                questions=row["questions"],
                size=plan.size or len(row["questions"]),
                filters=Filters(**dict(plan.filters)),
                starts_at=_microseconds(row["starts_at"]),
                ends_at=_microseconds(row["ends_at"]),
                minutes=plan.minutes,
                hidden=plan.results_hidden,
            )
        )
        if isinstance(reply, ContestTaken):
            reply = await self._show_training(ShowTrainingById(user=message.user, training=reply.training))
        assert isinstance(reply, Training)
        return reply

    async def _admitting(self, user: int, contest: int) -> Record:
        row = await sql.of_user(self._pool, user, contest)
        if row is None or not (row["joined"] or row["admitted"]):
            raise NotFound(f"There is no contest {contest} for you")
        return row

    def _refuse_after_the_end(self, row: Record) -> None:
        if row["ends_at"] <= self._now():
            raise Conflict("the contest is over")

    def _shown(self, row: Record) -> Contest:
        plan = ContestPlan.model_validate(row["plan"])
        return Contest(
            id=row["id"],
            title=plan.title,
            subject=plan.subject,
            rules=plan.rules,
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            extended_seconds=row["extended"].total_seconds(),
            minutes=plan.minutes,
            size=plan.size or len(row["questions"]),
            state=self._state(row),
            results_hidden=plan.results_hidden,
            joined=row["joined"],
            training=row["training"],
        )

    # --- Results ------------------------------------------------------------------------------------------------

    async def leaderboard(self, message: ShowContestLeaderboard) -> ContestLeaderboard:
        """To a student of a contest that keeps its results, nothing is told before its end; to an administrator all.

        Raises NotFound, Invalid on a cursor that is none.
        """
        before = _number(message.after) or 0
        known = await self._accounts.known_user(message.user)
        if known is not None and known.caller.role == "admin":
            row, hidden = await self._row(message.contest), False
        else:
            row = await self._admitting(message.user, message.contest)
            hidden = row["plan"]["results_hidden"] and self._now() < row["ends_at"]
        over = self._state(row) == "over"
        rows = () if hidden else await self._results(message.contest)
        items = rows[before : before + message.limit]
        own = next((one for one in rows if one["user_id"] == message.user), None)
        return ContestLeaderboard(
            contest=message.contest,
            hidden=hidden,
            results_at=row["ends_at"] if row["plan"]["results_hidden"] else None,
            final=over and not hidden and all(one["ended_at"] is not None for one in rows),
            items=tuple(_standing(one) for one in items),
            own=None if own is None else _standing(own),
            next=str(before + message.limit) if len(rows) > before + message.limit else None,
        )

    async def _results(self, contest: int) -> Sequence[Record]:
        async with self._counting:  # many ask at the end; one counts
            board = self._boards.get(contest)
            if board is None:
                began = time.monotonic()
                rows = await sql.results(self._pool, contest, self._now())
                board = self._boards[contest] = _Board(rows, time.monotonic() - began)
        return board.rows

    def _state(self, row: Record) -> ContestState:
        now = self._now()
        return "upcoming" if now < row["starts_at"] else "running" if now < row["ends_at"] else "over"

    def _now(self) -> datetime:
        return moment(self._clock())


def _standing(row: Record) -> ContestStanding:
    done = row["ended_at"] is not None
    return ContestStanding(
        place=row["place"],
        name=row["name"],
        score=row["score"] if done else None,
        answered=row["answered"],
        seconds=row["used"],
    )


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise _invalid("after", "It is not a `next` of this list")
    return int(cursor)


def _invalid(path: str, problem: str) -> Invalid:
    return Invalid(f"The contest does not validate: {path}", (FieldError(path=path, message=problem),))


def _misfit(error: ValidationError) -> Invalid:
    """What our own rules say begins with the field that it is about."""
    errors = []
    for one in error.errors(include_url=False):
        path, message = ".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")
        if not path and ": " in message:
            path, message = message.split(": ", 1)
        errors.append(FieldError(path=path, message=message))
    return Invalid("The contest does not validate", tuple(errors))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
