"""What a YAML or JSON bank file says, and how one that cannot be read is refused."""

import codecs
import json
import pickle
from textwrap import dedent

import pytest
from pydantic import JsonValue

from storage.banks import MAX_BYTES, BankFileError, read
from storage.banks.file import MAX_QUESTIONS
from storage.banks.yaml_file import MAX_REPEATED

YAML = dedent("""\
    subject: biology
    title: {ru: Биология, en: Biology}
    topics:
      - {slug: cell, title: Клетка}
    questions:
      - id: cell-001
        kind: single
        topic: cell
        difficulty: 2
        text: Что это?
        options:
          - {id: 1, text: no}
          - {id: 2, text: 012}
        key: 2
      # a comment
      - id: cell-002
        kind: number
        topic: cell
        difficulty: 3
        text: Сколько?
        key: {value: 46, tolerance: 0.5}
    """)


def yaml_question(lines: str) -> dict[str, JsonValue]:
    text = "questions:\n- id: q\n" + "".join(f"  {line}\n" for line in dedent(lines).strip().split("\n"))
    bank = read(text.encode())
    assert bank.errors == []
    return bank.entries[0].content


def refusal(content: bytes | str) -> str:
    with pytest.raises(BankFileError) as caught:
        read(content.encode() if isinstance(content, str) else content)
    return str(caught.value)


def test_a_yaml_bank_is_read_with_its_head_and_the_line_of_each_question() -> None:
    bank = read(YAML.encode())
    assert (bank.format, bank.subject, bank.title) == ("yaml", "biology", {"ru": "Биология", "en": "Biology"})
    assert [(topic.slug, topic.title_in("ru")) for topic in bank.topics] == [("cell", "Клетка")]
    assert [entry.where for entry in bank.entries] == ["line 6, cell-001", "line 16, cell-002"]
    assert bank.errors == []


def test_text_in_yaml_stays_as_written() -> None:
    content = yaml_question("""
        text: 1.10
        source: 2024-01-31
        explanation: off
        tags: [no, 012, 1e3, null-hypothesis, 'yes']
        key: {accept: [12, "12", 0x1F, true]}
    """)
    assert content == {
        "id": "q",
        "text": "1.10",
        "source": "2024-01-31",
        "explanation": "off",
        "tags": ["no", "012", "1e3", "null-hypothesis", "yes"],
        "key": {"accept": ["12", "12", "0x1F", "true"]},
    }


def test_numbers_and_flags_in_yaml_are_numbers_and_flags_where_they_belong() -> None:
    content = yaml_question("""
        difficulty: 3
        key: {value: -1.5e3, tolerance: 0, case_sensitive: true}
        extra: {year: 2024, stage: no, share: 0.5, final: false, code: '007', none: ~}
    """)
    assert content["difficulty"] == 3
    assert content["key"] == {"value": -1500.0, "tolerance": 0, "case_sensitive": True}
    assert content["extra"] == {
        "year": 2024,
        "stage": "no",
        "share": 0.5,
        "final": False,
        "code": "007",
        "none": None,
    }


def test_a_match_key_keeps_ids_that_look_like_names_of_numbers() -> None:
    content = yaml_question("""
        kind: match
        key: {value: 1, min: 2, 3: true}
    """)
    assert content["key"] == {"value": "1", "min": "2", "3": "true"}


def test_a_member_left_empty_is_absent() -> None:
    assert yaml_question("explanation:\nimage: ~\nsource: null") == {"id": "q"}


def test_yaml_anchors_are_followed() -> None:
    bank = read(b"questions:\n- id: a\n  options: &o [{id: 1, text: x}]\n- id: b\n  options: *o\n")
    assert bank.entries[1].content["options"] == [{"id": "1", "text": "x"}]


