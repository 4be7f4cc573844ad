"""XML of a bank file, one element below the root at a time: memory does not grow with the file.

Read by expat through defusedxml: no document type, no entities of the file's own, nothing fetched from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pyexpat import XMLParserType
from xml.sax import SAXParseException

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from storage.banks.file import BankFileError, shown

MAX_DEPTH = 24
MAX_ELEMENTS = 20_000
_CHUNK = 64 * 1024
_DECLARATION = re.compile(r"\A\s*<\?xml\s[^<>]*\?>")


@dataclass
class Element:
    name: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)

    @property
    def content(self) -> str:
        """The text directly inside."""
        return "".join(self._parts)

    def add(self, text: str) -> None:
        self._parts.append(text)

    def child(self, name: str) -> Element | None:
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> Iterator[Element]:
        return (child for child in self.children if child.name == name)

    @property
    def words(self) -> str:
        """What Moodle puts into a `text` inside, and old files directly."""
        inner = self.child("text")
        return (self if inner is None else inner).content.strip()

    def said(self, name: str) -> str:
        """The words of a child; empty where there is none."""
        child = self.child(name)
        return "" if child is None else child.words


def read_xml(text: str, root: str, take: Callable[[Element], None]) -> None:
    """Hand each element below the root, which must be called `root`, to `take`. Raises `BankFileError`."""
    parser = _Parser(root, take)
    # It names an encoding, which is of no use any more, and XML forbids it below an empty line, where people put it.
    text = _DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text)
    try:
        for start in range(0, len(text), _CHUNK):
            parser.feed(text[start : start + _CHUNK])
        parser.close()
    except SAXParseException as error:
        where = f"line {error.getLineNumber()}, column {(error.getColumnNumber() or 0) + 1}"
        raise BankFileError(f"{where}: not XML: {error.getMessage()}{_mend(error.getMessage())}") from None
    except DefusedXmlException:
        raise BankFileError(
            f"line {parser.getLineNumber()}: a document type with entities or files of its own; no bank file needs "
            "one, and none is read: remove `<!DOCTYPE ...>`"
        ) from None


def _mend(message: str) -> str:
    if "undefined entity" in message:
        return (
            "; XML knows only &amp; &lt; &gt; &quot; &apos;: put HTML into <![CDATA[...]]>, or write &#160; for &nbsp;"
        )
    if "not well-formed" in message:
        return "; write &lt; and &amp; for < and &, or put HTML into <![CDATA[...]]>"
    return ""


class _Parser(DefusedExpatParser):
    """Takes elements straight from expat: to hand them through SAX takes as long again."""

    _parser: XMLParserType  # expat's, which the base class makes in `reset`

    def __init__(self, root: str, take: Callable[[Element], None]) -> None:
        super().__init__(forbid_dtd=True)
        self._root = root
        self._take = take
        self._open: list[Element] = []
        self._depth = 0
        self._elements = 0

    def reset(self) -> None:
        super().reset()
        self._parser.buffer_text = True
        self._parser.CharacterDataHandler = self._text

    def start_element(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        line = self._parser.CurrentLineNumber
        if self._depth > MAX_DEPTH:
            raise BankFileError(f"line {line}: nested deeper than {MAX_DEPTH} elements; no question needs that")
        if self._depth == 1:
            if name != self._root:
                raise BankFileError(f"line {line}: the file's root is {shown(name)}, not <{self._root}>")
            return
        if not self._open:
            self._elements = 0
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise BankFileError(f"line {line}: more than {MAX_ELEMENTS} elements in one question")
        element = Element(name, line, dict(attributes))
        if self._open:
            self._open[-1].children.append(element)
        self._open.append(element)

    def end_element(self, name: str) -> None:
        self._depth -= 1
        if self._open:
            element = self._open.pop()
            if not self._open:
                self._take(element)

    def _text(self, content: str) -> None:
        if self._open:
            self._open[-1].add(content)
