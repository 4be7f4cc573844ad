"""What is kept of who was sent what: for a while after the end, and never longer than the person."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest

from actors.broadcast_desk import KEPT
from protocols import messages as m
from protocols.messages.outcomes import Blocked, Failed
from storage.postgres import accounts
from storage.postgres import broadcasts as sql
from storage.postgres.pool import transaction
from tests.broadcasts.stand import ADMIN, REAL_SECONDS, Stand


async def kept(stand: Stand, broadcast: int) -> int:
    count: int = await stand.hand("SELECT count(*) FROM deliveries WHERE broadcast_id = $1", broadcast)
    return count


async def sent(stand: Stand) -> int:
    """A broadcast to its end: one has it, one has blocked the bot, and for one it failed."""
    await stand.people(1, 2, 3)
    stand.telegram.refuses = {1: Blocked(), 2: Failed(reason="PEER_ID_INVALID")}
    stand.start()
    await stand.begin(broadcast := await stand.create())
    await stand.finished(broadcast)
    return broadcast


async def test_long_after_the_end_deliveries_go_and_the_counts_stay(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "PURGED_AT_ONCE", 2)
    broadcast = await sent(stand)
    report = await stand.show(broadcast)
    stand.time.seconds += KEPT.total_seconds() + 1
    await stand.desk.purge()
    assert await kept(stand, broadcast) == 0
    assert await stand.show(broadcast) == report


async def test_soon_after_the_end_deliveries_are_still_there(stand: Stand) -> None:
    broadcast = await sent(stand)
    stand.time.seconds += (KEPT - timedelta(days=1)).total_seconds()
    await stand.desk.purge()
    assert await kept(stand, broadcast) == 3


async def test_what_was_cancelled_is_purged_as_well(stand: Stand) -> None:
    await stand.people(1, 2)
    stand.start(courier=False)
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: broadcast in stand.live.jobs and stand.live.jobs[broadcast].exhausted)
    await stand.ask(m.CancelBroadcast(user=ADMIN, broadcast=broadcast))
    stand.time.seconds += KEPT.total_seconds() + 1
    await stand.desk.purge()
    assert await kept(stand, broadcast) == 0
    assert (await stand.show(broadcast)).left == 2


async def test_one_that_still_runs_keeps_its_deliveries_however_old_it_is(stand: Stand) -> None:
    await stand.people(1)
    stand.start(courier=False)
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: broadcast in stand.live.jobs and stand.live.jobs[broadcast].exhausted)
    stand.time.seconds += 2 * KEPT.total_seconds()
    await stand.desk.purge()
    assert await kept(stand, broadcast) == 1


@pytest.mark.parametrize("first", ["erased", "listed"])
async def test_who_is_erased_while_recipients_are_listed_is_not_among_them(stand: Stand, first: str) -> None:
    """Whichever of the two is done first: the other one began before that."""
    await stand.people(1, 2)
    broadcast = await stand.create()
    await stand.hand("UPDATE broadcasts SET state = 'running' WHERE id = $1", broadcast)
    async with contextlib.AsyncExitStack() as listing, contextlib.AsyncExitStack() as erasing:
        eraser = await erasing.enter_async_context(transaction(stand.pool))
        lister = await listing.enter_async_context(transaction(stand.pool))
        if first == "erased":
            await accounts.erase(eraser, 1)
            listed = asyncio.create_task(sql._list_deliveries(lister, broadcast, stand.time.datetime()))
            await waiting_for_a_lock(stand)
            await erasing.aclose()
            await asyncio.wait_for(listed, REAL_SECONDS)
            await listing.aclose()
        else:
            await sql._list_deliveries(lister, broadcast, stand.time.datetime())
            erased = asyncio.create_task(accounts.erase(eraser, 1))
            await waiting_for_a_lock(stand)
            await listing.aclose()
            await asyncio.wait_for(erased, REAL_SECONDS)
            await erasing.aclose()
    assert await stand.hand("SELECT array_agg(telegram_id) FROM deliveries") == [2]
    stand.start()
    told = await stand.finished(broadcast)
    assert (told.sent, told.left) == (1, 0)


async def waiting_for_a_lock(stand: Stand) -> None:
    async with asyncio.timeout(REAL_SECONDS):
        while not await stand.hand("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            await asyncio.sleep(0.002)
