"""A small bank whose every key is known, and trainings on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

import orjson

from tests.api.client import Client, Json

EXPLANATION = "Because it is so: $2 + 2 = 4$."

_letters = [{"id": name, "text": name.upper()} for name in "abcd"]

# Each question is the only one of its topic, so that a filter leads to it.
QUESTIONS: list[dict[str, Json]] = [
    {"id": "single", "kind": "single", "difficulty": 1, "options": _letters, "key": "b"},
    {"id": "multiple", "kind": "multiple", "difficulty": 2, "options": _letters, "key": ["a", "c"]},
    {
        "id": "weighted",
        "kind": "multiple",
        "difficulty": 3,
        "options": [
            {"id": "a", "text": "A", "weight": 0.75},
            {"id": "b", "text": "B", "weight": -0.5},
            {"id": "c", "text": "C", "weight": 0.25, "feedback": "a little"},
        ],
        "key": ["a", "c"],
    },
    {
        "id": "text",
        "kind": "text",
        "difficulty": 2,
        "key": {"accept": ["Ёлка зелёная", {"text": "ель", "weight": 0.5}], "pattern": "сосн[аы]"},
    },
    {"id": "number", "kind": "number", "difficulty": 4, "key": {"value": 0.5, "tolerance": 0.1}},
    {"id": "range", "kind": "number", "difficulty": 4, "key": {"min": -2, "max": 3.5}},
    {"id": "order", "kind": "order", "difficulty": 5, "options": _letters, "key": ["d", "c", "b", "a"]},
    {
        "id": "match",
        "kind": "match",
        "difficulty": 5,
        "left": [{"id": str(n), "text": str(n)} for n in (1, 2, 3, 4)],
        "right": [{"id": name, "text": name} for name in "wxyz"],
        "key": {"1": "w", "2": "x", "3": "y", "4": "z"},
    },
]

RIGHT: Mapping[str, Json] = {
    "single": "b",
    "multiple": ["a", "c"],
    "weighted": ["a", "c"],
    "text": "ёлка зелёная",
    "number": 0.5,
    "range": 0,
    "order": ["d", "c", "b", "a"],
    "match": {"1": "w", "2": "x", "3": "y", "4": "z"},
}

WRONG: Mapping[str, Json] = {
    "single": "a",
    "multiple": ["b"],
    "weighted": ["b"],
    "text": "дуб",
    "number": 7,
    "range": 4,
    "order": ["a", "b", "c", "d"],
    "match": {},
}

_slugs = count(1)


@dataclass(frozen=True)
class Bank:
    subject: str
    editor: Client

    async def statistics(self, question: str) -> Json:
        """How often a question was answered, and answered right."""
        shown = await self.editor.get(f"/admin/questions/{question}?subject={self.subject}")
        return shown["statistics"]


def new_slug() -> str:
    return f"subject-{next(_slugs)}"


def bank_file(subject: str, questions: list[dict[str, Json]] | None = None, **more: Json) -> dict[str, Json]:
    """A bank file; `questions` lack what is the same for all."""
    listed = QUESTIONS if questions is None else questions
    return {
        "subject": subject,
        "title": "Проверка",
        **more,
        "questions": [
            {"topic": question["id"], "text": f"Question {question['id']}", "explanation": EXPLANATION} | question
            for question in listed
        ],
    }


async def walk_through(editor: Client) -> Bank:
    bank = Bank(new_slug(), editor)
    await imported(editor, bank_file(bank.subject))
    return bank


async def imported(editor: Client, file: Json) -> Json:
    answer = await editor.upload("import", orjson.dumps(file), name="bank.json")
    assert answer.status == 200, answer.content
    return answer.json


async def begin(student: Client, bank: Bank, *topics: str, **more: Json) -> Json:
    """A new training on the questions that are named, or on all."""
    body: dict[str, Json] = {"subject": bank.subject} | more
    if topics:
        body = {"filters": {"topics": list(topics)}, "size": len(topics)} | body
    return await student.post("/trainings", body, status=201)


async def answer(student: Client, training: Json, question: str, response: Json) -> Json:
    """The verdict."""
    path = f"/trainings/{training['id']}/answers"
    return await student.post(path, {"question": question, "response": response})


async def train(student: Client, bank: Bank, responses: Mapping[str, Json], **more: Json) -> Json:
    """A whole training in which just these questions are answered; it as it is then."""
    training = await begin(student, bank, *responses, **more)
    for question, response in responses.items():
        await answer(student, training, question, response)
    return await student.get(f"/trainings/{training['id']}")
