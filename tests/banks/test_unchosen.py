"""Options that nobody chooses are named where a file holds them as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from actors.bank_files import Spool, examine, spooled, unchosen_options
from protocols.messages import ValidateBank

OPTIONS = [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}, {"id": "c", "text": "three"}]
QUESTION = {"id": "q", "kind": "single", "topic": "t", "difficulty": 1, "text": "?", "options": OPTIONS, "key": "a"}


def spool(folder: Path, *questions: dict[str, Any]) -> Spool:
    file = {"subject": "s", "topics": [{"slug": "t", "title": "T"}], "questions": questions}
    return spooled(examine(ValidateBank(user=1, content=orjson.dumps(file)), {}), folder)


def test_the_option_and_its_place_are_named(tmp_path: Path) -> None:
    (told,) = unchosen_options(spool(tmp_path, QUESTION, QUESTION | {"id": "new"}), {"q": {"c": "three"}})
    assert (told.where, told.path) == ("line 1, q", "options.2")
    assert told.message == "nobody chooses option c; is it too plainly wrong?"


def test_an_option_that_was_mended_is_not_named(tmp_path: Path) -> None:
    mended = QUESTION | {"options": [*OPTIONS[:2], {"id": "c", "text": "a better one"}]}
    assert unchosen_options(spool(tmp_path, mended), {"q": {"c": "three"}}) == []


def test_a_question_that_has_no_options_any_more_has_none_to_name(tmp_path: Path) -> None:
    whole = {name: value for name, value in QUESTION.items() if name != "options"}
    written = whole | {"kind": "text", "key": {"accept": ["one"]}}
    assert unchosen_options(spool(tmp_path, written), {"q": {"c": "three"}}) == []
