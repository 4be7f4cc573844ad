"""Figures of questions: equal to a reference on the same matrix, and right about who is planted."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.analytics.quality import (
    FEWEST_ANSWERS,
    Flag,
    Remark,
    assess,
    fisher,
    groups,
    pearson,
    quantile,
    wilson,
)
from actors.analytics.reasons import reason
from storage.question_sums import QuestionSums
from tests.analytics.cohort import GIVEAWAY, GUESSED, OPTIONS, WRONG_KEY, Given, assessed, sums_of

scores = st.sampled_from([0.0, 1 / 3, 0.5, 2 / 3, 1.0])


@given(st.lists(st.tuples(scores, scores), min_size=3, max_size=60))
def test_discrimination_is_the_correlation_that_numpy_finds(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    found = pearson(len(pairs), x.sum(), (x * x).sum(), y.sum(), (y * y).sum(), (x * y).sum())
    if np.ptp(x) < 1e-9 or np.ptp(y) < 1e-9:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)


def test_discrimination_of_zeros_and_ones_is_point_biserial() -> None:
    chance = np.random.default_rng(3)
    x = chance.integers(0, 2, 500).astype(float)
    y = chance.random(500) * 0.5 + x * 0.2
    # By its own definition: the distance of both means by the deviation of all.
    share = x.mean()
    expected = (y[x == 1].mean() - y[x == 0].mean()) / y.std() * np.sqrt(share * (1 - share))
    quality = assess(sums_of([Given(a, b, "a") for a, b in zip(x, y, strict=True)]), OPTIONS, "a")
    assert quality.discrimination == pytest.approx(expected, abs=1e-9)
    assert quality.facility == pytest.approx(share, abs=1e-12)


def test_a_correlation_of_a_million_answers_is_not_lost_in_rounding() -> None:
    chance = np.random.default_rng(4)
    x = (chance.random(1_000_000) < 0.999).astype(float)
    y = chance.random(1_000_000) * 0.1 + 0.9 * x
    found = pearson(len(x), x.sum(), (x * x).sum(), y.sum(), (y * y).sum(), (x * y).sum())
    assert found == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)


# From Newcombe (1998), Statistics in Medicine 17, table I: method 3.
@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    found = wilson(right / n, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_the_interval_of_a_correlation_holds_it_in_95_of_100_cohorts() -> None:
    chance = np.random.default_rng(5)
    held = 0
    for _ in range(2000):
        x = chance.normal(size=80)
        y = 0.4 * x + np.sqrt(1 - 0.16) * chance.normal(size=80)
        found = fisher(float(np.corrcoef(x, y)[0, 1]), 80)
        assert found is not None
        held += found.low <= 0.4 <= found.high
    assert 0.935 <= held / 2000 <= 0.965


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=80), st.sampled_from([0.25, 0.5, 0.75]))
def test_a_quantile_has_its_share_of_the_answers_on_each_side(seconds: list[int], share: float) -> None:
    counts = {second: seconds.count(second) for second in seconds}
    found = quantile(counts, share)
    assert found is not None
    assert sum(second + 1 <= found for second in seconds) <= share * len(seconds) + 1e-9
    assert sum(second < found for second in seconds) >= share * len(seconds) - 1e-9


def test_the_groups_are_as_near_to_27_of_100_as_they_can_be() -> None:
    strong, weak = groups({0: 10, 5: 15, 10: 40, 15: 20, 20: 15})
    assert (strong, weak) == (frozenset({20, 15}), frozenset({0, 5}))


def test_there_are_no_groups_where_all_are_alike() -> None:
    assert groups({10: 500}) == (frozenset(), frozenset())


def test_shares_of_the_options_are_those_of_the_groups() -> None:
    given_answers = [Given(1, 0.9, "a")] * 30 + [Given(0, 0.9, "b")] * 10 + [Given(0, 0.1, "c")] * 40
    quality = assess(sums_of(given_answers + [Given(1, 0.5, "a")] * 60), OPTIONS, "a")
    assert [(one.id, one.key, one.chosen, one.strong, one.weak) for one in quality.choices] == [
        ("a", True, 90, 0.75, 0.0),
        ("b", False, 10, 0.25, 0.0),
        ("c", False, 40, 0.0, 1.0),
        ("d", False, 0, 0.0, 0.0),
    ]


# In the last two, questions without any correlation happen to have one whose interval is below zero.
@pytest.mark.parametrize("seed", [0, 1, 2, 1010, 1017])
def test_what_is_planted_is_flagged(seed: int) -> None:
    found = assessed(seed, students=12_000, questions=60, size=10)
    wrong = found[WRONG_KEY].remarks[0]
    assert wrong.flag == "key"
    assert wrong.choice is not None
    assert not next(one.key for one in found[WRONG_KEY].choices if one.id == wrong.choice)
    assert [one.flag for one in found[GIVEAWAY].remarks] == ["giveaway"]
    assert [one.flag for one in found[GUESSED].remarks] == ["guessed"]


@pytest.mark.parametrize(("students", "size"), [(6_000, 10), (3_000, 20), (2_000, 10), (600, 10), (300, 5)])
def test_fewer_than_one_sound_question_in_a_hundred_is_flagged(students: int, size: int) -> None:
    sound = flagged = 0
    for seed in range(4):
        found = assessed(100 + seed, students=students, questions=103, size=size)
        for question in found.keys() - {WRONG_KEY, GIVEAWAY, GUESSED}:
            sound += 1
            flagged += bool(found[question].remarks)
    assert sound >= 390
    assert flagged / sound < 0.01


def test_of_a_few_answers_nothing_is_said() -> None:
    few = [Given(0, 0.9, "b"), Given(1, 0.1, "a")] * (FEWEST_ANSWERS // 2 - 1)
    assert assess(sums_of(few), OPTIONS, "a").remarks == ()
    assert assess(sums_of(few * 2), OPTIONS[:2], "a").remarks == (Remark("key", "b"),)


def test_a_question_that_nearly_nobody_answers_is_flagged() -> None:
    rest = np.random.default_rng(1).random(400)
    quality = assess(sums_of([Given(float(n < 4), float(y), "a") for n, y in enumerate(rest)]), (), ())
    assert Remark("unsolved") in quality.remarks


def test_an_option_that_nobody_chooses_is_told_once_it_is_no_chance() -> None:
    some = [Given(float(n % 2), n % 20 / 20 if n % 4 else 1 - n % 20 / 20, "ab"[n % 2]) for n in range(200)]
    assert [one.choice for one in assess(sums_of(some), OPTIONS, "b").remarks if one.flag == "unchosen"] == ["c", "d"]
    assert [one.choice for one in assess(sums_of(some), OPTIONS, "c").remarks if one.flag == "unchosen"] == ["d"]
    few = assess(sums_of(some[:60]), OPTIONS, "b").remarks
    assert not [one for one in few if one.flag == "unchosen"]


def test_a_question_without_an_answer_has_no_figures() -> None:
    quality = assess(QuestionSums(0, 0, 0.0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, {}, {}), OPTIONS, "a")
    assert (quality.facility, quality.discrimination, quality.median, quality.quartiles) == (None,) * 4
    assert quality.remarks == ()


def test_reasons_are_plain_words_in_both_languages() -> None:
    assert reason(Remark("key", "b"), "en") == "Stronger students choose b: is the key right?"
    assert reason(Remark("key", "b"), "ru") == "Более сильные ученики выбирают b: верен ли ключ?"
    for flag in get_args(Flag):
        for choice in ("b", None):
            told = {reason(Remark(flag, choice), language) for language in ("ru", "en")}
            assert len(told) == 2
