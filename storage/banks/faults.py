"""pydantic's errors told plainly: where, the wrong value, and how to mend it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from storage.banks.file import shown

_PREFIXED = re.compile(r"([a-z_]+): (.+)", re.DOTALL)
# What pydantic adds to a path: the type it tried, or that it is a name in a mapping and not its value.
_NOISE = frozenset(("[key]", "str", "int", "float", "constrained-str"))

_NEEDED = {
    "id": "give the question or option an id that is its own in the subject",
    "kind": "give one of single, multiple, text, number, order, match",
    "topic": "give the slug of one of the subject's topics",
    "difficulty": "give a number from 1 (easy) to 5 (hard)",
    "text": "write what is asked or offered",
    "options": "list what there is to choose from, each with `id` and `text`",
    "left": "list what is to be matched, each with `id` and `text`",
    "right": "list what can be matched with it, each with `id` and `text`",
    "key": "give the right answer",
    "title": "give a title as text, or one per language: {ru: ..., en: ...}",
    "slug": "give a short name of lower-case Latin letters, digits, `-` and `_`",
}
_PATTERNS = {
    "^[a-z0-9]": "use lower-case Latin letters, digits, `-` and `_`, at most 64, a letter or digit first",
    "^[^\\x00-\\x20": "an id has 1 to 100 characters and no spaces, `/`, `\\`, `?`, `#` or `%`",
    "^[^\\x00]": "remove the NUL character",
}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known names, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return "known here: " + ", ".join(f"`{other}`" for other in names)


def faults(error: ValidationError, known: dict[str, tuple[str, ...]] | None = None) -> list[tuple[str, str]]:
    """(dotted path, sentence) of each error. `known` names the fields at a path without its numbers."""
    return [_fault(detail, known or {}) for detail in error.errors(include_url=False)]


def _fault(detail: ErrorDetails, known: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    steps = [str(step) for step in detail["loc"]]
    # `enum: [1, x]` of an own field is a union, whose members pydantic names by type at the end of the path.
    while len(steps) > 1 and steps[-1] in _NOISE:
        steps.pop()
    message = _sentence(detail, steps, known)
    if detail["type"] == "value_error":
        prefixed = _PREFIXED.fullmatch(message)
        if prefixed is not None:
            steps.append(prefixed[1])
            message = prefixed[2]
    return ".".join(steps), message


def _sentence(detail: ErrorDetails, steps: list[str], known: dict[str, tuple[str, ...]]) -> str:
    kind, value, context = detail["type"], shown(detail["input"]), detail.get("ctx", {})
    name = steps[-1] if steps else ""
    match kind:
        case "missing":
            need = _NEEDED.get(name)
            return f"`{name}` is missing" + (f"; {need}" if need else "; add it")
        case "extra_forbidden":
            level = ".".join(step for step in steps[:-1] if not step.isdecimal())
            fields = known.get(level)
            return f"unknown field `{name[:60]}`; " + (did_you_mean(name, fields) if fields else "remove it")
        case "value_error":
            return str(context.get("error", detail["msg"]))
        case "topic" | "own_enum":
            return detail["msg"]
        case "string_type":
            return f"{value} is not text; write text here, in quotes if need be"
        case "string_pattern_mismatch":
            pattern = str(context.get("pattern", ""))
            mend = next((text for start, text in _PATTERNS.items() if pattern.startswith(start)), pattern)
            return f"{value} is not allowed here; {mend}"
        case "string_too_short":
            return f"the text is empty; write at least {context['min_length']} character(s)"
        case "string_too_long":
            return f"the text is longer than {context['max_length']} characters: {value}"
        case "int_type" | "int_parsing" | "int_from_float" | "int_parsing_size":
            return f"{value} is not a whole number; write one, as 3"
        case "float_type" | "float_parsing":
            comma = isinstance(detail["input"], str) and "," in detail["input"]
            return f"{value} is not a number; " + ("use a point, as 0.5" if comma else "write one, as 0.5")
        case "finite_number":
            return f"{value} is not a finite number; write one, as 0.5"
        case "bool_type" | "bool_parsing":
            return f"{value} is neither true nor false; write one of these"
        case "greater_than_equal":
            return f"{value} is too small; at least {context['ge']}"
        case "less_than_equal":
            return f"{value} is too large; at most {context['le']}"
        case "too_short":
            return f"`{name}` holds {context['actual_length']}; at least {context['min_length']} needed"
        case "too_long":
            return f"`{name}` holds too many; at most {context['max_length']} allowed"
        case "tuple_type" | "list_type":
            return f"{value} is not a list; write a list here, as [a, b]"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{value} is not a mapping; write `name: value` pairs here"
        case "literal_error":
            return f"{value} is not known here; one of {context['expected']}"
        case _:
            return f"{value}: {detail['msg']}"
