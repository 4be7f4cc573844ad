"""How often each question was answered, and how often rightly: `{_id: number, answered, correct}`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import WriteError

from storage.mongo.client import Client, Database
from storage.tally import Tally

RELAY = "counters"


class CheckpointMoved(Exception):
    """Somebody else has counted these answers; the step was rolled back."""


async def checkpoint(database: Database) -> int:
    """The position of the journal up to which answers are counted."""
    found = await database.checkpoints.find_one({"_id": RELAY})
    if found is None:
        await database.checkpoints.update_one({"_id": RELAY}, {"$setOnInsert": {"position": 0}}, upsert=True)
        return 0
    position: int = found["position"]
    return position


async def advance(client: Client, database: Database, after: int, upto: int, tallies: Sequence[Tally]) -> None:
    """Add tallies to the counters and move the checkpoint, in one transaction.

    Raises:
        CheckpointMoved: if the checkpoint is not at `after`; nothing was counted.
    """

    async def step(session: AsyncIOMotorClientSession) -> None:
        moved = await database.checkpoints.update_one(
            {"_id": RELAY, "position": after}, {"$set": {"position": upto}}, session=session
        )
        if moved.matched_count != 1:
            raise CheckpointMoved(f"the checkpoint of {RELAY!r} is no longer at {after}")
        await _add(database, tallies, session)

    async with await client.start_session() as session:
        await session.with_transaction(step)


async def redo(client: Client, database: Database, position: int, tallies: Sequence[Tally]) -> None:
    """Add the tallies of a position that was left out, unless that was done before."""

    async def step(session: AsyncIOMotorClientSession) -> None:
        marked = await database.redone.update_one(
            {"_id": position}, {"$setOnInsert": {"_id": position}}, upsert=True, session=session
        )
        if marked.upserted_id is not None:
            await _add(database, tallies, session)

    async with await client.start_session() as session:
        await session.with_transaction(step)


async def _add(database: Database, tallies: Sequence[Tally], session: AsyncIOMotorClientSession) -> None:
    if not tallies:
        return
    # The plain command: one object for each update, as pymongo's bulk_write makes, takes ten times as long.
    updates = [
        {
            "q": {"_id": tally.question},
            "u": {"$inc": {"answered": tally.answered, "correct": tally.correct}},
            "upsert": True,
        }
        for tally in tallies
    ]
    done = await database.command("update", "counters", updates=updates, ordered=False, session=session)
    # The command itself succeeds; what it says of the transaction later does not tell which values were refused.
    for refused in done.get("writeErrors", ()):
        raise WriteError(refused["errmsg"], refused["code"], refused)


async def read(database: Database, questions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """`(answered, correct)` of those of the questions that were answered at all."""
    counted: dict[int, tuple[int, int]] = {}
    document: dict[str, Any]
    async for document in database.counters.find({"_id": {"$in": list(questions)}}):
        counted[document["_id"]] = (document["answered"], document["correct"])
    return counted
