"""Values of a YAML or JSON file, and where text, numbers and flags belong among them.

YAML guesses types from the look of a scalar: `no` turns false, `012` turns 10, `1.10` turns 1.1. Here a
scalar stays what was written, unless it stands under one of the few names that hold numbers and flags.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from pydantic import JsonValue

MAX_DEPTH = 32

_TYPED = frozenset(
    ("difficulty", "weight", "value", "tolerance", "min", "max", "case_sensitive", "extra", "required")
) | frozenset(("minimum", "maximum", "enum"))
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


class Written(str):
    """A scalar without quotes: text where text belongs, else what it looks like."""

    __slots__ = ()


@dataclass(frozen=True)
class Item:
    """One element of `questions`; `problem` is what is wrong with its form."""

    line: int
    value: object
    problem: str | None = None


@dataclass
class Tree:
    """A file's top level: its members with the lines of their names, and its questions one by one."""

    members: dict[str, object] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    items: list[Item] | None = None


class Unsettled(Exception):
    """A value that cannot be kept; `path` is dotted."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path = ""
        self.message = message

    def within(self, name: str) -> Unsettled:
        """The same, seen from one level further out."""
        self.path = f"{name}.{self.path}" if self.path else name
        return self


def settle(value: object, *, typed: bool | None = False, depth: int = 0) -> JsonValue:
    """`value` with every `Written` scalar turned into text, number, flag or null by the place it stands at.

    `typed` None keeps everything below as text, whatever its name. Raises `Unsettled`.
    """
    if isinstance(value, Written):
        return _scalar(str(value), typed=bool(typed))
    if isinstance(value, str):
        return _keepable(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= MAX_DEPTH:
        raise Unsettled(f"nested deeper than {MAX_DEPTH} levels; no question needs that")
    if isinstance(value, list):
        items: list[JsonValue] = []
        for item in value:
            try:
                items.append(settle(item, typed=typed, depth=depth + 1))
            except Unsettled as error:
                raise error.within(str(len(items))) from None
        return items
    assert isinstance(value, dict)
    members: dict[str, JsonValue] = {}
    for name, member in value.items():
        plain = _keepable(str(name))
        try:
            members[plain] = settle(member, typed=None if typed is None else typed or plain in _TYPED, depth=depth + 1)
        except Unsettled as error:
            raise error.within(plain) from None
    return members


def settle_question(value: dict[str, object]) -> dict[str, JsonValue]:
    """A question's members settled; a member that is left empty is as good as absent."""
    settled: dict[str, JsonValue] = {}
    for name, member in value.items():
        plain = _keepable(str(name))
        # The names in a match's key are ids of choices, and one may be called `min` or `value`.
        typed = None if plain == "key" and value.get("kind") == "match" else plain in _TYPED
        try:
            known = settle(member, typed=typed, depth=1)
        except Unsettled as error:
            raise error.within(plain) from None
        if known is not None:
            settled[plain] = known
    return settled


def _keepable(text: str) -> str:
    found = _UNKEEPABLE.search(text)
    if found is not None:
        raise Unsettled(f"the character U+{ord(found[0]):04X} is not text; remove it")
    return text


def _scalar(text: str, *, typed: bool) -> JsonValue:
    if text in ("", "~", "null"):
        return None
    if not typed:
        return _keepable(text)
    if text in ("true", "false"):
        return text == "true"
    number = _NUMBER.fullmatch(text)
    if number is None:
        return _keepable(text)
    if number[1] is None and number[2] is None:
        # Databases keep 64-bit integers; Python would also take minutes over a million digits.
        if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
            raise Unsettled(f"the number {text[:40]} is beyond 64 bits; write it as text, in quotes")
        return int(text)
    real = float(text)
    if not math.isfinite(real):
        raise Unsettled(f"the number {text[:40]} is too large to be kept")
    return real
