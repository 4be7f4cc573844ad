"""Mass messages and updates of the bot, at a Telegram data centre of our own.

    python -m benchmarks.telegram [--recipients 100000] [--seconds 30] [--rounds 3] [--students 40]

1. A mass message to many recipients, without a limit of rate: the service's memory meanwhile.
2. At the ordinary limits: the rate that the data centre saw, and how often it asked to wait.
3. How long students wait for the answer to a press, by turns with and without a mass message.
4. Updates a second when students press as fast as they can, and where the service's time goes.

Everything is real but the network: MTProto over loopback, embedded databases, the service as a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import bank
from benchmarks.sampled import OURS, PYROGRAM
from storage.embedded import Engines
from storage.mongo import client as mongo
from storage.mongo import questions
from tests.api.client import Client, connect
from tests.running import Service
from tests.telegram.center import DataCenter
from tests.telegram.crowd import administrator, crowd
from tests.telegram.limits import Limits
from tests.telegram.phone import Phone

SUBJECT = "benchmark"
WARM_SECONDS = 5.0
SCATTER_SECONDS = 10.0
PRESSES_OF_A_TRAINING = 22  # ten questions, answered and gone on from; results; once more
PRESS_PAUSE_SECONDS = 1.0  # a pupil reads before they press
ANSWER, NEXT = "A", "Next"  # buttons
MOST_MODULES = 12  # of a part are shown, those that cost most
console = Console(stderr=True)


class Spent(NamedTuple):
    """Processor time of the service, as `benchmarks.sampled` tells it."""

    part: str
    module: str
    seconds: float


@dataclass(frozen=True)
class Stand:
    center: DataCenter
    service: Service
    admin: Client
    people: list[Phone]

    async def broadcast(self) -> int:
        """Start a mass message to everybody; its number."""
        made = await self.admin.post("/admin/broadcasts", {"text": "Tomorrow!"}, status=201)
        await self.admin.post(f"/admin/broadcasts/{made['id']}/start")
        number: int = made["id"]
        return number

    async def end(self, number: int) -> None:
        await self.admin.post(f"/admin/broadcasts/{number}/cancel")


async def single_questions(folder: Path, count: int) -> None:
    async with Engines(folder) as endpoints:
        client = mongo.connect(endpoints.mongo_url)
        database = mongo.database(client)
        await questions.prepare(database)
        made = [questions.draft(one) for one in bank.questions(count * 6) if one.kind == "single"]
        await questions.store(client, database, bank.subject(SUBJECT), made)
        client.close()


@asynccontextmanager
async def stand(rate: float, people: int, sampled: Path | None = None) -> AsyncIterator[Stand]:
    """A service at a data centre that it reaches, with `people` who have written before."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await single_questions(folder / "service" / "data", 300)
        async with DataCenter(folder / "center") as center, aiohttp.ClientSession() as session:
            environment = {
                "APO_BROADCAST__MESSAGES_PER_SECOND": str(rate),
                "APO_BANK__DEMO": "false",
                "APO_LOG__LEVEL": "error",
            }
            service = Service(folder / "service", environment | center.environment())
            if sampled is not None:
                service.command = ("-m", "benchmarks.sampled", str(sampled))
            await service.start()
            try:
                await center.online()
                admin = await administrator(Client(session, service))
                connection = await connect(service)
                phones = await crowd(center, connection, people) if people else []
                await connection.close()
                yield Stand(center, service, admin, phones)
            finally:
                await service.stop()


# --- 1. Memory -----------------------------------------------------------------------------------------------


async def memory(recipients: int) -> tuple[list[float], float]:
    """MiB before, after a tenth, the most meanwhile, at the end; messages a second."""
    async with stand(10_000, recipients) as house:
        house.center.limits = Limits.lifted()
        process = psutil.Process(house.service.pid)
        before = most = process.memory_info().rss
        a_tenth = 0
        began = time.perf_counter()
        number = await house.broadcast()
        while True:
            await asyncio.sleep(1.0)
            now = process.memory_info().rss
            most = max(most, now)
            told = await house.admin.get(f"/admin/broadcasts/{number}")
            if not a_tenth and told["sent"] >= recipients / 10:
                a_tenth = now
            console.print(f"  {told['sent']:,} of {told['recipients']:,}", end="\r")
            if told["state"] == "finished":
                break
        seconds = time.perf_counter() - began
        if not told["sent"] == recipients == len(house.center.deliveries()):
            raise RuntimeError(f"of {recipients:,} messages {told['sent']:,} count as sent")
        return [one / 2**20 for one in (before, a_tenth, most, process.memory_info().rss)], recipients / seconds


