"""Slows guessing: after some failures each further try must wait, twice as long every time."""

from collections.abc import Callable

from cachetools import TTLCache

from protocols.messages import TooMany

MICROSECONDS = 1_000_000


class Guard:
    """Counts failures by key, a login say. `clock` tells microseconds; the other times are in seconds.

    `free` failures cost nothing, the next one `first` seconds of waiting, the one after twice that, up to
    `longest`. A key is forgotten `memory` seconds after its last failure, or when more than `remembered`
    keys failed since.

    A try is counted as a failure before it is made and taken back if it succeeds: otherwise a thousand
    guesses at once would all find the counter at zero.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        free: int,
        first: float = 1.0,
        longest: float = 300.0,
        memory: float = 3600.0,
        remembered: int = 100_000,
    ) -> None:
        self._clock = clock
        self._free = free
        self._first = first
        self._longest = longest
        # key: (failures, when the next try is welcome)
        self._failures: TTLCache[str, tuple[int, int]] = TTLCache(remembered, memory * MICROSECONDS, timer=clock)

    def attempt(self, key: str) -> None:
        """Count a try. Raises TooMany when it comes too early; such a try is not counted."""
        now = self._clock()
        failures, welcome = self._failures.get(key, (0, 0))
        if now < welcome:
            wait = -(-(welcome - now) // MICROSECONDS)
            raise TooMany(f"Too many failed tries; try again in {wait} s", retry_after=wait)
        failures += 1
        delay = 0.0
        if failures > self._free:
            delay = min(self._first * 2.0 ** min(failures - self._free - 1, 60), self._longest)
        self._failures[key] = (failures, now + int(delay * MICROSECONDS))

    def take_back(self, key: str) -> None:
        """The try did not fail: it is not counted."""
        failures, _ = self._failures.get(key, (0, 0))
        if failures > 1:
            self._failures[key] = (failures - 1, 0)
        else:
            self._failures.pop(key, None)

    def forget(self, key: str) -> None:
        """The owner showed up: the counter starts again."""
        self._failures.pop(key, None)
