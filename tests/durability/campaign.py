"""Students at work while something goes wrong, and what comes out."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random

import aiohttp
import asyncpg
import psutil

from tests.durability.audit import Stored, Verdict, judge
from tests.durability.students import Student
from tests.running import Service

CATCH_UP_SECONDS = 60.0
LOGINS = count(1)
RELAYS = ("read models", "counters", "activity")
# Rollups, which nothing here reads, are made of activity later, every few seconds.
CARRIED = frozenset(("apo_journal_position", *(f'apo_relay_position{{relay="{relay}"}}' for relay in RELAYS)))


class School:
    """The students of one service; `address` tells where it is now."""

    def __init__(self, address: Callable[[], str], students: int, seed: int) -> None:
        self._address = address
        self._count = students
        self._random = Random(seed)
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.students: list[Student] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Students register; they train until the end, and say what they saw last before it."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http:
            for _ in range(self._count):
                student = Student(self._address, http, self._random.getrandbits(32))
                await student.register(f"pupil-{os.getpid()}-{next(LOGINS)}")
                self.students.append(student)
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(student.train(self._stop)) for student in self.students]
            try:
                yield
            finally:
                self._stop.set()
                for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
            await asyncio.gather(*(student.look() for student in self.students))

    def acknowledged(self) -> int:
        return sum(len(student.memory.answers) for student in self.students)

    def refused(self) -> int:
        return sum(student.memory.unavailable + student.memory.broken for student in self.students)

    async def until_answers(self, more: int, seconds: float = CATCH_UP_SECONDS) -> None:
        """Wait until so many more answers were acknowledged: the service works (again)."""
        wanted = self.acknowledged() + more
        async with asyncio.timeout(seconds):
            while self.acknowledged() < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)

    def verdict(self, stored: Stored, *, activity: bool = True) -> Verdict:
        return judge(stored, [student.memory for student in self.students], activity=activity)


async def caught_up(url: str) -> None:
    """Wait until the relays say that they have carried everything onward, and nothing is new."""
    positions: dict[str, float] = {}
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(CATCH_UP_SECONDS):
            while True:
                async with http.get(f"{url}/metrics") as response:
                    positions = dict(_positions(await response.text()))
                if len(positions) == len(CARRIED) and len(set(positions.values())) == 1:
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise TimeoutError(f"not caught up within {CATCH_UP_SECONDS} s: {positions}") from None


def _positions(metrics: str) -> Iterator[tuple[str, float]]:
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        if name in CARRIED:
            yield name, float(value)


async def kill_and_start(service: Service, start_seconds: float | None = None) -> None:
    """Kill the service, once more after so many seconds of its start (None: let it be), and start it."""
    await service.kill()
    if start_seconds is not None:
        starting = asyncio.create_task(service.start())
        done, _ = await asyncio.wait([starting], timeout=start_seconds)
        if done:
            starting.result()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await service.kill()
    await service.start()


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


@asynccontextmanager
async def frozen(pid: int) -> AsyncIterator[None]:
    """Meanwhile a process and its children stand still (SIGSTOP)."""
    processes = family(pid)
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            try:
                process.send_signal(signal.SIGCONT)
            except psutil.NoSuchProcess:
                continue


async def cut_journal(postgres_url: str) -> None:
    """End the connection by which the service writes the journal, whatever it is doing."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'apo journal'"
        )
    finally:
        await connection.close()


async def repeat(times: int, work: Callable[[], Awaitable[None]], pause: Callable[[], float]) -> None:
    for _ in range(times):
        await work()
        await asyncio.sleep(pause())


def report(verdict: Verdict) -> str:
    told = f"{verdict.events} events, {verdict.acknowledged} acknowledged answers"
    trouble = f"{verdict.unavailable} times 503, {verdict.broken} lost connections"
    return "\n".join([f"{told}, {trouble}, slowest answer {verdict.slowest:.1f} s", *verdict.faults])
