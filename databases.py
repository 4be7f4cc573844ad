"""The databases that the configuration names: embedded or servers, reached, migrated and prepared."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from asyncpg import InterfaceError, PostgresError
from pymongo.errors import PyMongoError

from settings import Server, Settings
from storage import is_transient
from storage.clickhouse.engine import ClickHouseError
from storage.data_folder import DataFolderBusy, DataFolderUnusable, Endpoints, attach
from storage.embedded import EngineFailed, Engines
from storage.mongo import client as mongo
from storage.mongo import questions
from storage.postgres import journal, pool
from storage.postgres.migrate import MigrationRefused, migrate

log = structlog.get_logger()


class Unusable(Exception):
    """A server or a port that the configuration names cannot be used: which one, why, and the mend."""


# What an administrator can mend: told in a sentence, not by a stack trace.
EXPECTED_FAILURES = (
    Unusable,
    DataFolderUnusable,
    EngineFailed,
    MigrationRefused,
    journal.WriterLockHeld,
    mongo.NoTransactions,
    OSError,
    PostgresError,
    InterfaceError,
    PyMongoError,
    ClickHouseError,
)

# A server that is not there yet may come while a service waits; a person waits less gladly.
SERVICE_PATIENCE_SECONDS, COMMAND_PATIENCE_SECONDS = 60.0, 3.0
ATTACH_SECONDS = 60.0  # a service that is starting has its engines by then
ATTACH_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Connections:
    """The databases: migrated, prepared, answering."""

    postgres_url: str
    mongo_url: str
    postgres: pool.Pool
    client: mongo.Client
    database: mongo.Database


@asynccontextmanager
async def addresses(settings: Settings, *, own_folder: bool) -> AsyncIterator[tuple[str, str]]:
    """The URLs of PostgreSQL and MongoDB: the servers that are configured, embedded engines where none is.

    A service must have the data folder for itself (`own_folder`); a command makes do with the engines of a
    service that runs, and without one starts them for its own time.
    """
    postgres_url = settings.postgres.url.get_secret_value()
    mongo_url = settings.mongo.url.get_secret_value()
    async with AsyncExitStack() as stack:
        if not (postgres_url and mongo_url):
            engines = Engines(settings.storage.path, postgres=not postgres_url, mongo=not mongo_url, shared=own_folder)
            if own_folder:
                endpoints = await stack.enter_async_context(engines)
            else:
                endpoints = await _attach_or_start(settings.storage.path, engines, stack)
            postgres_url = postgres_url or endpoints.postgres_url
            mongo_url = mongo_url or endpoints.mongo_url
        yield postgres_url, mongo_url


async def _attach_or_start(path: Path, engines: Engines, stack: AsyncExitStack) -> Endpoints:
    deadline = time.monotonic() + ATTACH_SECONDS
    while True:
        endpoints = attach(path)
        if endpoints is not None:
            return endpoints
        try:
            return await stack.enter_async_context(engines)
        except DataFolderBusy:  # another command has it, or a service that is just starting or stopping
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(ATTACH_PAUSE_SECONDS)


@asynccontextmanager
async def connections(settings: Settings, *, own_folder: bool) -> AsyncIterator[Connections]:
    """Connect to the databases of `addresses`, and bring them up to this version of the program."""
    async with AsyncExitStack() as stack:
        postgres_url, mongo_url = await stack.enter_async_context(addresses(settings, own_folder=own_folder))
        try:
            patience = SERVICE_PATIENCE_SECONDS if own_folder else COMMAND_PATIENCE_SECONDS
            pg = await pool.open_pool(postgres_url, patience=patience)
        except (OSError, PostgresError, InterfaceError) as error:
            raise Unusable(trouble("postgres", settings.postgres, error)) from error
        stack.push_async_callback(_close_pool, pg)
        for name in await migrate(postgres_url, lambda name: log.info("migrating", step=name)):
            log.info("migrated", step=name)
        client = mongo.connect(mongo_url)
        stack.callback(client.close)
        database = mongo.database(client)
        try:
            await _patiently("mongo", lambda: mongo.require_transactions(client), patience)
            await questions.prepare(database)
        except PyMongoError as error:
            raise Unusable(trouble("mongo", settings.mongo, error)) from error
        yield Connections(postgres_url, mongo_url, pg, client, database)


def trouble(section: str, server: Server, error: Exception) -> str:
    """What is wrong with a database, in a sentence that names where it is, but not its password."""
    # pymongo goes on with its timeouts and its whole topology.
    why = re.split(r" \(configured timeouts|, Timeout: ", str(error))[0] or type(error).__name__
    where = f" at {server.place}" if server.place else ""
    mend = f"see that it runs, and that [{section}] url is right" if server.place else "look at its log"
    return f"{section}{where} cannot be used: {why}; {mend}"


async def _close_pool(pg: pool.Pool) -> None:
    try:
        await asyncio.wait_for(pg.close(), 5.0)
    except TimeoutError:
        pg.terminate()


async def _patiently(engine: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Try until it works; what is still wrong after `seconds` is raised."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await work()
            return
        except Exception as error:
            if not is_transient(error) or time.monotonic() > deadline:
                raise
            log.warning("waiting for a database", engine=engine, error=str(error))
            await asyncio.sleep(1.0)
