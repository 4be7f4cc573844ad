"""The journal: events of all users in the order of their commits, by one writer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from storage.postgres import contests
from storage.postgres.pool import ACQUIRE_SECONDS
from storage.tally import Tally

# Any number, as long as nothing else in the database takes an advisory lock on it.
WRITER_LOCK = 0x41504F
CONNECT_SECONDS = 5.0
COMMIT_SECONDS = 10.0
# The lock of a machine that was cut off, or lost its power, is free after 25 seconds, and not after two hours.
KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


class Record(NamedTuple):
    """One event of one user; `data` is the event as JSON."""

    user: int
    seq: int
    data: str


@dataclass(frozen=True, slots=True)
class History:
    """What is durable of one user: a snapshot (None: none) taken at `seq`, and the events after it."""

    seq: int
    snapshot: bytes | None
    events: tuple[str, ...]


class WriterLockHeld(Exception):
    """Another service writes this journal."""


class Fenced(Exception):
    """Nothing was written: somebody else has written these users' next events."""

    def __init__(self, users: frozenset[int]) -> None:
        super().__init__(f"the journal goes on elsewhere for the users {sorted(users)[:10]}")
        self.users = users


class Journal:
    """The writer's own connection, which holds the writer's lock for as long as it lives.

    The lock makes positions grow in the order of commits. It also makes a lost connection safe: a new one gets
    the lock only when the old session, and with it a commit that may still have been under way, has ended.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._backends: set[int] = set()  # which may hold the lock for us

    async def open(self) -> int:
        """Connect and take the writer's lock; returns the highest position.

        Raises:
            WriterLockHeld: if another service holds it.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError: if the database does not answer.
        """
        await self.close()
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            self._url,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMIT_SECONDS,
            server_settings={"application_name": "apo journal", **KEEPALIVE},
        )
        try:
            if self._backends:
                # Our own former sessions, if the server has not noticed yet that nobody is behind them.
                await connection.fetch(
                    "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
                    " WHERE pid = ANY($1::integer[]) AND pid <> pg_backend_pid() AND application_name = 'apo journal'",
                    list(self._backends),
                )
            backend = connection.get_server_pid()
            self._backends.add(backend)  # before it is asked: the answer may be lost
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", WRITER_LOCK):
                self._backends.discard(backend)
                raise WriterLockHeld(
                    "another service already works on this database; stop it, or give this one a database of its own"
                )
            self._backends = {backend}
            head: int = await connection.fetchval("SELECT coalesce(max(position), 0) FROM journal")
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return head

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                await connection.close(timeout=1.0)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def append(self, records: Sequence[Record]) -> int:
        """Commit all the records in one transaction; returns the position of the last.

        Raises:
            Fenced: if the next event of some users is there already; nothing was written.
            asyncpg.UniqueViolationError: if two of the records have the same user and seq; nothing was written.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError: the outcome is not known;
                `open` and then ask `holds`.
        """
        connection = self._connected()
        try:
            position: int = await connection.fetchval(
                "WITH written AS ("
                " INSERT INTO journal (user_id, seq, data)"
                " SELECT * FROM unnest($1::bigint[], $2::integer[], $3::jsonb[])"
                " RETURNING position) SELECT max(position) FROM written",
                [record.user for record in records],
                [record.seq for record in records],
                [record.data for record in records],
            )
        except asyncpg.UniqueViolationError:
            users = await self._users_with_any(records)
            if not users:
                raise  # two of the records are for one place
            raise Fenced(users) from None
        return position

    async def holds(self, records: Sequence[Record]) -> bool:
        """Whether these very records were committed; they were committed together or not at all."""
        found: int = await self._connected().fetchval(
            "SELECT count(*) FROM journal JOIN unnest($1::bigint[], $2::integer[], $3::jsonb[])"
            " AS wanted (user_id, seq, data) USING (user_id, seq, data)",
            [record.user for record in records],
            [record.seq for record in records],
            [record.data for record in records],
        )
        return found == len(records)

    async def beat(self, accepted: datetime, now: datetime) -> bool:
        """Note a heartbeat, as `contests.beat` does, where events are written: it succeeds when they would.

        Raises what `append` raises when the outcome is not known.
        """
        return await contests.beat(self._connected(), accepted, now)

    async def _users_with_any(self, records: Sequence[Record]) -> frozenset[int]:
        rows = await self._connected().fetch(
            "SELECT DISTINCT user_id FROM journal"
            " JOIN unnest($1::bigint[], $2::integer[]) AS wanted (user_id, seq) USING (user_id, seq)",
            [record.user for record in records],
            [record.seq for record in records],
        )
        return frozenset(row["user_id"] for row in rows)

    def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None or self._connection.is_closed():
            raise asyncpg.InterfaceError("the journal's connection is closed")
        return self._connection


async def load(pool: asyncpg.Pool[asyncpg.Record], users: Sequence[int]) -> dict[int, History]:
    """What is durable of these users, in one round trip and one snapshot of the database."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        rows = await connection.fetch(
            "SELECT wanted.user_id, snapshots.seq, snapshots.state,"
            " ARRAY(SELECT data::text FROM journal WHERE journal.user_id = wanted.user_id"
            "       AND journal.seq > coalesce(snapshots.seq, 0) ORDER BY journal.seq) AS events"
            " FROM unnest($1::bigint[]) AS wanted (user_id) LEFT JOIN snapshots USING (user_id)",
            users,
            timeout=COMMIT_SECONDS,
        )
    return {row["user_id"]: History(row["seq"] or 0, row["state"], tuple(row["events"])) for row in rows}


