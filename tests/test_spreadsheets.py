"""Spreadsheets: typed cells, nothing that runs, never half a file."""

import asyncio
import zipfile
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from storage.spreadsheets import MOST_CHARACTERS, Cell, Column, write

TEXT = Column("Текст", "text", 10)


async def _rows(*rows: Sequence[Cell]) -> AsyncGenerator[Sequence[Cell], None]:
    for row in rows:
        yield row


def _read(file: Path) -> dict[str, Sequence[Sequence[object]]]:
    book = CalamineWorkbook.from_path(str(file))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def _parts(file: Path, prefix: str) -> str:
    with zipfile.ZipFile(file) as parts:
        return "".join(parts.read(name).decode() for name in parts.namelist() if name.startswith(prefix))


async def test_cells_have_the_types_of_their_values(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    columns = [
        Column("a", "integer", 5),
        Column("b", "number", 5),
        Column("c", "moment", 5),
        Column("d", "flag", 5),
        TEXT,
        Column("e", "share", 5),
    ]
    moment = datetime(2026, 3, 1, 2, 30, tzinfo=timezone(timedelta(hours=3)))
    assert await write(file, "s", columns, _rows((7, 0.25, moment, True, "да", None))) == 1
    assert _read(file)["s"][1] == [7.0, 0.25, datetime(2026, 2, 28, 23, 30), True, "да", ""]  # noqa: DTZ001


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "{=1}", "\t=1", "http://x.ru", '=HYPERLINK("x")', "1", "01.02"]
)
async def test_text_stays_text_whatever_it_looks_like(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.xlsx"
    await write(file, "s", [TEXT], _rows((text,)))
    assert _read(file)["s"][1] == [text]
    sheet = _parts(file, "xl/worksheets/sheet")
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet


async def test_text_that_looks_like_a_formula_stays_text_when_it_is_edited(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    await write(file, "s", [TEXT], _rows(("=1+1",)))
    assert 'quotePrefix="1"' in _parts(file, "xl/styles")
    assert 's="' in _parts(file, "xl/worksheets/sheet").partition('<c r="A2"')[2].partition(">")[0]


async def test_the_heading_stays_in_sight_and_filters(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    await write(file, "s", [TEXT, TEXT], _rows(("a", "b"), ("c", "d")))
    sheet = _parts(file, "xl/worksheets/sheet")
    assert 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:B3"' in sheet


async def test_what_does_not_fit_goes_on_on_the_next_sheet(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    total = await write(file, "s", [TEXT], _rows(*((str(n),) for n in range(7))), most_rows=3)
    assert total == 7
    assert _read(file) == {
        "s": [["Текст"], ["0"], ["1"], ["2"]],
        "s 2": [["Текст"], ["3"], ["4"], ["5"]],
        "s 3": [["Текст"], ["6"]],
    }


async def test_no_rows_are_a_sheet_with_its_heading(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    assert await write(file, "s", [TEXT], _rows()) == 0
    assert _read(file) == {"s": [["Текст"]]}


@pytest.mark.parametrize("letter", ["я", "😀"])
async def test_a_text_that_is_too_long_for_a_cell_is_cut(tmp_path: Path, letter: str) -> None:
    file = tmp_path / "a.xlsx"
    await write(file, "s", [TEXT], _rows((letter * (MOST_CHARACTERS + 1),)))
    ((kept,),) = _read(file)["s"][1:]
    assert isinstance(kept, str)
    assert kept.endswith(letter + "…")
    assert MOST_CHARACTERS - 1 <= len(kept.encode("utf-16-le")) // 2 <= MOST_CHARACTERS


async def test_progress_adds_up_to_the_rows(tmp_path: Path) -> None:
    told: list[int] = []
    await write(tmp_path / "a.xlsx", "s", [TEXT], _rows(*[("x",)] * 2_500), told.append)
    assert sum(told) == 2_500
    assert len(told) > 1


async def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    file.write_text("old")

    async def broken() -> AsyncGenerator[Sequence[Cell], None]:
        for _ in range(1_500):
            yield ("x",)
        raise LookupError("the database went away")

    with pytest.raises(LookupError):
        await write(file, "s", [TEXT], broken())
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]
    assert file.read_text() == "old"


async def test_a_cancellation_leaves_nothing_and_closes_the_rows(tmp_path: Path) -> None:
    closed = asyncio.Event()
    far = asyncio.Event()

    async def endless() -> AsyncGenerator[Sequence[Cell], None]:
        try:
            while True:
                yield ("x",)
                far.set()
                await asyncio.sleep(0)
        finally:
            closed.set()

    writing = asyncio.create_task(write(tmp_path / "a.xlsx", "s", [TEXT], endless()))
    await far.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert closed.is_set()
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await write(tmp_path / "nowhere" / "a.xlsx", "s", [TEXT], _rows(("x",)))
