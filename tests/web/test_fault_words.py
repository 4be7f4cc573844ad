"""What is wrong with a file is told in Russian to who reads Russian."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from protocols.catalogue import texts
from protocols.messages import Subject
from protocols.web.fault_words import in_language, place_in_language
from storage.banks import BankFile, Entry
from storage.banks.check import check

MOSCOW = ZoneInfo("Europe/Moscow")
SUBJECT = Subject.model_validate({"slug": "s", "title": "S", "topics": [{"slug": "t", "title": "T"}]})
GOOD: dict[str, Any] = {
    "id": "q",
    "kind": "single",
    "topic": "t",
    "difficulty": 1,
    "text": "?",
    "options": [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}],
    "key": "a",
}


@pytest.mark.parametrize(
    "changed",
    [
        {"difficulty": 9},
        {"difficulty": 0},
        {"difficulty": "x"},
        {"text": ""},
        {"text": 5},
        {"key": "z"},
        {"topic": "none"},
        {"kind": "essay"},
        {"options": [{"id": "a", "text": "A"}]},
        {"options": [{"id": "a", "text": "A"}, {"id": "a", "text": "B"}]},
        {"options": "a"},
        {"explanatoin": "x"},
        {"colour": "x"},
        {"id": "with spaces"},
    ],
)
def test_a_frequent_fault_is_told_in_russian(changed: dict[str, Any]) -> None:
    file = BankFile(format="json", subject="s", entries=[Entry("line 1", GOOD | changed)])
    errors = check(file, SUBJECT, None).errors
    assert errors
    for error in errors:
        assert re.search("[а-я]", in_language(texts("ru", MOSCOW), error.message)), error.message
        assert in_language(texts("en", MOSCOW), error.message) == error.message


def test_what_is_not_known_is_told_as_it_is() -> None:
    assert (
        in_language(texts("ru", MOSCOW), "line 3, column 4: not YAML: what is this?")
        == "line 3, column 4: not YAML: what is this?"
    )


def test_braces_in_a_value_are_no_placeholders() -> None:
    assert "{name}" in in_language(texts("ru", MOSCOW), "'{name}' is not text; write text here, in quotes if need be")


def test_lines_of_a_file_are_called_so_in_each_language() -> None:
    assert place_in_language(texts("ru", MOSCOW), "line 12, q-line 1") == "строка 12, q-line 1"
    assert place_in_language(texts("en", MOSCOW), "line 12, q1") == "line 12, q1"
    assert place_in_language(texts("ru", MOSCOW), "Лист1!D3") == "Лист1!D3"
