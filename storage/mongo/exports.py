"""The whole bank for spreadsheets, by a cursor: never all in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from pymongo import ASCENDING

from storage.mongo import counters
from storage.mongo.client import Database
from storage.mongo.questions import Kept

FETCHED_AT_ONCE = 500


async def questions(database: Database) -> AsyncGenerator[tuple[Kept, tuple[int, int]], None]:
    """Every question, archived ones too, with `(answered, correct)`, by number."""
    batch: list[dict[str, Any]] = []
    async for document in database.questions.find(
        {}, {"history": 0}, sort=[("_id", ASCENDING)], batch_size=FETCHED_AT_ONCE
    ):
        batch.append(document)
        if len(batch) == FETCHED_AT_ONCE:
            for row in await _counted(database, batch):
                yield row
            batch = []
    for row in await _counted(database, batch):
        yield row


async def _counted(database: Database, batch: list[dict[str, Any]]) -> list[tuple[Kept, tuple[int, int]]]:
    counted = await counters.read(database, [document["_id"] for document in batch])
    return [
        (
            Kept(
                document["_id"],
                document["subject"],
                document["id"],
                document["archived"],
                document["updated_at"],
                document["content"],
            ),
            counted.get(document["_id"], (0, 0)),
        )
        for document in batch
    ]


async def count(database: Database) -> int:
    return await database.questions.estimated_document_count()
