"""Scripted users: what they do with their phone, and what it shows them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pyrogram import raw

from tests.telegram.accounts import Bot, Message, Query, access_hash
from tests.telegram.files import File, Files
from tests.telegram.limits import Bucket

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button (`data` or `url`), or a key of a reply keyboard (neither)."""

    text: str
    data: bytes | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the phone shows it. `edited`: the phone says so under it; a new keyboard alone does not count."""

    id: int
    text: str
    entities: tuple[raw.base.MessageEntity, ...]
    buttons: tuple[tuple[Button, ...], ...]
    photo: bytes | None = field(repr=False)
    document: Document | None
    date: int
    edited: bool
    from_bot: bool

    def button(self, text: str) -> Button | None:
        """The button of that text, else the only one that has it within."""
        buttons = [button for row in self.buttons for button in row]
        exact = [button for button in buttons if button.text == text]
        within = [button for button in buttons if text in button.text]
        if exact:
            return exact[0]
        return within[0] if len(within) == 1 else None

    def __str__(self) -> str:
        lines = [f"{'bot' if self.from_bot else 'me '} #{self.id}{' (edited)' if self.edited else ''}: {self.text}"]
        if self.photo is not None:
            lines.append(f"    [photo, {len(self.photo)} bytes]")
        if self.document is not None:
            lines.append(f"    [{self.document.name or self.document.mime}, {len(self.document.data)} bytes]")
        lines += ["    " + " ".join(f"[{button.text}]" for button in row) for row in self.buttons]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bot answered to a press: a toast (`text`), an alert, or a link that opens; often nothing."""

    text: str | None
    alert: bool
    url: str | None


class Press:
    """A pressed button. While `answer` is None it shows the spinner."""

    __slots__ = ("_future", "data", "id")

    def __init__(self, query_id: int, data: bytes) -> None:
        self.id = query_id
        self.data = data
        self._future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    @property
    def answer(self) -> Answer | None:
        return self._future.result() if self._future.done() else None

    def settle(self, answer: Answer) -> None:
        if not self._future.done():
            self._future.set_result(answer)

    async def answered(self, timeout: float = TIMEOUT) -> Answer:
        """
        Raises:
            AssertionError: the bot has not answered in time.
        """
        done, _ = await asyncio.wait([self._future], timeout=timeout)
        assert done, f"the press of {self.data!r} was not answered in {timeout} s"
        return self._future.result()


