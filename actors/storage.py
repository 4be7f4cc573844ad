"""Group commit: the events of all sessions that are waiting go into the journal in one transaction."""

from __future__ import annotations

import asyncio
import queue
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg
import structlog
from pykka import ActorRef

from actors import metrics
from actors.runtime import EventLoopActor, Reply
from protocols.messages import Message, Refusal, Unavailable
from storage.postgres import journal
from storage.postgres.journal import Fenced, History, Journal, Record, WriterLockHeld
from storage.postgres.pool import is_transient

log = structlog.get_logger()

RECOVER_SECONDS = 3.0  # after a commit that may itself have taken COMMIT_SECONDS, while somebody waits
LOAD_SECONDS = 8.0  # with the wait for a connection; to let go of one that hangs takes a few seconds more
RECONNECT_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(slots=True, eq=False)  # not frozen, which would double the time that it takes to make one
class Append:
    """Commit a session's events; its reply leaves when they are durable. Without events: when all before are.

    `replied` is called when the reply, whichever it is, has left.
    """

    user: int
    records: tuple[Record, ...]
    reply: Message | Refusal
    reply_to: Reply[Message]
    session: ActorRef[EventLoopActor]
    replied: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Load:
    """Ask for what is durable of a user, `whole` without the snapshot; by a session that has just begun."""

    user: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class SaveSnapshot:
    """Keep a session's state as of its event `seq`, which must be durable."""

    user: int
    seq: int
    state: bytes


@dataclass(frozen=True, slots=True)
class Beat:
    """Note as a heartbeat that the service `accepted` at this time; the reply is whether a contest is open `now`."""

    accepted: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class _Loading:
    load: Load
    held: bool  # whether it was asked for while sessions were asked nothing but to put their clocks right
    reply_to: Reply[History]


@dataclass(frozen=True, slots=True)
class _Beating:
    beat: Beat
    reply_to: Reply[bool]


_Work: TypeAlias = Append | _Loading | _Beating | SaveSnapshot


class Tide:
    """What the storage actor lets others see: how far the journal goes, and whether it accepts now.

    `held` is why sessions are asked nothing, though it would accept.
    """

    __slots__ = ("head", "held", "problem")

    def __init__(self) -> None:
        self.head = 0
        self.problem: str | None = "not connected yet"
        self.held: str | None = None

    def refuse_if_down(self) -> None:
        if self.problem is not None:
            raise Unavailable(f"Nothing can be saved at the moment ({self.problem}). Please try again.")


