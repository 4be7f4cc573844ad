"""A bank in an XLSX workbook as departments fill it in, and what is wrong named by its cell."""

import io
import re
import zipfile
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from protocols.messages import Subject
from storage.banks import BankFileError, read
from storage.banks.check import Checked, check
from storage.banks.workbook_writer import errors_beside

SUBJECT = Subject.model_validate(
    {
        "slug": "biology",
        "title": "Биология",
        "topics": [{"slug": "cell", "title": "Клетка"}],
        "extra": {"year": {"type": "integer", "title": "Год"}},
    }
)
DAY = datetime(2024, 2, 1)  # noqa: DTZ001  cells have no zone
HEAD = ["id", "kind", "topic", "difficulty", "text", "option 1", "option 2", "option 3", "key"]


def workbook(*rows: list[Any], sheet: str = "Лист1", merge: tuple[int, int, int, Any] | None = None) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"default_date_format": "dd.mm.yyyy"})
    made = book.add_worksheet(sheet)
    for at, row in enumerate(rows):
        for place, cell in enumerate(row):
            made.write(at, place, cell)
    if merge is not None:
        first, last, column, value = merge
        made.merge_range(first, column, last, column, value)
    book.close()
    return buffer.getvalue()


def single(own_id: Any = "q1", **changed: Any) -> list[Any]:
    cells = dict(zip(HEAD, [own_id, "single", "cell", 2, "Что?", "раз", "два", "три", "b"], strict=True)) | changed
    return [cells[name] for name in HEAD]


def checked(*rows: list[Any]) -> Checked:
    return check(read(workbook(*rows)), SUBJECT, "biology")


def one(*rows: list[Any]) -> dict[str, Any]:
    bank = read(workbook(*rows), subject="biology")
    assert (bank.format, bank.errors, len(bank.entries)) == ("xlsx", [], 1)
    assert check(bank, SUBJECT, None).errors == []
    return bank.entries[0].content


def places(found: Checked) -> list[tuple[str, str]]:
    return [(error.where, error.path) for error in found.errors]


def key(kind: str, cell: Any) -> Any:
    head = ["id", "kind", "topic", "difficulty", "text", "key"]
    return one(head, ["q", kind, "cell", 1, "Что?", cell])["key"]


def test_one_row_is_one_question() -> None:
    found = one(HEAD, single())
    assert (found["id"], found["kind"], found["difficulty"], found["key"]) == ("q1", "single", 2, "b")
    assert [option["id"] for option in found["options"]] == ["a", "b", "c"]


def test_headings_in_russian_or_in_both_languages() -> None:
    head = [
        "код",
        "вид / kind",
        "ТЕМА",
        "сложность",
        "вопрос",
        "вариант 1",
        "option 2 / вариант 2",
        "вариант 3",
        "ответ",
    ]
    assert one(head, single()) == one(HEAD, single())


def test_headings_need_not_be_in_the_first_row() -> None:
    assert one(["Биология, 2026"], [], HEAD, single())["id"] == "q1"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (3.14, {"value": 3.14}),
        ("3,14", {"value": 3.14}),
        ("5", {"value": 5}),
        ("3,14 ± 0,01", {"value": 3.14, "tolerance": 0.01}),
        ("3.14 +- 0.01", {"value": 3.14, "tolerance": 0.01}),
        ("-2..3,5", {"min": -2, "max": 3.5}),
        ('{"accept": [{"value": 1}, {"min": 2, "max": 3}]}', {"accept": [{"value": 1}, {"min": 2, "max": 3}]}),
    ],
)  # fmt: skip
def test_numbers_with_commas_tolerances_and_ranges(cell: Any, expected: Any) -> None:
    assert key("number", cell) == expected


def test_accepted_answers_stand_on_lines_of_a_cell() -> None:
    assert key("text", "Париж\nгород Париж") == {"accept": ["Париж", "город Париж"]}
    assert key("text", 5) == {"accept": ["5"]}


def test_numbers_stored_as_text_and_text_as_numbers() -> None:
    found = one(HEAD, single(7, difficulty="2", **{"option 1": 1, "option 2": 2.5}))
    assert (found["id"], found["difficulty"]) == ("7", 2)
    assert [option["text"] for option in found["options"]][:2] == ["1", "2.5"]


def test_several_keys_orders_and_pairs() -> None:
    assert one(HEAD, single(kind="multiple", key="a; c"))["key"] == ["a", "c"]
    assert one(HEAD, single(kind="order", key=""))["key"] == ["a", "b", "c"]
    assert one(HEAD, single(kind="order", key="b, a, c"))["key"] == ["b", "a", "c"]
    head = ["id", "kind", "topic", "difficulty", "text", "left 1", "right 1", "left 2", "right 2", "right 3", "key"]
    row = ["q", "match", "cell", 1, "Что?", "лягушка", "гад", "кошка", "зверь", "рыба"]
    assert one(head, [*row, ""])["key"] == {"l1": "r1", "l2": "r2"}
    assert one(head, [*row, "l1=r3, l2=r2"])["key"] == {"l1": "r3", "l2": "r2"}


