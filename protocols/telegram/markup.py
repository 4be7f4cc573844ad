"""Texts as Telegram shows them: the Markdown of questions, and small helpers to compose screens.

Whatever is given as `str` means itself: nothing that a person has typed is ever taken for markup.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from protocols import formulas, markdown
from protocols.markdown import Piece
from protocols.messages import Entity
from protocols.messages.broadcasts import EntityType
from protocols.telegram.values import Styled

MESSAGE_UNITS, CAPTION_UNITS = 4096, 1024  # Telegram's limits, in UTF-16 units

REMEMBERED = 4_096  # texts: the same questions are asked again and again


@lru_cache(REMEMBERED)
def styled(source: str) -> Styled:
    """The safe subset of Markdown with formulas as Telegram's text. Takes anything; what is no markup means itself."""
    parts: list[str] = []
    entities: list[Entity] = []
    at = 0
    for piece in markdown.parse(source):
        shown = formulas.plain(piece.text).text if piece.kind in ("formula", "display") else piece.text
        length = utf16_len(shown)
        if not length:
            continue
        entities += _entities(piece, at, length)
        parts.append(shown)
        at += length
    return Styled("".join(parts), _merged(entities))


@lru_cache(REMEMBERED)
def needs_picture(source: str) -> bool:
    """Whether a formula in `source` cannot be shown well as text."""
    return any(
        piece.kind in ("formula", "display") and not formulas.plain(piece.text).faithful
        for piece in markdown.parse(source)
    )


def utf16_len(text: str) -> int:
    """Its length as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def join(*parts: str | Styled, sep: str = "") -> Styled:
    """The parts one after the other, `sep` between them; strings are literal."""
    texts: list[str] = []
    entities: list[Entity] = []
    at = 0
    for part in parts:
        if texts:
            at += utf16_len(sep)
        if isinstance(part, str):
            text = part
        else:
            text = part.text
            entities += [_moved(entity, at) for entity in part.entities] if at else part.entities
        texts.append(text)
        at += utf16_len(text)
    return Styled(sep.join(texts), tuple(entities))


def _moved(entity: Entity, by: int) -> Entity:
    return Entity.trusted(type=entity.type, offset=entity.offset + by, length=entity.length, value=entity.value)


def bold(text: str | Styled) -> Styled:
    return _wrapped(text, "bold")


def italic(text: str | Styled) -> Styled:
    return _wrapped(text, "italic")


def code(text: str | Styled) -> Styled:
    return _wrapped(text, "code")


def cut(text: Styled, limit: int = MESSAGE_UNITS) -> Styled:
    """`text` in at most `limit` UTF-16 units: cut after a word and ended with `…` where it is longer."""
    if utf16_len(text.text) <= limit:
        return text
    room = max(limit - 1, 0)
    kept, units = 0, 0
    for letter in text.text:
        units += 1 + (letter > "\uffff")
        if units > room:
            break
        kept += 1
    short = text.text[:kept]
    sensible = max(short.rfind("\n"), short.rfind(" "))
    if sensible > kept * 3 // 4:
        short = short[:sensible]
    # A mark that belongs to the letter before it, or half of a joined emoji, is not left behind.
    short = short.rstrip(" \n\u200d\ufe0f")
    end = utf16_len(short)
    clipped = (
        entity.model_copy(update={"length": min(entity.length, end - entity.offset)})
        for entity in text.entities
        if entity.offset < end
    )
    return Styled(short + "…" if limit > 0 else "", tuple(clipped))


def _wrapped(text: str | Styled, kind: EntityType) -> Styled:
    inner = Styled(text) if isinstance(text, str) else text
    length = utf16_len(inner.text)
    own = (Entity.trusted(type=kind, offset=0, length=length, value=None),) if length else ()
    return Styled(inner.text, own + inner.entities)


def _entities(piece: Piece, offset: int, length: int) -> list[Entity]:
    kinds: list[tuple[EntityType, str | None]] = []
    if piece.bold:
        kinds.append(("bold", None))
    if piece.italic:
        kinds.append(("italic", None))
    if piece.link is not None:
        kinds.append(("link", piece.link))
    if piece.kind in ("code", "pre"):
        kinds.append((cast(EntityType, piece.kind), None))  # both are kinds of entities, by the test above
    return [Entity.trusted(type=kind, offset=offset, length=length, value=value) for kind, value in kinds]


def _merged(entities: list[Entity]) -> tuple[Entity, ...]:
    """Those that go on where one of the same kind ends become one; in the order of where they begin."""
    last: dict[tuple[EntityType, str | None], int] = {}
    merged: list[Entity] = []
    for entity in entities:
        key = (entity.type, entity.value)
        at = last.get(key)
        if (
            at is not None
            and entity.type not in ("code", "pre")
            and merged[at].offset + merged[at].length == entity.offset
        ):
            whole = merged[at].length + entity.length
            merged[at] = Entity.trusted(type=entity.type, offset=merged[at].offset, length=whole, value=entity.value)
        else:
            last[key] = len(merged)
            merged.append(entity)
    return tuple(merged)