async def load_events(pool: asyncpg.Pool[asyncpg.Record], user: int) -> History:
    """All events of a user from the first on: for a snapshot that cannot be read."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        events = await connection.fetch(
            "SELECT data::text FROM journal WHERE user_id = $1 ORDER BY seq", user, timeout=COMMIT_SECONDS
        )
    return History(0, None, tuple(row["data"] for row in events))


async def save_snapshots(pool: asyncpg.Pool[asyncpg.Record], snapshots: Sequence[tuple[int, int, bytes]]) -> None:
    """Keep the state of users, each `(user, seq, state)`; an older one never replaces a newer one."""
    await pool.execute(
        "INSERT INTO snapshots (user_id, seq, state)"
        " SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[])"
        " ON CONFLICT (user_id) DO UPDATE SET seq = excluded.seq, state = excluded.state"
        " WHERE snapshots.seq <= excluded.seq",  # the same one again may be of another version
        [user for user, _, _ in snapshots],
        [seq for _, seq, _ in snapshots],
        [state for _, _, state in snapshots],
        timeout=COMMIT_SECONDS,
    )


async def tally(pool: asyncpg.Pool[asyncpg.Record], after: int, upto: int) -> list[Tally]:
    """The answers of the positions above `after`, up to and with `upto`, counted by question."""
    rows = await pool.fetch(
        "SELECT (data ->> 'question')::bigint AS question, count(*) AS answered,"
        " count(*) FILTER (WHERE (data ->> 'score')::float8 >= 1 - 1e-9) AS correct"
        " FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'answered' GROUP BY 1",
        after,
        upto,
        timeout=COMMIT_SECONDS,
    )
    return [Tally(*row) for row in rows]


# The options in a response: one, or a list of them; none, once it was erased.
_CHOSEN = """
CASE WHEN data ->> 'kind' NOT IN ('single', 'multiple') THEN NULL
     WHEN jsonb_typeof(data -> 'response') = 'string' THEN json_build_array(data -> 'response')
     WHEN jsonb_typeof(data -> 'response') = 'array' THEN
         (SELECT json_agg(DISTINCT option COLLATE "C") FROM jsonb_array_elements_text(data -> 'response') AS option)
