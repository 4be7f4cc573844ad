"""Values of the bot, as Telegram takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pyrogram import raw
from pyrogram.raw.core import TLObject

from protocols.messages import Entity, EntityType
from protocols.telegram.values import Attachment, Key, Keyboard, Outgoing, Peer

_PLAIN: dict[EntityType, Callable[..., raw.base.MessageEntity]] = {
    "bold": raw.types.MessageEntityBold,
    "italic": raw.types.MessageEntityItalic,
    "underline": raw.types.MessageEntityUnderline,
    "strikethrough": raw.types.MessageEntityStrike,
    "spoiler": raw.types.MessageEntitySpoiler,
    "code": raw.types.MessageEntityCode,
    "blockquote": raw.types.MessageEntityBlockquote,
}


def peer(of: Peer) -> raw.types.InputPeerUser:
    return raw.types.InputPeerUser(user_id=of.telegram, access_hash=of.access_hash)


def send(to: Peer, outgoing: Outgoing, random_id: int, media: raw.base.InputMedia | None) -> TLObject:
    text, markup = outgoing.styled.text, keyboard(outgoing.keyboard)
    styles = entities(outgoing.styled.entities)
    if media is None:
        return raw.functions.messages.SendMessage(
            peer=peer(to),
            message=text,
            random_id=random_id,
            no_webpage=True,
            reply_markup=markup,
            entities=styles,
        )
    return raw.functions.messages.SendMedia(
        peer=peer(to), media=media, message=text, random_id=random_id, reply_markup=markup, entities=styles
    )


def edit(to: Peer, message: int, outgoing: Outgoing, media: raw.base.InputMedia | None) -> TLObject:
    return raw.functions.messages.EditMessage(
        peer=peer(to),
        id=message,
        message=outgoing.styled.text,
        no_webpage=True,
        media=media,
        reply_markup=keyboard(outgoing.keyboard),
        entities=entities(outgoing.styled.entities),
    )


def keyboard(keys: Keyboard) -> raw.types.ReplyInlineMarkup | None:
    if not keys:
        return None
    rows = [raw.types.KeyboardButtonRow(buttons=[_button(key) for key in row]) for row in keys]
    return raw.types.ReplyInlineMarkup(rows=rows)


def _button(key: Key) -> raw.base.KeyboardButton:
    if key.url is not None:
        return raw.types.KeyboardButtonUrl(text=key.text, url=key.url)
    return raw.types.KeyboardButtonCallback(text=key.text, data=key.data or b"")


def entities(styles: Iterable[Entity]) -> list[raw.base.MessageEntity] | None:
    return [_entity(style) for style in styles] or None


def _entity(style: Entity) -> raw.base.MessageEntity:
    offset, length, value = style.offset, style.length, style.value or ""
    match style.type:
        case "pre":
            return raw.types.MessageEntityPre(offset=offset, length=length, language=value)
        case "link":
            return raw.types.MessageEntityTextUrl(offset=offset, length=length, url=value)
        case "custom_emoji":
            return raw.types.MessageEntityCustomEmoji(offset=offset, length=length, document_id=int(value))
        case plain:
            return _PLAIN[plain](offset=offset, length=length)


def location(of: Attachment) -> raw.base.InputFileLocation:
    """Where an attachment can be fetched."""
    if of.thumb_size is None:
        return raw.types.InputDocumentFileLocation(
            id=of.id, access_hash=of.access_hash, file_reference=of.file_reference, thumb_size=""
        )
    return raw.types.InputPhotoFileLocation(
        id=of.id, access_hash=of.access_hash, file_reference=of.file_reference, thumb_size=of.thumb_size
    )
