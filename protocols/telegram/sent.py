"""Which message is which: Telegram tells the ids of the bot's own messages by their random ids, once."""

from __future__ import annotations

import asyncio
from typing import Final

from cachetools import LRUCache

REMEMBERED: Final = 20_000
TELLS_SECONDS: Final = 3.0  # after a new connection the difference comes soon, and tells what was sent before


class Sent:
    """The ids of messages that were sent lately."""

    def __init__(self) -> None:
        self._numbers: LRUCache[int, int] = LRUCache(REMEMBERED)
        self._waiting: dict[int, asyncio.Event] = {}

    def learn(self, random_id: int, number: int) -> None:
        self._numbers[random_id] = number
        if random_id in self._waiting:
            self._waiting[random_id].set()

    async def number_of(self, random_id: int) -> int | None:
        """The id of a message that Telegram has had before; None: it does not tell."""
        known = self._numbers.get(random_id)
        if known is not None:
            return known
        event = self._waiting.setdefault(random_id, asyncio.Event())
        try:
            async with asyncio.timeout(TELLS_SECONDS):
                await event.wait()
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(random_id, None)
        return self._numbers.get(random_id)