class Chat:
    """A chat with the bot, and those who wait for something in it."""

    __slots__ = ("_bot", "_messages", "_waiters", "edit_bucket", "id", "new_bucket")

    def __init__(self, bot: Bot, chat_id: int) -> None:
        self.id = chat_id
        self.new_bucket = Bucket()
        self.edit_bucket = Bucket()
        self._bot = bot
        self._messages: dict[int, Message] = {}
        self._waiters: list[asyncio.Future[None]] | None = None

    def peer(self) -> raw.base.Peer:
        raise NotImplementedError

    def as_raw(self) -> raw.types.User | raw.types.Chat:
        raise NotImplementedError

    def keep(self, message: Message) -> None:
        self._messages[message.id] = message
        self.changed()

    def drop(self, message: Message) -> None:
        self._messages.pop(message.id, None)
        self.changed()

    def changed(self) -> None:
        """Wake all who wait for something in this chat."""
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    @property
    def chat(self) -> tuple[Shown, ...]:
        """The chat as the phone shows it, oldest first."""
        return tuple(_shown(message) for message in self._messages.values())

    @property
    def last(self) -> Shown:
        """The newest message of the bot."""
        for message in reversed(self._messages.values()):
            if message.sender is None:
                return _shown(message)
        raise AssertionError(f"the bot has not written yet\n{self.as_text()}")

    def find(self, wanted: str | Callable[[Shown], bool]) -> Shown | None:
        """The newest message of the bot with this text in it, or that the predicate wants; at any time."""
        for message in reversed(self._messages.values()):
            if message.sender is None and _fits(shown := _shown(message), wanted):
                return shown
        return None

    def as_text(self, last: int = 12) -> str:
        """The end of the chat, to read."""
        return "\n".join(str(shown) for shown in self.chat[-last:]) or "(an empty chat)"

    async def until(self, condition: Callable[[], bool], timeout: float = TIMEOUT, what: str = "it") -> None:
        """Until the condition holds; it is asked again whenever this chat changes.

        Raises:
            AssertionError: it does not hold in time; shows the chat.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters = [*(self._waiters or ()), waiter]
            left = deadline - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait([waiter], timeout=max(0.0, left))
            assert done or condition(), f"waited {timeout} s for {what}; the chat is\n{self.as_text()}"


class Phone(Chat):
    """A user, their account and their chat with the bot.

    Whatever the user does marks a moment; `sees` looks at what the bot wrote or edited after it, so that a test
    which acts and then waits can neither miss an answer nor take an old one for it.
    """

    __slots__ = (
        "_files",
        "_mark",
        "_presses",
        "blocked",
        "deleted",
        "language",
        "name",
        "random_ids",
        "started",
    )

    def __init__(self, bot: Bot, files: Files, user_id: int, name: str, language: str, started: bool) -> None:
        super().__init__(bot, user_id)
        self.name = name
        self.language = language
        self.started = started
        self.blocked = False
        self.deleted = False
        self.random_ids: tuple[int, ...] = ()
        """The random ids of all that the bot has sent here, in order."""
        self._files = files
        self._mark = 0
        self._presses: list[Press] | None = None

    def __repr__(self) -> str:
        return f"Phone({self.name!r}, {self.id})"

    def peer(self) -> raw.types.PeerUser:
        return raw.types.PeerUser(user_id=self.id)

    def as_raw(self) -> raw.types.User:
        if self.deleted:
            return raw.types.User(id=self.id, deleted=True, access_hash=access_hash(self.id))
        return raw.types.User(
            id=self.id, access_hash=access_hash(self.id), first_name=self.name, lang_code=self.language
        )

    def write(self, text: str, entities: Sequence[raw.base.MessageEntity] = (), *, reply_to: int | None = None) -> int:
        """Send a text; its id."""
        if text.startswith("/") and not entities:
            length = len(text.split()[0].encode("utf-16-le")) // 2
            entities = [raw.types.MessageEntityBotCommand(offset=0, length=length)]
        return self._send(text, entities=entities, reply_to=reply_to)

    def forward(self, text: str) -> int:
        """Send on what somebody else wrote."""
        return self._send(text, forwarded=True)

    def send_photo(self, picture: bytes, caption: str = "", *, entities: Sequence[raw.base.MessageEntity] = ()) -> int:
        """Send a picture (PNG or JPEG) as a photo."""
        return self._send(caption, entities=entities, file=self._files.photo(picture))

    def send_document(self, data: bytes, name: str, mime: str = "application/octet-stream", caption: str = "") -> int:
        return self._send(caption, file=self._files.document(data, name, mime))

    def send_sticker(self) -> int:
        attribute = raw.types.DocumentAttributeSticker(alt="🙂", stickerset=raw.types.InputStickerSetEmpty())
        size = raw.types.DocumentAttributeImageSize(w=512, h=512)
        return self._send(file=self._files.document(b"RIFF sticker", "sticker.webp", "image/webp", [size, attribute]))

    def send_voice(self) -> int:
        attribute = raw.types.DocumentAttributeAudio(duration=3, voice=True, waveform=b"\x10\x20")
        return self._send(file=self._files.document(b"OggS voice", "", "audio/ogg", [attribute]))

    def send_album(self, pictures: Sequence[bytes], caption: str = "", *, forwarded: bool = True) -> tuple[int, ...]:
        """Several photos at once, forwarded from somebody; the caption is that of the first."""
        album = secrets.randbits(62)
        return tuple(
            self._send(caption if not place else "", file=self._files.photo(picture), forwarded=forwarded, album=album)
            for place, picture in enumerate(pictures)
        )

    def delete_message(self, message_id: int) -> None:
        """Delete a message of this chat for both sides."""
        message = self._messages[message_id]
        count = self._bot.delete([message])
        update = raw.types.UpdateDeleteMessages(messages=[message_id], pts=self._bot.pts, pts_count=count)
        self._bot.deliver(self._bot.updates([update], []))

    def block(self) -> None:
        """Block the bot."""
        self._stop(True)

    def unblock(self) -> None:
        self._stop(False)

    def delete_account(self) -> None:
        self.deleted = True

    def tap(self, button: str | Button, *, message_id: int | None = None) -> Press:
        """Press a button now, and go on; `message_id` tells of which message, else it is the newest that has it.

        Raises:
            AssertionError: there is no such button.
        """
        found = self._find_button(button, message_id)
        assert found is not None, f"there is no button {button!r}; the chat is\n{self.as_text()}"
        shown, pressed = found
        if pressed.data is None:
            press = Press(0, b"")
            press.settle(Answer(None, False, pressed.url))
            if pressed.url is None:
                self.write(pressed.text)
            return press
        return self.tap_data(shown.id, pressed.data)

    def tap_data(self, message_id: int, data: bytes) -> Press:
        """What a forged client can do: press with any data on any message."""
        self._act()
        query = raw.types.UpdateBotCallbackQuery(
            query_id=secrets.randbits(62),
            user_id=self.id,
            peer=self.peer(),
            msg_id=message_id,
            chat_instance=access_hash(self.id),
            data=data,
        )
        press = Press(query.query_id, data)
        self._presses = [*(self._presses or ()), press]
        self._bot.queries[query.query_id] = Query(query, self, time.monotonic())
        users: list[raw.base.User] = [self._bot.as_raw(), self.as_raw()]
        self._bot.deliver(raw.types.Updates(updates=[query], users=users, chats=[], date=int(time.time()), seq=0))
        return press

    async def press(self, button: str | Button, *, message_id: int | None = None, timeout: float = TIMEOUT) -> Answer:
        """Wait for the button, press it, and wait for the bot's answer to the press.

        Raises:
            AssertionError: the button does not come, or the press is not answered in time.
        """
        await self.until(lambda: self._find_button(button, message_id) is not None, timeout, f"the button {button!r}")
        return await self.tap(button, message_id=message_id).answered(timeout)

    async def press_data(self, message_id: int, data: bytes, timeout: float = TIMEOUT) -> Answer:
        """`tap_data`, and wait for the bot's answer."""
        return await self.tap_data(message_id, data).answered(timeout)

    async def sees(self, wanted: str | Callable[[Shown], bool], timeout: float = TIMEOUT) -> Shown:
        """The first message which the bot wrote or edited after this user's last act, and which has the wanted text
        within or satisfies the predicate.

        Raises:
            AssertionError: none in time; shows the chat.
        """
        found: list[Shown] = []

        def look() -> bool:
            fresh = [m for m in self._messages.values() if m.sender is None and m.revision > self._mark]
            fresh.sort(key=lambda message: message.revision)
            found.extend(shown for message in fresh if _fits(shown := _shown(message), wanted))
            return bool(found)

        await self.until(look, timeout, repr(wanted))
        return found[0]

    @property
    def presses(self) -> tuple[Press, ...]:
        """All presses so far."""
        return tuple(self._presses or ())

    @property
    def spinning(self) -> tuple[Press, ...]:
        """The presses that wait for the bot's answer."""
        return tuple(press for press in self.presses if press.answer is None)

    @property
    def alerts(self) -> tuple[Answer, ...]:
        """All answers that presses got, in the order of the presses."""
        return tuple(press.answer for press in self.presses if press.answer is not None)

    async def answered(self, timeout: float = TIMEOUT) -> tuple[Answer, ...]:
        """All answers, when no press waits for one any more.

        Raises:
            AssertionError: one was not answered in time.
        """
        for press in self.spinning:
            await press.answered(timeout)
        return self.alerts

    def settle(self, query_id: int, answer: Answer) -> None:
        """The bot has answered."""
        for press in self.presses:
            if press.id == query_id:
                press.settle(answer)

    def _send(
        self,
        text: str = "",
        *,
        entities: Sequence[raw.base.MessageEntity] = (),
        file: File | None = None,
        reply_to: int | None = None,
        forwarded: bool = False,
        album: int | None = None,
    ) -> int:
        assert not self.blocked, "Telegram asks to unblock the bot first"
        assert not self.deleted, "the account is deleted"
        self._act()
        self.started = True
        message = self._bot.add(
            self, self, text, entities=entities, file=file, reply_to=reply_to, forwarded=forwarded, album=album
        )
        return message.id

    def _act(self) -> None:
        self._mark = self._bot.revision

    def _stop(self, blocked: bool) -> None:
        self.blocked = blocked
        self._bot.other.append(
            raw.types.UpdateBotStopped(
                user_id=self.id, date=int(time.time()), stopped=blocked, qts=len(self._bot.other) + 1
            )
        )
        users: list[raw.base.User] = [self._bot.as_raw(), self.as_raw()]
        update = self._bot.other[-1]
        self._bot.deliver(raw.types.Updates(updates=[update], users=users, chats=[], date=int(time.time()), seq=0))

    def _find_button(self, button: str | Button, message_id: int | None) -> tuple[Shown, Button] | None:
        for message in reversed(self._messages.values()):
            if message.sender is not None or message_id not in (None, message.id):
                continue
            shown = _shown(message)
            if isinstance(button, str):
                pressed = shown.button(button)
            else:
                pressed = button if any(button in row for row in shown.buttons) else None
            if pressed is not None:
                return shown, pressed
        return None


