"""Relays: they carry committed events onward, in order, until every place that keeps figures has them once.

This is the saga of a training: steps in three databases, driven forward from the journal. Each destination keeps
its checkpoint with what it wrote, so a step is done once whatever is killed when. A destination that is down is
tried again until it answers, or somebody has seen to it; an event whose values it refuses is parked, told to the
administrator and left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import structlog

from actors import metrics
from actors.runtime import EventLoopActor, Reply
from actors.storage import Tide
from storage import blames_values
from storage.clickhouse import activity
from storage.clickhouse.engine import ClickHouse
from storage.clickhouse.rollups import Rollups
from storage.mongo import counters
from storage.mongo.client import Client, Database
from storage.postgres import journal, read_models

log = structlog.get_logger()

MOST_WAITING = 10_000
MOST_BEHIND = 100_000  # events; with fewer a relay soon catches up, even at the highest rate of answers
NOT_BEGUN = "not begun yet"
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a relay carries events. Positions are `after < p <= upto`; each step moves the checkpoint with it.

    `pause` is in seconds: how long events may gather before a step, when nobody waits for them. `redo` carries one
    event that was parked, once however often it is asked for, and leaves the checkpoint where it is.
    """

    name: str
    checkpoint: Callable[[], Awaitable[int]]
    advance: Callable[[int, int], Awaitable[None]]
    skip: Callable[[int, int], Awaitable[None]]
    pause: float
    most: int
    redo: Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Nudge:
    """Something was committed."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Reply when the events up to this position have arrived."""

    position: int


class Gauge:
    """What a relay lets others see: how far it has come, and what keeps it (None: nothing)."""

    __slots__ = ("name", "position", "problem")

    def __init__(self, name: str) -> None:
        self.name = name
        self.position = 0
        self.problem: str | None = NOT_BEGUN

    def trouble(self, head: int) -> str | None:
        """What keeps it from reaching the journal's last position `head`, or how far it is behind, if that is far."""
        return self.problem or self.behind(head)

    def behind(self, head: int) -> str | None:
        behind = head - self.position
        return f"{behind} events behind" if behind > MOST_BEHIND else None


