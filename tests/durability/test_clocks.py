"""The timekeeper by itself, on a real PostgreSQL: nobody is let in before the clocks are right."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import asyncpg
import pytest

from actors import timekeeper
from actors.storage import Tide
from actors.timekeeper import Timekeeper
from protocols.messages import Done, Message, SessionCommand
from storage.postgres.pool import Pool

SOON = 15.0


async def _nobody(command: SessionCommand) -> Message:
    return Done()


async def test_a_start_whose_read_models_are_far_behind_waits_for_them_and_does_not_fail(
    pool: Pool, hand: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timekeeper, "STEP_SECONDS", 0.2)
    await hand.execute("INSERT INTO outages (began, ended, contests) VALUES (now() - interval '1 minute', now(), '{}')")
    tide, caught_up = Tide(), asyncio.Event()
    tide.problem = None

    async def until_caught_up() -> None:
        await caught_up.wait()

    keeper = Timekeeper(pool, lambda: time.time_ns() // 1000, tide, _nobody, until_caught_up)
    await keeper.begin()
    keeping = asyncio.create_task(keeper.keep())
    try:
        await asyncio.sleep(0.5)
        assert tide.held is not None
        caught_up.set()
        async with asyncio.timeout(SOON):
            while tide.held is not None:
                await asyncio.sleep(0.05)
    finally:
        keeping.cancel()
    assert await hand.fetchval("SELECT bool_and(settled) FROM outages")


@pytest.mark.thorough  # fails once in some runs: a heartbeat that fails quickly does not count as an outage yet
async def test_a_database_that_stands_still_stops_the_clocks_as_well(
    pool: Pool, hand: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("BEAT_SECONDS", 0.05), ("BEAT_TIMEOUT_SECONDS", 0.1), ("OUTAGE_SECONDS", 0.5)):
        monkeypatch.setattr(timekeeper, name, seconds)
    await hand.execute(
        "INSERT INTO contests (plan, starts_at, ends_at, created_at)"
        " VALUES ('{}', now() - interval '1 minute', now() + interval '1 hour', now())"
    )
    tide = Tide()
    tide.problem = None

    async def caught_up() -> None:
        return

    keeper = Timekeeper(pool, lambda: time.time_ns() // 1000, tide, _nobody, caught_up)
    await keeper.begin()
    keeping = asyncio.create_task(keeper.keep())
    stopped: list[int] = []
    try:
        await asyncio.sleep(0.2)
        rows = await hand.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'apo'")
        stopped = [row["pid"] for row in rows]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(5.0):
            while tide.held is None:
                await asyncio.sleep(0.05)
        before = await hand.fetchval("SELECT max(extended) FROM contests")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    async with asyncio.timeout(SOON):
        while tide.held is not None:
            await asyncio.sleep(0.05)
    keeping.cancel()
    assert await hand.fetchval("SELECT max(extended) FROM contests") > before
    await hand.execute("DELETE FROM contests")
