"""What is in memory and what is in the database never part for long, whatever is lost or overtaken on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from protocols import messages as m
from storage.postgres import broadcasts as sql
from tests.broadcasts.stand import ADMIN, REAL_SECONDS, Stand

PEOPLE = range(1, 201)
Query = Callable[..., Awaitable[Any]]


class Held:
    """A query whose answer, once it was given by the database, arrives only when it is let go."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self.holding = False
        self.answered, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, *values: Any) -> Any:
        answer = await self._query(*values)
        if answer and self.holding:
            self.holding = False
            self.answered.set()
            await self.go.wait()
        return answer


def losing(query: Query) -> Query:
    """The query, done by the database, whose answer never arrives."""

    async def lose(*values: Any) -> Any:
        await query(*values)
        raise ConnectionResetError

    return lose


async def another(stand: Stand) -> None:
    """Another broadcast, from its beginning to its end."""
    await stand.begin(other := await stand.create("Another"))
    await stand.finished(other)


def those_who_have(stand: Stand, text: str) -> int:
    return sum(text in chat.values() for chat in stand.telegram.chats.values())


@pytest.mark.parametrize("command", [m.CancelBroadcast, m.PauseBroadcast])
async def test_what_was_stopped_stops_though_the_answer_was_lost(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, command: type[m.BroadcastCommand]
) -> None:
    await stand.people(*PEOPLE)
    stand.time.stop = 2.0
    stand.start()
    await stand.begin(broadcast := await stand.create("One"))
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) >= 40)
    with monkeypatch.context() as patched:
        patched.setattr(sql, "move", losing(sql.move))
        with pytest.raises(ConnectionResetError):
            await stand.ask(command(user=ADMIN, broadcast=broadcast))
    had = those_who_have(stand, "One")
    stand.time.stop = 1_000.0
    await another(stand)
    assert those_who_have(stand, "One") == had < 60


async def test_what_was_resumed_goes_on_though_the_answer_was_lost(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.people(*PEOPLE)
    stand.start(courier=True, rate=1_000)
    stand.time.stop = 0.01
    await stand.begin(broadcast := await stand.create("One"))
    await stand.ask(m.PauseBroadcast(user=ADMIN, broadcast=broadcast))
    with monkeypatch.context() as patched:
        patched.setattr(sql, "move", losing(sql.move))
        with pytest.raises(ConnectionResetError):
            await stand.ask(m.ResumeBroadcast(user=ADMIN, broadcast=broadcast))
    stand.time.stop = 1_000.0
    assert (await stand.finished(broadcast)).sent == len(PEOPLE)


@pytest.mark.parametrize("command", [m.CancelBroadcast, m.PauseBroadcast])
async def test_what_was_stopped_while_it_was_looked_up_is_not_taken_up(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, command: type[m.BroadcastCommand]
) -> None:
    await stand.people(*PEOPLE)
    held = Held(sql.states)
    monkeypatch.setattr(sql, "states", held)
    stand.time.stop = 0.0
    stand.start()
    broadcast = await stand.create("One")
    held.holding = True
    await stand.begin(broadcast)
    await asyncio.wait_for(held.answered.wait(), REAL_SECONDS)
    await stand.ask(command(user=ADMIN, broadcast=broadcast))
    held.go.set()
    stand.time.stop = 1_000.0
    await another(stand)
    assert those_who_have(stand, "One") == 0
    assert broadcast not in stand.live.jobs


async def test_whom_it_goes_to_is_not_read_once_it_is_stopped(stand: Stand) -> None:
    await stand.people(1)
    stand.start(courier=False)
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: broadcast in stand.live.jobs and stand.live.jobs[broadcast].exhausted)
    assert len(await sql.recipients(stand.pool, broadcast, 0, 10)) == 1
    await stand.hand("UPDATE broadcasts SET state = 'paused'")
    assert await sql.recipients(stand.pool, broadcast, 0, 10) == []


async def test_one_that_was_stopped_behind_its_back_is_let_go_without_asking_again_and_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.people(1)
    asked = 0
    finish = sql.finish

    async def counted(*values: Any) -> Any:
        nonlocal asked
        asked += 1
        return await finish(*values)

    monkeypatch.setattr(sql, "finish", counted)
    stand.time.stop = 0.0
    stand.start()
    gate = stand.telegram.gate = asyncio.Event()
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) == 1)
    await stand.still()  # the next look is later than the end of this test
    await stand.hand("UPDATE broadcasts SET state = 'cancelled'")
    stand.time.stop = 20.0
    gate.set()
    await stand.until(broadcast, lambda _: broadcast not in stand.live.jobs)
    assert asked == 1


async def test_one_with_somebody_left_after_all_is_read_from_its_beginning_after_a_rest(stand: Stand) -> None:
    await stand.people(2, 3)
    stand.time.stop = 0.0
    stand.start()
    gate = stand.telegram.gate = asyncio.Event()
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) == 1)
    await stand.people(1)
    await stand.hand("INSERT INTO deliveries (broadcast_id, telegram_id) VALUES ($1, 1)", broadcast)
    await stand.hand("UPDATE broadcasts SET recipients = 3")
    stand.time.stop = 100.0
    gate.set()
    assert (await stand.finished(broadcast)).sent == 3
    assert [telegram for _, telegram in stand.telegram.calls] == [2, 3, 1]
