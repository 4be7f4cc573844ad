"""A screen: a text with a keyboard, and perhaps a picture that is asked for only when it is not there already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from protocols.catalogue import Texts
from protocols.messages import DrawStatistics, DrawText, ShowFile
from protocols.telegram.callbacks import Go, Pressable, encode
from protocols.telegram.markup import join
from protocols.telegram.values import Key, Keyboard, Styled

Picture: TypeAlias = ShowFile | DrawText | DrawStatistics
LONGEST_LABEL = 60
LONGEST_DRAWN = 20_000


@dataclass(frozen=True, slots=True)
class Screen:
    """`pictures` stand one below the other in the photo; `otherwise` is the text where they cannot be shown.

    `follows` is the mass message whose progress it shows, and goes on showing by itself.
    """

    styled: Styled
    keyboard: Keyboard = ()
    pictures: tuple[Picture, ...] = ()
    otherwise: Styled | None = None
    follows: int | None = None


def paragraphs(*parts: str | Styled) -> Styled:
    """The parts with an empty line between them; what is empty is left out."""
    return join(*(part for part in parts if (part if isinstance(part, str) else part.text)), sep="\n\n")


def key(label: str, meaning: Pressable) -> Key:
    """A button. Phones cut a long label anyway, at about half of LONGEST_LABEL."""
    return Key(label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…", encode(meaning))


def drawn(*parts: str) -> tuple[Picture, ...]:
    """Markdown as a picture; as several where it is too long for one."""
    full = [part for part in parts if part]
    together = "\n\n".join(full)
    return tuple(
        DrawText(text=part[:LONGEST_DRAWN]) for part in (full if len(together) > LONGEST_DRAWN else [together])
    )


def rows(keys: Iterable[Key], width: int) -> Keyboard:
    """The keys in rows of `width`."""
    listed = tuple(keys)
    return tuple(listed[at : at + width] for at in range(0, len(listed), width))


def to_menu(t: Texts) -> tuple[Key, ...]:
    """The row that leads back to the menu."""
    return (key(t("‹ Menu"), Go("menu")),)
