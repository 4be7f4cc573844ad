"""What is exported and imported again is the same; what a format cannot carry is named."""

import base64
import io
import zipfile
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from protocols.messages import AnyQuestion, EntryError, ExportFormat, Subject, images_of, with_images
from storage.banks import read
from storage.banks.check import check
from storage.banks.export import Exported, export
from storage.banks.pictures import resolve
from storage.banks.subjects import question_model
from storage.banks.workbook_writer import errors_beside, template
from storage.mongo.questions import file_id

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
SUBJECT = Subject.model_validate(
    {
        "slug": "biology",
        "title": {"ru": "Биология", "en": "Biology"},
        "topics": [
            {"slug": "cell", "title": {"ru": "Клетка", "en": "The cell"}},
            {"slug": "genes_2", "title": "Гены / ДНК"},
        ],
        "extra": {
            "year": {"type": "integer", "title": "Год"},
            "stage": {"type": "string", "title": "Этап", "enum": ["school", "final"]},
            "open": {"type": "boolean", "title": "Открыто"},
        },
    }
)
CHOICES = [{"id": "a", "text": "один"}, {"id": "b", "text": "два, *три*"}, {"id": "c", "text": "$x^2$ = 4"}]
COMMON: dict[str, Any] = {
    "topic": "cell",
    "difficulty": 2,
    "text": "Что **это**?\n\nИ $\\frac{a}{b}$?",
    "explanation": "Так.",
}
MORE = {"extra": {"year": 2024, "open": True}}
QUESTIONS: list[dict[str, Any]] = [
    {**COMMON, "id": "s", "kind": "single", "options": CHOICES, "key": "b", "tags": ["x", "два слова"]},
    {**COMMON, "id": "m", "kind": "multiple", "options": CHOICES, "key": ["a", "b"], **MORE},
    {**COMMON, "id": "t", "kind": "text", "topic": "genes_2", "key": {"accept": [{"text": "да"}, {"text": "5"}]}},
    {**COMMON, "id": "n", "kind": "number", "key": {"value": 1.5, "tolerance": 0.1}, "source": "Сборник: 2020"},
    {**COMMON, "id": "r", "kind": "number", "key": {"min": -2.0, "max": 3.5}},
    {**COMMON, "id": "o", "kind": "order", "options": CHOICES, "key": ["c", "a", "b"]},
    {
        **COMMON,
        "id": "x",
        "kind": "match",
        "left": [{"id": "l1", "text": "лягушка"}, {"id": "l2", "text": "кошка"}],
        "right": [{"id": "r1", "text": "зверь"}, {"id": "r2", "text": "гад"}, {"id": "r3", "text": "рыба"}],
        "key": {"l1": "r2", "l2": "r1"},
    },
]  # fmt: skip


def valid(questions: list[dict[str, Any]], subject: Subject = SUBJECT) -> list[AnyQuestion]:
    file = read(orjson.dumps({"subject": subject.slug, "questions": questions}))
    checked = check(file, subject, None)
    assert checked.errors == []
    return [question for _, question in checked.questions]


def content(question: AnyQuestion) -> dict[str, Any]:
    return question.model_dump(mode="json", exclude_defaults=True) | {"kind": question.kind}


def exported(folder: Path, format: ExportFormat, questions: list[AnyQuestion], *pictures: bytes) -> Exported:
    (folder / "pictures").mkdir(exist_ok=True)
    for picture in pictures:
        (folder / "pictures" / file_id(picture)).write_bytes(picture)
    (folder / "questions.jsonl").write_bytes(b"\n".join(orjson.dumps(content(one)) for one in questions) + b"\n")
    return export(folder, SUBJECT, format)


