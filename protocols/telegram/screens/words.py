"""Choices and responses in words: what stands on a button, what a student has answered, and what is right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from protocols.catalogue import Texts, mark
from protocols.messages import KINDS, Kind, ShownChoice, VerdictName
from protocols.telegram.callbacks import LETTERS
from protocols.telegram.markup import needs_picture, styled

BREAK: Final = "  \n"  # of a line, in Markdown
LONGEST_LINE: Final = 60  # of several choices in one line
LONGEST_LABEL: Final = 30  # of a choice that is told by its button alone
MOST_ACCEPTED: Final = 4  # of many accepted answers, these are told
ALPHABETS: Final = {"ru": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЭЮ", "en": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

KIND_NAMES: Final[dict[Kind, str]] = {
    "single": mark("one answer"),
    "multiple": mark("several answers"),
    "text": mark("a word"),
    "number": mark("a number"),
    "order": mark("put in order"),
    "match": mark("find pairs"),
}
VERDICT_MARKS: Final[dict[VerdictName | None, str]] = {"correct": "✅", "partial": "🟡", "wrong": "❌", None: "▫️"}
assert set(KIND_NAMES) == set(KINDS)

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!~|$&=:])")


class HasChoices(Protocol):
    """A question as it is shown or reviewed."""

    @property
    def kind(self) -> Kind: ...
    @property
    def options(self) -> tuple[ShownChoice, ...] | None: ...
    @property
    def left(self) -> tuple[ShownChoice, ...] | None: ...
    @property
    def right(self) -> tuple[ShownChoice, ...] | None: ...


def letter(t: Texts, place: int) -> str:
    """The name of the choice at `place`."""
    return ALPHABETS[t.language][place]


def choices_of(question: HasChoices) -> tuple[ShownChoice, ...]:
    """What there is to tap."""
    return question.right or () if question.kind == "match" else question.options or ()


def labels(t: Texts, choices: Sequence[ShownChoice]) -> list[str] | None:
    """What the choices are called on their buttons, if that is all that there is to them; None: by letters."""
    texts = [plain(choice.text) for choice in choices]
    for choice, text in zip(choices, texts, strict=True):
        if choice.image or not 0 < len(text) <= LONGEST_LABEL or "\n" in text or needs_picture(choice.text):
            return None
    return texts if len(set(texts)) == len(texts) else None


def plain(markdown: str) -> str:
    """The text without its formatting."""
    return styled(markdown).text.strip()


def escaped(typed: str) -> str:
    """Markdown that reads as what was typed, to the letter."""
    return " ".join(_SPECIAL.sub(r"\\\1", typed).split())


def listed(names: Sequence[str], choices: Sequence[ShownChoice]) -> list[str]:
    """Choices by their names, each a line of Markdown."""
    return [f"**{escaped(name)}.** {choice.text}".rstrip() for name, choice in zip(names, choices, strict=True)]


def letters_of(picked: str, among: int) -> list[int] | None:
    """The places that letters stand for; None where one of them stands for none of `among`."""
    places = [LETTERS.index(one) for one in picked]
    return places if all(place < among for place in places) else None


def in_words(t: Texts, question: HasChoices, response: Any) -> str:
    """A response, or a key of choices, in Markdown. Any: JSON, as it was kept.

    What no longer fits the question, because it was changed since, is told as it is.
    """
    kind = question.kind
    if kind in ("text", "number"):
        return escaped(_number(t, response) if isinstance(response, int | float) else str(response))
    if kind == "match" and isinstance(response, Mapping):
        left, right = _by_id(t, question.left), _by_id(t, question.right)
        pairs = [f"{_said(left, name)} — {_said(right, partner)}" for name, partner in response.items()]
        return BREAK.join(("", *pairs)) if pairs else t("nothing")
    options = _by_id(t, question.options)
    if kind == "single":
        return _said(options, str(response))
    said = [_said(options, str(name)) for name in response] if isinstance(response, list | tuple) else []
    if not said:
        return t("nothing")
    brief = sum(map(len, said)) <= LONGEST_LINE
    if kind == "order":
        numbered = (f"{place}\\. {one}" for place, one in enumerate(said, 1))
        return " → ".join(said) if brief else BREAK.join(("", *numbered))
    return "; ".join(said) if brief else BREAK.join(("", *(f"• {one}" for one in said)))


def key_in_words(t: Texts, question: HasChoices, key: Any) -> str:
    """The key of a question, as `Verdict` tells it, in Markdown."""
    if question.kind not in ("text", "number"):
        return in_words(t, question, key)
    if not isinstance(key, Mapping):
        return escaped(str(key))
    if question.kind == "number":
        accepted = key.get("accept") or [key]
        best = [one for one in accepted if one.get("weight", 1) == 1] or accepted
        return _alternatives(t, [escaped(_range(t, one)) for one in best])
    accepted = [one if isinstance(one, str) else one["text"] for one in key.get("accept", ())]
    best = [one for one in key.get("accept", ()) if isinstance(one, str)] or accepted
    return _alternatives(t, [escaped(one) for one in best]) if best else t("an answer of a certain form")


def _alternatives(t: Texts, said: Sequence[str]) -> str:
    return t(" or ").join(said[:MOST_ACCEPTED])


def _range(t: Texts, accepted: Mapping[str, Any]) -> str:
    if accepted.get("value") is None:
        return t("from {low} to {high}", low=_number(t, accepted["min"]), high=_number(t, accepted["max"]))
    value = _number(t, accepted["value"])
    tolerance = accepted.get("tolerance")
    return f"{value} ± {_number(t, tolerance)}" if tolerance else value


def _number(t: Texts, value: float) -> str:
    """As many digits as it has: an answer is not rounded."""
    text = repr(int(value)) if float(value).is_integer() and abs(value) < 10**15 else repr(value)
    return text.replace("-", "−").replace(".", "," if t.language == "ru" else ".")


def _by_id(t: Texts, choices: Sequence[ShownChoice] | None) -> dict[str, str]:
    return {
        choice.id: choice.text or t("picture {name}", name=letter(t, place))
        for place, choice in enumerate(choices or ())
    }


def _said(texts: Mapping[str, str], name: str) -> str:
    return texts.get(name, escaped(name))
