"""The broadcaster: it sends mass messages at a steady pace, and each of them exactly once.

What is to be sent and what became of it is in PostgreSQL; here are only the next few hundred recipients. Whatever
was on its way when the service was killed is sent again with the same `random_id`: Telegram refuses what it has.

Whether Telegram refuses a recipient or the message itself shows only by what becomes of the next ones. Until then a
refusal is not written down: whom the message itself was refused for is still to get it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from asyncpg import Record

from actors import metrics
from actors.pacing import Meter, Pace, QuietHours, random_id
from actors.runtime import EventLoopActor
from actors.training.views import moment
from protocols.messages import (
    Broadcast,
    BroadcastCommand,
    BroadcastContent,
    BroadcastState,
    CancelBroadcast,
    Conflict,
    NotFound,
    PauseBroadcast,
    ResumeBroadcast,
    StartBroadcast,
    Waiting,
)
from protocols.messages.outcomes import (
    AlreadySent,
    Blocked,
    Courier,
    Deleted,
    Failed,
    Offline,
    Outcome,
    Sent,
    Wait,
)
from storage import is_transient
from storage.postgres import broadcasts as sql
from storage.postgres.broadcasts import Marked
from storage.postgres.pool import Pool

log = structlog.get_logger()

MOST_AT_A_TIME = 500  # recipients, read at once
FEWEST_AT_A_TIME = 20
READ_AHEAD_SECONDS = 4.0  # so many recipients are read at once as there are sent to in this time
FRESH_SECONDS = 10.0  # after these, whether somebody still wants it is read anew
MOST_IN_FLIGHT = 100  # so that the way to Telegram and back does not limit the rate
MOST_UNWRITTEN = 5_000  # outcomes kept while the database does not answer; then nothing more is sent
MOST_REFUSALS = 10  # in a row and for the same reason; then Telegram is taken to refuse the message itself
MOST_AT_ONCE = 10  # broadcasts; each holds its picture in memory
WRITE_AFTER = 500  # outcomes, or
WRITE_SECONDS = 1.0
REST_SECONDS = 1.0  # before a broadcast is read from its beginning
LOOK_SECONDS = 30.0  # the longest between two looks for broadcasts that are due
CHAT_SECONDS = 1.1  # between two messages to one chat, for Telegram takes one a second
DELIVER_SECONDS = 60.0
STOP_SECONDS = 5.0
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0)
REASON_LENGTH = 64

TRANSITIONS: dict[type[BroadcastCommand], tuple[str, tuple[BroadcastState, ...], BroadcastState]] = {
    StartBroadcast: ("started", ("draft", "scheduled"), "running"),
    PauseBroadcast: ("paused", ("running",), "paused"),
    ResumeBroadcast: ("resumed", ("paused",), "running"),
    CancelBroadcast: ("cancelled", ("draft", "scheduled", "running", "paused"), "cancelled"),
}


@dataclass(frozen=True, slots=True)
class UseCourier:
    """From now on messages go by this courier; None: the bot is off."""

    courier: Courier | None


@dataclass(frozen=True, slots=True)
class Look:
    """Something was scheduled."""


class Timer(Protocol):
    """Seconds that only go forward, and waiting for them."""

    def now(self) -> float: ...

    async def pause(self, wake: asyncio.Event, seconds: float) -> None:
        """Until `wake` is set or so many seconds are over."""
        ...


class LoopTimer:
    """The time of the event loop."""

    def now(self) -> float:
        return time.monotonic()

    async def pause(self, wake: asyncio.Event, seconds: float) -> None:
        # The loop's timers count milliseconds: rounded down, they would come again and again for the last one.
        seconds = math.ceil(min(seconds, LOOK_SECONDS) * 1000) / 1000
        timer = asyncio.get_running_loop().call_later(seconds, wake.set)
        try:
            await wake.wait()
        finally:
            timer.cancel()


class Live:
    """What the broadcaster lets others see of broadcasts that run."""

    __slots__ = ("jobs", "now", "problem")

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self.now: Callable[[], float] = time.monotonic
        self.problem: Waiting | None = "bot"

    def waiting(self, broadcast: int) -> Waiting | None:
        """Why a running broadcast does not send; None: it does."""
        job = self.jobs.get(broadcast)
        return self.problem or ("turn" if job is None else None if job.listed else "preparing")

    def rate(self, broadcast: int) -> float:
        """Messages a second, over the last seconds."""
        job = self.jobs.get(broadcast)
        return 0.0 if job is None else job.meter.rate(self.now())


def shown(row: Record, live: Live, now: datetime) -> Broadcast:
    """A broadcast as it is in the database, and how it goes at the moment."""
    values = {name: row[name] for name in row.keys() if name != "listed"}  # noqa: SIM118  # a Record is no mapping
    left = row["recipients"] - row["sent"] - row["failed"] - row["blocked"]
    rate, eta, waiting = None, None, None
    if row["state"] == "running":
        rate = round(live.rate(row["id"]), 2)
        waiting = live.waiting(row["id"])
        if rate > 0:
            eta = now + timedelta(seconds=math.ceil(left / rate))
    return Broadcast.model_validate(values | {"left": left, "rate": rate, "eta": eta, "waiting": waiting})


@dataclass(frozen=True, slots=True)
class _Recipient:
    telegram: int
    access_hash: int
    read_at: float


@dataclass(slots=True)
class Job:
    """A running broadcast: where reading has come to, and who is next."""

    broadcast: int
    nonce: int
    meter: Meter
    listed: bool
    content: BroadcastContent | None = None
    after: int = 0
    exhausted: bool = False
    paused: bool = False
    doubted: bool = False  # whether it runs has to be looked up before anything is done for it
    working: bool = False  # something is being read or written for it
    rests_until: float = -math.inf  # after the database did not answer
    refusal: str = ""  # Telegram's reason for the latest refusals in a row,
    refused: list[int] = field(default_factory=list)  # and whom these were for; also among `underway`
    rewinds: int = 0  # what was read before the last one is not looked at
    # Whom it was taken for or decided on, until it is durable what became of them; also those who are tried again.
    underway: set[int] = field(default_factory=set)
    again: deque[_Recipient] = field(default_factory=deque)
    ready: deque[_Recipient] = field(default_factory=deque)

    def next(self, now: float) -> _Recipient | None:
        if self.paused or self.doubted or self.hopeless or self.content is None or not self.listed:
            return None
        if self.is_stale(now):
            return None
        return self.again[0] if self.again else self.ready[0] if self.ready else None

    @property
    def hopeless(self) -> bool:
        """Telegram refuses the message, whomever it is to."""
        return len(self.refused) >= MOST_REFUSALS

    @property
    def over(self) -> bool:
        """Nothing more will tell whether the latest refusals were of the message."""
        return self.exhausted and not self.ready and len(self.underway) == len(self.refused)

    def take_refusals(self) -> list[Marked]:
        """The latest refusals, which were not of the message but of these recipients."""
        marked = [Marked(self.broadcast, telegram, "failed", self.refusal) for telegram in self.refused]
        self.refused.clear()
        return marked

    def take(self) -> _Recipient:
        recipient = self.again.popleft() if self.again else self.ready.popleft()
        self.underway.add(recipient.telegram)
        return recipient

    def is_stale(self, now: float) -> bool:
        """Whether some were read so long ago that they may not want it any more."""
        return any(queue and now - queue[0].read_at > FRESH_SECONDS for queue in (self.again, self.ready))

    def rewind(self) -> None:
        """Read those who are next anew: some of them may not want it any more."""
        waiting = [one.telegram for one in (*self.again, *self.ready)]
        if waiting:
            self.after = min(waiting) - 1
        self.underway.difference_update(one.telegram for one in self.again)
        self.again.clear()
        self.ready.clear()
        self.exhausted = False
        self.rewinds += 1

    def settle(self, state: BroadcastState) -> None:
        """From now on it runs, or it is paused."""
        if state == "paused":
            self.content = None  # which may be large
        elif self.paused or self.doubted:
            self.rewind()
        self.paused, self.doubted = state == "paused", False
        # It is tried anew for these, in the end; also for those that were on their way when it was paused.
        self.underway.difference_update(self.refused)
        self.refused.clear()


class Broadcaster(EventLoopActor):
    """Starts, pauses, resumes and cancels broadcasts, and sends those that run, all of them at one pace.

    One worker decides everything, from times and what is in memory; whatever takes time is a task beside it, and
    wakes it when done. `clock` tells microseconds since 1970. `refused` is called when Telegram says that somebody
    is out of reach, with who that is and when the message was sent; it tells whether they still are.
    """

    registered = False
    mailbox_limit = 1_000

    def __init__(
        self,
        pool: Pool,
        live: Live,
        *,
        rate: float,
        quiet: QuietHours | None,
        clock: Callable[[], int],
        refused: Callable[[int, int], bool],
        timer: Timer | None = None,
    ) -> None:
        super().__init__()
        self._pool = pool
        self._live = live
        self._pace = Pace(rate)
        self._batch = max(FEWEST_AT_A_TIME, min(MOST_AT_A_TIME, round(rate * READ_AHEAD_SECONDS)))
        self._quiet = quiet
        self._clock = clock
        self._refused = refused
        self._timer = timer or LoopTimer()
        self._courier: Courier | None = None
        self._jobs = live.jobs
        live.now = self._timer.now
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._lately: dict[int, float] = {}  # chats that something was sent to, in order of time
        self._unwritten: list[Marked] = []
        self._writing = False
        self._write_at = math.inf
        self._looking = False
        self._look_at = -math.inf
        self._changed: set[int] = set()  # broadcasts whose state may be another since the last look began
        self._offline_until = -math.inf
        self._offline_times = 0
        self._database_times = 0
        self._told: Waiting | None = None

    # --- Messages -------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        self._worker = self.own(self._work_forever(), "broadcasts")

    async def on_stop(self) -> None:  # type: ignore[override]  # may be async here
        """Let what is on its way arrive, and write down what became of it."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._unwritten:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await sql.mark(self._pool, self._unwritten, self._moment())
            except Exception as error:
                log.warning("outcomes are found out at the next start", outcomes=len(self._unwritten), why=repr(error))

    def on_receive(self, message: object) -> Coroutine[None, None, Broadcast] | None:
        if isinstance(message, BroadcastCommand):
            return self._move(message)
        if isinstance(message, UseCourier):
            self._courier = message.courier
        elif isinstance(message, Look):
            self._look_at = -math.inf
        else:
            raise TypeError(f"not a message for the broadcaster: {message!r}")
        self._wake.set()
        return None

    async def _move(self, command: BroadcastCommand) -> Broadcast:
        """Raises NotFound, and Conflict where the broadcast is in another state."""
        done, from_, to = TRANSITIONS[type(command)]
        broadcast = command.broadcast
        try:
            row = await sql.move(self._pool, broadcast, from_, to, self._moment())
        except BaseException:  # it may have been done all the same
            self._doubt(broadcast)
            raise
        finally:
            self._changed.add(broadcast)
        if row is None:
            row = await sql.show(self._pool, broadcast)
            if row is None:
                raise NotFound(f"There is no broadcast {broadcast}")
            raise Conflict(
                f"Broadcast {broadcast} is {row['state']}; only one that is {' or '.join(from_)} can be {done}",
                state=row["state"],
            )
        job = self._jobs.get(broadcast)
        if job is not None:
            if to == "cancelled":
                del self._jobs[broadcast]
            else:
                job.settle(to)
        log.info(f"a broadcast was {done}", broadcast=broadcast, by=command.user, recipients=row["recipients"])
        self._look_at = -math.inf
        self._wake.set()
        self._live.problem = self._problem(self._timer.now())
        if to == "running" and self._live.problem == "bot":
            log.warning("a broadcast waits: the Telegram bot is off", broadcast=broadcast)
        return shown(row, self._live, self._moment())

    def _doubt(self, broadcast: int) -> None:
        """Nothing is done for this broadcast before its state was looked up."""
        job = self._jobs.get(broadcast)
        if job is not None:
            job.doubted = True
        self._look_at = -math.inf
        self._wake.set()

    def _moment(self) -> datetime:
        return moment(self._clock())

    # --- The worker -----------------------------------------------------------------------------------------

    async def _work_forever(self) -> None:
        while True:
            self._wake.clear()
            now = self._timer.now()
            until = min(self._care(now), self._send(now))
            if not self._wake.is_set():
                await self._timer.pause(self._wake, max(0.0, until - self._timer.now()))

    def _care(self, now: float) -> float:
        """Begin whatever is due besides sending; returns when there is more."""
        if not self._looking and now >= self._look_at:
            self._looking, self._look_at = True, math.inf
            self._begin(self._look(), "broadcasts: look")
        many = len(self._unwritten) >= WRITE_AFTER and self._database_times == 0
        if self._unwritten and not self._writing and (many or now >= self._write_at):
            self._writing = True
            self._begin(self._write(), "broadcasts: write")
        until = math.inf
        problem = self._problem(now)
        for job in self._jobs.values():
            if job.working or job.paused or job.doubted:
                continue
            if now < job.rests_until:
                until = min(until, job.rests_until)
                continue
            if job.hopeless:
                job.working = True
                self._begin(self._give_up(job), "broadcasts: give up")
                continue
            if problem is None and job.is_stale(now):  # not before it is sent again: until then they get no fresher
                job.rewind()
            if not job.listed or job.content is None or (not job.exhausted and len(job.ready) <= self._batch // 2):
                work = self._read(job)
            elif not (job.ready or job.underway):
                work = self._complete(job)
            elif job.refused and job.over:
                self._mark(job.take_refusals(), now)
                continue
            else:
                continue
            job.working = True
            self._begin(work, "broadcasts: read")
        problem = self._live.problem = problem or ("telegram" if self._offline_times else None)
        if problem != self._told and self._jobs:
            self._told = problem
            if problem is None:
                log.info("broadcasts go on", broadcasts=list(self._jobs))
            else:
                log.warning("broadcasts wait", broadcasts=list(self._jobs), because=problem)
        metrics.BROADCAST_RATE.set(sum(job.meter.rate(now) for job in self._jobs.values()))
        if not self._looking:
            until = min(until, self._look_at)
        return until if self._writing else min(until, self._write_at)

    def _problem(self, now: float) -> Waiting | None:
        """What keeps all broadcasts from being sent."""
        if self._courier is None:
            return "bot"
        if self._quiet is not None and self._quiet.over(self._moment()) is not None:
            return "quiet"
        if self._pace.waits(now):
            return "flood"
        if now < self._offline_until:
            return "telegram"
        if len(self._unwritten) + self._in_flight >= MOST_UNWRITTEN:
            return "database"
        return None

    def _send(self, now: float) -> float:
        """Send what may go now; returns when more may go."""
        problem = self._problem(now)
        if problem == "quiet":
            assert self._quiet is not None
            over = self._quiet.over(self._moment())
            return now if over is None else now + (over - self._moment()).total_seconds()
        if problem == "telegram":
            return self._offline_until
        if problem in ("bot", "database"):
            return math.inf
        # While Telegram does not answer, one message tries whether it does again.
        while self._in_flight < (1 if self._offline_times else MOST_IN_FLIGHT):
            if len(self._unwritten) + self._in_flight >= MOST_UNWRITTEN:
                return math.inf
            due = self._pace.next(now)
            if due > now:
                return due
            job, later = self._choose(now)
            if job is None:
                return later
            recipient, content = job.take(), job.content
            assert content is not None  # or the job would have had nobody next
            self._pace.went(now)
            self._lately[recipient.telegram] = now
            self._in_flight += 1
            self._begin(self._deliver(job, recipient, content), "broadcasts: deliver")
        return math.inf  # whatever arrives wakes the worker

    def _choose(self, now: float) -> tuple[Job | None, float]:
        """The next job in turn that has somebody to send to; or None, and when there may be one."""
        while self._lately:
            telegram, at = next(iter(self._lately.items()))
            if at + CHAT_SECONDS > now:
                break
            del self._lately[telegram]
        later = math.inf
        for broadcast, job in self._jobs.items():
            recipient = job.next(now)
            if recipient is None:
                continue
            at = self._lately.get(recipient.telegram, -math.inf) + CHAT_SECONDS
            if at > now:
                later = min(later, at)
                continue
            self._jobs[broadcast] = self._jobs.pop(broadcast)  # behind the others
            return job, now
        return None, later

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = self.own(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- What takes time ------------------------------------------------------------------------------------

    async def _deliver(self, job: Job, recipient: _Recipient, content: BroadcastContent) -> None:
        courier, broadcast, telegram = self._courier, job.broadcast, recipient.telegram
        outcome: Outcome = Offline()
        sent_at = self._clock()
        try:
            if courier is not None:
                number = random_id(job.nonce, telegram)
                async with asyncio.timeout(DELIVER_SECONDS):
                    outcome = await courier.deliver(telegram, recipient.access_hash, content, number)
        except OSError as error:  # a timeout among them
            log.debug("a courier got no answer", broadcast=broadcast, why=repr(error))
        except Exception as error:
            log.exception("a courier failed", broadcast=broadcast)
            outcome = Failed(reason=type(error).__name__)
        finally:
            self._in_flight -= 1
            self._wake.set()
        now = self._timer.now()
        match outcome:
            case Wait(seconds=seconds):
                if not self._pace.waits(now):
                    metrics.BROADCAST_FLOODS.inc()
                    log.warning("Telegram asks to wait: broadcasts go on more slowly then", seconds=seconds)
                self._pace.wait(now, seconds)
                self._offline_times = 0
                job.again.append(recipient)
                return
            case Offline():
                if now >= self._offline_until:
                    self._offline_until = now + BACKOFF_SECONDS[min(self._offline_times, len(BACKOFF_SECONDS) - 1)]
                    self._offline_times += 1
                job.again.append(recipient)
                return
            case Sent() | AlreadySent():
                marked = [*job.take_refusals(), Marked(broadcast, telegram, "sent")]
            case Blocked() | Deleted():
                holds = self._refused(telegram, sent_at)
                reason = "deleted" if isinstance(outcome, Deleted) else "blocked"
                marked = [Marked(broadcast, telegram, "blocked", reason, moment(sent_at) if holds else None)]
            case Failed(reason=reason):
                reason = reason[:REASON_LENGTH]
                marked = [] if reason == job.refusal else job.take_refusals()
                job.refusal = reason
                job.refused.append(telegram)
        self._offline_times = 0
        job.meter.note(now)
        self._mark(marked, now)

    def _mark(self, marked: Sequence[Marked], now: float) -> None:
        if marked and not self._unwritten:
            self._write_at = now + WRITE_SECONDS
        self._unwritten.extend(marked)

    async def _write(self) -> None:
        """Write the outcomes that there are. They stay in memory until it is certain that they are durable."""
        writing = self._unwritten[:MOST_UNWRITTEN]
        try:
            await sql.mark(self._pool, writing, self._moment())
        except Exception as error:
            self._write_at = self._timer.now() + self._backoff(error, "outcomes of broadcasts could not be saved")
        else:
            self._database_times = 0
            del self._unwritten[: len(writing)]
            self._write_at = self._timer.now() + WRITE_SECONDS if self._unwritten else math.inf
            for one in writing:
                job = self._jobs.get(one.broadcast)
                if job is not None:
                    job.underway.discard(one.telegram)
            for mark, count in Counter(one.mark for one in writing).items():
                metrics.BROADCAST_MESSAGES.labels(mark).inc(count)
            metrics.BROADCAST_LEFT.dec(len(writing))
        finally:
            self._writing = False
            self._wake.set()

    async def _look(self) -> None:
        """Start what is due, take up what runs, and let go what runs no more."""
        seconds = LOOK_SECONDS
        try:
            now = self._moment()
            for broadcast in await sql.start_due(self._pool, now):
                log.info("a broadcast was started, as scheduled", broadcast=broadcast)
            self._changed.clear()
            rows = await sql.states(self._pool, list(self._jobs))
            for row in rows:
                if row["id"] not in self._changed:  # else what was read may be old, and is read again at once
                    self._compare(row)
            metrics.BROADCAST_LEFT.set(sum(row["left"] for row in rows if row["state"] == "running"))
            self._database_times = 0
            start = await sql.next_start(self._pool)
            if start is not None:
                seconds = min(seconds, max(0.0, (start - self._moment()).total_seconds()))
        except Exception as error:
            seconds = self._backoff(error, "broadcasts could not be looked up")
        finally:
            self._looking = False
            self._look_at = min(self._look_at, self._timer.now() + seconds)
            self._wake.set()

    def _compare(self, row: Record) -> None:
        """Bring what is in memory of a broadcast in line with the database."""
        broadcast, state = row["id"], row["state"]
        job = self._jobs.get(broadcast)
        if job is None:
            at_once = sum(not job.paused for job in self._jobs.values())
            if state == "running" and at_once < MOST_AT_ONCE:
                self._jobs[broadcast] = Job(broadcast, row["nonce"], Meter(), row["listed"])
                log.info("a broadcast is taken up", broadcast=broadcast, left=row["left"])
        elif state not in ("running", "paused"):
            del self._jobs[broadcast]
            log.info("a broadcast runs no more", broadcast=broadcast, state=state)
        elif job.doubted or job.paused != (state == "paused"):
            job.settle(state)

    async def _read(self, job: Job) -> None:
        """Prepare a job, or read its next recipients; whom it is not sent to any more gets an outcome at once."""
        after, rewinds, began = job.after, job.rewinds, self._timer.now()
        underway = set(job.underway)  # what became of them may be written before this reads, or after
        try:
            if not job.listed:
                recipients = await sql.list_deliveries(self._pool, job.broadcast, self._moment())
                log.info("the recipients of a broadcast are listed", broadcast=job.broadcast, recipients=recipients)
                job.listed = True
            if job.content is None:
                job.content = await sql.content(self._pool, job.broadcast)
            rows = await sql.recipients(self._pool, job.broadcast, after, self._batch)
        except Exception as error:
            job.rests_until = self._timer.now() + self._backoff(error, "recipients of a broadcast could not be read")
            return
        finally:
            job.working = False
            self._wake.set()
        if job.rewinds != rewinds:  # they are read anew
            return
        now = self._timer.now()
        for row in rows:
            telegram = job.after = row["telegram_id"]
            if telegram in underway or telegram in job.underway:
                continue
            if not row["wanted"]:
                job.underway.add(telegram)
                self._mark([Marked(job.broadcast, telegram, "failed", "declined")], now)
            elif not row["reachable"] or row["access_hash"] is None:
                job.underway.add(telegram)
                self._mark([Marked(job.broadcast, telegram, "blocked", "unreachable")], now)
            else:
                job.ready.append(_Recipient(telegram, row["access_hash"], began))
        job.exhausted = len(rows) < self._batch

    def _backoff(self, error: Exception, what: str) -> float:
        """Note that the database could not do something; returns the seconds after which it may be tried again."""
        if not is_transient(error):
            log.error(what, exc_info=error)
        elif self._database_times == 0:
            log.warning(what, why=repr(error))
        seconds = BACKOFF_SECONDS[min(self._database_times, len(BACKOFF_SECONDS) - 1)]
        self._database_times += 1
        return seconds

    async def _complete(self, job: Job) -> None:
        try:
            row = await sql.finish(self._pool, job.broadcast, self._moment())
        except Exception as error:
            job.rests_until = self._timer.now() + self._backoff(error, "a broadcast could not be finished")
            return
        finally:
            job.working = False
            self._wake.set()
        if row is not None:
            self._changed.add(job.broadcast)
            self._jobs.pop(job.broadcast, None)
            self._look_at = -math.inf  # for another's turn
            counts = {name: row[name] for name in ("recipients", "sent", "failed", "blocked")}
            log.info("a broadcast is finished", broadcast=job.broadcast, **counts)
        elif not job.paused:  # it runs no more, or somebody is left after all
            job.after, job.exhausted = 0, False
            job.rests_until = self._timer.now() + REST_SECONDS
            self._doubt(job.broadcast)

    async def _give_up(self, job: Job) -> None:
        """Pause a message that Telegram refuses, whomever it is to, instead of trying everybody else."""
        try:
            given_up = await sql.give_up(self._pool, job.broadcast, job.refusal)
        except Exception as error:
            job.rests_until = self._timer.now() + self._backoff(error, "a broadcast could not be paused")
            return
        finally:
            job.working = False
            self._wake.set()
        if given_up:
            self._changed.add(job.broadcast)
            job.settle("paused")
            log.warning("a broadcast was paused: Telegram refuses it", broadcast=job.broadcast, why=job.refusal)
        else:  # it runs no more, or it was done before
            self._doubt(job.broadcast)
