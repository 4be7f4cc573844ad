"""Moodle's embedded answers ("Cloze") with a single gap: https://docs.moodle.org/en/Embedded_Answers_(Cloze)_question_type."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import JsonValue

from storage.banks.answers import WHOLE, Accepted, letter, number, number_key, put_weights, several, text_key
from storage.banks.file import QuestionFault, shown
from storage.banks.markup import to_markdown, to_plain

_GAP = re.compile(r"(?<!\\)\{([0-9]{0,3}):([A-Z_]+):((?:\\.|[^\\{}]|\{[^{}]*\})*)\}", re.DOTALL)
_ANSWER = re.compile(r"(?<!\\)~")
_WEIGHT = re.compile(r"\s*(?:(=)|%(-?[0-9]{1,3}(?:[.,][0-9]{1,10})?)%)")
_SHORT = ("SHORTANSWER", "SA", "MW", "SHORTANSWER_C", "SAC", "MWC")
_SINGLE = ("MULTICHOICE", "MC", "MULTICHOICE_V", "MCV", "MULTICHOICE_H", "MCH")
_SINGLE_SHUFFLED = ("MULTICHOICE_S", "MCS", "MULTICHOICE_VS", "MCVS", "MULTICHOICE_HS", "MCHS")
_SEVERAL = ("MULTIRESPONSE", "MR", "MULTIRESPONSE_H", "MRH", "MULTIRESPONSE_S", "MRS", "MULTIRESPONSE_HS", "MRHS")

Question = dict[str, JsonValue]


@dataclass(frozen=True)
class Gap:
    """The text with its gap, and the members of a question that say how it is filled."""

    text: str
    answers: Question


def one_gap(text: str) -> Gap | str:
    """The question that a text with one gap is; or why there is none. Raises `QuestionFault`."""
    gaps = list(_GAP.finditer(text))
    if not gaps:
        raise QuestionFault("no gap that can be read; write it as {1:SHORTANSWER:=answer}", "text")
    if len(gaps) > 1:
        return f"it has {len(gaps)} gaps, and a question here asks one thing; split it"
    gap = gaps[0]
    return Gap(text[: gap.start()] + "_____" + text[gap.end() :], _answers(gap[2], gap[3]))


def _answers(kind: str, body: str) -> Question:
    found = [_answer(piece) for piece in _ANSWER.split(body) if piece.strip()]
    if kind in _SHORT:
        key = text_key(Accepted(to_plain(text, "html"), weight, _rich(feedback)) for text, weight, feedback in found)
        if kind.endswith("C"):
            key["case_sensitive"] = True
        return {"kind": "text", "key": key}
    if kind in ("NUMERICAL", "NM"):
        numbers = [(_number(text), weight, _rich(feedback)) for text, weight, feedback in found if text.strip() != "*"]
        return {"kind": "number", "key": number_key(numbers)}
    if kind not in (*_SINGLE, *_SINGLE_SHUFFLED, *_SEVERAL):
        raise QuestionFault(f"{shown(kind)} is no kind of gap", "text")
    options: list[Question] = []
    for at, (text, _, feedback) in enumerate(found):
        option: Question = {"id": letter(at), "text": _rich(text)}
        if feedback:
            option["feedback"] = _rich(feedback)
        options.append(option)
    weights = [weight for _, weight, _ in found]
    if len(options) < 2:
        raise QuestionFault("only one choice in the gap; offer at least two", "options")
    if kind in _SEVERAL:
        return several(options, [weight if weight < WHOLE else 1.0 for weight in _shared(weights)])
    rights = [at for at, weight in enumerate(weights) if weight >= WHOLE]
    if not rights:
        raise QuestionFault("no right answer in the gap; put `=` before it", "key")
    if any(weight != 0 and at != rights[0] for at, weight in enumerate(weights)):
        put_weights(options, weights)
    return {"kind": "single", "options": list[JsonValue](options), "key": letter(rights[0])}


def _shared(weights: list[float]) -> list[float]:
    """Whole answers of a gap with several are shares of all of them together."""
    total = sum(weight for weight in weights if weight > 0)
    return [weight / total if weight > 0 and total > 1 else weight for weight in weights]


def _answer(piece: str) -> tuple[str, float, str]:
    weight = 0.0
    found = _WEIGHT.match(piece)
    if found is not None:
        weight = 1.0 if found[1] else float(found[2].replace(",", ".")) / 100
        piece = piece[found.end() :]
    if not -1 <= weight <= 1:
        raise QuestionFault(f"the weight {weight * 100:g}% is beyond 100 percent", "key")
    text, _, feedback = piece.partition("#")
    return _freed(text), weight, _freed(feedback)


def _freed(text: str) -> str:
    return re.sub(r"\\([}#~/\"\\])", r"\1", text).strip()


def _rich(text: str) -> str:
    return to_markdown(text, "html")


def _number(text: str) -> Question:
    value, colon, tolerance = text.replace(",", ".").partition(":")
    told = "write one, as 3.14:0.01"
    return (
        {"value": number(value, told), "tolerance": abs(number(tolerance, told))}
        if colon
        else {"value": number(value, told)}
    )
