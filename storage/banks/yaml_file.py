"""Reading a YAML bank file: events of libyaml, no tags, no types guessed, bounded aliases."""

from __future__ import annotations

from collections.abc import Callable

import yaml
from yaml import events

from storage.banks.file import MAX_QUESTIONS, BankFileError
from storage.banks.tree import MAX_DEPTH, Item, Tree, Written

# Twenty thousand questions are about a million values.
MAX_VALUES = 4_000_000
# How much text and how many values aliases may repeat in all: a bomb of ten lines repeats gigabytes.
MAX_REPEATED = 2_000_000

_CORE = "tag:yaml.org,2002:"
_AS_TEXT = ("!", _CORE + "str")


def read_yaml(text: str) -> Tree:
    """The values of a YAML document, every unquoted scalar as `Written`. Raises `BankFileError`."""
    try:
        return _Composer(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        saying = error.problem or "cannot be read"
        if error.context:
            begun = f" (begun in line {error.context_mark.line + 1})" if error.context_mark is not None else ""
            saying += f" {error.context}{begun}"
        raise BankFileError(f"{where}not YAML: {saying}") from None
    except yaml.YAMLError as error:
        raise BankFileError(f"not YAML: {error}") from None


class _Composer:
    """Builds values from events. One use each."""

    def __init__(self, text: str) -> None:
        # None comes only after the end of the stream.
        self._next: Callable[[], events.Event] = yaml.CSafeLoader(text).get_event  # type: ignore[assignment]
        self._anchors: dict[str, tuple[object, int]] = {}
        self._values = 0
        self._size = 0
        self._repeated = 0
        self._twice: str | None = None

    def document(self) -> Tree:
        tree = Tree()
        event = self._next()
        while isinstance(event, (events.StreamStartEvent, events.DocumentStartEvent)):
            event = self._next()
        if isinstance(event, events.MappingStartEvent):
            self._checked(event)
            self._members(tree)
        elif isinstance(event, events.SequenceStartEvent):
            self._checked(event)
            tree.items = self._items()
        else:
            raise BankFileError(f"{_place(event)}: a bank file is a mapping with `questions`, not a single value")
        event = self._next()
        while not isinstance(event, events.StreamEndEvent):
            if isinstance(event, events.DocumentStartEvent):
                raise BankFileError(f"{_place(event)}: a second document begins; put one bank into one file")
            event = self._next()
        return tree

    def _members(self, tree: Tree) -> None:
        while not isinstance(event := self._next(), events.MappingEndEvent):
            name = self._name(event)
            if name in tree.lines:
                raise BankFileError(f"{_place(event)}: `{name}` stands twice (first in line {tree.lines[name]})")
            tree.lines[name] = _line(event)
            event = self._next()
            if name == "questions" and isinstance(event, events.SequenceStartEvent):
                self._checked(event)
                tree.items = self._items()
            else:
                tree.members[name] = self._value(event, 1)
                if self._twice is not None:
                    raise BankFileError(self._twice)

    def _items(self) -> list[Item]:
        items: list[Item] = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            self._twice = None
            line = _line(event)
            if len(items) >= MAX_QUESTIONS:
                raise BankFileError(f"line {line}: more than {MAX_QUESTIONS} questions; split the file")
            value = self._value(event, 2)
            items.append(Item(line, value, self._twice))
        self._twice = None
        return items

    def _name(self, event: events.Event) -> str:
        if not isinstance(event, events.ScalarEvent):
            raise BankFileError(f"{_place(event)}: the name of a member must be plain text")
        self._values += 1
        self._size += len(event.value)
        return event.value

    def _checked(self, event: events.ScalarEvent | events.CollectionStartEvent) -> None:
        if event.tag is not None and event.tag != "!" and event.tag.removeprefix(_CORE) not in _TAGS:
            raise BankFileError(f"{_place(event)}: the tag `{event.tag}` is not allowed in a bank file; remove it")
        self._values += 1
        if self._values > MAX_VALUES:
            raise BankFileError(f"{_place(event)}: more than {MAX_VALUES} values; split the file")

    def _value(self, event: events.Event, depth: int) -> object:
        if isinstance(event, events.AliasEvent):
            return self._alias(event)
        assert isinstance(event, (events.ScalarEvent, events.CollectionStartEvent))
        self._checked(event)
        before = self._size
        self._size += 1
        value: object
        if isinstance(event, events.ScalarEvent):
            value = event.value
            self._size += len(value)
            if not event.style and event.tag not in _AS_TEXT:
                value = Written(value)
        elif depth >= MAX_DEPTH:
            raise BankFileError(f"{_place(event)}: nested deeper than {MAX_DEPTH} levels; no question needs that")
        elif isinstance(event, events.SequenceStartEvent):
            value = self._sequence(depth)
        else:
            value = self._mapping(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._size - before)
        return value

    def _sequence(self, depth: int) -> list[object]:
        values = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            values.append(self._value(event, depth + 1))
        return values

    def _mapping(self, depth: int) -> dict[str, object]:
        members: dict[str, object] = {}
        while not isinstance(event := self._next(), events.MappingEndEvent):
            name = self._name(event)
            if name in members and self._twice is None:
                self._twice = f"{_place(event)}: `{name}` stands twice; keep one of them"
            members[name] = self._value(self._next(), depth + 1)
        return members

    def _alias(self, event: events.AliasEvent) -> object:
        if event.anchor not in self._anchors:
            raise BankFileError(f"{_place(event)}: the alias `*{event.anchor}` stands for nothing known before it")
        value, size = self._anchors[event.anchor]
        self._size += size
        self._repeated += size
        if self._repeated > MAX_REPEATED:
            raise BankFileError(f"{_place(event)}: aliases repeat too much; write the values out")
        return value


_TAGS = frozenset(("str", "int", "float", "bool", "null", "seq", "map"))


def _line(event: events.Event) -> int:
    return int(event.start_mark.line) + 1  # type: ignore[union-attr]  # libyaml marks every event


def _place(event: events.Event) -> str:
    return f"line {_line(event)}, column {event.start_mark.column + 1}"  # type: ignore[union-attr]
