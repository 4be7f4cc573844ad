"""Where things are kept: journal and read models, question bank, counters, activity, and the engines under them."""

from __future__ import annotations

from asyncpg import PostgresError
from pymongo.errors import PyMongoError

from storage.clickhouse.engine import ClickHouseError
from storage.mongo import client as _mongo
from storage.postgres import pool as _postgres


def is_transient(error: Exception) -> bool:
    """Whether a database could not do it now, and may well a little later."""
    if isinstance(error, ClickHouseError):
        return error.transient
    return _postgres.is_transient(error) or _mongo.is_transient(error)


def blames_values(error: Exception) -> bool:
    """Whether the values that were given are at fault, and not a database: the same will never succeed.

    False while a database is away, and also where somebody has to see to it: a right that was taken away, a missing
    table, a full disk.
    """
    if isinstance(error, PostgresError):
        return _postgres.refuses_values(error)
    if isinstance(error, PyMongoError):
        return _mongo.refuses_values(error)
    return not is_transient(error)
