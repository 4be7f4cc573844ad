"""The one sender of the bot: students' replies before broadcasts, within Telegram's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Literal, TypeVar

from pyrogram import raw
from pyrogram.errors import RPCError
from pyrogram.raw.core import TLObject

from protocols.messages import Language
from protocols.telegram import encoding
from protocols.telegram.connection import Connection, may_be_done, name_of
from protocols.telegram.files import Files, is_stale_reference
from protocols.telegram.gates import Crowded, Gate
from protocols.telegram.sent import Sent
from protocols.telegram.values import (
    Attachment,
    Flooded,
    Gone,
    Offline,
    Outgoing,
    Peer,
    Refused,
    Unreachable,
)

T = TypeVar("T")

# What Telegram publishes: "about" 30 messages a second, and one to a chat, "short bursts" aside
# (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this).
MESSAGES_A_SECOND = 30.0
BURST = 10.0
KEPT_FOR_STUDENTS = 6.0  # of a burst
BESIDE_BROADCASTS = 5.0  # messages a second, where broadcasts may take more than Telegram's own limit
CHAT_MESSAGES_A_SECOND, CHAT_BURST = 1.0, 3.0
MOST_WAITING, MOST_WAITING_IN_CHAT = 2_000, 16

STUDENT_SECONDS = 30.0  # until a reply is given up, with all that was tried
BROADCAST_SECONDS = 45.0
CALL_SECONDS = 10.0
SHORT_FLOOD_SECONDS = 5
AGAIN_SECONDS = 0.2

ALREADY = ("RANDOM_ID_DUPLICATE", "MESSAGE_NOT_MODIFIED", "QUERY_ID_INVALID")
BLOCKED = ("USER_IS_BLOCKED", "YOU_BLOCKED_USER")
DELETED = ("INPUT_USER_DEACTIVATED", "USER_DEACTIVATED")
GONE = (
    "MESSAGE_ID_INVALID",
    "MESSAGE_EDIT_TIME_EXPIRED",
    "MESSAGE_AUTHOR_REQUIRED",
    "MESSAGE_DELETE_FORBIDDEN",
    "MEDIA_PREV_INVALID",
)


class AlreadyThere(Exception):
    """What was asked for is so already."""


class StalePicture(Exception):
    """The picture has to be uploaded again."""


class TelegramSender:
    """Messages, edits and answers to Telegram.

    Each raises an `Undelivered`. What is for a student is patient: it is tried again while there is no connection
    (with the same `random_id`, so that nothing is there twice), and a short FLOOD_WAIT is waited for.
    """

    def __init__(self, connection: Connection, broadcasts_a_second: float, sent: Sent) -> None:
        self._connection = connection
        self._sent = sent
        self._files = Files(connection)
        rate, burst = MESSAGES_A_SECOND, BURST
        if broadcasts_a_second > MESSAGES_A_SECOND:  # a data centre of one's own, with other limits
            rate = broadcasts_a_second + BESIDE_BROADCASTS
            burst = max(BURST, rate / 10)
        self._all = Gate(rate, burst, kept=KEPT_FOR_STUDENTS, most_waiting=MOST_WAITING)
        self._chats: dict[int, Gate] = {}

    async def send(self, peer: Peer, outgoing: Outgoing, random_id: int, *, broadcast: bool = False) -> int | None:
        """The id of the message, which may have been sent before; None: Telegram has had `random_id`, and sent
        nothing now, but which message that was is not known.

        A broadcast is tried once, and told at once what became of it: None says that it was sent before.
        """
        if broadcast:
            return await _within(BROADCAST_SECONDS, self._send(peer, outgoing, random_id, broadcast))
        number = await _patiently(lambda: self._send(peer, outgoing, random_id, broadcast))
        if number is None:
            return await self._sent.number_of(random_id)
        self._sent.learn(random_id, number)
        return number

    async def edit(self, peer: Peer, message: int, outgoing: Outgoing) -> None:
        """Change a message into another one. That it is like that already is no error."""
        await _patiently(lambda: self._edit(peer, message, outgoing))

    async def delete(self, peer: Peer, messages: list[int]) -> None:
        """Delete messages of a private chat, for both sides."""
        await self._simply(raw.functions.messages.DeleteMessages(id=messages, revoke=True))

    async def answer(self, query: int, text: str = "", alert: bool = False) -> None:
        """Answer a pressed button. One that was pressed too long ago is let be."""
        request = raw.functions.messages.SetBotCallbackAnswer(
            query_id=query, cache_time=0, message=text or None, alert=alert or None
        )
        await self._simply(request)

    async def fetch(self, attachment: Attachment) -> bytes:
        """What an attachment holds, of at most 10 MB."""
        return await _translated(self._files.fetch(attachment))

    async def set_commands(self, language: Language | Literal[""], commands: Mapping[str, str]) -> None:
        """The commands that Telegram's apps offer in one language; "" is for all that have none of their own."""
        await self._simply(
            raw.functions.bots.SetBotCommands(
                scope=raw.types.BotCommandScopeDefault(),
                lang_code=language,
                commands=[raw.types.BotCommand(command=name, description=text) for name, text in commands.items()],
            )
        )

    # --- One attempt ----------------------------------------------------------------------------------------

    async def _send(self, peer: Peer, outgoing: Outgoing, random_id: int, broadcast: bool) -> int | None:
        async def attempt() -> int:
            media = await self._files.media(peer, outgoing)
            await self._all.enter(broadcast)
            query = encoding.send(peer, outgoing, random_id, media)
            return _message_id(await self._connection.call(query, CALL_SECONDS), random_id)

        await self._chat(peer.telegram).enter(broadcast)
        try:
            return await self._with_media(outgoing, attempt)
        except AlreadyThere:
            return None

    async def _edit(self, peer: Peer, message: int, outgoing: Outgoing) -> None:
        async def attempt() -> None:
            media = await self._files.media(peer, outgoing)
            await self._connection.call(encoding.edit(peer, message, outgoing, media), CALL_SECONDS)

        with suppress(AlreadyThere):
            await self._with_media(outgoing, attempt)

    async def _with_media(self, outgoing: Outgoing, attempt: Callable[[], Awaitable[T]]) -> T:
        """Send what `outgoing` carries; with a picture that Telegram has forgotten, once more."""
        try:
            return await _translated(attempt())
        except StalePicture:
            self._files.forget(outgoing)
        try:
            return await _translated(attempt())
        except StalePicture:
            raise Refused("Telegram forgets the picture at once") from None

    async def _simply(self, query: TLObject) -> None:
        async def attempt() -> None:
            with suppress(AlreadyThere):
                await _translated(self._connection.call(query, CALL_SECONDS))

        await _patiently(attempt)

    def _chat(self, telegram: int) -> Gate:
        gate = self._chats.get(telegram)
        if gate is None:
            gate = self._chats[telegram] = Gate(
                CHAT_MESSAGES_A_SECOND,
                CHAT_BURST,
                kept=0.0,
                most_waiting=MOST_WAITING_IN_CHAT,
                when_idle=lambda: self._chats.pop(telegram, None),
            )
        return gate


