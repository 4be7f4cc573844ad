"""The outer shape of a GIFT file: its questions, titles, categories, comments and escapes.

The format is Moodle's, as https://docs.moodle.org/en/GIFT_format describes it. Beyond that, two things that
are common in files written by hand are understood: blank lines inside braces, and signs of GIFT that were
left without a backslash inside formulas, links and attributes of tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from storage.banks.file import QuestionFault
from storage.banks.markup import BREAK, TextFormat

MAX_BLOCK = 65_536

# An escaped sign is held as a noncharacter of Unicode until the signs that are left have been understood.
_SIGNS = "~=#{}:\\"
_HOLD = {sign: chr(0xFDD0 + at) for at, sign in enumerate(_SIGNS)}
_FREE = {ord(held): sign for sign, held in _HOLD.items()}
_NEWLINE = "\ufdd8"
_HOLD_ALL = str.maketrans(_HOLD)
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")

_ESCAPE = re.compile(r"\\([~=#{}:\\n])")
_ESCAPE_IN_LATEX = re.compile(r"\\([~=#{}:\\]|n(?![a-z]))")
_BRACE = re.compile(r"(?<!\\)(?:\\\\)*([{}])")
_DELIMITER = re.compile(r"\\{1,2}[()\[\]]|\$\$")
_CLOSING = {"(": ")", "[": "]", "$": "$"}
_UNESCAPED = re.compile(r"(?<!\\)[~=#{}]")
_ENTITY = re.compile(r"&#(?=x?[0-9a-fA-F]{1,7};)")
_TAG = re.compile(r"<[a-zA-Z][^<>]*>")
_ATTRIBUTE = re.compile(r"(?<=[\w-])=(?:\"[^\"]*\"|'[^']*')")
_URL = re.compile(r"https?://[^\s{}#\"'<>]+")
_IN_URL = re.compile(r"(?<=[?&])[\w.%\[\]-]{1,200}=|/~")
_FORMAT = re.compile(r"\s*\[(html|markdown|plain|moodle)\]", re.IGNORECASE)
_ID = re.compile(r"\[id:((?:\\\]|[^\]\n]){1,1000})\]")
_TAGS = re.compile(r"\[tag:((?:\\\]|[^\]\n]){1,1000})\]")


@dataclass(frozen=True)
class Block:
    """Lines that belong together: a question, or a category. `line` is where its text begins."""

    line: int
    text: str
    comments: str = ""
    category: str | None = None


@dataclass(frozen=True)
class GiftQuestion:
    """The parts of a question, escaped signs still held. `answers` is None for a description."""

    title: str
    text: str
    answers: str | None
    feedback: str


def blocks(text: str) -> Iterator[Block]:
    """The questions and categories of a file, in order."""
    lines = _NONCHARACTERS.sub("\ufffd", text).split("\n")
    comment = [line.lstrip().startswith("//") for line in lines]
    ahead = _braces_ahead(lines, comment)
    start = 0
    inside = answered = False
    for at, line in enumerate(lines):
        if comment[at]:
            continue
        stripped = line.strip()
        begins = stripped.startswith("$CATEGORY:") or (answered and stripped.startswith("::"))
        if not inside and begins and at > start:
            kept = _comments_before(comment, start, at)
            yield from _block(lines, comment, start, kept)
            start, answered = kept, False
        if not inside and stripped.startswith("$CATEGORY:"):
            comments = "\n".join(lines[_comments_before(comment, start, at) : at])
            yield Block(at + 1, "", comments, category=stripped.removeprefix("$CATEGORY:").strip())
            start, answered = at + 1, False
            continue
        if not stripped and not (inside and ahead[at] == "}"):
            yield from _block(lines, comment, start, at)
            start, inside, answered = at + 1, False, False
            continue
        if "{" not in line and "}" not in line:
            continue
        for brace in _BRACE.finditer(line):
            inside = brace[1] == "{"
            answered = answered or not inside
    yield from _block(lines, comment, start, len(lines))


def _braces_ahead(lines: list[str], comment: list[bool]) -> list[str]:
    """For each line, the first brace in it or after it; a line that begins a question counts as `{`."""
    ahead = [""] * len(lines)
    nearest = ""
    for at in range(len(lines) - 1, -1, -1):
        if not comment[at]:
            line = lines[at]
            brace = _BRACE.search(line) if "{" in line or "}" in line else None
            if line.lstrip().startswith(("::", "$CATEGORY:")):
                nearest = "{"
            elif brace is not None:
                nearest = brace[1]
        ahead[at] = nearest
    return ahead


def _comments_before(comment: list[bool], start: int, at: int) -> int:
    """Where the comments right above line `at` begin: they speak of what follows."""
    while at > start and comment[at - 1]:
        at -= 1
    return at


def _block(lines: list[str], comment: list[bool], start: int, end: int) -> Iterator[Block]:
    text = [at for at in range(start, end) if not comment[at] and lines[at].strip()]
    if text:
        body = "\n".join("" if comment[at] else lines[at] for at in range(text[0], end))
        comments = "\n".join(lines[at] for at in range(start, end) if comment[at])
        yield Block(text[0] + 1, body.strip(), comments)


def parse(block: Block) -> GiftQuestion:
    """The parts of a question. Raises `QuestionFault`."""
    if len(block.text) > MAX_BLOCK:
        raise QuestionFault(f"longer than {MAX_BLOCK} characters; is a closing `}}` or a blank line missing?")
    text = _held(block.text)
    title = ""
    if text.startswith("::"):
        end = text.find("::", 2)
        if end < 0:
            raise QuestionFault("the title that begins with `::` has no closing `::`; add it")
        title, text = text[2:end].strip(), text[end + 2 :].strip()
    opening, closing = text.find("{"), text.find("}")
    if opening < 0 and closing < 0:
        return GiftQuestion(title, text, None, "")
    if opening < 0 or 0 <= closing < opening:
        raise QuestionFault("a closing `}` without an opening `{`; open the answers, or write `\\}` for the sign")
    if closing < 0:
        raise QuestionFault("the opening `{` is never closed; close the answers with `}`, or write `\\{` for the sign")
    answers = text[opening + 1 : closing].strip()
    if "{" in answers:
        raise QuestionFault("a `{` inside the answers; write `\\{` for the sign")
    before, after = text[:opening], text[closing + 1 :]
    if "{" in after or "}" in after:
        raise QuestionFault(
            "a second brace after the answers; separate questions by a blank line, or write `\\{` or `\\}`"
        )
    answers, separator, feedback = answers.rpartition("####") if "####" in answers else (answers, "", "")
    # What follows the answers makes them a gap in a sentence.
    body = before.rstrip() if not after.strip() else before + "_____" + after
    return GiftQuestion(title, body.strip(), answers.strip(), feedback.strip() if separator else "")


def freed(text: str, *, breaks: bool) -> str:
    """`text` with its escaped signs; `\\n` becomes `markup.BREAK`, or a plain line end."""
    if _NONCHARACTERS.search(text) is not None:
        text = text.translate(_FREE).replace(_NEWLINE, BREAK if breaks else "\n")
    return text.strip(" \t\n" + BREAK)


def format_of(text: str, default: TextFormat) -> tuple[TextFormat, str]:
    """The format that `[html]` and the like before a text name, and the text after it."""
    found = _FORMAT.match(text)
    if found is None:
        return default, text
    name = found[1].lower()
    named: TextFormat = "html" if name == "html" else "markdown" if name == "markdown" else "plain"
    return ("moodle" if name == "moodle" else named), text[found.end() :]


def noted_id(comments: str) -> str | None:
    """The id that a comment `// [id:...]` gives."""
    found = _ID.search(comments)
    return None if found is None else found[1].replace("\\]", "]").strip()


def noted_tags(comments: str) -> list[str]:
    """The tags that comments `// [tag:...]` give."""
    return list(dict.fromkeys(tag.replace("\\]", "]").strip() for tag in _TAGS.findall(comments)))


def _held(text: str) -> str:
    if "\\" not in text and "$$" not in text:
        return _held_prose(text)
    parts: list[str] = []
    done = 0
    opened: re.Match[str] | None = None
    for mark in _DELIMITER.finditer(text):
        if opened is not None and mark[0][-1] == _CLOSING[opened[0][-1]]:
            parts.append(_held_prose(text[done : opened.start()]))
            parts.append(_held_formula(opened[0], text[opened.end() : mark.start()], mark[0]))
            done, opened = mark.end(), None
        elif opened is None and mark[0][-1] in _CLOSING:
            opened = mark
    return "".join([*parts, _held_prose(text[done:])])


def _held_prose(text: str) -> str:
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: _NEWLINE if found[1] == "n" else _HOLD[found[1]], text)
    if "&#" in text:
        text = _ENTITY.sub("&" + _HOLD["#"], text)
    if "<" in text:
        text = _TAG.sub(lambda tag: _ATTRIBUTE.sub(lambda found: found[0].translate(_HOLD_ALL), tag[0]), text)
    if "://" not in text:
        return text
    return _URL.sub(lambda url: _IN_URL.sub(lambda found: found[0].translate(_HOLD_ALL), url[0]), text)


def _held_formula(opening: str, formula: str, closing: str) -> str:
    if opening.startswith("\\\\"):
        formula = _ESCAPE.sub(lambda found: " " if found[1] == "n" else found[1], formula)
    elif not _UNESCAPED.search(formula):
        # `\neq` and `\nu` are commands of LaTeX, not line ends.
        formula = _ESCAPE_IN_LATEX.sub(lambda found: " " if found[1] == "n" else found[1], formula)
    # Else whoever left `{`, `=` or `~` bare escaped nothing in this formula: it is LaTeX as it stands.
    whole = opening.replace("\\\\", "\\") + formula + closing.replace("\\\\", "\\")
    return whole.translate(_HOLD_ALL)
