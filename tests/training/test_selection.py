"""Drawing questions: distinct, fitting, unseen before seen, and never slower in a larger bank."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.training.selection import History, Numbers, SubjectIndex, draw, matching, without_each
from protocols.messages import KINDS, DifficultyRange, Filters, Kind

Row = tuple[int, str, Kind, int]

TOPICS = ["acids", "bases", "salts"]
ROWS = st.lists(
    st.tuples(st.integers(1, 10**6), st.sampled_from(TOPICS), st.sampled_from(KINDS), st.integers(1, 5)),
    unique_by=lambda row: row[0],
    max_size=120,
)
LEVELS = st.one_of(st.none(), st.integers(1, 5))
FILTERS = st.builds(
    Filters,
    topics=st.one_of(st.none(), st.lists(st.sampled_from([*TOPICS, "gone"]), max_size=3).map(tuple)),
    kinds=st.one_of(st.none(), st.lists(st.sampled_from(KINDS), max_size=3).map(tuple)),
    difficulty=st.one_of(st.none(), st.builds(DifficultyRange, min=LEVELS, max=LEVELS)),
    only=st.sampled_from([None, "unseen", "mistakes", "favorites"]),
)


def ascending(numbers: Iterable[int]) -> Numbers:
    return array("I", sorted(set(numbers)))


def histories(rows: list[Row], data: st.DataObject) -> History:
    """Some of the questions, and some that are not in this subject."""
    own = st.lists(st.sampled_from([row[0] for row in rows] + [10**6 + 1, 10**6 + 2]), max_size=150).map(ascending)
    return History(data.draw(own), data.draw(own), data.draw(own))


def fitting(rows: list[Row], filters: Filters, history: History) -> set[int]:
    """The plain meaning of the filters."""

    def fits(row: Row) -> bool:
        number, topic, kind, difficulty = row
        level = filters.difficulty or DifficultyRange()
        return (
            (not filters.topics or topic in filters.topics)
            and (not filters.kinds or kind in filters.kinds)
            and (level.min or 1) <= difficulty <= (level.max or 5)
            and (filters.only != "unseen" or number not in history.seen)
            and (filters.only != "mistakes" or number in history.mistakes)
            and (filters.only != "favorites" or number in history.favorites)
        )

    return {row[0] for row in rows if fits(row)}


@given(ROWS, FILTERS, st.integers(1, 30), st.integers(0, 2**32), st.data())
def test_a_draw_is_distinct_fits_the_filters_and_is_as_large_as_can_be(
    rows: list[Row], filters: Filters, size: int, seed: int, data: st.DataObject
) -> None:
    history = histories(rows, data)
    expected = fitting(rows, filters, history)
    drawn = draw(SubjectIndex(rows), filters, history, size, Random(seed))
    assert len(drawn) == len(set(drawn)) == min(size, len(expected))
    assert set(drawn) <= expected


@given(ROWS, FILTERS, st.data())
def test_matching_counts_what_fits(rows: list[Row], filters: Filters, data: st.DataObject) -> None:
    history = histories(rows, data)
    assert matching(SubjectIndex(rows), filters, history) == len(fitting(rows, filters, history))


@given(ROWS, FILTERS, st.data())
def test_without_each_counts_what_fits_the_other_filters(
    rows: list[Row], filters: Filters, data: st.DataObject
) -> None:
    history = histories(rows, data)
    assert without_each(SubjectIndex(rows), filters, history) == {
        name: len(fitting(rows, filters.model_copy(update={name: None}), history))
        for name in ("topics", "kinds", "difficulty", "only")
        if getattr(filters, name) is not None
    }


@given(ROWS, st.integers(0, 2**32))
def test_the_index_knows_every_question_and_no_other(rows: list[Row], stranger: int) -> None:
    index = SubjectIndex(rows)
    numbers = {row[0] for row in rows}
    assert len(index) == len(numbers)
    for number in numbers:
        position = index.position(number)
        assert position is not None
        assert index.numbers[position] == number
    assert (index.position(stranger) is not None) == (stranger in numbers)
    assert {topic: index.count(topic) for topic in TOPICS} == {
        topic: sum(1 for row in rows if row[1] == topic) for topic in TOPICS
    }


def bank(size: int) -> list[Row]:
    return [(n, f"topic-{n % 20}", KINDS[n % 6], n % 5 + 1) for n in range(1, size + 1)]


@pytest.mark.parametrize("size", [30, 1000])
def test_unseen_questions_are_preferred(size: int) -> None:
    seen = ascending(n for n in range(1, size + 1) if n % 2)
    drawn = draw(SubjectIndex(bank(size)), Filters(), History(seen=seen), 10, Random(1))
    assert all(number % 2 == 0 for number in drawn)


def test_seen_questions_fill_up_what_is_missing() -> None:
    seen = ascending(range(1, 28))
    drawn = draw(SubjectIndex(bank(30)), Filters(), History(seen=seen), 10, Random(1))
    assert {28, 29, 30} < set(drawn)
    assert len(set(drawn)) == 10


def test_a_draw_of_all_seen_questions_is_full() -> None:
    drawn = draw(SubjectIndex(bank(1000)), Filters(), History(seen=ascending(range(1, 1001))), 200, Random(1))
    assert len(set(drawn)) == 200


def test_the_last_unseen_questions_of_a_large_bank_are_found() -> None:
    left = {17, 4_000, 9_999}
    seen = ascending(n for n in range(1, 10_001) if n not in left)
    drawn = draw(SubjectIndex(bank(10_000)), Filters(only="unseen"), History(seen=seen), 10, Random(1))
    assert set(drawn) == left


def test_every_question_has_the_same_chance() -> None:
    index, random = SubjectIndex(bank(100)), Random(5)
    counts = Counter(n for _ in range(2000) for n in draw(index, Filters(), History(), 10, random))
    # 200 expected, with a standard deviation of 13.4: six of them either way.
    assert len(counts) == 100
    assert all(120 < count < 280 for count in counts.values())


def test_the_same_randomness_draws_the_same() -> None:
    index = SubjectIndex(bank(500))
    first, second = (draw(index, Filters(), History(), 10, Random(9)) for _ in range(2))
    assert first == second


class Counting(Random):
    """Counts how often it is asked."""

    asked = 0

    def random(self) -> float:
        self.asked += 1
        return super().random()


@pytest.mark.parametrize("filters", [Filters(), Filters(topics=("topic-1", "topic-7"))])
def test_a_draw_asks_for_no_more_in_a_larger_bank(filters: Filters) -> None:
    asked = {}
    for size in (300, 30_000):
        random = Counting(3)
        index = SubjectIndex(bank(size))
        for _ in range(50):
            draw(index, filters, History(), 7, random)
        asked[size] = random.asked
        assert len(index.ranges(filters)) <= 2
    assert asked[30_000] <= asked[300] * 1.5


def test_an_index_takes_few_bytes_a_question() -> None:
    index = SubjectIndex(bank(10_000))
    arrays = [index.numbers, index._positions, index._ascending, index._starts]
    assert sum(len(numbers) * numbers.itemsize for numbers in arrays) <= 16 * 10_000


def test_an_empty_subject_gives_nothing() -> None:
    assert draw(SubjectIndex([]), Filters(), History(), 10, Random(1)) == []
    assert matching(SubjectIndex([]), Filters(topics=("x",)), History()) == 0
