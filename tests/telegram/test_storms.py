"""Telegram breaks in every way while students train: the bot recovers by itself, and over HTTP nobody notices.

In the tests the data centre is away for seconds; `python -m tests.telegram.test_storms` lets it be down for a minute,
and ask for a pause of a minute.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.durability.campaign import School
from tests.running import Service
from tests.telegram.bot.student import newcomer
from tests.telegram.center import DataCenter
from tests.telegram.phone import Phone

RECOVERY_SECONDS = 60.0
AWAY_SECONDS = 4


@dataclass(frozen=True)
class Storm:
    """A service at a data centre, with a student on the phone and some over HTTP."""

    center: DataCenter
    phone: Phone
    school: School

    async def passes(self, patience: float = RECOVERY_SECONDS) -> None:
        """The phone is answered again, and over HTTP everything went on."""
        self.phone.write("/menu")
        await self.phone.sees("Чем займёмся?", timeout=patience)
        await self.school.until_answers(20)
        assert self.school.refused() == 0, "over HTTP nobody notices"


@asynccontextmanager
async def storm(folder: Path) -> AsyncIterator[Storm]:
    async with DataCenter(folder / "center") as center:
        service = Service(folder / "service", center.environment())
        await service.start()
        try:
            await center.online()
            phone = await newcomer(center)
            school = School(lambda: service.url, 3, seed=5)
            async with school.open():
                yield Storm(center, phone, school)
        finally:
            await service.stop()


async def connections_are_dropped(storm: Storm) -> None:
    for _ in range(5):
        storm.center.drop_connections()
        await asyncio.sleep(0.3)
    await storm.passes()


async def salts_are_wrong(storm: Storm) -> None:
    for _ in range(3):
        storm.center.rotate_salts()
        await storm.passes()


async def it_is_down(storm: Storm, seconds: int = AWAY_SECONDS) -> None:
    down = asyncio.create_task(storm.center.down(seconds))
    await asyncio.sleep(0.1)
    answers = storm.school.acknowledged()
    storm.phone.write("/menu")
    await storm.school.until_answers(20)
    assert storm.school.acknowledged() > answers, "students train while Telegram is away"
    await down
    await storm.passes(RECOVERY_SECONDS + seconds)


async def it_asks_to_wait(storm: Storm, seconds: int = AWAY_SECONDS) -> None:
    floods = storm.center.counts[f"FLOOD_WAIT_{seconds}"]
    storm.center.flood_next(seconds, "messages.sendMessage")
    await storm.passes(RECOVERY_SECONDS + seconds)
    assert storm.center.counts[f"FLOOD_WAIT_{seconds}"] == floods + 1


async def people_block_the_bot(storm: Storm) -> None:
    strangers = [await newcomer(storm.center, f"Прохожий {number}") for number in range(3)]
    for stranger in strangers:
        stranger.write("/menu")
        stranger.block()
    await storm.passes()
    strangers[0].unblock()
    strangers[0].write("/menu")
    await strangers[0].sees("Чем займёмся?")


HARMS = (connections_are_dropped, salts_are_wrong, it_is_down, it_asks_to_wait, people_block_the_bot)


@pytest.mark.parametrize(
    "harms", [(connections_are_dropped, salts_are_wrong), pytest.param(HARMS, marks=pytest.mark.thorough)], ids=len
)
async def test_the_bot_recovers_by_itself_and_over_http_nobody_notices(
    tmp_path: Path, harms: Sequence[Callable[[Storm], Awaitable[None]]]
) -> None:
    async with storm(tmp_path) as started:
        for harm in harms:
            await harm(started)


async def _for_people() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with storm(Path(folder)) as started:
            for harm in HARMS:
                long = harm in (it_is_down, it_asks_to_wait)
                sys.stdout.write(f"{harm.__name__.replace('_', ' ')}{' for a minute' if long else ''} … ")
                sys.stdout.flush()
                await (harm(started, 60) if long else harm(started))  # type: ignore[call-arg]
                sys.stdout.write(f"recovered; {started.school.acknowledged():,} answers over HTTP, none refused\n")


if __name__ == "__main__":
    asyncio.run(_for_people())
