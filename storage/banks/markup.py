"""HTML, plain text and Moodle's auto-format turned into the safe subset of Markdown of questions."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Literal

TextFormat = Literal["html", "markdown", "plain", "moodle"]

# Stands for a line break that was asked for; a noncharacter of Unicode, so no text holds it.
BREAK = "\ufdd9"
_MATH, _MATH_END = "\ufdda", "\ufddb"

_DELIMITER = re.compile(r"\\[()\[\]]|\$\$")
_CLOSING = {r"\(": r"\)", r"\[": r"\]", "$$": "$$"}
_FORMULA = re.compile(r"\$([^\s$](?:[^$\n]*[^\s$])?)\$(?!\d)|\$")
_HELD = re.compile(f"{_MATH}([0-9]+){_MATH_END}")
# Without one of these a text is what it says, in every format.
_MARKED = re.compile("[\\n\\\\$<>&*_`#\\]\ufdd0-\ufdef]")

# fmt: off
_ELEMENTS = frozenset((
    "a", "abbr", "article", "audio", "b", "big", "blockquote", "body", "br", "button", "caption",
    "center", "cite", "code", "col", "dd", "del", "details", "div", "dl", "dt", "em", "embed",
    "figcaption", "figure", "font", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head",
    "header", "hr", "html", "i", "iframe", "img", "input", "ins", "kbd", "label", "legend", "li",
    "link", "main", "mark", "math", "meta", "nav", "noscript", "object", "ol", "option", "p", "picture",
    "pre", "q", "s", "samp", "script", "section", "select", "small", "source", "span", "strike",
    "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td", "textarea", "tfoot",
    "th", "thead", "time", "title", "tr", "tt", "u", "ul", "var", "video",
))
_BLOCKS = frozenset((
    "address", "article", "blockquote", "div", "dl", "dt", "dd", "figure", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "p", "pre", "section", "table", "tr",
))
# fmt: on
_DROPPED = frozenset(("script", "style", "head", "title"))
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`", "tt": "`", "kbd": "`", "samp": "`"}
# A flood of opened tags must not become a flood of work.
_MAX_OPEN = 16
_SIMPLE = re.compile(r"[A-Za-z0-9+\-−=()., ]{1,40}")


def to_markdown(text: str, format: TextFormat) -> str:
    """`text` in the safe subset of Markdown; formulas in `\\(..\\)`, `\\[..\\]` or `$$..$$` become `$..$`."""
    if _MARKED.search(text) is None:
        return text.strip()
    held: list[str] = []
    text = _hold_formulas(text, held, decode=format in ("html", "moodle"))
    if format == "markdown":
        text = text.replace(BREAK, "\n")
    elif format == "plain":
        text = _escaped(text)
    else:
        text = _from_html(text)
    if format != "markdown":
        text = re.sub(r"\n[ \t]+", "\n", text)  # indentation of the file, which Markdown would take for code
    return _HELD.sub(lambda found: held[int(found[1])], _tidy(text))


def to_plain(text: str, format: TextFormat) -> str:
    """`text` without any markup, on one line: what a student would type."""
    if format == "html":
        text = _from_html(text, marks=False)
    elif format == "moodle":
        text = html.unescape(text)
    return " ".join(text.replace(BREAK, " ").split())


def _hold_formulas(text: str, held: list[str], *, decode: bool) -> str:
    """Takes formulas out of the way of markup, leaving their numbers."""
    parts: list[str] = []
    done = 0
    opened: re.Match[str] | None = None
    for mark in _DELIMITER.finditer(text):
        if opened is not None and mark[0] == _CLOSING[opened[0]]:
            formula = text[opened.end() : mark.start()].replace(BREAK, " ")
            if decode:
                formula = html.unescape(formula)
            formula = " ".join(formula.split())
            if formula:
                parts.append(text[done : opened.start()])
                parts.append(f"{_MATH}{len(held)}{_MATH_END}")
                # A dollar inside a formula would end it early.
                held.append("$" + re.sub(r"(?<!\\)\$", r"\\$", formula) + "$")
                done = mark.end()
            opened = None
        elif opened is None and mark[0] in _CLOSING:
            opened = mark
    return "".join([*parts, text[done:]])


def _escaped(text: str) -> str:
    """Text that means itself, in Markdown: only what would be taken for markup gets a backslash.

    `$..$` without spaces at its inner ends stays a formula.
    """
    parts: list[str] = []
    done = 0
    for formula in _FORMULA.finditer(text):
        parts += (_escaped_prose(text[done : formula.start()]), formula[0] if formula[1] else "\\$")
        done = formula.end()
    return "".join([*parts, _escaped_prose(text[done:])])


def _escaped_prose(text: str) -> str:
    if not text:
        return ""
    text = re.sub(r"\\(?=[!-/:-@\[-`{-~])", r"\\\\", text)
    text = re.sub(r"(?<=\S)\*|\*(?=\S)", r"\\*", text)
    text = re.sub(r"(?<![\w_])_(?=[^\s_])|(?<=[^\s_])_(?![\w_])", r"\\_", text)
    text = text.replace("`", "\\`").replace("](", "\\](")
    return re.sub(r"(?m)^([ \t]*)(#{1,6}[ \t]|>)", r"\1\\\2", text)


def _tidy(text: str) -> str:
    text = re.sub(rf"[ \t]*{BREAK}[ \t]*", BREAK, text)
    text = re.sub(rf"\n?{BREAK}\n?", BREAK, text).strip(BREAK + " \t\n")
    text = re.sub(rf"{BREAK}{{2,}}", "\n\n", text).replace(BREAK, "  \n")
    text = re.sub(r"[ \t]+\n(?=\n)", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _from_html(text: str, *, marks: bool = True) -> str:
    if "<" not in text:
        text = html.unescape(text)
        return _escaped(text) if marks else text
    text = _without_comments(text)
    # A `<` that begins no whole tag is a sign of its own.
    text = re.sub(r"<(?!/?[a-zA-Z][^<>]*>)", "&lt;", text)
    parser = _Cleaner(marks=marks)
    parser.feed(text)
    parser.close()
    return parser.result()


def _without_comments(text: str) -> str:
    parts = []
    done = 0
    while (begin := text.find("<!--", done)) >= 0 and (end := text.find("-->", begin + 4)) >= 0:
        parts.append(text[done:begin])
        done = end + 3
    return "".join([*parts, text[done:]])


class _Cleaner(HTMLParser):
    """Collects the text of an HTML fragment, and what of its markup Markdown can say."""

    def __init__(self, *, marks: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._marks = marks
        self._parts: list[str] = []
        self._dropping = 0
        self._lists: list[int] = []
        self._open: list[tuple[str, int]] = []

    def result(self) -> str:
        while self._open:
            self._close(len(self._open) - 1)
        return "".join(self._parts)

    def handle_data(self, data: str) -> None:
        if not self._dropping and data:
            in_code = any(_MARKS.get(tag) == "`" for tag, _ in self._open)
            self._parts.append(data if in_code or not self._marks else _escaped(data))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _ELEMENTS:
            # `x<y and z>0` is no markup.
            self.handle_data(self.get_starttag_text() or "")
        elif tag in _DROPPED:
            self._dropping += 1
        elif not self._dropping:
            self._start(tag, dict(attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("br", "hr", "img", "input"):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropping = max(0, self._dropping - 1)
        elif not self._dropping:
            self._end(tag)

    def _start(self, tag: str, attrs: dict[str, str | None]) -> None:
        if tag == "br":
            self._parts.append(BREAK)
        elif tag == "img":
            self.handle_data(attrs.get("alt") or "")
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else -1)
            self._parts.append("\n\n")
        elif tag == "li":
            self._item()
        elif tag in ("td", "th"):
            self._parts.append(" ")
        elif tag in _BLOCKS:
            self._parts.append("\n\n")
        elif (tag in _MARKS or tag in ("sub", "sup")) and len(self._open) < _MAX_OPEN:
            self._open.append((tag, len(self._parts)))

    def _item(self) -> None:
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            self._parts.append(f"\n{self._lists[-1]}. ")
        else:
            self._parts.append("\n- ")

    def _end(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            if self._lists:
                self._lists.pop()
            self._parts.append("\n\n")
        elif tag in _BLOCKS:
            self._parts.append("\n\n")
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at][0] == tag:
                self._close(at)
                return

    def _close(self, at: int) -> None:
        tag, begin = self._open.pop(at)
        if not self._marks:
            return
        inner = "".join(self._parts[begin:])
        core = inner.strip()
        if not core or BREAK in core or "\n\n" in core:
            return
        before, after = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
        if tag in ("sub", "sup"):
            if not _SIMPLE.fullmatch(core):
                return
            said = core if len(core) == 1 else "{" + core + "}"
            core = f"${'_' if tag == 'sub' else '^'}{said}$"
        elif _MARKS[tag] == "`" and "`" in core:
            return
        else:
            core = _MARKS[tag] + core + _MARKS[tag]
        self._parts[begin:] = [before + core + after]
