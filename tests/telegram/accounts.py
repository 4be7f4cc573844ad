"""The bot's account as Telegram keeps it: its messages, its updates by pts, and who it knows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar, cast

from cachetools import LRUCache
from pyrogram import raw
from pyrogram.raw.core import TLObject

from tests.telegram.files import File
from tests.telegram.limits import Bucket

if TYPE_CHECKING:
    from tests.telegram.phone import Chat, Group, Phone

Shared = TypeVar("Shared", bound=TLObject)

BOT_ID = 5_900_000_001


def access_hash(peer_id: int) -> int:
    """The same for the same peer, and nothing a client could guess."""
    return int.from_bytes(sha256(b"access hash %d" % peer_id).digest()[:8], "little") >> 1


@dataclass(slots=True)
class Message:
    """One message of one chat; `sender` is None when it is from the bot."""

    id: int
    chat: Chat
    sender: Phone | None
    date: int
    text: str = ""
    entities: list[raw.base.MessageEntity] | None = None
    markup: raw.base.ReplyMarkup | None = None
    file: File | None = None
    edit_date: int | None = None
    markup_only: bool = False
    reply_to: int | None = None
    forwarded: bool = False
    album: int | None = None
    action: raw.base.MessageAction | None = None
    revision: int = 0

    def as_raw(self) -> raw.base.Message:
        from_id = None
        if self.sender is None:
            from_id = raw.types.PeerUser(user_id=BOT_ID)
        elif self.sender is not self.chat:
            from_id = raw.types.PeerUser(user_id=self.sender.id)
        reply_to = raw.types.MessageReplyHeader(reply_to_msg_id=self.reply_to) if self.reply_to else None
        out = True if self.sender is None else None
        if self.action is not None:
            return raw.types.MessageService(
                id=self.id,
                out=out,
                from_id=from_id,
                peer_id=self.chat.peer(),
                date=self.date,
                action=self.action,
            )
        forward = raw.types.MessageFwdHeader(date=self.date, from_name="Somebody") if self.forwarded else None
        return raw.types.Message(
            id=self.id,
            out=out,
            from_id=from_id,
            peer_id=self.chat.peer(),
            date=self.date,
            message=self.text,
            entities=self.entities or None,
            reply_markup=self.markup,
            media=self.file.media() if self.file else None,
            edit_date=self.edit_date,
            edit_hide=True if self.markup_only else None,
            reply_to=reply_to,
            fwd_from=forward,
            grouped_id=self.album,
        )


@dataclass(slots=True)
class Query:
    """A pressed button that waits for its answer."""

    update: raw.types.UpdateBotCallbackQuery
    chat: Phone
    at: float


class Bot:
    """The account of the bot.

    `journal` holds one entry for each pts from 1 on: the message's id when it was new, minus the id when it
    was edited, a tuple when several were deleted, and None where such a deletion has taken more than one pts.
    """

    def __init__(self, token: str, name: str, username: str) -> None:
        self.token = token
        self.name = name
        self.username = username
        self.id = BOT_ID
        self.messages: dict[int, Message] = {}
        self.journal: list[int | tuple[int, ...] | None] = []
        self.other: list[raw.types.UpdateBotStopped] = []
        self.random_ids: dict[int, int] = {}
        self.sent_as: dict[int, int] = {}
        """The random ids of the bot's own messages; the difference tells them."""
        self.queries: dict[int, Query] = {}
        self.commands: dict[tuple[bytes, str], list[raw.types.BotCommand]] = {}
        self.new_bucket = Bucket()
        self.edit_bucket = Bucket()
        self.phones: dict[int, Phone] = {}
        self.groups: dict[int, Group] = {}
        self.deliver: Callable[[TLObject], None] = lambda updates: None
        self._last_id = 0
        self._revision = 0
        self._shared: LRUCache[bytes, TLObject] = LRUCache(4096)

    @property
    def pts(self) -> int:
        return len(self.journal) + 1

    def as_raw(self) -> raw.types.User:
        return raw.types.User(
            id=self.id,
            is_self=True,
            bot=True,
            access_hash=access_hash(self.id),
            first_name=self.name,
            username=self.username,
            bot_info_version=1,
        )

    def state(self) -> raw.types.updates.State:
        return raw.types.updates.State(pts=self.pts, qts=len(self.other), date=int(time.time()), seq=1, unread_count=0)

    def add(
        self,
        chat: Chat,
        sender: Phone | None,
        text: str = "",
        *,
        entities: Sequence[raw.base.MessageEntity] | None = None,
        markup: raw.base.ReplyMarkup | None = None,
        file: File | None = None,
        reply_to: int | None = None,
        forwarded: bool = False,
        album: int | None = None,
        action: raw.base.MessageAction | None = None,
    ) -> Message:
        """A new message, in the chat and at the end of the journal."""
        self._last_id += 1
        message = Message(
            id=self._last_id,
            chat=chat,
            sender=sender,
            date=int(time.time()),
            text=sys.intern(text),
            entities=[self.shared(entity) for entity in entities] if entities else None,
            markup=self.shared(markup) if markup is not None else None,
            file=file,
            reply_to=reply_to,
            forwarded=forwarded,
            album=album,
            action=action,
            revision=self.next_revision(),
        )
        self.messages[message.id] = message
        self.journal.append(message.id)
        chat.keep(message)
        if sender is not None:
            update = raw.types.UpdateNewMessage(message=message.as_raw(), pts=self.pts, pts_count=1)
            self.deliver(self.updates([update], [message]))
        return message

    def edited(self, message: Message) -> None:
        message.revision = self.next_revision()
        self.journal.append(-message.id)
        message.chat.changed()

    def delete(self, messages: Sequence[Message]) -> int:
        """Delete for everybody; how many pts that took."""
        gone = tuple(message.id for message in messages if self.messages.pop(message.id, None))
        for message in messages:
            message.chat.drop(message)
        if gone:
            self.journal.append(gone)
            self.journal.extend([None] * (len(gone) - 1))
        return len(gone)

    def next_revision(self) -> int:
        """Grows with each change of any message; a phone tells by it what is new."""
        self._revision += 1
        return self._revision

    @property
    def revision(self) -> int:
        return self._revision

    def updates(self, updates: list[raw.base.Update], messages: Iterable[Message]) -> TLObject:
        users, chats = self.people(messages)
        return raw.types.Updates(updates=updates, users=users, chats=chats, date=int(time.time()), seq=0)

    def people(self, messages: Iterable[Message]) -> tuple[list[raw.base.User], list[raw.base.Chat]]:
        """Everybody whom these messages speak of."""
        users: dict[int, raw.base.User] = {self.id: self.as_raw()}
        chats: dict[int, raw.base.Chat] = {}
        for message in messages:
            for chat in (message.chat, message.sender):
                if chat is None or chat.id in users or chat.id in chats:
                    continue
                seen = chat.as_raw()
                if isinstance(seen, raw.types.Chat):
                    chats[chat.id] = seen
                else:
                    users[chat.id] = seen
        return list(users.values()), list(chats.values())

    def shared(self, value: Shared) -> Shared:
        """An equal object that is kept already: a broadcast has the same keyboard a hundred thousand times."""
        # Equal bytes make equal types, which a checker cannot know.
        return cast(Shared, self._shared.setdefault(value.write(), value))
