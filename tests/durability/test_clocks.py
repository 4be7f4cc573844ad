"""The timekeeper and the storage actor, on a real PostgreSQL: nobody is let in before the clocks are right."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pykka import ActorRef

from actors import timekeeper
from actors.runtime import EventLoopFuture
from actors.storage import Append, Beat, StorageActor, Tide
from actors.timekeeper import OUTAGE_SECONDS, Timekeeper
from protocols.messages import Done, ExtendTime, Message, SessionCommand
from storage.postgres.journal import Journal, Record
from storage.postgres.pool import Pool
from tests.durability.proxy import LosingProxy

SOON = 15.0
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


class School:
    """A contest is open from an hour before noon to an hour after. Time goes on only when a test says so."""

    def __init__(self, hand: asyncpg.Connection[asyncpg.Record]) -> None:
        self.hand = hand
        self.now = NOON
        self.tide = Tide()
        self.was_held = False
        self.noted: datetime | None = None  # when the newest heartbeat that was answered was sent
        self.extended: list[str] = []  # trainings that got time back

    def clock(self) -> int:
        self.was_held = self.was_held or self.tide.held is not None
        return int(self.now.timestamp() * 1e6)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def session(self, command: SessionCommand) -> Message:
        """Stands for all sessions."""
        assert isinstance(command, ExtendTime)
        self.extended.append(command.training)
        return Done()

    async def started(self, training: str) -> str:
        """The event of a training in the contest, as JSON."""
        contest: int = await self.hand.fetchval("SELECT id FROM contests")
        return json.dumps({"type": "started", "training": training, "contest": contest})

    async def until(self, reached: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(SOON):
            while not await reached():
                await asyncio.sleep(0.02)

    async def held(self, wanted: bool) -> None:
        async def reached() -> bool:
            return (self.tide.held is not None) == wanted

        await self.until(reached)

    async def beaten(self) -> None:
        """Let a second pass, and wait until a heartbeat is noted after it."""
        self.later(1.0)

        async def reached() -> bool:
            return self.noted == self.now

        await self.until(reached)

    async def given_back(self) -> list[tuple[datetime, datetime]]:
        rows = await self.hand.fetch("SELECT began, ended FROM outages WHERE contests <> '{}' ORDER BY id")
        return [(row["began"], row["ended"]) for row in rows]


@pytest.fixture
async def school(hand: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[School]:
    await hand.execute("TRUNCATE contests, outages, heartbeat CASCADE")
    await hand.execute(
        "INSERT INTO contests (plan, starts_at, ends_at, created_at)"
        " SELECT '{}', $1::timestamptz - interval '1 hour', $1::timestamptz + interval '1 hour', $1",
        NOON,
    )
    monkeypatch.setattr(timekeeper, "LEAST_MARGIN_SECONDS", 0.1)
    yield School(hand)
    await hand.execute("TRUNCATE contests, outages, heartbeat CASCADE")


@asynccontextmanager
async def at_work(
    school: School,
    pool: Pool,
    journal_url: str,
) -> AsyncIterator[ActorRef[StorageActor]]:
    """A timekeeper, and a storage actor that notes its heartbeats."""
    journal = Journal(journal_url)
    school.tide.head = await journal.open()
    storage = StorageActor.start(journal, pool, school.tide, lambda: None, most_waiting=100, group_size=100)

    async def beat(accepted: datetime, now: datetime) -> bool:
        contest_open: bool = await storage.ask(Beat(accepted, now), block=False)
        school.noted = now
        return contest_open

    keeper = Timekeeper(pool, school.clock, school.tide, school.session, beat)
    await keeper.begin()
    keeping = asyncio.create_task(keeper.keep())
    try:
        yield storage
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

        async def stop() -> None:
            await storage.stop(block=False)

        await stop()


@contextmanager
def stopped(processes: list[int]) -> Iterator[None]:
    """Meanwhile these processes stand still."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


async def _server(hand: asyncpg.Connection[asyncpg.Record]) -> list[int]:
    """PostgreSQL's processes that the service speaks to, now and when it connects anew."""
    rows = await hand.fetch("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'apo%'")
    status = Path(f"/proc/{hand.get_server_pid()}/status").read_text()
    postmaster = int(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])
    return [postmaster, *(row["pid"] for row in rows)]


async def test_a_start_that_cannot_put_the_clocks_right_yet_goes_on_trying_and_does_not_fail(
    pool: Pool, url: str, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timekeeper, "STEP_SECONDS", 0.2)
    async with AsyncExitStack() as locked:
        await locked.enter_async_context(school.hand.transaction())
        await school.hand.execute("LOCK TABLE outages IN ACCESS EXCLUSIVE MODE")
        async with at_work(school, pool, url):
            assert school.tide.held is not None
            await locked.aclose()
            await school.held(False)
    assert await school.hand.fetchval("SELECT bool_and(settled) FROM outages")


