"""Imports by the process that bank files are read in, into a real MongoDB."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from pymongo.errors import AutoReconnect, BulkWriteError, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from actors import bank_files
from actors.bank import Bank
from actors.bank_desk import BankDesk
from protocols.messages import BankReport, ImportBank, Unavailable
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import questions
from storage.mongo.client import Database, is_transient

AIKEN = "Which?\nA. This\nB. That\nANSWER: A\n"
# A service that is killed when its process has only just been begun.
KILLED_AT_ONCE = """
import asyncio, os, signal
from actors.bank_process import BankProcess

async def main():
    executor = BankProcess("mongodb://127.0.0.1:1/apo")._start()
    executor.submit(print)
    print(*executor._processes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
# The same question as the first of `many`, by another id.
AIKEN_AS_JSON = b"""{"questions": [{"id": "other", "kind": "single", "topic": "general", "difficulty": 3,
    "text": "Which of 0?", "options": [{"id": "a", "text": "This"}, {"id": "b", "text": "That"}], "key": "a"}]}"""


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with Engines(tmp_path, postgres=False) as endpoints:
        yield endpoints.mongo_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    client = mongo.connect(url)
    await questions.prepare(mongo.database(client))
    yield mongo.database(client)
    client.close()


@pytest.fixture
async def desk(url: str, database: Database) -> AsyncIterator[BankDesk]:
    desk = BankDesk(url, database.client, database, Bank())
    yield desk
    desk.close()


def many(count: int) -> ImportBank:
    content = "\n".join(AIKEN.replace("Which", f"Which of {at}") for at in range(count))
    return ImportBank(user=0, content=content.encode(), subject="sample")


async def test_progress_comes_while_questions_are_stored(desk: BankDesk) -> None:
    told: list[tuple[str, int, int]] = []
    await desk.import_bank(many(2_500), lambda what, done, total: told.append((what, done, total)))
    assert told[0] == ("examining", 0, 0)
    assert ("storing", 0, 2_500) in told
    assert told[-1] == ("storing", 2_500, 2_500)


async def test_a_process_that_dies_while_it_stores_leaves_all_or_nothing_and_the_next_one_goes_on(
    desk: BankDesk, database: Database
) -> None:
    def kill(what: str, done: int, total: int) -> None:
        if what == "storing":
            for child in psutil.Process().children():
                with suppress(psutil.Error):  # it may be gone already
                    if "spawn_main" in " ".join(child.cmdline()):
                        child.kill()

    with pytest.raises(Unavailable):
        await desk.import_bank(many(2_500), kill)
    await desk.refresh()
    assert await database.questions.count_documents({}) in (0, 2_500)
    again = await desk.import_bank(many(2_500))
    assert again.added + again.unchanged == 2_500


async def test_questions_of_the_bank_that_say_the_same_are_named_but_not_the_question_itself(desk: BankDesk) -> None:
    first = await desk.import_bank(many(1))
    again = await desk.import_bank(many(1))
    other = await desk.import_bank(ImportBank(user=0, content=AIKEN_AS_JSON, subject="sample"))
    assert "of the bank" not in str(first.warnings)
    assert again.unchanged == 1
    assert "of the bank" not in str(again.warnings)
    assert any(one.message.startswith("the same text as aiken-") for one in other.warnings)


async def test_no_process_outlives_a_service_that_is_killed_while_it_begins() -> None:
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_AT_ONCE, stdout=asyncio.subprocess.PIPE)
    assert service.stdout is not None
    begun = int(await service.stdout.readline())
    await service.wait()
    async with asyncio.timeout(20):
        while psutil.pid_exists(begun):
            await asyncio.sleep(0.1)


def out_of_memory(*_: object) -> None:
    raise MemoryError


async def test_an_import_that_was_stored_is_told_so_though_there_is_no_advice_on_it(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_files, "_surroundings", [])
    monkeypatch.setattr(bank_files, "alike", out_of_memory)

    def imported() -> BankReport:
        bank_files.begin(url, lambda what, done, total: None)
        return bank_files.import_file(many(1), {})

    report = await asyncio.to_thread(imported)
    assert report.added == await database.questions.count_documents({}) == 1
    assert any(one.message.startswith("too many questions to be compared") for one in report.warnings)


@pytest.mark.parametrize(
    "error",
    [
        ServerSelectionTimeoutError("nobody there"),
        AutoReconnect("connection closed"),
        OperationFailure("try again", 112, {"errorLabels": ["TransientTransactionError"]}),
        BulkWriteError({"writeErrors": [{"code": 1}]}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_mongodb_refuses_in_the_process_is_the_same_outside_of_it(error: PyMongoError) -> None:
    outside = pickle.loads(pickle.dumps(error))
    assert type(outside) is type(error)
    assert is_transient(outside) == is_transient(error)
