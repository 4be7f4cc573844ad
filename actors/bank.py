"""The question bank in memory: MongoDB being down stops no training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from actors.training.selection import SubjectIndex
from protocols.messages import AnyQuestion, Conflict, Kind, NotFound, Question, Subject
from storage.mongo.questions import Packed, unpack

QUESTION: TypeAdapter[AnyQuestion] = TypeAdapter(Question)
DECODED_QUESTIONS = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question stands in the bank."""

    subject: str
    topic: str
    kind: Kind
    difficulty: int
    id: str
    archived: bool


class Bank:
    """All subjects and questions. Content stays packed (about a kilobyte each); what is in use is kept decoded."""

    def __init__(self) -> None:
        self._subjects: dict[str, Subject] = {}
        self._indexes: dict[str, SubjectIndex] = {}
        self._packed: dict[int, Packed] = {}
        self._numbers: dict[str, dict[str, int]] = {}  # subject → id → number
        self._decoded: dict[int, AnyQuestion] = {}

    def update(self, subjects: Iterable[Subject], questions: Iterable[Packed]) -> None:
        """Take in what was added or changed."""
        for subject in subjects:
            self._subjects[subject.slug] = subject
            self._numbers.setdefault(subject.slug, {})
        touched = set()
        for packed in questions:
            touched.add(packed.subject)
            self._packed[packed.number] = packed
            self._numbers.setdefault(packed.subject, {})[packed.id] = packed.number
            self._decoded.pop(packed.number, None)
        for slug in touched | (self._subjects.keys() - self._indexes.keys()):
            members = (self._packed[number] for number in self._numbers[slug].values())
            self._indexes[slug] = SubjectIndex(
                (packed.number, packed.topic, packed.kind, packed.difficulty)
                for packed in members
                if not packed.archived
            )

    def subjects(self) -> Sequence[Subject]:
        return [self._subjects[slug] for slug in sorted(self._subjects)]

    def subject(self, slug: str) -> Subject | None:
        return self._subjects.get(slug)

    def index(self, subject: str) -> SubjectIndex:
        return self._indexes[subject]

    def has(self, number: int) -> bool:
        return number in self._packed

    def question(self, number: int) -> AnyQuestion:
        """The question of this number; KeyError if there is none."""
        found = self._decoded.get(number)
        if found is None:
            found = QUESTION.validate_python(unpack(self._packed[number].content))
            if len(self._decoded) >= DECODED_QUESTIONS:
                # Cheaper than to keep book of the least recently used when every answer looks three times.
                self._decoded.clear()
            self._decoded[number] = found
        return found

    def place(self, number: int) -> Place:
        """Where the question of this number stands; KeyError if there is none."""
        packed = self._packed[number]
        return Place(packed.subject, packed.topic, packed.kind, packed.difficulty, packed.id, packed.archived)

    def find(self, id: str, subject: str | None = None) -> int:
        """The number of the question with a department's own id.

        Raises:
            NotFound: no subject, or not this one, has it.
            Conflict: several subjects have it, and none was named.
        """
        if subject is not None:
            number = self._numbers.get(subject, {}).get(id)
            if number is None:
                raise NotFound(f"There is no question {id!r} in the subject {subject!r}.")
            return number
        found = {slug: self._numbers[slug][id] for slug in sorted(self._numbers) if id in self._numbers[slug]}
        if not found:
            raise NotFound(f"There is no question {id!r} in any subject.")
        if len(found) > 1:
            raise Conflict(
                f"Several subjects have a question {id!r}: say which, as in ?subject={next(iter(found))}.",
                subjects=list(found),
            )
        return next(iter(found.values()))
