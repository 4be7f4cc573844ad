"""Imports too large for one transaction, which are nevertheless made as a whole or not at all.

    staged      {_id: {i: import, n: place}, entries: [{place, document} or {number, state, history}]}: what is to be
                written, in chunks; `document` is the BSON of all of a new question but its number and revision,
                `state` that of what becomes of one that there is
    imports     {_id: import, revision, first, chunks}: what was decided and is not written everywhere yet

An import is first staged, where nobody looks. Then one small transaction decides: it takes the revision and the
numbers and notes the import; from there on it will be done, whoever has to do it. Then its chunks are written to
`questions`, and at last the note is taken away. Whoever reads or changes the bank first does what is noted, so nobody
who holds the bank in memory sees a part of it; a list made straight from the database may for a moment.

To write a chunk twice does no harm: a new question has its number already, and one that was changed since has a newer
revision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from storage.mongo.client import Database

CHUNK_ENTRIES, CHUNK_BYTES = 1_000, 4 << 20
AT_A_TIME = 4  # chunks that are written side by side
# What was staged so long ago and never decided on belongs to a process that is dead.
ABANDONED = timedelta(hours=2)
# The decision and the end are acknowledged by a majority; by the order of the log so is all that was before them.
_QUICKLY = WriteConcern(w=1, j=False)
_DUPLICATE = 11000
_LENGTH = Struct("<i")

# {"place": among the new questions, "document"}, or {"number", "state", "history": what is added to that}
Entry = dict[str, Any]
REMEMBERED_CHANGES = 30  # of a question; with the longest texts they fill half of what a document may hold


def remembering(history: dict[str, Any]) -> dict[str, Any]:
    """The part of an update that adds to the history of a question."""
    return {"$push": {"history": {"$each": [history], "$slice": -REMEMBERED_CHANGES}}}


def size_of(entry: Entry) -> int:
    """About how many bytes it takes."""
    return len(entry["document"] if "document" in entry else entry["state"])


def write_of(entry: Entry, revision: int, first: int) -> InsertOne[dict[str, Any]] | UpdateOne:
    """The write that an entry asks for, `first` being the number of the first new question."""
    if "document" in entry:
        document = _numbered(first + entry["place"], revision, entry["document"])
        return InsertOne(document)  # type: ignore[arg-type]  # BSON will do, too
    older = {"_id": entry["number"], "revision": {"$lt": revision}}
    return UpdateOne(
        older, {"$set": bson.decode(entry["state"]) | {"revision": revision}} | remembering(entry["history"])
    )


def _numbered(number: int, revision: int, document: bytes) -> RawBSONDocument:
    """The document with its first two members."""
    head = bson.encode({"_id": number, "revision": revision})
    # A length of four bytes, the members, and a NUL.
    return RawBSONDocument(_LENGTH.pack(len(head) + len(document) - 5) + head[4:-1] + document[4:])


class Pending(Exception):
    """Another import was decided on and is not done yet."""


async def stage(database: Database, entries: Sequence[Entry]) -> tuple[ObjectId, int]:
    """Put entries where nobody looks; returns the import and its number of chunks."""
    made = ObjectId()
    staged = database.get_collection("staged", write_concern=_QUICKLY)
    await _forget_abandoned(database)
    count = 0
    for chunk in _chunks(entries):
        await staged.insert_one({"_id": {"i": made, "n": count}, "entries": chunk})
        count += 1
    return made, count


def _chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        length = size_of(entry)
        if chunk and (len(chunk) == CHUNK_ENTRIES or size + length > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += length
    if chunk:
        yield chunk


async def _forget_abandoned(database: Database) -> None:
    before = ObjectId.from_datetime(datetime.now(UTC) - ABANDONED)
    await database.staged.delete_many({"_id": {"$lt": {"i": before, "n": 0}}})


async def forget(database: Database, made: ObjectId, chunks: int) -> None:
    """Take away what was staged."""
    await database.staged.delete_many({"_id": {"$in": [{"i": made, "n": at} for at in range(chunks)]}})


async def decide(
    database: Database, made: ObjectId, chunks: int, revision: int, first: int, session: AsyncIOMotorClientSession
) -> None:
    """Note in a transaction that the import will be done: its new questions have the numbers from `first` on."""
    note = {"_id": made, "revision": revision, "first": first, "chunks": chunks}
    await database.imports.insert_one(note, session=session)


async def refuse_if_pending(database: Database, session: AsyncIOMotorClientSession) -> None:
    """Raises `Pending`; for each transaction that changes the bank."""
    if await database.imports.find_one({}, {"_id": 1}, session=session) is not None:
        raise Pending


async def settle(database: Database, advanced: Callable[[int], None] = lambda entries: None) -> None:
    """Do what is noted, if there is something. `advanced` is told how many entries were written."""
    while (note := await database.imports.find_one({})) is not None:
        for first in range(0, note["chunks"], AT_A_TIME):
            places = range(first, min(first + AT_A_TIME, note["chunks"]))
            done = await asyncio.gather(*(_write_chunk(database, note, at) for at in places))
            advanced(sum(done))
        await database.imports.delete_one({"_id": note["_id"]})
        await forget(database, note["_id"], note["chunks"])


async def _write_chunk(database: Database, note: dict[str, Any], at: int) -> int:
    """Returns how many entries that was; none, where somebody else has done all of the import."""
    chunk = await database.staged.find_one({"_id": {"i": note["_id"], "n": at}})
    if chunk is None:
        return 0
    await _write(database, note, chunk["entries"])
    return len(chunk["entries"])


async def _write(database: Database, note: dict[str, Any], entries: Sequence[Entry]) -> None:
    questions = database.get_collection("questions", write_concern=_QUICKLY)
    writes = [write_of(entry, note["revision"], note["first"]) for entry in entries]
    try:
        await questions.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        if any(one["code"] != _DUPLICATE for one in (error.details or {}).get("writeErrors", [{"code": 0}])):
            raise
