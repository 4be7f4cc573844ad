"""What shipping the log costs those who answer, while ClickHouse is slow.

    python -m benchmarks.logs [--rounds 6] [--seconds 5]

One run, by turns, on one machine: the service as it is, and the same without a log in ClickHouse (`unshipped`). Both
carry activity to the same ClickHouse server (Debian's package) through a proxy that holds back each of its answers.
Once with the log as it is by default, and once at the level `debug`, where each answer makes a line of it: more than so
slow a server takes, so that most are dropped. Medians of the rounds count.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import clickhouse_driver
from rich.console import Console
from rich.table import Table

from benchmarks.answers import (
    BANK,
    CONNECTIONS,
    ROUGHLY_PER_SECOND,
    TRAINING,
    add_students,
    answers_of,
    fill_bank,
    start_trainings,
)
from benchmarks.load import Request, load
from storage.data_folder import attach
from tests.clickhouse_server import ClickHouseServer
from tests.durability.proxy import SlowProxy
from tests.running import Service

SLOW_SECONDS = 0.5  # that each answer of ClickHouse is held back; an insert needs two
CAUGHT_UP_SECONDS = 60.0
LEVELS = ("info", "debug")
WANTED = 0.97

console = Console(stderr=True)


@dataclass(frozen=True)
class Round:
    """One measurement of one service; `cpu` is in microseconds for each answer."""

    per_second: float
    p99: float
    cpu: float


class Unshipped(Service):
    command = ("-m", "benchmarks.unshipped")


@dataclass
class Side:
    """A service and what is needed to load it."""

    folder: Path
    service: Service
    connection: asyncpg.Connection[asyncpg.Record]
    students: int = 0
    requests: list[Request] = field(default_factory=list)

    async def prepare(self, seconds: int) -> None:
        """Trainings for one round, and no relay that still has to do with them."""
        count = seconds * ROUGHLY_PER_SECOND // TRAINING
        users = await add_students(self.connection, self.students, count)
        self.students += count
        await start_trainings(self.service.url, users)
        self.requests = await answers_of(self.connection, users)
        await self.caught_up()

    async def caught_up(self) -> None:
        async with asyncio.timeout(CAUGHT_UP_SECONDS):
            while True:
                head, reached = await positions_of(self.service)
                if set(reached.values()) == {head}:
                    return
                await asyncio.sleep(0.2)

    async def measure(self, seconds: int) -> Round:
        port = urlsplit(self.service.url).port
        assert port is not None
        server = self.service.pid
        one = await load(
            "127.0.0.1", port, self.requests, self.folder, connections=CONNECTIONS, seconds=seconds, server=server
        )
        if one.failed:
            raise RuntimeError(f"{one.failed} of {one.requests} answers failed")
        return Round(one.per_second, one.p99, one.cpu)


async def metrics_of(service: Service) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{service.url}/metrics") as reply:
        return await reply.text()


async def positions_of(service: Service) -> tuple[float, dict[str, float]]:
    """How far the journal is, and each relay. Rollups, which are brought up to date now and then, are left out."""
    told = await metrics_of(service)
    found = re.findall(r'^apo_(?:journal|relay)_position(?:{relay="(.+)"})? (\S+)$', told, re.MULTILINE)
    reached = {relay: float(position) for relay, position in found if relay != "rollups"}
    return reached.pop(""), reached


@asynccontextmanager
async def side(folder: Path, service: Service) -> AsyncIterator[Side]:
    await fill_bank(folder / "data", BANK)
    await service.start()
    try:
        endpoints = attach(folder / "data")
        assert endpoints is not None
        connection = await asyncpg.connect(endpoints.postgres_url)
        yield Side(folder, service, connection)
        await connection.close()
    finally:
        await service.stop()


async def measure(folder: Path, level: str, rounds: int, seconds: int) -> tuple[dict[str, list[Round]], str]:
    """The rounds with and without, and how many lines were shipped and dropped."""
    async with AsyncExitStack() as stack:
        server = ClickHouseServer(folder / "clickhouse")
        await server.start()
        stack.push_async_callback(server.kill)
        slow = await stack.enter_async_context(SlowProxy(server.url, lambda: SLOW_SECONDS))
        client = clickhouse_driver.Client.from_url(server.url)
        sides = {}
        for name, kind in (("shipped", Service), ("unshipped", Unshipped)):
            await asyncio.to_thread(client.execute, f"CREATE DATABASE {name}")
            environment = {
                "APO_CLICKHOUSE__URL": f"{slow.url}/{name}",
                "APO_BANK__DEMO": "false",
                "APO_LOG__LEVEL": level,
                "APO_LOG__FORMAT": "json",
            }
            sides[name] = await stack.enter_async_context(side(folder / name, kind(folder / name, environment)))
        measured: dict[str, list[Round]] = {name: [] for name in sides}
        for number in range(rounds):
            # Who comes first changes, so that neither has the colder or the busier machine.
            for name in sorted(sides, reverse=bool(number % 2)):
                await sides[name].prepare(seconds)
                one = await sides[name].measure(seconds)
                measured[name].append(one)
                console.print(
                    f"{level}, {name}: {one.per_second:,.0f}/s, p99 {one.p99:.1f} ms, {one.cpu:.0f} µs of CPU"
                )
        told = await metrics_of(sides["shipped"].service)
    lines = {
        what: re.search(rf"^apo_log_lines_{what}_total (\S+)$", told, re.MULTILINE) for what in ("shipped", "dropped")
    }
    return measured, ", ".join(f"{float(found[1]):,.0f} lines {what}" for what, found in lines.items() if found)


def report(level: str, measured: Mapping[str, list[Round]], lines: str) -> float:
    def middle(name: str, what: str) -> float:
        value: float = statistics.median(getattr(one, what) for one in measured[name])
        return value

    table = Table(title=f"log level {level}: {lines}; medians of {len(measured['shipped'])} rounds")
    for heading in ("", "answers/s", "p99 ms", "CPU µs/answer"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in measured:
        table.add_row(name, *(f"{middle(name, what):,.1f}" for what in ("per_second", "p99", "cpu")))
    out = Console()
    out.print(table)
    ratio = middle("shipped", "per_second") / middle("unshipped", "per_second")
    cpu = middle("unshipped", "cpu") / middle("shipped", "cpu")
    out.print(
        f"answers/s shipped / unshipped: {ratio:.3f}; by CPU for an answer: {cpu:.3f} (wanted: at least {WANTED})"
    )
    return ratio


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=LEVELS)
    options = parser.parse_args()
    ratios = []
    for level in options.levels:
        with tempfile.TemporaryDirectory(prefix="apo-logs-") as folder:
            ratios.append(report(level, *await measure(Path(folder), level, options.rounds, options.seconds)))
    return 0 if min(ratios) >= WANTED else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
