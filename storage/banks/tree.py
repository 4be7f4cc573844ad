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

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def settle(value: object, *, typed: bool | None = False, path: str = "", depth: int = 0) -> JsonValue:
    """`value` with every `Written` scalar turned into text, number, flag or null by the place it stands at.

    `typed` None keeps everything below as text, whatever its name. Raises `Unsettled`.
    """
    if isinstance(value, Written):
        return _scalar(str(value), typed=bool(typed), path=path)
    if isinstance(value, str):
        return _keepable(value, path)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= MAX_DEPTH:
        raise Unsettled(path, f"nested deeper than {MAX_DEPTH} levels; no question needs that")
    if isinstance(value, list):
        return [settle(item, typed=typed, path=_join(path, str(at)), depth=depth + 1) for at, item in enumerate(value)]
    assert isinstance(value, dict)
    settled: dict[str, JsonValue] = {}
    for name, member in value.items():
        below = None if typed is None else typed or name in _TYPED
        where = _join(path, _keepable(str(name), path))
        settled[str(name)] = settle(member, typed=below, path=where, depth=depth + 1)
    return settled


def settle_question(value: dict[str, object]) -> dict[str, JsonValue]:
    """A question's members settled; a member that is left empty is as good as absent."""
    settled: dict[str, JsonValue] = {}
    for name, member in value.items():
        _keepable(name, "")
        # The names in a match's key are ids of choices, and one may be called `min` or `value`.
        typed = None if name == "key" and value.get("kind") == "match" else name in _TYPED
        known = settle(member, typed=typed, path=name, depth=1)
        if known is not None:
            settled[str(name)] = known
    return settled


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _keepable(text: str, path: str) -> str:
    found = _UNKEEPABLE.search(text)
    if found is not None:
        raise Unsettled(path, f"the character U+{ord(found[0]):04X} is not text; remove it")
    return text


def _scalar(text: str, *, typed: bool, path: str) -> JsonValue:
    if text in ("", "~", "null"):
        return None
    if not typed:
        return _keepable(text, path)
    if text in ("true", "false"):
        return text == "true"
    number = _NUMBER.fullmatch(text)
    if number is None:
        return _keepable(text, path)
    if number[1] is None and number[2] is None:
        # Databases keep 64-bit integers; Python would also take minutes over a million digits.
        if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
            raise Unsettled(path, f"the number {text[:40]} is beyond 64 bits; write it as text, in quotes")
        return int(text)
    real = float(text)
    if not math.isfinite(real):
        raise Unsettled(path, f"the number {text[:40]} is too large to be kept")
    return real
