"""A service that is measured: with a bank, with its database at hand, and with students who answer it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import orjson
import psutil

from benchmarks import bank
from benchmarks.load import Measured, Request, load
from storage.data_folder import attach
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import questions
from tests.running import Service

CONNECTIONS = 64
TRAINING = 10
BANK = 300
SUBJECT = "benchmark"
ROUGHLY_PER_SECOND = 12_000  # more than are answered, so that no round runs out of requests
RELAYS = ("read models", "counters", "activity")
CATCH_UP_SECONDS = 120.0


class Served:
    """A service that runs, and where its PostgreSQL is."""

    def __init__(self, service: Service, postgres_url: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.service = service
        self.postgres_url = postgres_url
        self.connection = connection
        self._students = 0

    @property
    def port(self) -> int:
        port = urlsplit(self.service.url).port
        assert port is not None
        return port

    async def answers(self, seconds: int) -> list[Request]:
        """More than can be given in this time, each once, of new students who have just started a training."""
        count = seconds * ROUGHLY_PER_SECOND // TRAINING
        users = await add_students(self.connection, self._students, count)
        self._students += count
        await start_trainings(self.service.url, users)
        return await answers_of(self.connection, users)

    async def load(self, requests: Sequence[Request], seconds: int) -> Measured:
        """Raises RuntimeError where some of them failed."""
        measured = await load(
            "127.0.0.1", self.port, requests, self.service.folder,
            connections=CONNECTIONS, seconds=seconds, server=self.service.pid,
        )  # fmt: skip
        if measured.failed:
            raise RuntimeError(f"{measured.failed} of {measured.requests} answers failed")
        return measured

    async def metrics(self) -> str:
        async with aiohttp.ClientSession() as http, http.get(f"{self.service.url}/metrics") as reply:
            return await reply.text()

    async def positions(self) -> tuple[float, dict[str, float]]:
        """How far the journal is, and each relay. Rollups, which are brought up to date now and then, are left out."""
        found = dict(
            re.findall(r'^apo_(?:journal|relay)_position(?:{relay="(.+)"})? (\S+)$', await self.metrics(), re.MULTILINE)
        )
        return float(found[""]), {relay: float(found[relay]) for relay in RELAYS if relay in found}

    async def caught_up(self) -> dict[str, float]:
        """Wait until the relays have carried everything onward; the seconds that each has taken."""
        began, took = time.monotonic(), dict[str, float]()
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while len(took) < len(RELAYS):
                head, reached = await self.positions()
                for relay, position in reached.items():
                    if position == head:
                        took.setdefault(relay, time.monotonic() - began)
                await asyncio.sleep(0.05)
        return took


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[Served]:
    """Start it with its embedded databases, and stop it at the end."""
    await service.start()
    try:
        endpoints = attach(service.folder / "data")
        assert endpoints is not None
        connection = await asyncpg.connect(endpoints.postgres_url)
        yield Served(service, endpoints.postgres_url, connection)
        await connection.close()
    finally:
        await service.stop()


@dataclass
class Watched:
    """While something was done: milliseconds that a student waited, bytes of the service's memory."""

    waited: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def told(self) -> str:
        cuts = quantiles(self.waited, n=100)
        return f"median {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, longest {max(self.waited):.0f} ms"


@asynccontextmanager
async def watched(service: Service, student: int) -> AsyncIterator[Watched]:
    """Ask as a student and look at the service's memory, meanwhile."""
    seen = Watched()
    process = psutil.Process(service.pid)

    async def ask() -> None:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token(student)}"}) as session:
            while True:
                began = time.perf_counter()
                async with session.get(f"{service.url}/api/v1/me") as reply:
                    reply.raise_for_status()
                    await reply.read()
                seen.waited.append((time.perf_counter() - began) * 1_000)
                await asyncio.sleep(0.01)

    async def look() -> None:
        while True:
            seen.memory.append(process.memory_info().rss)
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(ask()), asyncio.create_task(look())]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


def token(user: int) -> str:
    return f"benchmark-{user}"


async def fill_bank(folder: Path, count: int) -> None:
    """Put a bank into the data folder of a service that has not run yet."""
    async with Engines(folder) as endpoints:
        client = mongo.connect(endpoints.mongo_url)
        database = mongo.database(client)
        await questions.prepare(database)
        made = [questions.draft(one) for one in bank.questions(count)]
        await questions.store(client, database, bank.subject(SUBJECT), made)
        client.close()


async def add_students(connection: asyncpg.Connection[asyncpg.Record], first: int, count: int) -> list[int]:
    """Accounts with tokens, straight into the tables; returns their ids."""
    rows = await connection.fetch(
        "INSERT INTO users (login, name) SELECT 'student-' || n, 'Student ' || n"
        " FROM generate_series($1::bigint, $2::bigint) AS n RETURNING id",
        first,
        first + count - 1,
    )
    ids = [row["id"] for row in rows]
    await connection.executemany(
        "INSERT INTO tokens (hash, user_id, expires_at) VALUES ($1, $2, now() + interval '1 day')",
        [(hashlib.sha256(token(user).encode()).digest(), user) for user in ids],
    )
    return ids


async def start_trainings(url: str, users: Iterable[int]) -> None:
    """Let each student start a training of ten questions."""
    waiting = iter(list(users))

    async def student(session: aiohttp.ClientSession) -> None:
        for user in waiting:
            async with session.post(
                f"{url}/api/v1/trainings",
                json={"subject": SUBJECT, "size": TRAINING},
                headers={"Authorization": f"Bearer {token(user)}"},
            ) as reply:
                if reply.status != 201:
                    raise RuntimeError(f"a training was not started: {reply.status} {await reply.text()}")

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(student(session))


async def answers_of(connection: asyncpg.Connection[asyncpg.Record], users: list[int]) -> list[Request]:
    """An answer to every question of the open trainings of these students, as many wrong as right."""
    rows = await connection.fetch(
        "SELECT user_id, data ->> 'training' AS training, data -> 'questions' AS questions FROM journal"
        " WHERE user_id = ANY($1) AND data ->> 'type' = 'started'",
        users,
    )
    kinds = [question.kind for question in bank.questions(BANK)]
    random = Random(1)
    requests = []
    for place in range(TRAINING):
        for row in rows:
            n = orjson.loads(row["questions"])[place] - 1  # numbers count from 1, ids of the bank from 0
            response = bank.RIGHT[kinds[n]]
            if random.random() < 0.5:
                response = bank.WRONG[kinds[n]]
            requests.append(
                Request(
                    f"/api/v1/trainings/{row['training']}/answers",
                    token(row["user_id"]),
                    orjson.dumps({"question": f"q-{n}", "response": response}),
                )
            )
    return requests
