"""One handling of something that came: what may be asked and shown meanwhile, and what is remembered after it.

What is remembered of a chat (`Chat.state`), all of it optional:
    menu      the id of the message that shows the screens; only it has a living keyboard
    picture   stands for the picture on it; missing where it is a text
    expects   what the next typed message will be taken for: {"what": "answer", …}
    handled   the id of the last typed message that was dealt with
    met       the beginning (language, name, grade) is behind
    joins     which message asks to join this account with another, and whose the chat was before
    start     the subject that a deep link named, until the beginning is behind
    setup     the training that is being put together
    follows   the mass message whose progress the menu message shows
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal, Protocol, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import structlog
from pydantic import JsonValue

from protocols.catalogue import Texts, texts
from protocols.messages import (
    Chat,
    Done,
    File,
    KeepChat,
    Language,
    LastAnswer,
    MeetChat,
    Message,
    NotFound,
    ShowLastAnswer,
    ShowTraining,
    ShowTrainingById,
    Training,
    Unavailable,
)
from protocols.telegram.callbacks import token
from protocols.telegram.markup import cut
from protocols.telegram.pictures import as_photo
from protocols.telegram.screens.screen import Screen
from protocols.telegram.values import (
    Attachment,
    Gone,
    Outgoing,
    Peer,
    Pressed,
    Refused,
    Styled,
    Undelivered,
    Wrote,
)

Asked: TypeAlias = Callable[[Message], Awaitable[Message]]
ReplyT = TypeVar("ReplyT", bound=Message)

log = structlog.get_logger(__name__)

LONGEST_TOAST: Final = 190  # Telegram takes 200


class Sends(Protocol):
    """What the bot needs of a sender. Each raises an `Undelivered`; `send` returns None for what was sent before and
    is not known.
    """

    async def send(self, peer: Peer, outgoing: Outgoing, random_id: int, *, broadcast: bool = False) -> int | None: ...
    async def edit(self, peer: Peer, message: int, outgoing: Outgoing) -> None: ...
    async def delete(self, peer: Peer, messages: list[int]) -> None: ...
    async def answer(self, query: int, text: str = "", alert: bool = False) -> None: ...
    async def fetch(self, attachment: Attachment) -> bytes: ...
    async def set_commands(self, language: Language | Literal[""], commands: Mapping[str, str]) -> None: ...


class Turn:
    """`state` may be changed; `keep` writes it down if it was."""

    def __init__(
        self,
        ask: Asked,
        sender: Sends,
        chat: Chat,
        incoming: Wrote | Pressed,
        zone: ZoneInfo,
    ) -> None:
        self._ask = ask
        self._sender = sender
        self.chat = chat
        self.incoming = incoming
        self.peer = incoming.sender.peer
        self.user = chat.user
        self.t: Texts = texts(chat.language, zone)
        self.state: dict[str, JsonValue] = dict(chat.state)
        self.now = datetime.now(UTC)
        self._sent = 0
        self._replaces_pressed = True
        self._toasted = False

    @property
    def identity(self) -> str:
        """Of what came: the same when it is delivered again."""
        return identity_of(self.incoming)

    @property
    def toasted(self) -> bool:
        """The press was answered already."""
        return self._toasted

    async def ask(self, message: Message, reply: type[ReplyT]) -> ReplyT:
        """What the trainer answers. Raises a `Refusal`."""
        answer = await self._ask(message)
        assert isinstance(answer, reply), f"{type(message).__name__} is answered with {type(answer).__name__}"
        return answer

    async def open_training(self) -> Training:
        """Raises NotFound when none is open."""
        return await self.ask(ShowTraining(user=self.user, platform="telegram"), Training)

    async def training(self, training: str) -> Training:
        """One of the student's trainings, open or past. Raises NotFound, also for somebody else's."""
        try:  # the session knows its last one without a way to the database
            return await self.ask(ShowTraining(user=self.user, training=training, platform="telegram"), Training)
        except NotFound:
            return await self.ask(ShowTrainingById(user=self.user, training=training), Training)

    async def last_answer(self) -> LastAnswer | None:
        """The one that was given last, here or in another client; None where the session remembers none."""
        try:
            return await self.ask(ShowLastAnswer(user=self.user, platform="telegram"), LastAnswer)
        except NotFound:
            return None

    async def meet_again(self) -> None:
        """Take note of what has changed of the account: its language, its name, or whose the chat is."""
        sender = self.incoming.sender
        self.chat = await self.ask(
            MeetChat(
                telegram=self.peer.telegram,
                access_hash=self.peer.access_hash,
                name=person_name(sender.name),
                language=sender.language,
            ),
            Chat,
        )
        self.user = self.chat.user
        self.t = texts(self.chat.language, self.t.zone)

    # --- What the student sees ------------------------------------------------------------------------------

    async def toast(self, text: str, *, alert: bool = False) -> None:
        """Answer the press with a line over the chat, or a window that wants to be closed; the first word counts."""
        if isinstance(self.incoming, Pressed) and not self._toasted:
            self._toasted = True
            if len(text) > LONGEST_TOAST:
                text = text[: LONGEST_TOAST - 1] + "…"
            try:
                await self._sender.answer(self.incoming.query, text, alert)
            except Undelivered as error:  # too late, as after a night: what is shown says it too
                log.debug("a press was not answered", query=self.incoming.query, why=str(error))

    async def remark(self, text: str) -> str:
        """Say it over the chat, if a button was pressed; else it is handed back, for the screen."""
        await self.toast(text)
        return text if isinstance(self.incoming, Wrote) else ""

    def leave_pressed(self) -> None:
        """The message with the button is not a screen: it stays."""
        self._replaces_pressed = False

    async def show(self, screen: Screen, *, below: bool = False) -> None:
        """Make the menu message show `screen`, and remember what was changed in `state`.

        It is edited in place. It is sent anew `below` what was written meanwhile, and where a text must become a
        photo or the reverse; the old one goes away then.
        """
        self._remember("follows", screen.follows)
        wanted = token(*map(repr, screen.pictures)) if screen.pictures else None
        menu = self.state.get("menu")
        old = [menu] if isinstance(menu, int) else []
        if isinstance(self.incoming, Pressed) and self.incoming.message not in old:
            below = True  # what the message with the button shows is not known, so it cannot be edited
            if self._replaces_pressed:
                old.append(self.incoming.message)
        shown = self.state.get("picture")
        below = below or not old
        if not below and wanted == shown:  # only its words and buttons change
            if await self._edited(old[0], Outgoing(screen.styled, screen.keyboard)):
                await self.keep()
                return
            below = True
        outgoing = await self._outgoing(screen)
        pictured = None if outgoing.picture is None else wanted
        if below or (shown is None) != (pictured is None) or not await self._edited(old[0], outgoing):
            try:
                sent = await self._send_menu(outgoing)
            except Refused as error:
                if pictured is None:
                    raise
                log.warning("Telegram does not take a picture", why=str(error))
                pictured, sent = None, await self._send_menu(_plain(screen))
            self._remember("menu", sent)
            await self.delete(*[message for message in old if message != sent])
        self._remember("picture", pictured)
        await self.keep()

    async def _edited(self, message: int, outgoing: Outgoing) -> bool:
        try:
            await self._sender.edit(self.peer, message, outgoing)
        except (Gone, Refused) as error:
            log.debug("the menu is sent anew", why=str(error))
            return False
        return True

    async def _outgoing(self, screen: Screen) -> Outgoing:
        """The screen with its pictures; as a text where they cannot be had, so that nobody is stuck."""
        if not screen.pictures:
            return Outgoing(screen.styled, screen.keyboard)
        await self.toast("")  # drawing takes a moment
        try:
            files = [await self.ask(picture, File) for picture in screen.pictures]
            return Outgoing(screen.styled, screen.keyboard, picture=await as_photo(files))
        except (NotFound, Unavailable) as refusal:
            log.warning("a screen is shown without its picture", why=str(refusal))
            return _plain(screen)

    async def send(self, outgoing: Outgoing) -> int | None:
        """Send a message; its random id belongs to what came, so sending it again sends nothing."""
        self._sent += 1
        return await self._sender.send(self.peer, outgoing, random_id_of(f"{self.identity} {self._sent}"))

    async def _send_menu(self, outgoing: Outgoing) -> int | None:
        """Send a message that must be found again: a second time, where it is not known which the first was."""
        sent = await self.send(outgoing)
        if sent is None:
            sent = await self._sender.send(self.peer, outgoing, random_id_of(f"{self.identity} {self._sent} anew"))
        return sent

    async def say(self, text: str) -> None:
        """A word beside the menu."""
        await self.send(Outgoing(Styled(text)))

    async def delete(self, *messages: int) -> None:
        """Old messages may be beyond deleting: they stay then."""
        if messages:
            try:
                await self._sender.delete(self.peer, list(messages))
            except (Gone, Refused) as error:
                log.debug("messages were not deleted", why=str(error))

    async def delete_typed(self) -> None:
        """What was typed has been taken: the screen tells of it."""
        if isinstance(self.incoming, Wrote):
            await self.delete(self.incoming.message)

    async def fetch(self, attachment: Attachment) -> bytes:
        return await self._sender.fetch(attachment)

    # --- What is remembered ---------------------------------------------------------------------------------

    def expect(self, what: str, **more: str) -> None:
        """Take the next typed message for this."""
        self.state["expects"] = {"what": what, **more}

    def expect_nothing(self) -> None:
        self.state.pop("expects", None)

    @property
    def expected(self) -> dict[str, str]:
        """What a typed message is taken for; {"what": ""} for nothing."""
        expects = self.state.get("expects")
        kept = expects if isinstance(expects, dict) else {}
        return {"what": ""} | {name: value for name, value in kept.items() if isinstance(value, str)}

    def _remember(self, name: str, value: JsonValue) -> None:
        if value is None:
            self.state.pop(name, None)
        else:
            self.state[name] = value

    async def note(self, name: str, value: JsonValue) -> None:
        """Write something down before it is done: what came is not dealt with yet."""
        self._remember(name, value)
        await self._keep()

    async def keep(self) -> None:
        """Write down what is remembered, if it was changed: it takes the database a while."""
        if self.state == self.chat.state:
            return
        if isinstance(self.incoming, Wrote):
            self.state["handled"] = self.incoming.message
        await self._keep()

    async def _keep(self) -> None:
        await self.ask(KeepChat(telegram=self.peer.telegram, state=dict(self.state)), Done)
        self.chat = self.chat.model_copy(update={"state": json.loads(json.dumps(self.state))})


def _plain(screen: Screen) -> Outgoing:
    """A screen as a text."""
    return Outgoing(cut(screen.otherwise or screen.styled), screen.keyboard)


def identity_of(incoming: Wrote | Pressed) -> str:
    """The same when it is delivered again."""
    if isinstance(incoming, Pressed):
        return f"press {incoming.sender.peer.telegram} {incoming.query}"
    return f"message {incoming.sender.peer.telegram} {incoming.message}"


def random_id_of(identity: str) -> int:
    """The same for the same message: Telegram takes a random id once."""
    return int.from_bytes(sha256(identity.encode()).digest()[:8], "big", signed=True)


def person_name(given: str) -> str:
    """What Telegram tells of a name, as a name that an account can have."""
    printable = "".join(letter for letter in given if letter >= " " and letter != "\x7f")
    return printable.strip()[:100].strip() or "…"
