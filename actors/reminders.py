"""Reminders of contests: mass messages to those who have joined, some minutes before the start, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from random import Random
from typing import get_args
from zoneinfo import ZoneInfo

import structlog
from asyncpg import Record

from actors.training.views import moment
from protocols.catalogue import Texts, texts
from protocols.messages import BroadcastContent, ContestPlan, Language
from storage.postgres import contests as sql
from storage.postgres.contests import Reminder
from storage.postgres.pool import Pool, is_transient

log = structlog.get_logger()

LOOK_SECONDS = 5.0
MOST_USERS = 10_000  # of the audience of one mass message
TEXTS: Mapping[Language, str] = {
    "ru": "«{title}» начнётся через {minutes} мин.: {start}.",
    "en": "“{title}” begins in {minutes} min.: {start}.",
}


class Reminders:
    """`clock` tells microseconds since 1970; starts are told in `zone`; `scheduled` is called when messages were
    scheduled.
    """

    def __init__(
        self, pool: Pool, clock: Callable[[], int], zone: ZoneInfo, random: Random, scheduled: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._zone = zone
        self._random = random
        self._scheduled = scheduled

    async def keep(self) -> None:
        """Look for what is due for as long as the service runs."""
        while True:
            try:
                await self.look()
            except Exception as error:
                if not is_transient(error):
                    log.exception("contests were not reminded of")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Schedule the messages that are due."""
        now = moment(self._clock())
        for row in await sql.due_reminders(self._pool, now):
            joined = await sql.joined_by_language(self._pool, row["id"])
            reminders = [
                Reminder(_content(row, texts(language, self._zone), now), tuple(users[start : start + MOST_USERS]))
                for language in get_args(Language)
                if (users := joined.get(language, [])) and row["starts_at"] > now
                for start in range(0, len(users), MOST_USERS)
            ]
            scheduled = await sql.remind(self._pool, row["id"], reminders, now, self._random)
            log.info("a contest was reminded of", contest=row["id"], messages=scheduled)
            if scheduled:
                self._scheduled()


def _content(row: Record, t: Texts, now: datetime) -> BroadcastContent:
    minutes = max(1, round((row["starts_at"] - now).total_seconds() / 60))
    title = ContestPlan.model_validate(row["plan"]).title
    text = TEXTS[t.language].format(title=title, minutes=t.number(minutes), start=t.moment(row["starts_at"]))
    # With entities, though none: the title is plain text, whatever is in it.
    return BroadcastContent(
        text=text, entities=(), buttons=(), image=None, digest=sha256(f"reminder {text}".encode()).hexdigest()
    )
