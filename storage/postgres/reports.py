"""SQL of students' reports on questions, as departments and the students themselves see them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Final

from asyncpg import Record

from protocols.messages import Audience, BroadcastContent, Language
from storage.postgres import broadcasts
from storage.postgres.pool import Pool, transaction

_SHOWN: Final = "id, question, subject, text, reported_at, closed_at, answer, seen_at"


async def page(
    pool: Pool, *, subject: str | None, question: int | None, open: bool, before: int | None, limit: int
) -> list[Record]:
    """The newest reports with a lower id than `before`."""
    return await pool.fetch(
        f"""SELECT {_SHOWN} FROM reports
            WHERE (closed_at IS NULL) = $1
              AND ($2::text IS NULL OR subject = $2)
              AND ($3::bigint IS NULL OR question = $3)
              AND ($4::bigint IS NULL OR id < $4)
            ORDER BY id DESC LIMIT $5""",  # noqa: S608 a constant
        open,
        subject,
        question,
        before,
        limit,
    )


async def open_by_subject(pool: Pool) -> dict[str, int]:
    """How many reports wait, of each subject that has any."""
    rows = await pool.fetch("SELECT subject, count(*) AS n FROM reports WHERE closed_at IS NULL GROUP BY subject")
    return {row["subject"]: row["n"] for row in rows}


async def show(pool: Pool, report: int) -> Record | None:
    return await pool.fetchrow(f"SELECT {_SHOWN} FROM reports WHERE id = $1", report)  # noqa: S608 a constant


async def close(
    pool: Pool,
    report: int,
    *,
    by: int,
    answer: str,
    now: datetime,
    word: Callable[[Language], BroadcastContent],
    random: Random,
) -> tuple[Record | None, bool]:
    """Close an open report and schedule a message about it to whoever made it, in one transaction.

    Returns the report, None where it is closed already or not there; and whether Telegram reaches them.
    """
    async with transaction(pool) as connection:
        row = await connection.fetchrow(
            f"""UPDATE reports SET closed_at = $2, closed_by = $3, answer = $4
                WHERE id = $1 AND closed_at IS NULL RETURNING {_SHOWN}, user_id""",  # noqa: S608 a constant
            report,
            now,
            by,
            answer,
        )
        if row is None:
            return None, False
        audience = Audience(users=(row["user_id"],))
        recipients = await broadcasts.count_audience(connection, audience, now)
        if recipients:
            language = await connection.fetchval("SELECT language FROM users WHERE id = $1", row["user_id"])
            content = word(language)
            await broadcasts.add(
                connection, content, audience, recipients=recipients, now=now, start_at=now, random=random
            )
        return row, recipients > 0


async def own(pool: Pool, user: int, before: int | None, limit: int, *, unseen: bool) -> list[Record]:
    """A student's own, the newest first; `unseen`: only those with an answer that they have not read."""
    return await pool.fetch(
        f"""SELECT {_SHOWN} FROM reports
            WHERE user_id = $1 AND ($2::bigint IS NULL OR id < $2)
              AND (NOT $4 OR (closed_at IS NOT NULL AND seen_at IS NULL))
            ORDER BY id DESC LIMIT $3""",  # noqa: S608 a constant
        user,
        before,
        limit,
        unseen,
    )


async def saw(pool: Pool, user: int, report: int, now: datetime) -> bool:
    """Note that the student has read the answer; False: they have no such report that is closed."""
    done = await pool.fetchval(
        """UPDATE reports SET seen_at = coalesce(seen_at, $3)
           WHERE id = $2 AND user_id = $1 AND closed_at IS NOT NULL RETURNING true""",
        user,
        report,
        now,
    )
    return done is not None
