"""SQL of accounts: users, tokens, codes for linking, reports, last-seen dates; erasure of a user.

Functions take a pool or a connection. Times are aware datetimes that the caller's clock told.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
from asyncpg import Record

from protocols.messages import Language, Role
from storage.postgres import broadcasts
from storage.postgres.pool import ACQUIRE_SECONDS, Connection, Pool, transaction

Executor: TypeAlias = "Pool | Connection"

PROFILE = """id, login, name, language, grade, role, notifications, registered_at, last_seen_at,
             telegram_id IS NOT NULL AS telegram"""
SMALL_LOGIN = 'lower(login COLLATE "C")'  # as in the index
PURGED_AT_ONCE = 100


class LoginTaken(Exception):
    """Another user has this login, maybe in other capitals."""


async def add_user(
    db: Executor,
    *,
    login: str,
    password_hash: str,
    name: str,
    language: Language,
    grade: int | None,
    role: Role,
    now: datetime,
) -> Record:
    """Insert a user; returns the profile's columns. Raises LoginTaken."""
    try:
        row = await db.fetchrow(
            f"""INSERT INTO users (login, password_hash, name, language, grade, role, registered_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {PROFILE}""",  # noqa: S608 a constant
            login,
            password_hash,
            name,
            language,
            grade,
            role,
            now,
        )
    except asyncpg.UniqueViolationError:
        raise LoginTaken(login) from None
    assert row is not None
    return row


async def user_by_login(db: Executor, login: str) -> Record | None:
    """The profile's columns with `password_hash` and `blocked`; `login` is in lower case."""
    return await db.fetchrow(
        f"SELECT {PROFILE}, password_hash, blocked FROM users WHERE {SMALL_LOGIN} = $1",  # noqa: S608 a constant
        login,
    )


async def user_by_id(db: Executor, user: int) -> Record | None:
    """The profile's columns with `password_hash`, `telegram_id` and `blocked`; None, too, for one that has become
    part of another.
    """
    return await db.fetchrow(
        f"""SELECT {PROFILE}, password_hash, telegram_id, blocked FROM users
            WHERE id = $1 AND joined_into IS NULL""",  # noqa: S608 a constant
        user,
    )


async def change_user(db: Executor, user: int, changes: Mapping[str, Any]) -> Record | None:
    """Set columns of a user; returns the profile's columns, None when there is no such user.

    The names in `changes` are ours, never a client's; the values are of the columns' types, hence Any.
    """
    if not changes:
        return await user_by_id(db, user)
    columns = ", ".join(f"{column} = ${place}" for place, column in enumerate(changes, start=2))
    return await db.fetchrow(
        f"UPDATE users SET {columns} WHERE id = $1 RETURNING {PROFILE}",  # noqa: S608 our own names
        user,
        *changes.values(),
    )