async def _patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try until it works, or cannot, or the time of a student's reply is over."""
    return await _within(STUDENT_SECONDS, _again_and_again(attempt))


async def _again_and_again(attempt: Callable[[], Awaitable[T]]) -> T:
    may_wait = True
    while True:
        try:
            return await attempt()
        except Flooded as flood:
            if not may_wait or flood.seconds > SHORT_FLOOD_SECONDS:
                raise
            may_wait = False
            await asyncio.sleep(flood.seconds)
        except Crowded:
            raise
        except Offline:
            await asyncio.sleep(AGAIN_SECONDS)  # the next call waits until there is a connection


async def _within(seconds: float, doing: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await doing
    except TimeoutError:
        raise Offline(f"Telegram took no answer within {seconds:.0f} s") from None


async def _translated(doing: Awaitable[T]) -> T:
    """Telegram's refusals in the words of the bot."""
    try:
        return await doing
    except RPCError as error:
        name = name_of(error)
        if name in ALREADY:
            raise AlreadyThere from error
        if is_stale_reference(error):
            raise StalePicture from error
        if name in BLOCKED or name in DELETED:
            raise Unreachable(deleted=name in DELETED) from error
        if name in GONE:
            raise Gone(name) from error
        if may_be_done(error):
            raise Offline(name) from error
        raise Refused(name) from error


def _message_id(result: TLObject, random_id: int) -> int:
    """The id of a message that was sent, from Telegram's answer."""
    match result:
        case raw.types.UpdateShortSentMessage(id=number):
            return int(number)
        case raw.types.Updates(updates=updates) | raw.types.UpdatesCombined(updates=updates):
            for update in updates:
                if isinstance(update, raw.types.UpdateMessageID) and update.random_id == random_id:
                    return int(update.id)
    raise Refused(f"an answer that says nothing of the message: {type(result).__name__}")
