"""What Telegram tells, as values of the bot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from pyrogram import raw
from pyrogram.raw.core import TLObject

from protocols.messages import Entity, EntityType, Language
from protocols.telegram.values import Attachment, Blocked, Incoming, Peer, Pressed, Sender, Wrote

Other: TypeAlias = Literal["sticker", "voice", "video", "contact", "location", "poll", "file", "album", "else"]

LONGEST_NAME = 100
READ_RUSSIAN = ("ru", "uk", "be", "kk")
IMAGES = ("image/png", "image/jpeg")
# Control characters, and those that turn the direction of what stands after them in a list of names.
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]+")

ENTITIES: dict[type[TLObject], EntityType] = {
    raw.types.MessageEntityBold: "bold",
    raw.types.MessageEntityItalic: "italic",
    raw.types.MessageEntityUnderline: "underline",
    raw.types.MessageEntityStrike: "strikethrough",
    raw.types.MessageEntitySpoiler: "spoiler",
    raw.types.MessageEntityCode: "code",
    raw.types.MessageEntityPre: "pre",
    raw.types.MessageEntityTextUrl: "link",
    raw.types.MessageEntityCustomEmoji: "custom_emoji",
    raw.types.MessageEntityBlockquote: "blockquote",
}


def sender(user: raw.types.User) -> Sender:
    language = language_of(user.lang_code)
    name = " ".join(filter(None, (user.first_name, user.last_name)))
    name = " ".join(_NOT_IN_NAMES.sub(" ", name).split())[:LONGEST_NAME].strip()
    return Sender(Peer(user.id, user.access_hash or 0), name or ("Ученик" if language == "ru" else "Student"), language)


def language_of(code: str | None) -> Language:
    """The nearer one of ours, for a language as Telegram calls it; unknown is that of most students."""
    return "ru" if code is None or code.lower().partition("-")[0] in READ_RUSSIAN else "en"


def person_of(update: TLObject) -> int | None:
    """Whose private chat an update is about, where it says what the bot should know; None: it is of no interest."""
    match update:
        case raw.types.UpdateNewMessage(message=raw.types.Message(out=out, peer_id=raw.types.PeerUser(user_id=user))):
            return None if out else int(user)
        case raw.types.UpdateShortMessage(out=out, user_id=user):
            return None if out else int(user)
        case raw.types.UpdateBotCallbackQuery(user_id=user, peer=raw.types.PeerUser()):
            return int(user)
        case raw.types.UpdateBotStopped(user_id=user):
            return int(user)
    return None


def identity(update: TLObject) -> tuple[str, int] | None:
    """By what an update is known again when it comes a second time; all pictures of an album are one."""
    match update:
        case raw.types.UpdateNewMessage(message=raw.types.Message(id=number, grouped_id=album)):
            return ("message", number) if album is None else ("album", album)
        case raw.types.UpdateShortMessage(id=number):
            return ("message", number)
        case raw.types.UpdateBotCallbackQuery(query_id=number):
            return ("query", number)
    return None


def incoming(update: TLObject, by: Sender | None) -> Incoming | None:
    """What an update says of which `person_of` knows whose it is; None: nothing, or it takes to know the sender."""
    if isinstance(update, raw.types.UpdateBotStopped):
        return Blocked(update.user_id, update.stopped)
    if by is None:
        return None
    match update:
        case raw.types.UpdateNewMessage(message=raw.types.Message() as message):
            return _wrote(message, by)
        case raw.types.UpdateShortMessage():
            return Wrote(by, update.id, _text(update.message), _entities(update.entities))
        case raw.types.UpdateBotCallbackQuery():
            return Pressed(by, update.query_id, update.msg_id, update.data or b"")
    return None


def _wrote(message: raw.types.Message, by: Sender) -> Wrote:
    picture: Attachment | None = None
    other: Other | None = None
    match message.media:
        case None | raw.types.MessageMediaWebPage():
            other = None if message.message else "else"
        case raw.types.MessageMediaPhoto(photo=raw.types.Photo() as photo):
            picture = _photo(photo)
            other = None if picture else "else"
        case raw.types.MessageMediaDocument(document=raw.types.Document() as document):
            other = _kind(document)
            if other == "file" and document.mime_type in IMAGES:
                other = None
                picture = Attachment(
                    document.id, document.access_hash, document.file_reference, document.size, thumb_size=None
                )
        case raw.types.MessageMediaContact():
            other = "contact"
        case raw.types.MessageMediaGeo() | raw.types.MessageMediaGeoLive() | raw.types.MessageMediaVenue():
            other = "location"
        case raw.types.MessageMediaPoll():
            other = "poll"
        case _:
            other = "else"
    if message.grouped_id is not None:
        picture, other = None, "album"
    return Wrote(by, message.id, _text(message.message), _entities(message.entities), picture, other)


def _text(text: str | None) -> str:
    return (text or "").replace("\x00", "\ufffd")  # no text of ours may hold it; the offsets stay


def _entities(entities: Iterable[raw.base.MessageEntity] | None) -> tuple[Entity, ...]:
    """Those that say how a text looks. Mentions, commands and bare addresses are just text."""
    known = ((ENTITIES.get(type(entity)), entity) for entity in entities or ())
    return tuple(
        Entity(type=name, offset=entity.offset, length=entity.length, value=_value(entity))
        for name, entity in known
        if name is not None and entity.length > 0
    )


def _value(entity: raw.base.MessageEntity) -> str | None:
    match entity:
        case raw.types.MessageEntityPre(language=language):
            return language or None
        case raw.types.MessageEntityTextUrl(url=url):
            return str(url)
        case raw.types.MessageEntityCustomEmoji(document_id=document):
            return str(document)
    return None


def _photo(photo: raw.types.Photo) -> Attachment | None:
    """Its largest size, by area."""
    sizes: list[tuple[int, int, str]] = []
    for size in photo.sizes:
        if isinstance(size, raw.types.PhotoSize):
            sizes.append((size.w * size.h, size.size, size.type))
        elif isinstance(size, raw.types.PhotoSizeProgressive):
            sizes.append((size.w * size.h, max(size.sizes), size.type))
    if not sizes:
        return None
    _, length, letter = max(sizes)
    return Attachment(photo.id, photo.access_hash, photo.file_reference, length, letter)


def _kind(document: raw.types.Document) -> Other:
    for attribute in document.attributes:
        match attribute:
            case raw.types.DocumentAttributeSticker():
                return "sticker"
            case raw.types.DocumentAttributeVideo() | raw.types.DocumentAttributeAnimated():
                return "video"
            case raw.types.DocumentAttributeAudio(voice=True):
                return "voice"
    return "file"
