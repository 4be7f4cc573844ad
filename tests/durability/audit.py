"""Compares what students were told with what is durable, and the journal with everything made from it.

The figures are counted again here, from the journal's rows alone, by other code than the service's.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isclose
from pathlib import Path
from typing import Any

import asyncpg
import pymongo
from pydantic import TypeAdapter

from actors.training import rules
from actors.training.grading import canonical, grade
from protocols.messages import AnyEvent, AnyQuestion, JournalEvent, Question, QuestionAnswered
from storage.clickhouse.engine import Server
from storage.embedded import Engines
from tests.durability.read_activity import ACTIVITY
from tests.durability.students import Json, Memory
from tests.running import ROOT

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(JournalEvent)
QUESTION: TypeAdapter[AnyQuestion] = TypeAdapter(Question)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_FAULTS = 40


@dataclass(frozen=True)
class Row:
    user: int
    seq: int
    position: int
    data: dict[str, Any]


@dataclass
class Stored:
    """Everything that the service keeps, read behind its back."""

    journal: list[Row] = field(default_factory=list)
    questions: dict[int, tuple[str, str, AnyQuestion]] = field(default_factory=dict)  # subject, id
    trainings: list[asyncpg.Record] = field(default_factory=list)
    answers: list[asyncpg.Record] = field(default_factory=list)
    days: list[asyncpg.Record] = field(default_factory=list)
    parked: list[asyncpg.Record] = field(default_factory=list)
    counters: dict[int, tuple[int, int]] = field(default_factory=dict)
    activity: list[Sequence[Any]] = field(default_factory=list)


@dataclass
class Verdict:
    """What came out: `faults` is empty when every promise was kept."""

    faults: list[str]
    events: int
    acknowledged: int
    unavailable: int
    broken: int
    slowest: float


async def read_relational(url: str, stored: Stored) -> None:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT user_id, seq, position, data::text FROM journal ORDER BY position")
        stored.journal = [Row(row[0], row[1], row[2], json.loads(row[3])) for row in rows]
        stored.trainings = await connection.fetch("SELECT * FROM trainings ORDER BY user_id, number")
        stored.answers = await connection.fetch(
            "SELECT training, question, user_id, subject, topic, kind, response::text AS response,"
            " score, seconds, at FROM answers"
        )
        stored.days = await connection.fetch("SELECT * FROM days")
        stored.parked = await connection.fetch("SELECT * FROM parked")
    finally:
        await connection.close()


def read_documents(url: str, stored: Stored) -> None:
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database("apo")
        for one in database.questions.find():
            question = QUESTION.validate_python(one["content"])
            stored.questions[one["_id"]] = (one["subject"], one["id"], question)
        stored.counters = {one["_id"]: (one["answered"], one["correct"]) for one in database.counters.find()}


async def read_stopped(data: Path, *, activity: bool = True) -> Stored:
    """All of a service with embedded engines, which is stopped."""
    stored = Stored()
    async with Engines(data) as endpoints:
        await read_relational(endpoints.postgres_url, stored)
        await asyncio.to_thread(read_documents, endpoints.mongo_url, stored)
    if activity:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.durability.read_activity",
            str(data / "clickhouse"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60.0)
        assert process.returncode == 0
        stored.activity = [json.loads(line) for line in output.splitlines()]
    return stored


async def read_running(postgres_url: str, mongo_url: str, clickhouse_url: str) -> Stored:
    """All that is kept on servers."""
    stored = Stored()
    await read_relational(postgres_url, stored)
    await asyncio.to_thread(read_documents, mongo_url, stored)
    server = Server(clickhouse_url)
    try:
        stored.activity = list(await server.query(f"SELECT {ACTIVITY} FROM activity ORDER BY position"))
    finally:
        await server.close()
    return stored


def judge(stored: Stored, memories: Iterable[Memory], *, activity: bool = True) -> Verdict:
    """Hold what is stored against what students remember, and against itself."""
    memories = list(memories)
    faults = [fault for memory in memories for fault in memory.faults]
    by_user: dict[int, list[Row]] = defaultdict(list)
    for row in stored.journal:
        by_user[row.user].append(row)
    faults += _positions(stored)
    for user, rows in by_user.items():
        faults += _gapless(user, rows)
    for memory in memories:
        faults += _memory(memory, by_user[memory.user], stored)
    faults += _read_models(stored)
    faults += _counters(stored)
    if activity:
        faults += _activity(stored)
    faults += [f"parked: {dict(row)}" for row in stored.parked]
    return Verdict(
        faults=faults[:MOST_FAULTS],
        events=len(stored.journal),
        acknowledged=sum(len(memory.answers) for memory in memories),
        unavailable=sum(memory.unavailable for memory in memories),
        broken=sum(memory.broken for memory in memories),
        slowest=max((memory.slowest for memory in memories), default=0.0),
    )


def _positions(stored: Stored) -> list[str]:
    positions = [row.position for row in stored.journal]
    return [] if len(set(positions)) == len(positions) else ["a position stands twice in the journal"]


def _gapless(user: int, rows: list[Row]) -> list[str]:
    seqs = [row.seq for row in rows]
    if seqs == list(range(1, len(rows) + 1)):
        return []
    return [f"user {user}: the events in the order of their commits are numbered {seqs}"]


def _memory(memory: Memory, rows: list[Row], stored: Stored) -> list[str]:
    """One student's memory against the journal."""
    user = memory.user
    faults: list[str] = []
    answers: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    skipped: set[tuple[str, str]] = set()
    finished: set[str] = set()
    favorites: dict[tuple[str, str], bool] = {}
    for row in rows:
        data = row.data
        subject, id, question = stored.questions.get(data.get("question", 0), ("", "", None))
        if data["type"] == "answered":
            answers[data["training"], id].append((row.seq, data))
            assert question is not None
            if grade(question, data["response"]).score != data["score"]:
                faults.append(f"user {user}: {data} is graded wrongly")
        elif data["type"] == "skipped":
            skipped.add((data["training"], id))
        elif data["type"] == "finished":
            finished.add(data["training"])
        elif data["type"] == "favorite":
            favorites[subject, id] = data["favorite"]

    for place, found in answers.items():
        if len(found) > 1:
            faults.append(f"user {user}: {place} is answered {len(found)} times in the journal")
        kept_response = found[0][1]["response"]
        question = stored.questions[found[0][1]["question"]][2]
        if not any(_same(question, kept_response, tried) for tried in memory.tried.get(place, [])):
            faults.append(f"user {user}: {place} holds {found[0][1]['response']!r}, which was never sent")
    last = 0
    acknowledged: set[tuple[str, str]] = set()
    for answer in memory.answers:
        place = (answer.training, answer.question)
        kept = answers.get(place)
        if not kept:
            faults.append(f"user {user}: LOST {answer}")
            continue
        seq, data = kept[0]
        if not _same(stored.questions[data["question"]][2], data["response"], answer.response):
            faults.append(f"user {user}: {answer} was acknowledged, the journal has {data['response']!r}")
        if answer.score is not None and data["score"] != answer.score:
            faults.append(f"user {user}: {answer} was acknowledged, the journal has the score {data['score']}")
        if place not in acknowledged:
            if seq <= last:
                faults.append(f"user {user}: {answer} stands before what was acknowledged earlier")
            last = seq
        acknowledged.add(place)
    faults += [f"user {user}: the skip of {one} is lost" for one in memory.skipped - skipped]
    faults += [f"user {user}: the end of {one} is lost" for one in memory.finished - finished]
    faults += [
        f"user {user}: the favourite {place} is {favorites.get(place, False)}, acknowledged was {value}"
        for place, (value, unsure) in memory.favorites.items()
        if not unsure and favorites.get(place, False) != value
    ]
    return faults + _shown(memory, rows, stored)