@pytest.mark.parametrize("cell", ["b", "B", 2, "2", "два", " Два "])
def test_a_key_is_the_letter_of_an_option_its_number_or_its_text(cell: Any) -> None:
    assert one(HEAD, single(key=cell))["key"] == "b"


@pytest.mark.parametrize("cell", ["a, c", "A;C", "1, 3", "раз; три", "раз\nтри", "a c"])
def test_several_keys_are_told_in_the_same_ways(cell: Any) -> None:
    assert one(HEAD, single(kind="multiple", key=cell))["key"] == ["a", "c"]


def test_numbers_that_are_offered_are_no_numbers_of_options() -> None:
    assert one(HEAD, single(**{"option 1": 46, "option 2": 48, "key": 46}))["key"] == "a"
    assert one(HEAD, single(**{"option 1": 1, "option 2": 2, "key": 2}))["key"] == "b"
    (error,) = checked(HEAD, single(**{"option 1": 3, "option 2": 1, "key": 1})).errors
    assert (error.where, error.path) == ("Лист1!I2", "key")
    assert "is the number of one option and the text of another" in error.message


@pytest.mark.parametrize("cell", ["Б", "9", "в ядре клетки"])
def test_a_key_that_is_no_option_is_told_how_to_write_it(cell: str) -> None:
    (error,) = checked(HEAD, single(key=cell)).errors
    assert (error.where, error.path) == ("Лист1!I2", "key")
    assert "is no option; write the number of one, its Latin letter or its text" in error.message


@pytest.mark.parametrize(
    ("said", "kind"),
    [("Single", "single"), ("один ответ", "single"), ("Несколько", "multiple"), ("по порядку", "order")],
)
def test_kinds_have_russian_names(said: str, kind: str) -> None:
    assert one(HEAD, single(kind=said, key="a" if kind == "single" else "a, b, c"))["kind"] == kind


def test_a_topic_may_be_named_by_its_title() -> None:
    for title in ("Клетка", " клетка", "cell"):
        (question,) = (question for _, question in checked(HEAD, single(topic=title)).questions)
        assert question.topic == "cell"


@pytest.mark.parametrize(
    ("changed", "where", "path"),
    [
        ({"text": DAY}, "Лист1!E2", "text"),
        ({"option 2": DAY}, "Лист1!G2", "options.1"),
        ({"key": DAY}, "Лист1!I2", "key"),
    ],
)
def test_what_a_spreadsheet_has_made_a_date_is_an_error(changed: dict[str, Any], where: str, path: str) -> None:
    (error,) = checked(HEAD, single(**changed)).errors
    assert (error.where, error.path) == (where, path)
    assert "a date" in error.message


def test_weights_feedback_tags_and_own_fields() -> None:
    head = [*HEAD, "option 1 weight", "option 2 weight", "option 1 feedback", "tags", "extra.year / Год"]
    found = one(head, [*single(), "50%", 1, "Почти", "x, два слова", 2024])
    assert found["options"][0] == {"id": "a", "text": "раз", "feedback": "Почти", "weight": 0.5}
    assert (found["tags"], found["extra"]) == (["x", "два слова"], {"year": 2024})


def test_empty_and_merged_rows_are_tolerated() -> None:
    rows = [HEAD, single("q1"), [], ["", " "], single("q2", topic=None), single("q3", topic=None)]
    bank = read(workbook(*rows, merge=(4, 5, 2, "cell")))
    assert [entry.content["topic"] for entry in bank.entries] == ["cell"] * 3
    assert [entry.where for entry in bank.entries] == ["Лист1!2, q1", "Лист1!5, q2", "Лист1!6, q3"]


@pytest.mark.parametrize(
    ("changed", "where", "path"),
    [
        ({"difficulty": 9}, "Лист1!D2", "difficulty"),
        ({"difficulty": "легко"}, "Лист1!D2", "difficulty"),
        ({"topic": "space"}, "Лист1!C2", "topic"),
        ({"kind": "guess"}, "Лист1!B2", "kind"),
        ({"kind": None}, "Лист1!B2", "kind"),
        ({"text": None}, "Лист1!E2", "text"),
        ({"key": "d"}, "Лист1!I2", "key"),
        ({"key": None}, "Лист1!I2", "key"),
        ({"option 2": "x" * 5000}, "Лист1!G2", "options.1.text"),
        ({"option 1": None, "option 3": "x" * 5000}, "Лист1!H2", "options.1.text"),
        ({"kind": "number", "key": "много"}, "Лист1!I2", "key"),
        ({"kind": "text"}, "Лист1!F2", "options"),
    ],
)
def test_what_is_wrong_is_named_by_its_cell(changed: dict[str, Any], where: str, path: str) -> None:
    assert (where, path) in places(checked(HEAD, single(**changed)))


