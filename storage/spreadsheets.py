"""Rows into an .xlsx file, as they come: memory does not grow with their number.

The file appears when it is whole, under its name; what was there before stays until then.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

Cell: TypeAlias = str | int | float | bool | datetime | None  # None leaves it empty
T = TypeVar("T")

MOST_ROWS = 1_048_575  # of a sheet in Excel, beside the heading
MOST_CHARACTERS = 32_767  # of a cell in Excel, in UTF-16 code units
ROWS_AT_ONCE = 1_000
# A thread that computes keeps the interpreter for five milliseconds each time that the event loop wants it, which is
# several times for one answer: it is let go of after so many rows, for so long that the loop can take it.
ROWS_AT_A_STRETCH, BREATH_SECONDS = 10, 0.0001
# What a spreadsheet takes for the beginning of a formula, when somebody edits the cell or saves it as CSV.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Column:
    """`moment` takes aware datetimes and shows them in UTC; `share` is 0 to 1, shown in percent."""

    title: str
    kind: Literal["text", "integer", "number", "share", "moment", "flag"]
    width: int  # in characters


async def write(
    file: Path,
    sheet: str,
    columns: Sequence[Column],
    rows: AsyncGenerator[Sequence[Cell], None],
    advanced: Callable[[int], None] = lambda rows: None,
    most_rows: int = MOST_ROWS,
) -> int:
    """Write `rows` to `file`; returns their number. What does not fit on a sheet goes on on the next.

    `rows` is closed in the end. `advanced` is told how many rows were written since it was last called.
    Raises OSError where the file cannot be written; then, and when it is cancelled, nothing of it is left.
    """
    # Beside the file, so that it can be renamed; XlsxWriter keeps its parts there meanwhile.
    aside = Path(await _in_thread(lambda: tempfile.mkdtemp(prefix=f".{file.name}.", dir=file.parent)))
    try:
        async with aclosing(rows):
            return await _write(aside, file, sheet, columns, rows, advanced, most_rows)
    except FileCreateError as error:
        raise OSError(*error.args[0].args) from error  # XlsxWriter wraps it
    finally:
        await _in_thread(lambda: shutil.rmtree(aside, ignore_errors=True))


async def _write(
    aside: Path,
    file: Path,
    sheet: str,
    columns: Sequence[Column],
    rows: AsyncGenerator[Sequence[Cell], None],
    advanced: Callable[[int], None],
    most_rows: int,
) -> int:
    book = _Book(aside, sheet, columns, most_rows)
    total = 0

    async def put(batch: list[Sequence[Cell]]) -> None:
        nonlocal total
        await _in_thread(lambda: book.write(batch))
        total += len(batch)
        advanced(len(batch))

    batch: list[Sequence[Cell]] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == ROWS_AT_ONCE:
            await put(batch)
            batch = []
    await put(batch)
    await _in_thread(lambda: book.finish(file))
    return total


async def _in_thread(work: Callable[[], T]) -> T:
    """A thread cannot be cancelled: whoever is cancelled waits until it lets go of the file."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


class _Book:
    """A workbook in the making; one thread at a time."""

    def __init__(self, folder: Path, sheet: str, columns: Sequence[Column], most_rows: int) -> None:
        self._path = folder / "book.xlsx"
        self._name = sheet
        self._columns = columns
        self._most_rows = most_rows
        self._book = xlsxwriter.Workbook(
            self._path,
            {
                "constant_memory": True,
                "tmpdir": str(folder),
                "strings_to_formulas": False,
                "strings_to_urls": False,
            },
        )
        self._book.use_zip64()
        self._heading = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._formats: dict[str, Format | None] = {
            "text": None,
            "flag": None,
            "integer": self._book.add_format({"num_format": "0"}),
            "number": self._book.add_format({"num_format": "0.00"}),
            "share": self._book.add_format({"num_format": "0.0%"}),
            "moment": self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        # Says that the cell is text, whatever it begins with; stays with it when it is edited.
        self._plain_text = self._book.add_format({"quote_prefix": True})
        self._sheets = 0
        self._next_sheet()

    def _next_sheet(self) -> None:
        self._sheets += 1
        name = self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        self._sheet: Worksheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            self._sheet.set_column(place, place, column.width)
            self._sheet.write_string(0, place, column.title, self._heading)
        self._rows = 0

    def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        for number, row in enumerate(rows):
            if number % ROWS_AT_A_STRETCH == 0:
                time.sleep(BREATH_SECONDS)
            if self._rows == self._most_rows:
                self._filter()
                self._next_sheet()
            self._rows += 1
            for place, (column, value) in enumerate(zip(self._columns, row, strict=True)):
                self._write_cell(place, column, value)

    def _write_cell(self, place: int, column: Column, value: Cell) -> None:
        shape = self._formats[column.kind]
        match value:
            case None:
                return
            case str():
                text = _fitting(value)
                looks_alive = text.startswith(_FORMULA_SIGNS)
                self._sheet.write_string(self._rows, place, text, self._plain_text if looks_alive else shape)
            case bool():
                self._sheet.write_boolean(self._rows, place, value)
            case datetime():
                naive = value.astimezone(UTC).replace(tzinfo=None)  # a spreadsheet knows no time zones
                self._sheet.write_datetime(self._rows, place, naive, shape)
            case int() | float():
                self._sheet.write_number(self._rows, place, value, shape)

    def _filter(self) -> None:
        self._sheet.autofilter(0, 0, max(self._rows, 1), len(self._columns) - 1)

    def finish(self, file: Path) -> None:
        self._filter()
        self._book.close()
        self._path.replace(file)


def _fitting(text: str) -> str:
    if len(text) * 2 <= MOST_CHARACTERS:
        return text
    units = text.encode("utf-16-le")
    if len(units) // 2 <= MOST_CHARACTERS:
        return text
    return units[: (MOST_CHARACTERS - 1) * 2].decode("utf-16-le", "ignore") + "…"
