"""SQL of private chats with the bot, and of how far its updates were read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import asyncpg
from asyncpg import Record
from pydantic import JsonValue

from protocols.messages import Language
from storage.postgres.pool import Pool

Unreachable: TypeAlias = Literal["blocked", "deleted"]

MEETINGS = 3


async def meet(pool: Pool, telegram: int, access_hash: int, *, name: str, language: Language, now: datetime) -> Record:
    """The `user_id` and the `state` of a chat; both are made if there are none. Who writes is reachable again.

    Of two that meet a person for the first time, the second finds what the first one made.
    """
    for _ in range(MEETINGS):
        try:
            row = await pool.fetchrow(
                """WITH opened AS (
                       INSERT INTO users (telegram_id, name, language, registered_at)
                       SELECT $1, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM users WHERE telegram_id = $1)
                       ON CONFLICT (telegram_id) DO UPDATE SET telegram_id = excluded.telegram_id
                       RETURNING id
                   ), met AS (
                       INSERT INTO chats (telegram_id, access_hash, met_at) VALUES ($1, $2, $5)
                       ON CONFLICT (telegram_id) DO UPDATE
                           SET access_hash = $2, unreachable_since = NULL, unreachable_why = NULL, met_at = $5
                       RETURNING state
                   )
                   SELECT (SELECT id FROM opened UNION ALL SELECT id FROM users WHERE telegram_id = $1) AS user_id,
                          (SELECT state FROM met) AS state""",
                telegram,
                access_hash,
                name,
                language,
                now,
            )
        except asyncpg.ForeignKeyViolationError:  # the user was erased in between: then a new one is opened
            continue
        assert row is not None
        return row
    raise TimeoutError(f"the chat {telegram} is being erased all the time")


async def remembering(pool: Pool, name: str, most: int) -> list[Record]:
    """Chats of administrators who can be reached, whose state has this member, with what is told of their users."""
    return await pool.fetch(
        """SELECT telegram_id AS telegram, access_hash, users.id AS user, role, language, name, grade, notifications,
                  blocked, state
           FROM chats JOIN users USING (telegram_id)
           WHERE role = 'admin' AND NOT blocked AND unreachable_since IS NULL AND state ? $1
           ORDER BY telegram_id LIMIT $2""",
        name,
        most,
    )


async def keep(pool: Pool, telegram: int, state: Mapping[str, JsonValue]) -> bool:
    """Replace the state of a chat; False when there is no such chat."""
    kept = await pool.fetchval(
        "UPDATE chats SET state = $2 WHERE telegram_id = $1 RETURNING telegram_id", telegram, state
    )
    return kept is not None


async def mark_unreachable(pool: Pool, telegram: int, why: Unreachable, now: datetime) -> None:
    """Note that nothing reaches a chat any more, since now if that is new."""
    await pool.execute(
        """UPDATE chats SET unreachable_since = coalesce(unreachable_since, $3), unreachable_why = $2
           WHERE telegram_id = $1""",
        telegram,
        why,
        now,
    )


async def updates_state(pool: Pool, bot: int) -> Record | None:
    """`pts`, `qts`, `date` and `seq` of a bot; None: never kept."""
    return await pool.fetchrow("SELECT pts, qts, date, seq FROM updates_state WHERE bot = $1", bot)


async def keep_updates_state(pool: Pool, bot: int, *, pts: int, qts: int, date: int, seq: int) -> None:
    await pool.execute(
        """INSERT INTO updates_state (bot, pts, qts, date, seq) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (bot) DO UPDATE SET pts = $2, qts = $3, date = $4, seq = $5""",
        bot,
        pts,
        qts,
        date,
        seq,
    )
