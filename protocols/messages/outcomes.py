"""How a mass message is delivered: what the broadcaster asks of whoever talks to Telegram, and what may come of it.

Not among the names of `protocols.messages` itself, where they would be too short.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from protocols.messages.base import Message
from protocols.messages.broadcasts import BroadcastContent


class Sent(Message):
    """It is in the chat."""


class AlreadySent(Message):
    """It was in the chat before: Telegram knows its `random_id`."""


class Blocked(Message):
    """The person has blocked the bot."""


class Deleted(Message):
    """The person's Telegram account is gone."""


class Failed(Message):
    """It will never be taken. `reason` is Telegram's own word, as `PEER_ID_INVALID`."""

    reason: str


class Wait(Message):
    """It was not taken; all messages are to wait so many seconds (FLOOD_WAIT)."""

    seconds: float


class Offline(Message):
    """Whether it was taken is not known: it has to be sent again with the same `random_id`."""


Outcome: TypeAlias = Sent | AlreadySent | Blocked | Deleted | Failed | Wait | Offline


class Courier(Protocol):
    """Whoever takes messages to Telegram."""

    async def deliver(self, telegram: int, access_hash: int, content: BroadcastContent, random_id: int) -> Outcome:
        """Send `content` to a private chat, once: it is not tried again here, nor is a wait waited for."""
        ...