END
"""

# Written by the database, for the event loop has no time for thousands of rows: lines of JSON arrays in the columns of
# `storage.clickhouse.activity.COLUMNS`, in as many pieces as the month changes. Of each training that was finished they
# tell how it began and all that was answered in it, which stands before its end among the events of one user: so this
# walks back along the primary key.
_ACTIVITY = rf"""
WITH endings AS (
    SELECT ended.position, began.data ->> 'platform' AS platform, began.data ->> 'subject' AS subject,
           began.data ->> 'mode' AS mode, began.data ->> 'contest' AS contest, given.*
    FROM journal AS ended
    CROSS JOIN LATERAL (
        SELECT seq, data FROM journal
        WHERE user_id = ended.user_id AND seq < ended.seq AND data ->> 'type' = 'started'
          AND data ->> 'training' = ended.data ->> 'training'
        ORDER BY seq DESC LIMIT 1
    ) AS began
    CROSS JOIN LATERAL (
        SELECT json_agg(data -> 'question' ORDER BY seq) AS questions, json_agg(data -> 'score' ORDER BY seq) AS scores,
               json_agg(data -> 'seconds' ORDER BY seq) AS times,
               json_agg(coalesce({_CHOSEN}, '[]') ORDER BY seq) AS choices
        FROM journal
        WHERE user_id = ended.user_id AND seq > began.seq AND seq < ended.seq AND data ->> 'type' = 'answered'
          AND data ->> 'training' = ended.data ->> 'training'
    ) AS given
    WHERE ended.position > $1 AND ended.position <= $2 AND ended.data ->> 'type' = 'finished'
), lines AS (
    SELECT position, to_char(to_timestamp((data ->> 'at')::bigint / 1000000) AT TIME ZONE 'UTC', 'YYYYMM') AS month,
           json_build_array(
               position, user_id, seq, (data ->> 'at')::bigint / 1000000, (data ->> 'at')::bigint % 1000000,
               data ->> 'type', coalesce(endings.platform, data ->> 'platform', ''), coalesce(data ->> 'training', ''),
               coalesce(endings.subject, data ->> 'subject', ''), coalesce(data ->> 'topic', ''),
               coalesce(data ->> 'kind', ''),
               CASE jsonb_typeof(data -> 'question') WHEN 'number' THEN (data ->> 'question')::bigint ELSE 0 END,
               coalesce((data ->> 'score')::float8, 0), (coalesce((data ->> 'score')::float8, 0) >= 1 - 1e-9)::integer,
               coalesce((data ->> 'seconds')::float8, 0), coalesce(endings.mode, data ->> 'mode', ''),
               coalesce(endings.contest, data ->> 'contest', '0')::bigint, coalesce(data ->> 'reason', ''),
               coalesce({_CHOSEN}, '[]'),
               coalesce(questions, '[]'), coalesce(scores, '[]'), coalesce(times, '[]'), coalesce(choices, '[]')
           )::text AS line
    FROM journal LEFT JOIN endings USING (position)
    WHERE position > $1 AND position <= $2
), runs AS (
    SELECT *, row_number() OVER (ORDER BY position) - row_number() OVER (PARTITION BY month ORDER BY position) AS run
    FROM lines
)
SELECT string_agg(line, E'\n' ORDER BY position) FROM runs GROUP BY month, run ORDER BY min(position)
"""  # noqa: S608


async def activity(pool: asyncpg.Pool[asyncpg.Record], after: int, upto: int) -> list[str]:
    """Rows for analytics by position: lines of JSON arrays, in pieces of which each belongs to one month."""
    rows = await pool.fetch(_ACTIVITY, after, upto, timeout=COMMIT_SECONDS)
    return [row[0] for row in rows]


async def span(pool: asyncpg.Pool[asyncpg.Record], after: int, most: int) -> int:
    """The position of the `most`-th event after `after`, or of the last; `after` itself if there is none."""
    position: int | None = await pool.fetchval(
        "SELECT max(position) FROM (SELECT position FROM journal WHERE position > $1"
        " ORDER BY position LIMIT $2) AS step",
        after,
        most,
        timeout=COMMIT_SECONDS,
    )
    return after if position is None else position


async def park(pool: asyncpg.Pool[asyncpg.Record], relay: str, position: int, reason: str) -> None:
    """Note for the administrator that a relay was refused for good at this position."""
    await pool.execute(
        "INSERT INTO parked (relay, position, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        relay,
        position,
        reason,
        timeout=COMMIT_SECONDS,
    )
