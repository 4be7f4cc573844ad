"""What students are shown, and what not."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.training.state import Answer
from actors.training.views import key_of, moment, order_of, shown, summary
from protocols.messages import KINDS, Kind, NumberQuestion, OrderQuestion, TextQuestion
from tests.training.samples import LETTERS, question_of, sample_bank
from tests.training.session import Session


@pytest.mark.parametrize("kind", KINDS)
def test_a_shown_question_never_carries_its_key(kind: Kind) -> None:
    question = question_of(kind, explanation="because")
    members = shown(question, 1, "sample", 5).model_dump()
    assert set(members) == {"id", "subject", "topic", "kind", "difficulty", "text", "image"} | {
        "options",
        "left",
        "right",
    }
    assert "because" not in str(members)


def test_weights_and_feedback_of_options_are_not_shown() -> None:
    options = [{**letter, "weight": 0.77, "feedback": "psst", "image": "a.svg"} for letter in LETTERS]
    dumped = shown(question_of("single", options=options), 1, "sample", 5).model_dump_json()
    assert "psst" not in dumped
    assert "0.77" not in dumped
    assert "a.svg" in dumped


def test_options_keep_their_order_within_a_training() -> None:
    question = question_of("single")
    assert shown(question, 1, "sample", 5) == shown(question, 1, "sample", 5)


def test_options_differ_between_trainings_and_questions() -> None:
    question = question_of("single")

    def order(number: int, seed: int) -> str:
        return "".join(option.id for option in shown(question, number, "sample", seed).options or ())

    assert len({order(1, seed) for seed in range(500)}) == 24
    assert len({order(number, 1) for number in range(500)}) == 24


@given(st.integers(0, 26), st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_an_order_loses_nothing(count: int, seed: int, number: int) -> None:
    assert sorted(order_of(count, seed, number)) == list(range(count))


def test_a_changed_question_is_shown_as_it_is_now() -> None:
    before = question_of("single")
    after = before.model_copy(update={"text": "Changed"})
    assert shown(before, 1, "sample", 1).text != "Changed"
    assert shown(after, 1, "sample", 1).text == "Changed"


def test_every_option_stands_everywhere_equally_often() -> None:
    counts = Counter(place for seed in range(4000) for place in enumerate(order_of(4, seed, 77)))
    # 1000 expected, with a standard deviation of 27.4: six of them either way.
    assert len(counts) == 16
    assert all(836 < count < 1164 for count in counts.values())


@given(st.integers(2, 6), st.integers(0, 2**32 - 1), st.integers(1, 10**6))
def test_what_is_to_be_ordered_is_never_shown_in_order(size: int, seed: int, number: int) -> None:
    options = [{"id": str(n), "text": str(n)} for n in range(size)]
    question = question_of("order", options=options, key=[str(n) for n in range(size)])
    assert isinstance(question, OrderQuestion)
    order = tuple(option.id for option in shown(question, number, "sample", seed).options or ())
    assert order != question.key
    assert sorted(order) == sorted(question.key)


def test_only_the_right_side_of_a_match_is_shuffled() -> None:
    question = question_of("match")
    views = [shown(question, 1, "sample", seed) for seed in range(200)]
    assert {tuple(choice.id for choice in view.left or ()) for view in views} == {("1", "2")}
    assert len({tuple(choice.id for choice in view.right or ()) for view in views}) == 24


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_is_told_in_the_form_of_a_bank_file(kind: Kind) -> None:
    question = question_of(kind)
    again = question_of(kind, key=key_of(question))
    assert again == question


def test_keys_of_texts_and_numbers_are_told_short() -> None:
    accept = ["one", {"text": "two", "weight": 0.5, "feedback": "hm"}]
    text = question_of("text", key={"accept": accept, "pattern": "o.*", "case_sensitive": True})
    assert isinstance(text, TextQuestion)
    assert key_of(text) == {
        "accept": ["one", {"text": "two", "weight": 0.5}],
        "pattern": "o.*",
        "case_sensitive": True,
    }
    number = question_of("number", key={"accept": [{"value": 1}, {"min": 0, "max": 2, "weight": 0.5}]})
    assert isinstance(number, NumberQuestion)
    assert key_of(number) == {"accept": [{"value": 1}, {"min": 0, "max": 2, "weight": 0.5}]}
    assert key_of(question_of("number", key={"min": 0, "max": 2})) == {"min": 0, "max": 2}


def test_a_summary_is_made_from_records_alone() -> None:
    bank = sample_bank(6)
    records = [
        Answer(2, "кот", 0.0, 1.5),
        Answer(4, ["a", "b", "c", "d"], 1 / 3, 2.0),
        Answer(6, "b", 1.0, 0.5),
    ]
    made = summary([2, 3, 4, 6], records, bank)
    assert (made.answered, made.correct, made.partial, made.wrong, made.unanswered) == (3, 1, 1, 1, 1)
    assert made.score == pytest.approx(4 / 3)
    assert made.share == pytest.approx(1 / 3)
    assert made.seconds == 4
    assert [one.question for one in made.questions] == ["q2", "q3", "q4", "q6"]
    assert made.questions[0].response == "кот"
    unanswered = made.questions[1]
    assert (unanswered.response, unanswered.verdict, unanswered.score) == (None, None, None)


def test_feedback_of_the_chosen_option_is_told_with_the_verdict() -> None:
    session = Session(sample_bank(30))
    session.start(filters={"kinds": ["single"]})
    number = session.training.questions[0]
    options = [{**letter, "feedback": f"about {letter['id']}"} for letter in LETTERS]
    session.bank.questions[number] = question_of("single", options=options, id=f"q{number}")
    assert session.answer(0, response="a").feedback == "about a"


def test_moments_are_exact_and_in_utc() -> None:
    assert moment(1_700_000_000_123_457) == datetime(2023, 11, 14, 22, 13, 20, 123457, tzinfo=UTC)
