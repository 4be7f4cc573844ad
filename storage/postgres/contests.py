"""SQL of contests: their rows, who takes part, who came out where, and the outages that their clocks stood still in.

Times are aware datetimes that the caller's clock told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from asyncpg import Record

from protocols.messages import Audience, BroadcastContent, ContestPlan
from storage.postgres import broadcasts, read_models
from storage.postgres.pool import Connection, Pool, transaction

# How long after the end of the last contest it is still noted that the service lives: else a start hours later would
# take it for down since a moment before that end.
AFTERWARDS = timedelta(seconds=10)
SETTLE_SECONDS = 60.0

_ROW = "contests.id, plan, questions, starts_at, ends_at, extended, created_at"
_ADMITTED = """coalesce(
    plan #> '{participants,grades}' IS NULL AND plan #> '{participants,users}' IS NULL
    OR plan #> '{participants,grades}' @> to_jsonb((SELECT grade FROM users WHERE users.id = $1))
    OR plan #> '{participants,users}' @> to_jsonb($1::bigint),
    false
)"""


# --- For administrators -----------------------------------------------------------------------------------------


async def add(pool: Pool, plan: ContestPlan, questions: Sequence[int] | None, now: datetime) -> int:
    number: int = await pool.fetchval(
        """INSERT INTO contests (plan, questions, starts_at, ends_at, created_at, remind_at)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
        _kept(plan),
        questions,
        plan.starts_at,
        plan.ends_at,
        now,
        _reminder(plan),
    )
    return number


async def change(pool: Pool, contest: int, plan: ContestPlan, questions: Sequence[int] | None, was: datetime) -> bool:
    """Replace the plan, if the contest still begins at `was`; False: it does not, or is gone."""
    changed: int | None = await pool.fetchval(
        """UPDATE contests SET plan = $3, questions = $4, starts_at = $5, ends_at = $6::timestamptz + extended,
                               remind_at = $7
           WHERE id = $1 AND starts_at = $2 RETURNING id""",
        contest,
        was,
        _kept(plan),
        questions,
        plan.starts_at,
        plan.ends_at,
        _reminder(plan),
    )
    return changed is not None


async def rename(pool: Pool, contest: int, title: str, rules: str) -> None:
    await pool.execute(
        "UPDATE contests SET plan = plan || jsonb_build_object('title', $2::text, 'rules', $3::text) WHERE id = $1",
        contest,
        title,
        rules,
    )


async def delete(pool: Pool, contest: int) -> bool:
    """Drop a contest that nobody has started; False: somebody has. One that is not there is gone already."""
    async with transaction(pool) as connection:
        await connection.execute("SELECT FROM contests WHERE id = $1 FOR UPDATE", contest)
        if await connection.fetchval(
            "SELECT EXISTS (SELECT FROM contest_entries WHERE contest_id = $1 AND started)", contest
        ):
            return False
        await connection.execute("DELETE FROM contests WHERE id = $1", contest)
        return True


_PLANNED = f"""
SELECT {_ROW}, (SELECT count(*) FROM contest_entries WHERE contest_id = contests.id) AS joined,
       (SELECT count(*) FROM contest_entries WHERE contest_id = contests.id AND started) AS started
FROM contests"""  # noqa: S608 constants


async def planned(pool: Pool, contest: int) -> Record | None:
    """A contest, with how many have `joined` and `started`."""
    return await pool.fetchrow(f"{_PLANNED} WHERE id = $1", contest)


async def page_of_planned(pool: Pool, before: int | None, limit: int) -> list[Record]:
    return await pool.fetch(f"{_PLANNED} WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2", before, limit)


def _kept(plan: ContestPlan) -> dict[str, object]:
    return plan.model_dump(mode="json", exclude_none=True, include=set(ContestPlan.model_fields))


def _reminder(plan: ContestPlan) -> datetime | None:
    return None if plan.remind_minutes is None else plan.starts_at - timedelta(minutes=plan.remind_minutes)


# --- For students -----------------------------------------------------------------------------------------------

_OF_USER = f"""
SELECT {_ROW}, entry.user_id IS NOT NULL AS joined, coalesce(entry.started, false) AS started,
       {_ADMITTED} AS admitted,
       (SELECT id FROM trainings WHERE contest = contests.id AND user_id = $1 ORDER BY started_at LIMIT 1) AS training
FROM contests LEFT JOIN contest_entries AS entry ON entry.contest_id = contests.id AND entry.user_id = $1"""  # noqa: S608 constants


async def of_user(pool: Pool, user: int, contest: int) -> Record | None:
    """A contest, whether the user has `joined` and `started` it, may (`admitted`), and by which `training`."""
    return await pool.fetchrow(f"{_OF_USER} WHERE contests.id = $2", user, contest)


