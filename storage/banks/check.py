"""Whether the questions of a bank file are questions of its subject."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, ValidationError

from protocols.messages import (
    AcceptedNumber,
    AcceptedText,
    AnyQuestion,
    Choice,
    EntryError,
    Kind,
    NumberKey,
    Option,
    QuestionBase,
    Subject,
    TextKey,
    Topic,
)
from storage.banks.faults import did_you_mean, faults
from storage.banks.file import BankFile, BankFileError, Entry, shown
from storage.banks.subjects import BASES, question_models

MAX_ERRORS = 1000
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Checked:
    """The subject as it will be once the file is imported, and its valid questions with where they stand."""

    subject: Subject
    questions: list[tuple[str, AnyQuestion]] = field(default_factory=list)
    errors: list[EntryError] = field(default_factory=list)


def check(bank: BankFile, known: Subject | None, requested: str | None) -> Checked:
    """Validates every entry of `bank`; `known` is the subject as kept, `requested` the slug asked for.

    At most `MAX_ERRORS` errors are told, and one more says how many there are beyond.
    Raises `BankFileError` where there is no telling which subject the file belongs to.
    """
    subject = _subject(bank, known, requested)
    questions: list[tuple[str, AnyQuestion]] = []
    errors = list(bank.errors)
    seen: dict[str, str] = {}
    models = question_models(subject)
    titles = _titles(subject)
    for entry in bank.entries:
        topic = entry.content.get("topic")
        if isinstance(topic, str) and (slug := titles.get(topic.strip().casefold())) is not None:
            entry.content["topic"] = slug
        found = _faults(entry, subject, models, seen, questions)
        errors.extend(EntryError(where=entry.place_of(path), path=path, message=message) for path, message in found)
    errors.sort(key=_place)
    if len(errors) > MAX_ERRORS:
        more = len(errors) - MAX_ERRORS
        errors[MAX_ERRORS:] = [EntryError(where="file", path="", message=f"and {more} more errors")]
    return Checked(subject, questions, errors)


def _place(error: EntryError) -> tuple[str, int]:
    """From the top down: the sheet, where there is one, and the number of the line or row."""
    in_text = error.where.startswith("line ")
    sheet, cell = ("", error.where) if in_text else error.where.rpartition("!")[::2]
    number = _NUMBER.search(cell)
    return sheet, int(number[0]) if number is not None else 0


def _titles(subject: Subject) -> dict[str, str]:
    """The slugs of topics by their titles in each language, which people write for them; where it is one topic's."""
    named: dict[str, set[str]] = {}
    for topic in subject.topics:
        for title in topic.title.values():
            named.setdefault(title.strip().casefold(), set()).add(topic.slug)
    slugs = {topic.slug for topic in subject.topics}
    return {title: found.pop() for title, found in named.items() if len(found) == 1 and title not in slugs}


def _faults(
    entry: Entry,
    subject: Subject,
    models: Mapping[Kind, type[QuestionBase]],
    seen: dict[str, str],
    questions: list[tuple[str, AnyQuestion]],
) -> list[tuple[str, str]]:
    """What is wrong with an entry; where nothing is, the question is added to `questions`."""
    found: list[tuple[str, str]] = []
    own_id = entry.content.get("id")
    if isinstance(own_id, str):
        if own_id in seen:
            found.append(("id", f"{shown(own_id)} is already the id of {seen[own_id]}; an id is its own in a subject"))
        seen.setdefault(own_id, entry.where)
    name = entry.content.get("kind")
    kind = next((kind for kind in BASES if kind == name), None)
    if kind is None or kind not in models:
        return [*found, ("kind", _kind_fault(name, kind, subject))]
    try:
        question = models[kind].model_validate(entry.content)
    except ValidationError as error:
        return found + faults(error, _known_fields(kind, subject))
    if not found:
        questions.append((entry.where, _plain(question, BASES[kind])))
    return found


