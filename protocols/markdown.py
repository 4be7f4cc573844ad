"""The safe subset of Markdown that questions are written in, taken to pieces.

Understood: `**bold**`, `*italic*` (and with `_`), `` `code` ``, fenced code, `[text](https://…)`, lists, headings,
rules, a line break after two spaces or a backslash, backslash escapes, formulas `$…$` and `$$…$$`. All else is text.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

PieceKind: TypeAlias = Literal["text", "code", "pre", "formula", "display"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text in one style; `text` is TeX in a formula. Lines end with `\\n`, paragraphs with two."""

    text: str
    kind: PieceKind = "text"
    bold: bool = False
    italic: bool = False
    link: str | None = None


def parse(source: str) -> tuple[Piece, ...]:
    """The pieces of a text in their order. Takes anything: what is no markup means itself."""
    pieces: list[Piece] = []
    for number, block in enumerate(_blocks(source)):
        if number:
            pieces.append(Piece("\n" if block.item and block.follows else "\n\n"))
        if block.kind == "pre":
            pieces.append(Piece(block.text, "pre"))
            continue
        if block.item:
            pieces.append(Piece(block.item))
        inline = _inline(block.text)
        pieces += [replace(piece, bold=True) for piece in inline] if block.kind == "heading" else inline
    return tuple(pieces)


# --- Blocks --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Block:
    kind: Literal["paragraph", "heading", "pre"]
    text: str
    item: str = ""  # what an item of a list begins with
    follows: bool = False  # right below the item or the paragraph before it


_FENCE = re.compile(r"\s{0,3}```")
_ITEM = re.compile(r"(\s*)(?:[-*+]|(\d{1,9})[.)])[ \t]+(?=\S)")
_HEADING = re.compile(r"\s{0,3}#{1,6}[ \t]+(?=\S)")
_RULE = re.compile(r"\s{0,3}(?:-{3,}|\*{3,}|_{3,})\s*")
_HARD_BREAK = re.compile(r"(?: {2,}|(?<!\\)\\)$")


