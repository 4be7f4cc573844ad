"""The bank's texts as HTML: Markdown's safe subset, formulas as MathML. Nothing in them can become anything else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

from protocols.formulas import plain
from protocols.markdown import Piece, parse
from protocols.messages import Entity

LONGEST_FORMULA = 1_000
CACHED = 20_000

# What the converter makes of school formulas. A link in a formula is no formula; other attributes are dropped.
# fmt: off
_ELEMENTS = frozenset((
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder",
    "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose",
))
_ATTRIBUTES = frozenset((
    "display", "displaystyle", "stretchy", "fence", "form", "accent", "accentunder", "linethickness", "mathvariant",
    "columnalign", "columnlines", "rowlines", "scriptlevel", "width", "height", "depth", "lspace", "rspace",
    "movablelimits", "minsize", "maxsize", "notation",
))
# fmt: on


@lru_cache(CACHED)
def html_of(source: str) -> Markup:
    """`source` as paragraphs of HTML. Takes anything."""
    parts = ["<p>"]
    for piece in parse(source):
        if piece.kind == "pre":
            parts.append(f"</p><pre>{html.escape(piece.text)}</pre><p>")
        elif piece.kind == "text" and not piece.link:
            parts.append(_styled(piece, _broken(piece.text)))
        else:
            parts.append(_styled(piece, _inline(piece)))
    parts.append("</p>")
    # All that came from outside was escaped where it was put in.
    return Markup("".join(parts).replace("<p></p>", ""))  # noqa: S704


@lru_cache(CACHED)
def inline_html(source: str) -> Markup:
    """`source` without paragraphs, for what stands in a line: an option, a title."""
    text = str(html_of(source)).replace("</p><p>", "<br>").removeprefix("<p>").removesuffix("</p>")
    return Markup(text)  # noqa: S704  # of `html_of`


def _inline(piece: Piece) -> str:
    if piece.kind == "code":
        return f"<code>{html.escape(piece.text)}</code>"
    if piece.kind in ("formula", "display"):
        return _formula(piece.text, piece.kind == "display")
    return _broken(piece.text)


def _styled(piece: Piece, inner: str) -> str:
    if piece.italic:
        inner = f"<em>{inner}</em>"
    if piece.bold:
        inner = f"<strong>{inner}</strong>"
    if piece.link and piece.link.startswith(("https://", "http://")):
        inner = f'<a href="{html.escape(piece.link)}" rel="noopener noreferrer nofollow">{inner}</a>'
    return inner


def _broken(text: str) -> str:
    return html.escape(text).replace("\n\n", "</p><p>").replace("\n", "<br>")


def _formula(tex: str, display: bool) -> str:
    if len(tex) <= LONGEST_FORMULA:
        try:
            made = convert_to_element(tex, display="block" if display else "inline")
            return "".join(_math(made))
        except Exception:
            # The converter raises a dozen unrelated classes, and IndexError, on what it does not understand; a
            # formula that a department has written wrongly is shown as well as it can be.
            return f'<span class="formula">{html.escape(plain(tex).text)}</span>'
    return f"<code>{html.escape(tex)}</code>"


def _math(element: Element) -> Iterator[str]:
    """Serialised here, for the converter's own serialisation leaves what it has escaped once open again."""
    known = element.tag in _ELEMENTS
    if known:
        attributes = "".join(
            f' {name}="{html.escape(value)}"' for name, value in element.attrib.items() if name in _ATTRIBUTES
        )
        yield f"<{element.tag}{attributes}>"
    # Texts hold signs as `&#x0003C;`.
    yield html.escape(html.unescape(element.text or ""))
    for child in element:
        yield from _math(child)
        yield html.escape(html.unescape(child.tail or ""))
    if known:
        yield f"</{element.tag}>"


def telegram_html(text: str, entities: Iterable[Entity]) -> Markup:
    """A text as Telegram shows it, with `entities` that say how it is formatted."""
    units = text.encode("utf-16-le")
    listed = sorted(entities, key=lambda one: (one.offset, -one.length))
    cuts = {0, len(units) // 2}
    for one in listed:
        cuts |= {one.offset, one.offset + one.length}
    places = sorted(place for place in cuts if 0 <= place <= len(units) // 2)
    parts = []
    for start, end in pairwise(places):
        inner = html.escape(units[start * 2 : end * 2].decode("utf-16-le", "replace")).replace("\n", "<br>")
        for one in reversed(listed):
            if one.offset <= start and end <= one.offset + one.length:
                inner = _formatted(one, inner)
        parts.append(inner)
    return Markup("".join(parts))  # noqa: S704  # escaped above


_TELEGRAM: Final[dict[str, str]] = {
    "bold": "strong",
    "italic": "em",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "code",
    "blockquote": "q",
    "spoiler": "mark",
}


def _formatted(entity: Entity, inner: str) -> str:
    if entity.type == "link":
        address = entity.value or ""
        if not address.startswith(("https://", "http://")):
            return inner
        return f'<a href="{html.escape(address)}" rel="noopener noreferrer nofollow">{inner}</a>'
    element = _TELEGRAM.get(entity.type)
    return f"<{element}>{inner}</{element}>" if element else inner
