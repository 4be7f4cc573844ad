"""Reading a bank from an XLSX workbook, a row a question; `storage.banks.columns` says what its columns are.

Calamine reads the cells. Before that the archive is looked through: what it unpacks to is bounded, and so is the area
of its sheets, for calamine keeps a cell for every place between the first and the last that are filled.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeAlias

from pydantic import JsonValue, TypeAdapter, ValidationError
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from protocols.messages import EntryError, SkippedEntry, Slug, Titled, Topic
from protocols.messages.questions import Title
from storage.banks import archive
from storage.banks.answers import letter, number
from storage.banks.columns import EXAMPLE, KINDS, name_of, nearest
from storage.banks.file import MAX_QUESTIONS, BankFile, BankFileError, Entry, QuestionFault, Row, shown

MOST_CELLS = 8_000_000
_HEADING_WITHIN = 20  # rows
_EXAMPLE_ROW = "an example row of the template; to keep what you wrote in it, give it an id of your own"
OWN_SHEETS = ("subject", "help", "lists")
CELL = re.compile(r"(?P<sheet>.*)!(?P<column>[A-Z]{0,3})(?P<row>[0-9]+)(?:, .*)?", re.DOTALL)

_REFERENCE = re.compile(rb"""<(?:\w+:)?(?:c|row)\b[^>]*?\br\s*=\s*(["'])([A-Za-z]{0,3})([0-9]{1,7})\1""")
_TOLERANCE = re.compile(r"(.+?)\s*(?:±|\+/-|\+-|:)\s*(.+)")

Cell: TypeAlias = str | float | bool | date | datetime | time | timedelta
Question = dict[str, JsonValue]


def is_workbook(content: bytes) -> bool:
    """Whether a ZIP is a workbook of Excel."""
    return archive.has_member(content, "xl/workbook.xml")


@dataclass(frozen=True)
class Sheet:
    """The cells of a sheet from A1 on, what stands in several merged ones in each of them."""

    name: str
    rows: list[list[Cell]]


def sheets(content: bytes) -> list[Sheet]:
    """The sheets of a workbook. Raises `BankFileError` for one that is damaged, locked, or a bomb."""
    with archive.opened(content) as found:
        for member in found.infolist():
            if re.match(r"xl/worksheets/[^/]+\.xml", member.filename):
                _refuse_wide(member.filename, archive.content_of(found, member))
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        return [_sheet(book.get_sheet_by_name(name)) for name in book.sheet_names]
    except (CalamineError, OSError, ValueError) as error:
        raise BankFileError(f"the workbook cannot be read: {error}; save it again as XLSX") from None
    except BaseException as error:
        # A panic of calamine's is no Exception; nothing else is caught here.
        if type(error).__name__ != "PanicException":
            raise
        raise BankFileError("the workbook is damaged; save it again as XLSX") from None


def _refuse_wide(name: str, xml: bytes) -> None:
    last_row = last_column = 0
    for found in _REFERENCE.finditer(xml):
        last_row = max(last_row, int(found[3]))
        last_column = max(last_column, _column_number(found[2].decode().upper()))
    if last_row * max(last_column, 1) > MOST_CELLS:
        raise BankFileError(
            f"{name}: the sheet reaches to row {last_row} and column {column_letter(max(last_column, 1) - 1)}; delete "
            "what stands outside the table"
        )


def _column_number(letters: str) -> int:
    value = 0
    for one in letters:
        value = value * 26 + ord(one) - 64
    return value


def column_letter(at: int) -> str:
    """`A` for 0."""
    letters = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _sheet(sheet: CalamineSheet) -> Sheet:
    rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if left == right and top < len(rows) and left < len(rows[top]):  # one value for several rows
            for at in range(top + 1, min(bottom + 1, len(rows))):
                rows[at][left] = rows[top][left]
    return Sheet(sheet.name, rows)


def read_workbook(content: bytes) -> BankFile:
    """The questions of all sheets that have the columns of questions. Raises `BankFileError`."""
    bank = BankFile(format="xlsx")
    head = _Head()
    read = 0
    for sheet in sheets(content):
        if sheet.name.lower() == "subject":
            head = _head(sheet)
        elif sheet.name.lower() not in OWN_SHEETS:
            read += _take_sheet(sheet, bank)
    if not read:
        raise BankFileError(
            "no sheet has a row of headings with `kind`, `text` and `key`; begin with the template of the subject"
        )
    return BankFile(
        format="xlsx",
        subject=head.slug,
        title=head.title,
        topics=head.topics,
        entries=bank.entries,
        skipped=bank.skipped,
        errors=bank.errors + head.errors,
        warnings=bank.warnings,
    )


def heading_row(sheet: Sheet) -> tuple[int, dict[int, str]] | None:
    """Where the headings are, and the names of the known columns by their places; None where there are none."""
    for at, row in enumerate(sheet.rows[:_HEADING_WITHIN]):
        names = {place: name for place, cell in enumerate(row) if (name := name_of(_text(cell))) is not None}
        if {"text", "kind"} <= set(names.values()) or {"text", "key"} <= set(names.values()):
            return at, names
    return None


def _take_sheet(sheet: Sheet, bank: BankFile) -> int:
    """Adds the sheet's questions to `bank`; returns how many sheets that were: one or none."""
    found = heading_row(sheet)
    if found is None:
        if any(_text(cell).strip() for row in sheet.rows for cell in row):
            message = "this sheet has no row of headings with `kind`, `text` and `key`; it was not read"
            bank.warnings.append(EntryError(where=f"{sheet.name}!A1", path="", message=message))
        return 0
    at, names = found
    _look_at_headings(sheet, at, names, bank)
    layout = _Layout(sheet.name, names)
    for index, row in enumerate(sheet.rows[at + 1 :], at + 2):
        cells = {name: cell for place, name in names.items() if place < len(row) and _filled(cell := row[place])}
        cells.pop("errors", None)
        if not cells:
            continue
        own_id = _text(cells.get("id", "")).strip()
        where = f"{sheet.name}!{index}" + (f", {own_id[:100]}" if own_id.isprintable() and own_id else "")
        if own_id.startswith(EXAMPLE):
            bank.skipped.append(SkippedEntry(where=where, reason=_EXAMPLE_ROW))
            continue
        if len(bank.entries) >= MAX_QUESTIONS:
            raise BankFileError(f"{where}: more than {MAX_QUESTIONS} questions; split the file")
        place = layout.row(index, cells)
        try:
            bank.entries.append(Entry(where, _question(cells), place))
        except QuestionFault as fault:
            bank.errors.append(EntryError(where=place.cell(fault.path), path=fault.path, message=fault.message))
    return 1


def _look_at_headings(sheet: Sheet, at: int, names: dict[int, str], bank: BankFile) -> None:
    seen: dict[str, str] = {}
    for place, cell in enumerate(sheet.rows[at]):
        where = f"{sheet.name}!{column_letter(place)}{at + 1}"
        name = names.get(place)
        if name is None and _text(cell).strip():
            told = f"unknown column {shown(_text(cell)[:60])}, which was not read; {nearest(_text(cell))}"
            bank.warnings.append(EntryError(where=where, path="", message=told))
        elif name in seen:
            told = f"the column `{name}` stands twice (first in {seen[name]}); keep one of them"
            bank.errors.append(EntryError(where=where, path=name or "", message=told))
            del names[place]
        elif name is not None:
            seen[name] = where


class _Layout:
    """Which member of a question stands in which column; rows that are filled alike share the answer."""

    def __init__(self, sheet: str, names: dict[int, str]) -> None:
        self._sheet = sheet
        self._letters = {name: column_letter(place) for place, name in names.items()}
        self._known: dict[tuple[str, ...], dict[str, str]] = {}

    def row(self, number: int, cells: dict[str, Cell]) -> Row:
        filled = tuple(cells)
        columns = self._known.get(filled)
        if columns is None:
            columns = self._known[filled] = self._columns(filled)
        return Row(self._sheet, number, columns)

    def _columns(self, filled: Sequence[str]) -> dict[str, str]:
        columns = {name: mark for name, mark in self._letters.items() if " " not in name}
        columns[""] = columns.get("id") or columns.get("text", "")
        for side, member in (("option", "options"), ("left", "left"), ("right", "right")):
            if f"{side} 1" in self._letters:
                columns[member] = self._letters[f"{side} 1"]
            for at, place in enumerate(_places(filled, side)):
                for part in ("", "id", "weight", "feedback", "image"):
                    mark = self._letters.get(f"{side} {place} {part}".strip())
                    if mark is not None:
                        columns[f"{member}.{at}" + (f".{part}" if part else "")] = mark
                        columns.setdefault(member, mark)
        return columns


def _places(names: Sequence[str], side: str) -> list[int]:
    """The numbers of the choices of a side that are filled, in order."""
    return sorted({int(name.split()[1]) for name in names if name.startswith(side + " ")})


# --- One question -------------------------------------------------------------------------------------------


def _question(cells: dict[str, Cell]) -> Question:
    question: Question = {}
    for name in ("id", "kind", "topic", "text", "image", "explanation", "source"):
        if name in cells:
            question[name] = _said(cells[name], name)
    if "kind" in question:
        kind = " ".join(str(question["kind"]).lower().split())
        question["kind"] = KINDS.get(kind, kind)
    if "difficulty" in cells:
        question["difficulty"] = _numeric(cells["difficulty"])
    if "tags" in cells:
        question["tags"] = _listed(_text(cells["tags"]), r"[,;\n]")
    own = {name[6:]: _own(cell) for name, cell in cells.items() if name.startswith("extra.")}
    if own:
        question["extra"] = own
    for side, member in (("option", "options"), ("left", "left"), ("right", "right")):
        choices = _choices(cells, side)
        if choices:
            question[member] = choices
    key = _key(question, cells.get("key", ""))
    if key is not None:
        question["key"] = key
    return question


def _choices(cells: dict[str, Cell], side: str) -> list[JsonValue]:
    choices: list[JsonValue] = []
    member = "options" if side == "option" else side
    for at, place in enumerate(_places(tuple(cells), side)):
        name = f"{side} {place}"
        default = letter(place - 1) if side == "option" else f"{side[0]}{place}"
        choice: Question = {"id": default, "text": _said(cells.get(name, ""), f"{member}.{at}")}
        for part in ("id", "image", "feedback"):
            if f"{name} {part}" in cells:
                choice[part] = _said(cells[f"{name} {part}"], f"{member}.{at}.{part}")
        if f"{name} weight" in cells:
            choice["weight"] = _numeric(cells[f"{name} weight"])
        choices.append(choice)
    return choices


def _key(question: Question, cell: Cell) -> JsonValue:
    """The key as its kind has it; None where it is missing."""
    text = _said(cell, "key")
    if text[:1] in ("{", "["):
        try:
            parsed: JsonValue = json.loads(text)
        except (ValueError, RecursionError):
            pass  # an answer may begin with a bracket, too
        else:
            return parsed
    options = question.get("options")
    match question.get("kind"):
        case "single":
            return _option(text, options) if text else None
        case "number":
            return None if not text else _number_key(cell, text)
        case "text":
            lines = [line.strip() for line in re.split(r"[\n|]", text) if line.strip()]
            return {"accept": list[JsonValue](lines)} if lines else None
        case "multiple":
            return _several(text, options) if text else None
        case "order":
            return _several(text, options) if text else _ids(options)
        case "match":
            return _pairs(text) if text else _same_places(question)
    return text or None


def _several(text: str, options: JsonValue) -> list[JsonValue]:
    """Options between commas and the like; between spaces, too, where they have none of their own."""
    try:
        return [_option(part.strip(), options) for part in re.split(r"[,;\n]", text) if part.strip()]
    except QuestionFault:
        return [_option(part, options) for part in re.split(r"[,;\s]", text) if part]


def _option(said: str, options: JsonValue) -> str:
    """The id of the option that somebody means by its id, its number or its text. Raises `QuestionFault`."""
    choices = [choice for choice in options if isinstance(choice, dict)] if isinstance(options, list) else []
    ids = [str(choice["id"]) for choice in choices]
    for one in (said, said.lower()):
        if one in ids:
            return one
    meant = {own_id for at, own_id in enumerate(ids, 1) if said == str(at)}
    meant |= {str(one["id"]) for one in choices if str(one["text"]).lower() == said.lower()}
    if len(meant) > 1:
        raise QuestionFault(
            f"{shown(said)} is the number of one option and the text of another; write the letter", "key"
        )
    if not meant and choices:
        raise QuestionFault(f"{shown(said)} is no option; write the number of one, its Latin letter or its text", "key")
    return meant.pop() if meant else said


def _number_key(cell: Cell, text: str) -> JsonValue:
    if isinstance(cell, float) and not isinstance(cell, bool):
        return {"value": _whole(cell)}
    text = text.replace(",", ".")
    low, dots, high = text.strip("[]").partition("..")
    if dots:
        return {"min": number(low), "max": number(high)}
    found = _TOLERANCE.fullmatch(text)
    mend = "write one, as 3.14, 3.14 ± 0.01 or 3..4"
    if found is not None:
        return {"value": number(found[1], mend), "tolerance": number(found[2], mend)}
    return {"value": number(text, mend)}


def _ids(choices: JsonValue) -> JsonValue:
    if not isinstance(choices, list):
        return None
    return [choice["id"] for choice in choices if isinstance(choice, dict)]


def _same_places(question: Question) -> JsonValue:
    left, right = _ids(question.get("left")), _ids(question.get("right"))
    if not isinstance(left, list) or not isinstance(right, list):
        return None
    return {str(one): other for one, other in zip(left, right, strict=False)}


def _pairs(text: str) -> JsonValue:
    pairs: Question = {}
    for pair in re.split(r"[,;\n]", text):
        left, equals, right = (part.strip() for part in pair.partition("="))
        if not equals and left:
            raise QuestionFault(f"{shown(left)} is no pair; write them as l1=r2, l2=r1", "key")
        if left in pairs:
            raise QuestionFault(f"{shown(left)} is matched twice", "key")
        if equals:
            pairs[left] = right
    return pairs


def _listed(text: str, separators: str) -> JsonValue:
    if text.startswith("["):
        try:
            parsed: JsonValue = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return parsed
    return [part.strip() for part in re.split(separators, text) if part.strip()]


# --- Cells --------------------------------------------------------------------------------------------------


def _filled(cell: Cell) -> bool:
    return not isinstance(cell, str) or bool(cell.strip())


def _said(cell: Cell, path: str) -> str:
    """The text of a cell. Raises `QuestionFault` where the spreadsheet has made something else of it."""
    if isinstance(cell, (date, time, timedelta)):
        raise QuestionFault(
            f"the cell holds a date or time, {_text(cell)}, as spreadsheets make of 1/2 or 1.2; format the cell as "
            "text and write it again",
            path,
        )
    return _text(cell).strip()


def _text(cell: Cell) -> str:
    """What a cell shows, about: 5 and not 5.0."""
    match cell:
        case str():
            return cell.replace("\r\n", "\n").replace("\r", "\n")
        case bool():
            return "true" if cell else "false"
        case float() | int():
            return str(_whole(cell))
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
    return str(cell)


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)


