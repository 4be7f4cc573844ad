"""SQL of administration: users as administrators see and change them, parked steps, and the record of acts.

Functions take a pool or a connection. Times are aware datetimes that the caller's clock told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from asyncpg import Record
from pydantic import JsonValue

from protocols.messages import ActOutcome, Role
from storage.postgres.pool import Pool, transaction

SEARCH_SECONDS: Final = 10.0

_SHOWN: Final = """id, login, name, language, grade, role, blocked, notifications,
                   telegram_id IS NOT NULL AS telegram, registered_at, last_seen_at"""

_ADMINISTERS: Final = "role = 'admin' AND NOT blocked AND joined_into IS NULL"


class LastAdministrator(Exception):
    """The change would leave nobody who administers; it was rolled back."""


# --- Users ---------------------------------------------------------------------------------------------------


async def find_users(
    pool: Pool, *, search: str | None, role: Role | None, blocked: bool | None, before: int | None, limit: int
) -> list[Record]:
    """The newest users with a lower id than `before`, of whom `search` is the id or a part of login or name."""
    number = int(search) if search and search.isascii() and search.isdigit() and len(search) < 19 else None
    return await pool.fetch(
        f"""SELECT {_SHOWN} FROM users
            WHERE joined_into IS NULL
              AND ($1::bigint IS NULL OR id < $1)
              AND ($2::text IS NULL OR id = $3 OR strpos(lower(name), lower($2)) > 0
                   OR strpos(lower(login), lower($2)) > 0)
              AND ($4::text IS NULL OR role = $4)
              AND ($5::boolean IS NULL OR blocked = $5)
            ORDER BY id DESC LIMIT $6""",  # noqa: S608 a constant
        before,
        search or None,
        number,
        role,
        blocked,
        limit,
        timeout=SEARCH_SECONDS,
    )


async def show_user(pool: Pool, user: int) -> Record | None:
    return await pool.fetchrow(
        f"SELECT {_SHOWN} FROM users WHERE id = $1 AND joined_into IS NULL",  # noqa: S608 a constant
        user,
    )


async def change_user(pool: Pool, user: int, role: Role | None, blocked: bool | None) -> Record | None:
    """Set what is not None; returns the shown columns, None when there is no such user. Raises LastAdministrator."""
    async with transaction(pool) as connection:
        # Two who take the role from each other come one after the other.
        await connection.execute(f"SELECT FROM users WHERE {_ADMINISTERS} ORDER BY id FOR UPDATE")
        row = await connection.fetchrow(
            f"""UPDATE users SET role = coalesce($2, role), blocked = coalesce($3, blocked)
                WHERE id = $1 AND joined_into IS NULL RETURNING {_SHOWN}""",  # noqa: S608 a constant
            user,
            role,
            blocked,
        )
        if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM users WHERE {_ADMINISTERS})"):  # noqa: S608 a constant
            raise LastAdministrator
        return row


# --- Parked steps --------------------------------------------------------------------------------------------


async def parked(pool: Pool, after: int | None, limit: int) -> list[Record]:
    """Parked steps by position from above `after`: `limit` of them, and those at the position of the last."""
    return await pool.fetch(
        """SELECT relay, position, reason, at, user_id AS about, data ->> 'type' AS event
           FROM parked LEFT JOIN journal USING (position)
           WHERE $1::bigint IS NULL OR position > $1
           ORDER BY position FETCH FIRST $2 ROWS WITH TIES""",
        after,
        limit,
    )


async def parked_counts(pool: Pool) -> dict[str, int]:
    """How many are parked, by relay."""
    rows = await pool.fetch("SELECT relay, count(*) AS parked FROM parked GROUP BY relay ORDER BY relay")
    return {row["relay"]: row["parked"] for row in rows}


async def longest_parked(pool: Pool, relay: str, limit: int) -> list[int]:
    """Positions of a relay: those that were refused last are the last of them."""
    rows = await pool.fetch("SELECT position FROM parked WHERE relay = $1 ORDER BY at, position LIMIT $2", relay, limit)
    return [row["position"] for row in rows]


async def is_parked(pool: Pool, relay: str, position: int) -> bool:
    return bool(
        await pool.fetchval("SELECT EXISTS (SELECT FROM parked WHERE relay = $1 AND position = $2)", relay, position)
    )


async def parked_again(pool: Pool, relay: str, position: int, reason: str, at: datetime) -> None:
    await pool.execute(
        "UPDATE parked SET reason = $3, at = $4 WHERE relay = $1 AND position = $2", relay, position, reason, at
    )


async def unpark(pool: Pool, relay: str, position: int) -> None:
    await pool.execute("DELETE FROM parked WHERE relay = $1 AND position = $2", relay, position)


# --- The record of acts --------------------------------------------------------------------------------------


async def begin_act(
    pool: Pool, *, at: datetime, user: int, act: str, target: str | None, details: Mapping[str, JsonValue]
) -> int:
    entry: int = await pool.fetchval(
        "INSERT INTO audit (at, user_id, act, target, details) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        at,
        user,
        act,
        target,
        details,
    )
    return entry


async def end_act(pool: Pool, entry: int, outcome: ActOutcome, reason: str | None, made: str | None) -> None:
    """`made` is the id of what did not exist before."""
    await pool.execute(
        "UPDATE audit SET outcome = $2, reason = $3, target = coalesce(target, $4) WHERE id = $1",
        entry,
        outcome,
        reason,
        made,
    )


async def acts(pool: Pool, by: int | None, act: str | None, before: int | None, limit: int) -> list[Record]:
    return await pool.fetch(
        """SELECT audit.id, at, user_id AS user, users.name, act, target, details, outcome, reason
           FROM audit LEFT JOIN users ON users.id = user_id
           WHERE ($1::bigint IS NULL OR user_id = $1) AND ($2::text IS NULL OR act = $2)
             AND ($3::bigint IS NULL OR audit.id < $3)
           ORDER BY audit.id DESC LIMIT $4""",
        by,
        act,
        before,
        limit,
    )