def _kind_fault(name: JsonValue, kind: Kind | None, subject: Subject) -> str:
    allowed = ", ".join(subject.kinds)
    if name is None:
        return f"`kind` is missing; give one of {allowed}"
    if kind is not None:
        return f"the subject `{subject.slug}` has no questions of kind {kind}; its kinds are {allowed}"
    return f"{shown(name)} is no kind of question; {did_you_mean(str(name), subject.kinds)}"


def _plain(question: BaseModel, base: type[AnyQuestion]) -> AnyQuestion:
    """The question as the class that everybody knows; one made for a subject cannot leave its process."""
    members = dict(question.__dict__)
    extra = members["extra"]
    if isinstance(extra, BaseModel):
        members["extra"] = extra.model_dump(mode="json", by_alias=True, exclude_none=True)
    return base.model_construct(_fields_set=set(question.model_fields_set), **members)


def _known_fields(kind: Kind, subject: Subject) -> dict[str, tuple[str, ...]]:
    known = {
        "": tuple(BASES[kind].model_fields),
        "options": tuple(Option.model_fields),
        "left": tuple(Choice.model_fields),
        "right": tuple(Choice.model_fields),
        "extra": tuple(subject.extra or ()),
    }
    if kind == "text":
        known |= {"key": tuple(TextKey.model_fields), "key.accept": tuple(AcceptedText.model_fields)}
    elif kind == "number":
        known |= {"key": tuple(NumberKey.model_fields), "key.accept": tuple(AcceptedNumber.model_fields)}
    return known


# --- The subject --------------------------------------------------------------------------------------------


def _subject(bank: BankFile, known: Subject | None, requested: str | None) -> Subject:
    said = bank.declaration.slug if bank.declaration is not None else bank.subject
    slug = said or requested or (known.slug if known is not None else None)
    if slug is None:
        raise _unplaced(
            "the file names no subject; add `subject: SLUG` at its top, or give one with it:"
            " `--subject SLUG` on the command line, the part `subject` over HTTP"
        )
    if requested is not None and requested != slug:
        raise _unplaced(f"the file is for `{slug}`, but `{requested}` was asked for; choose the one that is meant")
    if known is not None and known.slug != slug:
        raise _unplaced(f"the file is for `{slug}`, not for `{known.slug}`")
    if bank.declaration is not None:
        return bank.declaration if known is None else _with_topics(bank.declaration, known.topics, replace=False)
    if known is not None:
        return _with_topics(known, tuple(bank.topics), replace=not bank.derived)
    topics = tuple(bank.topics) or _used_topics(bank)
    return _declared({"slug": slug, "title": bank.title or {"ru": slug}, "topics": topics})


def _with_topics(subject: Subject, topics: tuple[Topic, ...], *, replace: bool) -> Subject:
    """`subject` with `topics` besides its own; where both have one, `replace` says whose title stands in a language."""
    merged = {topic.slug: topic for topic in subject.topics}
    for topic in topics:
        known = merged.get(topic.slug)
        if known is None:
            merged[topic.slug] = topic
        elif replace:
            merged[topic.slug] = topic.model_copy(update={"title": {**known.title, **topic.title}})
    if tuple(merged.values()) == subject.topics:
        return subject
    return _declared({**dict(subject), "topics": tuple(merged.values())})


def _used_topics(bank: BankFile) -> tuple[Topic, ...]:
    used = dict.fromkeys(topic for entry in bank.entries if isinstance(topic := entry.content.get("topic"), str))
    topics = []
    for slug in used:
        try:
            topics.append(Topic(slug=slug, title={"ru": slug}))
        except ValidationError:
            continue  # told as an error of each question that has it
    return tuple(topics)


def _declared(members: dict[str, object]) -> Subject:
    try:
        return Subject.model_validate(members)
    except ValidationError as error:
        path, message = faults(error)[0]
        raise _unplaced(message, path or "subject") from None


def _unplaced(message: str, path: str = "subject") -> BankFileError:
    return BankFileError(message, [EntryError(where="file", path=path, message=message)])