async def set_password_hash(db: Executor, user: int, old: str, new: str) -> None:
    """Replace a hash by one of the same password; does nothing if the password was changed meanwhile."""
    await db.execute("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user, old, new)


async def replace_password(pool: Pool, user: int, new: str) -> tuple[str, list[bytes]] | None:
    """Set the hash of another password and drop all tokens; returns the login and the hashes of the tokens, None where
    the user has no login."""
    async with _user_locked(pool, user) as (connection, _):
        login = await connection.fetchval(
            "UPDATE users SET password_hash = $2 WHERE id = $1 AND login IS NOT NULL RETURNING login", user, new
        )
        if login is None:
            return None
        dropped = await connection.fetch("DELETE FROM tokens WHERE user_id = $1 RETURNING hash", user)
        return login, [row["hash"] for row in dropped]


async def set_role(db: Executor, login: str, role: Role) -> int | None:
    """Change the role; returns the user's id, None when there is no such login."""
    user: int | None = await db.fetchval(
        f"UPDATE users SET role = $2 WHERE {SMALL_LOGIN} = $1 RETURNING id",  # noqa: S608 a constant
        login.lower(),
        role,
    )
    return user


async def set_blocked(db: Executor, user: int, blocked: bool) -> bool:
    """Block or unblock; False when there is no such user."""
    return await db.fetchval("UPDATE users SET blocked = $2 WHERE id = $1 RETURNING id", user, blocked) is not None


async def set_last_seen(db: Executor, seen: Mapping[int, datetime]) -> None:
    """Move last-seen dates forward, all in one statement. Sorted, so that two of these never lock each other
    dead.
    """
    users = sorted(seen)
    await db.execute(
        """UPDATE users SET last_seen_at = fresh.seen_at
           FROM unnest($1::bigint[], $2::timestamptz[]) AS fresh (id, seen_at)
           WHERE users.id = fresh.id AND (last_seen_at IS NULL OR last_seen_at < fresh.seen_at)""",
        users,
        [seen[user] for user in users],
    )


@asynccontextmanager
async def _user_locked(pool: Pool, user: int) -> AsyncIterator[tuple[Connection, bool]]:
    """A transaction in which nobody else counts and adds to this user's rows; whether the user exists."""
    async with transaction(pool) as connection:
        found = await connection.fetchval(
            "SELECT true FROM users WHERE id = $1 AND joined_into IS NULL FOR NO KEY UPDATE", user
        )
        yield connection, bool(found)


async def add_token(
    pool: Pool, user: int, hash_: bytes, now: datetime, expires_at: datetime, at_most: int
) -> list[bytes] | None:
    """Keep a token. Returns the hashes of the user's oldest, dropped above `at_most`; None: no such user.

    Some expired tokens of anybody go as well.
    """
    async with _user_locked(pool, user) as (connection, found):
        if not found:
            return None
        await connection.execute("DELETE FROM tokens WHERE user_id = $1 AND expires_at <= $2", user, now)
        dropped = await connection.fetch(
            """DELETE FROM tokens WHERE hash IN
                   (SELECT hash FROM tokens WHERE user_id = $1 ORDER BY created_at DESC, hash OFFSET $2)
               RETURNING hash""",
            user,
            at_most - 1,
        )
        await connection.execute(
            """DELETE FROM tokens WHERE hash IN
                   (SELECT hash FROM tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                    FOR UPDATE SKIP LOCKED)""",
            now,
            PURGED_AT_ONCE,
        )
        await connection.execute(
            "INSERT INTO tokens (hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            hash_,
            user,
            now,
            expires_at,
        )
        return [row["hash"] for row in dropped]


async def drop_token(db: Executor, user: int, hash_: bytes) -> None:
    await db.execute("DELETE FROM tokens WHERE hash = $1 AND user_id = $2", hash_, user)


async def token_owner(db: Executor, hash_: bytes, now: datetime) -> Record | None:
    """`expires_at`, `id`, `role`, `language`, `name`, `grade`, `notifications`, `blocked` of a live token, or
    None.
    """
    return await db.fetchrow(
        """SELECT expires_at, users.id, role, language, name, grade, notifications, blocked
           FROM tokens JOIN users ON users.id = user_id WHERE hash = $1 AND expires_at > $2""",
        hash_,
        now,
    )


async def set_link_code(db: Executor, user: int, hash_: bytes, expires_at: datetime) -> bool:
    """Keep the one code of a user in place of an earlier one; False when the user is gone or the code is
    another's.
    """
    try:
        await db.execute(
            """INSERT INTO link_codes (hash, user_id, expires_at) VALUES ($1, $2, $3)
               ON CONFLICT (user_id) DO UPDATE SET hash = $1, expires_at = $3""",
            hash_,
            user,
            expires_at,
        )
    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError):
        return False
    return True


async def purge_link_codes(db: Executor, now: datetime) -> None:
    await db.execute("DELETE FROM link_codes WHERE expires_at <= $1", now)


