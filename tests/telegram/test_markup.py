"""Markdown and formulas as Telegram's text: right where they are understood, literal and harmless elsewhere."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.formulas import plain
from protocols.markdown import Piece, parse
from protocols.messages import Entity
from protocols.telegram.markup import bold, code, cut, italic, join, needs_picture, styled, utf16_len
from protocols.telegram.values import Styled

BANKS = Path(__file__).parents[2] / "banks"
SNIPPETS = (
    *(
        "**",
        "*",
        "***",
        "_",
        "__",
        "`",
        "```\n",
        "$",
        "$$",
        "\\",
        "[a](https://a.example/)",
        "](",
        "- ",
        "1. ",
        "# ",
        ">",
    ),
    *(
        "\\frac",
        "\\sqrt",
        "\\sqrt[",
        "\\overline",
        "\\ce{",
        "\\text{",
        "\\begin{cases}",
        "\\left(",
        "{",
        "}",
        "^",
        "_",
        "&",
    ),
    *("  \n", "\n", "\n\n", " ", "x", "12", "ё", "😀", "👩‍👩‍👧", "\x00", "\u00a0", "\ufdda", "---"),
)
sources = st.one_of(st.text(), st.lists(st.sampled_from(SNIPPETS), max_size=40).map("".join))
stiles = st.builds(lambda text, wrap: wrap(text), st.text(max_size=40), st.sampled_from([bold, italic, code, join]))


def shown(text: Styled) -> list[tuple[str, str]]:
    """What each entity covers."""
    units = text.text.encode("utf-16-le", "surrogatepass")
    return [
        (
            entity.type,
            units[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le", "surrogatepass"),
        )
        for entity in text.entities
    ]


def assert_valid(text: Styled) -> None:
    length = utf16_len(text.text)
    for entity in text.entities:
        assert 0 <= entity.offset < entity.offset + entity.length <= length
    for _, covered in shown(text):
        covered.encode()  # no half of a letter
    # Each kind by itself neither overlaps nor goes backwards.
    for kind in {entity.type for entity in text.entities}:
        own = [entity for entity in text.entities if entity.type == kind]
        assert all(one.offset + one.length <= two.offset for one, two in pairwise(own))


@given(sources)
@example("*a _b " * 50 + "c_ d* " * 50)
@example("$" + "\\sqrt[" * 200 + "$")
def test_any_text_makes_valid_entities(source: str) -> None:
    assert_valid(styled(source))
    needs_picture(source)


@given(st.lists(st.sampled_from(SNIPPETS), max_size=40).map("".join))
def test_any_formula_makes_some_text(formula: str) -> None:
    assert isinstance(plain(formula).text, str)


@given(st.text(max_size=100), st.text(max_size=100))
def test_strings_are_literal(one: str, two: str) -> None:
    joined = join(one, bold(two), sep=" | ")
    assert joined.text == f"{one} | {two}"
    assert shown(joined) == ([("bold", two)] if two else [])


@given(st.lists(stiles, max_size=5), st.integers(0, 60))
def test_a_cut_text_fits_and_its_entities_too(parts: list[Styled], limit: int) -> None:
    whole = join(*parts)
    short = cut(whole, limit)
    assert utf16_len(short.text) <= limit
    assert_valid(short)
    if utf16_len(whole.text) <= limit:
        assert short == whole
    elif limit:
        assert short.text.endswith("…")
        assert whole.text.startswith(short.text[:-1])


def test_a_text_is_cut_between_words() -> None:
    assert cut(bold("one two three four"), 15) == Styled("one two three…", (Entity(type="bold", offset=0, length=13),))


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("plain", "plain", []),
        ("**bold** and *italic*", "bold and italic", [("bold", "bold"), ("italic", "italic")]),
        ("***both***", "both", [("bold", "both"), ("italic", "both")]),
        ("**bold $x^2$ *and* more**", "bold x² and more", [("bold", "bold x² and more"), ("italic", "and")]),
        ("😀 **😀**", "😀 😀", [("bold", "😀")]),
        ("`a*b*c`", "a*b*c", [("code", "a*b*c")]),
        ("```\nx = $1$\n```", "x = $1$", [("pre", "x = $1$")]),
        ("[site](https://a.example/x)", "site", [("link", "site")]),
        ("[x](javascript:alert)", "[x](javascript:alert)", []),
        (r"\*no\* \$x\$ \\", "*no* $x$ \\", []),
        ("a_b_c 2 * 3 * 4 5* 6", "a_b_c 2 * 3 * 4 5* 6", []),
        ("costs $5 and $10", "costs $5 and $10", []),
        ("**not closed", "**not closed", []),
        ("one\ntwo  \nthree\n\nfour", "one two\nthree\n\nfour", []),
        ("list:\n- a\n- b\n  goes on\n\n- c\n\nend", "list:\n• a\n• b goes on\n• c\n\nend", []),
        ("1. a\n2) b", "1. a\n2. b", []),
        ("# Title\ntext", "Title\n\ntext", [("bold", "Title")]),
        ("", "", []),
    ],
)
def test_markdown_is_shown(source: str, text: str, entities: list[tuple[str, str]]) -> None:
    result = styled(source)
    assert result.text == text
    assert shown(result) == entities


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("x_1^2 + y", "x₁² + y"),
        (r"2\cdot 3\le 7", "2 · 3 ≤ 7"),
        (r"\alpha \to \infty", "α → ∞"),
        (r"\frac{1}{2}", "1/2"),
        (r"\frac12 mv^2", "(1/2)mv²"),
        (r"2\frac{1}{3}", "2\u00a01/3"),
        (r"\frac{k+1}{2k}", "(k + 1)/(2k)"),
        (r"\left(\frac{5}{6}\right)^2", "(5/6)²"),
        (r"\sqrt{6} + \sqrt{x+1} + \sqrt[3]{8}", "√6 + √(x + 1) + ³√8"),
        ("-x - (-3)", "−x − (−3)"),
        ("0{,}5", "0,5"),
        (r"\angle ABC = 35^\circ", "∠ABC = 35°"),
        (r"6\,CO_2 + 6\,H_2O \rightarrow C_6H_{12}O_6", "6\u00a0CO₂ + 6\u00a0H₂O → C₆H₁₂O₆"),
        (r"\ce{SO4^2- + 2H+ -> H2SO4}", "SO₄²⁻ + 2H+ → H₂SO₄"),
        (r"\mathbb{R}, \text{если } x' > 0", "ℝ, если\u0020x′ > 0"),
        (r"\sin^2 x + \log_2 8", "sin²\u00a0x + log₂\u00a08"),
        (r"a \equiv b \pmod{7}", "a ≡ b\u00a0(mod\u00a07)"),
        (r"16{,}7\ \%", "16,7\u00a0%"),
        (r"A\_B\_", "A_B_"),
        (r"S_{ABC}", "S_ABC"),
        (r"1, 2, \ldots, 10", "1, 2, …, 10"),
        (r"|x-1| \ne \pm 3", "|x − 1| ≠ ±3"),
    ],
)
def test_a_formula_is_readable_as_text(formula: str, text: str) -> None:
    assert plain(formula).text == text
    assert plain(formula).faithful


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{1}{1+\frac{1}{x}}",
        r"\sqrt{\frac{a}{b}}",
        r"\sqrt{x^4 + 2x^3 - 7x^2 + 1}",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        r"\sum_{i=1}^{n} i",
        r"\lim_{x \to 0} x",
        r"\binom{10}{4}",
        r"e^{-x^2}",
        r"\unheardof{x}",
        r"\frac{1",
        "x" * 3000,
    ],
)
def test_a_formula_that_text_cannot_show_needs_a_picture(formula: str) -> None:
    assert needs_picture(f"It is ${formula}$ here")


def test_what_is_no_formula_needs_no_picture() -> None:
    assert not needs_picture(r"`$\binom{1}{2}$` and \$\binom{1}{2}\$ and costs of $5 \sum_1 $")


def questions() -> list[tuple[str, list[str]]]:
    found = []
    for file in sorted(BANKS.glob("*/questions.yaml")):
        for question in yaml.safe_load(file.read_text("utf-8"))["questions"]:
            choices = [*question.get("options", ()), *question.get("left", ()), *question.get("right", ())]
            texts = [question["text"], question.get("explanation", ""), *(str(one.get("text", "")) for one in choices)]
            found.append((question["id"], texts))
    return found


def test_every_question_of_the_demo_banks_is_shown_without_a_trace_of_markup() -> None:
    for name, texts in questions():
        for text in texts:
            result = styled(text)
            assert_valid(result)
            assert not any(sign in result.text for sign in ("\\", "$", "**", "{", "}")), (name, result.text)


def test_the_questions_of_the_demo_banks_that_need_pictures_are_known() -> None:
    binomials = {"com-001", "com-002", "com-003", "com-004", "com-006", "com-007", "com-009", "pro-007", "gra-008"}
    assert {name for name, texts in questions() if any(map(needs_picture, texts))} == binomials | {"evo-006"}


def test_signs_that_mean_themselves_are_one_piece_however_many() -> None:
    assert parse("\\*" * 4096) == (Piece("*" * 4096),)
    assert parse("a\\*" * 2048) == (Piece("a*" * 2048),)


def test_code_ends_with_as_many_backticks_as_it_began_with() -> None:
    runs = " ".join("`" * number for number in range(1, 125))
    assert parse(runs) == (Piece(runs),)
    assert parse("``a`b`` c `d`") == (Piece("a`b", "code"), Piece(" c "), Piece("d", "code"))
    assert parse("\\`a`") == (Piece("`a`"),)
