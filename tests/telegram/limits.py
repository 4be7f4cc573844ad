"""How much a bot may send, and what it earns when it sends more."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Rates are per second, bursts in calls: a bucket of that size that the rate fills again.

    Telegram publishes about thirty new messages a second over all chats and about one a second to a single
    chat, "short bursts" aside; how long a burst may be it does not say, so twenty is chosen here. Edits and
    callback answers have buckets of their own.
    """

    messages: float = 30.0
    messages_burst: float = 30.0
    chat_messages: float = 1.0
    chat_burst: float = 20.0
    edits: float = 120.0
    edits_burst: float = 240.0
    chat_edits: float = 10.0
    chat_edits_burst: float = 60.0
    difference: int = 100
    """So many events come in one slice of the difference."""
    query_seconds: float = 600.0
    """So long a pressed button may be answered."""

    @classmethod
    def lifted(cls) -> Limits:
        """No limit of rate at all."""
        return cls(messages=math.inf, chat_messages=math.inf, edits=math.inf, chat_edits=math.inf)


class Bucket:
    """Tokens of one rate; a refused caller has to wait for as long as it was told."""

    __slots__ = ("_at", "_spent", "_until")

    def __init__(self) -> None:
        self._spent = 0.0
        self._at = 0.0
        self._until = 0.0

    def wait(self, rate: float, burst: float, now: float) -> int:
        """Whole seconds until a call is allowed, 0 when it is now. Takes nothing."""
        if math.isinf(rate):
            return 0
        self._spent = max(0.0, self._spent - (now - self._at) * rate)
        self._at = now
        if self._until <= now and self._spent + 1 > burst:
            self._until = now + math.ceil((self._spent + 1 - burst) / rate)
        return math.ceil(self._until - now) if self._until > now else 0

    def take(self) -> None:
        self._spent += 1
