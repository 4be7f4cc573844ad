"""Carries the log to ClickHouse, and never makes anybody wait for it: what finds no room is dropped and counted."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

import orjson

from actors import metrics
from storage.clickhouse.engine import ClickHouse, ClickHouseError

MOST_LINES: Final = 10_000  # that wait; a line has some hundred bytes
AT_ONCE: Final = 1_000
SHIP_SECONDS: Final = 2.0
LAST_SECONDS: Final = 2.0
COLUMNS: Final = ("at", "microseconds", "level", "logger", "event", "fields")
# What has a column, or what another handler has left in the record.
_OWN: Final = frozenset({"event", "level", "timestamp", "message"})


class LogShipper(logging.Handler):
    """A handler of the standard library's logging; `formatter` makes JSON of a record.

    A line is stored at most once: a batch whose outcome is not known is given up. While ClickHouse does not answer at
    all, lines wait as long as there is room.
    """

    def __init__(self, clickhouse: ClickHouse, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._clickhouse = clickhouse
        self._lines: deque[tuple[float, str, str, str]] = deque()

    def emit(self, record: logging.LogRecord) -> None:
        """May be called from any thread."""
        if len(self._lines) >= MOST_LINES:
            metrics.LOG_LINES_DROPPED.inc()
            return
        try:
            self._lines.append((record.created, record.levelname.lower(), record.name, self.format(record)))
        except Exception:  # a value that cannot even be told; as other handlers do
            self.handleError(record)

    async def ship(self) -> None:
        """Carry lines for ever."""
        while True:
            await asyncio.sleep(SHIP_SECONDS)
            await self._ship_all()

    async def finish(self) -> None:
        """Carry what is left, in short time or not at all."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._ship_all()
        except TimeoutError:
            metrics.LOG_LINES_DROPPED.inc(len(self._lines))

    async def _ship_all(self) -> None:
        while self._lines:
            try:
                await self._clickhouse.query("SELECT 1 FROM logs LIMIT 1")
            except ClickHouseError:
                return  # lines wait; others tell of the outage
            batch = [self._lines.popleft() for _ in range(min(AT_ONCE, len(self._lines)))]
            stored = False
            try:
                await self._clickhouse.insert("logs", COLUMNS, [_row(*line) for line in batch])
                stored = True
            except ClickHouseError:
                return
            finally:
                (metrics.LOG_LINES_SHIPPED if stored else metrics.LOG_LINES_DROPPED).inc(len(batch))


def _row(created: float, level: str, logger: str, line: str) -> tuple[object, ...]:
    try:
        told = orjson.loads(line)
    except ValueError:  # NaN, or half of a surrogate pair: no line may end the service
        told = {"event": line.encode("utf-8", "backslashreplace").decode()}
    fields = {name: value for name, value in told.items() if name not in _OWN}
    seconds = int(created)
    microseconds = int((created - seconds) * 1_000_000)
    return (seconds, microseconds, level, logger, str(told.get("event", "")), orjson.dumps(fields).decode())