def _numeric(cell: Cell) -> JsonValue:
    """A number, also where it is stored as text, with a decimal comma, or in percent; else the text."""
    if isinstance(cell, bool) or not isinstance(cell, (float, int, str)):
        return _text(cell)
    if not isinstance(cell, str):
        return _whole(cell)
    text = cell.strip()
    try:
        return number(text.removesuffix("%").replace(",", ".")) / (100 if text.endswith("%") else 1)
    except QuestionFault:
        return text


def _own(cell: Cell) -> JsonValue:
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, (float, int)):
        return _whole(cell)
    text = _text(cell).strip()
    if text[:1] in ("{", "["):
        try:
            parsed: JsonValue = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return parsed
    return text


# --- The sheet `subject` ------------------------------------------------------------------------------------


class _Head:
    """What the sheet `subject` says."""

    def __init__(self) -> None:
        self.slug: str | None = None
        self.title: Title | None = None
        self.topics: list[Topic] = []
        self.errors: list[EntryError] = []


def _head(sheet: Sheet) -> _Head:
    """Rows `subject | slug | title in Russian | in English`, and the same for each `topic`."""
    head = _Head()
    for at, row in enumerate(sheet.rows, 1):
        cells = [_text(cell).strip() for cell in row[:4]] + [""] * (4 - min(len(row), 4))
        name, slug = cells[0].lower(), cells[1]
        title: dict[str, str] = {
            language: said for language, said in zip(("ru", "en"), cells[2:4], strict=True) if said
        }
        try:
            if name == "subject" and slug:
                head.slug = TypeAdapter[str](Slug).validate_python(slug)
                head.title = Titled.model_validate({"title": title}).title if title else None
            elif name == "topic" and slug:
                head.topics.append(Topic.model_validate({"slug": slug, "title": title or {"ru": slug}}))
        except ValidationError:
            told = f"{shown(slug)} is no slug with a title; use lower-case Latin letters, digits, `-` and `_`"
            head.errors.append(EntryError(where=f"{sheet.name}!B{at}", path=name, message=told))
    return head
