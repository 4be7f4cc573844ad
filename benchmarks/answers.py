"""How many durable answers a second, beside the ordinary stack and beside a bare handler.

    python -m benchmarks.answers [--rounds 3] [--seconds 6]

One run, by turns, on one machine: the service (embedded PostgreSQL, MongoDB and ClickHouse, relays and all), the
ordinary stack on the same PostgreSQL server, and a bare aiohttp handler. Each answer is a new one, of a student of
their own; what the service acknowledged is compared with the journal afterwards. Medians of the rounds count.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import aiohttp
import asyncpg
import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import bank
from benchmarks.load import Measured, Request, load
from benchmarks.served import BANK, CONNECTIONS, TRAINING, fill_bank, served, token
from tests.running import Service

ORDINARY_PER_SECOND = 1_500

console = Console(stderr=True)


async def one_answer(url: str, request: Request) -> bytes:
    """What the service answers, for the bare handler to answer the same."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {request.token}"}) as session,
        session.post(url + request.path, data=request.body) as reply,
    ):
        reply.raise_for_status()
        return await reply.read()


async def fill_ordinary(connection: asyncpg.Connection[asyncpg.Record], first: int, count: int) -> list[Request]:
    """The same for the ordinary stack: students, tokens, trainings; returns their answers."""
    users = range(first, first + count)
    await connection.copy_records_to_table("users", records=[(u, f"Student {u}", False) for u in users])
    await connection.copy_records_to_table(
        "tokens", records=[(hashlib.sha256(token(u).encode()).digest(), u) for u in users]
    )
    await connection.copy_records_to_table("trainings", records=[(str(u), u, 0, 0) for u in users])
    random = Random(first)
    drawn = {u: random.sample(range(BANK), TRAINING) for u in users}
    await connection.copy_records_to_table(
        "training_items",
        records=[(str(u), place, f"q-{n}", False) for u in users for place, n in enumerate(drawn[u])],
    )
    kinds = [question.kind for question in bank.questions(BANK)]
    return [
        Request(
            f"/api/v1/trainings/{u}/answers",
            token(u),
            orjson.dumps({"question": f"q-{drawn[u][place]}", "response": bank.RIGHT[kinds[drawn[u][place]]]}),
        )
        for place in range(TRAINING)
        for u in users
    ]


@asynccontextmanager
async def peer(module: str, *arguments: str) -> AsyncIterator[tuple[int, int]]:
    """A server in a process of its own; yields its port and its process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        await asyncio.sleep(1.0)
        yield int(line.split()[1]), process.pid
    finally:
        process.terminate()
        await process.wait()


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="apo-benchmark-"))
    try:
        measured, lost = await measure(folder, options.rounds, options.seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report(measured)
    if lost:
        Console().print(f"[bold red]{lost} acknowledged answers are not in the journal[/]")
    return 1 if lost else 0


async def measure(folder: Path, rounds: int, seconds: int) -> tuple[dict[str, list[Measured]], int]:
    await fill_bank(folder / "data", BANK)
    measured: dict[str, list[Measured]] = defaultdict(list)
    lost = 0
    async with served(Service(folder, {"APO_BANK__DEMO": "false", "APO_LOG__LEVEL": "warning"})) as ours:
        connection = ours.connection
        await connection.execute("CREATE DATABASE ordinary")
        ordinary_url = ours.postgres_url.replace("/apo?", "/ordinary?")
        sqlalchemy_url = ordinary_url.replace("postgresql://", "postgresql+asyncpg://")
        async with peer("benchmarks.peers.ordinary", sqlalchemy_url) as (ordinary_port, ordinary_pid):
            ordinary = await asyncpg.connect(ordinary_url)
            await ordinary.executemany(
                "INSERT INTO questions (id, content, answered, correct) VALUES ($1, $2, 0, 0)",
                [(question.id, question.model_dump_json()) for question in bank.questions(BANK)],
            )
            for number in track(range(rounds), description="rounds", console=console):
                console.print(f"round {number + 1}: students start a training")
                requests = await ours.answers(seconds)
                sample = folder / "answer.json"
                samples = [await one_answer(ours.service.url, requests.pop()) for _ in range(21)]
                sample.write_bytes(sorted(samples, key=len)[10])
                before = await connection.fetchval("SELECT count(*) FROM journal WHERE data ->> 'type' = 'answered'")

                async def run(name: str, port: int, pid: int, requests: list[Request]) -> Measured:
                    one = await load(
                        "127.0.0.1", port, requests, folder, connections=CONNECTIONS, seconds=seconds, server=pid
                    )
                    measured[name].append(one)
                    console.print(
                        f"  {name}: {one.per_second:,.0f}/s, p99 {one.p99:.1f} ms, failed {one.failed},"
                        f" {one.cpu:.0f} µs of processor time each"
                    )
                    return one

                one = await run("service", ours.port, ours.service.pid, requests)
                after = await connection.fetchval("SELECT count(*) FROM journal WHERE data ->> 'type' = 'answered'")
                lost += max(0, one.requests - one.failed - (after - before))
                async with peer("benchmarks.peers.bare", str(sample)) as (port, pid):
                    await run("bare handler", port, pid, requests * 4)  # to it they are all alike
                ordinary_requests = await fill_ordinary(
                    ordinary, number * 10**6, seconds * ORDINARY_PER_SECOND // TRAINING
                )
                await run("ordinary stack", ordinary_port, ordinary_pid, ordinary_requests)
            await ordinary.close()
    return measured, lost


def report(measured: dict[str, list[Measured]]) -> None:
    """The table, the ratios, and whether the load generator was fast enough."""

    def middle(name: str, what: str) -> float:
        value: float = statistics.median(getattr(one, what) for one in measured[name])
        return value

    table = Table(title=f"{CONNECTIONS} connections, medians of {len(measured['service'])} rounds")
    for heading in ("", "answers/s", "p50 ms", "p99 ms", "bytes", "µs of CPU", "failed", "generator's core"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, runs in measured.items():
        table.add_row(
            name,
            f"{middle(name, 'per_second'):,.0f}",
            f"{middle(name, 'p50'):.1f}",
            f"{middle(name, 'p99'):.1f}",
            f"{middle(name, 'response_bytes'):.0f}",
            f"{middle(name, 'cpu'):.0f}",
            str(sum(one.failed for one in runs)),
            f"{middle(name, 'generator'):.0%}",
        )
    out = Console()
    out.print(table)

    def ratio(what: str, name: str, wanted: str) -> None:
        each = [
            getattr(service, what) / getattr(other, what)
            for service, other in zip(measured["service"], measured[name], strict=True)
        ]
        out.print(f"{what} of the service / {name}: {statistics.median(each):.2f} (wanted: {wanted})")

    ratio("per_second", "ordinary stack", "at least 30")
    ratio("per_second", "bare handler", "at least 0.6")
    ratio("p99", "bare handler", "at most 4")
    out.print(
        "µs of CPU: what the server's process took for each answer, relays and all. It means something on a quiet"
        " machine only: on a busy one fewer answers share a commit."
    )
    out.print(
        "The load generator is a process of its own that never used more than "
        f"{max(one.generator for runs in measured.values() for one in runs):.0%} of its core: it waited for the "
        "servers, not they for it."
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
