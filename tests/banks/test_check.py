"""Whether the questions of a file are questions of its subject, and how it is told where they are not."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from protocols.messages import Subject, Topic
from storage.banks import BankFile, BankFileError, Entry, read
from storage.banks.check import MAX_ERRORS, Checked, check
from storage.banks.subjects import BASES, json_schema, question_model

BANKS = Path(__file__).parents[2] / "banks"
CHOICES = [{"id": "a", "text": "один"}, {"id": "b", "text": "два"}, {"id": "c", "text": "три"}]
COMMON = {"topic": "cell", "difficulty": 2, "text": "Что?"}
QUESTIONS: dict[str, dict[str, Any]] = {
    "single": {**COMMON, "id": "s", "kind": "single", "options": CHOICES, "key": "b", "tags": ["x"]},
    "multiple": {**COMMON, "id": "m", "kind": "multiple", "options": CHOICES, "key": ["a", "b"]},
    "text": {
        **COMMON,
        "id": "t",
        "kind": "text",
        "key": {"accept": ["да", {"text": "ага", "weight": 0.5}], "pattern": "(да)+"},
    },
    "number": {**COMMON, "id": "n", "kind": "number", "key": {"value": 1.5, "tolerance": 0.1}},
    "order": {**COMMON, "id": "o", "kind": "order", "options": CHOICES, "key": ["c", "a", "b"]},
    "match": {
        **COMMON,
        "id": "x",
        "kind": "match",
        "left": CHOICES[:2],
        "right": CHOICES,
        "key": {"a": "c", "b": "a"},
    },
}
SUBJECT = Subject.model_validate(
    {
        "slug": "biology",
        "title": "Биология",
        "topics": [{"slug": "cell", "title": "Клетка"}, {"slug": "genes", "title": "Гены"}],
        "extra": {
            "year": {"type": "integer", "title": "Год", "minimum": 1990, "maximum": 2100, "required": True},
            "stage": {"type": "string", "title": "Этап", "enum": ["school", "final"]},
        },
    }
)


def bank(*questions: dict[str, Any], **head: Any) -> BankFile:
    return read(json.dumps({"subject": "biology", **head, "questions": questions}).encode())


def faults(checked: Checked) -> list[tuple[str, str]]:
    return [(error.path, error.message) for error in checked.errors]


def fault_of(kind: str, change: Callable[[dict[str, Any]], object]) -> tuple[str, str]:
    question = copy.deepcopy(QUESTIONS[kind])
    change(question)
    checked = check(bank(question), None, None)
    assert checked.questions == []
    assert len(checked.errors) == 1
    assert checked.errors[0].where.startswith("line 1")
    return checked.errors[0].path, checked.errors[0].message


@pytest.mark.parametrize("kind", QUESTIONS)
@pytest.mark.parametrize("format", ["json", "yaml"])
def test_each_kind_comes_through_a_file_as_it_is(kind: str, format: str) -> None:
    content = json.dumps({"subject": "biology", "questions": [QUESTIONS[kind]]}).encode()
    file = read(content, format="yaml" if format == "yaml" else "json")
    checked = check(file, None, None)
    expected = BASES[QUESTIONS[kind]["kind"]].model_validate(QUESTIONS[kind])
    assert checked.questions == [(f"line 1, {QUESTIONS[kind]['id']}", expected)]
    assert type(checked.questions[0][1]) is type(expected)
    assert pickle.loads(pickle.dumps(checked)) == checked


@pytest.mark.parametrize(
    ("kind", "change", "path", "told"),
    [
        ("single", lambda q: q.update(key="z"), "key", "'z' is no option; the options are a, b, c"),
        ("multiple", lambda q: q.update(key=["a", "z"]), "key", "'z' is no option"),
        ("multiple", lambda q: q.update(key="a"), "key", "'a' is not a list; write a list here, as [a, b]"),
        ("order", lambda q: q.update(key=["a", "b"]), "key", "must name each option once"),
        ("match", lambda q: q.update(key={"a": "c"}), "key", "must match each of a, b"),
        ("match", lambda q: q.update(key={"a": "c", "b": "z"}), "key", "'z' is not on the right"),
        ("single", lambda q: q["options"][2].update(id="b d"), "options.2.id", "'b d' is not allowed here"),
        ("single", lambda q: q["options"][2].update(id="b"), "options", "the id 'b' stands twice"),
        ("single", lambda q: q["options"].pop() and q["options"].pop(), "options", "at least 2 needed"),
        ("single", lambda q: q["options"][0].update(txt="x"), "options.0.txt", "did you mean `text`?"),
        ("single", lambda q: q.pop("text"), "text", "`text` is missing; write what is asked"),
        ("single", lambda q: q.update(text=True), "text", "True is not text"),
        ("single", lambda q: q.update(text=""), "text", "the text is empty"),
        ("single", lambda q: q.update(difficulty=7), "difficulty", "7 is too large; at most 5"),
        ("single", lambda q: q.update(difficulty="hard"), "difficulty", "'hard' is not a whole number"),
        ("single", lambda q: q.update(kind="sngle"), "kind", "did you mean `single`?"),
        ("single", lambda q: q.pop("kind"), "kind", "`kind` is missing; give one of single"),
        ("single", lambda q: q.update(explnation="x"), "explnation", "did you mean `explanation`?"),
        ("single", lambda q: q["options"][0].update(weight=3), "options.0.weight", "3 is too large"),
        (
            "number",
            lambda q: q.update(key={"value": "0,5"}),
            "key.value",
            "'0,5' is not a number; use a point",
        ),
        ("number", lambda q: q.update(key={"min": 3, "max": 1}), "key", "`min` 3.0 is above `max` 1.0"),
        ("number", lambda q: q.update(key={"vaule": 3, "value": 1}), "key.vaule", "did you mean `value`?"),
        ("number", lambda q: q.update(key=5), "key", "is not a mapping"),
        ("text", lambda q: q.update(key={}), "key", "give at least one accepted answer"),
        (
            "text",
            lambda q: q["key"].update(pattern=r"(a)\1"),
            "key.pattern",
            r"not a pattern that RE2 accepts: '(a)\\1': invalid escape sequence",
        ),
        (
            "text",
            lambda q: q["key"]["accept"].append({"text": "y", "w": 1}),
            "key.accept.2.w",
            "unknown field",
        ),
    ],
)
def test_each_error_has_a_dotted_path_the_value_and_the_mend(
    kind: str, change: Callable[[dict[str, Any]], object], path: str, told: str
) -> None:
    found = fault_of(kind, change)
    assert found[0] == path
    assert told in found[1]


def test_a_catastrophic_pattern_is_harmless_and_taken() -> None:
    question = {**QUESTIONS["text"], "key": {"pattern": "(a+)+$"}}
    assert check(bank(question), None, None).errors == []


def test_every_error_of_a_question_is_told() -> None:
    question = {**QUESTIONS["single"], "optoins": CHOICES, "difficulty": 0}
    del question["options"]
    checked = check(bank(question), None, None)
    assert sorted(error.path for error in checked.errors) == ["difficulty", "options", "optoins"]
    assert ("optoins", "unknown field `optoins`; did you mean `options`?") in faults(checked)


def test_a_duplicate_id_names_both_places() -> None:
    content = json.dumps({"subject": "x", "questions": [QUESTIONS["single"], QUESTIONS["single"]]}, indent=0)
    checked = check(read(content.encode()), None, None)
    first, second = checked.questions[0][0], checked.errors[0]
    assert len(checked.questions) == 1
    assert second.path == "id"
    assert second.where != first
    assert f"'s' is already the id of {first};" in second.message


def test_errors_of_form_are_told_beside_those_of_content() -> None:
    checked = check(read(b"subject: x\nquestions:\n- 3\n- id: a\n  id: b\n- kind: essay\n"), None, None)
    assert [error.where for error in checked.errors] == ["line 3", "line 4, b", "line 6"]


def test_errors_are_bounded_and_the_rest_is_counted() -> None:
    checked = check(BankFile("json", subject="x", entries=[Entry("line 1", {})] * (MAX_ERRORS + 234)), None, None)
    assert len(checked.errors) == MAX_ERRORS + 1
    assert checked.errors[-1].message == "and 234 more errors"


def test_an_unknown_subject_is_declared_from_the_file() -> None:
    declared = check(bank(QUESTIONS["single"], title="Био", topics=[{"slug": "cell", "title": "К"}]), None, None)
    assert declared.subject == Subject(slug="biology", title="Био", topics=(Topic(slug="cell", title="К"),))
    implied = check(bank(QUESTIONS["single"]), None, None).subject
    assert implied.title == {"ru": "biology"}
    assert [topic.slug for topic in implied.topics] == ["cell"]
    assert implied.extra is None


def test_topics_of_the_file_are_merged_into_a_known_subject() -> None:
    question = {**QUESTIONS["single"], "topic": "zoology", "extra": {"year": 2024}}
    merged = check(bank(question, topics=[{"slug": "zoology", "title": "Звери"}]), SUBJECT, None)
    assert merged.errors == []
    assert [topic.slug for topic in merged.subject.topics] == ["cell", "genes", "zoology"]
    alone = check(bank(question), SUBJECT, None)
    assert faults(alone) == [
        ("topic", "'zoology' is no topic of `biology`; use one of cell, genes, or add it to `topics`")
    ]


def test_titles_made_up_from_gift_categories_do_not_replace_known_ones() -> None:
    file = read(b"$CATEGORY: Genes\n\nQ {T}\n", subject="biology")
    subject = check(file, SUBJECT, "biology").subject
    assert subject.topics == SUBJECT.topics


def test_a_declaration_keeps_the_topics_that_questions_already_have() -> None:
    file = read(b"slug: biology\ntitle: Bio\ntopics: [{slug: cell, title: Cell}]\n")
    subject = check(file, SUBJECT, "biology").subject
    assert subject.title == {"ru": "Bio"}
    assert [topic.title_in("ru") for topic in subject.topics] == ["Cell", "Гены"]


def test_the_subject_may_be_chosen_at_the_upload_but_not_against_the_file() -> None:
    nameless = read(json.dumps([QUESTIONS["single"]]).encode())
    assert check(nameless, None, "botany").subject.slug == "botany"
    with pytest.raises(BankFileError, match=r"names no subject; .*`--subject SLUG`.*the part `subject`"):
        check(nameless, None, None)
    with pytest.raises(BankFileError, match="is for `biology`, but `botany` was asked for"):
        check(bank(), None, "botany")


@pytest.mark.parametrize(
    ("extra", "path", "told"),
    [
        ({}, "extra.year", "`year` is missing; add it"),
        ({"year": 1980}, "extra.year", "1980 is too small; at least 1990"),
        ({"year": "long ago"}, "extra.year", "is not a whole number"),
        ({"year": 2000, "stage": "last"}, "extra.stage", "'last' is not allowed; one of school, final"),
        ({"year": 2000, "stagе": "final"}, "extra.stagе", "did you mean `stage`?"),
    ],
)
def test_own_fields_are_checked_as_declared(extra: dict[str, Any], path: str, told: str) -> None:
    checked = check(bank({**QUESTIONS["single"], "extra": extra}), SUBJECT, None)
    assert [error.path for error in checked.errors] == [path]
    assert told in checked.errors[0].message


def test_own_fields_come_through_as_declared() -> None:
    checked = check(bank({**QUESTIONS["single"], "extra": {"year": "2024", "stage": "final"}}), SUBJECT, None)
    assert checked.questions[0][1].extra == {"year": 2024, "stage": "final"}


def test_a_kind_that_the_subject_does_not_allow_is_an_error() -> None:
    subject = SUBJECT.model_copy(update={"kinds": ("single",), "extra": None})
    checked = check(bank(QUESTIONS["number"], QUESTIONS["single"]), subject, None)
    assert faults(checked) == [("kind", "the subject `biology` has no questions of kind number; its kinds are single")]
    assert len(checked.questions) == 1


def test_the_schema_names_the_kinds_topics_and_own_fields() -> None:
    schema: Any = json_schema(SUBJECT.model_copy(update={"kinds": ("single", "text")}))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["discriminator"]["mapping"]) == {"single", "text"}
    single = schema["$defs"]["SingleQuestion"]
    assert single["properties"]["topic"]["oneOf"] == [
        {"const": "cell", "title": "Клетка"},
        {"const": "genes", "title": "Гены"},
    ]
    assert single["properties"]["difficulty"]["description"] == "1 is easy, 5 is hard."
    extra = schema["$defs"]["Extra"]
    assert extra["required"] == ["year"]
    assert extra["properties"]["year"]["minimum"] == 1990
    json.dumps(schema)


def test_the_model_of_a_subject_is_compiled_once_and_takes_what_the_check_takes() -> None:
    assert question_model(SUBJECT) is question_model(SUBJECT.model_copy())
    question = question_model(SUBJECT).validate_python({**QUESTIONS["order"], "extra": {"year": 2001}})
    assert question.topic == "cell"


@pytest.mark.parametrize("subject", ["biology", "mathematics"])
def test_the_demo_banks_hold_no_error(subject: str) -> None:
    declared = check(read((BANKS / subject / "subject.yaml").read_bytes()), None, None).subject
    checked = check(read((BANKS / subject / "questions.yaml").read_bytes()), declared, subject)
    assert checked.errors == []
    assert len(checked.questions) >= 40
    assert {question.kind for _, question in checked.questions} == set(BASES)


@pytest.mark.parametrize("subject", ["biology", "mathematics"])
def test_the_published_schema_takes_the_demo_bank_and_refuses_what_the_check_refuses(subject: str) -> None:
    declared = check(read((BANKS / subject / "subject.yaml").read_bytes()), None, None).subject
    validator = jsonschema_rs.validator_for(json_schema(declared))
    entries = read((BANKS / subject / "questions.yaml").read_bytes()).entries
    assert [entry.where for entry in entries if not validator.is_valid(entry.content)] == []
    wrongs: list[dict[str, Any]] = [{"topic": "nope"}, {"optoins": []}, {"extra": {"year": "old"}}]
    for wrong in [*wrongs, {"kind": "essay"}]:
        assert not validator.is_valid({**entries[0].content, **wrong})


def test_a_title_in_one_language_leaves_the_other_as_it_is() -> None:
    known = Subject.model_validate(
        {"slug": "s", "title": "S", "topics": [{"slug": "cell", "title": {"ru": "Клетка", "en": "The cell"}}]}
    )
    file = BankFile(format="yaml", subject="s", topics=[Topic.model_validate({"slug": "cell", "title": "Клетки"})])
    assert check(file, known, None).subject.topics[0].title == {"ru": "Клетки", "en": "The cell"}