def imported(file: Exported, subject: Subject | None = SUBJECT) -> dict[str, dict[str, Any]]:
    bank = read(file.file.read_bytes(), subject="biology")
    checked = check(bank, subject, "biology")
    assert checked.errors == []
    found = {}
    for _, question in checked.questions:
        names = {}
        for name in images_of(question):
            picture = resolve(name, None, bank.pictures)
            assert picture is not None
            names[name] = file_id(picture.content)
        found[question.id] = content(with_images(question, names))
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_all_kinds_are_the_same_after_an_export(tmp_path: Path, format: ExportFormat) -> None:
    questions = valid(QUESTIONS)
    done = exported(tmp_path, format, questions)
    expected = {one.id: content(one) for one in questions}
    if format == "gift":
        assert [(warning.where, warning.message[:8]) for warning in done.warnings] == [
            ("o", "left out"),
            ("x", "gift doe"),
        ]
        del expected["o"], expected["x"]
        assert "o is left out" in done.file.read_text()
    else:
        assert done.warnings == ()
    found = imported(done)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("format", ["yaml", "json", "moodle-xml", "xlsx"])
def test_a_new_service_learns_topics_and_titles_from_an_export(tmp_path: Path, format: ExportFormat) -> None:
    questions = valid(QUESTIONS)
    bank = read(exported(tmp_path, format, questions).file.read_bytes(), subject="biology")
    topics = check(bank, None, "biology").subject.topics
    assert {topic.slug: topic.title_in("ru") for topic in topics} == {"cell": "Клетка", "genes_2": "Гены / ДНК"}


@pytest.mark.parametrize("format", FORMATS)
def test_pictures_come_along(tmp_path: Path, format: ExportFormat) -> None:
    options = [{**CHOICES[0], "image": file_id(PIXEL)}, CHOICES[1]]
    questions = valid([{**QUESTIONS[0], "options": options, "image": file_id(PIXEL)}])
    done = exported(tmp_path, format, questions, PIXEL)
    assert done.suffix == ("xml" if format == "moodle-xml" else "zip")
    assert done.warnings == ()
    assert imported(done)["s"] == content(questions[0])


def test_what_a_format_cannot_carry_is_named(tmp_path: Path) -> None:
    options = [{"id": "first", "text": "a"}, {"id": "second", "text": "b"}]
    questions = valid(
        [
            {**QUESTIONS[0], "options": options, "key": "first"},
            {**QUESTIONS[2], "key": {"accept": ["a"], "pattern": "(x|y)+", "case_sensitive": True}},
            {**QUESTIONS[2], "id": "p", "key": {"pattern": "(x|y)+"}},
        ]
    )
    told = {warning.where: warning.message for warning in exported(tmp_path, "gift", questions).warnings}
    assert "options, key" in told["s"]
    assert "key" in told["t"]
    assert "left out: GIFT has no patterns" in told["p"]
    assert exported(tmp_path, "moodle-xml", questions).warnings == ()


def test_the_file_itself_names_what_it_could_not_carry(tmp_path: Path) -> None:
    options = [{"id": "first", "text": "a"}, {"id": "second", "text": "b"}]
    done = exported(tmp_path, "gift", valid([{**QUESTIONS[0], "options": options, "key": "first"}]))
    assert "// s: gift does not keep this just as it is: options, key\n" in done.file.read_text()


def test_an_arrow_that_gift_would_take_for_a_pair_leaves_the_question_out(tmp_path: Path) -> None:
    arrow = {**QUESTIONS[2], "key": {"accept": ["A->B"]}}
    pairs = next(one for one in QUESTIONS if one["kind"] == "match")
    left = [{**pairs["left"][0], "text": "A -> B"}, *pairs["left"][1:]]
    done = exported(tmp_path, "gift", valid([arrow, {**pairs, "left": left}, QUESTIONS[0]]))
    assert [warning.message.split(": ")[0] for warning in done.warnings] == ["left out"] * 2
    assert list(imported(done)) == ["s"]