async def page_of_user(pool: Pool, user: int, before: int | None, limit: int) -> list[Record]:
    """The same of those that the user may take part in or has joined, the newest first."""
    return await pool.fetch(
        f"""{_OF_USER} WHERE ($2::bigint IS NULL OR contests.id < $2) AND (entry.user_id IS NOT NULL OR {_ADMITTED})
            ORDER BY contests.id DESC LIMIT $3""",
        user,
        before,
        limit,
    )


async def enter(pool: Pool, user: int, contest: int, now: datetime, *, starting: bool) -> Record | None:
    """Note that the user has joined, or starts; returns the contest as it is then, None when one of them is gone.

    From then on a contest that somebody starts is neither changed nor deleted.
    """
    async with transaction(pool) as connection:
        row = await connection.fetchrow(
            f"SELECT {_ROW} FROM contests WHERE id = $1 FOR SHARE",  # noqa: S608 a constant
            contest,
        )
        there = await connection.fetchval("SELECT true FROM users WHERE id = $1 FOR KEY SHARE", user)
        if row is None or there is None:
            return None
        await connection.execute(
            """INSERT INTO contest_entries (contest_id, user_id, joined_at, started) VALUES ($1, $2, $3, $4)
               ON CONFLICT (contest_id, user_id) DO UPDATE SET started = true
               WHERE excluded.started AND NOT contest_entries.started""",
            contest,
            user,
            now,
            starting,
        )
        return row


# --- Results ----------------------------------------------------------------------------------------------------

# One row for each who has started: who is done by `place`, then who is not (`ended_at`, `place`, `used` are null).
# An open training whose time is up is over, though its session may not have noticed yet. Time that outages gave back
# was not used. Who became one with another has taken part once: by the training that began first.
RESULTS = """
WITH taken AS (
    SELECT DISTINCT ON (user_id) trainings.*,
           coalesce(finished_at, CASE WHEN deadline <= $2 THEN deadline END) AS ended_at
    FROM trainings WHERE contest = $1 ORDER BY user_id, started_at, id
), counted AS (
    SELECT taken.*, done.answered, done.correct, done.score,
           CASE WHEN ended_at IS NOT NULL THEN
               greatest(0, floor(extract(epoch FROM ended_at - started_at) - extended))::integer
           END AS used
    FROM taken CROSS JOIN LATERAL (
        SELECT count(*) AS answered, count(*) FILTER (WHERE score >= 1 - 1e-9) AS correct,
               coalesce(round(sum(score)::numeric, 6), 0) AS score
        FROM answers WHERE training = taken.id
    ) AS done
)
SELECT CASE WHEN ended_at IS NOT NULL THEN
           rank() OVER (PARTITION BY ended_at IS NULL ORDER BY score DESC, used)
       END AS place,
       counted.id, user_id, login, name, grade, cardinality(questions) AS size, started_at, ended_at, extended,
       answered, correct, counted.score::float8 AS score, score::float8 / cardinality(questions) AS share, used
FROM counted JOIN users ON users.id = user_id
WHERE NOT users.blocked AND users.joined_into IS NULL
ORDER BY place NULLS LAST, name, user_id
"""


async def results(pool: Pool, contest: int, now: datetime) -> list[Record]:
    """The rows of RESULTS."""
    return await pool.fetch(RESULTS, contest, now, timeout=SETTLE_SECONDS)


# --- Reminders --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reminder:
    """What is sent to whom."""

    content: BroadcastContent
    users: tuple[int, ...]


async def due_reminders(pool: Pool, now: datetime) -> list[Record]:
    """Contests whose reminder is due; one that has begun meanwhile is not reminded of."""
    return await pool.fetch(f"SELECT {_ROW} FROM contests WHERE remind_at <= $1", now)  # noqa: S608 a constant


async def joined_by_language(db: Pool, contest: int) -> dict[str, list[int]]:
    rows = await db.fetch(
        """SELECT language, array_agg(user_id ORDER BY user_id) AS users
           FROM contest_entries JOIN users ON users.id = user_id WHERE contest_id = $1 GROUP BY language""",
        contest,
    )
    return {row["language"]: row["users"] for row in rows}


async def remind(pool: Pool, contest: int, reminders: Sequence[Reminder], now: datetime, random: Random) -> int:
    """Schedule these messages for now and note that it is done, in one transaction; returns how many there are.

    0 as well when it was done before.
    """
    scheduled = 0
    async with transaction(pool) as connection:
        due = await connection.fetchval(
            "UPDATE contests SET remind_at = NULL WHERE id = $1 AND remind_at <= $2 RETURNING true", contest, now
        )
        if not due:
            return 0
        for reminder in reminders:
            audience = Audience(users=reminder.users)
            recipients = await broadcasts.count_audience(connection, audience, now)
            if recipients:
                await broadcasts.add(
                    connection, reminder.content, audience, recipients=recipients, now=now, start_at=now, random=random
                )
                scheduled += 1
    return scheduled


