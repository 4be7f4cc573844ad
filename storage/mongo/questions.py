"""Subjects, questions and their files.

    subjects    {_id: slug, revision, content: the declaration as in `protocols.messages.Subject`}
    questions   {_id: number, revision, subject, id, topic, kind, difficulty, archived, digest, updated_at,
                 content: the question as in a bank file,
                 history: [{at, by, act, file, was: {member: its value before}}], the newest last}
    sequences   {_id: "questions" | "revisions", last}
    files       GridFS, by the SHA-256 of the content
    demo        {_id: "demo", ended}: whether the subjects that come with the project were imported

A question's number is given when it is first imported and never used again. Every change bears a new revision, so
that whoever holds the bank in memory can ask for what is newer than theirs.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
import orjson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from gridfs.errors import FileExists, NoFile
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorGridFSBucket
from pymongo import ASCENDING
from pymongo.errors import OperationFailure

from protocols.messages import Act, AnyQuestion, ExportBank, File, Kind, ListQuestions, Subject
from storage.mongo import imports
from storage.mongo.client import Client, Database

# What one transaction takes; a cache of 256 MB, as the embedded server has it, refuses more than about 12 MB.
AT_ONCE, BYTES_AT_ONCE = 1_000, 2 << 20
FETCHED_AT_ONCE = 500


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


@dataclass(frozen=True, slots=True)
class Origin:
    """Who changes questions, and how; `file` is where they come from. By the user 0: by the command line."""

    by: int = 0
    act: Act = "imported"
    file: str | None = None

    def entry(self, now: datetime, was: dict[str, Any]) -> dict[str, Any]:
        """What the history of a question says of it."""
        return {"at": now, "by": self.by, "act": self.act, "file": self.file, "was": was}


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
    unread = {"history": 0, "digest": 0, "updated_at": 0}
    found = raw.find({"revision": {"$gt": after}}, unread, batch_size=FETCHED_AT_ONCE)
    while documents := await found.to_list(FETCHED_AT_ONCE):
        for document in documents:
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


async def contents(database: Database, subject: str, limit: int) -> AsyncIterator[tuple[str, bytes]]:
    """Questions of a subject that are not archived, by id, packed."""
    raw = database.get_collection("questions", codec_options=CodecOptions(document_class=RawBSONDocument))
    wanted = {"subject": subject, "archived": False}
    async for document in raw.find(wanted, {"_id": 0, "id": 1, "content": 1}, limit=limit):
        yield document["id"], document["content"].raw


@dataclass(frozen=True, slots=True)
class Draft:
    """A question ready to be kept; `content` is BSON, `digest` tells whether it has changed."""

    id: str
    topic: str
    kind: Kind
    difficulty: int
    digest: bytes
    content: bytes


def draft(question: AnyQuestion) -> Draft:
    """The question as it is kept: without members that have their default values."""
    content = question.model_dump(mode="json", exclude_defaults=True) | {"kind": question.kind}
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()
    return Draft(question.id, question.topic, question.kind, question.difficulty, digest, bson.encode(content))


async def compare(database: Database, subject: str, drafts: Sequence[Draft]) -> Difference:
    """What storing these questions would change."""
    known = await _known(database, subject, [one.id for one in drafts], None)
    added = sum(one.id not in known for one in drafts)
    unchanged = sum(known.get(one.id, (0, b"", False))[1:] == (one.digest, False) for one in drafts)
    return Difference(added, len(drafts) - added - unchanged, unchanged)


async def store(
    client: Client,
    database: Database,
    subject: Subject,
    drafts: Sequence[Draft],
    *,
    keep_archived: bool = False,
    advanced: Callable[[int], None] = lambda questions: None,
    origin: Origin = Origin(),
) -> Difference:
    """Declare the subject and add or update its questions: all of it or nothing.

    What one transaction holds is one, and more is an import as in `storage.mongo.imports`. Questions that were
    archived are drawn again, unless `keep_archived`. `advanced` is told how many questions were written.
    """
    while True:
        await imports.settle(database)
        done = await _store(client, database, subject, drafts, keep_archived, advanced, origin)
        if done is not None:
            return done


async def _store(
    client: Client,
    database: Database,
    subject: Subject,
    drafts: Sequence[Draft],
    keep_archived: bool,
    advanced: Callable[[int], None],
    origin: Origin,
) -> Difference | None:
    """None where somebody else has changed the bank meanwhile."""
    seen = await revision(database)
    known = await _known(database, subject.slug, [one.id for one in drafts], None)
    entries = await asyncio.to_thread(_entries, subject.slug, drafts, known, keep_archived, origin)
    await _remember(database, entries)
    fresh = sum("place" in entry for entry in entries)
    size = sum(map(imports.size_of, entries))
    at_once = len(entries) <= AT_ONCE and size <= BYTES_AT_ONCE
    staged = None if at_once else await imports.stage(database, entries)

    async def work(session: AsyncIOMotorClientSession) -> bool:
        await imports.refuse_if_pending(database, session)
        new_revision = await _next(database, "revisions", 1, session)
        if new_revision != seen + 1:
            return False  # what was compared with is no longer so
        first = await _next(database, "questions", fresh, session) - fresh + 1 if fresh else 0
        await database.subjects.update_one(
            {"_id": subject.slug},
            {"$set": {"content": subject.model_dump(mode="json"), "revision": new_revision}},
            upsert=True,
            session=session,
        )
        if staged is not None:
            await imports.decide(database, *staged, new_revision, first, session)
        elif entries:
            writes = [imports.write_of(entry, new_revision, first) for entry in entries]
            await database.questions.bulk_write(writes, ordered=False, session=session)
        return True

    if not await _decided(client, work):
        if staged is not None:
            await imports.forget(database, *staged)
        return None
    if staged is not None:
        await imports.settle(database, advanced)
    else:
        advanced(len(entries))
    return Difference(fresh, len(entries) - fresh, len(drafts) - len(entries))


async def _decided(client: Client, work: Callable[[AsyncIOMotorClientSession], Awaitable[bool]]) -> bool:
    """Runs `work` in a transaction, which stays only where it returns true; False also where it must come later."""

    async def all_or_nothing(session: AsyncIOMotorClientSession) -> bool:
        done = await work(session)
        if not done:
            raise imports.Pending
        return done

    async with await client.start_session() as session:
        try:
            return bool(await session.with_transaction(all_or_nothing))
        except imports.Pending:
            return False
        except OperationFailure as error:
            # Motor tries again what conflicts within a transaction, but not a commit that does.
            if error.has_error_label("TransientTransactionError"):
                return False
            raise


def _entries(
    subject: str,
    drafts: Sequence[Draft],
    known: dict[str, tuple[int, bytes, bool]],
    keep_archived: bool,
    origin: Origin = Origin(),
) -> list[imports.Entry]:
    """What has to be written: new questions by their places among these, and those that have changed by number."""
    entries: list[imports.Entry] = []
    now = datetime.now(UTC)
    fresh = 0
    for one in drafts:
        number, digest, archived = known.get(one.id, (0, b"", False))
        state = {
            "subject": subject,
            "id": one.id,
            "topic": one.topic,
            "kind": one.kind,
            "difficulty": one.difficulty,
            "archived": archived and keep_archived,
            "digest": one.digest,
            "updated_at": now,
            "content": RawBSONDocument(one.content),
        }
        if not number:
            entries.append({"place": fresh, "document": bson.encode(state | {"history": [origin.entry(now, {})]})})
            fresh += 1
        elif (digest, archived) != (one.digest, state["archived"]):
            was = {"archived": True} if archived and not state["archived"] else {}
            entries.append({"number": number, "state": bson.encode(state), "history": origin.entry(now, was)})
    return entries


async def _remember(database: Database, entries: Sequence[imports.Entry]) -> None:
    """Fill in how the members that these entries change were before."""
    changed = {entry["number"]: entry for entry in entries if "number" in entry}
    numbers = list(changed)
    for start in range(0, len(numbers), AT_ONCE):
        some = {"_id": {"$in": numbers[start : start + AT_ONCE]}}
        async for document in database.questions.find(some, {"content": 1}):
            entry = changed[document["_id"]]
            before, after = document["content"], bson.decode(entry["state"])["content"]
            entry["history"]["was"] |= {
                name: before.get(name) for name in (*before, *after) if before.get(name) != after.get(name)
            }


async def archive(
    client: Client, database: Database, number: int, *, archived: bool = True, origin: Origin = Origin(act="archived")
) -> None:
    """Draw a question no more; or draw it again. Nothing where that is so already."""

    async def work(session: AsyncIOMotorClientSession) -> bool:
        await imports.refuse_if_pending(database, session)
        now = datetime.now(UTC)
        change = {"archived": archived, "revision": await _next(database, "revisions", 1, session), "updated_at": now}
        history = imports.remembering(origin.entry(now, {"archived": not archived}))
        await database.questions.update_one(
            {"_id": number, "archived": not archived}, {"$set": change} | history, session=session
        )
        return True

    await imports.settle(database)
    while not await _decided(client, work):
        await imports.settle(database)


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
    document = await database.questions.find_one({"_id": number}, {"history": 0})
    assert document is not None
    return _kept(document)


async def history(database: Database, number: int) -> list[dict[str, Any]]:
    """What was done to the question of this number, which must exist; the newest last."""
    document = await database.questions.find_one({"_id": number}, {"history": 1})
    assert document is not None
    found: list[dict[str, Any]] = document.get("history", [])  # questions from before there was one have none
    return found


async def in_use(database: Database, subject: str, member: str) -> set[str]:
    """The values that questions of a subject which are not archived have as `topic` or `kind`."""
    return set(await database.questions.distinct(member, {"subject": subject, "archived": False}))


async def listed(database: Database, wanted: ListQuestions, after: int, limit: int) -> list[Kept]:
    """At most `limit` questions with numbers above `after`, by number."""
    query = {"_id": {"$gt": after}} | _selecting(wanted)
    found = database.questions.find(query, {"history": 0}, sort=[("_id", ASCENDING)], limit=limit)
    return [_kept(document) async for document in found]


def _selecting(wanted: ListQuestions | ExportBank) -> dict[str, Any]:
    query: dict[str, Any] = {"archived": wanted.archived}
    query |= {
        name: value
        for name, value in (
            ("subject", wanted.subject),
            ("topic", wanted.topic),
            ("kind", wanted.kind),
            ("difficulty", wanted.difficulty),
        )
        if value is not None
    }
    if wanted.search:
        text = {"$regex": re.escape(wanted.search), "$options": "i"}
        query["$or"] = [{"id": text}, {"content.text": text}]
    return query


async def selected(database: Database, wanted: ExportBank) -> AsyncIterator[dict[str, Any]]:
    """The contents of the questions to be exported, by number."""
    found = database.questions.find(_selecting(wanted), {"content": 1}, sort=[("_id", ASCENDING)], batch_size=500)
    async for document in found:
        yield document["content"]


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
