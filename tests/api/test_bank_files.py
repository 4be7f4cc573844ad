"""Departments upload bank files: checked, imported, imported again, and refused whole."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import AsyncIterator, Callable

import jsonschema_rs
import orjson
import pytest
import yaml

from tests.api.banks import (
    QUESTIONS,
    RIGHT,
    WRONG,
    Bank,
    answer,
    bank_file,
    begin,
    imported,
    new_slug,
    train,
)
from tests.api.client import Client, Json, problem

ONE: dict[str, Json] = {
    "id": "one",
    "kind": "single",
    "topic": "basics",
    "difficulty": 1,
    "text": "1 + 1 = ?",
    "options": [{"id": "a", "text": "2"}, {"id": "b", "text": "11"}],
    "key": "a",
}


def one_question(subject: str, **changed: Json) -> bytes:
    """A bank file with one question; a member that is changed to None is left out."""
    question = {name: value for name, value in (ONE | changed).items() if value is not None}
    return orjson.dumps(bank_file(subject, [question]))


def figures(report: Json) -> Json:
    return {name: report[name] for name in ("total", "valid", "added", "updated", "unchanged")}


async def subjects(client: Client) -> dict[str, Json]:
    return {subject["slug"]: subject for subject in (await client.get("/subjects"))["items"]}


async def test_validating_tells_what_importing_would_do_and_does_nothing(editor: Client) -> None:
    slug = new_slug()
    answer = await editor.upload("validate", orjson.dumps(bank_file(slug)), name="bank.json")
    assert answer.status == 200
    assert answer.json == {
        "subject": slug,
        "format": "json",
        "inside": None,
        "total": 8,
        "valid": 8,
        "added": 8,
        "updated": 0,
        "unchanged": 0,
        "skipped": [],
        "errors": [],
        "warnings": [],
    }
    assert slug not in await subjects(editor)


async def test_validating_a_wrong_file_names_each_error(editor: Client) -> None:
    content = one_question(new_slug(), difficulty=9, key="z", text="")
    answer = await editor.upload("validate", content)
    assert answer.status == 200
    report = answer.json
    assert (report["total"], report["valid"], report["added"]) == (1, 0, 0)
    assert {"difficulty", "text"} <= {error["path"] for error in report["errors"]}
    assert all("one" in error["where"] for error in report["errors"])


async def test_a_question_that_cannot_be_read_counts_among_all(editor: Client) -> None:
    content = b"::one:: 2 + 2 {#4}\n\n::two:: 3 + 3 {#six}\n\n::three:: 4 + 4 {\n"
    answer = await editor.upload("validate", content, subject=new_slug())
    assert (answer.json["total"], answer.json["valid"], len(answer.json["errors"])) == (3, 1, 2)


def as_json(file: Json) -> bytes:
    return orjson.dumps(file)


def as_yaml(file: Json) -> bytes:
    return yaml.safe_dump(file, allow_unicode=True).encode()


@pytest.mark.parametrize(("write", "format"), [(as_json, "json"), (as_yaml, "yaml")])
async def test_a_file_is_imported_and_trained_on(
    editor: Client, student: Client, write: Callable[[Json], bytes], format: str
) -> None:
    slug = new_slug()
    answer = await editor.upload("import", write(bank_file(slug)), name="bank")
    assert answer.status == 200
    assert figures(answer.json) == {"total": 8, "valid": 8, "added": 8, "updated": 0, "unchanged": 0}
    assert answer.json["format"] == format
    training = await train(student, Bank(slug, editor), RIGHT)
    assert training["summary"]["correct"] == 8


GIFT = """
// two questions for a machine, one for a person
$CATEGORY: top/basics

