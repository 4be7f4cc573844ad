"""Reading Moodle GIFT: https://docs.moodle.org/en/GIFT_format.

What the format has and questions here have not: a title is used for the question's id, the category for its
topic. Feedback for every wrong number (`~#...`) and a bare `*` answer only carry feedback, and are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import JsonValue

from protocols.messages import EntryError, SkippedEntry, Topic
from storage.banks.answers import (
    WHOLE,
    Accepted,
    letter,
    number,
    number_key,
    put_weights,
    several,
    text_key,
    true_or_false,
)
from storage.banks.file import MAX_QUESTIONS, BankFile, BankFileError, QuestionFault, place, shown
from storage.banks.gift_parser import (
    Block,
    GiftQuestion,
    blocks,
    format_of,
    freed,
    noted_id,
    noted_tags,
    parse,
)
from storage.banks.inline import take_pictures
from storage.banks.markup import TextFormat, to_markdown, to_plain
from storage.banks.naming import GENERAL, Unnamed, id_of, named, take_tags, topic_of
from storage.banks.slugs import digest

_WEIGHT = re.compile(r"%\s*([-+−]?[0-9]{1,3}(?:[.,][0-9]{1,10})?)\s*%")
_EMBEDDED = re.compile(r"[0-9]{0,3}:[A-Z_]{2,}:")
_TRUE_FALSE = {"T": True, "TRUE": True, "F": False, "FALSE": False}

Question = dict[str, JsonValue]


@dataclass(frozen=True)
class _Answer:
    """One piece between the signs `=` and `~`. `weight` is None where no percentage is given."""

    right: bool
    weight: float | None
    text: str
    feedback: str


def read_gift(text: str) -> BankFile:
    """The questions of a GIFT file. A malformed one is an error and does not spoil those after it."""
    topics: dict[str, Topic] = {}
    topic = GENERAL
    read: list[Unnamed] = []
    skipped: list[SkippedEntry] = []
    errors: list[EntryError] = []
    for count, block in enumerate(blocks(text)):
        if count >= MAX_QUESTIONS:
            raise BankFileError(f"line {block.line}: more than {MAX_QUESTIONS} questions; split the file")
        where = place(block.line, noted_id(block.comments))
        if block.category is not None:
            topic = topic_of(block.category, noted_id(block.comments))
            continue
        try:
            parsed = parse(block)
            reason = _ungradable(parsed)
            if reason is not None:
                skipped.append(SkippedEntry(where=where, reason=reason))
                continue
            question = _question(parsed)
        except QuestionFault as error:
            errors.append(EntryError(where=where, path=error.path, message=error.message))
            continue
        topics.setdefault(topic.slug, topic)
        read.append(_noted(block, parsed, topic, question))
    entries = named(read, skipped, "gift")
    return BankFile(
        format="gift",
        topics=list(topics.values()),
        entries=entries,
        skipped=skipped,
        errors=errors,
        derived=True,
    )


def _noted(block: Block, parsed: GiftQuestion, topic: Topic, question: Question) -> Unnamed:
    take_tags(question, noted_tags(block.comments))
    own_id = id_of(noted_id(block.comments))
    content = f"{parsed.title}\n{parsed.text}\n{parsed.answers}\n{parsed.feedback}" if own_id is None else ""
    return Unnamed(
        line=block.line,
        title=to_plain(freed(parsed.title, breaks=False), "plain"),
        digest=digest(" ".join(content.split())),
        own_id=own_id,
        topic=topic.slug,
        question=question,
    )


# --- One question -------------------------------------------------------------------------------------------


def _ungradable(parsed: GiftQuestion) -> str | None:
    if parsed.answers is None:
        return "a description: there is nothing to answer"
    if not parsed.answers:
        return "an essay: a machine cannot grade it"
    return None


def _question(parsed: GiftQuestion) -> Question:
    answers = parsed.answers or ""
    format, text = format_of(parsed.text, "moodle")
    said, pictures = take_pictures(freed(text, breaks=True), format)
    text = to_markdown(said, format) or to_markdown(freed(parsed.title, breaks=True), "plain")
    if not text:
        raise QuestionFault("the question has no text; write what is asked before the answers", "text")
    if _EMBEDDED.match(answers):
        told = "an embedded answer of Moodle's Cloze type, which GIFT cannot express; export the question as Moodle XML"
        raise QuestionFault(told, "key")
    if answers.startswith("#"):
        question = _number(answers[1:], format)
    elif "~" in answers:
        question = _choices(answers, format)
    elif "=" in answers and "->" in answers:
        question = _match(answers, format)
    elif _truth(answers) is not None:
        question = _true_false(answers, format)
    else:
        question = _text(answers, format)
    question["text"] = text
    if pictures:
        question["image"] = pictures[0]
    explanation = _markdown(parsed.feedback, format)
    if explanation:
        question["explanation"] = explanation
    return question


def _markdown(text: str, default: TextFormat) -> str:
    return _pictured(text, default)[0]


def _pictured(text: str, default: TextFormat) -> tuple[str, str | None]:
    """Markdown, and the first picture that stood in it."""
    format, text = format_of(text, default)
    text, pictures = take_pictures(freed(text, breaks=True), format)
    return to_markdown(text, format), pictures[0] if pictures else None


def _plain(text: str, default: TextFormat) -> str:
    format, text = format_of(text, default)
    return to_plain(freed(text, breaks=True), format)


def _pieces(answers: str, signs: str) -> list[_Answer]:
    """The answers that begin with one of `signs`; what stands before the first of them is an answer, too."""
    pieces: list[_Answer] = []
    for piece in re.split(f"(?=[{signs}])", answers):
        right = piece[:1] == "="
        body = piece[1:] if piece[:1] and piece[0] in signs else piece
        body = body.strip()
        if not body:
            continue  # the `~` of `~=right`, or space before the first sign
        weight, body = _weight(body)
        text, _, feedback = body.partition("#")
        pieces.append(_Answer(right or piece[:1] not in signs, weight, text.strip(), feedback.strip()))
    return pieces


def _weight(body: str) -> tuple[float | None, str]:
    found = _WEIGHT.match(body)
    if found is None:
        if re.match(r"%[^%\s]{0,20}%", body):
            wrong = body[: body.index("%", 1) + 1]
            raise QuestionFault(f"{shown(wrong)} is no weight; write a percentage, as %50% or %-33.333%", "key")
        return None, body
    percent = float(found[1].replace(",", ".").replace("−", "-"))
    if not -100 <= percent <= 100:
        raise QuestionFault(f"the weight {found[0]} is beyond 100 percent", "key")
    return round(percent / 100, 10), body[found.end() :].strip()


def _choices(answers: str, format: TextFormat) -> Question:
    pieces = _pieces(answers, "=~")
    if len(pieces) < 2:
        raise QuestionFault("only one choice; offer at least two, each after `=` or `~`", "options")
    weights = [piece.weight if piece.weight is not None else (1.0 if piece.right else 0.0) for piece in pieces]
    options: list[Question] = []
    for at, piece in enumerate(pieces):
        text, picture = _pictured(piece.text, format)
        option: Question = {"id": letter(at), "text": text}
        if picture is not None:
            option["image"] = picture
        if piece.feedback and (feedback := _markdown(piece.feedback, format)):
            option["feedback"] = feedback
        options.append(option)
    marked = any(piece.right for piece in pieces)
    rights = [at for at, weight in enumerate(weights) if weight >= WHOLE] if marked else []
    partial = any(0 < abs(weight) < WHOLE or weight < 0 for weight in weights)
    if len(rights) == 1:
        if partial:
            put_weights(options, weights)
        return {"kind": "single", "options": list[JsonValue](options), "key": letter(rights[0])}
    if not any(weight > 0 for weight in weights):
        raise QuestionFault("no right answer; put `=` before it, or give right answers weights, as ~%50%", "key")
    if marked and not partial:
        return {"kind": "multiple", "options": list[JsonValue](options), "key": [letter(at) for at in rights]}
    if marked:
        # Several whole answers beside partial ones: in shares of what all of them give together.
        total = sum(weight for weight in weights if weight > 0)
        weights = [weight / max(total, WHOLE) if weight > 0 else weight for weight in weights]
    return several(options, weights)


def _truth(answers: str) -> bool | None:
    word = answers.partition("#")[0].strip()
    return _TRUE_FALSE.get(word if len(word) == 1 else word.upper())


def _true_false(answers: str, format: TextFormat) -> Question:
    if_wrong, _, if_right = answers.partition("#")[2].partition("#")
    truth = bool(_truth(answers))
    feedback = {truth: _markdown(if_right.strip(), format), not truth: _markdown(if_wrong.strip(), format)}
    return true_or_false(truth, feedback)


def _text(answers: str, format: TextFormat) -> Question:
    accepted = [
        Accepted(_plain(piece.text, format), piece.weight, _markdown(piece.feedback, format))
        for piece in _pieces(answers, "=")
    ]
    return {"kind": "text", "key": text_key(accepted)}


def _number(answers: str, format: TextFormat) -> Question:
    # After `~` stands only what is told to those who are wrong.
    accepted = []
    for piece in _pieces(answers.partition("~")[0], "="):
        text = freed(piece.text, breaks=False).strip()
        if text != "*":
            weight = 1.0 if piece.weight is None else piece.weight
            accepted.append((_range(text), weight, _markdown(piece.feedback, format)))
    if not accepted:
        raise QuestionFault("no number after `#`; write one, as {#3.14:0.01} or {#3..4}", "key")
    return {"kind": "number", "key": number_key(accepted)}


def _range(text: str) -> dict[str, JsonValue]:
    if ".." in text:
        low, _, high = text.partition("..")
        return {"min": _float(low), "max": _float(high)}
    value, separator, tolerance = text.partition(":")
    return {"value": _float(value), "tolerance": _float(tolerance)} if separator else {"value": _float(value)}


def _float(text: str) -> float | int:
    return number(text, "write one, as 3.14, 3.14:0.01 or 3..4")


def _match(answers: str, format: TextFormat) -> Question:
    left: list[JsonValue] = []
    right: list[JsonValue] = []
    known: dict[str, str] = {}
    key: dict[str, JsonValue] = {}
    for pair in answers.split("="):
        if not pair.strip():
            continue
        asked, arrow, answer = pair.partition("->")
        if not arrow:
            raise QuestionFault(f"the pair {shown(freed(pair, breaks=False))} has no `->`; write =left -> right", "key")
        offered = to_markdown(freed(answer, breaks=True), "plain")
        if not offered:
            raise QuestionFault(f"nothing stands after `->` in {shown(freed(pair, breaks=False))}; add it", "right")
        if offered not in known:
            known[offered] = f"r{len(known) + 1}"
            right.append({"id": known[offered], "text": offered})
        said = _markdown(asked.strip(), format)
        if said:
            own_id = f"l{len(left) + 1}"
            left.append({"id": own_id, "text": said})
            key[own_id] = known[offered]
    if len(right) < 2 or not left:
        raise QuestionFault("at least two pairs `=left -> right` are needed", "left")
    return {"kind": "match", "left": left, "right": right, "key": key}