class StorageActor(EventLoopActor):
    """The only writer of the journal, which is open already.

    While one group is being committed the next one gathers. A user whose commit failed is *poisoned*: whatever
    the same session still sends is refused, until a new session has loaded what is durable.
    """

    registered = False

    def __init__(
        self,
        journal_writer: Journal,
        pool: asyncpg.Pool[asyncpg.Record],
        tide: Tide,
        on_commit: Callable[[], None],
        *,
        most_waiting: int,
        group_size: int,
    ) -> None:
        super().__init__()
        self._journal = journal_writer
        self._pool = pool
        self._tide = tide
        self._on_commit = on_commit
        self._most_waiting = most_waiting
        self._group_size = group_size
        self._waiting: deque[_Work] = deque()
        self._group: list[_Work] = []  # what is being worked on now
        self._poisoned: set[int] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._worker: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def on_start(self) -> None:
        self._tide.problem = None
        metrics.COMMITS_WAITING.set_function(lambda: len(self._waiting))
        self._worker = self.own(self._work_forever(), "group commit")

    def on_failure(self, *failure: object) -> None:
        """Leave nobody waiting."""
        self._tide.problem = "the storage actor has failed"
        self._refuse_all_that_is_left()

    async def on_stop(self) -> None:  # type: ignore[override]  # may be async here
        """Finish what was accepted, then let go of the journal."""
        try:
            await asyncio.wait_for(self._idle.wait(), journal.COMMIT_SECONDS)
        except TimeoutError:
            log.error("what was waiting could not be committed before the stop", waiting=len(self._waiting))
        self._tide.problem = "the service is stopping"
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, *self._tasks, return_exceptions=True)
        self._refuse_all_that_is_left()
        await self._journal.close()

    def _refuse_all_that_is_left(self) -> None:
        left = (*self._group, *self._waiting)
        self._fail([work for work in left if isinstance(work, Append)], self._tide.problem or "it has stopped")
        self._refuse(left)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Append):
            problem = self._tide.problem
            if problem is None and len(self._waiting) >= self._most_waiting:
                problem = "too much is waiting to be saved"
            elif message.user in self._poisoned:
                problem = "what came before it could not be saved"
            if problem is not None:
                self._fail((message,), problem)
                return
            self._enqueue(message)
        elif isinstance(message, Load):
            self._tide.refuse_if_down()
            if len(self._waiting) >= self._most_waiting:
                raise Unavailable("Too much is waiting to be saved or loaded. Please try again.")
            self._enqueue(_Loading(message, self._tide.held is not None, self.defer_reply()))
        elif isinstance(message, SaveSnapshot):
            self._enqueue(message)
        elif isinstance(message, Beat):
            self._tide.refuse_if_down()
            self._enqueue(_Beating(message, self.defer_reply()))
        else:
            raise TypeError(f"not a message for the storage actor: {message!r}")

    def _enqueue(self, work: _Work) -> None:
        self._waiting.append(work)
        self._wake.set()
        self._idle.clear()

    async def _work_forever(self) -> None:
        busy = False
        while True:
            if not self._waiting:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            if busy and len(self._waiting) < self._group_size:
                # A commit costs about the same for one as for fifty: take along what has arrived already.
                await asyncio.sleep(0)
            size = min(len(self._waiting), self._group_size)
            self._group = [self._waiting.popleft() for _ in range(size)]
            appends = [work for work in self._group if isinstance(work, Append)]
            try:
                await self._commit(appends)
            except Exception:
                log.exception("a group could not be committed", appends=len(appends))
                self._fail(appends, "an internal error")
            beats = [work for work in self._group if isinstance(work, _Beating)]
            if beats:
                await self._beat(beats)
            group, self._group = self._group, []
            busy = len(group) > 1
            self._load_and_save(group)

    async def _commit(self, appends: list[Append]) -> None:
        """Commit these, and reply to each: that it is durable, or that it is not."""
        if self._poisoned:
            # They were accepted before what they build on failed.
            late = [append for append in appends if append.user in self._poisoned]
            self._fail(late, "what came before it could not be saved")
            appends = [append for append in appends if append.user not in self._poisoned]
        records = [record for append in appends for record in append.records]
        if records:
            began = time.perf_counter()
            try:
                self._tide.head = await self._journal.append(records)
            except Fenced as fenced:
                log.warning("another writer went on for some users", users=sorted(fenced.users)[:10])
                self._fail([a for a in appends if a.user in fenced.users], "it went on in another place")
                await self._commit([a for a in appends if a.user not in fenced.users])
                return
            except Exception as error:
                if is_transient(error):
                    await self._recover(appends, records, error)
                elif len(appends) > 1:
                    # One of them is at fault; the others shall not suffer for it.
                    middle = len(appends) // 2
                    await self._commit(appends[:middle])
                    await self._commit(appends[middle:])
                else:
                    log.exception("the journal refuses an event", user=appends[0].user)
                    self._fail(appends, "the database refuses it")
                return
            metrics.COMMIT_SECONDS.observe(time.perf_counter() - began)
            metrics.GROUP_EVENTS.observe(len(records))
        _reply(appends)
        if records:
            self._on_commit()

    async def _beat(self, beats: list[_Beating]) -> None:
        newest = beats[-1].beat
        try:
            contest_open = await self._journal.beat(newest.accepted, newest.now)
        except Exception as error:
            if is_transient(error):
                await self._recover([], [], error)  # which refuses them, too
            else:
                log.exception("the heartbeat cannot be noted")
                self._refuse(beats)
            return
        for beating in beats:
            beating.reply_to.set(contest_open)

    async def _recover(self, appends: list[Append], records: list[Record], error: Exception) -> None:
        """The connection is gone, perhaps in the middle of the commit: find out what came of it."""
        log.warning("the journal's database does not answer", error=str(error) or type(error).__name__)
        self._tide.problem = "the database does not answer"
        waiting, self._waiting = self._waiting, deque()
        self._fail([work for work in waiting if isinstance(work, Append)], self._tide.problem)
        self._refuse((*self._group, *waiting))
        self._group = [work for work in self._group if not isinstance(work, _Loading | _Beating)]
        unknown = True

        def give_up() -> None:
            # Whoever waits has waited long enough. Nothing is acknowledged; whether it was kept shows when
            # their sessions are loaded again.
            nonlocal unknown
            unknown = False
            self._fail(appends, "the database does not answer")

        began = time.monotonic()
        patience = asyncio.get_running_loop().call_later(RECOVER_SECONDS, give_up)
        try:
            for attempt in range(1_000_000_000):
                try:
                    head = await self._journal.open()
                    durable = unknown and await self._journal.holds(records)
                    break
                except Exception as problem:
                    if not is_transient(problem) and not isinstance(problem, WriterLockHeld):
                        log.exception("the journal cannot be opened")
                    await asyncio.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])
        finally:
            patience.cancel()
        if unknown and durable:
            _reply(appends)
        elif unknown:
            self._fail(appends, self._tide.problem)
        self._tide.head = head
        self._tide.problem = None
        self._on_commit()
        log.info("the journal's database answers again", after_seconds=round(time.monotonic() - began, 1))

    def _fail(self, appends: Iterable[Append], problem: str) -> None:
        """Tell that nothing was acknowledged, and end the sessions whose state is ahead of what is durable."""
        refusal = Unavailable(f"This was not saved: {problem}. Please send it again.")
        for append in appends:
            with suppress(queue.Full):  # it was answered before something else went wrong
                append.reply_to.set_exception((Unavailable, refusal, None))
                append.replied()
            if append.user not in self._poisoned:
                self._poisoned.add(append.user)
                metrics.POISONED.inc()
            if append.session.is_alive():
                append.session.stop(block=False)

    def _refuse(self, works: Iterable[_Work]) -> None:
        """Answer those who wait for what is read, and the heartbeats."""
        for work in works:
            if isinstance(work, _Loading | _Beating):
                refusal = Unavailable(
                    "Your training cannot be loaded at the moment. Please try again."
                    if isinstance(work, _Loading)
                    else "The heartbeat cannot be noted at the moment."
                )
                work.reply_to.set_exception((Unavailable, refusal, None))

    def _load_and_save(self, group: list[_Work]) -> None:
        """Start what does not hold up the next commit, in the order in which it was asked for."""
        loadings: list[_Loading] = []
        snapshots: list[SaveSnapshot] = []
        for work in group:
            if isinstance(work, _Loading):
                self._poisoned.discard(work.load.user)
                loadings.append(work)
            elif isinstance(work, SaveSnapshot) and work.user not in self._poisoned:
                snapshots.append(work)
        if loadings:
            self._begin(self._load(loadings))
        if snapshots:
            self._begin(self._save(snapshots))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self.own(work, "loading and saving")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, loadings: list[_Loading]) -> None:
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                users = [loading.load.user for loading in loadings if not loading.load.whole]
                histories = await journal.load(self._pool, users) if users else {}
                found = [
                    await journal.load_events(self._pool, loading.load.user)
                    if loading.load.whole
                    else histories[loading.load.user]
                    for loading in loadings
                ]
        except Exception as error:
            if is_transient(error):
                log.warning("sessions cannot be loaded now", users=len(loadings), problem=repr(error))
            else:
                log.exception("sessions cannot be loaded", users=len(loadings))
            self._refuse(loadings)
            return
        for loading, history in zip(loadings, found, strict=True):
            if self._tide.held is not None and not loading.held:
                # What waits for it was let in before an outage, and would be decided by clocks that are not right yet.
                self._refuse((loading,))
            else:
                loading.reply_to.set(history)

    async def _save(self, snapshots: list[SaveSnapshot]) -> None:
        newest = {snapshot.user: snapshot for snapshot in snapshots}
        try:
            await journal.save_snapshots(self._pool, [(s.user, s.seq, s.state) for s in newest.values()])
        except Exception as error:
            # Only speed is lost: the journal holds everything.
            log.warning("snapshots were not saved", users=len(newest), error=str(error))


def _reply(appends: Iterable[Append]) -> None:
    for append in appends:
        if isinstance(append.reply, Refusal):
            append.reply_to.set_exception((type(append.reply), append.reply, None))
        else:
            append.reply_to.set(append.reply)
        append.replied()
