"""What is wrong with a file is told in Russian to who reads Russian."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import storage.banks
from protocols.catalogue import texts
from protocols.messages import Subject
from protocols.web.fault_words import in_language, place_in_language
from storage.banks import BankFile, Entry
from storage.banks.check import check

MOSCOW = ZoneInfo("Europe/Moscow")
RU, EN = texts("ru", MOSCOW), texts("en", MOSCOW)
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
        assert re.search("[а-я]", in_language(RU, error.message)), error.message
        assert in_language(EN, error.message) == error.message


def _sentences() -> Iterator[tuple[str, str]]:
    """What the readers of files refuse and skip, where it stands in their source; values are 7.

    Without what is put together of several pieces there: `7` may be one of them.
    """
    told = {"BankFileError", "QuestionFault", "PictureError", "_Skipped", "EntryError", "SkippedEntry"}
    for file in sorted(Path(storage.banks.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in told:
                continue
            named = [word.value for word in node.keywords if word.arg in ("message", "reason")]
            match (node.args or named)[0]:
                case ast.Constant(value=str() as sentence):
                    yield file.name, sentence
                case ast.JoinedStr(values=parts):
                    pieces = (str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts)
                    yield file.name, "".join(pieces)


def test_whatever_a_reader_of_files_refuses_is_told_in_russian() -> None:
    written = ("export.py", "workbook_writer.py")
    sentences = [
        (file, said)
        for file, said in _sentences()
        if file not in written and re.search("[a-z]{2} [a-z]{2}", said) and not re.search("[a-z)] ?7$", said)
    ]
    assert len(sentences) > 100
    assert [one for one in sentences if not re.search("[а-я]", in_language(RU, one[1]))] == []


def test_how_to_mend_it_is_told_in_russian_too() -> None:
    said = in_language(RU, "unknown field `colour`; did you mean `color`?")
    assert said == "неизвестное поле `colour`: может быть, `color`?"


def test_where_it_is_told_in_russian_too() -> None:
    said = in_language(RU, "bank.json: line 3, column 4: not JSON: a colon belongs after `key`; found '}'")
    assert said == "bank.json: строка 3, столбец 4: не JSON: после `key` нужно двоеточие; здесь '}'"


def test_what_is_not_known_is_told_as_it_is() -> None:
    assert in_language(RU, "what is this? nobody: knows") == "what is this? nobody: knows"


def test_braces_in_a_value_are_no_placeholders() -> None:
    assert "{name}" in in_language(RU, "'{name}' is not text; write text here, in quotes if need be")


def test_lines_of_a_file_are_called_so_in_each_language() -> None:
    assert place_in_language(RU, "line 12, q-line 1") == "строка 12, q-line 1"
    assert place_in_language(EN, "line 12, q1") == "line 12, q1"
    assert place_in_language(RU, "file") == "файл целиком"
    assert place_in_language(RU, "Лист1!D3") == "Лист1!D3"
