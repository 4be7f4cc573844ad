"""Whatever bytes arrive, reading ends with a bank or with a `BankFileError`, and checking with errors."""

import json
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.messages import BankFormat
from storage.banks import BankFileError, read
from storage.banks.check import check
from storage.banks.pictures import media_type_of

FORMATS: tuple[BankFormat, ...] = get_args(BankFormat)
# fmt: off
PIECES = st.sampled_from((
    "{", "}", "=", "~", "#", "####", "->", "%50%", "%", "::", ":", "\\", "\\n", "\n", "\n\n", " ", "//", "T",
    "..", "5", "$CATEGORY: ", "[html]", "<b>", "</b>", "<sub>2</sub>", "<li>", "<br>", "<script>", "<!--",
    "-->", "&#39;", "&lt", "\\(", "\\)", "$$", "$", "*", "_", "`", "a", "я", "<a href='", "http://x?a=",
    "[id:", "[tag:", "]", "\ufdd0",
))
YAML_PIECES = st.sampled_from((
    "questions:", "\n", "\n- ", "\n  ", "id: ", "a", "key: ", "&a ", "*a", "!!str ", "{", "}", "[", "]", ",",
    ": ", "? ", "| ", "> ", "'", '"', "#", "%", "@", "`", "---", "...", "kind: ", "match", "text",
    "options: ", "1.5", "~",
))
# fmt: on
NAMES = st.sampled_from(
    [
        "id",
        "kind",
        "topic",
        "difficulty",
        "text",
        "options",
        "left",
        "right",
        "key",
        "extra",
        "tags",
        "image",
        "x",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["single", "multiple", "text", "number", "order", "match", "a"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=5),
    max_leaves=12,
)
QUESTIONS = st.dictionaries(NAMES, VALUES, max_size=10)
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def taken(content: bytes, format: BankFormat | None) -> None:
    try:
        bank = read(content, format=format)
        checked = check(bank, None, bank.subject or "subject")
    except BankFileError:
        return
    for place, question in checked.questions:
        assert place
        # What is let through can be stored and told.
        question.model_dump_json().encode()
    for error in checked.errors:
        error.model_dump_json().encode()


@pytest.mark.parametrize(
    "content",
    [b"x" + b"\n" * 1_000_000, b"<!---->" * 500 + b"<a>", b"// " + b"[id:" * 20_000 + b"\n::t:: q {=x}"],
    ids=["blank lines", "comments of XML", "ids without an end"],
)
def test_one_thing_over_and_over_does_not_take_for_ever(content: bytes) -> None:
    taken(content, None)


def test_a_picture_that_is_all_comments_does_not_take_for_ever() -> None:
    assert media_type_of(b"<!---->" * 500) is None


@many
@given(st.binary(max_size=400), st.sampled_from((None, *FORMATS)))
def test_any_bytes(content: bytes, format: BankFormat | None) -> None:
    taken(content, format)


@many
@given(st.text(max_size=200), st.sampled_from((None, *FORMATS)))
def test_any_text(text: str, format: BankFormat | None) -> None:
    taken(text.encode("utf-8", "surrogatepass"), format)


@settings(many, max_examples=600)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_gift(text: str) -> None:
    taken(text.encode(), "gift")


@settings(many, max_examples=300)
@given(st.lists(YAML_PIECES, max_size=40).map("".join))
def test_any_yaml(text: str) -> None:
    taken(f"questions:\n- {text}".encode(), "yaml")


@settings(many, max_examples=300)
@given(st.lists(QUESTIONS, max_size=3))
def test_any_values_in_json(questions: list[dict[str, object]]) -> None:
    taken(json.dumps({"subject": "x", "questions": questions}).encode(), "json")


@many
@given(st.dictionaries(st.sampled_from(["slug", "title", "topics", "kinds", "extra", "x"]), VALUES, max_size=6))
def test_any_declaration(members: dict[str, object]) -> None:
    taken(json.dumps(members).encode(), None)
