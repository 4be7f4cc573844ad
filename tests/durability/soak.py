"""For people: students train for minutes while everything is killed, frozen and stopped at random.

    python -m tests.durability.soak --minutes 10 --students 20

Prints what was done, figures and a verdict; exit status 0: every promise was kept, 1: not.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from storage.embedded import EngineName
from tests.durability.campaign import cut_journal, frozen, kill_and_start, report
from tests.durability.fleet import Fleet, fleet_in

DESCRIPTION = "Students train for minutes while everything is killed, frozen and stopped at random."
Harm = Callable[[], Awaitable[None]]


class Harms:
    """What can go wrong; each is over when it returns."""

    def __init__(self, fleet: Fleet, chance: Random) -> None:
        self._fleet = fleet
        self._chance = chance

    def all(self) -> Mapping[str, Harm]:
        return {
            "service killed": lambda: kill_and_start(self._fleet.service),
            "service killed, and again while starting": lambda: kill_and_start(
                self._fleet.service, 3 * self._chance.random()
            ),
            "service stopped": self._stop_service,
            "journal's connection cut": self._cut,
            "PostgreSQL killed": self._kill_postgres,
            "PostgreSQL stopped": lambda: self._stop_engine("postgres"),
            "PostgreSQL frozen": self._freeze,
            "MongoDB stopped": lambda: self._stop_engine("mongo"),
            "ClickHouse killed": self._kill_clickhouse,
        }

    async def _stop_service(self) -> None:
        status = await self._fleet.service.stop(self._chance.choice((signal.SIGTERM, signal.SIGINT)))
        if status != 0:
            raise RuntimeError(f"the service ended with the status {status}")
        await self._fleet.service.start()

    async def _cut(self) -> None:
        for _ in range(20):
            await cut_journal(self._fleet.endpoints.postgres_url)
            await asyncio.sleep(0.2 * self._chance.random())

    async def _kill_postgres(self) -> None:
        postmaster = psutil.Process(self._fleet.postmaster())
        self._chance.choice([postmaster, *postmaster.children()]).kill()

    async def _freeze(self) -> None:
        async with frozen(self._fleet.postmaster()):
            await asyncio.sleep(20 * self._chance.random())

    async def _stop_engine(self, name: EngineName) -> None:
        await self._fleet.engines.stop_one(name)
        await asyncio.sleep(8 * self._chance.random())
        await self._fleet.engines.start_one(name)

    async def _kill_clickhouse(self) -> None:
        await self._fleet.clickhouse.kill()
        await asyncio.sleep(5 * self._chance.random())
        await self._fleet.clickhouse.start()


async def soak(minutes: float, students: int, seed: int, console: Console) -> bool:
    """Whether every promise was kept."""
    chance = Random(seed)
    done: Counter[str] = Counter()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory(prefix="apo-soak-") as folder:
        async with fleet_in(Path(folder), {"APO_SESSIONS__IDLE_MINUTES": "0.05"}) as fleet:
            school = fleet.school(students)
            harms = Harms(fleet, chance).all()
            with Progress(*columns, console=console) as progress:
                bar = progress.add_task("training", total=minutes * 60)
                async with school.open():
                    began = time.monotonic()
                    while (now := time.monotonic() - began) < minutes * 60:
                        progress.update(bar, completed=now)
                        await asyncio.sleep(3 * chance.random())
                        name = chance.choice(list(harms))
                        progress.update(bar, description=f"{school.acknowledged()} answers; {name}")
                        await harms[name]()
                        done[name] += 1
                        await school.until_answers(students)
                progress.update(bar, completed=minutes * 60, description="comparing")
                verdict = await fleet.verdict(school)
    for name, times in done.most_common():
        console.print(f"{times:5} × {name}")
    console.print(report(verdict), markup=False)
    kept = not verdict.faults
    console.print("KEPT: nothing was lost, nothing was counted twice." if kept else "BROKEN: see above.")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.durability.soak", description=DESCRIPTION)
    parser.add_argument("--minutes", type=float, default=5.0, metavar="N")
    parser.add_argument("--students", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, metavar="N")
    options = parser.parse_args()
    console = Console()
    console.print(f"seed {options.seed}")
    return 0 if asyncio.run(soak(options.minutes, options.students, options.seed, console)) else 1


if __name__ == "__main__":
    sys.exit(main())
