"""The answers of Moodle's formats turned into options and keys: weights, wildcards, numbers with tolerances."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from storage.banks.file import QuestionFault, shown

WHOLE = 0.999

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_RE2_SIGNS = re.compile(r"[\\.+*?()|\[\]{}^$]")

Question = dict[str, JsonValue]


@dataclass(frozen=True)
class Accepted:
    """An answer that may be typed: `weight` is None where none is given."""

    text: str
    weight: float | None = None
    feedback: str = ""


def letter(at: int) -> str:
    """The id of the option at this place, where the format gives none."""
    return "abcdefghijklmnopqrstuvwxyz"[at] if at < 26 else f"o{at + 1}"


def several(options: list[Question], weights: Sequence[float]) -> Question:
    """A `multiple` question. Weights that only say what is right are left out.

    Raises `QuestionFault` where nobody could answer right.
    """
    chosen = [at for at, weight in enumerate(weights) if weight > 0]
    total = sum(weights[at] for at in chosen)
    if not chosen:
        raise QuestionFault("no right answer; give one of the answers a weight above 0", "key")
    if total < WHOLE:
        raise QuestionFault(
            f"the weights of the right answers add up to {total * 100:g}%; they must give 100%", "options"
        )
    if not _balanced(weights, len(chosen)):
        put_weights(options, weights)
    return {"kind": "multiple", "options": list[JsonValue](options), "key": [_id(options[at]) for at in chosen]}


def _balanced(weights: Sequence[float], right: int) -> bool:
    """Whether each wrong choice costs what a right one gives: just what a question without weights does."""
    share = 1 / right
    return all(abs(abs(weight) - share) < 1e-6 for weight in weights)


def put_weights(options: Iterable[Question], weights: Iterable[float]) -> None:
    for option, weight in zip(options, weights, strict=True):
        option["weight"] = weight


def _id(option: Question) -> str:
    return str(option["id"])


def text_key(answers: Iterable[Accepted]) -> Question:
    """The key of a short answer of Moodle, in which `*` stands for anything and `\\*` for itself."""
    accept: list[JsonValue] = []
    patterns: list[str] = []
    best = 0.0
    for answer in answers:
        weight = 1.0 if answer.weight is None else answer.weight
        if not answer.text:
            raise QuestionFault("an accepted answer is empty; write what is accepted", "key")
        if "*" in answer.text.replace("\\*", ""):
            if weight >= WHOLE:
                patterns.append(pattern_of(answer.text))
                best = max(best, weight)
            elif weight > 0:
                raise QuestionFault(
                    f"the answer {shown(answer.text)} with `*` has a weight of {weight * 100:g}%, and only whole "
                    "answers may have wildcards; write out what it accepts",
                    "key",
                )
            continue  # a wildcard worth nothing only carries feedback
        best = max(best, weight)
        accepted: Question = {"text": answer.text.replace("\\*", "*")}
        if answer.weight is not None and weight < WHOLE:
            accepted["weight"] = weight
        if answer.feedback:
            accepted["feedback"] = answer.feedback
        accept.append(accepted)
    _whole(best)
    key: Question = {"accept": accept}
    if patterns:
        key["pattern"] = patterns[0] if len(patterns) == 1 else "|".join(f"(?:{one})" for one in patterns)
    return key


def pattern_of(text: str) -> str:
    """RE2 for a short answer with wildcards."""
    parts = [_RE2_SIGNS.sub(r"\\\g<0>", part.replace("\0", "*")) for part in text.replace("\\*", "\0").split("*")]
    return ".*".join(parts)


def number_key(answers: Iterable[tuple[Question, float, str]]) -> Question:
    """The key of a number; each answer is its value or range, its weight, its feedback."""
    accept: list[JsonValue] = []
    best = 0.0
    plain = True
    for numbers, weight, feedback in answers:
        accepted: Question = dict(numbers)
        if weight < WHOLE:
            accepted["weight"] = weight
        if feedback:
            accepted["feedback"] = feedback
        best = max(best, weight)
        plain = plain and weight >= WHOLE and not feedback
        accept.append(accepted)
    _whole(best)
    if plain and len(accept) == 1 and isinstance(accept[0], dict):
        return accept[0]
    return {"accept": accept}


def _whole(best: float) -> None:
    if best < WHOLE:
        raise QuestionFault(f"the best answer gives {best * 100:g}%; one must give 100%", "key")


def number(text: str, mend: str = "write one, as 3.14") -> float | int:
    """The number that `text` is; `mend` says how it should have been written."""
    written = text.strip().replace("−", "-")
    if _NUMBER.fullmatch(written) is None:
        comma = "," in written and _NUMBER.fullmatch(written.replace(",", ".")) is not None
        told = f"write {written.replace(',', '.')}" if comma else mend
        raise QuestionFault(f"{shown(text.strip())} is not a number; {told}", "key")
    value = float(written)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def true_or_false(truth: bool, feedback: dict[bool, str]) -> Question:
    """A `single` question with the two options that Moodle has words for and its files have not."""
    options: list[JsonValue] = []
    for meant, own_id, text in ((True, "true", "Верно"), (False, "false", "Неверно")):
        option: Question = {"id": own_id, "text": text}
        if feedback.get(meant):
            option["feedback"] = feedback[meant]
        options.append(option)
    return {"kind": "single", "options": options, "key": "true" if truth else "false"}
