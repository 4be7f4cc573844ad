"""The connection to MongoDB: a replica set, because transactions need one."""

from __future__ import annotations

from typing import Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

# Documents are schemaless by nature; each collection's module says what its documents hold.
Database: TypeAlias = AsyncIOMotorDatabase[dict[str, Any]]
Client: TypeAlias = AsyncIOMotorClient[dict[str, Any]]

TIMEOUT_MS = 10_000

# Codes of what neither a later try nor an administrator can make succeed: bad values and types, documents that are too
# large or do not pass a check, and keys that exist already.
WRONG_VALUES = frozenset({2, 9, 14, 22, 28, 121, 10334, 11000, 17419})


class NoTransactions(Exception):
    """The server is not a member of a replica set."""


def connect(url: str) -> Client:
    """A client that waits at most ten seconds for anything, and acknowledges only what a majority has journaled."""
    return AsyncIOMotorClient(
        url,
        appname="apo",
        serverSelectionTimeoutMS=3_000,
        connectTimeoutMS=3_000,
        timeoutMS=TIMEOUT_MS,
        maxPoolSize=8,
        retryWrites=True,
        tz_aware=True,
    )


def database(client: Client) -> Database:
    """The service's own database: the one that the URL names, or `apo`."""
    found: Database = client.get_default_database(
        "apo",
        write_concern=WriteConcern("majority", j=True),
        read_concern=ReadConcern("majority"),
    )
    return found


async def require_transactions(client: Client) -> None:
    """Raises NoTransactions where the server is neither a member of a replica set nor a router to some."""
    hello = await client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise NoTransactions(
            "MongoDB is not a replica set, which transactions need, though one member is enough: "
            "start mongod with --replSet NAME and run rs.initiate() in mongosh, once"
        )


def is_transient(error: Exception) -> bool:
    """Whether the same may well succeed a little later."""
    if isinstance(error, (ConnectionFailure, AutoReconnect, NetworkTimeout, ExecutionTimeout)):
        return True
    return isinstance(error, PyMongoError) and (error.timeout or error.has_error_label("TransientTransactionError"))


def refuses_values(error: PyMongoError) -> bool:
    """Whether the values were wrong, and not the server."""
    return isinstance(error, OperationFailure) and error.code in WRONG_VALUES
