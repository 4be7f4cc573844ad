"""Connections to PostgreSQL, and which of its errors mean "not now"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import asyncpg
import orjson
import structlog
from asyncpg import exceptions
from asyncpg.pool import PoolConnectionProxy

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

CONNECT_SECONDS = 5.0
ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 2.0

# The database is not reachable now, is going down or coming up, is full, or chose our transaction to give
# way: nothing was done, and the same may succeed later. A connection that broke during COMMIT is here too:
# whoever commits what must not happen twice looks the outcome up.
TRANSIENT: tuple[type[Exception], ...] = (
    OSError,  # TimeoutError among them
    exceptions.PostgresConnectionError,
    exceptions.InterfaceError,
    exceptions.OperatorInterventionError,  # shutdown, crash, starting up, statement cancelled
    exceptions.InsufficientResourcesError,  # too many connections, disk full
    exceptions.TransactionRollbackError,  # deadlock, serialization
    exceptions.LockNotAvailableError,
    exceptions.ReadOnlySQLTransactionError,  # a standby that is not yet promoted
    exceptions.InternalClientError,  # the protocol was cut in the middle
)

# What neither a later try nor an administrator can make succeed.
WRONG_VALUES: tuple[type[exceptions.PostgresError], ...] = (
    exceptions.DataError,
    exceptions.IntegrityConstraintViolationError,
    exceptions.ProgramLimitExceededError,
)

log = structlog.get_logger(__name__)


def is_transient(error: BaseException) -> bool:
    """Whether the database could not do it now. Values that asyncpg cannot encode are an InterfaceError, but
    a fault.
    """
    return isinstance(error, TRANSIENT) and not isinstance(error, ValueError)


def refuses_values(error: exceptions.PostgresError) -> bool:
    """Whether the values were wrong, and not the database."""
    return isinstance(error, WRONG_VALUES)


async def open_pool(url: str, *, size: int = 8, patience: float = 30.0) -> Pool:
    """A pool of at most `size` connections; while the database is not reachable it tries again for
    `patience` seconds.

    Raises what the last attempt raised: is_transient when it never answered, else what is wrong with the URL
    or the rights.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    pause = 0.1
    while True:
        # None are held ready: asyncpg would tell the log a traceback for each that it cannot restore in an
        # outage.
        pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=size,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            init=_prepare,
            server_settings={"application_name": "apo", "timezone": "UTC"},
        )
        try:
            await pool
            await pool.execute("SELECT 1")
        except Exception as error:
            pool.terminate()
            if not is_transient(error) or loop.time() + pause > deadline:
                raise
            log.warning("database does not answer yet", engine="postgres", problem=repr(error), next_try_in=pause)
        else:
            return pool
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def transaction(
    pool: Pool,
    isolation: Literal["read_committed", "repeatable_read"] = "read_committed",
    readonly: bool = False,
) -> AsyncIterator[Connection]:
    """One transaction on a connection of the pool; waits for a free one at most ACQUIRE_SECONDS."""
    async with (
        pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
        connection.transaction(isolation=isolation, readonly=readonly),
    ):
        yield connection


async def _prepare(connection: Connection) -> None:
    # In the binary form a jsonb is its text after one byte, the version of the form, which is 1.
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
        format="binary",
    )
