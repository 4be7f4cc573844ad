"""Relays on a real PostgreSQL, to destinations that fail in every way that a database can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import clickhouse_driver
import pytest
from pymongo.errors import OperationFailure

from actors import relay
from actors.relay import MOST_BEHIND, NOT_BEGUN, Destination, Gauge, Nudge, Reach, Relay
from actors.storage import Tide
from storage.clickhouse import activity
from storage.clickhouse.engine import ClickHouseError, connect
from storage.postgres.pool import Pool
from tests.clickhouse_server import ClickHouseServer

SOON = 20.0
TOO_LARGE = "SELECT sum(number) FROM numbers(10) SETTINGS max_memory_usage = 1"


class Place:
    """A destination in memory; `refuse` says what is wrong with a step, `skip_fails` how many skips fail."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.skipped: list[int] = []
        self.position = 0
        self.refuse: Callable[[int, int], Exception | None] = lambda after, upto: None
        self.skip_fails = 0

    def destination(self) -> Destination:
        return Destination("a place", self._checkpoint, self._advance, self._skip, 0.01, 100, self._redo)

    async def _checkpoint(self) -> int:
        return self.position

    async def _advance(self, after: int, upto: int) -> None:
        problem = self.refuse(after, upto)
        if problem is not None:
            raise problem
        self.steps.append((after, upto))
        self.position = upto

    async def _redo(self, position: int) -> None:
        self.steps.append((position - 1, position))

    async def _skip(self, after: int, upto: int) -> None:
        if self.skip_fails:
            self.skip_fails -= 1
            raise ClickHouseError("code 243: not enough space", transient=False)
        self.skipped.append(upto)
        self.position = upto


@asynccontextmanager
async def carrying(place: Place, pool: Pool, head: int) -> AsyncIterator[None]:
    tide = Tide()
    tide.head = head
    ref = Relay.start(place.destination(), pool, tide, Gauge("a place"))
    ref.tell(Nudge())
    try:
        yield
    finally:
        await ref.stop(block=False)


async def arrived(place: Place, position: int) -> None:
    async with asyncio.timeout(SOON):
        while place.position < position:
            await asyncio.sleep(0.01)


@pytest.fixture
async def head(hand: asyncpg.Connection[asyncpg.Record]) -> int:
    """The position of the last of ten events."""
    await hand.execute("INSERT INTO journal (user_id, seq, data) SELECT 1, n, '{}' FROM generate_series(1, 10) AS n")
    position: int = await hand.fetchval("SELECT max(position) FROM journal")
    return position


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BACKOFF_SECONDS", (0.01,) * 5)


async def test_a_relay_that_is_stopped_just_as_somebody_asks_for_figures_stops(pool: Pool, head: int) -> None:
    place, tide = Place(), Tide()
    tide.head = head
    ref = Relay.start(replace(place.destination(), pause=SOON * 10), pool, tide, Gauge("a place"))
    async with asyncio.timeout(SOON):
        while place.position < head:
            await asyncio.sleep(0.01)
        asked = ref.ask(Reach(head + 1), block=False)
        await ref.stop(block=False)
        await asked


async def test_an_event_that_is_refused_for_good_is_parked_and_the_others_arrive(
    pool: Pool, head: int, hand: asyncpg.Connection[asyncpg.Record]
) -> None:
    place = Place()
    place.refuse = lambda after, upto: ValueError("refused") if after < head - 3 <= upto else None
    async with carrying(place, pool, head):
        await arrived(place, head)
    assert place.skipped == [head - 3]
    parked = await hand.fetch("SELECT relay, position, reason FROM parked")
    assert [tuple(row) for row in parked] == [("a place", head - 3, "refused")]


@pytest.mark.parametrize(
    "problem",
    [
        asyncpg.NumericValueOutOfRangeError("out of range"),
        asyncpg.NotNullViolationError("a null"),
        OperationFailure("not a number", 14),
        ClickHouseError("code 53: wrong type", transient=False),
    ],
    ids=lambda problem: type(problem).__name__,
)
async def test_values_that_a_database_refuses_are_parked(pool: Pool, head: int, problem: Exception) -> None:
    place = Place()
    place.refuse = lambda after, upto: problem if after < head - 3 <= upto else None
    async with carrying(place, pool, head):
        await arrived(place, head)
    assert place.skipped == [head - 3]


