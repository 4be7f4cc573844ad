"""Supervisor and sessions, on a real PostgreSQL: bounded, passivated, restarted, never two of one user."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from actors import storage
from actors import supervisor as supervising
from actors.runtime import EventLoopRef
from actors.session import Surroundings
from actors.storage import StorageActor, Tide
from actors.supervisor import Failed, Sessions, Supervisor, ToSessions
from protocols.messages import Done, Message, SetFavorite, Unavailable
from storage.postgres.journal import Journal
from storage.postgres.pool import Pool
from tests.postgres.stand import small_bank

SOON = 15.0
MAILBOX = 8


@dataclass
class House:
    supervisor: EventLoopRef[Supervisor]
    to_sessions: ToSessions

    async def favorite(self, user: int, favorite: bool, question: int = 1) -> Message:
        command = SetFavorite(user=user, question=question, favorite=favorite)
        return await asyncio.wait_for(self.to_sessions.ask(command), SOON)


@asynccontextmanager
async def house(url: str, pool: Pool, idle_seconds: float = 1_000.0) -> AsyncIterator[House]:
    journal = Journal(url)
    tide = Tide()
    tide.head = await journal.open()
    storage = StorageActor.start(journal, pool, tide, lambda: None, most_waiting=10_000, group_size=1_000)
    around = Surroundings(storage, small_bank(), lambda: 1_700_000_000_000_000, random.SystemRandom(), MAILBOX)
    sessions = Sessions()
    supervisor = Supervisor.start(around, sessions, idle_seconds)
    try:
        yield House(supervisor, ToSessions(supervisor, sessions, tide))
    finally:
        await _await(supervisor.stop(block=False))
        await _await(storage.stop(block=False))


async def _await(work: Awaitable[object]) -> object:
    return await work


async def _told(work: Awaitable[Message]) -> bool:
    try:
        return isinstance(await work, Done)
    except Unavailable:
        return False


async def gapless(hand: asyncpg.Connection[asyncpg.Record]) -> dict[int, int]:
    """How many events each user has; fails where one is missing."""
    rows = await hand.fetch("SELECT user_id, count(*) AS n, min(seq), max(seq) FROM journal GROUP BY 1")
    assert all(row["min"] == 1 and row["max"] == row["n"] for row in rows)
    return {row["user_id"]: row["n"] for row in rows}


async def test_a_full_mailbox_refuses_at_once_and_harms_nobody(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with house(url, pool) as it:
        async with hand.transaction():
            await hand.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")  # the session cannot be loaded
            flood = [asyncio.create_task(_told(it.favorite(1, favorite=True))) for _ in range(MAILBOX + 50)]
            done, _ = await asyncio.wait(flood, timeout=1.0)
            assert len(done) >= 50, "what finds no room is told so without waiting"
            assert not any(task.result() for task in done)
        assert sum(await asyncio.gather(*flood)) == MAILBOX
        assert await _told(it.favorite(2, favorite=True)), "another user's session is started"
        assert await gapless(hand) == {1: 1, 2: 1}


async def test_too_many_unanswered_commands_of_one_user_are_refused_at_once(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with house(url, pool) as it:
        await it.favorite(1, favorite=True)
        async with hand.transaction():
            await hand.execute("LOCK TABLE journal IN EXCLUSIVE MODE")  # nothing can be committed
            flood = [asyncio.create_task(_told(it.favorite(1, favorite=n % 2 == 1))) for n in range(MAILBOX + 50)]
            done, _ = await asyncio.wait(flood, timeout=1.0)
            assert len(done) == 50
            assert not any(task.result() for task in done)
        assert sum(await asyncio.gather(*flood)) == MAILBOX
        assert await _told(it.favorite(1, favorite=True)), "it goes on when they are answered"


async def test_a_session_that_failed_often_is_still_only_backed_off(url: str, pool: Pool) -> None:
    async with house(url, pool) as it:
        for _ in range(3_000):
            it.supervisor.tell(Failed(1))
        assert not await _told(it.favorite(1, favorite=True))
        assert await _told(it.favorite(2, favorite=True))


async def test_a_session_that_could_not_be_loaded_is_loaded_as_soon_as_that_can_be(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LOAD_SECONDS", 0.1)
    async with house(url, pool) as it:
        async with hand.transaction():
            await hand.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
            for _ in range(3):
                assert not await _told(it.favorite(1, favorite=True))
        monkeypatch.undo()
        assert await _told(it.favorite(1, favorite=True)), "the user has done nothing that they had to wait for"


async def test_many_commands_of_one_failed_session_count_as_one_failure(url: str, pool: Pool) -> None:
    async with house(url, pool) as it:
        for _ in range(MAILBOX):
            it.supervisor.tell(Failed(1))
        with pytest.raises(Unavailable) as refused:
            await it.favorite(1, favorite=True)
        assert refused.value.retry_after <= 2


async def test_passivation_under_load_loses_and_doubles_nothing(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "PASSIVATED_AT_ONCE", 1)
    chance = random.Random(1)
    acknowledged = dict.fromkeys(range(1, 41), 0)

    async def student(user: int) -> None:
        for number in range(30):
            await asyncio.sleep(chance.random() * 0.04)
            assert await _told(it.favorite(user, favorite=number % 2 == 0)), "nothing is wrong here"
            acknowledged[user] += 1

    async with house(url, pool, idle_seconds=0.02) as it:
        await asyncio.gather(*map(student, acknowledged))
    assert await gapless(hand) == acknowledged
    assert await hand.fetchval("SELECT count(*) FROM snapshots") == len(acknowledged)


async def test_a_snapshot_is_used_and_one_of_another_version_is_left_aside(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with house(url, pool) as it:
        await it.favorite(1, favorite=True, question=1)
        await it.favorite(1, favorite=True, question=2)
    # The snapshot alone knows of question 2 now: whoever goes by it finds nothing to do.
    await hand.execute("UPDATE journal SET data = jsonb_set(data, '{favorite}', 'false') WHERE seq = 2")
    async with house(url, pool) as it:
        await it.favorite(1, favorite=True, question=2)
    assert await gapless(hand) == {1: 2}
    state = json.loads(await hand.fetchval("SELECT state FROM snapshots"))
    await hand.execute("UPDATE snapshots SET state = $1", json.dumps(state | {"version": 999}).encode())
    async with house(url, pool) as it:
        await it.favorite(1, favorite=True, question=2)
    assert await gapless(hand) == {1: 3}
    assert json.loads(await hand.fetchval("SELECT state FROM snapshots"))["version"] != 999


async def test_a_snapshot_of_another_version_is_replaced_though_nothing_was_added(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with house(url, pool) as it:
        await it.favorite(1, favorite=True)
    state = json.loads(await hand.fetchval("SELECT state FROM snapshots"))
    await hand.execute("UPDATE snapshots SET state = $1", json.dumps(state | {"version": 999}).encode())
    async with house(url, pool) as it:
        await it.favorite(1, favorite=True)  # it is so already
    assert json.loads(await hand.fetchval("SELECT state FROM snapshots")) == state


async def test_a_broken_journal_stops_its_user_only_and_heals_when_mended(
    url: str, pool: Pool, hand: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "LONGEST_BACKOFF_SECONDS", 0.5)
    await hand.execute("""INSERT INTO journal (user_id, seq, data) VALUES (1, 1, '{"type": "nonsense"}')""")
    async with house(url, pool) as it:
        for _ in range(5):
            assert not await _told(it.favorite(1, favorite=True))
            assert await _told(it.favorite(2, favorite=True))
        await hand.execute(
            "UPDATE journal SET data = $1::jsonb WHERE user_id = 1",
            json.dumps({"type": "favorite", "at": 1, "question": 2, "favorite": True}),
        )
        await asyncio.sleep(0.6)  # its backoff
        assert await _told(it.favorite(1, favorite=True))
    assert await gapless(hand) == {1: 2, 2: 1}
