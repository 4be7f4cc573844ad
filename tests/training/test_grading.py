"""What responses are worth, kind by kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.training.grading import canonical, grade, parse_number, verdict_of
from protocols.messages import Invalid, Kind, Response
from tests.training.samples import LETTERS, question_of


def score(kind: Kind, response: Response, **members: object) -> float:
    return grade(question_of(kind, **members), response).score


def weighed(**weights: float) -> list[dict[str, object]]:
    return [{"id": name, "text": name, "weight": weight} for name, weight in weights.items()]


def test_single_is_right_or_wrong() -> None:
    assert score("single", "b") == 1
    assert score("single", "a") == 0


def test_single_with_weights_takes_the_weight_within_0_and_1() -> None:
    options = weighed(a=1, b=0.5, c=-0.5)
    assert score("single", "b", options=options, key="a") == 0.5
    assert score("single", "c", options=options, key="a") == 0


def test_an_unweighted_key_is_right_though_others_have_weights() -> None:
    options = [{"id": "a", "text": "a"}, {"id": "b", "text": "b", "weight": 0.3}]
    assert score("single", "a", options=options, key="a") == 1


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [(["a", "c"], 1), (["c", "a"], 1), (["a"], 0.5), (["a", "b"], 0), (["a", "c", "b"], 0.5), ([], 0)],
)
def test_multiple_counts_right_minus_wrong(chosen: list[str], expected: float) -> None:
    assert score("multiple", chosen) == expected


def test_multiple_with_weights_adds_them_within_0_and_1() -> None:
    options = weighed(a=0.5, b=0.5, c=-0.25, d=-1)
    assert score("multiple", ["a", "c"], options=options, key=["a", "b"]) == 0.25
    assert score("multiple", ["a", "d"], options=options, key=["a", "b"]) == 0
    assert score("multiple", ["a", "b"], options=options, key=["a", "b"]) == 1


@pytest.mark.parametrize("third", [0.33333, 0.333333, 1 / 3, 0.33334])
def test_three_thirds_are_the_whole(third: float) -> None:
    options = weighed(a=third, b=third, c=third, d=-1)
    whole = score("multiple", ["a", "b", "c"], options=options, key=["a", "b", "c"])
    assert verdict_of(whole) == "correct"
    assert whole <= 1


@pytest.mark.parametrize(
    "response",
    ["Ёжик в тумане", "ежик В ТУМАНЕ", "  ёжик   в\u00a0тумане \n", "е\u0308жик в тумане", "ЁЖИК\tВ ТУМАНЕ"],
)
def test_text_makes_spaces_case_yo_and_unicode_forms_equal(response: str) -> None:
    assert score("text", response) == 1


@pytest.mark.parametrize(
    ("accepted", "response"),
    [("ﬁne", "FINE"), ("Straße", "STRASSE"), ("H₂O", "h2o"), ("５", "5"), ("σίσυφος", "ΣΊΣΥΦΟΣ")],
)
def test_text_compares_compatible_forms_as_equal(accepted: str, response: str) -> None:
    assert score("text", response, key={"accept": [accepted]}) == 1


def test_text_is_case_sensitive_only_if_told() -> None:
    key = {"accept": ["NaCl"], "case_sensitive": True}
    assert score("text", " NaCl ", key=key) == 1
    assert score("text", "nacl", key=key) == 0
    assert score("text", "НЕТ", key={"accept": ["нёт"], "case_sensitive": True}) == 0
    assert score("text", "нет", key={"accept": ["нёт"], "case_sensitive": True}) == 1


def test_text_takes_the_best_accepted_with_its_feedback() -> None:
    accept = [
        {"text": "кот", "weight": 0.25, "feedback": "almost"},
        {"text": "Кот", "weight": 0.5, "feedback": "nearly"},
        {"text": "пёс", "weight": -1, "feedback": "no"},
    ]
    question = question_of("text", key={"accept": accept})
    assert grade(question, "КОТ") == (0.5, "nearly")
    assert grade(question, "пес") == (0, "no")
    assert grade(question, "слон") == (0, None)


def test_an_empty_text_is_a_wrong_answer() -> None:
    assert score("text", "") == 0


@pytest.mark.parametrize(
    ("pattern", "response", "expected"),
    [
        ("(18|19)[0-9]{2} год[а-я]*", "1812  Года", 1),
        ("ab", "xabx", 0),
        ("Ёл(к|оч)[аиу]", "ЁЛКУ", 1),
        ("[а-яё]+", "ёж", 1),
        ("a|ab", "ab", 1),
        (".*", "", 1),
        ("(a*)*b", "a" * 4000, 0),
    ],
)
def test_a_pattern_matches_the_whole_normalised_answer(pattern: str, response: str, expected: float) -> None:
    assert score("text", response, key={"pattern": pattern}) == expected


def test_a_pattern_minds_case_where_the_key_does() -> None:
    key = {"pattern": "Na(Cl)?", "case_sensitive": True}
    assert score("text", "NaCl", key=key) == 1
    assert score("text", "nacl", key=key) == 0


@pytest.mark.parametrize("pattern", ["[я-ё]", "(?P<ё>a)(?P<е>b)"])
def test_a_pattern_that_yo_breaks_is_taken_as_it_stands(pattern: str) -> None:
    assert score("text", "слон", key={"pattern": pattern}) == 0


@pytest.mark.parametrize("pattern", [r"([а-я]{1,99}){1,9}", "(?i)" + "я" * 990])
def test_a_pattern_that_a_bank_may_hold_never_fails_in_grading(pattern: str) -> None:
    assert score("text", "5", key={"pattern": pattern}) == 0


def test_a_pattern_outdoes_a_lower_weight() -> None:
    key = {"accept": [{"text": "котик", "weight": 0.5}], "pattern": "кот.*"}
    assert score("text", "котик", key=key) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0,5", "0.5"),
        ("0.5", "0.5"),
        (" .5 ", "0.5"),
        ("5.", "5"),
        ("1 000,", "1000"),
        ("-3", "-3"),
        ("\u22123", "-3"),
        ("\u20133", "-3"),
        ("+7", "7"),
        ("1 000 000", "1000000"),
        ("1\u00a0000,5", "1000.5"),
        ("12\u2009345\u202f678", "12345678"),
        ("0,000 001", "0.000001"),
        ("1.5e3", "1500"),
        ("2E-2", "0.02"),
        ("007", "7"),
    ],
)
def test_a_number_may_be_written_in_many_ways(text: str, value: str) -> None:
    assert parse_number(text) == parse_number(value)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "abc",
            ".",
            ",",
            "e5",
            "1e",
            "--1",
            "1.2.3",
            "0x10",
            "1_000",
            "5 %",
            "1/2",
            "½",
            "10²",
            "٣",
        ),
        *("1 2", "10 00", "1 0000", "1,000,000", "1\n000", "1e9999", "inf", "nan", "-Infinity", "1" * 65),
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_number(text)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), True, False, [], {}])
def test_infinities_and_other_types_are_no_numbers(value: Response) -> None:
    with pytest.raises(Invalid):
        parse_number(value)


@pytest.mark.parametrize("response", [0.2, 0.4, "0,2", "0,4", "0.40", 0.3, "4e-1"])
def test_tolerance_reaches_exactly_to_its_edges(response: Response) -> None:
    assert score("number", response) == 1


@pytest.mark.parametrize("response", ["0.19999999999999999999", "0.40000000000000000001", 0.1 + 0.3 + 1e-15])
def test_a_hair_beyond_the_tolerance_is_wrong(response: Response) -> None:
    assert score("number", response) == 0


def test_an_exact_number_takes_no_other() -> None:
    assert score("number", 0.1 + 0.2, key={"value": 0.3}) == 0
    assert score("number", "0,30", key={"value": 0.3}) == 1
    assert score("number", 10**18, key={"value": 1e18}) == 1
    assert score("number", 10**18 - 1, key={"value": 1e18}) == 0


def test_a_range_is_closed() -> None:
    key = {"min": -1, "max": 0.1}
    assert [score("number", n, key=key) for n in (-1, 0, "0,1", "0.1000001", "-1.01")] == [1, 1, 1, 0, 0]


def test_numbers_of_any_size_are_compared() -> None:
    key = {"value": 1e308, "tolerance": 5e-324}
    assert score("number", "1e308", key=key) == 1
    assert score("number", "1e999", key=key) == 0
    assert score("number", "1e-999", key=key) == 0


def test_several_accepted_numbers_have_weights() -> None:
    key = {
        "accept": [
            {"value": 5, "tolerance": 1, "weight": 0.5, "feedback": "round about"},
            {"value": 5, "feedback": "exactly"},
        ]
    }
    assert grade(question_of("number", key=key), 5) == (1, "exactly")
    assert grade(question_of("number", key=key), 4) == (0.5, "round about")
    assert grade(question_of("number", key=key), 7) == (0, None)


@pytest.mark.parametrize(
    ("given_order", "expected"),
    [("cadb", 1), ("bdac", 0), ("acdb", 2 / 3), ("cabd", 2 / 3), ("dbca", 2 / 3), ("abcd", 1 / 3)],
)
def test_order_counts_neighbours_of_the_key_in_the_right_order(given_order: str, expected: float) -> None:
    assert score("order", list(given_order)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ({"1": "a", "2": "d"}, 1),
        ({"1": "a"}, 0.5),
        ({"1": "d", "2": "d"}, 0.5),
        ({}, 0),
        ({"1": "b", "2": "a"}, 0),
    ],
)
def test_match_is_the_share_of_right_pairs(pairs: dict[str, str], expected: float) -> None:
    assert score("match", pairs) == expected


@pytest.mark.parametrize(
    ("kind", "response", "said"),
    [
        ("single", "z", "a, b, c, d"),
        ("single", 1, "id of an option"),
        ("single", ["b"], "a list"),
        ("multiple", "a", "a string"),
        ("multiple", ["a", "z"], "'z'; there are a, b, c, d"),
        ("multiple", ["a", "a"], "'a' stands more than once"),
        ("multiple", {"a": "b"}, "an object"),
        ("text", 5, "a number"),
        ("text", ["x"], "a list"),
        ("number", "many", "'many' is not a number"),
        ("number", ["5"], "a list"),
        ("number", "1" * 65, "at most 64"),
        ("order", ["a", "b"], "missing are c, d"),
        ("order", ["a", "b", "c", "c"], "'c' stands more than once"),
        ("order", ["a", "b", "c", "z"], "'z'"),
        ("order", "abcd", "a string"),
        ("match", ["a"], "a list"),
        ("match", {"3": "a"}, "'3'; there are 1, 2"),
        ("match", {"1": "z"}, "'z'; there are a, b, c, d"),
    ],
)
def test_a_response_of_another_kind_is_refused_and_told_why(kind: Kind, response: Response, said: str) -> None:
    with pytest.raises(Invalid, match="response") as refused:
        grade(question_of(kind), response)
    assert said in refused.value.detail
    assert refused.value.errors[0].path.startswith("response")


def test_feedback_of_what_was_chosen_is_told() -> None:
    options = [{**letter, "feedback": f"about {letter['id']}"} for letter in LETTERS[:3]] + LETTERS[3:]
    assert grade(question_of("single", options=options), "c").feedback == "about c"
    assert grade(question_of("multiple", options=options), ["d", "c", "a"]).feedback == "about a\nabout c"
    assert grade(question_of("multiple", options=options), ["d"]).feedback is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "correct"),
        (1 - 1e-10, "correct"),
        (0.999, "partial"),
        (0.001, "partial"),
        (1e-10, "wrong"),
        (0, "wrong"),
    ],
)
def test_verdicts_have_names(value: float, name: str) -> None:
    assert verdict_of(value) == name


SAME: list[tuple[Kind, Response, Response]] = [
    ("multiple", ["a", "b"], ["b", "a"]),
    ("number", "0,50", 0.5),
    ("number", "1 000", 1000),
    ("number", -0.0, "0,00"),
    ("number", 1.0, 1),
    ("text", " кот ", "кот"),
    ("match", {"1": "a", "2": "b"}, {"2": "b", "1": "a"}),
]
OTHER: list[tuple[Kind, Response, Response]] = [
    ("single", "a", "b"),
    ("multiple", ["a"], ["a", "b"]),
    ("number", "0.5", "0.50000000000000000000000000000000000000000000000001"),
    ("text", "кот", "Кот"),
    ("order", ["a", "b", "c", "d"], ["b", "a", "c", "d"]),
    ("match", {"1": "a"}, {"2": "a"}),
]


@pytest.mark.parametrize(("kind", "first", "second"), SAME)
def test_the_same_said_in_another_way_is_the_same(kind: Kind, first: Response, second: Response) -> None:
    assert canonical(question_of(kind), first) == canonical(question_of(kind), second)


@pytest.mark.parametrize(("kind", "first", "second"), OTHER)
def test_something_else_is_not_the_same(kind: Kind, first: Response, second: Response) -> None:
    assert canonical(question_of(kind), first) != canonical(question_of(kind), second)


KINDS_OF_QUESTIONS = st.sampled_from(["single", "multiple", "text", "number", "order", "match"])
NAMES = st.sampled_from(["a", "b", "c", "d", "1", "2", "0,5", "z"])
RESPONSES = st.one_of(
    NAMES,
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.lists(NAMES, max_size=5),
    st.permutations(["a", "b", "c", "d"]),
    st.dictionaries(NAMES, NAMES, max_size=3),
)


@given(KINDS_OF_QUESTIONS, RESPONSES)
def test_any_response_is_scored_within_0_and_1_or_refused(kind: Kind, response: Response) -> None:
    question = question_of(kind)
    try:
        graded = grade(question, response)
    except Invalid:
        with pytest.raises(Invalid):
            canonical(question, response)
    else:
        assert 0 <= graded.score <= 1
        assert canonical(question, response) == canonical(question, response)


@given(st.text(max_size=70))
def test_any_string_is_a_finite_number_or_refused(text: str) -> None:
    try:
        number = parse_number(text)
    except Invalid:
        return
    assert number.is_finite()
