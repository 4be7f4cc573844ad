"""When the next message may go: the pace, quiet hours, and the number by which Telegram knows a message again.

Nothing here looks at a clock: times are passed in. Seconds of the pace are of any clock that only goes forward.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

# How late a message may go without the next ones being late, too: timers and other work of the loop cost that much.
LENIENCE_SECONDS = 0.005
SLOWEST = 1 / 16  # of the rate, however often Telegram asks to wait
RECOVERY_SECONDS = 60.0  # from standing still to the whole rate
RATE_SECONDS = 10


def random_id(nonce: int, telegram: int) -> int:
    """The `random_id` of a delivery: always the same one, so that Telegram refuses what is sent a second time.

    `nonce` is the broadcast's own, drawn when it was made: its id may have been another's, in another database.
    The first eight bytes, as a signed big-endian number, of SHA-256 over both in eight big-endian bytes each;
    the next eight if these are all zero, which to Telegram means none.
    """
    digest = sha256(nonce.to_bytes(8, "big", signed=True) + telegram.to_bytes(8, "big", signed=True)).digest()
    first, second = (int.from_bytes(digest[at : at + 8], "big", signed=True) for at in (0, 8))
    return first or second or 1


class Pace:
    """Says when the next message may go, so that `rate` of them go in a second, and never more than one more.

    Each message has its moment, an interval after the one before, whenever that really went: so a late message
    does not delay the others. It may be late by nearly an interval (where intervals are short, by
    LENIENCE_SECONDS); what is missed beyond that is not caught up. This is the generic cell rate algorithm of
    ITU-T I.371, by which the messages in a second are at most (1 + lenience) · rate + 1.

    When Telegram asks to wait, nothing goes until then; afterwards at half the pace, which grows evenly again.
    """

    def __init__(self, rate: float) -> None:
        self._lenience = max(0.99 / rate, LENIENCE_SECONDS)
        # So that the bound above is less than the rate and two more; at most half a percent less than `rate`.
        self._rate = min(rate, (rate + 0.99) / (1 + self._lenience))
        self._slow: tuple[float, float] | None = None  # since when, and with which share of the rate it began
        self._held_until = -math.inf
        self._due = -math.inf

    def rate(self, now: float) -> float:
        """Messages a second that may go at this moment, but for waiting."""
        return self._rate * self._share(now)

    def _share(self, now: float) -> float:
        if self._slow is None:
            return 1.0
        since, share = self._slow
        return min(1.0, share + max(0.0, now - since) / RECOVERY_SECONDS)

    def next(self, now: float) -> float:
        """When the next message may go; not later than `now`: at once."""
        return max(self._due, self._held_until)

    def went(self, now: float) -> None:
        """A message goes now."""
        earliest = now if math.isinf(self._due) else now - self._lenience  # the first one is not late
        self._due = max(self._due, self._held_until, earliest) + 1 / self.rate(now)

    def wait(self, now: float, seconds: float) -> None:
        """Telegram asks to wait so long. Messages that were on their way together may be told so one by one:
        that slows only once.
        """
        if now >= self._held_until:
            self._slow = (now + seconds, max(SLOWEST, self._share(now) / 2))
        until = now + seconds
        if until > self._held_until:
            self._held_until = until
            if self._slow is not None:
                self._slow = (until, self._slow[1])

    def waits(self, now: float) -> bool:
        """Whether Telegram asked to wait beyond now."""
        return now < self._held_until


class Meter:
    """How many a second there were over the last RATE_SECONDS, or since the first one if that is shorter."""

    def __init__(self) -> None:
        self._began = math.inf
        self._seconds: deque[list[int]] = deque(maxlen=RATE_SECONDS + 1)  # second, and how many in it

    def note(self, now: float) -> None:
        second = int(now)
        self._began = min(self._began, now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0])
        self._seconds[-1][1] += 1

    def rate(self, now: float) -> float:
        earliest = int(now) - RATE_SECONDS  # with the part of a second that is going on, so it does not jump
        count = sum(count for second, count in self._seconds if second >= earliest)
        return count / max(1.0, now - max(self._began, earliest)) if count else 0.0


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` until `end` by the clocks of `zone`, also over midnight."""

    begin: time
    end: time
    zone: ZoneInfo

    def over(self, now: datetime) -> datetime | None:
        """When the quiet of this moment is over; None: it is not quiet now."""
        local = now.astimezone(self.zone)
        clock = local.time()
        if self.begin < self.end:
            quiet = self.begin <= clock < self.end
        else:
            quiet = clock >= self.begin or clock < self.end
        if not quiet:
            return None
        day = local.date() if clock < self.end else local.date() + timedelta(days=1)
        over = datetime.combine(day, self.end, self.zone).replace(fold=local.fold).astimezone(UTC)
        # Where clocks are put forward the end may be an hour that is left out: then it is over a little later.
        return max(over, now.astimezone(UTC) + timedelta(seconds=1))
