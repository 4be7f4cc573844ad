"""Read models in PostgreSQL, made from the journal; each step moves its checkpoint in the same transaction."""

from __future__ import annotations

import asyncpg

from storage.postgres.accounts import erase
from storage.postgres.pool import Connection

RELAY = "read models"
STEP_SECONDS = 30.0

_STARTED = """
INSERT INTO trainings (id, user_id, number, subject, mode, questions, started_at, deadline, platform, contest, untold)
SELECT data ->> 'training', user_id, split_part(data ->> 'training', '-', 2)::integer, data ->> 'subject',
       data ->> 'mode', ARRAY(SELECT jsonb_array_elements_text(data -> 'questions')::bigint),
       to_timestamp((data ->> 'at')::float8 / 1e6), to_timestamp((data ->> 'deadline')::float8 / 1e6),
       data ->> 'platform', (data ->> 'contest')::bigint, data ->> 'results_at' IS NOT NULL
FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'started'
"""

_ANSWERED = """
INSERT INTO answers (training, question, user_id, subject, topic, kind, response, score, seconds, at)
SELECT data ->> 'training', (data ->> 'question')::bigint, user_id, data ->> 'subject', data ->> 'topic',
       data ->> 'kind', data -> 'response', (data ->> 'score')::float8, (data ->> 'seconds')::float8,
       to_timestamp((data ->> 'at')::float8 / 1e6)
FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'answered'
"""

# The answers of an exam count from its end on, and where a contest keeps its results, from then on when it tells them:
# before, a change in the figures would tell its verdicts.
_DAYS = """
INSERT INTO days (user_id, subject, topic, day, answered, correct, score, seconds)
SELECT user_id, subject, topic, (at AT TIME ZONE 'UTC')::date,
       count(*), count(*) FILTER (WHERE score >= 1 - 1e-9), sum(score), sum(seconds)
FROM (
    SELECT user_id, data ->> 'subject' AS subject, data ->> 'topic' AS topic,
           to_timestamp((data ->> 'at')::float8 / 1e6) AS at, (data ->> 'score')::float8 AS score,
           (data ->> 'seconds')::float8 AS seconds
    FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'answered'
      AND NOT EXISTS (SELECT FROM trainings WHERE id = data ->> 'training' AND mode = 'exam')
    UNION ALL
    SELECT answers.user_id, answers.subject, answers.topic, answers.at, answers.score, answers.seconds
    FROM journal
    JOIN trainings ON trainings.id = data ->> 'training' AND trainings.mode = 'exam'
    JOIN answers ON answers.training = trainings.id
    WHERE position > $1 AND position <= $2 AND data ->> 'type' IN ('finished', 'told')
      AND data ->> 'type' = CASE WHEN trainings.untold THEN 'told' ELSE 'finished' END
) AS counted
GROUP BY 1, 2, 3, 4
ON CONFLICT (user_id, subject, topic, day) DO UPDATE SET
    answered = days.answered + excluded.answered, correct = days.correct + excluded.correct,
    score = days.score + excluded.score, seconds = days.seconds + excluded.seconds
"""

_SKIPPED = """
UPDATE trainings SET skipped = trainings.skipped || step.questions
FROM (SELECT data ->> 'training' AS training, array_agg((data ->> 'question')::bigint ORDER BY seq) AS questions
      FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'skipped' GROUP BY 1) AS step
WHERE trainings.id = step.training
"""

_FINISHED = """
UPDATE trainings SET finished_at = to_timestamp((data ->> 'at')::float8 / 1e6)
FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'finished'
  AND trainings.id = data ->> 'training'
"""

_EXTENDED = """
UPDATE trainings SET deadline = to_timestamp(step.deadline / 1e6), extended = step.extended / 1e6
FROM (SELECT DISTINCT ON (data ->> 'training') data ->> 'training' AS training,
             (data ->> 'deadline')::float8 AS deadline, (data ->> 'extended')::float8 AS extended
      FROM journal
      WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'extended' AND data ->> 'deadline' IS NOT NULL
      ORDER BY data ->> 'training', position DESC) AS step
WHERE trainings.id = step.training
"""

_TOLD = """
UPDATE trainings SET untold = false
FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' = 'told' AND trainings.id = data ->> 'training'
"""

# Seldom, and those of accounts each for itself, in their order: who was erased, and who has become part of whom.
_SELDOM = """
SELECT user_id, data ->> 'type' AS type, (data ->> 'source')::bigint AS source, (data ->> 'after')::integer AS after
FROM journal WHERE position > $1 AND position <= $2 AND data ->> 'type' IN ('erased', 'joined', 'extended', 'told')
ORDER BY position
"""


class CheckpointMoved(Exception):
    """Somebody else has carried these events onward; the step was rolled back."""


async def checkpoint(pool: asyncpg.Pool[asyncpg.Record]) -> int:
    """How far the read models have come."""
    position: int = await pool.fetchval(
        "INSERT INTO checkpoints (relay, position) VALUES ($1, 0)"
        " ON CONFLICT (relay) DO UPDATE SET relay = excluded.relay RETURNING position",
        RELAY,
        timeout=STEP_SECONDS,
    )
    return position


