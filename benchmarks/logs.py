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
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import clickhouse_driver
from rich.console import Console
from rich.table import Table

from benchmarks.load import Measured
from benchmarks.served import BANK, Served, fill_bank, served
from tests.clickhouse_server import ClickHouseServer
from tests.durability.proxy import SlowProxy
from tests.running import Service

SLOW_SECONDS = 0.5  # that each answer of ClickHouse is held back; an insert needs two
LEVELS = ("info", "debug")
WANTED = 0.97

console = Console(stderr=True)


class Unshipped(Service):
    command = ("-m", "benchmarks.unshipped")


async def measure(folder: Path, level: str, rounds: int, seconds: int) -> tuple[dict[str, list[Measured]], str]:
    """The rounds with and without, and how many lines were shipped and dropped."""
    async with AsyncExitStack() as stack:
        server = ClickHouseServer(folder / "clickhouse")
        await server.start()
        stack.push_async_callback(server.kill)
        slow = await stack.enter_async_context(SlowProxy(server.url, lambda: SLOW_SECONDS))
        client = clickhouse_driver.Client.from_url(server.url)
        sides: dict[str, Served] = {}
        for name, kind in (("shipped", Service), ("unshipped", Unshipped)):
            await asyncio.to_thread(client.execute, f"CREATE DATABASE {name}")
            environment = {
                "APO_CLICKHOUSE__URL": f"{slow.url}/{name}",
                "APO_BANK__DEMO": "false",
                "APO_LOG__LEVEL": level,
                "APO_LOG__FORMAT": "json",
            }
            await fill_bank(folder / name / "data", BANK)
            sides[name] = await stack.enter_async_context(served(kind(folder / name, environment)))
        measured: dict[str, list[Measured]] = {name: [] for name in sides}
        for number in range(rounds):
            # Who comes first changes, so that neither has the colder or the busier machine.
            for name in sorted(sides, reverse=bool(number % 2)):
                requests = await sides[name].answers(seconds)
                await sides[name].caught_up()  # what the relays had to do with it is not to burden what is measured
                one = await sides[name].load(requests, seconds)
                measured[name].append(one)
                console.print(
                    f"{level}, {name}: {one.per_second:,.0f}/s, p99 {one.p99:.1f} ms, {one.cpu:.0f} µs of CPU"
                )
        told = await sides["shipped"].metrics()
    lines = {
        what: re.search(rf"^apo_log_lines_{what}_total (\S+)$", told, re.MULTILINE) for what in ("shipped", "dropped")
    }
    return measured, ", ".join(f"{float(found[1]):,.0f} lines {what}" for what, found in lines.items() if found)


def report(level: str, measured: Mapping[str, list[Measured]], lines: str) -> float:
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
