"""What `check` looks at: each part by itself, so that one that is wrong does not hide the others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pymongo.errors import PyMongoError

from databases import EXPECTED_FAILURES, addresses, trouble
from settings import Settings, Telegram
from storage.clickhouse import engine as clickhouse
from storage.clickhouse.engine import ClickHouseError
from storage.data_folder import attach
from storage.mongo import client as mongo
from storage.postgres.migrate import MigrationRefused, pending

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0


@dataclass(frozen=True)
class Finding:
    """`text` says what was found, or what is wrong and what mends it."""

    part: str
    good: bool
    text: str


async def run(file: Path, settings: Settings) -> AsyncIterator[Finding]:
    """Check all that the service needs. Changes nothing, but starts embedded engines where none run."""
    yield Finding("configuration", True, str(file))
    embedded = not (settings.postgres.url.get_secret_value() and settings.mongo.url.get_secret_value())
    try:
        beside = embedded and attach(settings.storage.path) is not None
        async with addresses(settings, own_folder=False) as (postgres_url, mongo_url):
            if embedded:
                state = "a service runs in it" if beside else "no service runs in it"
                yield Finding("data folder", True, f"{settings.storage.path}, {state}")
            yield await _postgres(settings, postgres_url)
            for finding in await _mongo(settings, mongo_url):
                yield finding
    except EXPECTED_FAILURES as error:
        yield Finding("data folder", False, str(error))
        beside = False
    yield await _clickhouse(settings, beside)
    yield await _telegram(settings.telegram)


async def _postgres(settings: Settings, url: str) -> Finding:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS)
        try:
            version = await connection.fetchval("SHOW server_version")
            missing = await pending(connection)
        finally:
            await connection.close(timeout=CONNECT_SECONDS)
    except MigrationRefused as error:
        return Finding("PostgreSQL", False, str(error))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Finding("PostgreSQL", False, trouble("postgres", settings.postgres, error))
    migrated = "migrated"
    if missing:
        migrated = f"to be migrated: {', '.join(missing)} (the next start does it, or `migrate`)"
    return Finding("PostgreSQL", True, f"{version}, {settings.postgres.place or 'embedded'}, {migrated}")


async def _mongo(settings: Settings, url: str) -> list[Finding]:
    client = None
    try:
        client = mongo.connect(url)
        version = (await client.server_info())["version"]
        await mongo.require_transactions(client)
        database = mongo.database(client)
        subjects = await database.subjects.count_documents({})
        questions = await database.questions.count_documents({"archived": False})
    except mongo.NoTransactions as error:
        return [Finding("MongoDB", False, str(error))]
    except PyMongoError as error:
        return [Finding("MongoDB", False, trouble("mongo", settings.mongo, error))]
    finally:
        if client is not None:
            client.close()
    empty = "" if questions else "; `bank import FILE` fills it"
    if not questions and settings.bank.demo and not subjects:
        empty = "; the first start of the service imports the demo subjects"
    return [
        Finding("MongoDB", True, f"{version}, {settings.mongo.place or 'embedded'}, replica set"),
        Finding("bank", True, f"{subjects} subjects, {questions} questions{empty}"),
    ]


async def _clickhouse(settings: Settings, beside: bool) -> Finding:
    url = settings.clickhouse.url.get_secret_value()
    if not url:
        folder = settings.storage.path / "clickhouse"
        if beside:
            return Finding("ClickHouse", True, "inside the service that runs; its /readyz tells how it is")
        if folder.exists() and not os.access(folder, os.W_OK):
            return Finding("ClickHouse", False, f"{folder} cannot be written: give it to this user")
        return Finding("ClickHouse", True, f"{folder}, opened by the service when it runs")
    engine = clickhouse.Server(url)
    try:
        ((version,),) = await engine.query("SELECT version()")
    except ClickHouseError as error:
        return Finding("ClickHouse", False, trouble("clickhouse", settings.clickhouse, error))
    finally:
        await engine.close()
    return Finding("ClickHouse", True, f"{version}, {settings.clickhouse.place}")


async def _telegram(settings: Telegram) -> Finding:
    """Whether the bot can be started: its settings, the key, and whether somebody listens. It is not signed in."""
    if not settings.bot_token.get_secret_value():
        return Finding("Telegram", True, "the bot is off: [telegram] bot_token is empty")
    from protocols.telegram import connection  # only here, for Pyrogram takes more than a second to be imported

    try:
        place = connection.place_of(settings)
    except connection.WrongSetting as error:
        return Finding("Telegram", False, str(error))
    host, port = place
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except OSError as error:
        why = str(error) or type(error).__name__
        return Finding("Telegram", False, f"the data centre at {host}:{port} cannot be reached: {why}")
    return Finding("Telegram", True, f"the data centre at {host}:{port} answers")