def test_an_empty_selection_is_a_file_of_no_questions(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_bytes(b"")
    for format in FORMATS:
        done = export(tmp_path, SUBJECT, format)
        assert (done.questions, done.file.exists()) == (0, True)


# --- Any question -------------------------------------------------------------------------------------------

# Characters that mean something in one format or another; whole words, so that shrinking stays readable.
WORDS = st.sampled_from(
    [
        "ген",
        "Ёж",
        "x",
        "5",
        "0,5",
        "no",
        "true",
        "null",
        "~",
        "=",
        "#",
        "{",
        "}",
        "\\",
        ":",
        "::",
        "->",
        "%",
        "*",
        "**",
        "_",
        "`",
        "$",
        "$x$",
        "$\\frac{a}{b}$",
        "<b>",
        "</text>",
        "]]>",
        "&",
        "&amp;",
        "[html]",
        "//",
        "-",
        "1.",
        "|",
        ";",
        ",",
        "'",
        '"',
        "@@PLUGINFILE@@/a.png",
        "![](b)",
        "\\(",
        "\\)",
        "\n",
        "\n\n",
        "é",
        "\u2028",
        "\ufdd0",
        "👩\u200d🔬",
        "=1+1",
        "+5",
        "-3",
        "@SUM",
        "ANSWER:",
        "A.",
        "questions:",
    ]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join).filter(str.strip)
PLAIN = st.text("абвxyz 0123", min_size=1, max_size=12).map(lambda text: " ".join(text.split())).filter(bool)
IDS = st.text("abc123-_.ж,=;[{:]", min_size=1, max_size=6)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: number + 0.0) | st.integers(-1000, 1000).map(float)
WEIGHTS = st.sampled_from([0.5, 0.25, 1 / 3, 0.1, 0.0, -0.5, -1.0])

OWN: dict[str, st.SearchStrategy[Any]] = {
    "year": st.integers(0, 3000),
    "stage": st.sampled_from(["school", "final"]),
    "open": st.booleans(),
}


