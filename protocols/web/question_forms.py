"""Forms of questions: what was filled in, as members of a question in a bank file.

What does not fit, as letters in a number, is handed on as it was typed: whoever validates says what is wrong with it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from protocols.messages import DeclaredSubject, OwnField
from protocols.web.visit import Visit

Question: TypeAlias = dict[str, Any]  # Any: JSON, and not validated yet
MOST_ROWS: Final = 200
PICTURE_LIMIT: Final = 700_000  # bytes; as a data: URI that is just below what a text of a message holds
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def changes_of(visit: Visit, question: Question, subject: DeclaredSubject) -> Question:
    """The members that the form has, of a question that was `question`; None: to be left out."""
    changes: Question = {
        "topic": visit.one("topic"),
        "difficulty": _whole(visit.one("difficulty")),
        "text": _lines(visit.one("text")),
        "explanation": _lines(visit.one("explanation")) or None,
        "source": visit.filled("source"),
        "tags": [tag for part in visit.one("tags").split(",") if (tag := part.strip())] or None,
        "image": _image(visit, question),
    }
    if subject.extra is not None:
        given = {name: _own(visit, name, field) for name, field in subject.extra.items()}
        changes["extra"] = {name: value for name, value in given.items() if value is not None} or None
    match question["kind"]:
        case "single" | "multiple":
            changes |= _options(visit, question)
        case "order":
            changes |= _order(visit, question)
        case "match":
            changes |= _match(visit, question)
        case "text":
            changes["key"] = _text_key(visit, question)
        case _:
            changes["key"] = _number_key(visit, question)
    return changes


def _image(visit: Visit, question: Question) -> str | None:
    uploaded = visit.files.get("image")
    if uploaded is not None and uploaded.content:
        return "data:;base64," + base64.b64encode(uploaded.content).decode()
    if visit.one("without-image"):
        return None
    kept: str | None = question.get("image")
    return kept


def _own(visit: Visit, name: str, field: OwnField) -> object:
    value = visit.filled(f"extra-{name}")
    if value is None:
        return None
    match field.type:
        case "integer":
            return _whole(value)
        case "number":
            return _number(value)
        case "boolean":
            return {"yes": True, "no": False}.get(value, value)
    return value


def rows(visit: Visit, name: str, parts: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of fields `name-0-part`, each with its number; those with nothing filled in are left out."""
    for number in range(MOST_ROWS):
        if not any(f"{name}-{number}-{part}" in visit.form for part in parts):
            return
        row = {part: _lines(visit.one(f"{name}-{number}-{part}")) for part in parts}
        if any(row.values()):
            yield number, row


def _choices(
    visit: Visit, name: str, before: Sequence[Question], more: Sequence[str] = ()
) -> list[tuple[int, Question]]:
    """Choices with the numbers of their rows; those that were there keep their ids and pictures."""
    known = {choice["id"]: choice for choice in before}
    taken = set(known)
    found: list[tuple[int, Question]] = []
    for number, row in rows(visit, name, ("id", "text", *more)):
        old = known.get(row["id"], {})
        if not row["text"] and not old.get("image"):
            continue
        own_id = row["id"] if old else next(fresh for fresh in _fresh_ids() if fresh not in taken)
        taken.add(own_id)
        choice: Question = {"id": own_id, "text": row["text"]}
        if old.get("image"):
            choice["image"] = old["image"]
        if row.get("weight"):
            choice["weight"] = _number(row["weight"])
        if row.get("feedback"):
            choice["feedback"] = row["feedback"]
        found.append((number, choice))
    return found


def _fresh_ids() -> Iterator[str]:
    yield from _LETTERS
    for number in range(1, 1000):
        yield str(number)


def _options(visit: Visit, question: Question) -> Question:
    found = _choices(visit, "option", question["options"], ("weight", "feedback"))
    right = [choice["id"] for number, choice in found if str(number) in visit.all("right")]
    key: object = right if question["kind"] == "multiple" else (right[0] if right else "")
    return {"options": [choice for _, choice in found], "key": key}


def _order(visit: Visit, question: Question) -> Question:
    found = _choices(visit, "option", question["options"])

    def place(numbered: tuple[int, Question]) -> float:
        value = _number(visit.one(f"option-{numbered[0]}-place"))
        return value if isinstance(value, int | float) else MOST_ROWS

    key = [choice["id"] for _, choice in sorted(found, key=place)]
    return {"options": [choice for _, choice in found], "key": key}


def _match(visit: Visit, question: Question) -> Question:
    left = _choices(visit, "left", question["left"])
    right = _choices(visit, "right", question["right"])
    by_row = {str(number): choice["id"] for number, choice in right}
    pairs = {choice["id"]: by_row.get(visit.one(f"left-{number}-pair")) for number, choice in left}
    return {
        "left": [choice for _, choice in left],
        "right": [choice for _, choice in right],
        "key": {name: partner for name, partner in pairs.items() if partner is not None},
    }


def _text_key(visit: Visit, question: Question) -> Question:
    key: Question = {}
    accept = []
    for _, row in rows(visit, "accept", ("text", "weight", "feedback")):
        one = _weighted({"text": row["text"]}, row)
        accept.append(row["text"] if len(one) == 1 else one)
    if accept:
        key["accept"] = accept
    if pattern := visit.filled("pattern"):
        key["pattern"] = pattern
    if visit.one("case_sensitive"):
        key["case_sensitive"] = True
    return key


def _number_key(visit: Visit, question: Question) -> Question:
    accept = []
    for _, row in rows(visit, "accept", ("value", "tolerance", "min", "max", "weight", "feedback")):
        one = {name: _number(row[name]) for name in ("value", "tolerance", "min", "max") if row[name]}
        accept.append(_weighted(one, row))
    if len(accept) == 1 and not accept[0].keys() & {"weight", "feedback"}:
        return accept[0]
    return {"accept": accept}


def _weighted(one: Question, row: dict[str, str]) -> Question:
    if row["weight"]:
        one["weight"] = _number(row["weight"])
    if row["feedback"]:
        one["feedback"] = row["feedback"]
    return one


def _lines(text: str) -> str:
    """Browsers send the ends of lines as in Internet mail."""
    return text.replace("\r\n", "\n").strip()


def _whole(text: str) -> object:
    return _as(int, text)


def _number(text: str) -> object:
    """`0,5` is one, too."""
    value = _as(float, text.replace(",", ".").replace("−", "-"))
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _as(kind: Callable[[str], object], text: str) -> object:
    try:
        return kind(text)
    except ValueError:
        return text
