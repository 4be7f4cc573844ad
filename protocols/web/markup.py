"""The bank's texts as HTML: Markdown's safe subset, formulas as MathML. Nothing in them can become anything else."""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import lru_cache
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

from protocols.formulas import plain
from protocols.markdown import Piece, parse

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