async def add_report(
    pool: Pool, user: int, *, question: int, subject: str, text: str, now: datetime, a_day: int, request: str | None
) -> tuple[int, datetime] | datetime | None:
    """Keep a report, unless this request has made one: its id, and when it was made; or, of a user with `a_day`
    reports in 24 hours, when the next is welcome; None: no such user.
    """
    key = None if request is None else f"{user} {request}"
    async with _user_locked(pool, user) as (connection, found):
        if not found:
            return None
        made = await connection.fetchrow("SELECT id, reported_at FROM reports WHERE request = $1", key)
        if made is not None:
            return made["id"], made["reported_at"]
        earliest: datetime | None = await connection.fetchval(
            """SELECT reported_at FROM reports WHERE user_id = $1 AND reported_at > $2
               ORDER BY reported_at DESC OFFSET $3 LIMIT 1""",
            user,
            now - timedelta(days=1),
            a_day - 1,
        )
        if earliest is not None:
            return earliest + timedelta(days=1)
        report: int = await connection.fetchval(
            """INSERT INTO reports (user_id, question, subject, text, reported_at, request)
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
            user,
            question,
            subject,
            text,
            now,
            key,
        )
        return report, now


async def names(pool: Pool, users: Collection[int]) -> dict[int, str]:
    """What those of these users are called who are there."""
    rows = await pool.fetch("SELECT id, name FROM users WHERE id = ANY ($1)", list(users))
    return {row["id"]: row["name"] for row in rows}


async def kept_about(pool: Pool, user: int) -> dict[str, list[Record]] | None:
    """Every row about a user, by table, as of one moment; None when there is no such user. The journal is theirs and
    that of those who have become part of them.
    """
    queries = {
        "tokens": "SELECT created_at, expires_at FROM tokens WHERE user_id = $1 ORDER BY created_at",
        "chats": """SELECT telegram_id, state, unreachable_since, unreachable_why, met_at
                    FROM chats JOIN users USING (telegram_id) WHERE users.id = $1""",
        "broadcasts": """SELECT broadcast_id AS broadcast, outcome
                         FROM deliveries JOIN users USING (telegram_id) WHERE users.id = $1 ORDER BY broadcast_id""",
        "contests": """SELECT contest_id AS contest, joined_at, started
                       FROM contest_entries WHERE user_id = $1 ORDER BY contest_id""",
        "trainings": """SELECT id, subject, mode, questions, started_at, deadline, finished_at, skipped, contest,
                               extended, untold
                        FROM trainings WHERE user_id = $1 ORDER BY number""",
        "answers": """SELECT training, question, subject, topic, kind, response, score, seconds, at
                      FROM answers WHERE user_id = $1 ORDER BY at""",
        "reports": """SELECT id, question, subject, text, reported_at, closed_at, answer, seen_at
                      FROM reports WHERE user_id = $1 ORDER BY id""",
        "journal": """SELECT user_id, seq, data FROM journal
                      WHERE user_id = $1 OR user_id IN (SELECT id FROM users WHERE joined_into = $1)
                      ORDER BY position""",
    }
    async with transaction(pool, "repeatable_read", readonly=True) as connection:
        profile = await user_by_id(connection, user)
        if profile is None:
            return None
        return {"users": [profile]} | {table: await connection.fetch(sql, user) for table, sql in queries.items()}


async def erase(connection: Connection, user: int) -> None:
    """Forget a person, in one transaction (or the caller's): repeating it changes nothing.

    The journal keeps that questions were answered, for the questions' statistics; what was answered goes. Who has
    become part of this person is forgotten with them.
    """
    async with connection.transaction():
        await broadcasts.forget(connection, user)
        joined = await connection.fetch("SELECT id FROM users WHERE joined_into = $1", user)
        users = [user, *(row["id"] for row in joined)]
        # Tokens, link codes, reports, the chat and who became part of them go with the user.
        await connection.execute("DELETE FROM users WHERE id = $1", user)
        for table in ("trainings", "answers", "days", "snapshots"):
            await connection.execute(f"DELETE FROM {table} WHERE user_id = ANY ($1)", users)  # noqa: S608 our own names
        await connection.execute(
            "UPDATE journal SET data = data - 'response' WHERE user_id = ANY ($1) AND data ? 'response'", users
        )


async def erase_now(pool: Pool, user: int) -> None:
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        await erase(connection, user)
