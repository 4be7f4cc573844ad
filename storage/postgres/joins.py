"""SQL of joining accounts: the record of a join that is under way, and the step that makes two users one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from protocols.messages.base import ROLES, Role
from storage.postgres.contests import move_entries
from storage.postgres.pool import Connection, Pool, transaction

# Why a join cannot begin.
Obstacle: TypeAlias = Literal[
    "no such code",
    "the same account",
    "no longer there",
    "not from Telegram",
    "has a login",
    "has Telegram",
    "blocked",
    "under way",
]


@dataclass(frozen=True, slots=True)
class LowerRole:
    """The account that made the code may do less than the one that would become part of it, which has this role."""

    login: str
    role: Role


async def begin(pool: Pool, source: int, hash_: bytes, now: datetime) -> int | Obstacle | LowerRole:
    """Spend a code and note, in one transaction, that `source` becomes part of the account that made it.

    Returns that account, or what is in the way; then the code stays good.
    """
    async with transaction(pool) as connection:
        target = await _owner(connection, hash_, now)
        if target is None:
            return "no such code"
        if target == source:
            return "the same account"
        rows = await connection.fetch(
            """SELECT id, login, telegram_id, blocked, role FROM users
               WHERE id = ANY ($1) AND joined_into IS NULL ORDER BY id FOR NO KEY UPDATE""",
            [source, target],
        )
        users = {row["id"]: row for row in rows}
        if source not in users:
            return "no longer there"
        # Somebody may have been quicker, or have erased the account.
        if target not in users or await _owner(connection, hash_, now) is None:
            return "no such code"
        if users[source]["telegram_id"] is None:
            return "not from Telegram"
        if users[source]["login"] is not None:
            return "has a login"
        if users[target]["telegram_id"] is not None:
            return "has Telegram"
        if users[target]["blocked"]:
            return "blocked"
        if ROLES.index(users[source]["role"]) > ROLES.index(users[target]["role"]):
            return LowerRole(users[target]["login"], users[source]["role"])
        begun = await connection.fetchval(
            "INSERT INTO joins (source, target, asked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING source",
            source,
            target,
            now,
        )
        if begun is None:
            return "under way"
        await connection.execute("DELETE FROM link_codes WHERE hash = $1", hash_)
        return target


async def _owner(connection: Connection, hash_: bytes, now: datetime) -> int | None:
    owner: int | None = await connection.fetchval(
        "SELECT user_id FROM link_codes WHERE hash = $1 AND expires_at > $2", hash_, now
    )
    return owner


async def pending(pool: Pool, user: int | None = None) -> list[tuple[int, int]]:
    """Joins that are under way, oldest first, each `(source, target)`: all, or those that a user has part in."""
    rows = await pool.fetch(
        "SELECT source, target FROM joins WHERE $1::bigint IS NULL OR $1 IN (source, target) ORDER BY asked_at", user
    )
    return [(row["source"], row["target"]) for row in rows]


async def joined(pool: Pool, user: int) -> list[int]:
    """Who has become part of a user."""
    return [row["id"] for row in await pool.fetch("SELECT id FROM users WHERE joined_into = $1 ORDER BY id", user)]


async def complete(pool: Pool, source: int, target: int) -> bool:
    """Give `target` what the rows of `source` hold, and end the join; repeating it changes nothing.

    False when `target` was erased meanwhile: then nothing was done, and the join is still under way.
    """
    async with transaction(pool) as connection:
        rows = await connection.fetch(
            "SELECT id, telegram_id, joined_into FROM users WHERE id = ANY ($1) ORDER BY id FOR UPDATE",
            [source, target],
        )
        users = {row["id"]: row for row in rows}
        if target not in users:
            return False
        if source in users and users[source]["joined_into"] is None:
            await connection.execute(
                "UPDATE users SET telegram_id = NULL, role = 'student', joined_into = $2 WHERE id = $1", source, target
            )
            # Who has asked for silence in one of them is not written to; the rest is what they chose in `target`.
            # So is the role: nobody gets one by a code that somebody was made to type.
            await connection.execute(
                """UPDATE users SET telegram_id = $3, grade = coalesce(users.grade, former.grade),
                       notifications = users.notifications AND former.notifications,
                       registered_at = least(users.registered_at, former.registered_at),
                       last_seen_at = greatest(users.last_seen_at, former.last_seen_at)
                   FROM users AS former WHERE users.id = $2 AND former.id = $1""",
                source,
                target,
                users[source]["telegram_id"],
            )
            await connection.execute("UPDATE reports SET user_id = $2 WHERE user_id = $1", source, target)
            await move_entries(connection, source, target)
            for table in ("tokens", "link_codes"):
                await connection.execute(f"DELETE FROM {table} WHERE user_id = $1", source)  # noqa: S608 our own names
        await connection.execute("DELETE FROM joins WHERE source = $1", source)
        return True


async def drop(pool: Pool, source: int) -> None:
    """The join has nothing left to do."""
    await pool.execute("DELETE FROM joins WHERE source = $1", source)
