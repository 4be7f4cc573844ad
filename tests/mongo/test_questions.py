"""Questions and files in a real MongoDB."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import bson
import pytest

from benchmarks import bank
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import imports, questions
from storage.mongo.client import Database

PICTURE = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[mongo.Client]:
    async with Engines(tmp_path, postgres=False) as endpoints:
        client = mongo.connect(endpoints.mongo_url)
        yield client
        client.close()


@pytest.fixture
def database(client: mongo.Client) -> Database:
    return mongo.database(client)


async def test_what_was_stored_is_unchanged_when_it_is_stored_again(client: mongo.Client, database: Database) -> None:
    await questions.prepare(database)
    subject, some = bank.subject("sample"), [questions.draft(one) for one in bank.questions(30)]
    first = await questions.store(client, database, subject, some)
    again = await questions.store(client, database, subject, some)
    assert (first.added, first.updated, first.unchanged) == (30, 0, 0)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 30)
    numbers = [packed.number async for packed in questions.changed(database, 0)]
    assert sorted(numbers) == list(range(1, 31))


async def test_a_picture_whose_upload_was_interrupted_is_kept_by_the_next_one(database: Database) -> None:
    name = questions.file_id(PICTURE)
    await questions.store_file(database, name, PICTURE, "image/png")
    await database["files.files"].delete_one({"_id": name})  # as if it had been killed between chunks and file
    await questions.store_file(database, name, PICTURE, "image/png")
    kept = await questions.read_file(database, name)
    assert kept is not None
    assert (kept.content, kept.media_type) == (PICTURE, "image/png")


async def test_the_demo_goes_on_where_it_was_interrupted_and_comes_once(
    client: mongo.Client, database: Database
) -> None:
    assert await questions.begin_demo(database)
    await questions.store(client, database, bank.subject("sample"), [])
    assert await questions.begin_demo(database), "it was begun and not ended"
    await questions.end_demo(database)
    assert not await questions.begin_demo(database)


async def test_a_bank_with_a_subject_gets_no_demo(client: mongo.Client, database: Database) -> None:
    await questions.store(client, database, bank.subject("sample"), [])
    assert not await questions.begin_demo(database)


async def in_order(database: Database) -> list[int]:
    return sorted([packed.number async for packed in questions.changed(database, 0)])


async def test_an_import_that_was_decided_on_and_interrupted_is_done_by_whoever_comes_next(
    client: mongo.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await questions.prepare(database)
    monkeypatch.setattr(questions, "AT_ONCE", 10)
    monkeypatch.setattr(imports, "CHUNK_ENTRIES", 7)
    some = [questions.draft(one) for one in bank.questions(40)]
    await questions.store(client, database, bank.subject("sample"), some[:12])

    def interrupted(entries: int) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await questions.store(client, database, bank.subject("sample"), some, advanced=interrupted)
    assert len(await in_order(database)) < 40
    await imports.settle(database)
    assert await in_order(database) == list(range(1, 41))
    again = await questions.store(client, database, bank.subject("sample"), some)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 40)
    assert await database.staged.count_documents({}) == 0


async def test_what_was_only_staged_changes_nothing(client: mongo.Client, database: Database) -> None:
    await questions.prepare(database)
    some = [questions.draft(one) for one in bank.questions(5)]
    await imports.stage(database, questions._entries("sample", some, {}, False))
    await imports.settle(database)
    assert await in_order(database) == []
    assert (await questions.store(client, database, bank.subject("sample"), some)).added == 5


async def test_imports_at_the_same_time_are_each_whole(
    client: mongo.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await questions.prepare(database)
    monkeypatch.setattr(questions, "AT_ONCE", 10)
    monkeypatch.setattr(imports, "CHUNK_ENTRIES", 7)
    some = [questions.draft(one) for one in bank.questions(60)]
    parts = [some[:30], some[15:45], some[40:]]
    done = await asyncio.gather(*(questions.store(client, database, bank.subject("sample"), part) for part in parts))
    assert sum(one.added for one in done) == 60
    assert await in_order(database) == list(range(1, 61))


async def test_a_change_made_after_an_import_was_decided_on_is_not_undone_by_it(
    client: mongo.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await questions.prepare(database)
    monkeypatch.setattr(questions, "AT_ONCE", 2)
    some = [questions.draft(one) for one in bank.questions(6)]
    await questions.store(client, database, bank.subject("sample"), some)
    note = {"revision": 1, "first": 0}  # of an import that somebody is late with
    stale = questions._entries("sample", some, {"q-1": (2, b"old", False)}, False)[1]
    assert stale["number"] == 2
    stale["state"] = bson.encode(bson.decode(stale["state"]) | {"topic": "stale"})
    await questions.archive(client, database, 2)
    await imports._write(database, note, [stale])
    assert (await questions.kept(database, 2)).archived


IMPORT = """
import asyncio, sys
from benchmarks import bank
from storage.mongo import client as mongo
from storage.mongo import questions

async def main():
    client = mongo.connect(sys.argv[1])
    made = [questions.draft(one) for one in bank.questions(4_000)]
    await questions.store(client, mongo.database(client), bank.subject("sample"), made)

asyncio.run(main())
"""


@pytest.mark.parametrize("begun", ["staged", "imports"])
async def test_an_import_whose_process_is_killed_is_whole_or_nothing(tmp_path: Path, begun: str) -> None:
    async with Engines(tmp_path, postgres=False) as endpoints:
        client = mongo.connect(endpoints.mongo_url)
        database = mongo.database(client)
        await questions.prepare(database)
        importing = await asyncio.create_subprocess_exec(sys.executable, "-c", IMPORT, endpoints.mongo_url)
        async with asyncio.timeout(30):
            while importing.returncode is None and await database[begun].find_one({}, {"_id": 1}) is None:
                await asyncio.sleep(0.002)
        if importing.returncode is None:
            importing.kill()
        await importing.wait()
        await imports.settle(database)
        assert len(await in_order(database)) in (0, 4_000)
        made = [questions.draft(one) for one in bank.questions(4_000)]
        done = await questions.store(client, database, bank.subject("sample"), made)
        assert done.added + done.unchanged == 4_000
        assert len(await in_order(database)) == 4_000
        client.close()
