"""The service itself is killed, and stopped, under load, with its own engines."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from random import Random

import psutil

from tests.durability.audit import read_stopped
from tests.durability.campaign import School, caught_up, family, kill_and_start, report
from tests.running import Service


async def test_nothing_is_lost_or_doubled_by_kills_and_stops_at_any_moment(tmp_path: Path) -> None:
    chance = Random(7)
    service = Service(tmp_path, {"APO_SESSIONS__IDLE_MINUTES": "0.02"})
    await service.start()
    school = School(lambda: service.url, students=10, seed=1)
    try:
        async with school.open():
            for start_seconds in (None, 1.0 + chance.random()):
                await school.until_answers(100)
                await asyncio.sleep(chance.random())
                await kill_and_start(service, start_seconds)
            await school.until_answers(100)
            await stop(service, signal.SIGTERM)
            await service.start()
            await school.until_answers(100)
        await caught_up(service.url)
        await stop(service, signal.SIGINT)
    finally:
        await service.kill()
    verdict = school.verdict(await read_stopped(tmp_path / "data"))
    assert not verdict.faults, report(verdict)
    assert verdict.acknowledged >= 400


async def stop(service: Service, number: signal.Signals) -> None:
    """It ends well, and takes its engines along."""
    processes = family(service.pid)
    assert len(processes) > 2, "the engines are its children"
    assert await service.stop(number) == 0
    assert not [process for process in processes if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
