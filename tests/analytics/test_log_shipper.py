"""The log in ClickHouse: whole and without secrets, or dropped and counted, and nobody waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

import orjson
import pytest
from prometheus_client import REGISTRY

import logs
from actors import log_shipper
from actors.log_shipper import AT_ONCE, MOST_LINES, LogShipper
from storage.clickhouse.engine import ClickHouse, ClickHouseError, Value

LINES = "SELECT level, logger, event, fields FROM logs ORDER BY at, microseconds, event"


class Trouble:
    """ClickHouse in trouble: `down` answers nothing, `refusing` breaks in inserts, and either may end."""

    def __init__(self) -> None:
        self.down = self.refusing = self.slow = False
        self.stored: list[Sequence[object]] = []

    async def execute(self, sql: str) -> None:
        raise AssertionError("nothing to be executed")

    async def query(self, sql: str) -> list[tuple[Value, ...]]:
        if self.down:
            raise ClickHouseError("it is down", transient=True)
        return []

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        if self.slow:
            await asyncio.Event().wait()
        if self.refusing:
            raise ClickHouseError("the connection is lost", transient=True)
        self.stored += rows

    async def insert_json(self, table: str, columns: Sequence[str], lines: str) -> None:
        raise AssertionError("no log is written beforehand")

    async def close(self) -> None: ...


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.shipped")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def shipper(clickhouse: ClickHouse, logger: logging.Logger) -> LogShipper:
    one = LogShipper(clickhouse, logs.json_formatter())
    logger.handlers[:] = [one]  # without pytest's: half a letter in what it tells ends a run on several processes
    return one


def count(name: str) -> float:
    return REGISTRY.get_sample_value(f"apo_log_lines_{name}_total") or 0.0


async def test_a_line_that_is_no_json_is_stored_as_it_is(logger: logging.Logger) -> None:
    trouble = Trouble()
    one = shipper(trouble, logger)
    logger.info("not a number", extra={"seconds": float("nan")})
    logger.info("half a letter: \ud800")
    logger.info("it goes on")
    await one.finish()
    events = [str(row[4]) for row in trouble.stored]
    assert "not a number" in events[0]
    assert "half a letter: \\ud800" in events[1]
    assert events[2] == "it goes on"


async def test_lines_are_stored_with_their_fields_and_without_secrets(
    empty: ClickHouse, logger: logging.Logger
) -> None:
    one = shipper(empty, logger)
    logger.info("it begins", extra={"place": "here", "password": "hush"})
    logger.warning("postgres://apo:hush@db.example does not answer")
    try:
        raise ValueError("a wrong value")
    except ValueError:
        logger.exception("it fails")
    await one.finish()
    stored = await empty.query(LINES)
    assert [row[:3] for row in stored] == [
        ("info", "tests.shipped", "it begins"),
        ("warning", "tests.shipped", "postgres://apo:…@db.example does not answer"),
        ("error", "tests.shipped", "it fails"),
    ]
    assert orjson.loads(str(stored[0][3])) == {"place": "here", "password": "…"}
    assert "ValueError: a wrong value" in orjson.loads(str(stored[2][3]))["exception"]
    assert "hush" not in str(stored)


async def test_lines_wait_while_clickhouse_is_down_and_arrive_once(logger: logging.Logger) -> None:
    trouble = Trouble()
    one = shipper(trouble, logger)
    trouble.down = True
    for number in range(AT_ONCE + 5):
        logger.info("line %d", number)
        if number % 500 == 0:
            await one.finish()
    trouble.down = False
    await one.finish()
    assert [row[4] for row in trouble.stored] == [f"line {number}" for number in range(AT_ONCE + 5)]


async def test_what_finds_no_room_is_dropped_and_counted(logger: logging.Logger) -> None:
    trouble = Trouble()
    one = shipper(trouble, logger)
    trouble.down = True
    before = count("dropped")
    for number in range(MOST_LINES + 50):
        logger.info("line %d", number)
    assert count("dropped") - before == 50
    trouble.down = False
    await one.finish()
    assert len(trouble.stored) == MOST_LINES


async def test_a_batch_whose_outcome_is_not_known_is_given_up_and_counted(logger: logging.Logger) -> None:
    trouble = Trouble()
    one = shipper(trouble, logger)
    logger.info("lost")
    trouble.refusing = True
    before = count("dropped")
    await one.finish()
    assert count("dropped") - before == 1
    trouble.refusing = False
    logger.info("next")
    await one.finish()
    assert [row[4] for row in trouble.stored] == ["next"]


async def test_a_clickhouse_that_never_answers_keeps_nobody(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_shipper, "SHIP_SECONDS", 0.0)
    trouble = Trouble()
    trouble.slow = True
    one = shipper(trouble, logger)
    work = asyncio.create_task(one.ship())
    for number in range(MOST_LINES + 2 * AT_ONCE):
        logger.info("line %d", number)
        if number % 1000 == 0:
            await asyncio.sleep(0)
    assert not work.done()
    assert len(one._lines) <= MOST_LINES
    work.cancel()


async def test_what_cannot_be_stored_in_time_at_the_end_is_counted(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_shipper, "LAST_SECONDS", 0.01)
    trouble = Trouble()
    trouble.slow = True
    one = shipper(trouble, logger)
    for number in range(AT_ONCE + 7):
        logger.info("line %d", number)
    before = count("dropped")
    await one.finish()
    assert count("dropped") - before == AT_ONCE + 7