::capital::What is the capital of France? { =Paris #yes ~London ~%50%Lutetia #once }

::sum::2 + 2 { #4:0.5 }

::essay::Why? {}
"""


async def test_gift_is_imported_and_what_no_machine_can_grade_is_skipped(editor: Client, student: Client) -> None:
    slug = new_slug()
    answer_ = await editor.upload("import", GIFT.encode(), name="bank.txt", subject=slug, format="gift")
    assert answer_.status == 200, answer_.content
    report = answer_.json
    assert (report["subject"], report["format"]) == (slug, "gift")
    assert figures(report) == {"total": 3, "valid": 2, "added": 2, "updated": 0, "unchanged": 0}
    assert report["errors"] == []
    (skipped,) = report["skipped"]
    assert skipped["reason"]
    training = await student.post("/trainings", {"subject": slug, "filters": {"kinds": ["number"]}}, status=201)
    verdict = await answer(student, training, training["question"]["id"], "4,5")
    assert verdict["verdict"] == "correct"


async def test_the_format_is_found_by_the_content(editor: Client) -> None:
    answer = await editor.upload("validate", GIFT.encode(), name="bank.json", subject=new_slug())
    assert answer.json["format"] == "gift"


async def test_importing_again_changes_nothing(editor: Client, own: Bank) -> None:
    report = await imported(editor, bank_file(own.subject))
    assert figures(report) == {"total": 8, "valid": 8, "added": 0, "updated": 0, "unchanged": 8}


async def test_importing_again_updates_what_changed_and_leaves_the_counters_alone(
    editor: Client, student: Client, own: Bank
) -> None:
    await train(student, own, {"single": "b", "number": 7})
    changed = [
        question | ({"text": "Which letter?", "key": "c"} if question["id"] == "single" else {})
        for question in QUESTIONS
    ]
    report = await imported(editor, bank_file(own.subject, changed))
    assert figures(report) == {"total": 8, "valid": 8, "added": 0, "updated": 1, "unchanged": 7}
    assert await own.statistics("single") == {"answered": 1, "correct": 1}
    training = await begin(student, own, "single")
    assert training["question"]["text"] == "Which letter?"
    assert (await answer(student, training, "single", "c"))["verdict"] == "correct"
    assert await own.statistics("single") == {"answered": 2, "correct": 2}


async def test_an_import_is_all_or_nothing(editor: Client, own: Bank) -> None:
    changed = [question | {"difficulty": 5} for question in QUESTIONS]
    changed[3] = changed[3] | {"difficulty": 6}
    told = problem(await editor.upload("import", as_json(bank_file(own.subject, changed))), 422)
    assert figures(told) == {"total": 8, "valid": 7, "added": 0, "updated": 0, "unchanged": 0}
    (error,) = told["errors"]
    assert (error["path"], "text" in error["where"]) == ("difficulty", True)
    listed = await editor.get(f"/admin/questions?subject={own.subject}")
    assert [one["difficulty"] for one in listed["items"]] == [one["difficulty"] for one in QUESTIONS]


async def test_a_partial_import_takes_what_is_right_and_tells_what_is_not(editor: Client, own: Bank) -> None:
    changed = [question | {"difficulty": 5} for question in QUESTIONS]
    changed[3] = changed[3] | {"difficulty": 6}
    answer = await editor.upload("import?partial=true", as_json(bank_file(own.subject, changed)))
    assert answer.status == 200
    report = answer.json
    assert (report["total"], report["valid"], report["updated"], report["unchanged"]) == (8, 7, 5, 2)
    assert [error["path"] for error in report["errors"]] == ["difficulty"]
    listed = await editor.get(f"/admin/questions?subject={own.subject}")
    assert [one["difficulty"] for one in listed["items"]] == [5, 5, 5, 2, 5, 5, 5, 5]


async def test_the_subject_may_be_said_beside_the_file(editor: Client) -> None:
    slug = new_slug()
    file = bank_file("nobody", [ONE])
    del file["subject"]
    problem(await editor.upload("import", as_json(file)), 422)
    answer = await editor.upload("import", as_json(file), subject=slug)
    assert (answer.status, answer.json["subject"]) == (200, slug)


async def test_a_file_for_another_subject_than_the_one_asked_for_is_refused(editor: Client, own: Bank) -> None:
    before = await subjects(editor)
    problem(await editor.upload("import", as_json(bank_file(own.subject)), subject="mathematics"), 422)
    assert await subjects(editor) == before


NEW_SUBJECT = """
slug: {slug}
title: {{ru: Астрономия, en: Astronomy}}
kinds: [number, single]
topics:
  - {{slug: planets, title: {{ru: Планеты, en: Planets}}}}
  - {{slug: stars, title: Звёзды}}
extra:
  year: {{type: integer, minimum: 1990, maximum: 2100, required: true, title: Год}}
  stage: {{type: string, enum: [school, final], title: Этап}}
"""


async def test_a_new_subject_needs_no_code(editor: Client, student: Client) -> None:
    slug = new_slug()
    declared = await editor.upload("import", NEW_SUBJECT.format(slug=slug).encode())
    assert declared.status == 200, declared.content

    shown = (await subjects(student))[slug]
    assert (shown["title"], shown["questions"]) == ("Астрономия", 0)
    assert shown["topics"] == [
        {"slug": "planets", "title": "Планеты", "questions": 0},
        {"slug": "stars", "title": "Звёзды", "questions": 0},
    ]
    assert (await student.refused(409, "POST", "/trainings", {"subject": slug}))["without"] == {}

    planet = {"id": "p", "kind": "number", "topic": "planets", "difficulty": 1, "key": {"value": 8}}
    wrong: list[tuple[Json, str]] = [
        ({"topic": "comets"}, "topic"),
        ({"extra": {}}, "extra.year"),
        ({"extra": {"year": 1900}}, "extra.year"),
        ({"extra": {"year": 2026, "stage": "last"}}, "extra.stage"),
        ({"extra": {"year": 2026, "colour": "red"}}, "extra.colour"),
        ({"kind": "text", "key": {"accept": ["8"]}}, "kind"),
    ]
    for change, path in wrong:
        file = bank_file(slug, [planet | {"extra": {"year": 2026}} | change])
        told = problem(await editor.upload("import", as_json(file)), 422)
        assert [error["path"] for error in told["errors"]] == [path]
    await imported(editor, bank_file(slug, [planet | {"extra": {"year": 2026, "stage": "final"}}]))
    assert (await subjects(student))[slug]["questions"] == 1
    kept = await editor.get(f"/admin/questions/p?subject={slug}")
    assert kept["question"]["extra"] == {"year": 2026, "stage": "final"}


async def test_the_schema_of_a_subject_says_what_an_import_takes(guest: Client, own: Bank) -> None:
    told = await guest.call("GET", f"/subjects/{own.subject}/schema")
    assert told.status == 200
    schema = jsonschema_rs.validator_for(told.json)
    for question in bank_file(own.subject)["questions"]:
        assert schema.is_valid(question)
        assert not schema.is_valid(question | {"topic": "no-such"})
        assert not schema.is_valid(question | {"difficulty": 6})
        assert not schema.is_valid({name: value for name, value in question.items() if name != "key"})
    await guest.refused(404, "GET", "/subjects/alchemy/schema")


def png() -> bytes:
    """A white dot."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\xff")) + chunk(b"IEND", b"")
    )


