"""The Telegram wire, put together: the connection, the updates and who handles them, the sender."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import structlog

from protocols import messages as m
from protocols.telegram.connection import Connection, WrongSetting
from protocols.telegram.handling import Handling
from protocols.telegram.sender import TelegramSender
from protocols.telegram.sent import Sent
from protocols.telegram.updates import Ask, Updates
from protocols.telegram.values import Incoming, Undelivered
from settings import Settings

__all__ = ["HandlesUpdates", "Wire", "WrongSetting", "folder", "opened"]

log = structlog.get_logger()

STOP_SECONDS = 10.0
AGAIN_SECONDS = 5.0


class HandlesUpdates(Protocol):
    """The bot. `handle` may raise Unavailable or Offline: then the same comes again."""

    async def begin(self) -> None: ...
    async def handle(self, incoming: Incoming) -> None: ...
    async def apologise(self, incoming: Incoming) -> None: ...
    async def refuse(self, incoming: Incoming) -> None: ...
    async def close(self) -> None: ...


class Wire:
    """The wire while it runs."""

    def __init__(self, connection: Connection, sender: TelegramSender) -> None:
        self._connection = connection
        self.sender = sender

    @property
    def problem(self) -> str | None:
        """Why nothing can be sent at the moment; None: it can."""
        return self._connection.problem


@asynccontextmanager
async def opened(
    settings: Settings, ask: Ask, make_bot: Callable[[TelegramSender], HandlesUpdates]
) -> AsyncIterator[Wire]:
    """The wire, which connects by itself for as long as it is open. Leaving finishes what was taken.

    Raises:
        WrongSetting: what is configured can never work.
    """
    connection = Connection(
        settings.telegram,
        folder(settings),
        lambda container: updates.receive(container),
        lambda: updates.reconnected(),
    )
    sent = Sent()
    sender = TelegramSender(connection, settings.broadcast.messages_per_second, sent)
    bot = make_bot(sender)
    handling = Handling(bot.handle, bot.apologise, bot.refuse)
    updates = Updates(ask, handling, sent)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(connection.run()),
                tasks.create_task(updates.run(connection)),
                tasks.create_task(updates.keep_saving(connection.bot)),
                tasks.create_task(_begin(bot)),
            ]
            try:
                yield Wire(connection, sender)
            finally:
                updates.close()
                await handling.close(STOP_SECONDS)
                await bot.close()
                await _save(updates, connection.bot)
                for task in running:
                    task.cancel()
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) > 1:
            raise
        raise failures.exceptions[0] from None


def folder(settings: Settings) -> Path:
    """Where the bot's authorization is kept."""
    return settings.storage.path / "telegram"


async def _begin(bot: HandlesUpdates) -> None:
    """What the bot has to tell Telegram once."""
    while True:
        try:
            await bot.begin()
            return
        except (Undelivered, m.Refusal) as error:
            log.debug("the bot could not introduce itself yet", why=str(error))
            await asyncio.sleep(AGAIN_SECONDS)


async def _save(updates: Updates, bot: int) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await updates.save(bot)
    except (m.Refusal, TimeoutError) as error:
        log.warning("how far updates were handled was not kept: some of them come again", why=str(error))
