"""A bank in memory with questions of every kind, as the rules see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pydantic import TypeAdapter

from actors.training.selection import SubjectIndex
from protocols.messages import (
    KINDS,
    AnyQuestion,
    Kind,
    MatchQuestion,
    MultipleQuestion,
    NotFound,
    NumberQuestion,
    OrderQuestion,
    Question,
    Response,
    SingleQuestion,
    Subject,
    Topic,
)

MINUTE = 60_000_000
QUESTION: TypeAdapter[AnyQuestion] = TypeAdapter(Question)
LETTERS = [{"id": letter, "text": f"choice {letter}"} for letter in "abcd"]


class SamplePlace(NamedTuple):
    subject: str
    topic: str
    kind: Kind
    difficulty: int
    id: str
    archived: bool = False


@dataclass
class SampleBank:
    """One subject, `sample`; question number n has the id `qn`."""

    questions: dict[int, AnyQuestion]

    def __post_init__(self) -> None:
        topics = sorted({question.topic for question in self.questions.values()})
        self.only = Subject(
            slug="sample",
            title={"ru": "Образец"},
            topics=tuple(Topic(slug=topic, title={"ru": topic}) for topic in topics),
        )
        self.places = {
            number: SamplePlace("sample", question.topic, question.kind, question.difficulty, question.id)
            for number, question in self.questions.items()
        }
        self.numbers = {place.id: number for number, place in self.places.items()}
        self.rows = [(number, place.topic, place.kind, place.difficulty) for number, place in self.places.items()]
        self.only_index = SubjectIndex(self.rows)

    def subject(self, slug: str, /) -> Subject | None:
        return self.only if slug == "sample" else None

    def question(self, number: int, /) -> AnyQuestion:
        return self.questions[number]

    def place(self, number: int, /) -> SamplePlace:
        return self.places[number]

    def find(self, id: str, subject: str | None, /) -> int:
        try:
            return self.numbers[id]
        except KeyError:
            raise NotFound(f"there is no question {id!r}") from None

    def index(self, subject: str, /) -> SubjectIndex:
        return self.only_index


def question_of(kind: Kind, **members: object) -> AnyQuestion:
    """A question of that kind with a plain key, and what is given in place of it."""
    bodies: dict[Kind, dict[str, object]] = {
        "single": {"options": LETTERS, "key": "b"},
        "multiple": {"options": LETTERS, "key": ["a", "c"]},
        "text": {"key": {"accept": ["Ёжик в тумане"]}},
        "number": {"key": {"value": 0.3, "tolerance": 0.1}},
        "order": {"options": LETTERS, "key": ["c", "a", "d", "b"]},
        "match": {
            "left": [{"id": "1", "text": "one"}, {"id": "2", "text": "two"}],
            "right": LETTERS,
            "key": {"1": "a", "2": "d"},
        },
    }
    return QUESTION.validate_python(
        {"id": "q", "topic": "topic-0", "difficulty": 1, "text": "?", "kind": kind, **bodies[kind], **members}
    )


def sample_bank(size: int) -> SampleBank:
    """So many questions, numbered from 1: kinds, three topics and five difficulties in turn."""
    return SampleBank(
        {
            number: question_of(
                KINDS[number % 6], id=f"q{number}", topic=f"topic-{number % 3}", difficulty=number % 5 + 1
            )
            for number in range(1, size + 1)
        }
    )


def right_response(question: AnyQuestion) -> Response:
    """A response that is fully right, for questions of this module."""
    if isinstance(question, SingleQuestion):
        return question.key
    if isinstance(question, (MultipleQuestion, OrderQuestion)):
        return list(question.key)
    if isinstance(question, MatchQuestion):
        return dict(question.key)
    if isinstance(question, NumberQuestion):
        return question.key.value if question.key.value is not None else 0
    return question.key.accept[0].text


def wrong_response(question: AnyQuestion) -> Response:
    """A response that is of the right kind and worth nothing."""
    responses: dict[Kind, Response] = {
        "single": "a",
        "multiple": [],
        "text": "лошадка",
        "number": 7,
        "order": ["b", "d", "a", "c"],
        "match": {},
    }
    return responses[question.kind]