async def test_a_picture_comes_with_the_file_and_is_shown_by_its_id(
    editor: Client, student: Client, guest: Client
) -> None:
    slug = new_slug()
    picture = "data:image/png;base64," + base64.b64encode(png()).decode()
    await imported(editor, bank_file(slug, [ONE | {"image": picture}]))
    training = await student.post("/trainings", {"subject": slug}, status=201)
    shown = await guest.call("GET", f"/files/{training['question']['image']}")
    assert (shown.status, shown.headers["Content-Type"], shown.content) == (200, "image/png", png())
    await guest.refused(404, "GET", f"/files/{'0' * 64}")
    await guest.refused(404, "GET", "/files/no-such")


async def test_the_pictures_of_the_demo_bank_are_there(editor: Client, guest: Client) -> None:
    found = 0
    after = ""
    while True:
        page = await editor.get(f"/admin/questions?subject=mathematics&limit=100{after}")
        for image in filter(None, (one["question"].get("image") for one in page["items"])):
            picture = await guest.call("GET", f"/files/{image}")
            assert (picture.status, picture.headers["Content-Type"]) == (200, "image/svg+xml")
            assert "default-src 'none'" in picture.headers["Content-Security-Policy"]
            found += 1
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found > 5


async def test_a_page_instead_of_a_picture_is_refused(editor: Client) -> None:
    slug = new_slug()
    picture = "data:text/html;base64," + base64.b64encode(b"<script>alert(1)</script>").decode()
    content = as_json(bank_file(slug, [ONE | {"image": picture}]))
    told = problem(await editor.upload("import", content), 422)
    assert [error["path"] for error in told["errors"]] == ["image"]


