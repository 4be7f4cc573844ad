"""Telegram's limits of new messages, kept on our side, so that none is ever refused for being one too many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from protocols.telegram import metrics
from protocols.telegram.values import Offline


class Crowded(Offline):
    """So many wait already that one more would not be sent in time: it was not sent."""


class Gate:
    """At most `places` messages in any `seconds`, students' before those of broadcasts.

    A place is taken before the call and free again `seconds` after its answer. Telegram counts a message some
    time between the two, so it never counts more, however long messages were under way. `kept` places are never
    taken by broadcasts, so that a student finds one free. `when_idle` is called when all are free again.
    """

    def __init__(
        self,
        places: int,
        seconds: float,
        *,
        kept: int,
        most_waiting: int,
        when_idle: Callable[[], object] = lambda: None,
    ) -> None:
        self._free = places
        self._seconds = seconds
        self._kept = kept
        self._most_waiting = most_waiting
        self._students: deque[asyncio.Future[None]] = deque()
        self._broadcasts: deque[asyncio.Future[None]] = deque()
        self._places = places
        self._when_idle = when_idle

    @asynccontextmanager
    async def place(self, broadcast: bool) -> AsyncIterator[None]:
        """Take a place for the time of the call, and for `seconds` more.

        Raises:
            Crowded: too many wait for one.
        """
        waiting = self._broadcasts if broadcast else self._students
        if len(waiting) >= self._most_waiting:
            raise Crowded("too many messages are waiting for Telegram's limits")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        self._let_in()
        try:
            with metrics.QUEUED.labels("broadcast" if broadcast else "student").track_inprogress():
                await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._leave()  # it was let in just now
            elif turn in waiting:
                waiting.remove(turn)
            raise
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(self._seconds, self._leave)

    def _leave(self) -> None:
        self._free += 1
        self._let_in()
        if self._free == self._places and not self._students and not self._broadcasts:
            self._when_idle()

    def _let_in(self) -> None:
        while self._free and self._students:
            self._let(self._students)
        while self._free > self._kept and self._broadcasts:
            self._let(self._broadcasts)

    def _let(self, waiting: deque[asyncio.Future[None]]) -> None:
        turn = waiting.popleft()
        if not turn.done():  # it was not cancelled meanwhile
            turn.set_result(None)
            self._free -= 1