# --- 2. and 3. Rate, and students meanwhile ------------------------------------------------------------------


async def begin(student: Phone) -> None:
    student.write(f"/start subject_{SUBJECT}")
    await student.press("English")
    await student.press(student.name)
    await student.press("9")
    await student.press("Quick start")


class Wait(NamedTuple):
    """What was pressed, and the seconds until its answer was seen."""

    pressed: str
    seconds: float


async def train(student: Phone, until: float, pause: float, waits: list[Wait]) -> None:
    """Press on until then; notes how long each press waited for its answer."""
    while time.perf_counter() < until:
        shown = student.find(lambda shown: bool(shown.buttons))
        assert shown is not None
        labels = [button.text for row in shown.buttons for button in row]
        wanted = next(
            (name for name in (NEXT, "Results", "Once more") if any(name in label for label in labels)), ANSWER
        )
        began = time.perf_counter()
        await student.press(wanted, timeout=60.0)
        # Both the answer to the press and what it changes on the screen.
        await student.until(lambda before=shown: student.find(lambda one: bool(one.buttons)) != before, 60.0)  # type: ignore[misc]
        waits.append(Wait(wanted, time.perf_counter() - began))
        await asyncio.sleep(pause)


async def pressing(students: list[Phone], seconds: float, pause: float) -> list[Wait]:
    """The waits of all; they begin one after the other within `pause`, for no two pupils press at the same moment."""
    waits: list[Wait] = []
    until = time.perf_counter() + seconds
    async with asyncio.TaskGroup() as group:
        for student in students:
            group.create_task(train(student, until, pause, waits))
            await asyncio.sleep(pause / len(students))
    return waits


async def scatter(students: list[Phone]) -> None:
    """Let each be at another question, so that there are as many ends and starts of trainings at any time."""
    now = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for place, student in enumerate(students):
            until = now + SCATTER_SECONDS * place / len(students)
            group.create_task(train(student, until, SCATTER_SECONDS / PRESSES_OF_A_TRAINING, []))


def floods_of(house: Stand) -> int:
    return sum(count for name, count in house.center.counts.items() if name.startswith("FLOOD_WAIT"))


def sent_to(house: Stand, began: float, ended: float) -> int:
    """How many of a mass message the data centre took in this time, by the monotonic clock."""
    crowd_ids = {phone.id for phone in house.people}
    calls = (call for call in house.center.log if began <= call.time < ended and call.chat in crowd_ids)
    count = sum(call.method == "messages.sendMessage" and not call.error for call in calls)
    if not count:
        raise RuntimeError("no mass message was sent while it was measured")
    return count


async def rate_and_waits(seconds: float, rounds: int, students: int) -> tuple[list[float], int, list[Wait], list[Wait]]:
    """The measured rates, FLOOD_WAITs, and the waits of students without and with a mass message."""
    rate = 25.0
    people = int(rate * (seconds + 3 * WARM_SECONDS)) + 100  # so that no mass message ends before it is measured
    without: list[Wait] = []
    meanwhile: list[Wait] = []
    rates: list[float] = []
    async with stand(rate, people) as house:
        pupils = [house.center.user(f"Pupil {n}", language="en") for n in range(students)]
        for pupil in pupils:
            await begin(pupil)
        await scatter(pupils)  # at once and without a pause, which may earn a FLOOD_WAIT that is not counted
        await asyncio.sleep(WARM_SECONDS)
        floods = floods_of(house)
        for _ in range(rounds):
            without += await pressing(pupils, seconds, PRESS_PAUSE_SECONDS)
            number = await house.broadcast()
            await asyncio.sleep(WARM_SECONDS)
            began = time.monotonic()
            meanwhile += await pressing(pupils, seconds, PRESS_PAUSE_SECONDS)
            rates.append(sent_to(house, began, began + seconds) / seconds)
            await house.end(number)
        floods = floods_of(house) - floods
    return sorted(rates), floods, without, meanwhile


# --- 4. Updates ----------------------------------------------------------------------------------------------


async def updates(seconds: float, students: int, file: Path) -> tuple[int, float, list[Spent]]:
    """How many updates in how many seconds, and where the service's processor time went."""
    async with stand(25.0, 0, file) as house:
        house.center.limits = Limits.lifted()
        pupils = [house.center.user(f"Pupil {n}", language="en") for n in range(students)]
        for pupil in pupils:
            await begin(pupil)
        await pressing(pupils, WARM_SECONDS, 0.0)
        os.kill(house.service.pid, signal.SIGUSR1)
        began = time.perf_counter()
        waits = await pressing(pupils, seconds, 0.0)
        took = time.perf_counter() - began
        os.kill(house.service.pid, signal.SIGUSR2)
    return len(waits), took, [Spent(*one) for one in json.loads(await asyncio.to_thread(file.read_text))]


