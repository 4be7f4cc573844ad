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
MOST_OF_A_CHAT = 32  # that wait; who sends more is not read
HANDLING_SECONDS = 120.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class _Task:
    incoming: Incoming
    done: Callable[[], None]
    arrived: float


class Handling:
    """`handle` is asked again, in order, when a database or Telegram was not there (Unavailable, Offline, Flooded);
    after any other failure `apologise` tells the person, and the next thing is handled.
    """

    def __init__(self, handle: Handle, apologise: Handle) -> None:
        self._handle = handle
        self._apologise = apologise
        self._chats: dict[int, deque[_Task]] = {}
        self._next: deque[int] = deque()  # chats that wait for one of CHATS_AT_ONCE
        self._workers: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._rest = asyncio.Event()
        self._rest.set()
        self.waiting = 0
        metrics.WAITING.set_function(lambda: self.waiting)

    def submit(self, incoming: Incoming, done: Callable[[], None]) -> None:
        """Handle it when its turn comes, and call `done` when it need not come again."""
        person = incoming.telegram if isinstance(incoming, Blocked) else incoming.sender.peer.telegram
        tasks = self._chats.get(person)
        if tasks is None:
            tasks = self._chats[person] = deque()
            self._next.append(person)
        if len(tasks) >= MOST_OF_A_CHAT:
            metrics.UPDATES.labels("dropped").inc()
            log.warning("somebody sends faster than they are answered", telegram=person)
            done()
            return
        self.waiting += 1
        self._rest.clear()
        tasks.append(_Task(incoming, done, perf_counter()))
        self._start()

    async def at_rest(self) -> None:
        """Until nothing waits to be handled."""
        await self._rest.wait()

    async def close(self, seconds: float) -> None:
        """Finish what was submitted, for at most so long; what is left then is not done."""
        self._closing.set()
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
            if not await self._handled(task.incoming):
                return
            metrics.HANDLING.observe(perf_counter() - task.arrived)
            tasks.popleft()
            self.waiting -= 1
            task.done()
        del self._chats[person]
        if not self.waiting:
            self._rest.set()

    async def _handled(self, incoming: Incoming) -> bool:
        """Try until it need not come again; False: that is not to be while this closes."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with asyncio.timeout(HANDLING_SECONDS):
                    await self._handle(incoming)
                metrics.UPDATES.labels("handled").inc()
                return True
            except (Unavailable, Offline, Flooded) as error:
                metrics.UPDATES.labels("again").inc()
                log.warning("what came from Telegram is handled again in a moment", why=str(error))
                if isinstance(error, Flooded):
                    pause = max(pause, float(error.seconds))
            except Exception:
                metrics.UPDATES.labels("failed").inc()
                log.exception("what came from Telegram could not be handled")
                await self._say_sorry(incoming)
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)
                return False
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _say_sorry(self, incoming: Incoming) -> None:
        try:
            async with asyncio.timeout(HANDLING_SECONDS):
                await self._apologise(incoming)
        except Undelivered as error:
            log.warning("nobody could be told that it went wrong", why=str(error))
        except Exception:
            log.exception("the apology went wrong as well")
