"""Reading a JSON bank file, question by question, so that each is known by its line."""

from __future__ import annotations

import json
import re

from storage.banks.file import MAX_QUESTIONS, BankFileError, shown
from storage.banks.tree import Item, Tree, Written

_SPACE = re.compile(r"[ \t\n]*")


def read_json(text: str) -> Tree:
    """The values of a JSON document, numbers as `Written`. Raises `BankFileError`."""
    return _Reader(text).document()


class _Reader:
    """Walks the top level by hand and leaves what is below it to `json`. One use each."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._twice: str | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_int=Written,
            parse_float=Written,
            parse_constant=self._constant,
        )

    def document(self) -> Tree:
        tree = Tree()
        if self._peek() == "[":
            tree.items = self._items()
        else:
            self._expect("{", "a bank file is an object with `questions`")
            self._members(tree)
        if self._peek():
            raise self._error("the file goes on after its end; remove what follows, or put commas and brackets right")
        return tree

    def _members(self, tree: Tree) -> None:
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                raise self._error('a name in double quotes belongs here, as in `"questions"`')
            line = self._line_here()
            name = str(self._value())
            if name in tree.lines:
                raise BankFileError(f"line {line}: `{name}` stands twice (first in line {tree.lines[name]})")
            tree.lines[name] = line
            self._expect(":", f"a colon belongs after `{name}`")
            if name == "questions" and self._peek() == "[":
                tree.items = self._items()
            else:
                tree.members[name] = self._value()
                if self._twice is not None:
                    raise BankFileError(f"line {line}: in `{name}`: {self._twice}")
            if self._peek() == "}":
                self._at += 1
                return
            self._expect(",", "a comma or the closing `}` belongs here")

    def _items(self) -> list[Item]:
        items: list[Item] = []
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return items
        while True:
            self._peek()
            self._twice = None
            line = self._line_here()
            if len(items) >= MAX_QUESTIONS:
                raise BankFileError(f"line {line}: more than {MAX_QUESTIONS} questions; split the file")
            value = self._value()
            items.append(Item(line, value, self._twice))
            self._twice = None
            if self._peek() == "]":
                self._at += 1
                return items
            self._expect(",", "a comma or the closing `]` belongs after a question")

    def _peek(self) -> str:
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._at = space.end()
        return self._text[self._at : self._at + 1]

    def _expect(self, mark: str, saying: str) -> None:
        if self._peek() != mark:
            raise self._error(saying)
        self._at += 1

    def _value(self) -> object:
        self._peek()
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise self._error(error.msg) from None
        except RecursionError:
            raise self._error("nested too deeply; no question needs that") from None
        return value

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _error(self, saying: str) -> BankFileError:
        at = min(self._at, len(self._text))
        line = self._text.count("\n", 0, at) + 1
        column = at - self._text.rfind("\n", 0, at)
        found = shown(self._text[at : at + 20]) if at < len(self._text) else "the end of the file"
        return BankFileError(f"line {line}, column {column}: not JSON: {saying}; found {found}")

    def _pairs(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs) and self._twice is None:
            names = [name for name, _ in pairs]
            twice = next(name for at, name in enumerate(names) if name in names[:at])
            self._twice = f"`{twice}` stands twice; keep one of them"
        return members

    def _constant(self, word: str) -> object:
        line = self._line_here()
        raise BankFileError(
            f"line {line}: not JSON: in the value that begins here, {word} is no number; write a finite one"
        )
