"""Whether the relays keep up with the answers: how far they are behind under load, and what each can carry.

    python -m benchmarks.relays [--seconds 15]

First the service is answered as fast as it can take it, and tells every half second how far its relays are. Then it is
stopped, what the relays have made is thrown away, and each carries the same journal from its beginning, alone and in
this process, so that the processor time for a row is seen, too.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from actors import relay
from actors.relay import Destination
from benchmarks.served import BANK, CONNECTIONS, fill_bank, served
from storage.clickhouse import engine as clickhouse
from storage.clickhouse.rollups import Rollups
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.postgres import journal
from storage.postgres.pool import open_pool
from tests.running import Service

EVERY_SECONDS = 0.5
MOST_BEHIND_SECONDS = 5.0  # of answers, when the last one has been given

console = Console(stderr=True)


@dataclass
class Behind:
    """Of one relay: events that it was behind, each time that it was asked, and seconds until it had all of them."""

    events: list[float] = field(default_factory=list)
    caught_up: float = 0.0


@dataclass(frozen=True)
class Carried:
    """What a relay carries alone: events a second, and microseconds of this process's processor for each."""

    per_second: float
    cpu: float


async def under_load(folder: Path, seconds: int) -> tuple[float, dict[str, Behind]]:
    """Answers a second, and how far each relay was behind them."""
    await fill_bank(folder / "data", BANK)
    async with served(Service(folder, {"APO_BANK__DEMO": "false", "APO_LOG__LEVEL": "warning"})) as ours:
        requests = await ours.answers(seconds)
        await ours.caught_up()
        found: dict[str, Behind] = {}
        work = asyncio.create_task(ours.load(requests, seconds))
        while not work.done():
            head, reached = await ours.positions()
            for name, position in reached.items():
                found.setdefault(name, Behind()).events.append(head - position)
            await asyncio.wait((work,), timeout=EVERY_SECONDS)
        answers = await work
        for name, took in (await ours.caught_up()).items():
            found[name].caught_up = took
        return answers.per_second, found


async def alone(folder: Path) -> dict[str, Carried]:
    """Let each relay carry the journal from its beginning."""
    async with Engines(folder / "data") as endpoints:
        pool = await open_pool(endpoints.postgres_url)
        client = mongo.connect(endpoints.mongo_url)
        database = mongo.database(client)
        shutil.rmtree(folder / "data" / "clickhouse")
        engine = clickhouse.connect("", folder / "data" / "clickhouse")
        await pool.execute("TRUNCATE trainings, answers, days; DELETE FROM checkpoints")
        await database.counters.delete_many({})
        await database.checkpoints.delete_many({})
        try:
            return {
                one.name: await _carry(one, lambda after, most: journal.span(pool, after, most))
                for one in (
                    relay.to_read_models(pool),
                    relay.to_counters(pool, client, database),
                    relay.to_activity(pool, engine, Rollups(engine)),
                )
            }
        finally:
            await engine.close()
            client.close()
            await pool.close()


async def _carry(destination: Destination, span: Callable[[int, int], Awaitable[int]]) -> Carried:
    first = position = await destination.checkpoint()
    began, used = time.monotonic(), time.process_time()
    while (upto := await span(position, destination.most)) > position:
        await destination.advance(position, upto)
        position = upto
    took, cpu = time.monotonic() - began, time.process_time() - used
    return Carried((position - first) / took, cpu * 1e6 / (position - first))


def report(answers: float, behind: dict[str, Behind], carried: dict[str, Carried]) -> bool:
    """Print it; True: all keep up."""
    # Behind: the most events. All after: seconds from the last answer on. CPU: of this process, for an event.
    table = Table(title=f"{answers:,.0f} answers a second over {CONNECTIONS} connections")
    for heading in ("relay", "behind", "at the end", "all after", "alone", "× answers", "CPU"):
        table.add_column(heading, justify="left" if heading == "relay" else "right")
    for name, one in carried.items():
        lag = behind[name]
        table.add_row(
            name,
            f"{max(lag.events):,.0f}",
            f"{lag.events[-1] / answers:.1f} s",
            f"{lag.caught_up:.1f} s",
            f"{one.per_second:,.0f}/s",
            f"{one.per_second / answers:.1f}",
            f"{one.cpu:.0f} µs",
        )
    out = Console()
    out.print(table)
    out.print(f"wanted: at the end at most {MOST_BEHIND_SECONDS:.0f} s, and alone more than is answered")
    return all(
        behind[name].events[-1] / answers <= MOST_BEHIND_SECONDS and one.per_second >= answers
        for name, one in carried.items()
    )


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="apo-relays-") as folder:
        answers, behind = await under_load(Path(folder), options.seconds)
        console.print(f"{answers:,.0f} answers a second; now each relay alone")
        carried = await alone(Path(folder))
    return 0 if report(answers, behind, carried) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