async def test_who_has_begun_gets_the_time_back_however_far_behind_the_read_models_are(
    pool: Pool, url: str, school: School
) -> None:
    await school.hand.execute(
        "INSERT INTO journal (user_id, seq, data) VALUES (7, 1, $1), (8, 1, $2)",
        await school.started("7-1"),
        await school.started("8-1"),
    )
    await school.hand.execute(
        "INSERT INTO checkpoints (relay, position) SELECT 'read models', position FROM journal WHERE user_id = 7"
    )
    async with at_work(school, pool, url):
        assert school.tide.held is None
        assert school.extended == ["8-1"]


async def test_who_is_missing_in_the_read_models_for_good_gets_the_time_back(
    pool: Pool, url: str, school: School
) -> None:
    await school.hand.execute("INSERT INTO journal (user_id, seq, data) VALUES (7, 1, $1)", await school.started("7-1"))
    await school.hand.execute("INSERT INTO checkpoints SELECT 'read models', max(position) FROM journal")
    await school.hand.execute(
        "INSERT INTO parked (relay, position, reason) SELECT 'read models', position, 'a fault' FROM journal"
    )
    async with at_work(school, pool, url):
        assert school.extended == ["7-1"]


async def test_who_was_just_beginning_gets_the_time_back(pool: Pool, url: str, school: School) -> None:
    async with at_work(school, pool, url) as storage:
        await school.beaten()
        async with school.hand.transaction():
            await school.hand.execute("LOCK TABLE journal IN EXCLUSIVE MODE")
            record = Record(7, 1, await school.started("7-1"))
            reply_to: EventLoopFuture[Message] = EventLoopFuture()
            session: ActorRef[Any] = storage  # only a failure would speak to it
            storage.tell(Append(7, (record,), Done(), reply_to, session, lambda: None))
            school.later(OUTAGE_SECONDS + 1)
            await school.held(True)
            await asyncio.sleep(0.3)  # those who are known already would have their time by now
        await school.held(False)
        assert "7-1" in school.extended


async def test_a_database_that_stands_still_stops_the_clocks_as_well(pool: Pool, url: str, school: School) -> None:
    async with at_work(school, pool, url):
        await school.beaten()
        began = school.now
        with stopped(await _server(school.hand)):
            school.later(OUTAGE_SECONDS / 2)  # a heartbeat is under way
            await asyncio.sleep(0.3)
            assert school.tide.held is None, "so far it may be slow"
            school.later(OUTAGE_SECONDS)
            await school.held(True)
        ended = school.now
        await school.held(False)
    covered = await school.hand.fetchval(
        "SELECT range_agg(tstzrange(began, ended)) @> tstzrange($1, $2) FROM outages", began, ended
    )
    assert covered, "also the time before the heartbeat that was under way when it stopped"


async def test_clocks_run_while_others_have_all_connections(pool: Pool, url: str, school: School) -> None:
    async with AsyncExitStack() as stack, at_work(school, pool, url):
        await school.beaten()
        school.was_held = False
        for _ in range(pool.get_max_size()):
            await stack.enter_async_context(pool.acquire())
        for _ in range(2 * int(OUTAGE_SECONDS)):
            await school.beaten()
        assert not school.was_held


async def test_a_heartbeat_whose_answer_is_lost_is_noted_by_a_new_connection(
    pool: Pool, url: str, school: School, tmp_path: Path
) -> None:
    async with LosingProxy(url, tmp_path) as proxy, at_work(school, pool, proxy.url):
        await school.beaten()
        before = await school.given_back()
        proxy.lose_next_answer = True
        school.later(1.0)

        async def lost_and_connected_anew() -> bool:
            return proxy.lost == 1 and school.tide.problem is None

        await school.until(lost_and_connected_anew)
        await school.beaten()
        assert await school.given_back() == before, "it was no longer than slowness is"


async def test_what_cannot_be_written_is_given_back_though_the_database_can_be_read(
    pool: Pool, url: str, school: School
) -> None:
    async with at_work(school, pool, url):
        await school.beaten()
        began = school.now
        async with school.hand.transaction():
            await school.hand.execute("LOCK TABLE heartbeat IN EXCLUSIVE MODE")
            school.later(OUTAGE_SECONDS + 1)
            await school.held(True)
        await school.held(False)
        outages = await school.given_back()
    assert outages[-1][0] <= began
    assert outages[-1][1] >= school.now


async def test_an_answer_that_was_late_itself_does_not_hide_the_time_it_took(
    pool: Pool, url: str, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is when the service stood still, and not the database."""
    async with at_work(school, pool, url):
        await school.beaten()
        began = school.now
        async with school.hand.transaction():
            await school.hand.execute("LOCK TABLE heartbeat IN EXCLUSIVE MODE")
            school.later(1.0)

            async def waits() -> bool:
                return bool(await school.hand.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

            await school.until(waits)
            monkeypatch.setattr(timekeeper, "LOOK_SECONDS", 1.0)  # the answer is there before the next look
            school.later(OUTAGE_SECONDS)

        async def given_back() -> bool:
            newest = (await school.given_back())[-1]
            return newest[0] <= began and newest[1] >= school.now

        await school.until(given_back)
