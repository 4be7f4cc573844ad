"""How fast a bank is imported, in every format, beside inserting its questions one by one.

    python -m benchmarks.imports [--questions 20000]

The departments' desk on an embedded MongoDB: a file is read, checked, compared and stored as a whole, then imported
once more, when nothing may change. Beside it, in the same run and on the same server, the same questions are inserted
one after the other through motor, each acknowledged as the service has it, before and after. What reading and checking
take by themselves is measured beside it. The peak of memory is that of the processes that import, and of this one; the
longest pause is that of this one's event loop. At last a file is sent to a whole service over HTTP, while a student
asks for their profile a hundred times a second, as before it.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import get_args

import aiohttp
import orjson
import psutil
import uvloop
from bson.raw_bson import RawBSONDocument
from rich.console import Console
from rich.progress import Progress

import logs
from actors.bank import Bank
from actors.bank_desk import BankDesk
from benchmarks import bank
from benchmarks.served import add_students, served, token, watched
from protocols.messages import AnyQuestion, BankFormat, ImportBank, SingleQuestion
from service import spare_the_living
from settings import Log
from storage.banks import read
from storage.banks.check import check
from storage.banks.export import export
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import questions
from tests.running import Service

WANTED = 20.0
ONE_BY_ONE = 1_000
SMALL = b"Which one?\nA. This\nB. That\nANSWER: A\n"


def file_of(format: BankFormat, slug: str, count: int, folder: Path) -> bytes:
    """A bank file of `count` questions of all kinds that the format has."""
    subject = bank.subject(slug)
    if format == "aiken":
        return _aiken(count)
    made: Sequence[AnyQuestion] = list(bank.questions(count))
    if format == "gift":
        made = [one for one in islice(bank.questions(count * 2), count * 2) if one.kind != "order"][:count]
    spool = folder / format
    spool.mkdir()
    with (spool / "questions.jsonl").open("wb") as lines:
        for one in made:
            lines.write(orjson.dumps(one.model_dump(mode="json", exclude_defaults=True) | {"kind": one.kind}) + b"\n")
    done = export(spool, subject, format)
    return done.file.read_bytes()


def _aiken(count: int) -> bytes:
    parts = []
    singles = (one for one in bank.questions(count * 6) if isinstance(one, SingleQuestion))
    for one in islice(singles, count):
        options = [f"{'ABCDEFGH'[at]}. {option.text}" for at, option in enumerate(one.options)]
        parts.append("\n".join([one.text, *options, f"ANSWER: {one.key.upper()}", ""]))
    return "\n".join(parts).encode()


async def one_by_one(database: mongo.Database, count: int) -> float:
    """Questions a second, inserted one after the other."""
    documents = []
    for number, one in enumerate(bank.questions(count), 1):
        made = questions.draft(one)
        documents.append(
            {
                "_id": number,
                "revision": 1,
                "subject": "one-by-one",
                "id": made.id,
                "topic": made.topic,
                "kind": made.kind,
                "difficulty": made.difficulty,
                "archived": False,
                "digest": made.digest,
                "content": RawBSONDocument(made.content),
            }
        )
    started = time.perf_counter()
    for document in documents:
        await database.one_by_one.insert_one(document)
    spent = time.perf_counter() - started
    await database.one_by_one.drop()
    return count / spent


def parts(content: bytes, slug: str) -> tuple[float, float]:
    """Seconds of reading a file, and of checking what was read and making it ready to be stored."""
    began = time.perf_counter()
    found = read(content, subject=slug)
    between = time.perf_counter()
    checked = check(found, None, slug)
    for _, one in checked.questions:
        questions.draft(one)
    return between - began, time.perf_counter() - between


async def measure(count: int, console: Console) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="apo-benchmark-"))
    try:
        async with Engines(folder / "data", postgres=False) as endpoints:
            client = mongo.connect(endpoints.mongo_url)
            try:
                return await _measure(endpoints.mongo_url, client, count, folder, console)
            finally:
                client.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(url: str, client: mongo.Client, count: int, folder: Path, console: Console) -> bool:
    database = mongo.database(client)
    await questions.prepare(database)
    desk = BankDesk(url, client, database, Bank())
    try:
        spare_the_living()
        return await _measure_formats(desk, database, count, folder, console)
    finally:
        desk.close()


async def _measure_formats(
    desk: BankDesk, database: mongo.Database, count: int, folder: Path, console: Console
) -> bool:
    good = True
    console.print(
        f"{count} questions; questions a second, wanted whole: {WANTED:.0f} times as many as one by one\n\n"
        "format        file    read   check   store   whole   again  one by one  store/one  whole/one"
        "  importer / desk      pause"
    )
    for format in get_args(BankFormat):
        slug = f"bank-{format}"
        content = await asyncio.to_thread(file_of, format, slug, count, folder)
        singly = await one_by_one(database, ONE_BY_ONE)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            reading, checking = await asyncio.get_running_loop().run_in_executor(pool, parts, content, slug)
        spent, storing, importer, pause, added = await _import(desk, slug, content, console)
        again, _, _, _, unchanged = await _import(desk, slug, content, console)
        singly = (singly + await one_by_one(database, ONE_BY_ONE)) / 2
        own = psutil.Process().memory_info().rss
        rates = "".join(f"{count / one:8.0f}" for one in (reading, checking, storing, spent, again))
        console.print(
            f"{format:<10} {len(content) >> 20:>3} MiB{rates}  {singly:10.0f}  {count / storing / singly:9.1f}  "
            f"{count / spent / singly:9.1f}  {importer >> 20:>5} / {own >> 20} MiB  {pause * 1000:6.0f} ms"
        )
        good = good and count / spent >= WANTED * singly and added == (count, 0) and unchanged == (0, count)
        if added != (count, 0) or unchanged != (0, count):
            console.print(f"  not as it should be: added {added}, again {unchanged}")
    return good


async def _import(
    desk: BankDesk, slug: str, content: bytes, console: Console
) -> tuple[float, float, int, float, tuple[int, int]]:
    """Seconds, and those of storing; the peak of the process that imports; the longest pause here, in seconds; what was
    added and unchanged."""
    # The process is ended after a large file, and there again from the next small one on.
    await desk.import_bank(ImportBank(user=0, content=SMALL, subject="small"))
    peak, pause = 0, 0.0
    stored: list[float] = []

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, await asyncio.to_thread(_importing))
            await asyncio.sleep(0.1)

    async def wait() -> None:
        nonlocal pause
        while True:
            slept = time.perf_counter()
            await asyncio.sleep(0.001)
            pause = max(pause, time.perf_counter() - slept - 0.001)

    watching = [asyncio.create_task(watch()), asyncio.create_task(wait())]
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(slug, total=None)
            started = time.perf_counter()

            def told(what: str, done: int, total: int) -> None:
                progress.update(task, description=what, completed=done, total=total or None)
                if what == "storing":
                    stored.append(time.perf_counter())

            report = await desk.import_bank(ImportBank(user=0, content=content, subject=slug), told)
            spent = time.perf_counter() - started
    finally:
        for one in watching:
            one.cancel()
    return spent, stored[-1] - stored[0], peak, pause, (report.added, report.unchanged)


async def beside_a_student(count: int, folder: Path, console: Console) -> None:
    """Import a file over HTTP, and tell how long a student waits meanwhile."""
    content = await asyncio.to_thread(file_of, "json", "sent", count, folder)
    settings = {"APO_BANK__DEMO": "false", "APO_LOG__LEVEL": "warning"}
    async with served(Service(folder / "service", settings)) as ours, aiohttp.ClientSession() as session:
        editor, student = await add_students(ours.connection, 0, 2)
        await ours.connection.execute("UPDATE users SET role = 'editor' WHERE id = $1", editor)
        async with watched(ours.service, student) as before:
            await asyncio.sleep(5)
        form = aiohttp.FormData()
        form.add_field("file", content, filename="sent.json")
        began = time.perf_counter()
        async with (
            watched(ours.service, student) as during,
            session.post(
                f"{ours.service.url}/api/v1/admin/bank/import",
                data=form,
                headers={"Authorization": f"Bearer {token(editor)}"},
            ) as reply,
        ):
            reply.raise_for_status()
            added = (await reply.json())["added"]
        console.print(
            f"\n{added} questions over HTTP in {time.perf_counter() - began:.1f} s\n"
            f"a student waits, before: {before.told()}\n"
            f"a student waits, during: {during.told()}"
        )


def _importing() -> int:
    """Bytes of memory of the processes that import."""
    found = 0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it may just have ended
            found += child.memory_info().rss if "multiprocessing" in " ".join(child.cmdline()) else 0
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=20_000)
    options = parser.parse_args()
    logs.configure(Log(level="warning"))
    console = Console(width=140)
    good = uvloop.run(measure(options.questions, console))
    with tempfile.TemporaryDirectory(prefix="apo-benchmark-") as folder:
        uvloop.run(beside_a_student(options.questions, Path(folder), console))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
