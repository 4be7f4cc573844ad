"""Takes mass messages to Telegram."""

from __future__ import annotations

from protocols.messages import BroadcastContent, Button
from protocols.messages.outcomes import (
    AlreadySent,
    Blocked,
    Deleted,
    Failed,
    Offline,
    Outcome,
    Sent,
    Wait,
)
from protocols.telegram import metrics, values
from protocols.telegram.callbacks import begin_subject
from protocols.telegram.markup import styled
from protocols.telegram.sender import TelegramSender
from protocols.telegram.values import Key, Outgoing, Peer, Styled


class TelegramCourier:
    """`protocols.messages.outcomes.Courier`, over the sender that also serves students."""

    def __init__(self, sender: TelegramSender) -> None:
        self._sender = sender
        self._last: tuple[BroadcastContent, Outgoing] | None = None  # a broadcast is the same for all

    async def deliver(self, telegram: int, access_hash: int, content: BroadcastContent, random_id: int) -> Outcome:
        """Try once."""
        peer = Peer(telegram, access_hash)
        try:
            number = await self._sender.send(peer, self._outgoing(content), random_id, broadcast=True)
        except values.Unreachable as error:
            return Deleted() if error.deleted else Blocked()
        except values.Flooded as error:
            return Wait(seconds=error.seconds)
        except values.Offline:
            return Offline()
        except values.Undelivered as error:
            return Failed(reason=str(error))
        return AlreadySent() if number is None else Sent()

    def _outgoing(self, content: BroadcastContent) -> Outgoing:
        if self._last is None or self._last[0] is not content:
            self._last = (content, outgoing(content))
        return self._last[1]


def outgoing(content: BroadcastContent) -> Outgoing:
    """A mass message as it is seen in Telegram."""
    text = styled(content.text) if content.entities is None else Styled(content.text, content.entities)
    return Outgoing(
        text,
        tuple(tuple(_key(button, content.broadcast) for button in row) for row in content.buttons),
        content.image,
        digest=content.digest,
    )


def _key(button: Button, broadcast: int | None) -> Key:
    if button.url is not None:
        return Key(button.text, url=str(button.url))
    assert button.subject is not None  # a button has one of them
    metrics.CLICKS.labels(button.subject)  # from nought on
    return Key(button.text, data=begin_subject(button.subject, broadcast))
