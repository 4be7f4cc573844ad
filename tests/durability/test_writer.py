"""Storage actor and journal on a real PostgreSQL: what is acknowledged is durable, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from pykka import ActorRef

from actors import storage
from actors.runtime import EventLoopActor, EventLoopFuture
from actors.storage import Append, Load, StorageActor, Tide
from protocols.messages import Done, Message, Unavailable
from storage.postgres.journal import WRITER_LOCK, History, Journal, Record, WriterLockHeld
from storage.postgres.pool import Pool
from tests.durability.proxy import LosingProxy

SOON = 15.0
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'apo journal'"

T = TypeVar("T")


class Session(EventLoopActor):
    """Stands for a session: the storage actor only ever stops it."""

    registered = False

    def on_receive(self, message: object) -> None:
        raise TypeError(f"nothing is said to this session: {message!r}")


def _session() -> ActorRef[EventLoopActor]:
    session: ActorRef[Any] = Session.start()
    return session


@dataclass
class Bench:
    """A storage actor at work, and what tests say to it."""

    ref: ActorRef[StorageActor]
    tide: Tide

    def append(
        self, user: int, seq: int, data: str = "{}", session: ActorRef[EventLoopActor] | None = None
    ) -> EventLoopFuture[Message]:
        reply_to: EventLoopFuture[Message] = EventLoopFuture()
        self.ref.tell(Append(user, (Record(user, seq, data),), Done(), reply_to, session or _session(), lambda: None))
        return reply_to

    async def load(self, user: int) -> History:
        future: Awaitable[History] = self.ref.ask(Load(user), block=False)
        return await asyncio.wait_for(_await(future), SOON)


async def _await(future: Awaitable[T]) -> T:
    return await future


async def outcome(future: Awaitable[object]) -> bool:
    """Whether it was acknowledged; False: refused with 503."""
    try:
        await asyncio.wait_for(_await(future), SOON)
    except Unavailable:
        return False
    return True


@asynccontextmanager
async def bench(url: str, pool: Pool, group_size: int = 100) -> AsyncIterator[Bench]:
    journal = Journal(url)
    tide = Tide()
    tide.head = await journal.open()
    ref = StorageActor.start(journal, pool, tide, lambda: None, most_waiting=1_000, group_size=group_size)
    try:
        yield Bench(ref, tide)
    finally:
        await _await(ref.stop(block=False))


@asynccontextmanager
async def commits_held(hand: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[None]:
    """Meanwhile no commit into the journal comes to its end."""
    async with hand.transaction():
        await hand.execute("LOCK TABLE journal IN EXCLUSIVE MODE")
        yield


async def rows(hand: asyncpg.Connection[asyncpg.Record]) -> list[tuple[int, int]]:
    found = await hand.fetch("SELECT user_id, seq FROM journal WHERE user_id < 90 ORDER BY 1, 2")
    return [(row["user_id"], row["seq"]) for row in found]


async def gathered(a_bench: Bench, plug: int = 99) -> EventLoopFuture[Message]:
    """Start a commit that waits, so that what is said next goes into one group."""
    first = a_bench.append(plug, 1)
    await asyncio.sleep(0.05)
    return first


async def test_a_conflict_fails_its_user_and_nobody_else_of_the_group(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    await hand.execute("INSERT INTO journal (user_id, seq, data) VALUES (1, 1, '{}')")
    async with bench(url, pool) as it:
        async with commits_held(hand):
            await gathered(it)
            replies = [it.append(user, 1) for user in (2, 1, 3)]
        assert [await outcome(reply) for reply in replies] == [True, False, True]
        assert await rows(hand) == [(1, 1), (2, 1), (3, 1)]


async def test_two_sessions_of_one_user_in_one_group_are_not_both_acknowledged(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with bench(url, pool) as it:
        async with commits_held(hand):
            await gathered(it)
            replies = [it.append(1, 1, '{"a": 1}'), it.append(2, 1), it.append(1, 1, '{"a": 2}')]
        told = [await outcome(reply) for reply in replies]
        assert told[1]
        assert sum(told) <= 2
        kept = await hand.fetch("SELECT data::text AS data FROM journal WHERE user_id = 1")
        assert [row["data"] for row in kept] == [
            data
            for data, acknowledged in zip(('{"a": 1}', '{"a": 2}'), (told[0], told[2]), strict=True)
            if acknowledged
        ]


async def test_what_waits_behind_a_failed_commit_of_the_same_user_is_not_committed(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    await hand.execute("INSERT INTO journal (user_id, seq, data) VALUES (1, 1, '{}')")
    async with bench(url, pool, group_size=1) as it:
        session = _session()
        async with commits_held(hand):
            await gathered(it)
            replies = [it.append(1, seq, session=session) for seq in (1, 2, 3)]
        assert [await outcome(reply) for reply in replies] == [False, False, False]
        assert await rows(hand) == [(1, 1)]
        assert not session.is_alive()


async def test_events_that_the_database_refuses_fail_alone(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with bench(url, pool) as it:
        async with commits_held(hand):
            await gathered(it)
            replies = [
                it.append(user, seq, data)
                for user, seq, data in (
                    (1, 1, "{}"),
                    (2, 1, "{}"),
                    (3, 1, "no JSON"),
                    (4, 1, "{}"),
                    (5, 1, "no JSON"),
                    (5, 2, "{}"),
                )
            ]
        assert [await outcome(reply) for reply in replies] == [True, True, False, True, False, False]
        assert await outcome(it.append(6, 1)), "the storage actor goes on"
        assert await rows(hand) == [(1, 1), (2, 1), (4, 1), (6, 1)]


async def test_a_refused_user_goes_on_after_loading_what_is_durable(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with bench(url, pool) as it:
        assert await outcome(it.append(1, 1))
        assert not await outcome(it.append(1, 2, "no JSON"))
        assert not await outcome(it.append(1, 3))
        assert (await it.load(1)).events == ("{}",)
        assert await outcome(it.append(1, 2))
        assert await rows(hand) == [(1, 1), (1, 2)]


async def test_a_connection_lost_in_a_commit_is_looked_up_and_not_guessed(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    async with LosingProxy(url, tmp_path) as proxy, bench(proxy.url, pool) as it:
        for seq in range(1, 21, 2):
            assert await outcome(it.append(1, seq)), "by this the new connection knows the statement"
            proxy.lose_next_answer = True
            assert await outcome(it.append(1, seq + 1)), "it was committed: only the word of it was lost"
        assert proxy.lost == 10
        assert await rows(hand) == [(1, seq) for seq in range(1, 21)]


async def test_a_connection_lost_before_a_commit_acknowledges_nothing(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with bench(url, pool) as it:
        async with commits_held(hand):
            reply = it.append(1, 1)
            await asyncio.sleep(0.1)
            await hand.execute(CUT)
        assert await outcome(reply) == (await rows(hand) == [(1, 1)])
        for _ in range(100):
            if it.tide.problem is None:
                break
            await asyncio.sleep(0.05)
        assert (await it.load(1)).seq == 0


async def test_a_lock_that_was_given_without_our_hearing_of_it_is_taken_over(url: str, tmp_path: Path) -> None:
    async with LosingProxy(url, tmp_path) as proxy:
        journal = Journal(proxy.url)
        proxy.cut_off_after = 1  # that it is connected, and not that it has the lock
        with pytest.raises(asyncpg.PostgresConnectionError):
            await journal.open()
        await journal.open()
        await journal.close()


async def test_whoever_waits_for_a_session_is_told_soon_when_the_database_is_away(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "RECOVER_SECONDS", 0.2)
    thief = await asyncpg.connect(url)
    async with bench(url, pool) as it:
        stolen = asyncio.create_task(thief.execute("SELECT pg_advisory_lock($1)", WRITER_LOCK))
        async with commits_held(hand):
            append = it.append(1, 1)
            load = it.ref.ask(Load(2), block=False)  # in one group with the append
            await asyncio.sleep(0.1)
            await hand.execute(CUT)
        await stolen
        try:
            await outcome(append)
            await outcome(load)  # whichever it is: not silence
        finally:
            thief.terminate()
        for _ in range(100):
            if it.tide.problem is None:
                break
            await asyncio.sleep(0.1)
        assert await outcome(it.append(3, 1)), "it goes on when the other writer has gone"


async def test_another_writer_of_the_journal_is_refused(url: str, pool: Pool) -> None:
    async with bench(url, pool):
        with pytest.raises(WriterLockHeld):
            await Journal(url).open()


async def test_what_waits_is_bounded(url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]) -> None:
    async with bench(url, pool) as it:
        async with commits_held(hand):
            await gathered(it)
            replies = [it.append(user, 1) for user in range(1, 50)]
            loads: list[Awaitable[object]] = [it.ref.ask(Load(user), block=False) for user in range(1_000, 3_000)]
            last = it.append(3_001, 1)
            assert not await outcome(last), "refused at once"
        assert all([await outcome(reply) for reply in replies])
        told = [await outcome(load) for load in loads]
        assert not all(told)
        assert any(told)


async def test_what_was_let_in_before_an_outage_is_refused_when_its_session_is_loaded_only_after_it(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with bench(url, pool) as working:
        async with hand.transaction():
            await hand.execute("LOCK TABLE snapshots IN ACCESS EXCLUSIVE MODE")
            early = asyncio.create_task(outcome(working.load(1)))
            async with asyncio.timeout(SOON):
                while not await hand.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.02)
            working.tide.held = "the clocks of contests are being put right"
        assert not await early
        assert await working.load(1) == History(0, None, ()), "which is asked to put its clock right"