def test_what_is_wrong_is_told_from_the_top_of_the_sheet_down() -> None:
    rows = [single("q1", difficulty=9), single("q2", key="z"), single("q3", topic="space"), single("q4", key="z")]
    assert [where for where, _ in places(checked(HEAD, *rows))] == ["Лист1!D2", "Лист1!I3", "Лист1!C4", "Лист1!I5"]


def test_a_missing_id_and_one_that_stands_twice() -> None:
    assert places(checked(HEAD, single(None))) == [("Лист1!A2", "id")]
    found = checked(HEAD, single(), single())
    assert places(found) == [("Лист1!A3", "id")]
    assert "'q1' is already the id of Лист1!2, q1" in found.errors[0].message


def test_an_unknown_column_is_named_and_one_that_stands_twice_is_an_error() -> None:
    bank = read(workbook([*HEAD, "explenation", "key"], [*single(), "x", "a"]))
    assert [(warning.where, warning.message) for warning in bank.warnings] == [
        ("Лист1!J1", "unknown column 'explenation', which was not read; did you mean `explanation`?")
    ]
    assert [(error.where, error.path) for error in bank.errors] == [("Лист1!K1", "key")]
    assert bank.entries[0].content["key"] == "b"


def test_a_workbook_without_questions_is_told_what_it_needs() -> None:
    with pytest.raises(BankFileError, match="no sheet has a row of headings"):
        read(workbook(["Фамилия", "Имя"], ["Иванов", "Иван"]))


def test_errors_stand_beside_the_cells_of_a_copy_which_can_be_mended_and_imported() -> None:
    content = workbook(["Наши вопросы"], HEAD, single("q1"), single("q2", difficulty=9, topic="space", text="+1"))
    found = check(read(content), SUBJECT, "biology")
    copy = errors_beside(content, found.errors)
    rows = CalamineWorkbook.from_filelike(io.BytesIO(copy)).get_sheet_by_name("Лист1").to_python(skip_empty_area=False)
    assert rows[1][9] == "errors / ошибки"
    assert rows[2][9] == ""
    assert "difficulty: 9 is too large" in str(rows[3][9])
    assert rows[3][3] == 9
    with zipfile.ZipFile(io.BytesIO(copy)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        comments = parts.read("xl/comments1.xml").decode()
        styles = parts.read("xl/styles.xml").decode()
    assert "<f>" not in sheet
    assert set(re.findall(r'<comment ref="([A-Z]+\d+)"', comments)) == {"C4", "D4"}
    assert "9 is too large" in comments
    assert "FFFFC7CE" in styles
    again = check(read(copy), SUBJECT, "biology")
    assert places(again) == places(found)
    twice = errors_beside(copy, found.errors)
    assert len(CalamineWorkbook.from_filelike(io.BytesIO(twice)).get_sheet_by_name("Лист1").to_python()[1]) == 10


def test_errors_beside_need_a_workbook() -> None:
    with pytest.raises(BankFileError, match="only be written into an XLSX workbook"):
        errors_beside(b"questions: []", ())


# --- What is meant to do harm -------------------------------------------------------------------------------


def replaced(content: bytes, member: str, change: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return buffer.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_a_cell_at_the_end_of_the_sheet_does_not_take_the_memory_of_all_before_it() -> None:
    far = replaced(workbook(HEAD, single()), SHEET, lambda xml: xml.replace(b'r="I2"', b'r="XFD1048576"'))
    with pytest.raises(BankFileError, match="row 1048576 and column XFD"):
        read(far)


def test_a_workbook_with_entities_of_its_own_is_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'

    def armed(xml: bytes) -> bytes:
        head, mark, rest = xml.partition(b"?>")
        return head + mark + bomb + rest.replace(b"<t>", b"<t>&b;", 1)

    with pytest.raises(BankFileError, match="the workbook cannot be read"):
        read(replaced(workbook(HEAD, single()), "xl/sharedStrings.xml", armed))


def test_a_sheet_that_unpacks_to_a_thousand_times_its_size_is_refused() -> None:
    content = replaced(workbook(HEAD, single()), SHEET, lambda xml: xml + b" " * (50 << 20))
    with pytest.raises(BankFileError, match="times its size"):
        read(content)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda xml: xml[:-40], "cannot be read"),
        (lambda xml: b"<a>", "no sheet has a row of headings"),
        (lambda xml: b"\0\1", "cannot be read"),
    ],
)
def test_a_damaged_workbook_is_refused_with_a_sentence(change: Any, told: str) -> None:
    with pytest.raises(BankFileError, match=told):
        read(replaced(workbook(HEAD, single()), SHEET, change))


def test_a_formula_in_a_cell_is_only_what_it_showed() -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet()
    for place, name in enumerate(HEAD):
        sheet.write(0, place, name)
    for place, cell in enumerate(single()):
        sheet.write(1, place, cell)
    sheet.write_formula(1, 4, '=HYPERLINK("http://x.example")', None, "Что?")
    book.close()
    assert read(buffer.getvalue()).entries[0].content["text"] == "Что?"