@st.composite
def questions(draw: st.DrawFn, texts: st.SearchStrategy[str], ids: st.SearchStrategy[str]) -> dict[str, Any]:
    def choices(least: int, **more: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
        names = draw(st.lists(ids, min_size=least, max_size=4, unique=True))
        return [
            {"id": name, "text": draw(texts)} | {member: value for member, one in more.items() if (value := draw(one))}
            for name in names
        ]

    kind = draw(st.sampled_from(["single", "multiple", "text", "number", "order", "match"]))
    question: dict[str, Any] = {
        "id": draw(ids),
        "kind": kind,
        "topic": draw(st.sampled_from(["cell", "genes_2"])),
        "difficulty": draw(st.integers(1, 5)),
        "text": draw(texts),
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "explanation": texts,
        "source": texts,
        "tags": st.lists(texts.map(lambda text: text[:60].strip() or "x"), max_size=3, unique=True),
        "extra": st.fixed_dictionaries(
            {},
            optional={
                "year": st.integers(0, 3000),
                "stage": st.sampled_from(["school", "final"]),
                "open": st.booleans(),
            },
        ),
    }
    for member, values in optional.items():
        if draw(st.booleans()) and (value := draw(values)):
            question[member] = value
    feedback = st.none() | texts
    match kind:
        case "single" | "multiple" | "order":
            question["options"] = choices(2, feedback=feedback)
            names = [option["id"] for option in question["options"]]
            some = st.lists(st.sampled_from(names), min_size=1, unique=True)
            question["key"] = draw(
                {"single": st.sampled_from(names), "multiple": some, "order": st.permutations(names)}[kind]
            )
            if kind == "single" and draw(st.booleans()):
                for option in question["options"]:
                    option["weight"] = 1.0 if option["id"] == question["key"] else draw(WEIGHTS)
        case "text":
            accept = draw(st.lists(texts, max_size=3, unique=True))
            question["key"] = {"accept": [{"text": "ответ"}, *({"text": one} for one in accept)]}
            if draw(st.booleans()):
                question["key"]["pattern"] = draw(st.sampled_from(["а.*б", "(да)+", "2\\*2.*"]))
            if draw(st.booleans()):
                question["key"]["case_sensitive"] = True
        case "number":
            low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
            exact = {"value": low} | ({"tolerance": abs(high)} if draw(st.booleans()) and high else {})
            question["key"] = draw(
                st.sampled_from([exact, {"min": low, "max": high}, {"accept": [exact, exact | {"weight": 0.5}]}])
            )
        case "match":
            question["left"], question["right"] = choices(1), choices(2)
            rights = [choice["id"] for choice in question["right"]]
            question["key"] = {choice["id"]: draw(st.sampled_from(rights)) for choice in question["left"]}
    return question


def banks(texts: st.SearchStrategy[str], ids: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(questions(texts, ids), min_size=1, max_size=4, unique_by=lambda question: question["id"])


many = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("format", ["yaml", "json"])
@many
@given(made=banks(TEXTS, IDS))
def test_anything_at_all_comes_through_yaml_and_json(
    tmp_path: Path, format: ExportFormat, made: list[dict[str, Any]]
) -> None:
    asked = valid(made)
    done = exported(tmp_path, format, asked)
    assert done.warnings == ()
    assert imported(done) == {one.id: content(one) for one in asked}


@pytest.mark.parametrize("format", ["moodle-xml", "xlsx"])
@many
@given(made=banks(PLAIN, st.text("abc123-_.ж", min_size=1, max_size=6)))
def test_all_that_departments_write_comes_through(
    tmp_path: Path, format: ExportFormat, made: list[dict[str, Any]]
) -> None:
    asked = valid(made)
    done = exported(tmp_path, format, asked)
    assert done.warnings == ()
    assert imported(done) == {one.id: content(one) for one in asked}


@pytest.mark.parametrize("format", ["gift", "moodle-xml", "xlsx"])
@many
@given(made=banks(TEXTS, IDS))
def test_what_is_not_the_same_again_is_named(tmp_path: Path, format: ExportFormat, made: list[dict[str, Any]]) -> None:
    asked = valid(made)
    done = exported(tmp_path, format, asked)
    named = {warning.where for warning in done.warnings}
    bank = read(done.file.read_bytes(), subject="biology")
    found = {one.id: content(one) for _, one in check(bank, SUBJECT, "biology").questions}
    for one in asked:
        assert one.id in named or found[one.id] == content(one)


# --- Workbooks ----------------------------------------------------------------------------------------------


def formulas(workbook: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        return [name for name in book.namelist() if name.startswith("xl/worksheets/") and b"<f>" in book.read(name)]


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    alive = '=HYPERLINK("http://x.example")'
    options = [{"id": "a", "text": "+1"}, {"id": "b", "text": "@SUM(A1)"}]
    asked = valid([{**QUESTIONS[0], "text": alive, "options": options, "explanation": "-2+3", "tags": ["=x"]}])
    done = exported(tmp_path, "xlsx", asked)
    assert formulas(done.file.read_bytes()) == []
    assert imported(done)["s"]["text"] == alive
    errors = [EntryError(where="questions!E2", path="text", message="=1+1")]
    assert formulas(errors_beside(done.file.read_bytes(), errors)) == []


def test_the_template_of_a_subject_has_its_kinds_topics_and_fields_and_imports_as_nothing() -> None:
    made = template(SUBJECT)
    bank = read(made)
    assert (bank.subject, bank.title, bank.entries, bank.errors, bank.warnings) == (
        "biology", {"ru": "Биология", "en": "Biology"}, [], [], [],
    )  # fmt: skip
    assert [topic.slug for topic in bank.topics] == ["cell", "genes_2"]
    assert len(bank.skipped) == 6
    book = CalamineWorkbook.from_filelike(io.BytesIO(made))
    heads = [str(cell).split(" / ")[0] for cell in book.get_sheet_by_name("questions").to_python()[0]]
    assert heads[:5] == ["id", "kind", "topic", "difficulty", "text"]
    assert {"option 6", "left 1", "right 6", "extra.year", "extra.stage", "key", "explanation"} <= set(heads)
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        comments = parts.read("xl/comments1.xml").decode()
    assert sheet.count("<dataValidation ") == 5  # kind, topic, difficulty, stage, open
    assert 'state="frozen"' in sheet
    assert "От 1 (легко) до 5 (трудно)." in comments
    assert "From 1 (easy) to 5 (hard)." in comments


def test_the_examples_of_a_template_are_valid_questions() -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet("questions")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(template(SUBJECT))).get_sheet_by_name("questions").to_python()
    for at, row in enumerate(rows):
        for place, cell in enumerate(row):
            sheet.write(at, place, str(cell).replace("example-", "mine-") if isinstance(cell, str) else cell)
    book.close()
    checked = check(read(buffer.getvalue()), SUBJECT, "biology")
    assert checked.errors == []
    assert {question.kind for _, question in checked.questions} == set(SUBJECT.kinds)
    assert question_model(SUBJECT)