# --- Outages ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outage:
    """From `began` to `ended` nothing was accepted; the contests have their time back, their trainings not yet."""

    id: int
    began: datetime
    ended: datetime
    contests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """A training whose clock may have stood still. `session` is the user in whose session it began."""

    session: int
    training: str
    ends_at: datetime  # of its contest, by now


async def beat(db: Connection, accepted: datetime, now: datetime) -> bool:
    """Note when the service last accepted; while no contest is open `now`, nothing is written. Whether one is."""
    done = await db.execute(
        """INSERT INTO heartbeat (at)
           SELECT $1::timestamptz
           WHERE EXISTS (SELECT FROM contests WHERE starts_at <= $2 AND ends_at > $2::timestamptz - $3::interval)
           ON CONFLICT ((true)) DO UPDATE SET at = greatest(heartbeat.at, excluded.at)""",
        accepted,
        now,
        AFTERWARDS,
    )
    return not done.endswith(" 0")


async def note_outage(pool: Pool, ended: datetime) -> Outage | None:
    """From the last heartbeat to `ended` nothing was accepted: move the ends of the contests that were open then.

    None: no contest was. All in one transaction, with the heartbeat that is `ended` from then on.
    """
    async with transaction(pool) as connection:
        began = await connection.fetchval("SELECT at FROM heartbeat FOR UPDATE")
        if began is None:
            began = await connection.fetchval(
                "SELECT min(starts_at) FROM contests WHERE starts_at < $1 AND ends_at > $1", ended
            )
        if began is None or began >= ended:
            return None
        rows = await connection.fetch(
            """UPDATE contests SET ends_at = ends_at + ($2 - greatest($1, starts_at)),
                                   extended = extended + ($2 - greatest($1, starts_at))
               WHERE starts_at < $2 AND ends_at > $1 RETURNING id""",
            began,
            ended,
        )
        if not rows:
            return None
        contests = sorted(row["id"] for row in rows)
        number = await connection.fetchval(
            "INSERT INTO outages (began, ended, contests) VALUES ($1, $2, $3) RETURNING id", began, ended, contests
        )
        await connection.execute(
            "INSERT INTO heartbeat (at) VALUES ($1) ON CONFLICT ((true)) DO UPDATE SET at = excluded.at", ended
        )
        return Outage(number, began, ended, tuple(contests))


async def unsettled(pool: Pool) -> list[Outage]:
    """Outages that some trainings have not their time back from, in their order."""
    rows = await pool.fetch("SELECT id, began, ended, contests FROM outages WHERE NOT settled ORDER BY id")
    return [Outage(row["id"], row["began"], row["ended"], tuple(row["contests"])) for row in rows]


async def affected(pool: Pool, outage: Outage) -> list[Affected]:
    """Every training of its contests that is open, or finished with results that are not told yet.

    The read models may be far behind: what they do not know yet, or were refused, is in the journal. Some of those may
    be over by now.
    """
    known = await read_models.checkpoint(pool)  # by itself, and first: so the few after it are found by their index
    rows = await pool.fetch(
        """WITH concerned AS (
               SELECT id AS training, contest FROM trainings WHERE finished_at IS NULL OR untold
               UNION
               SELECT data ->> 'training', (data ->> 'contest')::bigint FROM journal
               WHERE position > $2 AND data ->> 'type' = 'started'
               UNION
               SELECT data ->> 'training', (data ->> 'contest')::bigint FROM parked JOIN journal USING (position)
               WHERE relay = $3 AND data ->> 'type' = 'started'
           )
           SELECT split_part(training, '-', 1)::bigint AS session, training, ends_at
           FROM concerned JOIN contests ON contests.id = contest WHERE contest = ANY ($1::bigint[])""",
        outage.contests,
        known,
        read_models.RELAY,
        timeout=SETTLE_SECONDS,
    )
    return [Affected(**row) for row in rows]


async def settle(pool: Pool, outage: Outage) -> None:
    await pool.execute("UPDATE outages SET settled = true WHERE id = $1", outage.id)


async def move_entries(connection: Connection, source: int, target: int) -> None:
    """Give the entries of `source`, who has become part of `target`, to `target`."""
    await connection.execute(
        """INSERT INTO contest_entries (contest_id, user_id, joined_at, started)
           SELECT contest_id, $2::bigint, joined_at, started FROM contest_entries WHERE user_id = $1
           ON CONFLICT (contest_id, user_id) DO UPDATE SET started = contest_entries.started OR excluded.started""",
        source,
        target,
    )
    await connection.execute("DELETE FROM contest_entries WHERE user_id = $1", source)
