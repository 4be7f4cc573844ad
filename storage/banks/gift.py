"""Reading Moodle GIFT: https://docs.moodle.org/en/GIFT_format.

What the format has and questions here have not: a title is used for the question's id, the category for its
topic. Feedback for every wrong number (`~#...`) and a bare `*` answer only carry feedback, and are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pydantic import JsonValue

from protocols.messages import EntryError, SkippedEntry, Topic
from storage.banks.file import MAX_QUESTIONS, BankFile, BankFileError, Entry, place, shown
from storage.banks.gift_parser import (
    Block,
    GiftError,
    GiftQuestion,
    blocks,
    format_of,
    freed,
    noted_id,
    noted_tags,
    parse,
)
from storage.banks.markup import TextFormat, to_markdown, to_plain
from storage.banks.slugs import digest, slug_of, slug_or_hash

_GENERAL = Topic(slug="general", title={"ru": "Общее", "en": "General"})
_DEFAULT_DIFFICULTY = 3

_WEIGHT = re.compile(r"%\s*([-+−]?[0-9]{1,3}(?:[.,][0-9]{1,10})?)\s*%")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_TRUE_FALSE = {"T": True, "TRUE": True, "F": False, "FALSE": False}
_PREFIX = re.compile(r"\$[a-z]+[0-9]*\$")
_RE2_SIGNS = re.compile(r"[\\.+*?()|\[\]{}^$]")
_NOT_IN_ID = re.compile(r"[\x00-\x20/\\?#%\x7f]+")
_WHOLE = 0.999

Question = dict[str, JsonValue]


@dataclass(frozen=True)
class _Answer:
    """One piece between the signs `=` and `~`. `weight` is None where no percentage is given."""

    right: bool
    weight: float | None
    text: str
    feedback: str


@dataclass(frozen=True)
class _Read:
    line: int
    title: str
    digest: str
    own_id: str | None
    topic: str
    question: Question


def read_gift(text: str) -> BankFile:
    """The questions of a GIFT file. A malformed one is an error and does not spoil those after it."""
    topics: dict[str, Topic] = {}
    topic = _GENERAL
    read: list[_Read] = []
    skipped: list[SkippedEntry] = []
    errors: list[EntryError] = []
    for count, block in enumerate(blocks(text)):
        if count >= MAX_QUESTIONS:
            raise BankFileError(f"line {block.line}: more than {MAX_QUESTIONS} questions; split the file")
        where = place(block.line, noted_id(block.comments))
        if block.category is not None:
            topic = _topic(block.category)
            continue
        try:
            parsed = parse(block)
            reason = _ungradable(parsed)
            if reason is not None:
                skipped.append(SkippedEntry(where=where, reason=reason))
                continue
            question = _question(parsed)
        except GiftError as error:
            errors.append(EntryError(where=where, path=error.path, message=error.message))
            continue
        topics.setdefault(topic.slug, topic)
        read.append(_noted(block, parsed, topic, question))
    entries = _named(read, skipped)
    return BankFile(
        format="gift",
        topics=list(topics.values()),
        entries=entries,
        skipped=skipped,
        errors=errors,
        derived=True,
    )


def _topic(category: str) -> Topic:
    """The topic of `$course$/top/Biology/The cell`: its last part that says something."""
    parts = [part.replace("\0", "/").strip() for part in category.replace("//", "\0").split("/")]
    named = [part for part in parts if part and part.lower() != "top" and not _PREFIX.fullmatch(part)]
    title = to_plain(named[-1], "html")[:200] if named else ""
    return Topic(slug=slug_or_hash(title, "topic"), title={"ru": title}) if title else _GENERAL


def _noted(block: Block, parsed: GiftQuestion, topic: Topic, question: Question) -> _Read:
    tags = [tag[:64] for tag in noted_tags(block.comments) if tag]
    if tags:
        question["tags"] = list[JsonValue](tags)
    own_id = noted_id(block.comments)
    content = " ".join(f"{parsed.title}\n{parsed.text}\n{parsed.answers}\n{parsed.feedback}".split())
    return _Read(
        line=block.line,
        title=to_plain(freed(parsed.title, breaks=False), "plain"),
        digest=digest(content),
        own_id=None if own_id is None else _NOT_IN_ID.sub("-", own_id)[:100] or None,
        topic=topic.slug,
        question=question,
    )


def _named(read: list[_Read], skipped: list[SkippedEntry]) -> list[Entry]:
    """Gives each question its id: the noted one, else its title where that is its own, else a hash of it."""
    slugs = Counter(slug_of(item.title) for item in read if item.own_id is None)
    slugs.update(item.own_id for item in read if item.own_id is not None)
    entries: list[Entry] = []
    lines: dict[str, int] = {}
    for item in read:
        slug = slug_of(item.title)
        own_id = item.own_id or (slug if slug and slugs[slug] == 1 else f"gift-{item.digest}")
        if item.own_id is None and own_id in lines:
            reason = f"the same question as in line {lines[own_id]}"
            skipped.append(SkippedEntry(where=place(item.line, own_id), reason=reason))
            continue
        lines.setdefault(own_id, item.line)
        content: Question = {
            "id": own_id,
            "topic": item.topic,
            "difficulty": _DEFAULT_DIFFICULTY,
            **item.question,
        }
        entries.append(Entry(place(item.line, own_id), content))
    return entries


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
    text = to_markdown(freed(text, breaks=True), format) or to_markdown(freed(parsed.title, breaks=True), "plain")
    if not text:
        raise GiftError("the question has no text; write what is asked before the answers", "text")
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
    explanation = _markdown(parsed.feedback, format)
    if explanation:
        question["explanation"] = explanation
    return question


def _markdown(text: str, default: TextFormat) -> str:
    format, text = format_of(text, default)
    return to_markdown(freed(text, breaks=True), format)


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
            raise GiftError(f"{shown(wrong)} is no weight; write a percentage, as %50% or %-33.333%", "key")
        return None, body
    percent = float(found[1].replace(",", ".").replace("−", "-"))
    if not -100 <= percent <= 100:
        raise GiftError(f"the weight {found[0]} is beyond 100 percent", "key")
    return round(percent / 100, 7), body[found.end() :].strip()


def _choices(answers: str, format: TextFormat) -> Question:
    pieces = _pieces(answers, "=~")
    if len(pieces) < 2:
        raise GiftError("only one choice; offer at least two, each after `=` or `~`", "options")
    weights = [piece.weight if piece.weight is not None else (1.0 if piece.right else 0.0) for piece in pieces]
    options: list[JsonValue] = []
    for at, piece in enumerate(pieces):
        option: dict[str, JsonValue] = {"id": _letter(at), "text": _markdown(piece.text, format)}
        if piece.feedback and (feedback := _markdown(piece.feedback, format)):
            option["feedback"] = feedback
        options.append(option)
    marked = any(piece.right for piece in pieces)
    rights = [at for at, weight in enumerate(weights) if weight >= _WHOLE] if marked else []
    partial = any(0 < abs(weight) < _WHOLE or weight < 0 for weight in weights)
    if len(rights) == 1:
        if partial:
            _put_weights(options, weights)
        return {"kind": "single", "options": options, "key": _letter(rights[0])}
    chosen = [at for at, weight in enumerate(weights) if weight > 0]
    total = sum(weights[at] for at in chosen)
    if not chosen:
        raise GiftError("no right answer; put `=` before it, or give right answers weights, as ~%50%", "key")
    if total < _WHOLE:
        raise GiftError(f"the weights of the right answers add up to {total * 100:g}%; they must give 100%", "options")
    if partial and marked:
        # Several whole answers beside partial ones: in shares of what all of them give together.
        weights = [weight / total if weight > 0 else weight for weight in weights]
    if partial or not marked:
        _put_weights(options, weights)
    return {"kind": "multiple", "options": options, "key": [_letter(at) for at in chosen]}


def _put_weights(options: list[JsonValue], weights: list[float]) -> None:
    for option, weight in zip(options, weights, strict=True):
        assert isinstance(option, dict)
        option["weight"] = weight


def _letter(at: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[at] if at < 26 else f"o{at + 1}"


def _truth(answers: str) -> bool | None:
    word = answers.partition("#")[0].strip()
    return _TRUE_FALSE.get(word if len(word) == 1 else word.upper())


def _true_false(answers: str, format: TextFormat) -> Question:
    if_wrong, _, if_right = answers.partition("#")[2].partition("#")
    truth = _truth(answers)
    options: list[JsonValue] = []
    for meant, own_id, text in ((True, "true", "Верно"), (False, "false", "Неверно")):
        option: dict[str, JsonValue] = {"id": own_id, "text": text}
        feedback = _markdown((if_right if meant is truth else if_wrong).strip(), format)
        if feedback:
            option["feedback"] = feedback
        options.append(option)
    return {"kind": "single", "options": options, "key": "true" if truth else "false"}


def _text(answers: str, format: TextFormat) -> Question:
    accept: list[JsonValue] = []
    patterns: list[str] = []
    best = 0.0
    for piece in _pieces(answers, "="):
        weight = 1.0 if piece.weight is None else piece.weight
        text = _plain(piece.text, format)
        if not text:
            raise GiftError("an accepted answer is empty; write it after `=`", "key")
        if "*" in text.replace("\\*", ""):
            if weight >= _WHOLE:
                patterns.append(_pattern(text))
                best = max(best, weight)
            elif weight > 0:
                raise GiftError(
                    f"the answer {shown(text)} with `*` has a weight of {weight * 100:g}%, and only whole "
                    "answers may have wildcards; write out what it accepts",
                    "key",
                )
            continue  # a wildcard worth nothing only carries feedback
        best = max(best, weight)
        accepted: dict[str, JsonValue] = {"text": text.replace("\\*", "*")}
        if piece.weight is not None and weight < _WHOLE:
            accepted["weight"] = weight
        if piece.feedback and (feedback := _markdown(piece.feedback, format)):
            accepted["feedback"] = feedback
        accept.append(accepted)
    _whole(best)
    key: dict[str, JsonValue] = {"accept": accept}
    if patterns:
        key["pattern"] = "|".join(patterns) if len(patterns) == 1 else "|".join(f"(?:{one})" for one in patterns)
    return {"kind": "text", "key": key}


def _pattern(text: str) -> str:
    """RE2 for a short answer of Moodle, where `*` stands for anything and `\\*` for itself."""
    parts = [_RE2_SIGNS.sub(r"\\\g<0>", part.replace("\0", "*")) for part in text.replace("\\*", "\0").split("*")]
    return ".*".join(parts)


def _whole(best: float) -> None:
    if best < _WHOLE:
        raise GiftError(f"the best answer gives {best * 100:g}%; one must give 100%", "key")


def _number(answers: str, format: TextFormat) -> Question:
    # After `~` stands only what is told to those who are wrong.
    pieces = _pieces(answers.partition("~")[0], "=")
    accept: list[JsonValue] = []
    best = 0.0
    plain = True
    for piece in pieces:
        text = freed(piece.text, breaks=False).strip()
        if text == "*":
            continue
        weight = 1.0 if piece.weight is None else piece.weight
        accepted: dict[str, JsonValue] = dict(_range(text))
        feedback = _markdown(piece.feedback, format)
        if weight < _WHOLE:
            accepted["weight"] = weight
        if feedback:
            accepted["feedback"] = feedback
        best = max(best, weight)
        plain = plain and weight >= _WHOLE and not feedback
        accept.append(accepted)
    if not accept:
        raise GiftError("no number after `#`; write one, as {#3.14:0.01} or {#3..4}", "key")
    _whole(best)
    return {"kind": "number", "key": accept[0] if plain and len(accept) == 1 else {"accept": accept}}


def _range(text: str) -> dict[str, JsonValue]:
    if ".." in text:
        low, _, high = text.partition("..")
        return {"min": _float(low), "max": _float(high)}
    value, separator, tolerance = text.partition(":")
    return {"value": _float(value), "tolerance": _float(tolerance)} if separator else {"value": _float(value)}


def _float(text: str) -> float | int:
    written = text.strip().replace("−", "-")
    if _NUMBER.fullmatch(written) is None:
        comma = "," in written and _NUMBER.fullmatch(written.replace(",", ".")) is not None
        mend = f"write {written.replace(',', '.')}" if comma else "write one, as 3.14, 3.14:0.01 or 3..4"
        raise GiftError(f"{shown(text.strip())} is not a number; {mend}", "key")
    number = float(written)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


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
            raise GiftError(f"the pair {shown(freed(pair, breaks=False))} has no `->`; write =left -> right", "key")
        offered = to_markdown(freed(answer, breaks=True), "plain")
        if not offered:
            raise GiftError(f"nothing stands after `->` in {shown(freed(pair, breaks=False))}; add it", "right")
        if offered not in known:
            known[offered] = f"r{len(known) + 1}"
            right.append({"id": known[offered], "text": offered})
        said = _markdown(asked.strip(), format)
        if said:
            own_id = f"l{len(left) + 1}"
            left.append({"id": own_id, "text": said})
            key[own_id] = known[offered]
    if len(right) < 2 or not left:
        raise GiftError("at least two pairs `=left -> right` are needed", "left")
    return {"kind": "match", "left": left, "right": right, "key": key}