def _same(question: AnyQuestion, one: Json, other: Json) -> bool:
    return bool(canonical(question, one) == canonical(question, other))


def _shown(memory: Memory, rows: list[Row], stored: Stored) -> list[str]:
    """Every question that was shown must be the one at which the rules arrive from the journal."""
    at: dict[tuple[str, int, int, int], str | None] = {}
    state = rules.initial(memory.user)
    for row in rows:
        state = rules.evolve(state, EVENT.validate_python(row.data))
        training = state.training
        if training is None:
            continue
        answered = len(training.answers)
        skipped = len(training.questions) - answered - training.marks.count(0)
        position = training.current()
        place = (f"{memory.user}-{training.number}", answered, skipped, training.left)
        if row.data["type"] == "finished" and place in at:
            continue  # the same place; what is shown then is checked while it was open
        at[place] = None if position is None else stored.questions[training.questions[position]][1]
    faults = []
    for shown in memory.shown:
        place = (shown.training, shown.answered, shown.skipped, shown.left)
        if place not in at:
            faults.append(f"user {memory.user}: {shown} never was, by the journal")
        elif shown.question is not None and shown.question != at[place]:
            faults.append(f"user {memory.user}: {shown}, the rules say {at[place]}")
    return faults


def _time(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _near(one: datetime | None, other: datetime | None) -> bool:
    """Through a float, PostgreSQL keeps microseconds but for the last."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= timedelta(microseconds=2)


def _read_models(stored: Stored) -> list[str]:
    trainings: dict[str, dict[str, Any]] = {}
    answers: dict[tuple[str, int], dict[str, Any]] = {}
    days: dict[tuple[int, str, str, object], list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
    # Whose the rows of somebody are who has become part of another.
    owner = {row.data["source"]: row.user for row in stored.journal if row.data["type"] == "joined"}
    for row in stored.journal:
        data = row.data
        if data["type"] == "started":
            trainings[data["training"]] = data | {
                "skipped": [],
                "finished_at": None,
                "user": owner.get(row.user, row.user),
            }
        elif data["type"] == "skipped":
            trainings[data["training"]]["skipped"].append(data["question"])
        elif data["type"] == "finished":
            trainings[data["training"]]["finished_at"] = _time(data["at"])
        elif data["type"] == "answered":
            answers[data["training"], data["question"]] = data | {"user": owner.get(row.user, row.user)}
    for data in answers.values():
        training = trainings[data["training"]]
        if training["mode"] == "exam" and training["finished_at"] is None:
            continue  # nothing is told of an open exam
        day = days[data["user"], data["subject"], data["topic"], _time(data["at"]).date()]
        day[0] += 1
        day[1] += data["score"] >= 1 - 1e-9
        day[2] += data["score"]
        day[3] += data["seconds"]
    faults = []
    found = {row["id"]: row for row in stored.trainings}
    if found.keys() != trainings.keys():
        faults.append(f"trainings that only one side has: {sorted(found.keys() ^ trainings.keys())[:10]}")
    for name in found.keys() & trainings.keys():
        model, data = found[name], trainings[name]
        if (
            (model["user_id"], model["subject"], model["mode"], model["questions"], model["skipped"])
            != (data["user"], data["subject"], data["mode"], data["questions"], data["skipped"])
            or not _near(model["started_at"], _time(data["at"]))
            or not _near(model["finished_at"], data["finished_at"])
        ):
            faults.append(f"the training {name} is {dict(model)}, by the journal {data}")
    given = {(row["training"], row["question"]): row for row in stored.answers}
    if given.keys() != answers.keys():
        faults.append(f"answers that only one side has: {sorted(given.keys() ^ answers.keys())[:10]}")
    for place in given.keys() & answers.keys():
        model, data = given[place], answers[place]
        if (
            (
                model["user_id"],
                model["subject"],
                model["topic"],
                model["kind"],
                model["score"],
                model["seconds"],
            )
            != (data["user"], data["subject"], data["topic"], data["kind"], data["score"], data["seconds"])
            or json.loads(model["response"]) != data["response"]
            or not _near(model["at"], _time(data["at"]))
        ):
            faults.append(f"the answer {place} is {dict(model)}, by the journal {data}")
    counted = {
        (row["user_id"], row["subject"], row["topic"], row["day"]): (
            row["answered"],
            row["correct"],
            row["score"],
            row["seconds"],
        )
        for row in stored.days
    }
    if counted.keys() != days.keys():
        faults.append(f"days that only one side has: {list(counted.keys() ^ days.keys())[:10]}")
    for key in counted.keys() & days.keys():
        if not all(isclose(a, b, abs_tol=1e-6) for a, b in zip(counted[key], days[key], strict=True)):
            faults.append(f"the day {key} is {counted[key]}, by the journal {days[key]}")
    return faults


def _counters(stored: Stored) -> list[str]:
    answered: Counter[int] = Counter()
    correct: Counter[int] = Counter()
    for row in stored.journal:
        if row.data["type"] == "answered":
            answered[row.data["question"]] += 1
            correct[row.data["question"]] += row.data["score"] >= 1 - 1e-9
    return [
        f"the question {number} is counted as {stored.counters.get(number)},"
        f" by the journal {(answered[number], correct[number])}"
        for number in sorted(answered.keys() | stored.counters.keys())
        if stored.counters.get(number) != (answered[number], correct[number])
    ]


def _activity(stored: Stored) -> list[str]:
    expected = activity_rows(stored.journal)
    times = Counter(int(row[0]) for row in stored.activity)
    faults = [f"position {one} is in activity {count} times" for one, count in times.items() if count > 1]
    if times.keys() != expected.keys():
        only = sorted(times.keys() ^ expected.keys())
        faults.append(f"{len(only)} positions that only the journal or only activity has: {only[:10]}")
    for row in stored.activity:
        wanted = expected.get(int(row[0]))
        if wanted is not None and tuple(row) != wanted:
            faults.append(f"activity has {tuple(row)}, by the journal {wanted}")
    return faults


def activity_rows(journal: Iterable[Row]) -> dict[int, tuple[object, ...]]:
    """The row of activity of each event, by position."""
    rows: dict[int, tuple[object, ...]] = {}
    begun: dict[str, dict[str, Any]] = {}
    given: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(journal, key=lambda row: (row.user, row.seq)):
        data = row.data
        began, answers = data, []
        if data["type"] == "started":
            begun[data["training"]] = data
        elif data["type"] == "answered":
            given[data["training"]].append(data)
        elif data["type"] == "finished":
            began, answers = begun[data["training"]], given[data["training"]]
        rows[row.position] = _activity_row(row, began, answers)
    return rows


def _chosen(data: dict[str, Any]) -> list[str]:
    response = data.get("response") if data.get("kind") in ("single", "multiple") else None
    if response is None:
        return []
    return sorted(set(response)) if isinstance(response, list) else [response]


def _activity_row(row: Row, began: dict[str, Any], answers: list[dict[str, Any]]) -> tuple[object, ...]:
    data = row.data
    event = EVENT.validate_python(data)
    answered = isinstance(event, QuestionAnswered)
    score = float(data["score"]) if answered else 0.0
    return (
        row.position,
        row.user,
        row.seq,
        data["at"] // 1_000_000,
        data["at"] % 1_000_000,
        data["type"],
        began.get("platform", ""),
        data.get("training", ""),
        began.get("subject", ""),
        data.get("topic", ""),
        data.get("kind", ""),
        data.get("question", 0),
        score,
        int(answered and score >= 1 - 1e-9),
        float(data["seconds"]) if answered else 0.0,
        began.get("mode", ""),
        began.get("contest") or 0,
        data.get("reason", ""),
        _chosen(data),
        [one["question"] for one in answers],
        [one["score"] for one in answers],
        [one["seconds"] for one in answers],
        [_chosen(one) for one in answers],
    )
