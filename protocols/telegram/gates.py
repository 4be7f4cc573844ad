"""Telegram's limits of new messages, kept on our side, so that none is ever refused for being one too many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from protocols.telegram import metrics
from protocols.telegram.values import Offline


class Crowded(Offline):
    """So many wait already that one more would not be sent in time: it was not sent."""


class Gate:
    """Lets `rate` messages a second through, and up to `burst` at once after a pause; students' before broadcasts'.

    So in any t seconds there are at most burst + rate · t. Broadcasts leave the last `kept` of a burst alone, so
    that a student finds the gate open while a broadcast takes all that is left of the rate. `when_idle` is called
    when a whole burst could pass again.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        kept: float,
        most_waiting: int,
        when_idle: Callable[[], object] = lambda: None,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._kept = kept
        self._most_waiting = most_waiting
        self._when_idle = when_idle
        self._loop = asyncio.get_running_loop()
        self._left = burst  # at the time `_at`; it grows by `rate`
        self._at = self._loop.time()
        self._students: deque[asyncio.Future[None]] = deque()
        self._broadcasts: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, broadcast: bool) -> None:
        """Wait for one's turn.

        Raises:
            Crowded: too many are waiting for theirs.
        """
        waiting = self._broadcasts if broadcast else self._students
        if len(waiting) >= self._most_waiting:
            raise Crowded("too many messages are waiting for Telegram's limits")
        turn: asyncio.Future[None] = self._loop.create_future()
        waiting.append(turn)
        self._let_in()
        try:
            with metrics.QUEUED.labels("broadcast" if broadcast else "student").track_inprogress():
                await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._left += 1  # it was let in just now, and does not go
            elif turn in waiting:
                waiting.remove(turn)
            raise

    def _let_in(self) -> None:
        """Let in who may, and come again when the next one may."""
        now = self._loop.time()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        self._let(self._students, 1)
        if not self._students:
            self._let(self._broadcasts, 1 + self._kept)
        if self._timer is not None:
            self._timer.cancel()
        needed = 1 if self._students else 1 + self._kept if self._broadcasts else self._burst
        idle = not self._students and not self._broadcasts
        self._timer = None
        if idle and self._left >= self._burst:
            self._when_idle()
        else:
            self._timer = self._loop.call_later((needed - self._left) / self._rate + 0.0001, self._let_in)

    def _let(self, waiting: deque[asyncio.Future[None]], needed: float) -> None:
        while waiting and self._left >= needed:
            turn = waiting.popleft()
            if not turn.done():  # it was not cancelled meanwhile
                turn.set_result(None)
                self._left -= 1
