"""SQL of figures: statistics, past trainings and leaderboards, from the read models. Days are days in UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from asyncpg import Record

from storage.postgres.pool import Pool, transaction


@dataclass(frozen=True)
class StatisticsRows:
    """`by_subject`, `by_topic` and `by_day` carry `answered`, `correct`, `score` and `seconds`; `days` has
    every day.
    """

    by_subject: Sequence[Record]
    by_topic: Sequence[Record]
    by_day: Sequence[Record]
    trainings: int
    days: Sequence[date]


async def statistics(pool: Pool, user: int, subject: str | None, since: date | None) -> StatisticsRows:
    """What a user answered since a day (None: ever) in a subject (None: all). `days` has the days before
    that as well.
    """
    async with transaction(pool, "repeatable_read", readonly=True) as connection:
        sums = await connection.fetch(
            """SELECT subject, topic, day, sum(answered)::bigint AS answered, sum(correct)::bigint AS correct,
                      sum(score) AS score, sum(seconds) AS seconds
               FROM days
               WHERE user_id = $1 AND ($2::text IS NULL OR subject = $2) AND ($3::date IS NULL OR day >= $3)
               GROUP BY GROUPING SETS ((subject), (subject, topic), (day))
               ORDER BY subject, topic, day""",
            user,
            subject,
            since,
        )
        trainings: int = await connection.fetchval(
            """SELECT count(*) FROM trainings
               WHERE user_id = $1 AND ($2::text IS NULL OR subject = $2)
                 AND ($3::date IS NULL OR started_at >= $3::timestamp AT TIME ZONE 'UTC')""",
            user,
            subject,
            since,
        )
        days = await connection.fetch(
            """SELECT DISTINCT day FROM days WHERE user_id = $1 AND ($2::text IS NULL OR subject = $2)
               ORDER BY day""",
            user,
            subject,
        )
    return StatisticsRows(
        by_subject=[row for row in sums if row["subject"] is not None and row["topic"] is None],
        by_topic=[row for row in sums if row["topic"] is not None],
        by_day=[row for row in sums if row["day"] is not None],
        trainings=trainings,
        days=[row["day"] for row in days],
    )


async def calendar(pool: Pool, user: int, subject: str | None, since: date) -> dict[date, int]:
    """How much a user answered on each day since that one in a subject (None: all)."""
    rows = await pool.fetch(
        """SELECT day, sum(answered)::bigint AS answered FROM days
           WHERE user_id = $1 AND ($2::text IS NULL OR subject = $2) AND day >= $3 GROUP BY day ORDER BY day""",
        user,
        subject,
        since,
    )
    return {row["day"]: row["answered"] for row in rows}


async def mean_scores(pool: Pool, subject: str | None, since: date | None, fewest: int) -> list[tuple[int, int]]:
    """How many users have which mean score, in whole hundredths, of those with `fewest` answers and more."""
    rows = await pool.fetch(
        """SELECT floor(100 * score / answered + 1e-9)::integer AS hundredth, count(*)::integer AS users
           FROM (SELECT sum(score) AS score, sum(answered) AS answered FROM days
                 WHERE ($1::text IS NULL OR subject = $1) AND ($2::date IS NULL OR day >= $2)
                 GROUP BY user_id HAVING sum(answered) >= $3) AS sums
           GROUP BY 1""",
        subject,
        since,
        fewest,
    )
    return [(row["hundredth"], row["users"]) for row in rows]


TRAINING = """trainings.id, number, subject, mode, trainings.questions, started_at, deadline, finished_at, skipped,
    contest, trainings.extended, CASE WHEN plan -> 'results_hidden' = 'true' THEN ends_at END AS results_at"""
OF = "trainings LEFT JOIN contests ON contests.id = contest"


async def trainings(pool: Pool, user: int, before: int | None, limit: int) -> list[Record]:
    """At most `limit` trainings of a user with numbers below `before` (None: the newest), newest first."""
    return await pool.fetch(
        f"""SELECT {TRAINING} FROM {OF} WHERE user_id = $1 AND ($2::integer IS NULL OR number < $2)
            ORDER BY number DESC LIMIT $3""",  # noqa: S608 a constant
        user,
        before,
        limit,
    )


async def training(pool: Pool, user: int, id_: str) -> Record | None:
    """A training of this user by its id."""
    return await pool.fetchrow(
        f"SELECT {TRAINING} FROM {OF} WHERE trainings.id = $1 AND user_id = $2",  # noqa: S608 a constant
        id_,
        user,
    )


async def answers(pool: Pool, ids: Sequence[str]) -> list[Record]:
    """The answers of these trainings, as they were given."""
    return await pool.fetch(
        """SELECT training, question, response, score, seconds FROM answers
           WHERE training = ANY($1::text[]) ORDER BY at""",
        ids,
    )


async def leaderboard(pool: Pool, subject: str, since: date | None, limit: int) -> list[Record]:
    """The best users of a subject since a day (None: ever): `place`, `name`, `score`, `answered`. Ties share
    a place.
    """
    # Sums of floats depend on their order; a millionth of a point must not part those who did the same.
    return await pool.fetch(
        """WITH sums AS (
               SELECT user_id, round(sum(score)::numeric, 6) AS score, sum(answered)::bigint AS answered
               FROM days WHERE subject = $1 AND ($2::date IS NULL OR day >= $2) GROUP BY user_id
           )
           SELECT rank() OVER (ORDER BY sums.score DESC) AS place, users.name, sums.score::float8 AS score,
                  sums.answered
           FROM sums JOIN users ON users.id = sums.user_id
           WHERE NOT users.blocked AND users.joined_into IS NULL
           ORDER BY place, users.name, users.id LIMIT $3""",
        subject,
        since,
        limit,
    )