class Relay(EventLoopActor):
    """Carries events to one destination."""

    registered = False
    mailbox_limit = 100_000

    def __init__(self, destination: Destination, pool: asyncpg.Pool[asyncpg.Record], tide: Tide, gauge: Gauge) -> None:
        super().__init__()
        self._destination = destination
        self._pool = pool
        self._tide = tide
        self._gauge = gauge
        self._waiting: list[tuple[int, Reply[None]]] = []
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        for counter in (metrics.RELAY_ERRORS, metrics.PARKED):
            counter.labels(destination.name)  # there from the start, at 0: else Prometheus misses the first one counted

    def on_start(self) -> None:
        self._worker = self.own(self._work_forever(), f"relay {self._destination.name}")

    async def on_stop(self) -> None:  # type: ignore[override]  # may be async here
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        for _, reply_to in self._waiting:
            reply_to.set(None)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Reach):
            if self._gauge.position >= message.position or len(self._waiting) >= MOST_WAITING:
                return  # of too many, some are shown figures that are not quite up to date
            self._waiting.append((message.position, self.defer_reply()))
            self._hurry.set()
        elif not isinstance(message, Nudge):
            raise TypeError(f"not a message for a relay: {message!r}")
        self._wake.set()

    async def _work_forever(self) -> None:
        position: int | None = None
        most = self._destination.most
        failures = 0
        refusals = 0
        while True:
            try:
                if position is None:
                    position = await self._destination.checkpoint()
                upto = await journal.span(self._pool, position, most)
                if upto == position:
                    self._arrived(position)
                    await self._wait_for_more()
                    continue
                full = upto - position >= most
                await self._destination.advance(position, upto)
                position = upto
                most = min(most * 2, self._destination.most)
                failures = refusals = 0
                self._arrived(position)
                if not full:
                    await self._gather()
            except Exception as error:
                metrics.RELAY_ERRORS.labels(self._destination.name).inc()
                self._gauge.problem = str(error) or type(error).__name__
                if not blames_values(error):
                    refusals = 0
                    if failures == 0:
                        problem = self._gauge.problem
                        log.warning("a relay waits", relay=self._destination.name, problem=problem)
                else:
                    refusals += 1
                    log.exception("a relay's step failed", relay=self._destination.name, after=position, most=most)
                    enough = most == 1 and refusals > len(BACKOFF_SECONDS)
                    if position is not None and enough and await self._park(position, error):
                        failures = refusals = 0
                    most = max(1, most // 8)
                # Whether the step was done after all is not guessed: the checkpoint tells.
                position = None
                await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
                failures += 1

    def _arrived(self, position: int) -> None:
        self._gauge.position = position
        if self._gauge.problem not in (None, NOT_BEGUN):
            log.info("a relay goes on", relay=self._destination.name, position=position)
        self._gauge.problem = None
        metrics.RELAY_POSITION.labels(self._destination.name).set(position)
        still = []
        for wanted, reply_to in self._waiting:
            if position >= wanted:
                reply_to.set(None)
            else:
                still.append((wanted, reply_to))
        self._waiting = still
        if not still:
            self._hurry.clear()

    async def _wait_for_more(self) -> None:
        self._wake.clear()
        if self._tide.head <= self._gauge.position:
            await self._wake.wait()

    async def _gather(self) -> None:
        """Let events gather, unless somebody waits for them: fewer and larger steps cost less."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._destination.pause):  # `wait_for` of Python 3.11 may swallow the stop
                await self._hurry.wait()

    async def _park(self, position: int, error: Exception) -> bool:
        """Leave one event out for good; False: that failed, too."""
        try:
            upto = await journal.span(self._pool, position, 1)
            await journal.park(self._pool, self._destination.name, upto, str(error) or type(error).__name__)
            await self._destination.skip(position, upto)
        except Exception:
            log.exception("an event could not be parked", relay=self._destination.name, after=position)
            return False
        metrics.PARKED.labels(self._destination.name).inc()
        log.error("an event was parked", relay=self._destination.name, position=upto, reason=str(error))
        return True


def to_read_models(pool: asyncpg.Pool[asyncpg.Record]) -> Destination:
    """Trainings, answers and days in PostgreSQL."""
    return Destination(
        "read models",
        lambda: read_models.checkpoint(pool),
        lambda after, upto: read_models.advance(pool, after, upto),
        lambda after, upto: read_models.skip(pool, after, upto),
        pause=0.2,
        most=5_000,
        redo=lambda position: read_models.redo(pool, position),
    )


def to_counters(pool: asyncpg.Pool[asyncpg.Record], client: Client, database: Database) -> Destination:
    """How often each question was answered, in MongoDB."""

    async def advance(after: int, upto: int) -> None:
        tallies = await journal.tally(pool, after, upto)
        await counters.advance(client, database, after, upto, tallies)

    async def redo(position: int) -> None:
        await counters.redo(client, database, position, await journal.tally(pool, position - 1, position))

    return Destination(
        "counters",
        lambda: counters.checkpoint(database),
        advance,
        lambda after, upto: counters.advance(client, database, after, upto, ()),
        pause=0.5,
        most=5_000,
        redo=redo,
    )


def to_activity(pool: asyncpg.Pool[asyncpg.Record], clickhouse: ClickHouse, rollups: Rollups) -> Destination:
    """A row for each event, in ClickHouse."""
    migrated = False

    async def checkpoint() -> int:
        nonlocal migrated
        if not migrated:
            await activity.migrate(clickhouse)
            migrated = True
        return await activity.checkpoint(clickhouse)

    async def advance(after: int, upto: int) -> None:
        await activity.insert(clickhouse, await journal.activity(pool, after, upto))

    async def skip(after: int, upto: int) -> None:
        await activity.insert(clickhouse, [activity.parked(upto)])

    async def redo(position: int) -> None:
        await checkpoint()  # which tells, too, whether an earlier insert may still be running
        if await activity.redo(clickhouse, position, await journal.activity(pool, position - 1, position)):
            await rollups.redo(position)

    return Destination("activity", checkpoint, advance, skip, pause=1.0, most=5_000, redo=redo)
