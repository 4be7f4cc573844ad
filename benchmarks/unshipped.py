"""The service that keeps its log to itself: `python -m benchmarks.unshipped`, to be compared with one that ships it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import service
from main import main
from storage.clickhouse.engine import ClickHouse


@asynccontextmanager
async def _kept(engine: ClickHouse) -> AsyncIterator[None]:
    yield


if __name__ == "__main__":
    service._shipping_logs = _kept
    sys.exit(main(["serve"]))
