"""What a response is worth. Scores are 0 to 1; a response that cannot belong to the question is `Invalid`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Protocol

import re2

from protocols.messages import (
    AnyQuestion,
    Choice,
    FieldError,
    Invalid,
    MatchQuestion,
    MultipleQuestion,
    NumberKey,
    NumberRange,
    Option,
    OrderQuestion,
    Response,
    SingleQuestion,
    TextKey,
    VerdictName,
)

_NEARLY = 1e-9
_LONGEST_NUMBER = 64

# Thousands may be parted by a space of any width, by threes; the decimal mark is a point or a comma.
_SPACE = r"[\x20\u00a0\u2007\u2008\u2009\u200a\u202f]"
_NUMBER = re.compile(
    rf"""
    [+-]?
    (?: (?: [0-9]{{1,3}} (?:{_SPACE}[0-9]{{3}})+ | [0-9]+ )
        (?: [.,] (?: (?:[0-9]{{3}}{_SPACE})+ [0-9]{{1,3}} | [0-9]* ) )?
      | [.,] [0-9]+ )
    (?: [eE] [+-]? [0-9]{{1,3}} )?
    """,
    re.VERBOSE,
)
_MINUSES = str.maketrans({"\u2212": "-", "\u2012": "-", "\u2013": "-", "\ufe63": "-", "\uff0d": "-"})
_SPACES_OUT = str.maketrans({",": "."} | dict.fromkeys(" \u00a0\u2007\u2008\u2009\u200a\u202f"))
_YO = str.maketrans("ёЁ", "еЕ")

# Wide enough that the sum of any two doubles, written in decimal, is exact.
_EXACT = Context(prec=1100)


class _Pattern(Protocol):
    def fullmatch(self, text: str, /) -> object | None: ...


class Grade(NamedTuple):
    score: float
    feedback: str | None


def grade(question: AnyQuestion, response: Response) -> Grade:
    """Score and feedback of a response. Raises `Invalid` when it is no response to this kind of question."""
    # Not isinstance: pydantic answers that several times slower, and every answer comes by here.
    if question.kind == "single":
        return _single(question, _choice(question, response))
    if question.kind == "multiple":
        return _multiple(question, _chosen(question, response))
    if question.kind == "text":
        return _text(question.key, _string(response))
    if question.kind == "number":
        return _number(question.key, parse_number(response))
    if question.kind == "order":
        return Grade(_order(question.key, _permutation(question, response)), None)
    return Grade(_match(question.key, _pairs(question, response)), None)


def verdict_of(score: float) -> VerdictName:
    """The word for a score, with room for the rounding of sums of weights."""
    if score >= 1 - _NEARLY:
        return "correct"
    return "wrong" if score <= _NEARLY else "partial"


def canonical(question: AnyQuestion, response: Response) -> str:
    """A form that two responses share exactly when they say the same. Raises `Invalid` as `grade` does."""
    if question.kind == "single":
        return _choice(question, response)
    # Ids hold no spaces and no line breaks, so joining them is unambiguous.
    if question.kind == "multiple":
        return "\n".join(sorted(_chosen(question, response)))
    if question.kind == "text":
        return _string(response).strip()
    if question.kind == "number":
        number = parse_number(response)
        return str(number.normalize(_EXACT)) if number else "0"
    if question.kind == "order":
        return "\n".join(_permutation(question, response))
    return "\n".join(sorted(f"{left} {right}" for left, right in _pairs(question, response).items()))


def parse_number(response: Response) -> Decimal:
    """The number meant by `0.5`, `"0,5"`, `"1 000 000"`, `"−2.5e-3"`. Raises `Invalid` for anything else."""
    if isinstance(response, bool) or not isinstance(response, (int, float, str)):
        raise _invalid(f"a number is expected, or a string with one, not {_name_of(response)}")
    if isinstance(response, int):
        return Decimal(response)
    if isinstance(response, float):
        if not math.isfinite(response):
            raise _invalid(f"a finite number is expected, not {response!r}")
        return Decimal(repr(response))
    if len(response) > _LONGEST_NUMBER:
        raise _invalid(f"a number has at most {_LONGEST_NUMBER} characters, this has {len(response)}")
    text = response.strip().translate(_MINUSES)
    if _NUMBER.fullmatch(text) is None:
        raise _invalid(f"{response!r} is not a number; write it like 12, -0,5 or 1.5e-3")
    return Decimal(text.translate(_SPACES_OUT))


def normalised(text: str, case_sensitive: bool = False) -> str:
    """How texts are compared: in NFKC, single spaces, `е` for `ё`, the case folded unless it matters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if not case_sensitive:
            text = unicodedata.normalize("NFKC", text.casefold())
        text = text.translate(_YO)
    elif not case_sensitive:
        text = text.lower()
    return " ".join(text.split())


_accepted_form = lru_cache(maxsize=16_384)(normalised)


@lru_cache(maxsize=256)
def _pattern(pattern: str, case_sensitive: bool) -> _Pattern:
    """The compiled pattern. What `TextKey` let in always compiles here: if need be, as it was tried there."""
    attempts = [(pattern.translate(_YO), case_sensitive), (pattern, case_sensitive), (pattern, True)]
    while True:
        text, sensitive = attempts.pop(0)
        try:
            compiled: _Pattern = re2.compile(text, _re2_options(sensitive))
        except re2.error:  # a range such as [я-ё] turned round, or ignoring case made the program too large
            if not attempts:
                raise
        else:
            return compiled


def _re2_options(case_sensitive: bool) -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = case_sensitive
    options.never_capture = True
    options.max_mem = 1 << 22
    return options


