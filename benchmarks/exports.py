"""The spreadsheet of a million results: the service's memory, what students notice, and whether it is right.

    python -m benchmarks.exports [--results 1100000]

The read models of a service are filled by SQL; by default with more trainings than one sheet holds. An administrator
fetches `results.xlsx` over HTTP, while a student asks for their profile a hundred times a second, as before it. Then
the file is read back with calamine and converted by LibreOffice, and both must add up to what SQL adds up to.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from python_calamine import CalamineWorkbook
from rich.console import Console

from benchmarks.served import add_students, served, token, watched
from storage.spreadsheets import MOST_ROWS
from tests.running import Service

MOST_GROWTH = 64 << 20  # bytes of the service's memory
STUDENTS = 20_000
CONVERT_SECONDS = 1_800
# LibreOffice's filter: commas, quotes, UTF-8, contents as they are and not as they are shown, every sheet.
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"

_TRAININGS = """
INSERT INTO trainings (id, user_id, number, subject, mode, questions, started_at, finished_at)
SELECT 'training-' || n, $1 + n % $2, n / $2 + 1, 'subject-' || n % 4, 'practice', ARRAY[n, n + 1, n + 2],
       now() - make_interval(secs => n), CASE WHEN n % 10 > 0 THEN now() - make_interval(secs => n - 300) END
FROM generate_series(0, $3::bigint - 1) AS n
"""
_ANSWERS = """
INSERT INTO answers (training, question, user_id, subject, topic, kind, score, seconds, at)
SELECT 'training-' || n, n + k, $1 + n % $2, 'subject-' || n % 4, 'topic', 'single', (n + k) % 5 / 4.0,
       (n * 7 + k) % 600 / 8.0, now()
FROM generate_series(0, $3::bigint - 1) AS n CROSS JOIN generate_series(0, 2) AS k WHERE k < n % 4
"""
_TOTALS = """
SELECT (SELECT count(*) FROM trainings) AS rows, count(*) AS answered, count(*) FILTER (WHERE score = 1) AS correct,
       sum(score) AS score, sum(seconds) AS seconds
FROM answers
"""

console = Console(width=120)


@dataclass
class Totals:
    """What the rows of results add up to."""

    rows: int = 0
    answered: int = 0
    correct: int = 0
    score: float = 0.0
    seconds: float = 0.0

    def add(self, heading: Sequence[Any], rows: Iterable[Sequence[Any]]) -> None:
        """`heading` names the columns in English."""
        answered, correct, score, seconds = map(heading.index, ("Answered", "Correct", "Score", "Time, s"))
        for row in rows:
            self.rows += 1
            self.answered += int(row[answered])
            self.correct += int(row[correct])
            self.score += float(row[score])
            self.seconds += float(row[seconds])

    def equals(self, other: Totals) -> bool:
        counted = (self.rows, self.answered, self.correct) == (other.rows, other.answered, other.correct)
        # Sums of floats in another order.
        return counted and math.isclose(self.score, other.score) and math.isclose(self.seconds, other.seconds)


async def fill(connection: asyncpg.Connection[asyncpg.Record], results: int) -> tuple[int, int]:
    """Results of many students; returns an administrator and a student."""
    users = await add_students(connection, 0, STUDENTS + 1)
    await connection.execute("UPDATE users SET role = 'admin' WHERE id = $1", users[0])
    for sql in (_TRAININGS, _ANSWERS):
        await connection.execute(sql, users[1], STUDENTS, results)
    await connection.execute("ANALYZE")
    return users[0], users[1]


async def fetch(service: Service, administrator: int, file: Path) -> tuple[float, float]:
    """Seconds until the spreadsheet begins to come, and in all."""
    began = time.perf_counter()
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
        session.get(
            f"{service.url}/api/v1/admin/exports/results.xlsx?language=en",
            headers={"Authorization": f"Bearer {token(administrator)}"},
        ) as reply,
    ):
        reply.raise_for_status()
        first = time.perf_counter() - began
        with file.open("wb") as stream:
            async for chunk in reply.content.iter_chunked(1 << 20):
                stream.write(chunk)
    return first, time.perf_counter() - began


def read_back(file: Path) -> tuple[Totals, list[int]]:
    """What calamine reads: the totals, and the rows of each sheet, one of which is in memory at a time."""
    totals, counts = Totals(), []
    book = CalamineWorkbook.from_path(str(file))
    for name in book.sheet_names:
        rows = iter(book.get_sheet_by_name(name).iter_rows())
        before = totals.rows
        totals.add(next(rows), rows)
        counts.append(totals.rows - before)
    return totals, counts


async def convert(office: str, file: Path, folder: Path) -> None:
    """Let LibreOffice make a CSV of each sheet."""
    process = await asyncio.create_subprocess_exec(
        office, "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to", _CSV,
        "--outdir", str(folder), str(file),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await asyncio.wait_for(process.wait(), CONVERT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def read_converted(folder: Path) -> Totals:
    """What the CSV of all sheets add up to."""
    totals = Totals()
    for sheet in sorted(folder.glob("*.csv")):
        with sheet.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            totals.add(next(rows), rows)
    return totals


async def measure(folder: Path, results: int) -> bool:
    async with served(Service(folder, {"APO_BANK__DEMO": "false", "APO_LOG__LEVEL": "warning"})) as ours:
        console.print(f"{results:,} results are being made …")
        administrator, student = await fill(ours.connection, results)
        wanted = Totals(**dict(await ours.connection.fetchrow(_TOTALS) or {}))
        file = folder / "results.xlsx"
        async with watched(ours.service, student) as before:
            await asyncio.sleep(5)
        async with watched(ours.service, student) as during:
            first, seconds = await fetch(ours.service, administrator, file)
        async with watched(ours.service, student) as after:
            await asyncio.sleep(5)
    most, begun = max(during.memory), max(before.memory)
    console.print(
        f"exported in {seconds:.1f} s ({results / seconds:,.0f} rows a second; the first byte after {first:.1f} s), "
        f"{file.stat().st_size >> 20} MiB\n"
        f"memory of the service: {begun >> 20} MiB before, {most >> 20} MiB at most, {after.memory[-1] >> 20} MiB after"
        f" (wanted: at most {MOST_GROWTH >> 20} MiB more)\n"
        f"a student waits, before: {before.told()}\n"
        f"a student waits, during: {during.told()}"
    )
    return await check(file, folder, wanted) and most - begun <= MOST_GROWTH


async def check(file: Path, folder: Path, wanted: Totals) -> bool:
    """Whether calamine and LibreOffice read what SQL adds up to."""
    console.print(f"SQL:         {wanted}")
    with ProcessPoolExecutor(1) as pool:
        read, sheets = await asyncio.get_running_loop().run_in_executor(pool, read_back, file)
    good = read.equals(wanted) and max(sheets) <= MOST_ROWS
    console.print(f"calamine:    {read}, in sheets of {sheets}")
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        console.print("LibreOffice is not installed: apt-get install libreoffice-calc-nogui")
        return False
    began = time.perf_counter()
    await convert(office, file, folder)
    seconds = time.perf_counter() - began
    converted = await asyncio.to_thread(read_converted, folder)
    console.print(f"LibreOffice: {converted}, converted in {seconds:.0f} s")
    return good and converted.equals(wanted)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=1_100_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="apo-benchmark-"))
    try:
        good = asyncio.run(measure(folder, options.results))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print("as it should be" if good else "[bold red]not as it should be[/]")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