TEXT: Json = {"kind": "text", "options": None}
NUMBER: Json = {"kind": "number", "options": None}
TWICE: Json = [{"id": "a", "text": "2"}, {"id": "a", "text": "11"}]
HEAVY: Json = [{"id": "a", "text": "2", "weight": 2}, {"id": "b", "text": "11"}]
MATCH: Json = {
    "kind": "match",
    "options": None,
    "left": [{"id": "1", "text": "1"}],
    "right": [{"id": "x", "text": "x"}],
}

REFUSED_QUESTIONS: dict[str, tuple[Json, str]] = {
    "a key that names no option": ({"key": "c"}, "key"),
    "a key of another kind": ({"key": ["a"]}, "key"),
    "no key": ({"key": None}, "key"),
    "an option that stands twice": ({"options": TWICE}, "options"),
    "one option only": ({"options": [{"id": "a", "text": "2"}]}, "options"),
    "a weight out of range": ({"options": HEAVY}, "options.0.weight"),
    "an unknown kind": ({"kind": "guess"}, "kind"),
    "no kind": ({"kind": None}, "kind"),
    "no text": ({"text": ""}, "text"),
    "a difficulty out of range": ({"difficulty": 0}, "difficulty"),
    "a member that nobody knows": ({"answer": "a"}, "answer"),
    "an id that cannot stand in a path": ({"id": "a/b"}, "id"),
    "a list for an id": ({"id": [1]}, "id"),
    "a backreference, which takes exponential time": (
        TEXT | {"key": {"pattern": r"(a+)\1+$"}},
        "key.pattern",
    ),
    "a pattern that grows": (TEXT | {"key": {"pattern": "((a{1000}){1000}){1000}"}}, "key.pattern"),
    "a pattern with a mistake": (TEXT | {"key": {"pattern": "(a"}}, "key.pattern"),
    "a text question that accepts nothing": (TEXT | {"key": {"accept": []}}, "key"),
    "a range from high to low": (NUMBER | {"key": {"min": 2, "max": 1}}, "key"),
    "an infinite number": (NUMBER | {"key": {"value": "inf"}}, "key.value"),
    "an order that leaves one out": ({"kind": "order", "key": ["a"]}, "key"),
    "a match without an end": (MATCH | {"key": {"1": "y"}}, "key"),
}


@pytest.mark.parametrize(("change", "path"), [pytest.param(*case, id=name) for name, case in REFUSED_QUESTIONS.items()])
async def test_a_wrong_question_is_refused_and_the_place_is_named(editor: Client, change: Json, path: str) -> None:
    slug = new_slug()
    told = problem(await editor.upload("import", one_question(slug, **change)), 422)
    assert path in {error["path"] for error in told["errors"]}
    assert all(error["message"] and error["where"] for error in told["errors"])
    assert slug not in await subjects(editor)


async def test_an_id_that_stands_twice_is_refused(editor: Client) -> None:
    slug = new_slug()
    told = problem(await editor.upload("import", as_json(bank_file(slug, [ONE, ONE]))), 422)
    assert [error["path"] for error in told["errors"]] == ["id"]
    assert slug not in await subjects(editor)


