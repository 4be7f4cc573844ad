"""What comes from Telegram and what goes there, as the bot sees it: without a word of MTProto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from protocols.messages import Entity, Language


@dataclass(frozen=True, slots=True)
class Peer:
    """A person's private chat with the bot."""

    telegram: int
    access_hash: int


@dataclass(frozen=True, slots=True)
class Sender:
    """Who did something, as Telegram tells it."""

    peer: Peer
    name: str
    language: Language


# --- What comes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture that can be fetched: the largest size of a photo, or a document that is an image."""

    id: int
    access_hash: int
    file_reference: bytes
    size: int
    thumb_size: str | None  # the letter of a photo's size; None: a document


@dataclass(frozen=True, slots=True)
class Wrote:
    """A message in a private chat. `other` names what it is when it is neither text nor a picture."""

    sender: Sender
    message: int
    text: str
    entities: tuple[Entity, ...] = ()
    picture: Attachment | None = None
    other: Literal["sticker", "voice", "video", "contact", "location", "poll", "file", "album", "else"] | None = None


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button below `message` was pressed; `data` is what the client says that it holds: anything at all."""

    sender: Sender
    query: int
    message: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Blocked:
    """The person has stopped the bot (`stopped`), or lets it write again."""

    telegram: int
    stopped: bool


Incoming: TypeAlias = Wrote | Pressed | Blocked


# --- What goes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Styled:
    """A text and its formatting."""

    text: str
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A button of an inline keyboard: it brings `data` back (at most 64 bytes), or opens `url`."""

    text: str
    data: bytes | None = None
    url: str | None = None


Keyboard: TypeAlias = tuple[tuple[Key, ...], ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message: its text (a caption where there is a picture or a file), keyboard, and PNG or JPEG or file."""

    styled: Styled
    keyboard: Keyboard = ()
    picture: bytes | None = None
    file: bytes | None = None
    file_name: str = ""
    digest: str = ""  # the same for the same picture; empty: it is found out from the picture


# --- What may become of it ----------------------------------------------------------------------------------


class Undelivered(Exception):
    """Telegram did not take it."""


class Unreachable(Undelivered):
    """The person has blocked the bot, or (`deleted`) their account is gone."""

    def __init__(self, *, deleted: bool) -> None:
        super().__init__("the account is deleted" if deleted else "the person has blocked the bot")
        self.deleted = deleted


class Gone(Undelivered):
    """The message to be changed is no longer there, or cannot be changed."""


class Flooded(Undelivered):
    """Telegram asks to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Telegram asks to wait {seconds} s")
        self.seconds = seconds


class Refused(Undelivered):
    """Telegram will never take it; the text is Telegram's reason."""


class Offline(Undelivered):
    """There was no answer in time: whether it arrived is not known; with the same random_id it may be sent again."""
