"""The sums that figures of questions rest on, out of the rollups."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from storage.clickhouse.engine import ClickHouse
from storage.question_sums import QuestionSums

_SUMS = """
SELECT question, toInt64(countMerge(answers)), toInt64(sumMerge(correct)), sumMerge(score), toInt64(sumMerge(pairs)),
       sumMerge(x), sumMerge(xx), sumMerge(y), sumMerge(yy), sumMerge(xy)
FROM quality WHERE {which} GROUP BY question
"""
_COUNTS = """
SELECT question, step, toInt64(count)
FROM (SELECT question, sumMapMerge({column}) AS counts FROM quality WHERE {which} GROUP BY question)
ARRAY JOIN counts.1 AS step, counts.2 AS count
"""
_CHOICES = """
SELECT question, choice, step, toInt64(count)
FROM (SELECT question, choice, sumMapMerge(strengths) AS counts FROM choices WHERE {which} GROUP BY question, choice)
ARRAY JOIN counts.1 AS step, counts.2 AS count
"""


async def sums(
    clickhouse: ClickHouse, subject: str, question: int | None, since: date | None
) -> dict[int, QuestionSums]:
    """Of each question of a subject that was answered in a finished training, or of only one; `since` the beginning
    of the month of that day. Raises ClickHouseError.
    """
    assert subject.replace("-", "").replace("_", "").isalnum(), f"{subject!r} is no slug"
    which = f"subject = '{subject}'"
    if question is not None:
        which += f" AND question = {question}"
    if since is not None:
        which += f" AND month >= toDate('{since.replace(day=1)}')"
    seconds: dict[int, dict[int, int]] = defaultdict(dict)
    strengths: dict[int, dict[int, int]] = defaultdict(dict)
    for column, counts in (("seconds", seconds), ("strengths", strengths)):
        for number, step, count in await clickhouse.query(_COUNTS.format(column=column, which=which)):
            counts[int(number)][int(step)] = int(count)
    choices: dict[int, dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for number, choice, step, count in await clickhouse.query(_CHOICES.format(which=which)):
        choices[int(number)][str(choice)][int(step)] = int(count)
    return {
        int(number): QuestionSums(
            answers=int(answers),
            correct=int(correct),
            score=float(score),
            pairs=int(pairs),
            x=float(x),
            xx=float(xx),
            y=float(y),
            yy=float(yy),
            xy=float(xy),
            seconds=seconds[int(number)],
            strengths=strengths[int(number)],
            choices=choices[int(number)],
        )
        for number, answers, correct, score, pairs, x, xx, y, yy, xy in await clickhouse.query(
            _SUMS.format(which=which)
        )
    }
