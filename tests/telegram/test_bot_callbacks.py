"""The data of buttons: whatever a client sends is a value or nothing, and what was meant comes back."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.telegram.callbacks import (
    LETTERS,
    LONGEST,
    Choose,
    ContestVerb,
    Go,
    OfContest,
    OfQuestion,
    OfReviewed,
    OfSubject,
    Place,
    Pressable,
    QuestionVerb,
    Review,
    ReviewedVerb,
    Setting,
    SubjectVerb,
    begin_subject,
    decode,
    encode,
    question_token,
)

tokens = st.text("ABCXYZabcxyz0189-_", min_size=8, max_size=8)
values = st.one_of(
    st.builds(Go, st.sampled_from(get_args(Place))),
    st.builds(Choose, st.sampled_from(get_args(Setting)), st.text("az09-", max_size=8)),
    st.builds(OfSubject, st.sampled_from(get_args(SubjectVerb)), tokens, st.text("azAZ09._-", max_size=20)),
    st.builds(OfQuestion, st.sampled_from(get_args(QuestionVerb)), tokens, st.text(LETTERS, max_size=26)),
    st.builds(
        OfReviewed,
        st.sampled_from(get_args(ReviewedVerb)),
        st.from_regex(r"[0-9]{1,19}-[0-9]{1,9}", fullmatch=True),
        st.integers(1, 200),
    ),
    st.builds(OfContest, st.sampled_from(get_args(ContestVerb)), st.integers(1, 10**18 - 1)),
    st.builds(Review, st.from_regex(r"[0-9]{1,19}-[0-9]{1,9}", fullmatch=True), st.integers(0, 200)),
)


@given(values)
def test_what_was_meant_comes_back(value: Pressable) -> None:
    data = encode(value)
    assert len(data) <= LONGEST
    assert decode(data) == value


@given(st.binary(max_size=80))
@example(b"")
@example(b"q:done:AAAAAAAA:" + b"a" * 27)
@example("r:١:1-1".encode())
@example(b"g:menu\n")
def test_any_bytes_are_a_value_or_nothing(data: bytes) -> None:
    value = decode(data)
    assert value is None or encode(value) == data


@given(values, st.data())
def test_a_button_with_a_byte_changed_is_a_value_or_nothing(value: Pressable, data: st.DataObject) -> None:
    changed = bytearray(encode(value))
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    found = decode(bytes(changed))
    assert found is None or encode(found) == bytes(changed)


def test_the_largest_questions_fit() -> None:
    token = question_token("9" * 19 + "-" + "9" * 9, "я" * 100, 200)
    for verb in get_args(QuestionVerb):
        assert len(encode(OfQuestion(verb, token, LETTERS))) <= LONGEST
    assert len(begin_subject("s" * 64, 10**17)) <= LONGEST


def test_what_is_too_long_for_a_button_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        encode(OfReviewed("star", "9" * 64, 1))


def test_a_question_that_comes_back_after_a_skip_is_another() -> None:
    assert question_token("1-1", "q", 0) != question_token("1-1", "q", 1)