@lru_cache(maxsize=16_384)
def _bounds(value: float | None, tolerance: float, low: float | None, high: float | None) -> tuple[Decimal, Decimal]:
    """The closed range of accepted numbers, exact in decimal: 0.3 ± 0.1 ends at 0.4, not a hair beside it."""
    if value is None:
        return Decimal(repr(low)), Decimal(repr(high))
    middle, reach = Decimal(repr(value)), Decimal(repr(tolerance))
    return _EXACT.subtract(middle, reach), _EXACT.add(middle, reach)


def _single(question: SingleQuestion, chosen: str) -> Grade:
    option = next(option for option in question.options if option.id == chosen)
    if option.weight is not None:
        return Grade(_clamped(option.weight), option.feedback)
    return Grade(1.0 if chosen == question.key else 0.0, option.feedback)


def _multiple(question: MultipleQuestion, chosen: Sequence[str]) -> Grade:
    options = question.options
    feedback = "\n".join(o.feedback for o in options if o.feedback and o.id in chosen) or None
    if any(option.weight is not None for option in options):
        return Grade(_weighed(options, chosen), feedback)
    right = sum(1 for name in chosen if name in question.key)
    wrong = len(chosen) - right
    return Grade(max(0.0, (right - wrong) / len(question.key)), feedback)


def _weighed(options: Iterable[Option], chosen: Sequence[str]) -> float:
    weights = [(option.id, option.weight) for option in options if option.weight is not None]
    total = math.fsum(weight for name, weight in weights if name in chosen)
    # Three thirds written as 33.333 % are meant to be the whole.
    full = math.fsum(weight for _, weight in weights if weight > 0)
    return _clamped(total / full if full < 1 else total)


def _text(key: TextKey, response: str) -> Grade:
    given = normalised(response, key.case_sensitive)
    best = Grade(0.0, None)
    found = False
    for accepted in key.accept:
        if _accepted_form(accepted.text, key.case_sensitive) == given:
            weight = _clamped(accepted.weight)
            if not found or weight > best.score:
                best, found = Grade(weight, accepted.feedback), True
    if key.pattern is not None and best.score < 1 and _pattern(key.pattern, key.case_sensitive).fullmatch(given):
        return Grade(1.0, None)
    return best


def _number(key: NumberKey, given: Decimal) -> Grade:
    if not key.accept:
        return Grade(1.0 if _within(key, given) else 0.0, None)
    best = Grade(0.0, None)
    found = False
    for accepted in key.accept:
        if _within(accepted, given):
            weight = _clamped(accepted.weight)
            if not found or weight > best.score:
                best, found = Grade(weight, accepted.feedback), True
    return best


def _within(accepted: NumberRange, given: Decimal) -> bool:
    low, high = _bounds(accepted.value, accepted.tolerance, accepted.min, accepted.max)
    return low <= given <= high


def _order(key: Sequence[str], given: Sequence[str]) -> float:
    """The share of neighbours in the key that stand in the same order, perhaps apart, in the response."""
    places = {name: place for place, name in enumerate(given)}
    kept = sum(1 for first, second in pairwise(key) if places[first] < places[second])
    return kept / (len(key) - 1)


def _match(key: dict[str, str], given: dict[str, str]) -> float:
    return sum(1 for left, right in key.items() if given.get(left) == right) / len(key)


def _clamped(score: float) -> float:
    return min(1.0, max(0.0, score))


def _choice(question: SingleQuestion, response: Response) -> str:
    if not isinstance(response, str):
        raise _invalid(f"the id of an option is expected, not {_name_of(response)}")
    for option in question.options:
        if option.id == response:
            return response
    raise _unknown("option", response, question.options)


def _string(response: Response) -> str:
    if not isinstance(response, str):
        raise _invalid(f"a string is expected, not {_name_of(response)}")
    return response


def _chosen(question: MultipleQuestion | OrderQuestion, response: Response) -> list[str]:
    if not isinstance(response, list):
        raise _invalid(f"a list of option ids is expected, not {_name_of(response)}")
    known = {option.id for option in question.options}
    for place, name in enumerate(response):
        if name not in known:
            raise _unknown("option", name, question.options, f"response.{place}")
    if len(set(response)) != len(response):
        twice = next(name for name in response if response.count(name) > 1)
        raise _invalid(f"the option {twice!r} stands more than once")
    return response


def _permutation(question: OrderQuestion, response: Response) -> list[str]:
    given = _chosen(question, response)
    if len(given) != len(question.options):
        missing = [option.id for option in question.options if option.id not in given]
        raise _invalid(f"every option must stand in the order once; missing are {', '.join(missing)}")
    return given


def _pairs(question: MatchQuestion, response: Response) -> dict[str, str]:
    if not isinstance(response, dict):
        raise _invalid(f"an object of left ids with right ids is expected, not {_name_of(response)}")
    rights = {choice.id for choice in question.right}
    for left, right in response.items():
        if left not in question.key:
            raise _unknown("left", left, question.left)
        if right not in rights:
            raise _unknown("right", right, question.right, f"response.{left}")
    return response


def _unknown(what: str, name: str, known: Iterable[Choice], path: str = "response") -> Invalid:
    ids = ", ".join(choice.id for choice in known)
    return _invalid(f"there is no {what} {name!r}; there are {ids}", path)


def _invalid(message: str, path: str = "response") -> Invalid:
    return Invalid(f"{path}: {message}", (FieldError(path=path, message=message),))


def _name_of(response: object) -> str:
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(response), f"a {type(response).__name__}")