def _blocks(source: str) -> list[_Block]:
    blocks: list[_Block] = []
    lines = iter(source.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    going_on = False  # the next line belongs to the last block
    broken = False  # and begins a line there
    for line in lines:
        if not line.strip():
            # An item that follows an item is one list, also with an empty line between them.
            going_on = False
        elif _FENCE.match(line):
            content = []
            for inside in lines:
                if _FENCE.match(inside):
                    break
                content.append(inside)
            blocks.append(_Block("pre", "\n".join(content)))
            going_on = False
        elif _RULE.fullmatch(line):
            blocks.append(_Block("paragraph", "———"))
            going_on = False
        elif item := _ITEM.match(line):
            sign = f"{item[2]}. " if item[2] else "• "
            indent = "\u00a0\u00a0\u00a0" if len(item[1]) >= 2 and blocks and blocks[-1].item else ""
            follows = going_on or bool(blocks and blocks[-1].item)
            blocks.append(_Block("paragraph", line[item.end() :], indent + sign, follows))
            going_on = True
        elif heading := _HEADING.match(line):
            blocks.append(_Block("heading", line[heading.end() :].rstrip(" #")))
            going_on = False
        elif going_on:
            blocks[-1].text += ("\n" if broken else " ") + line.strip()
        else:
            blocks.append(_Block("paragraph", line.strip()))
            going_on = True
        broken = going_on and _HARD_BREAK.search(line) is not None
        if broken:
            blocks[-1].text = _HARD_BREAK.sub("", blocks[-1].text)
        elif going_on:
            blocks[-1].text = blocks[-1].text.rstrip()
    return [block for block in blocks if block.text.strip()]


MOST_OPEN = 16  # styles inside styles

# --- In a line -----------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""
      (?P<escaped>(?:\\[!-/:-@\[-`{-~])+)
    | (?P<ticks>`+)
    | \$\$(?P<display>(?:\\.|[^$\\])+)\$\$
    | \$(?![\s$])(?P<formula>(?:\\.|[^$\\])+)(?<!\s)\$(?!\d)
    | \[(?P<words>(?:\\.|[^\[\]\\])+)\]\((?P<link>https?://[^\s()<>]{1,2000})\)
    | (?P<marks>\*{1,3}|_{1,3})
    """,
    re.VERBOSE | re.DOTALL,
)
_MARKUP = re.compile(r"[\\`$\[*_]")  # what every token begins with: most texts have none
_TICKS = re.compile("`+")


@dataclass(slots=True)
class _Opened:
    """Marks that may begin a style: where in the pieces, and which."""

    at: int
    marks: str


def _inline(text: str, link: str | None = None) -> list[Piece]:
    if _MARKUP.search(text) is None:
        return [Piece(text, link=link)] if text else []
    pieces: list[Piece] = []
    opened: list[_Opened] = []
    waiting: Counter[str] = Counter()  # so that no closing mark is looked for in vain
    closings = _ticks(text)
    plain: list[str] = []  # that has not become a piece yet: there may be thousands of signs that mean themselves
    done = 0
    while (token := _TOKEN.search(text, done)) is not None:
        plain.append(text[done : token.start()])
        done = token.end()
        if (escaped := token["escaped"]) is not None:
            plain.append(escaped[1::2])
            continue
        closing = None
        if (ticks := token["ticks"]) is not None:
            closing = _closing(closings, len(ticks), done)
            if closing is None:
                plain.append(ticks)
                continue
        if plain:
            pieces.append(Piece("".join(plain), link=link))
            plain.clear()
        if closing is not None:
            code = text[done:closing]
            pieces.append(Piece(code.strip() or code, "code", link=link))
            done = closing + len(ticks or "")
        elif (formula := token["display"]) is not None and formula.strip():
            pieces.append(Piece(" ".join(formula.split()), "display", link=link))
        elif (formula := token["formula"]) is not None:
            pieces.append(Piece(" ".join(formula.split()), "formula", link=link))
        elif (words := token["words"]) is not None and link is None:
            pieces += _inline(words, token["link"])
        elif (marks := token["marks"]) is not None:
            before, after = text[token.start() - 1 : token.start()], text[done : done + 1]
            begins = bool(after.strip()) and not (marks[0] == "_" and (before.isalnum() or before == "_"))
            ends = bool(before.strip()) and not (marks[0] == "_" and (after.isalnum() or after == "_"))
            if ends and (closed := _closed(marks, opened, waiting)):
                for one in closed:
                    _close(one, pieces, opened, waiting)
                continue
            if begins and len(opened) < MOST_OPEN:
                opened.append(_Opened(len(pieces), marks))
                waiting[marks] += 1
            pieces.append(Piece(marks, link=link))
        else:
            pieces.append(Piece(token[0], link=link))
    pieces.append(Piece("".join((*plain, text[done:])), link=link))
    return [piece for piece in pieces if piece.text]


def _ticks(text: str) -> dict[int, deque[int]]:
    """Where backticks are, by how many of them."""
    places: dict[int, deque[int]] = {}
    for run in _TICKS.finditer(text):
        places.setdefault(len(run[0]), deque()).append(run.start())
    return places


def _closing(places: dict[int, deque[int]], length: int, after: int) -> int | None:
    """The first of the runs of this length that begins after `after`; those before it are dropped."""
    runs = places.get(length, deque())
    while runs and runs[0] <= after:
        runs.popleft()
    return runs[0] if runs else None


def _closed(marks: str, opened: list[_Opened], waiting: Counter[str]) -> tuple[str, ...]:
    """What these marks end: what begins with the same, or (`***`) the two that they are made of."""
    if waiting[marks]:
        return (marks,)
    one, two = marks[0], marks[0] * 2
    if len(marks) == 3 and waiting[one] and waiting[two]:
        return (one, two) if opened[-1].marks == one else (two, one)
    return ()


def _close(marks: str, pieces: list[Piece], opened: list[_Opened], waiting: Counter[str]) -> None:
    if not waiting[marks]:  # it began inside of what has just ended
        pieces.append(Piece(marks))
        return
    while (last := opened.pop()).marks != marks:
        waiting[last.marks] -= 1
    waiting[marks] -= 1
    bold, italic = len(marks) >= 2, len(marks) != 2
    for at in range(last.at + 1, len(pieces)):
        piece = pieces[at]
        pieces[at] = replace(piece, bold=piece.bold or bold, italic=piece.italic or italic)
    pieces[last.at] = Piece("")
