"""Warnings about a file that is right."""

from typing import Any

from pydantic import TypeAdapter

from protocols.messages import AnyQuestion, EntryError, Question
from storage.banks.advice import MOST_OF_A_SORT, advise, alike, texts_of
from storage.mongo.questions import draft, unpack

QUESTION: TypeAdapter[AnyQuestion] = TypeAdapter(Question)
LONG = "Исследователь наблюдал за образцом в течение двух недель и записывал показания прибора каждые шесть часов"


def text(at: int, written: str, **more: Any) -> tuple[str, AnyQuestion]:
    question = {"id": f"q{at}", "kind": "text", "topic": "t", "difficulty": 1, "text": written, "explanation": "So."}
    return f"line {at}", QUESTION.validate_python(question | {"key": {"accept": ["a"]}} | more)


def single(at: int, key: str) -> tuple[str, AnyQuestion]:
    options = [{"id": one, "text": f"{one}{at}"} for one in "abc"]
    return text(at, f"Q{at}", kind="single", options=options, key=key)


def said(*questions: tuple[str, AnyQuestion]) -> list[tuple[str, list[str]]]:
    return [(where, texts_of(unpack(draft(question).content))) for where, question in questions]


def about(path: str, found: list[EntryError]) -> list[tuple[str, str]]:
    return [(warning.where, warning.message) for warning in found if warning.path == path]


def test_a_question_without_explanation() -> None:
    found = advise([text(1, "Один?"), text(2, "Два?", explanation="")])
    assert [(warning.where, warning.path) for warning in found] == [("line 2", "explanation")]


def test_warnings_of_a_sort_are_bounded_and_the_rest_is_counted() -> None:
    found = about("explanation", advise([text(at, f"Q{at}", explanation="") for at in range(MOST_OF_A_SORT + 50)]))
    assert len(found) == MOST_OF_A_SORT + 1
    assert found[-1] == ("file", "and 50 more questions have no explanation")


def test_the_same_text_but_for_case_spaces_and_marks() -> None:
    found = about("text", alike(said(text(1, "Что  такое ген?"), text(2, "что такое «ген»"))))
    assert found == [("line 2", "the same text as line 1")]


def test_nearly_the_same_text_within_the_file_and_in_the_bank() -> None:
    near = LONG.replace("двух недель", "целого месяца") + " подряд без перерывов и выходных дней"
    longer = LONG + " подряд без перерывов и выходных дней"
    found = about("text", alike(said(text(1, longer), text(2, longer + " ночью"), text(3, "Совсем другое"))))
    assert found == [("line 2", "nearly the same text as line 1")]
    (old,) = said(text(9, longer + " ночью"))
    assert about("text", alike(said(text(1, longer)), [old])) == [("line 1", "nearly the same text as line 9")]
    assert about("text", alike(said(text(1, near)), [("line 9", ["Другое дело"])])) == []


def test_other_numbers_signs_or_options_make_another_question() -> None:
    assert about("text", alike(said(text(1, "Сколько будет 2 + 3?"), text(2, "Сколько будет 2 + 4?")))) == []
    assert about("text", alike(said(text(1, "Сколько будет 2 + 3?"), text(2, "Сколько будет 2 - 3?")))) == []
    options = [[{"id": "a", "text": one}, {"id": "b", "text": "нет"}] for one in ("ген", "белок")]
    pair = [text(at, "Верно ли?", kind="single", options=one, key="a") for at, one in enumerate(options)]
    assert about("text", alike(said(*pair))) == []


def test_a_key_always_in_the_same_place() -> None:
    found = about("key", advise([single(at, "b") for at in range(12)]))
    assert found == [("file", "in 12 of 12 questions the key is option 2; was it filled in for all of them?")]
    assert about("key", advise([single(at, "abc"[at % 3]) for at in range(12)])) == []
    assert about("key", advise([single(at, "b") for at in range(5)])) == []


def test_thousands_of_alike_questions_take_no_time_to_speak_of() -> None:
    many = [text(at, LONG + " " + "ab"[at % 2] * (at % 7 + 1)) for at in range(5_000)]
    assert alike(said(*many))