async def test_a_relay_lives_on_when_even_parking_fails(pool: Pool, head: int) -> None:
    place = Place()
    place.skip_fails = 3
    place.refuse = lambda after, upto: ValueError("refused") if after < head - 3 <= upto else None
    async with carrying(place, pool, head):
        await arrived(place, head)
    assert place.skipped == [head - 3]


@pytest.mark.parametrize(
    "problem",
    [
        TimeoutError("away"),
        asyncpg.InsufficientPrivilegeError("permission denied for table answers"),
        asyncpg.UndefinedTableError("there is no table answers"),
        OperationFailure("not authorized on apo", 13),
        OperationFailure("no space is left", 14031),
    ],
    ids=lambda problem: type(problem).__name__,
)
async def test_a_database_that_is_away_or_not_in_order_is_waited_for_and_nothing_is_parked(
    pool: Pool, head: int, hand: asyncpg.Connection[asyncpg.Record], problem: Exception
) -> None:
    place = Place()
    away = iter([problem] * 30)
    place.refuse = lambda after, upto: next(away, None)
    async with carrying(place, pool, head):
        await arrived(place, head)
    assert place.skipped == []
    assert await hand.fetchval("SELECT count(*) FROM parked") == 0


async def test_a_long_outage_does_not_shorten_the_patience_with_what_is_refused(pool: Pool, head: int) -> None:
    place = Place()
    troubles = iter([TimeoutError("away")] * 20 + [ValueError("refused")] * 4)
    place.refuse = lambda after, upto: next(troubles, None)
    async with carrying(place, pool, head):
        await arrived(place, head)
    assert place.skipped == []


def test_a_relay_tells_what_keeps_it_or_that_it_is_far_behind() -> None:
    gauge = Gauge("a place")
    assert gauge.trouble(0) == NOT_BEGUN
    gauge.problem, gauge.position = None, 5
    assert gauge.trouble(5 + MOST_BEHIND) is None
    assert gauge.trouble(6 + MOST_BEHIND) == f"{MOST_BEHIND + 1} events behind"
    gauge.problem = "away"
    assert gauge.trouble(6 + MOST_BEHIND) == "away"


@pytest.mark.parametrize("full", [False, True])
async def test_only_wrong_values_are_refused_for_good_by_the_engine_inside(tmp_path: Path, full: bool) -> None:
    clickhouse = connect("", tmp_path)
    try:
        with pytest.raises(ClickHouseError) as raised:
            await clickhouse.query(TOO_LARGE if full else "SELECT toUInt8('no number')")
        assert raised.value.transient == full
    finally:
        await clickhouse.close()


async def test_activity_waits_for_an_insert_whose_connection_was_lost(tmp_path: Path) -> None:
    server = ClickHouseServer(tmp_path)
    await server.start()
    clickhouse = connect(server.url, tmp_path)
    try:
        await activity.migrate(clickhouse)
        lost = clickhouse_driver.Client.from_url(server.url)

        def begin() -> None:
            lost.connection.force_connect()
            lost.connection.send_query(f"INSERT INTO activity ({', '.join(activity.COLUMNS)}) VALUES")
            lost.connection.send_external_tables(None)
            lost.receive_sample_block()  # the server waits for the rows now

        await asyncio.to_thread(begin)
        with pytest.raises(ClickHouseError) as raised:
            await activity.checkpoint(clickhouse)
        assert raised.value.transient
        await asyncio.to_thread(lost.disconnect)
        async with asyncio.timeout(SOON):
            while True:
                try:
                    assert await activity.checkpoint(clickhouse) == 0
                    break
                except ClickHouseError:
                    await asyncio.sleep(0.05)
    finally:
        await clickhouse.close()
        await server.kill()
