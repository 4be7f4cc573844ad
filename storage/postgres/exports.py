"""Rows of whole tables for spreadsheets, by cursors: as of one moment, and never all in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from asyncpg import Record

from storage.postgres.contests import RESULTS as _CONTEST
from storage.postgres.pool import Pool, transaction

FETCHED_AT_ONCE = 1_000
FETCH_SECONDS = 60.0

_USERS = """
SELECT users.id, login, name, role, language, grade, notifications, blocked,
       telegram_id IS NOT NULL AS telegram, registered_at, last_seen_at,
       coalesce(done.answered, 0) AS answered, coalesce(done.correct, 0) AS correct,
       coalesce(done.score, 0) AS score, coalesce(done.seconds, 0) AS seconds
FROM users LEFT JOIN (
    SELECT user_id, sum(answered) AS answered, sum(correct) AS correct, sum(score) AS score,
           sum(seconds) AS seconds
    FROM days GROUP BY user_id
) AS done ON done.user_id = users.id
WHERE users.joined_into IS NULL
ORDER BY users.id
"""

_RESULTS = """
SELECT trainings.id, user_id, login, name, grade, subject, mode, cardinality(questions) AS size, started_at,
       finished_at, done.answered, done.correct, done.score, done.score / cardinality(questions) AS share,
       done.seconds
FROM trainings JOIN users ON users.id = user_id CROSS JOIN LATERAL (
    SELECT count(*) AS answered, count(*) FILTER (WHERE score >= 1 - 1e-9) AS correct,
           coalesce(sum(score), 0) AS score, coalesce(sum(seconds), 0) AS seconds
    FROM answers WHERE training = trainings.id
) AS done
ORDER BY user_id, number
"""


def users(pool: Pool) -> AsyncGenerator[Record, None]:
    """Every user and what they have done in all."""
    return _rows(pool, _USERS)


def results(pool: Pool) -> AsyncGenerator[Record, None]:
    """Every training, open ones too, with its result so far."""
    return _rows(pool, _RESULTS)


def contest(pool: Pool, number: int, now: datetime) -> AsyncGenerator[Record, None]:
    """Everybody who has started a contest, by their places."""
    return _rows(pool, _CONTEST, number, now)


async def _rows(pool: Pool, sql: str, *arguments: object) -> AsyncGenerator[Record, None]:
    async with transaction(pool, "repeatable_read", readonly=True) as connection:
        async for row in connection.cursor(sql, *arguments, prefetch=FETCHED_AT_ONCE, timeout=FETCH_SECONDS):
            yield row


async def count(pool: Pool, table: str) -> int:
    """How many rows there are; `table` is a name of ours, with the condition of the rows if not all are meant."""
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}", timeout=FETCH_SECONDS)  # noqa: S608
    return found
