"""Questions and files in a real MongoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks import bank
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import questions
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
    subject, some = bank.subject("sample"), list(bank.questions(30))
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
