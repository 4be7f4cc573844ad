"""Subjects, questions and their files.

    subjects    {_id: slug, revision, content: the declaration as in `protocols.messages.Subject`}
    questions   {_id: number, revision, subject, id, topic, kind, difficulty, archived, digest, updated_at,
                 content: the question as in a bank file}
    sequences   {_id: "questions" | "revisions", last}
    files       GridFS, by the SHA-256 of the content
    demo        {_id: "demo", ended}: whether the subjects that come with the project were imported

A question's number is given when it is first imported and never used again. Every change bears a new revision, so
that whoever holds the bank in memory can ask for what is newer than theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
import orjson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from gridfs.errors import FileExists, NoFile
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorGridFSBucket
from pymongo import ASCENDING, InsertOne, UpdateOne
from pymongo.errors import OperationFailure

from protocols.messages import AnyQuestion, File, Kind, ListQuestions, Subject, TooLarge
from storage.mongo.client import Client, Database


@dataclass(frozen=True, slots=True)
class Packed:
    """A question as it is held in memory: what selects it, and its content as BSON."""

    number: int
    subject: str
    id: str
    topic: str
    kind: Kind
    difficulty: int
    archived: bool
    content: bytes


@dataclass(frozen=True, slots=True)
class Difference:
    """What an import would change, or has changed."""

    added: int
    updated: int
    unchanged: int


def unpack(content: bytes) -> dict[str, Any]:
    """The question as in a bank file."""
    return bson.decode(content)


async def prepare(database: Database) -> None:
    """Make the indexes; harmless when they are there."""
    await database.questions.create_index([("subject", ASCENDING), ("id", ASCENDING)], unique=True, name="subject_id")
    await database.questions.create_index([("revision", ASCENDING)], name="revision")


async def subjects(database: Database) -> list[Subject]:
    """All subjects."""
    found = database.subjects.find({}, sort=[("_id", ASCENDING)])
    return [Subject.model_validate(document["content"]) async for document in found]


async def revision(database: Database) -> int:
    """The revision of the newest change."""
    found = await database.sequences.find_one({"_id": "revisions"})
    return 0 if found is None else int(found["last"])


async def changed(database: Database, after: int) -> AsyncIterator[Packed]:
    """Questions with a revision above `after`, packed."""
    raw = database.get_collection("questions", codec_options=CodecOptions(document_class=RawBSONDocument))
    intern: dict[str, str] = {}  # topics and slugs repeat a thousandfold: keep one string of each
    async for document in raw.find({"revision": {"$gt": after}}, batch_size=5_000):
        yield Packed(
            document["_id"],
            intern.setdefault(document["subject"], document["subject"]),
            document["id"],
            intern.setdefault(document["topic"], document["topic"]),
            intern.setdefault(document["kind"], document["kind"]),  # type: ignore[arg-type]  # one of the six
            document["difficulty"],
            document["archived"],
            bytes(document["content"].raw),
        )


async def texts(database: Database, subject: str, limit: int) -> list[tuple[str, list[str]]]:
    """What the newest questions of a subject say, as `storage.banks.advice.texts_of` has it, by id; not archived."""
    fields = dict.fromkeys(("id", "content.text", "content.options.text", "content.image"), 1)
    fields |= {"content.left.text": 1, "content.right.text": 1, "content.kind": 1}
    query = {"subject": subject, "archived": False}
    found = database.questions.find(query, fields, sort=[("_id", -1)], limit=limit, batch_size=5_000)
    return [(document["id"], _texts(document["content"])) async for document in found]


def _texts(content: dict[str, Any]) -> list[str]:
    said = [content["text"]]
    said += [choice["text"] for side in ("left", "right") for choice in content.get(side, ())]
    said += sorted(option["text"] for option in content.get("options", ()))
    if "image" in content:
        said.append(content["image"])
    return said


def digest(question: AnyQuestion) -> bytes:
    """What tells whether a question has changed."""
    return hashlib.sha256(orjson.dumps(_content(question), option=orjson.OPT_SORT_KEYS)).digest()


def _content(question: AnyQuestion) -> dict[str, Any]:
    return question.model_dump(mode="json", exclude_defaults=True) | {"kind": question.kind}


async def compare(database: Database, subject: str, questions: Sequence[AnyQuestion]) -> Difference:
    """What storing these questions would change."""
    known = await _known(database, subject, [question.id for question in questions], None)
    added = sum(question.id not in known for question in questions)
    unchanged = sum(known.get(question.id, (0, b"", False))[1:] == (digest(question), False) for question in questions)
    return Difference(added, len(questions) - added - unchanged, unchanged)


async def store(
    client: Client,
    database: Database,
    subject: Subject,
    questions: Sequence[AnyQuestion],
    *,
    keep_archived: bool = False,
) -> Difference:
    """Declare the subject and add or update its questions, in one transaction: all of it or nothing.

    Questions that were archived are drawn again, unless `keep_archived`. Raises TooLarge where one transaction
    cannot hold so many.
    """

    async def work(session: AsyncIOMotorClientSession) -> Difference:
        known = await _known(database, subject.slug, [question.id for question in questions], session)
        new_revision = await _next(database, "revisions", 1, session)
        await database.subjects.update_one(
            {"_id": subject.slug},
            {"$set": {"content": subject.model_dump(mode="json"), "revision": new_revision}},
            upsert=True,
            session=session,
        )
        fresh = [question for question in questions if question.id not in known]
        first = await _next(database, "questions", len(fresh), session) - len(fresh) + 1 if fresh else 0
        numbers = {question.id: first + place for place, question in enumerate(fresh)}
        writes: list[InsertOne[dict[str, Any]] | UpdateOne] = []
        updated = 0
        for question in questions:
            state = {
                "revision": new_revision,
                "subject": subject.slug,
                "id": question.id,
                "topic": question.topic,
                "kind": question.kind,
                "difficulty": question.difficulty,
                "archived": False,
                "digest": digest(question),
                "updated_at": datetime.now(UTC),
                "content": _content(question),
            }
            if question.id in numbers:
                writes.append(InsertOne({"_id": numbers[question.id]} | state))
            else:
                number, old, archived = known[question.id]
                state["archived"] = archived and keep_archived
                if (old, archived) != (state["digest"], state["archived"]):
                    writes.append(UpdateOne({"_id": number}, {"$set": state}))
                    updated += 1
        if writes:
            await database.questions.bulk_write(writes, ordered=False, session=session)
        return Difference(len(fresh), updated, len(questions) - len(fresh) - updated)

    async with await client.start_session() as session:
        try:
            done: Difference = await session.with_transaction(work)
        except OperationFailure as error:
            if _cache_is_full(error):
                raise TooLarge(
                    f"Nothing was imported: {len(questions)} questions are more than MongoDB's cache takes "
                    "at once. Split the file."
                ) from None
            raise
        else:
            return done


def _cache_is_full(error: OperationFailure) -> bool:
    """Whether a transaction failed because it is too large, in one of the ways in which MongoDB says so."""
    return any(sign in str(error) for sign in ("transaction is too large", "Cache full"))


async def archive(client: Client, database: Database, number: int) -> None:
    """Draw a question no more."""

    async def work(session: AsyncIOMotorClientSession) -> None:
        change = {"archived": True, "revision": await _next(database, "revisions", 1, session)}
        await database.questions.update_one(
            {"_id": number}, {"$set": change | {"updated_at": datetime.now(UTC)}}, session=session
        )

    async with await client.start_session() as session:
        await session.with_transaction(work)


async def _known(
    database: Database, subject: str, ids: list[str], session: AsyncIOMotorClientSession | None
) -> dict[str, tuple[int, bytes, bool]]:
    """By id: number, digest, archived."""
    known: dict[str, tuple[int, bytes, bool]] = {}
    for start in range(0, len(ids), 5_000):
        found = database.questions.find(
            {"subject": subject, "id": {"$in": ids[start : start + 5_000]}},
            {"id": 1, "digest": 1, "archived": 1},
            session=session,
        )
        async for document in found:
            known[document["id"]] = (document["_id"], bytes(document["digest"]), document["archived"])
    return known


async def _next(database: Database, name: str, step: int, session: AsyncIOMotorClientSession) -> int:
    document = await database.sequences.find_one_and_update(
        {"_id": name}, {"$inc": {"last": step}}, upsert=True, return_document=True, session=session
    )
    assert document is not None
    return int(document["last"])


@dataclass(frozen=True, slots=True)
class Kept:
    """A question as departments see it; `content` is as in a bank file."""

    number: int
    subject: str
    id: str
    archived: bool
    updated_at: datetime
    content: dict[str, Any]


def _kept(document: dict[str, Any]) -> Kept:
    return Kept(
        document["_id"],
        document["subject"],
        document["id"],
        document["archived"],
        document["updated_at"],
        document["content"],
    )


async def kept(database: Database, number: int) -> Kept:
    """The question of this number, which must exist."""
    document = await database.questions.find_one({"_id": number})
    assert document is not None
    return _kept(document)


async def listed(database: Database, wanted: ListQuestions, after: int, limit: int) -> list[Kept]:
    """At most `limit` questions with numbers above `after`, by number."""
    query: dict[str, Any] = {"_id": {"$gt": after}, "archived": wanted.archived}
    query |= {
        name: value
        for name, value in (("subject", wanted.subject), ("topic", wanted.topic), ("kind", wanted.kind))
        if value is not None
    }
    if wanted.search:
        text = {"$regex": re.escape(wanted.search), "$options": "i"}
        query["$or"] = [{"id": text}, {"content.text": text}]
    found = database.questions.find(query, sort=[("_id", ASCENDING)], limit=limit)
    return [_kept(document) async for document in found]


async def begin_demo(database: Database) -> bool:
    """Whether the demo is to be imported: into an empty bank, or because that was begun and not ended."""
    mark = await database.demo.find_one({"_id": "demo"})
    if mark is None and await database.subjects.find_one({}) is None:
        mark = {"ended": False}
        await database.demo.insert_one({"_id": "demo"} | mark)
    return mark is not None and not mark["ended"]


async def end_demo(database: Database) -> None:
    """It is imported, and stays as it is or as editors change it."""
    await database.demo.update_one({"_id": "demo"}, {"$set": {"ended": True}})


def file_id(content: bytes) -> str:
    """The SHA-256 of a file in hexadecimal: the same content is kept once."""
    return hashlib.sha256(content).hexdigest()


async def store_file(database: Database, name: str, content: bytes, media_type: str) -> None:
    """Keep a file by its id."""
    files = AsyncIOMotorGridFSBucket(database, bucket_name="files")
    metadata = {"media_type": media_type}
    try:
        await files.upload_from_stream_with_id(name, name, content, metadata=metadata)
    except FileExists:
        if await database["files.files"].find_one({"_id": name}, {"_id": 1}) is None:
            # The chunks of an upload that was interrupted before the file itself was written.
            await database["files.chunks"].delete_many({"files_id": name})
            await files.upload_from_stream_with_id(name, name, content, metadata=metadata)


async def read_file(database: Database, name: str) -> File | None:
    """The file of this id, if there is one."""
    files = AsyncIOMotorGridFSBucket(database, bucket_name="files")
    try:
        stream = await files.open_download_stream(name)
    except NoFile:
        return None
    return File(content=await stream.read(), media_type=(stream.metadata or {})["media_type"])
