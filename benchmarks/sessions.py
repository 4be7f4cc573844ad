"""What a session costs, how many fit, and whether a large bank makes a start slow.

    python -m benchmarks.sessions [--sessions 1000000] [--bank 300000]

The real service in one process with its embedded engines. Students with an open training of ten questions are put
into the journal; their sessions are brought to life from there, and stay alive. Then answers are given by students
among a thousand and among all, by turns: asked of the actors, with nothing around them, and sent over HTTP by a load
generator, as users would. At last trainings are started on a small and on a large bank.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import orjson
import psutil
import uvloop
from prometheus_client import REGISTRY
from pydantic import SecretStr
from pykka import ActorRef
from rich.console import Console
from rich.progress import Progress

import logs
from actors.supervisor import Supervisor
from benchmarks import bank
from benchmarks.load import Request
from benchmarks.load import load as load_over_http
from benchmarks.served import token
from protocols.messages import Authenticate, GiveAnswer, Message, ShowTraining, StartTraining
from service import Running, running
from settings import Log, load
from storage.data_folder import attach
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import questions

SMALL = 300
FEW = 1_000
RELAYS = ("read models", "counters", "activity")
AT_A_TIME = 64
ROUNDS = 9
WIRE_ROUNDS = 5
WIRE_STUDENTS = 50_000  # of the many: enough that neither caches nor page tables hold their sessions
WIRE_REQUESTS = 10_000  # for a second each; a thousand students have no more questions
ANSWERS = 4_000  # of each side in each round
STARTS = 400
STORED_AT_ONCE = 10_000

console = Console(stderr=True)


async def fill_bank(folder: Path, large: int, progress: Progress) -> None:
    """Two subjects: `small`, whose questions have the numbers from 1, and `large`."""
    async with Engines(folder) as endpoints:
        client = mongo.connect(endpoints.mongo_url)
        database = mongo.database(client)
        await questions.prepare(database)
        small = [questions.draft(one) for one in bank.questions(SMALL)]
        await questions.store(client, database, bank.subject("small"), small)
        source = map(questions.draft, bank.questions(large))
        task = progress.add_task("questions", total=large)
        while part := list(islice(source, STORED_AT_ONCE)):
            await questions.store(client, database, bank.subject("large"), part)
            progress.advance(task, len(part))
        client.close()


async def add_trainings(connection: asyncpg.Connection[asyncpg.Record], count: int) -> None:
    """For each of the users 1 to `count`, the event that an open training of ten questions began."""
    started = {
        "at": time.time_ns() // 1000,
        "type": "started",
        "subject": "small",
        "mode": "practice",
        "seed": 1,
        "deadline": None,
        "platform": "http",
    }
    await connection.execute(
        "INSERT INTO journal (user_id, seq, data) SELECT n, 1, $2::jsonb"
        " || jsonb_build_object('training', n || '-1', 'questions',"
        " (SELECT jsonb_agg((n * 7 + place * 11) % $3 + 1) FROM generate_series(0, 9) AS place))"
        " FROM generate_series(1, $1::bigint) AS n",
        count,
        orjson.dumps(started).decode(),
        SMALL,
        timeout=3600,
    )


async def ask_all(ask: Callable[[Message], Awaitable[object]], messages: Iterable[Message]) -> float:
    """Ask all of them, AT_A_TIME at a time; returns the seconds that it took."""
    waiting = iter(messages)

    async def worker() -> None:
        for message in waiting:
            await ask(message)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_A_TIME):
            group.create_task(worker())
    return time.perf_counter() - began


async def until_at_rest(progress: Progress | None = None) -> None:
    """Wait until the relays have carried everything onward: what was done before is not to burden what is measured."""
    head = REGISTRY.get_sample_value("apo_journal_position") or 0.0
    task = None if progress is None else progress.add_task("relays", total=head)
    position = 0.0
    while position < head:
        await asyncio.sleep(0.1)
        position = min(REGISTRY.get_sample_value("apo_relay_position", {"relay": name}) or 0.0 for name in RELAYS)
        if progress is not None and task is not None:
            progress.update(task, completed=position)


def a_thousand(number: int) -> range:
    """The users of the `number`-th thousand, from 0 on: each round has one of its own, with questions left."""
    return range(FEW * number + 1, FEW * (number + 1) + 1)


class Students:
    """Gives out answers of students, each question once."""

    def __init__(self, users: Iterable[int], kinds: Sequence[str]) -> None:
        self.users = list(users)
        random.Random(len(self.users)).shuffle(self.users)
        self._kinds = kinds
        self._place = 0
        self._at = 0

    def answers(self, count: int) -> list[GiveAnswer]:
        given = []
        for _ in range(count):
            if self._at == len(self.users):
                self._at, self._place = 0, self._place + 1
            user = self.users[self._at]
            self._at += 1
            n = (user * 7 + self._place * 11) % SMALL
            given.append(
                GiveAnswer(user=user, training=f"{user}-1", question=f"q-{n}", response=bank.RIGHT[self._kinds[n]])
            )
        return given


async def add_accounts(connection: asyncpg.Connection[asyncpg.Record], users: Sequence[int]) -> None:
    """Accounts with tokens for students whose trainings are in the journal."""
    await connection.execute(
        "INSERT INTO users (id, login, name) OVERRIDING SYSTEM VALUE"
        " SELECT n, 'student-' || n, 'Student ' || n FROM unnest($1::bigint[]) AS n",
        users,
    )
    await connection.copy_records_to_table(
        "tokens",
        records=[
            (hashlib.sha256(token(user).encode()).digest(), user, datetime.now(UTC) + timedelta(days=1))
            for user in users
        ],
        columns=("hash", "user_id", "expires_at"),
    )


def over_http(answer: GiveAnswer) -> Request:
    return Request(
        f"/api/v1/trainings/{answer.training}/answers",
        token(answer.user),
        orjson.dumps({"question": answer.question, "response": answer.response}),
    )


async def measure_wire(
    service: Running,
    connection: asyncpg.Connection[asyncpg.Record],
    sessions: int,
    kinds: Sequence[str],
    progress: Progress,
) -> tuple[list[float], list[float]]:
    """Answers a second over HTTP among FEW and among all, by turns."""
    few = [Students(a_thousand(ROUNDS + number), kinds) for number in range(WIRE_ROUNDS)]
    picked = random.Random(2).sample(range(FEW * (ROUNDS + WIRE_ROUNDS) + 1, sessions + 1), WIRE_STUDENTS)
    many = Students(picked, kinds)
    await add_accounts(connection, [*(user for students in few for user in students.users), *picked])
    address = urlsplit(service.address)
    assert address.hostname is not None
    assert address.port is not None
    among_few: list[float] = []
    among_all: list[float] = []
    task = progress.add_task("answers over HTTP", total=WIRE_ROUNDS)
    for students in few:
        for measured, asked in ((among_few, students), (among_all, many)):
            answers = asked.answers(WIRE_REQUESTS)
            # Who they are is asked of the database once a minute, of few as of many: that is not what is compared here.
            await ask_all(service.router.ask, [Authenticate(token=SecretStr(token(a.user))) for a in answers])
            folder = Path(tempfile.mkdtemp(prefix="apo-requests-"))
            await until_at_rest()
            try:
                one = await load_over_http(
                    address.hostname,
                    address.port,
                    [over_http(answer) for answer in answers],
                    folder,
                    connections=AT_A_TIME,
                    seconds=1,
                    server=os.getpid(),
                )
            finally:
                shutil.rmtree(folder)
            if one.failed:
                raise RuntimeError(f"{one.failed} of {one.requests} answers failed")
            measured.append(one.per_second)
        progress.advance(task)
    return among_few, among_all


async def measure_start(supervisor: ActorRef[Supervisor], subject: str, user: int) -> float:
    """The median of the milliseconds that it takes to start a training, one after the other."""
    took = []
    for number in range(STARTS):
        began = time.perf_counter()
        await supervisor.ask(StartTraining(user=user + number, subject=subject), block=False)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--bank", type=int, default=300_000)
    options = parser.parse_args()
    logs.configure(Log(level="warning"))
    folder = Path(tempfile.mkdtemp(prefix="apo-benchmark-"))
    try:
        with Progress(console=console) as progress:
            await measure(folder, options.sessions, options.bank, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


async def measure(folder: Path, sessions: int, large: int, progress: Progress) -> None:
    out = Console()
    await fill_bank(folder, large, progress)
    environment = {"APO_STORAGE__PATH": str(folder), "APO_HTTP__PORT": "0", "APO_BANK__DEMO": "false"}
    async with running(load(environment=environment | {"APO_SESSIONS__IDLE_MINUTES": "10000"})) as service:

        async def ask(messages: Iterable[Message]) -> float:
            return await ask_all(lambda message: service.supervisor.ask(message, block=False), messages)

        endpoints = attach(folder)
        assert endpoints is not None
        connection = await asyncpg.connect(endpoints.postgres_url, command_timeout=3600)
        await add_trainings(connection, sessions)
        process = psutil.Process()

        async def bring_to_life(first: int, last: int) -> None:
            task = progress.add_task(f"sessions {first:,} to {last:,}", total=last - first + 1)
            for start in range(first, last + 1, 10_000):
                users = range(start, min(start + 10_000, last + 1))
                await ask([ShowTraining(user=user) for user in users])
                progress.advance(task, len(users))

        await bring_to_life(1, FEW)
        gc.collect()
        before = process.memory_info().rss
        await bring_to_life(FEW + 1, sessions)
        gc.collect()
        each = (process.memory_info().rss - before) / (sessions - FEW)
        out.print(
            f"memory of a session with an open training of ten questions: {each:,.0f} bytes (wanted: at most 2,048)"
        )
        out.print(
            f"sessions alive in this process: {sessions:,}, which has {process.memory_info().rss / 2**20:,.0f} MiB"
        )

        await ask([StartTraining(user=2 * sessions, subject="small")])  # the relays are told of commits only
        await until_at_rest(progress)
        kinds = [question.kind for question in bank.questions(SMALL)]
        all_of_them = Students(range(FEW * (ROUNDS + WIRE_ROUNDS) + 1, sessions + 1), kinds)
        among_few: list[float] = []
        among_all: list[float] = []
        task = progress.add_task("answers", total=ROUNDS)
        for number in range(ROUNDS):
            students = Students(a_thousand(number), kinds)
            await ask([ShowTraining(user=user) for user in students.users])
            for measured, asked in ((among_few, students), (among_all, all_of_them)):
                await until_at_rest()
                measured.append(ANSWERS / await ask(asked.answers(ANSWERS)))
            progress.advance(task)
        ratios = [many / few for many, few in zip(among_all, among_few, strict=True)]
        out.print(
            f"durable answers a second, asked of the actors: among {FEW:,} {statistics.median(among_few):,.0f},"
            f" among {sessions:,} {statistics.median(among_all):,.0f}; ratio {statistics.median(ratios):.2f}"
            " (wanted: at least 0.9)"
        )

        wire_few, wire_all = await measure_wire(service, connection, sessions, kinds, progress)
        ratios = [many / few for many, few in zip(wire_all, wire_few, strict=True)]
        out.print(
            f"durable answers a second over HTTP, {AT_A_TIME} connections: among {FEW:,}"
            f" {statistics.median(wire_few):,.0f},"
            f" among {sessions:,} {statistics.median(wire_all):,.0f}; ratio {statistics.median(ratios):.2f}"
            " (wanted: at least 0.9)"
        )

        user = sessions + 1
        starts: dict[str, list[float]] = {"small": [], "large": []}
        for _ in range(ROUNDS):
            for subject, medians in starts.items():
                medians.append(await measure_start(service.supervisor, subject, user))
                user += STARTS
        small, big = (statistics.median(starts[subject]) for subject in ("small", "large"))
        ratio = statistics.median(b / a for a, b in zip(starts["small"], starts["large"], strict=True))
        out.print(
            f"start of a training: {small:.2f} ms on {SMALL} questions, {big:.2f} ms on {large:,}; ratio {ratio:.2f}"
            " (wanted: at most 1.5)"
        )
        await connection.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main()))
