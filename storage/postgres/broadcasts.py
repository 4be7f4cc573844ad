"""SQL of mass messages: broadcasts, their audiences, and what became of each delivery.

A delivery's outcome is written once, in one transaction with the counts of its broadcast: repeating it changes
nothing. Times are aware datetimes that the caller's clock told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal, TypeAlias

from asyncpg import Record

from protocols.messages import Audience, BroadcastContent, BroadcastState
from storage.postgres.pool import Connection, Pool, transaction

Executor: TypeAlias = "Pool | Connection"
Mark: TypeAlias = Literal["sent", "failed", "blocked"]

LIST_SECONDS = 600.0  # for the deliveries of a million recipients, on a slow disk
ERASURE = 0x41504F_45524153  # any number that only we lock: "APO" "ERAS"
PURGED_AT_ONCE = 10_000  # deliveries; so that nobody waits for long, and a kill loses little
COUNT_SECONDS = 10.0
MOST_REASONS = 50  # of a broadcast, told apart

SHOWN = """id, state, listed, text, buttons, image IS NOT NULL AS image, audience, recipients, sent, failed, blocked,
           reasons, problem, pressed, created_at, start_at, started_at, finished_at"""

# Whoever is erased is no user any more, and whoever joined another account has no telegram_id of their own.
REACHABLE = """users.notifications AND NOT users.blocked AND chats.unreachable_since IS NULL"""
AUDIENCE = f"""
    FROM users JOIN chats USING (telegram_id)
    WHERE {REACHABLE}
      AND ($1::smallint[] IS NULL OR users.grade = ANY ($1))
      AND ($2::timestamptz IS NULL OR users.last_seen_at >= $2)
      AND ($3::bigint[] IS NULL OR users.id = ANY ($3))
      AND ($4::text[] IS NULL AND $5::text[] IS NULL OR EXISTS (
          SELECT FROM trainings
          WHERE user_id = users.id AND ($4 IS NULL OR subject = ANY ($4)) AND ($5 IS NULL OR platform = ANY ($5))
      ))"""


@dataclass(frozen=True, slots=True)
class Marked:
    """What became of a delivery; `reason` says why it is not `sent`.

    `sent_at`: when it was sent, if Telegram then said that this person is out of reach; None: it did not.
    """

    broadcast: int
    telegram: int
    mark: Mark
    reason: str | None = None
    sent_at: datetime | None = None


def _narrowed(audience: Audience, now: datetime) -> tuple[Any, ...]:
    """The parameters of AUDIENCE, of five types."""
    since = None if audience.active_days is None else now - timedelta(days=audience.active_days)
    return audience.grades, since, audience.users, audience.subjects, audience.platforms


async def count_audience(db: Executor, audience: Audience, now: datetime) -> int:
    """How many it would go to now."""
    count: int = await db.fetchval(f"SELECT count(*) {AUDIENCE}", *_narrowed(audience, now), timeout=COUNT_SECONDS)
    return count


async def add(
    db: Executor,
    content: BroadcastContent,
    audience: Audience,
    *,
    recipients: int,
    now: datetime,
    start_at: datetime | None,
    random: Random,
    request: str | None = None,
) -> Record:
    """Keep a new broadcast, scheduled where it has a start; returns the shown columns, also where this request has
    made it before. `random` draws its nonce.
    """
    row = await db.fetchrow(
        f"""INSERT INTO broadcasts
                (state, text, entities, buttons, image, digest, audience, recipients, start_at, created_at, request,
                 nonce)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (request) DO UPDATE SET request = excluded.request RETURNING {SHOWN}""",  # noqa: S608 a constant
        *_kept(content, audience, recipients, start_at),
        now,
        request,
        random.getrandbits(63),
    )
    assert row is not None
    return row


def _kept(
    content: BroadcastContent, audience: Audience, recipients: int, start_at: datetime | None
) -> tuple[object, ...]:
    """What is kept of one that has not been started: from `state` to `start_at`."""
    return (
        "draft" if start_at is None else "scheduled",
        content.text,
        None if content.entities is None else [entity.model_dump() for entity in content.entities],
        [[button.model_dump(mode="json") for button in row] for row in content.buttons],
        content.image,
        content.digest,
        audience.model_dump(exclude_none=True),
        recipients,
        start_at,
    )


async def show(db: Executor, broadcast: int) -> Record | None:
    return await db.fetchrow(f"SELECT {SHOWN} FROM broadcasts WHERE id = $1", broadcast)  # noqa: S608 a constant


async def page(db: Executor, before: int | None, limit: int) -> list[Record]:
    """The shown columns of the newest ones, with a lower id than `before`."""
    return await db.fetch(
        f"""SELECT {SHOWN} FROM broadcasts WHERE $1::bigint IS NULL OR id < $1
            ORDER BY id DESC LIMIT $2""",  # noqa: S608 a constant
        before,
        limit,
    )


async def move(
    db: Executor, broadcast: int, from_: Sequence[BroadcastState], to: BroadcastState, now: datetime
) -> Record | None:
    """Change the state; returns the shown columns, None where it is in none of these states or there is none."""
    return await db.fetchrow(
        f"""UPDATE broadcasts SET state = $3,
                started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, $4) ELSE started_at END,
                problem = CASE WHEN $3 <> 'running' THEN problem END,
                finished_at = CASE WHEN $3 IN ('finished', 'cancelled') THEN $4 END
            WHERE id = $1 AND state = ANY ($2::text[]) RETURNING {SHOWN}""",  # noqa: S608 a constant
        broadcast,
        from_,
        to,
        now,
    )


async def give_up(db: Executor, broadcast: int, problem: str) -> bool:
    """Pause a running broadcast because of this; False where it does not run."""
    paused = await db.fetchval(
        "UPDATE broadcasts SET state = 'paused', problem = $2 WHERE id = $1 AND state = 'running' RETURNING true",
        broadcast,
        problem,
    )
    return paused is not None


async def start_due(db: Executor, now: datetime) -> list[int]:
    """Start the scheduled ones whose time has come; returns which."""
    rows = await db.fetch(
        """UPDATE broadcasts SET state = 'running', started_at = $1
           WHERE state = 'scheduled' AND start_at <= $1 RETURNING id""",
        now,
    )
    return [row["id"] for row in rows]


async def next_start(db: Executor) -> datetime | None:
    """When the next scheduled one is to start."""
    start: datetime | None = await db.fetchval("SELECT min(start_at) FROM broadcasts WHERE state = 'scheduled'")
    return start


async def states(db: Executor, known: Collection[int]) -> list[Record]:
    """`id`, `nonce`, `state`, `listed` and `left` of these and of all that run, in the order in which they started."""
    return await db.fetch(
        """SELECT id, nonce, state, listed, recipients - sent - failed - blocked AS left
           FROM broadcasts WHERE state = 'running' OR id = ANY ($1) ORDER BY started_at, id""",
        known,
    )


async def content(db: Executor, broadcast: int) -> BroadcastContent:
    """What is sent."""
    row = await db.fetchrow(
        "SELECT id AS broadcast, text, entities, buttons, image, digest FROM broadcasts WHERE id = $1", broadcast
    )
    assert row is not None
    return BroadcastContent.model_validate(dict(row))


async def change(
    db: Executor,
    broadcast: int,
    content: BroadcastContent,
    audience: Audience,
    *,
    recipients: int,
    start_at: datetime | None,
    seen: tuple[str, Audience, datetime | None],
) -> Record | None:
    """Replace one that has not been started, if it still is as it was `seen`: its digest, audience and start.

    Returns the shown columns; None where it is not so, or there is none.
    """
    digest, audience_before, start_before = seen
    return await db.fetchrow(
        f"""UPDATE broadcasts SET state = $2, text = $3, entities = $4, buttons = $5, image = $6, digest = $7,
                audience = $8, recipients = $9, start_at = $10
            WHERE id = $1 AND state IN ('draft', 'scheduled')
              AND digest = $11 AND audience = $12 AND start_at IS NOT DISTINCT FROM $13
            RETURNING {SHOWN}""",  # noqa: S608 a constant
        broadcast,
        *_kept(content, audience, recipients, start_at),
        digest,
        audience_before.model_dump(exclude_none=True),
        start_before,
    )


async def list_deliveries(pool: Pool, broadcast: int, now: datetime) -> int | None:
    """Write down whom a running broadcast goes to, all at once; returns how many these are.

    None: it was done before, or the broadcast runs no more; then nothing was written.
    """
    try:
        async with transaction(pool) as connection:
            return await _list_deliveries(connection, broadcast, now)
    except _NotToBeListed:
        return None


class _NotToBeListed(Exception):
    """It rolls the transaction back."""


async def _list_deliveries(connection: Connection, broadcast: int, now: datetime) -> int:
    unlisted = "state IN ('running', 'paused') AND NOT listed"
    audience = await connection.fetchval(f"SELECT audience FROM broadcasts WHERE id = $1 AND {unlisted}", broadcast)  # noqa: S608 a constant
    if audience is None:
        raise _NotToBeListed
    # In the order in which they are read, so that those read together lie together.
    await connection.execute(
        f"""INSERT INTO deliveries (broadcast_id, telegram_id)
            SELECT $6, telegram_id {AUDIENCE} ORDER BY telegram_id""",
        *_narrowed(Audience.model_validate(audience), now),
        broadcast,
        timeout=LIST_SECONDS,
    )
    # An erasure that is under way does not see these deliveries: those that have begun end first, and those that begin
    # later wait for us, and find them. Locked only now, for to list a million takes a while.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", ERASURE, timeout=LIST_SECONDS)
    await connection.execute(
        """DELETE FROM deliveries WHERE broadcast_id = $1
               AND NOT EXISTS (SELECT FROM users WHERE users.telegram_id = deliveries.telegram_id)""",
        broadcast,
        timeout=LIST_SECONDS,
    )
    # Not before: whoever cancels it meanwhile does not wait.
    recipients: int | None = await connection.fetchval(
        f"""UPDATE broadcasts SET listed = true, recipients = (SELECT count(*) FROM deliveries WHERE broadcast_id = $1)
            WHERE id = $1 AND {unlisted} RETURNING recipients""",  # noqa: S608 a constant
        broadcast,
        timeout=LIST_SECONDS,
    )
    if recipients is None:
        raise _NotToBeListed
    return recipients


async def recipients(db: Executor, broadcast: int, after: int, limit: int) -> list[Record]:
    """The next deliveries without an outcome, by `telegram_id` from above `after`; none when it does not run.

    With `access_hash` (None: the chat is gone), and whether they want it still (`wanted`) and can be reached
    (`reachable`).
    """
    return await db.fetch(
        """SELECT page.telegram_id, chats.access_hash, chats.unreachable_since IS NULL AS reachable,
                  coalesce(users.notifications AND NOT users.blocked, false) AS wanted
           FROM (SELECT telegram_id FROM deliveries
                 WHERE broadcast_id = $1 AND telegram_id > $2 AND outcome IS NULL
                   AND EXISTS (SELECT FROM broadcasts WHERE id = $1 AND state = 'running')
                 ORDER BY telegram_id LIMIT $3) AS page
           LEFT JOIN chats USING (telegram_id) LEFT JOIN users USING (telegram_id)
           ORDER BY page.telegram_id""",
        broadcast,
        after,
        limit,
    )


async def mark(pool: Pool, marked: Sequence[Marked], now: datetime) -> None:
    """Write outcomes and count them; who cannot be reached is marked so, unless they have written since. What is known
    already is left as it is.
    """
    unreachable = [one for one in marked if one.sent_at is not None]
    async with transaction(pool) as connection:
        fresh = await connection.fetch(
            """WITH fresh AS (
                   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])
                       AS fresh (broadcast_id, telegram_id, outcome, reason)
               ), written AS (
                   UPDATE deliveries SET outcome = fresh.outcome FROM fresh
                   WHERE deliveries.broadcast_id = fresh.broadcast_id AND deliveries.telegram_id = fresh.telegram_id
                     AND deliveries.outcome IS NULL
                   RETURNING fresh.broadcast_id, fresh.outcome, fresh.reason
               )
               SELECT broadcast_id, outcome, reason, count(*) AS count FROM written GROUP BY 1, 2, 3 ORDER BY 1""",
            [one.broadcast for one in marked],
            [one.telegram for one in marked],
            [one.mark for one in marked],
            [one.reason for one in marked],
        )
        for broadcast in dict.fromkeys(row["broadcast_id"] for row in fresh):
            await _count(connection, broadcast, [row for row in fresh if row["broadcast_id"] == broadcast])
        if unreachable:
            await connection.execute(
                """UPDATE chats SET unreachable_since = $4, unreachable_why = fresh.why
                   FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS fresh (telegram_id, why, sent_at)
                   WHERE chats.telegram_id = fresh.telegram_id AND unreachable_since IS NULL
                     AND (met_at IS NULL OR met_at < fresh.sent_at)""",
                [one.telegram for one in unreachable],
                ["deleted" if one.reason == "deleted" else "blocked" for one in unreachable],
                [one.sent_at for one in unreachable],
                now,
            )


async def _count(connection: Connection, broadcast: int, fresh: Sequence[Record]) -> None:
    counts = dict.fromkeys(("sent", "failed", "blocked"), 0)
    reasons: dict[str, int] = await connection.fetchval(
        "SELECT reasons FROM broadcasts WHERE id = $1 FOR NO KEY UPDATE", broadcast
    )
    for row in fresh:
        counts[row["outcome"]] += row["count"]
        reason = row["reason"]
        if reason is not None:
            if reason not in reasons and len(reasons) >= MOST_REASONS:
                reason = "other"
            reasons[reason] = reasons.get(reason, 0) + row["count"]
    await connection.execute(
        """UPDATE broadcasts SET sent = sent + $2, failed = failed + $3, blocked = blocked + $4, reasons = $5
           WHERE id = $1""",
        broadcast,
        *counts.values(),
        reasons,
    )


async def note_press(db: Executor, broadcast: int, user: int) -> None:
    """Count that a user has pressed a button of a broadcast that they got; once, however often they do."""
    await db.execute(
        """WITH fresh AS (
               UPDATE deliveries SET pressed = true
               WHERE broadcast_id = $1 AND telegram_id = (SELECT telegram_id FROM users WHERE id = $2) AND NOT pressed
               RETURNING 1
           )
           UPDATE broadcasts SET pressed = pressed + 1 WHERE id = $1 AND EXISTS (SELECT FROM fresh)""",
        broadcast,
        user,
    )


async def finish(db: Executor, broadcast: int, now: datetime) -> Record | None:
    """End a running broadcast that has nothing left; returns the shown columns, None where it is not so."""
    return await db.fetchrow(
        f"""UPDATE broadcasts SET state = 'finished', finished_at = $2
            WHERE id = $1 AND state = 'running' AND listed
              AND NOT EXISTS (SELECT FROM deliveries WHERE broadcast_id = $1 AND outcome IS NULL)
            RETURNING {SHOWN}""",  # noqa: S608 a constant
        broadcast,
        now,
    )


async def forget(connection: Connection, user: int) -> None:
    """Erase a person from all broadcasts, in the caller's transaction; the counts stay.

    To whom a message was still to go counts as failed, so that broadcasts come to their end. Broadcasts that are
    being listed wait for the end of the transaction.
    """
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", ERASURE)
    rows = await connection.fetch(
        """WITH gone AS (
               DELETE FROM deliveries WHERE telegram_id = (SELECT telegram_id FROM users WHERE id = $1)
               RETURNING broadcast_id, outcome
           ), counted AS (
               SELECT broadcast_id FROM gone JOIN broadcasts ON broadcasts.id = broadcast_id
               WHERE outcome IS NULL
           )
           SELECT broadcast_id, 'failed' AS outcome, 'erased' AS reason, 1 AS count FROM counted ORDER BY 1""",
        user,
    )
    for row in rows:
        await _count(connection, row["broadcast_id"], [row])


async def purge(pool: Pool, before: datetime) -> int:
    """Delete the deliveries of what ended before this; returns how many these were. What was counted stays.

    From then on a broadcast is not `listed` any more, so that it is not looked at again.
    """
    ended = await pool.fetch(
        "SELECT id FROM broadcasts WHERE listed AND state IN ('finished', 'cancelled') AND finished_at < $1", before
    )
    purged = 0
    for row in ended:
        while deleted := await pool.fetchval(
            """WITH gone AS (
                   DELETE FROM deliveries WHERE broadcast_id = $1 AND telegram_id IN (
                       SELECT telegram_id FROM deliveries WHERE broadcast_id = $1 ORDER BY telegram_id LIMIT $2
                   ) RETURNING 1
               )
               SELECT count(*) FROM gone""",
            row["id"],
            PURGED_AT_ONCE,
        ):
            purged += deleted
        await pool.execute("UPDATE broadcasts SET listed = false WHERE id = $1", row["id"])
    return purged