async def advance(pool: asyncpg.Pool[asyncpg.Record], after: int, upto: int) -> None:
    """Carry the events of the positions above `after`, up to and with `upto`, into the read models, once."""
    async with pool.acquire(timeout=STEP_SECONDS) as connection, connection.transaction():
        await _move_checkpoint(connection, after, upto)
        await _apply(connection, after, upto)


async def redo(pool: asyncpg.Pool[asyncpg.Record], position: int) -> None:
    """Carry an event that was parked into the read models, and park it no more; nothing, if it is not parked."""
    async with pool.acquire(timeout=STEP_SECONDS) as connection, connection.transaction():
        freed = await connection.execute(
            "DELETE FROM parked WHERE relay = $1 AND position = $2", RELAY, position, timeout=STEP_SECONDS
        )
        if freed != "DELETE 0":
            await _apply(connection, position - 1, position)


async def _apply(connection: Connection, after: int, upto: int) -> None:
    for statement in (_STARTED, _ANSWERED, _DAYS, _SKIPPED, _FINISHED):
        await connection.execute(statement, after, upto, timeout=STEP_SECONDS)
    rows = await connection.fetch(_SELDOM, after, upto, timeout=STEP_SECONDS)
    for type_, statement in (("extended", _EXTENDED), ("told", _TOLD)):
        if any(row["type"] == type_ for row in rows):
            await connection.execute(statement, after, upto, timeout=STEP_SECONDS)
    for row in rows:
        if row["type"] == "erased":
            await erase(connection, row["user_id"])
        elif row["type"] == "joined":
            await _move(connection, row["source"], row["user_id"], row["after"])


async def _move(connection: Connection, source: int, target: int, after: int) -> None:
    """Give the rows of `source` to `target`, who had had `after` trainings when taking them over.

    All that the source has done stands before that in the journal, and is in the rows already. From then on the
    target's trainings are numbered after all of both, so the earlier ones can stand in the order of their beginnings.
    """
    await connection.execute("UPDATE answers SET user_id = $2 WHERE user_id = $1", source, target, timeout=STEP_SECONDS)
    await connection.execute(
        """INSERT INTO days (user_id, subject, topic, day, answered, correct, score, seconds)
           SELECT $2::bigint, subject, topic, day, answered, correct, score, seconds FROM days WHERE user_id = $1
           ON CONFLICT (user_id, subject, topic, day) DO UPDATE SET
               answered = days.answered + excluded.answered, correct = days.correct + excluded.correct,
               score = days.score + excluded.score, seconds = days.seconds + excluded.seconds""",
        source,
        target,
        timeout=STEP_SECONDS,
    )
    await connection.execute("DELETE FROM days WHERE user_id = $1", source, timeout=STEP_SECONDS)
    # Out of the way first: no two rows may have the same number, not even for a moment.
    await connection.execute(
        "UPDATE trainings SET number = -number WHERE user_id = $1 AND number <= $2", target, after, timeout=STEP_SECONDS
    )
    await connection.execute(
        """UPDATE trainings SET user_id = $2, number = ordered.number
           FROM (SELECT id, row_number() OVER (ORDER BY started_at, id) AS number FROM trainings
                 WHERE user_id = $1 OR (user_id = $2 AND number < 0)) AS ordered
           WHERE trainings.id = ordered.id""",
        source,
        target,
        timeout=STEP_SECONDS,
    )


async def skip(pool: asyncpg.Pool[asyncpg.Record], after: int, upto: int) -> None:
    """Leave these events out for good."""
    async with pool.acquire(timeout=STEP_SECONDS) as connection, connection.transaction():
        await _move_checkpoint(connection, after, upto)


async def _move_checkpoint(connection: Connection, after: int, upto: int) -> None:
    moved = await connection.execute(
        "UPDATE checkpoints SET position = $3 WHERE relay = $1 AND position = $2",
        RELAY,
        after,
        upto,
        timeout=STEP_SECONDS,
    )
    if moved != "UPDATE 1":
        raise CheckpointMoved(f"the checkpoint of {RELAY!r} is no longer at {after}")


async def overdue(pool: asyncpg.Pool[asyncpg.Record], most: int) -> list[tuple[int, str]]:
    """Users and ids of open exams whose time was up a while ago, and of trainings whose contests may tell results."""
    rows = await pool.fetch(
        "(SELECT user_id, id FROM trainings WHERE finished_at IS NULL AND deadline < now() - interval '10 seconds'"
        " ORDER BY deadline LIMIT $1) UNION ALL"
        # Of the session that it began in, whoever its user has become part of since.
        " (SELECT split_part(trainings.id, '-', 1)::bigint, trainings.id FROM contests"
        " JOIN trainings ON contest = contests.id"
        " WHERE untold AND finished_at IS NOT NULL AND ends_at < now() LIMIT $1)",
        most,
        timeout=STEP_SECONDS,
    )
    return [(row["user_id"], row["id"]) for row in rows]
