"""Ids, topics and marks of questions whose format has no place for them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pydantic import JsonValue, TypeAdapter, ValidationError

from protocols.messages import SkippedEntry, Slug, Topic
from storage.banks.file import Entry, place
from storage.banks.markup import to_plain
from storage.banks.slugs import slug_of, slug_or_hash

GENERAL = Topic(slug="general", title={"ru": "Общее", "en": "General"})
DEFAULT_DIFFICULTY = 3

_PREFIX = re.compile(r"\$[a-z]+[0-9]*\$")
_NOT_IN_ID = re.compile(r"[\x00-\x20/\\?#%\x7f]+")
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)

Question = dict[str, JsonValue]


@dataclass(frozen=True)
class Unnamed:
    """A question that was read; `own_id` is the id that the file notes; where it notes none, `digest` stands for it."""

    line: int
    title: str
    digest: str
    own_id: str | None
    topic: str
    question: Question


@lru_cache(maxsize=1_000)  # of a file of thousands of questions, every other one may be of the other topic
def topic_of(category: str, noted: str | None = None) -> Topic:
    """The topic of `$course$/top/Biology/The cell`: its last part that says something; `noted` is its slug."""
    parts = [part.replace("\0", "/").strip() for part in category.replace("//", "\0").split("/")]
    named = [part for part in parts if part and part.lower() != "top" and not _PREFIX.fullmatch(part)]
    title = to_plain(named[-1], "html")[:200] if named else ""
    if not title:
        return GENERAL
    return Topic(slug=_slug(noted) or slug_or_hash(title, "topic"), title={"ru": title})


def _slug(noted: str | None) -> str | None:
    try:
        return _SLUG.validate_python(noted)
    except ValidationError:
        return None


def id_of(noted: str | None) -> str | None:
    """An id that a file notes, made fit to be one."""
    return None if noted is None else _NOT_IN_ID.sub("-", noted)[:100] or None


def named(read: list[Unnamed], skipped: list[SkippedEntry], prefix: str) -> list[Entry]:
    """Gives each question its id: the noted one, else its title where that is its own, else a hash of it."""
    slugs = Counter(slug_of(item.title) for item in read if item.own_id is None)
    slugs.update(item.own_id for item in read if item.own_id is not None)
    entries: list[Entry] = []
    lines: dict[str, int] = {}
    for item in read:
        slug = slug_of(item.title) if item.own_id is None else ""
        own_id = item.own_id or (slug if slug and slugs[slug] == 1 else f"{prefix}-{item.digest}")
        if item.own_id is None and own_id in lines:
            reason = f"the same question as in line {lines[own_id]}"
            skipped.append(SkippedEntry(where=place(item.line, own_id), reason=reason))
            continue
        lines.setdefault(own_id, item.line)
        content: Question = {
            "id": own_id,
            "topic": item.topic,
            "difficulty": DEFAULT_DIFFICULTY,
            **item.question,
        }
        entries.append(Entry(place(item.line, own_id), content))
    return entries


# --- What a format can only carry as a tag --------------------------------------------------------------------


def take_tags(question: Question, tags: Iterable[str]) -> None:
    """Puts tags into a question; `difficulty:4`, `source:…` and `extra.year:2024` are members of it."""
    kept: list[JsonValue] = []
    extra: Question = {}
    for tag in dict.fromkeys(tag.strip() for tag in tags):
        name, colon, value = (part.strip() for part in tag.partition(":"))
        if colon and name == "difficulty" and value.isdecimal() and len(value) == 1:
            question["difficulty"] = int(value)
        elif colon and name == "source" and value:
            question["source"] = value
        elif colon and name.startswith("extra.") and len(name) > 6:
            extra[name[6:]] = _value(value)
        elif tag:
            kept.append(tag[:64])
    if kept:
        question["tags"] = kept
    if extra:
        question["extra"] = extra


def tags_of(question: Question) -> list[str]:
    """What `take_tags` takes."""
    tags = question.get("tags")
    said = [str(tag) for tag in tags] if isinstance(tags, list) else []
    if question["difficulty"] != DEFAULT_DIFFICULTY:
        said.append(f"difficulty:{question['difficulty']}")
    if question.get("source"):
        said.append(f"source:{question['source']}")
    extra = question.get("extra")
    if isinstance(extra, dict):
        said += [f"extra.{name}:{_written(value)}" for name, value in extra.items()]
    return said


def _value(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, parse_constant=lambda word: word)
    except (ValueError, RecursionError):
        return text
    return value


def _written(value: JsonValue) -> str:
    """A string stays as it is, unless it would be read as something else."""
    if isinstance(value, str) and value == value.strip() and _value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)