class Group(Chat):
    """A group that the bot was added to."""

    __slots__ = ("bot_left", "members", "title")

    def __init__(self, bot: Bot, chat_id: int, title: str, by: Phone) -> None:
        super().__init__(bot, chat_id)
        self.title = title
        self.members = [by]
        self.bot_left = False
        action = raw.types.MessageActionChatAddUser(users=[bot.id])
        bot.add(self, by, action=action)

    def peer(self) -> raw.types.PeerChat:
        return raw.types.PeerChat(chat_id=self.id)

    def as_raw(self) -> raw.types.Chat:
        return raw.types.Chat(
            id=self.id,
            title=self.title,
            photo=raw.types.ChatPhotoEmpty(),
            participants_count=len(self.members) + 1,
            date=int(time.time()),
            version=1,
            left=True if self.bot_left else None,
        )

    def write(self, by: Phone, text: str) -> int:
        """Somebody writes in the group; the message's id."""
        assert not self.bot_left, "the bot reads no more here"
        return self._bot.add(self, by, text).id


def _fits(shown: Shown, wanted: str | Callable[[Shown], bool]) -> bool:
    return wanted in shown.text if isinstance(wanted, str) else wanted(shown)


def _shown(message: Message) -> Shown:
    file = message.file
    document = None
    if file is not None and not file.is_photo:
        document = Document(file.name, file.mime, file.data)
    return Shown(
        id=message.id,
        text=message.text,
        entities=tuple(message.entities or ()),
        buttons=_buttons(message.markup),
        photo=file.data if file is not None and file.is_photo else None,
        document=document,
        date=message.date,
        edited=message.edit_date is not None and not message.markup_only,
        from_bot=message.sender is None,
    )


def _buttons(markup: raw.base.ReplyMarkup | None) -> tuple[tuple[Button, ...], ...]:
    if not isinstance(markup, raw.types.ReplyInlineMarkup | raw.types.ReplyKeyboardMarkup):
        return ()
    return tuple(
        tuple(
            Button(button.text, getattr(button, "data", None), getattr(button, "url", None)) for button in row.buttons
        )
        for row in markup.rows
    )
