"""What Telegram adds to the trainer: chats and who they belong to, joined accounts, and how far updates were read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from protocols.messages.accounts import Profile
from protocols.messages.base import Command, Grade, Language, Message, PersonName, Role

TelegramId = Annotated[int, Field(ge=1, lt=2**63)]
AccessHash = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class MeetChat(Message):
    """Somebody wrote: the chat with them, and their account, which is opened when there is none.

    `name` and `language` are what Telegram tells of them; they fill a new account and change no old one. Whoever
    writes can be reached again, so a mark that says otherwise is taken away.
    """

    telegram: TelegramId
    access_hash: AccessHash
    name: PersonName
    language: Language = "ru"


class Chat(Message):
    """A private chat. `state` is the wire's own memory of it (what it shows, what it waits for), empty at first."""

    telegram: int
    access_hash: int
    user: int
    role: Role
    language: Language
    name: PersonName
    grade: Grade | None
    notifications: bool
    blocked: bool
    state: dict[str, JsonValue]


class FindChats(Message):
    """The chats of administrators who can be reached and of whose state this is part: a hundred at most."""

    remembering: str


class FoundChats(Message):
    items: tuple[Chat, ...]


class KeepChat(Message):
    """Remember `state` of a chat, durably, instead of the one before."""

    telegram: TelegramId
    state: dict[str, JsonValue]


class MarkUnreachable(Message):
    """The chat's person has blocked the bot, or their Telegram account is gone."""

    telegram: TelegramId
    deleted: bool = False


class LinkAccounts(Command):
    """`user`, who came from Telegram, and the account that made `code` become one: that account."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, max_length=64, pattern=r"^[^\x00]*$")]


class Linked(Message):
    """The account that both have become."""

    profile: Profile


class EraseFromTelegram(Command):
    """Like `EraseAccount`, for a person whom Telegram vouches for; `telegram` must be the user's own."""

    telegram: TelegramId


class UpdatesState(Message):
    """How far Telegram's updates of this bot were handled; all 0: never yet."""

    bot: int
    pts: int = 0
    qts: int = 0
    date: int = 0
    seq: int = 0


class LoadUpdatesState(Message):
    bot: int


class SaveUpdatesState(Message):
    state: UpdatesState


class DrawText(Message):
    """A picture (PNG) of a text with formulas, for where they cannot be shown as text."""

    text: Annotated[str, StringConstraints(max_length=20_000)]