async def test_a_pattern_that_backtracks_elsewhere_is_matched_at_once(editor: Client, student: Client) -> None:
    """RE2 takes linear time: with a backtracking matcher this answer would take longer than the universe."""
    slug = new_slug()
    question = {"id": "p", "kind": "text", "difficulty": 1, "key": {"pattern": "(a+)+b"}}
    await imported(editor, bank_file(slug, [question]))
    training = await begin(student, Bank(slug, editor))
    assert (await answer(student, training, "p", "a" * 4000))["verdict"] == "wrong"


NEVER = bank_file("never")
CUT_YAML = as_yaml(NEVER).partition(b"options")[0] + b'options: ["'
# Nine times nine times nine … : ten lines that would become four thousand million entries.
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 9))
    for letter in range(ord("b"), ord("k"))
)

REFUSED_FILES = {
    "empty": b"",
    "blank": b"  \n\n",
    "truncated JSON": as_json(NEVER)[:-40],
    "truncated YAML": CUT_YAML,
    "not UTF-8": "subject: never\ntitle: Проверка\nquestions: []".encode("cp1251"),
    "binary": bytes(range(256)) * 40,
    "a list": b"[1, 2, 3]",
    "a number": b"12",
    "bottomless JSON": b"[" * 100_000,
    "YAML that multiplies": BOMB + b"questions: *j\n",
    "YAML that would run code": b"subject: never\nquestions: !!python/object/apply:os.system ['true']\n",
    "a member that stands twice": b'{"subject": "never", "subject": "ever", "questions": []}',
    "no questions": b"subject: never\ntitle: Nothing\n",
    "GIFT that does not end": b"::one::Two and two { =4 ~5",
}


@pytest.mark.parametrize("content", REFUSED_FILES.values(), ids=REFUSED_FILES)
async def test_a_file_that_cannot_be_read_is_refused_and_changes_nothing(editor: Client, content: bytes) -> None:
    before = await subjects(editor)
    told = problem(await editor.upload("import", content, name="bank"), 422)
    assert told["errors"]
    assert all(error["message"] and error["where"] for error in told["errors"])
    assert (told["valid"], told["added"]) == (0, 0)
    assert "never" not in before
    assert await subjects(editor) == before
    checked = await editor.upload("validate", content, name="bank")
    assert (checked.status, bool(checked.json["errors"])) == (200, True)


async def test_a_file_of_50_mb_is_413(editor: Client) -> None:
    before = await subjects(editor)
    problem(await editor.upload("import", b"#" * 50_000_000), 413)
    assert await subjects(editor) == before


async def test_a_file_that_does_not_say_how_long_it_is_may_not_be_longer_either(editor: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="bank.yaml"\r\n\r\n'
        for _ in range(50):
            yield b"#" * 1_000_000
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    await editor.refused(413, "POST", "/admin/bank/validate", data=endless(), headers=headers)


MULTIPART = "multipart/form-data; boundary=b"
FILE_PART = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx'
OTHER_PART = b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("data", "media", "status"),
    [
        (b"subject: x", "application/x-yaml", 415),
        (b"{}", "application/json", 415),
        (b"nothing", "multipart/form-data", 400),
        (b"nothing", MULTIPART, 400),
        (b"--b\r\n\r\nx\r\n--b--\r\n", MULTIPART, 400),
        (FILE_PART, MULTIPART, 400),
        (OTHER_PART, MULTIPART, 422),
    ],
)
async def test_what_is_no_upload_is_refused(editor: Client, data: bytes, media: str, status: int) -> None:
    for call in ("validate", "import"):
        headers = {"Content-Type": media}
        await editor.refused(status, "POST", f"/admin/bank/{call}", data=data, headers=headers)


async def test_an_unknown_format_or_subject_beside_the_file_is_422(editor: Client) -> None:
    content = one_question(new_slug())
    for field, value in (("format", "docx"), ("subject", "Not A Slug")):
        told = problem(await editor.upload("validate", content, **{field: value}), 422)
        assert [error["path"] for error in told["errors"]] == [field]


async def test_wrong_answers_are_counted_as_wrong(student: Client, own: Bank) -> None:
    await train(student, own, WRONG)
    for question in WRONG:
        assert await own.statistics(question) == {"answered": 1, "correct": 0}
