"""Counters on a real MongoDB: what it refuses is told as refused, and counts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymongo.errors import WriteError

from storage import blames_values
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import counters
from storage.tally import Tally


async def test_a_counter_that_cannot_be_added_to_is_at_fault_and_not_the_database(tmp_path: Path) -> None:
    async with Engines(tmp_path, postgres=False) as endpoints:
        client = mongo.connect(endpoints.mongo_url)
        database = mongo.database(client)
        await counters.checkpoint(database)
        await database.counters.insert_one({"_id": 2, "answered": "many", "correct": 0})
        with pytest.raises(WriteError, match="non-numeric") as refusal:
            await counters.advance(client, database, 0, 2, [Tally(1, 1, 1), Tally(2, 1, 1)])
        assert blames_values(refusal.value)
        assert await counters.checkpoint(database) == 0
        assert await counters.read(database, [1]) == {}
        client.close()
