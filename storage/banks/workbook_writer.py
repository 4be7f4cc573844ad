"""Writing XLSX: a bank, a subject's template, and a copy of somebody's own workbook with the errors beside the cells.

No cell holds a formula: text is written as text, and marked as such where a spreadsheet might take it for one.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import xlsxwriter
from pydantic import JsonValue
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from protocols.messages import EntryError, Kind, OwnField, Subject
from protocols.messages.questions import Title
from storage.banks.answers import letter
from storage.banks.archive import is_zip, unpack
from storage.banks.columns import CHOICES, COLUMNS, EXAMPLE, heading_of
from storage.banks.file import BankFileError
from storage.banks.workbook import CELL, Cell, Sheet, column_letter, heading_row, is_workbook, sheets

MOST_CHARACTERS = 32_767  # of a cell in Excel
TEMPLATE_ROWS = 1_000  # that have drop-downs
TEMPLATE_CHOICES = 6

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_SIDES = (("option", "options"), ("left", "left"), ("right", "right"))

Question = dict[str, JsonValue]


class _Book:
    """A workbook in the making, and the formats of its cells."""

    def __init__(self, target: Path | io.BytesIO, *, constant_memory: bool) -> None:
        options: dict[str, object] = {**_OPTIONS, "constant_memory": constant_memory}
        if isinstance(target, Path):
            options["tmpdir"] = str(target.parent)
        self.book = xlsxwriter.Workbook(target, options)
        self.heading: Format = self.book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.plain: Format = self.book.add_format({"text_wrap": True, "valign": "top"})
        # Says that the cell is text, whatever it begins with; stays with it when it is edited.
        self.text: Format = self.book.add_format({"quote_prefix": True, "text_wrap": True, "valign": "top"})
        self.wrong: Format = self.book.add_format(
            {"quote_prefix": True, "text_wrap": True, "valign": "top", "bg_color": "#FFC7CE"}
        )

    def sheet(self, name: str) -> Worksheet:
        return self.book.add_worksheet(name)

    def write(self, sheet: Worksheet, row: int, column: int, value: JsonValue, shape: Format | None = None) -> bool:
        """Writes a cell; False where the text is too long for one."""
        if value is None:
            return True
        if isinstance(value, bool):
            sheet.write_boolean(row, column, value, shape or self.plain)
        elif isinstance(value, (int, float)):
            # A spreadsheet keeps 15 digits: what has more is written as text.
            if float(f"{value:.15G}") == value:
                sheet.write_number(row, column, value, shape or self.plain)
            else:
                sheet.write_string(row, column, repr(value), shape or self.plain)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            looks_alive = text.startswith(_FORMULA_SIGNS)
            if len(text.encode("utf-16-le")) // 2 > MOST_CHARACTERS:
                return False
            sheet.write_string(row, column, text, shape or (self.text if looks_alive else self.plain))
        return True


# --- A bank ---------------------------------------------------------------------------------------------------


def columns_of(questions: Iterable[Question]) -> list[str]:
    """The columns that these questions need, in the order in which they are written."""
    needed: set[str] = set()
    for question in questions:
        needed.update(name for name, _ in _members(question))
    return _ordered(needed)


def _ordered(needed: set[str]) -> list[str]:
    head = ["id", "kind", "topic", "difficulty", "text", *(["image"] if "image" in needed else [])]
    numbered = sorted(name for name in needed if " " in name)

    def place(name: str) -> tuple[int, int, str]:
        side, number, *part = name.split()
        return [one for one, _ in _SIDES].index(side), int(number), "".join(part)

    tail = ["key", "explanation", *(name for name in ("source", "tags") if name in needed)]
    extra = sorted(name for name in needed if name.startswith("extra."))
    return [*head, *sorted(numbered, key=place), *tail, *extra]


def write_bank(target: Path, subject: Subject, columns: Sequence[str], questions: Iterator[Question]) -> list[str]:
    """Writes a bank as a workbook, a question at a time; returns the ids of those that do not fit into cells."""
    made = _Book(target, constant_memory=True)
    made.book.use_zip64()
    sheet = made.sheet("questions")
    _head(made, sheet, columns, subject)
    places = {name: at for at, name in enumerate(columns)}
    too_long: list[str] = []
    row = 0
    for question in questions:
        row += 1
        fits = [made.write(sheet, row, places[name], value) for name, value in _cells(question, places)]
        if not all(fits):
            too_long.append(str(question["id"]))
    sheet.autofilter(0, 0, max(row, 1), len(columns) - 1)
    _subject_sheet(made, subject)
    made.book.close()
    return too_long


def _head(made: _Book, sheet: Worksheet, columns: Sequence[str], subject: Subject) -> None:
    sheet.freeze_panes(1, 1)
    for at, name in enumerate(columns):
        column = COLUMNS.get(name) or CHOICES.get(name.split()[0])
        sheet.set_column(at, at, column.width if column is not None else 14)
        own = (subject.extra or {}).get(name[6:]) if name.startswith("extra.") else None
        made.write(sheet, 0, at, heading_of(name, own.title_in("ru") if own else ""), made.heading)


def _cells(question: Question, places: dict[str, int]) -> list[tuple[str, JsonValue]]:
    """The cells of a question from left to right, the only way in which a workbook of constant memory takes them."""
    return sorted(_members(question), key=lambda pair: places[pair[0]])


def _members(question: Question) -> Iterator[tuple[str, JsonValue]]:
    for name in ("id", "kind", "topic", "difficulty", "text", "image", "explanation", "source"):
        if question.get(name) not in (None, ""):
            yield name, question[name]
    tags = question.get("tags")
    if isinstance(tags, list) and tags:
        yield "tags", _joined(tags, ", ", ",;\n[")
    for side, member in _SIDES:
        for at, choice in enumerate(_all(question.get(member)), 1):
            yield from _choice(f"{side} {at}", letter(at - 1) if side == "option" else f"{side[0]}{at}", choice)
    key = _key(question)
    if key is not None:
        yield "key", key
    extra = question.get("extra")
    if isinstance(extra, dict):
        yield from ((f"extra.{name}", value) for name, value in extra.items())


def _all(value: JsonValue) -> list[Question]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _choice(name: str, default: str, choice: Question) -> Iterator[tuple[str, JsonValue]]:
    if choice["text"]:
        yield name, choice["text"]
    if choice["id"] != default or not choice["text"]:
        yield f"{name} id", choice["id"]
    for part in ("weight", "feedback", "image"):
        if choice.get(part) is not None:
            yield f"{name} {part}", choice[part]


def _joined(items: Sequence[JsonValue], separator: str, signs: str) -> str:
    """A list as people write it, or as JSON where that could be taken for another list."""
    texts = [str(item) for item in items]
    if any(sign in text for text in texts for sign in signs) or any(text != text.strip() or not text for text in texts):
        return json.dumps(texts, ensure_ascii=False)
    return separator.join(texts)


def _key(question: Question) -> JsonValue:
    key = question["key"]
    match question["kind"]:
        case "multiple" | "order":
            assert isinstance(key, list)
            return _joined(key, ", ", ",;[")
        case "match":
            assert isinstance(key, dict)
            if any(sign in f"{one}{other}" for one, other in key.items() for sign in ",;={["):
                return json.dumps(key, ensure_ascii=False)
            return ", ".join(f"{one}={other}" for one, other in key.items())
        case "number":
            return _number_key(key)
        case "text":
            return _text_key(key)
    # An id that begins like JSON would be read as such.
    return json.dumps(key) if str(key)[:1] in ("{", "[") else key


def _number_key(key: JsonValue) -> JsonValue:
    if isinstance(key, dict) and set(key) == {"value"}:
        return key["value"]
    if isinstance(key, dict) and set(key) == {"value", "tolerance"}:
        return f"{_written(key['value'])} ± {_written(key['tolerance'])}"
    if isinstance(key, dict) and set(key) == {"min", "max"}:
        return f"{_written(key['min'])}..{_written(key['max'])}"
    return json.dumps(key, ensure_ascii=False)


def _written(value: JsonValue) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else repr(value)


def _text_key(key: JsonValue) -> JsonValue:
    """Each accepted answer on its line; JSON where there is more to say."""
    assert isinstance(key, dict)
    accept = _all(key.get("accept"))
    texts = [one["text"] for one in accept if set(one) == {"text"} and isinstance(one["text"], str)]
    simple = set(key) == {"accept"} and len(texts) == len(accept)
    if simple and all(text == text.strip() and not set("\n\r|") & set(text) for text in texts):
        joined = "\n".join(texts)
        if joined[:1] not in ("{", "["):
            return joined
    return json.dumps(key, ensure_ascii=False)


def _subject_sheet(made: _Book, subject: Subject) -> None:
    sheet = made.sheet("subject")
    sheet.set_column(0, 3, 24)
    rows = [("", "slug", "по-русски", "in English"), ("subject", subject.slug, *_titles(subject.title))]
    rows += [("topic", topic.slug, *_titles(topic.title)) for topic in subject.topics]
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if cell:
                made.write(sheet, row, column, cell, made.heading if row == 0 else None)


def _titles(title: Title) -> tuple[str, str]:
    return title.get("ru", ""), title.get("en", "")


# --- A template -----------------------------------------------------------------------------------------------


def template(subject: Subject) -> bytes:
    """A workbook to be filled in for a subject: its columns with drop-downs and explanations, and example rows.

    Example rows are skipped when the workbook is imported.
    """
    buffer = io.BytesIO()
    made = _Book(buffer, constant_memory=False)
    columns = _template_columns(subject)
    sheet = made.sheet("questions")
    _head(made, sheet, columns, subject)
    lists = _Lists(made)
    for at, name in enumerate(columns):
        sheet.write_comment(0, at, _explained(name, subject), {"x_scale": 2.5, "y_scale": 2})
        allowed = _allowed(name, subject)
        if allowed:
            lists.offer(sheet, at, allowed)
        elif name == "difficulty":
            rule = {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": 5}
            sheet.data_validation(1, at, TEMPLATE_ROWS, at, rule)
    places = {name: at for at, name in enumerate(columns)}
    for row, question in enumerate(_examples(subject), 1):
        for name, value in _members(question):
            made.write(sheet, row, places[name], value)
    _subject_sheet(made, subject)
    _help_sheet(made, columns, subject)
    lists.close()
    made.book.close()
    return buffer.getvalue()


def _template_columns(subject: Subject) -> list[str]:
    needed = {"image", "source", "tags", *(f"extra.{name}" for name in subject.extra or ())}
    choosing = {"single", "multiple", "order"} & set(subject.kinds)
    for at in range(1, TEMPLATE_CHOICES + 1):
        if choosing:
            needed.add(f"option {at}")
        if "match" in subject.kinds:
            needed |= {f"left {at}", f"right {at}"}
    return _ordered(needed)


def _allowed(name: str, subject: Subject) -> list[str]:
    if name == "kind":
        return list(subject.kinds)
    if name == "topic":
        return [topic.slug for topic in subject.topics]
    own = _own(name, subject)
    if own is not None and own.enum is not None:
        return [str(value) for value in own.enum]
    return ["true", "false"] if own is not None and own.type == "boolean" else []


def _own(name: str, subject: Subject) -> OwnField | None:
    return (subject.extra or {}).get(name[6:]) if name.startswith("extra.") else None


def _explained(name: str, subject: Subject) -> str:
    own = _own(name, subject)
    if own is not None:
        russian = ("Обязательное поле: " if own.required else "Поле предмета: ") + own.title_in("ru")
        english = ("Required field: " if own.required else "Field of the subject: ") + own.title_in("en")
        return f"{russian}\n\n{english}"
    column = COLUMNS.get(name) or CHOICES[name.split()[0]]
    return f"{column.ru}\n\n{column.en}"


class _Lists:
    """What drop-downs offer, on a hidden sheet: Excel takes no more than 255 characters in the rule itself."""

    def __init__(self, made: _Book) -> None:
        self._made = made
        self._columns: list[list[str]] = []

    def offer(self, sheet: Worksheet, column: int, values: list[str]) -> None:
        mark = column_letter(len(self._columns))
        self._columns.append(values)
        source = f"=lists!${mark}$1:${mark}${len(values)}"
        sheet.data_validation(1, column, TEMPLATE_ROWS, column, {"validate": "list", "source": source})

    def close(self) -> None:
        sheet = self._made.sheet("lists")
        for column, values in enumerate(self._columns):
            for row, value in enumerate(values):
                self._made.write(sheet, row, column, value)
        sheet.hide()


def _help_sheet(made: _Book, columns: Sequence[str], subject: Subject) -> None:
    sheet = made.sheet("help")
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 2, 70)
    for at, said in enumerate(("column / столбец", "по-русски", "in English")):
        made.write(sheet, 0, at, said, made.heading)
    for row, name in enumerate(columns, 1):
        made.write(sheet, row, 0, heading_of(name))
        for at, said in enumerate(_explained(name, subject).split("\n\n"), 1):
            made.write(sheet, row, at, said)


def _examples(subject: Subject) -> list[Question]:
    topic = subject.topics[0].slug if subject.topics else "general"
    options: list[JsonValue] = [
        {"id": letter(at), "text": text} for at, text in enumerate(("Меркурий", "Венера", "Земля", "Марс"))
    ]
    left: list[JsonValue] = [{"id": f"l{at}", "text": text} for at, text in enumerate(("лягушка", "кошка"), 1)]
    right: list[JsonValue] = [
        {"id": f"r{at}", "text": text} for at, text in enumerate(("земноводное", "млекопитающее", "насекомое"), 1)
    ]
    shown: dict[Kind, Question] = {
        "single": {"text": "Какая планета ближе всех к Солнцу?", "options": options, "key": "a"},
        "multiple": {"text": "У каких планет нет спутников?", "options": options, "key": ["a", "b"]},
        "text": {"text": "Столица Франции?", "key": {"accept": [{"text": "Париж"}, {"text": "город Париж"}]}},
        "number": {"text": "Чему равно $\\pi$ до сотых?", "key": {"value": 3.14, "tolerance": 0.01}},
        "order": {"text": "Расположите по удалению от Солнца.", "options": options, "key": ["a", "b", "c", "d"]},
        "match": {"text": "Кто есть кто?", "left": left, "right": right, "key": {"l1": "r1", "l2": "r2"}},
    }
    return [
        {"id": f"{EXAMPLE}{kind}", "kind": kind, "topic": topic, "difficulty": 2, "explanation": "…", **shown[kind]}
        for kind in subject.kinds
    ]


# --- Errors beside the cells ----------------------------------------------------------------------------------


def errors_beside(content: bytes, errors: Sequence[EntryError]) -> bytes:
    """A copy of a department's own workbook with its errors beside the cells: red, with a comment, and once
    more in the column `errors`, which is not read when the copy is mended and imported.

    Raises `BankFileError` where the file is no workbook (or a ZIP with one).
    """
    if is_zip(content) and not is_workbook(content):
        content = unpack(content, lambda inner: is_zip(inner) and is_workbook(inner)).content
    if not is_zip(content) or not is_workbook(content):
        raise BankFileError("the errors can only be written into an XLSX workbook; see the report for other formats")
    found: dict[str, dict[int, list[tuple[str, EntryError]]]] = defaultdict(lambda: defaultdict(list))
    for error in errors:
        place = CELL.fullmatch(error.where)
        if place is not None:
            found[place["sheet"]][int(place["row"]) - 1].append((place["column"], error))
    buffer = io.BytesIO()
    made = _Book(buffer, constant_memory=False)
    for sheet in sheets(content):
        _copy(made, sheet, found.get(sheet.name, {}))
    made.book.close()
    return buffer.getvalue()


def _copy(made: _Book, sheet: Sheet, errors: dict[int, list[tuple[str, EntryError]]]) -> None:
    copied = made.sheet(sheet.name)
    head = heading_row(sheet)
    width = max((len(row) for row in sheet.rows), default=0)
    beside = width
    if head is not None:
        copied.freeze_panes(head[0] + 1, 1)
        beside = next((place for place, name in head[1].items() if name == "errors"), width)
        made.write(copied, head[0], beside, COLUMNS["errors"].heading, made.heading)
        copied.set_column(beside, beside, 50)
    for at, row in enumerate(sheet.rows):
        wrong = {mark for mark, _ in errors.get(at, ())}
        for place, cell in enumerate(row):
            if head is None or place != beside:
                is_wrong = column_letter(place) in wrong
                _write_copy(made, copied, at, place, cell, made.wrong if is_wrong else None)
    for at, told in errors.items():
        comments: dict[str, list[str]] = defaultdict(list)
        for mark, error in told:
            comments[mark].append(error.message)
            if mark and (at >= len(sheet.rows) or _place(mark) >= len(sheet.rows[at])):
                copied.write_blank(at, _place(mark), None, made.wrong)
        for mark, messages in comments.items():
            copied.write_comment(at, _place(mark) if mark else beside, "\n".join(messages)[:MOST_CHARACTERS])
        lines = "\n".join(": ".join(filter(None, (error.path, error.message))) for _, error in told)
        made.write(copied, at, beside, lines[:10_000], made.wrong)


def _place(mark: str) -> int:
    value = 0
    for one in mark:
        value = value * 26 + ord(one) - 64
    return value - 1


def _write_copy(made: _Book, sheet: Worksheet, row: int, column: int, cell: Cell, shape: Format | None) -> None:
    if isinstance(cell, (str, bool, int, float)):
        if cell == "":
            if shape is not None:
                sheet.write_blank(row, column, None, shape)
        elif not made.write(sheet, row, column, cell, shape):
            made.write(sheet, row, column, str(cell)[: MOST_CHARACTERS // 2], shape)
    else:
        made.write(sheet, row, column, str(cell), shape)
