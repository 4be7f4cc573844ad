"""Where things are kept: journal and read models, question bank, counters, activity, and the engines under them."""

from __future__ import annotations

from storage.clickhouse.engine import ClickHouseError
from storage.mongo import client as _mongo
from storage.postgres import pool as _postgres


def is_transient(error: Exception) -> bool:
    """Whether a database could not do it now, and may well a little later."""
    if isinstance(error, ClickHouseError):
        return error.transient
    return _postgres.is_transient(error) or _mongo.is_transient(error)