def test_yaml_aliases_that_repeat_gigabytes_are_refused() -> None:
    bomb = "questions:\n- &a0 [lol]\n"
    bomb += "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert "aliases repeat too much" in refusal(bomb)
    long = "questions:\n- &a " + "x" * (MAX_REPEATED // 2) + "\n- *a\n- *a\n- *a\n"
    assert refusal(long).startswith("line 4, column 3: aliases repeat too much")


def test_an_alias_within_its_own_anchor_is_refused() -> None:
    assert refusal("questions:\n- &a [*a]\n") == ("line 2, column 7: the alias `*a` stands for nothing known before it")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!mine", "!!timestamp", "!!binary"])
def test_yaml_tags_are_refused(tag: str) -> None:
    assert f"line 2, column 7: the tag `{'tag:yaml.org,2002:' if tag[1] == '!' else '!'}" in refusal(
        f"questions:\n- id: {tag} [x]\n"
    )


def test_a_key_that_stands_twice_is_an_error_of_that_question_only() -> None:
    bank = read(b"questions:\n- id: a\n  text: x\n  text: y\n- id: b\n- id: c\n  key: {value: 1, value: 2}\n")
    assert [entry.where for entry in bank.entries] == ["line 5, b"]
    assert [(error.where, error.message) for error in bank.errors] == [
        ("line 2, a", "line 4, column 3: `text` stands twice; keep one of them"),
        ("line 6, c", "line 7, column 19: `value` stands twice; keep one of them"),
    ]
    assert "line 3: `subject` stands twice (first in line 1)" in refusal(
        '{"subject": "x",\n"questions": [],\n"subject": "y"}'
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "questions:\n- {id: a, text: [",
            "line 3, column 1: not YAML: did not find expected node content while parsing a flow node",
        ),
        ('questions:\n- id: "a', "line 2, column 9: not YAML"),
        ("subject: x\nquestions:\n  - a\n - b\n", "line 4, column 2: not YAML"),
        ("questions: []\n---\nquestions: []\n", "line 2, column 1: a second document begins"),
        ("subject: x\nquestions: 3\n", "line 2: `questions` must be a list of questions"),
        ("subject: x\ntitle: y\n", "the file has no `questions`"),
        ("subjekt: x\nquestions: []\n", "line 1: unknown field 'subjekt'; did you mean `subject`?"),
        ("subject: A b\nquestions: []\n", "line 1: `subject`: 'A b' is not allowed here; use lower-case"),
        ("subject: x\ntopics: [{slug: a}]\nquestions: []\n", "line 2: `topics.0.title`: `title` is missing"),
        ("subject: x\nsubject: y\nquestions: []\n", "line 2, column 1: `subject` stands twice"),
        ("questions:\n- ? [a]\n  : b\n", "line 2, column 5: the name of a member must be plain text"),
        ('{"questions": [', "line 1, column 16: not JSON"),
        ('{"questions": [{"id": "a"},\n {"id": "b', "line 2, column 9: not JSON"),
        ('{"questions": []} x', "line 1, column 19: not JSON: the file goes on after its end"),
        ('{"questions": [{"a": 1}\n{"b": 2}]}', "line 2, column 1: not JSON: a comma or the closing `]`"),
        ('{"questions": [\n{"a": NaN}]}', "line 2: not JSON"),
        ('{"questions": [\n{"a": -Infinity}]}', "-Infinity is no number"),
        ('{"questions" []}', "line 1, column 14: not JSON: a colon belongs after `questions`"),
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("hello", "neither YAML with `questions:`, nor JSON, nor Moodle XML, nor GIFT"),
        ("<?xml version='1.0'?><bank/>", "this is XML or HTML"),
        ("questions:\n- \x00", "line 2: the control character U+0000"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place_and_the_mend(text: str, told: str) -> None:
    assert told in refusal(text)


def test_nesting_is_bounded() -> None:
    assert "nested deeper than" in refusal("questions:\n- " + "[" * 100)
    deep = read(('{"questions": [{"id": "q", "extra": ' + "[" * 100 + "]" * 100 + "}]}").encode())
    assert "nested deeper than" in deep.errors[0].message
    assert "nested too deeply" in refusal('{"questions": [' + "[" * 100_000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_utf_8_and_files_with_a_byte_order_mark_are_read(encoding: str) -> None:
    assert read(YAML.replace("\n", "\r\n").encode(encoding)) == read(YAML.encode())


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_that_an_old_editor_saved_in_windows_1251_is_read_with_a_warning(line_end: str) -> None:
    bank = read(YAML.replace("\n", line_end).encode("cp1251"))
    assert bank.entries == read(YAML.encode()).entries
    (warning,) = bank.warnings
    assert warning.where == "file"
    assert "Windows-1251" in warning.message


def test_a_file_that_is_not_utf_8_is_refused_with_the_byte() -> None:
    spoilt = YAML.encode().replace("Б".encode(), b"\xff", 1)
    assert refusal(spoilt).startswith("byte 29 (line 2): the byte 0xFF is not UTF-8")
    assert "is not UTF-8" in refusal(YAML.encode("koi8-r"))
    assert "is not UTF-8" in refusal("questions: # résumé, déjà vu, à bientôt".encode("latin-1"))
    assert "UTF-16" in refusal(codecs.BOM_UTF16_LE + b"a")
    assert "the ZIP is damaged" in refusal(b"PK\x03\x04\x14\x00")


def test_a_file_of_50_megabytes_is_refused() -> None:
    assert f"has {50 << 20} bytes; at most {MAX_BYTES} bytes (32 MiB)" in refusal(b" " * (50 << 20))


def test_more_questions_than_the_bound_are_refused() -> None:
    many = f"more than {MAX_QUESTIONS} questions"
    assert many in refusal('{"questions": [' + "1," * MAX_QUESTIONS + "1]}")
    assert many in refusal("questions:\n" + "- \n" * (MAX_QUESTIONS + 1))


def test_json_says_the_same_as_yaml() -> None:
    from_yaml = read(YAML.encode())
    spelled = {
        "subject": "biology",
        "title": {"ru": "Биология", "en": "Biology"},
        "topics": [{"slug": "cell", "title": "Клетка"}],
        "questions": [entry.content for entry in from_yaml.entries],
    }
    from_json = read(json.dumps(spelled, ensure_ascii=False, indent=1).encode())
    assert from_json.format == "json"
    assert [entry.content for entry in from_json.entries] == [entry.content for entry in from_yaml.entries]
    assert (from_json.subject, from_json.title, from_json.topics) == (
        from_yaml.subject,
        from_yaml.title,
        from_yaml.topics,
    )


def test_json_questions_are_known_by_their_lines() -> None:
    bank = read(b'[\n {"id": "a"},\n\n {\n "id": "b"}, 3]')
    assert [entry.where for entry in bank.entries] == ["line 2, a", "line 4, b"]
    assert (bank.errors[0].where, bank.errors[0].path) == ("line 5", "")
    assert "must be a mapping" in bank.errors[0].message


def test_numbers_in_json_are_text_where_text_belongs() -> None:
    bank = read(b'{"questions": [{"id": 1, "options": [{"id": 2, "text": 1.10}], "key": 2, "difficulty": 3}]}')
    assert bank.entries[0].content == {
        "id": "1",
        "options": [{"id": "2", "text": "1.10"}],
        "key": "2",
        "difficulty": 3,
    }


@pytest.mark.parametrize(
    ("extra", "path", "told"),
    [
        ("99999999999999999999", "extra.x", "beyond 64 bits"),
        ("9" * 10_000, "extra.x", "beyond 64 bits"),
        ("1e999", "extra.x", "too large"),
        ('"\\u0000"', "extra.x", "U+0000"),
        ('["\\ud800"]', "extra.x.0", "U+D800"),
    ],
)
def test_values_that_no_database_keeps_are_errors(extra: str, path: str, told: str) -> None:
    bank = read(f'{{"questions": [{{"id": "q", "extra": {{"x": {extra}}}}}]}}'.encode())
    assert bank.entries == []
    assert bank.errors[0].path == path
    assert told in bank.errors[0].message


def test_a_declaration_of_a_subject_is_told_from_a_bank() -> None:
    bank = read(
        b"slug: physics\ntitle: {ru: X, en: Y}\nkinds: [single, number]\ntopics: [{slug: a, title: 012}]\n"
        b"extra: {year: {type: integer, minimum: 1990, required: true, enum: [2020, 2021], title: T}}\n"
    )
    assert bank.declaration is not None
    assert bank.entries == []
    assert bank.declaration.kinds == ("single", "number")
    assert bank.declaration.topics[0].title == {"ru": "012"}
    assert bank.declaration.extra is not None
    assert bank.declaration.extra["year"].enum == (2020, 2021)


def test_a_wrong_declaration_names_every_place() -> None:
    with pytest.raises(BankFileError) as caught:
        read(b"slug: physics\ntitle: X\nkinds: [single, essay]\ntopics: [{slug: A, titel: x}]\n")
    assert [(error.where, error.path) for error in caught.value.errors] == [
        ("line 4", "topics.0.title"),
        ("line 4", "topics.0.slug"),
        ("line 4", "topics.0.titel"),
        ("line 3", "kinds.1"),
    ]


def test_the_name_of_the_file_is_told_and_the_error_survives_a_process_pool() -> None:
    with pytest.raises(BankFileError) as caught:
        read(b"", name="bank.yaml")
    assert str(caught.value).startswith("bank.yaml: the file is empty")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_twenty_thousand_questions_are_read() -> None:
    head, one = "questions:\n", YAML[YAML.index("  - id: cell-001") : YAML.index("  # a comment")]
    bank = read((head + "".join(one.replace("cell-001", f"c-{n}") for n in range(20_000))).encode())
    assert (len(bank.entries), bank.errors) == (20_000, [])
