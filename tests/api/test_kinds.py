"""Six kinds of question: what each answer scores, what is told, and what is no answer at all."""

from __future__ import annotations

import pytest

from tests.api.banks import EXPLANATION, RIGHT, Bank, answer, begin
from tests.api.client import Client, Json, paths_of

SCORES: list[tuple[str, Json, float]] = [
    ("single", "b", 1),
    ("single", "a", 0),
    ("multiple", ["a", "c"], 1),
    ("multiple", ["c", "a"], 1),
    ("multiple", ["a"], 0.5),
    ("multiple", ["a", "c", "b"], 0.5),
    ("multiple", ["a", "b", "d"], 0),
    ("multiple", [], 0),
    ("weighted", ["a", "c"], 1),
    ("weighted", ["a"], 0.75),
    ("weighted", ["c"], 0.25),
    ("weighted", ["a", "b"], 0.25),
    ("weighted", ["b"], 0),
    ("text", "Ёлка зелёная", 1),
    ("text", "  елка   ЗЕЛЕНАЯ ", 1),
    ("text", "Е\u0308лка зеле\u0308ная", 1),
    ("text", "Ель", 0.5),
    ("text", "сосны", 1),
    ("text", "сосной", 0),
    ("text", "", 0),
    ("number", 0.5, 1),
    ("number", "0,5", 1),
    ("number", " 0.50 ", 1),
    ("number", 0.6, 1),
    ("number", 0.4, 1),
    ("number", 0.6001, 0),
    ("range", -2, 1),
    ("range", "3,5", 1),
    ("range", "\u22122", 1),
    ("range", 3.51, 0),
    ("order", ["d", "c", "b", "a"], 1),
    ("order", ["d", "c", "a", "b"], 2 / 3),
    ("order", ["c", "d", "a", "b"], 1 / 3),
    ("order", ["a", "b", "c", "d"], 0),
    ("match", {"1": "w", "2": "x", "3": "y", "4": "z"}, 1),
    ("match", {"1": "w", "2": "x", "3": "z", "4": "y"}, 0.5),
    ("match", {"1": "w"}, 0.25),
    ("match", {"1": "x"}, 0),
]


@pytest.mark.parametrize(("question", "response", "score"), SCORES)
async def test_an_answer_scores(student: Client, walk: Bank, question: str, response: Json, score: float) -> None:
    training = await begin(student, walk, question)
    verdict = await answer(student, training, question, response)
    assert verdict["question"] == question
    assert verdict["score"] == pytest.approx(score)
    assert verdict["verdict"] == ("correct" if score == 1 else "partial" if score else "wrong")
    assert verdict["progress"] == {"answered": 1, "correct": int(score == 1), "skipped": 0, "left": 0}


KEYS: dict[str, Json] = dict(RIGHT) | {
    "text": {"accept": ["Ёлка зелёная", {"text": "ель", "weight": 0.5}], "pattern": "сосн[аы]"},
    "number": {"value": 0.5, "tolerance": 0.1},
    "range": {"min": -2, "max": 3.5},
}


@pytest.mark.parametrize("question", KEYS)
async def test_practice_tells_key_and_explanation_at_once(student: Client, walk: Bank, question: str) -> None:
    training = await begin(student, walk, question)
    verdict = await answer(student, training, question, RIGHT[question])
    assert verdict["key"] == KEYS[question]
    assert verdict["explanation"] == EXPLANATION


async def test_the_feedback_of_what_was_chosen_is_told(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "weighted")
    assert (await answer(student, training, "weighted", ["c"]))["feedback"] == "a little"


SHOWN = {"id", "subject", "topic", "kind", "difficulty", "text", "image", "options", "left", "right"}


@pytest.mark.parametrize("question", KEYS)
async def test_a_question_is_shown_without_its_key(student: Client, walk: Bank, question: str) -> None:
    shown = (await begin(student, walk, question))["question"]
    assert shown.keys() <= SHOWN
    assert (shown["id"], shown["subject"], shown["topic"]) == (question, walk.subject, question)
    assert shown["text"] == f"Question {question}"
    for choice in [*(shown["options"] or ()), *(shown["left"] or ()), *(shown["right"] or ())]:
        assert choice.keys() <= {"id", "text", "image"}


UNFIT: list[tuple[str, Json, str]] = [
    ("single", ["b"], "response"),
    ("single", 1, "response"),
    ("single", "nothing", "response"),
    ("multiple", "a", "response"),
    ("multiple", ["a", "e"], "response.1"),
    ("multiple", ["a", "a"], "response"),
    ("text", 5, "response"),
    ("text", ["ель"], "response"),
    ("number", "half", "response"),
    ("number", ["1"], "response"),
    ("order", ["a", "b", "c"], "response"),
    ("order", {"a": "b"}, "response"),
    ("match", ["1", "w"], "response"),
    ("match", {"5": "w"}, "response"),
    ("match", {"1": "q"}, "response.1"),
    ("single", True, "response"),
    ("single", None, "response"),
    ("text", "x" * 4097, "response"),
    ("match", {"1": {"w": "x"}}, "response.1"),
]


@pytest.mark.parametrize(("question", "response", "path"), UNFIT)
async def test_what_is_no_answer_to_this_kind_is_refused_and_may_be_mended(
    student: Client, walk: Bank, question: str, response: Json, path: str
) -> None:
    training = await begin(student, walk, question)
    told = await student.refused(
        422, "POST", f"/trainings/{training['id']}/answers", {"question": question, "response": response}
    )
    assert path in paths_of(told)
    assert await student.get("/trainings/current") == training
    assert (await answer(student, training, question, RIGHT[question]))["verdict"] == "correct"