def show_updates(table: Table, count: int, took: float, spent: list[Spent], students: int) -> None:
    total = sum(one.seconds for one in spent)
    pyrogram = sum(one.seconds for one in spent if one.part == PYROGRAM)
    rate = f"{count / took:,.0f}; the service was busy for {total / took:.0%} of the time"
    table.add_row(f"updates a second, {students} students", rate, "")
    each = f"{total / count * 1e6:,.0f} µs, so at most {count / total:,.0f} a second"
    table.add_row("    processor time of the service for each", each, "")
    ours_in_all = 0.0
    for part in sorted({one.part for one in spent}, key=lambda part: -sum(x.seconds for x in spent if x.part == part)):
        of_part = [one for one in spent if one.part == part]
        seconds = sum(one.seconds for one in of_part)
        ours = part in OURS
        ours_in_all += seconds if ours else 0.0
        wanted = f"below {pyrogram / count * 1e6:,.0f} µs" if ours else ""
        table.add_row(f"    {part}", f"{seconds / count * 1e6:,.0f} µs, {seconds / total:.0%}", wanted)
        modules = Counter[str]()
        for one in of_part:
            modules[one.module] += one.seconds  # type: ignore[assignment]  # seconds are counted as well as numbers
        for module, seconds in modules.most_common(MOST_MODULES if len(modules) > 1 else 0):
            table.add_row(f"        {module}", f"{seconds / count * 1e6:,.0f} µs, {seconds / total:.1%}", "")
    share = f"{ours_in_all / count * 1e6:,.0f} µs, {ours_in_all / total:.0%}"
    table.add_row("    all of ours together", share, "")


def spread(waits: list[Wait], pressed: tuple[str, ...]) -> tuple[float, float]:
    """Median and p95."""
    seconds = [one.seconds for one in waits if one.pressed in pressed]
    return statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]


def show_waits(table: Table, without: list[Wait], meanwhile: list[Wait]) -> None:
    """The verdict on an answer waits for a commit and the next question does not: the median of both together is
    that of neither, but says how many there were of each.
    """
    both = {one.pressed for one in without} & {one.pressed for one in meanwhile}
    for what, pressed in (("a verdict", (ANSWER,)), ("the next question", (NEXT,)), ("any press", tuple(both))):
        (median, p95), (median_with, p95_with) = spread(without, pressed), spread(meanwhile, pressed)
        table.add_row(
            f"a student's wait for {what} during it, beside that without: median",
            f"{median_with / median:.2f} times ({median_with * 1000:.1f} ms, {median * 1000:.1f} ms)",
            "1.5 times",
        )
        table.add_row(
            "    p95", f"{p95_with / p95:.2f} times ({p95_with * 1000:.1f} ms, {p95 * 1000:.1f} ms)", "2 times"
        )


async def measure(options: argparse.Namespace) -> None:
    table = Table("", "measured", "wanted")
    if "memory" in options.only:
        console.print(f"1. A mass message to {options.recipients:,}, without a limit of rate …")
        (before, a_tenth, most, after), speed = await memory(options.recipients)
        table.add_row(
            f"memory of the service during {options.recipients:,}",
            f"{before:.0f} MiB before, {a_tenth:.0f} after a tenth of them, at most {most:.0f}, {after:.0f} after"
            f" ({speed:,.0f} messages a second)",
            "flat",
        )
    if "waits" in options.only:
        console.print("2., 3. At the ordinary limits, with students …")
        rates, floods, without, meanwhile = await rate_and_waits(options.seconds, options.rounds, options.students)
        rate = f"{statistics.median(rates):.2f} a second ({rates[0]:.2f} to {rates[-1]:.2f}), {floods} FLOOD_WAIT"
        table.add_row("rate of a mass message", rate, "25 ± 1 %, none")
        show_waits(table, without, meanwhile)
    if "updates" in options.only:
        console.print("4. Updates …")
        with tempfile.TemporaryDirectory() as name:
            count, took, spent = await updates(options.seconds, options.students, Path(name) / "samples.json")
        show_updates(table, count, took, spent, options.students)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument(
        "--only", nargs="+", choices=["memory", "waits", "updates"], default=["memory", "waits", "updates"]
    )
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
