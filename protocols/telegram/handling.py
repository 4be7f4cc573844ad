"""Who handles what came: different chats at the same time, one chat strictly in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

import structlog

from protocols.messages import Unavailable
from protocols.telegram import metrics
from protocols.telegram.values import Blocked, Flooded, Incoming, Offline, Undelivered

log = structlog.get_logger()

Handle: TypeAlias = Callable[[Incoming], Awaitable[None]]

CHATS_AT_ONCE = 128
MOST_OF_A_CHAT = 32  # that wait; who sends more is not read, and told so
HANDLING_SECONDS = 120.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
GIVE_UP_SECONDS = 600.0  # after which what only fails is let go: nothing after it counts as handled before


@dataclass(slots=True)
class _Task:
    incoming: Incoming
    done: Callable[[], None]
    arrived: float
    too_much: bool = False  # it is not handled, and stands for all that came after it
    pause: float = FIRST_PAUSE_SECONDS  # before it is tried again
    failed_at: float | None = None  # for the first time
    handled_then: int = 0  # of all chats


class Handling:
    """`handle` is asked again, in order, when a database or Telegram was not there (Unavailable, Offline, Flooded);
    meanwhile the chat waits and others go on. After any other failure, and when it fails so for too long, `apologise`
    tells the person, and the next thing is handled. `refuse` tells who sends faster than they are answered that what
    came from there on was not read.
    """

    def __init__(self, handle: Handle, apologise: Handle, refuse: Handle) -> None:
        self._handle = handle
        self._apologise = apologise
        self._refuse = refuse
        self._chats: dict[int, deque[_Task]] = {}
        self._next: deque[int] = deque()  # chats that wait for one of CHATS_AT_ONCE
        self._pausing: dict[int, asyncio.TimerHandle] = {}  # chats whose first thing is tried again later
        self._workers: set[asyncio.Task[None]] = set()
        self._closing = False
        self._eased = asyncio.Event()
        self._handled_so_far = 0
        self.waiting = 0
        metrics.WAITING.set_function(lambda: self.waiting)

    def submit(self, incoming: Incoming, done: Callable[[], None]) -> None:
        """Handle it when its turn comes, and call `done` when it need not come again."""
        person = incoming.telegram if isinstance(incoming, Blocked) else incoming.sender.peer.telegram
        tasks = self._chats.get(person)
        if tasks is None:
            tasks = self._chats[person] = deque()
            self._next.append(person)
        too_much = len(tasks) >= MOST_OF_A_CHAT
        if too_much:
            metrics.UPDATES.labels("dropped").inc()
            log.warning("somebody sends faster than they are answered", telegram=person)
            if tasks[-1].too_much or isinstance(incoming, Blocked):
                done()
                return
        self.waiting += 1
        tasks.append(_Task(incoming, done, perf_counter(), too_much))
        self._start()

    async def until_waiting(self, number: int) -> None:
        """Until at most so many wait to be handled."""
        while self.waiting > number:
            self._eased.clear()
            await self._eased.wait()

    async def close(self, seconds: float) -> None:
        """Finish what was submitted, for at most so long; what is left then is not done."""
        self._closing = True
        for timer in self._pausing.values():
            timer.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._workers:
                    await asyncio.wait(self._workers)
        if self.waiting:
            log.warning("not all that came from Telegram was handled: it comes again", waiting=self.waiting)
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def _start(self) -> None:
        while self._next and len(self._workers) < CHATS_AT_ONCE:
            worker = asyncio.create_task(self._work(self._next.popleft()))
            self._workers.add(worker)
            worker.add_done_callback(self._ended)

    def _ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled():
            worker.result()
            self._start()

    async def _work(self, person: int) -> None:
        tasks = self._chats[person]
        while tasks:
            task = tasks[0]
            pause = await self._pause_after(task)
            if pause is not None:
                if not self._closing:
                    self._pausing[person] = asyncio.get_running_loop().call_later(pause, self._resume, person)
                return
            metrics.HANDLING.observe(perf_counter() - task.arrived)
            tasks.popleft()
            self.waiting -= 1
            self._eased.set()
            task.done()
        del self._chats[person]

    def _resume(self, person: int) -> None:
        del self._pausing[person]
        self._next.append(person)
        self._start()

    async def _pause_after(self, task: _Task) -> float | None:
        """Try once; in how many seconds it is to be tried again. None: it need not come again."""
        try:
            async with asyncio.timeout(HANDLING_SECONDS):
                await (self._refuse if task.too_much else self._handle)(task.incoming)
        except (Unavailable, Offline, Flooded) as error:
            if not self._is_hopeless(task, error):
                metrics.UPDATES.labels("again").inc()
                log.warning("what came from Telegram is handled again in a moment", why=str(error))
                asked = float(error.seconds) if isinstance(error, Flooded) else 0.0
                pause = min(max(task.pause, asked), GIVE_UP_SECONDS)
                task.pause = min(task.pause * 2, LONGEST_PAUSE_SECONDS)
                return pause
            log.error("what came from Telegram is given up: it fails again and again", why=str(error))
        except Exception:
            log.exception("what came from Telegram could not be handled")
        else:
            if not task.too_much:
                metrics.UPDATES.labels("handled").inc()
            self._handled_so_far += 1
            return None
        metrics.UPDATES.labels("failed").inc()
        await self._say_sorry(task.incoming)
        return None

    def _is_hopeless(self, task: _Task, error: Exception) -> bool:
        """Whether it has failed for too long. While Telegram is away for everybody nothing is given up."""
        if task.failed_at is None:
            task.failed_at, task.handled_then = perf_counter(), self._handled_so_far
        if perf_counter() - task.failed_at < GIVE_UP_SECONDS:
            return False
        return isinstance(error, Unavailable) or self._handled_so_far > task.handled_then

    async def _say_sorry(self, incoming: Incoming) -> None:
        try:
            async with asyncio.timeout(HANDLING_SECONDS):
                await self._apologise(incoming)
        except Undelivered as error:
            log.warning("nobody could be told that it went wrong", why=str(error))
        except Exception:
            log.exception("the apology went wrong as well")
