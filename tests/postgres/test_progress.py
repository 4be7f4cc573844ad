"""What a student is told of their progress: topics to work on, and where they stand among others."""

from __future__ import annotations

from datetime import date

import pytest

from actors.figures import FEWEST_COMPARED, Desk, weakest
from actors.picture import PALETTES, counted
from protocols.messages import DrawStatistics, ShowStatistics, Theme, TopicFigures
from storage.postgres import figures as sql
from storage.postgres.pool import Pool
from tests.postgres.stand import Clock
from tests.postgres.test_figures import TODAY, day

ENOUGH = FEWEST_COMPARED


def topic(slug: str, answered: int, score: float) -> TopicFigures:
    return TopicFigures(
        subject="biology", topic=slug, title=slug, answered=answered, correct=0, score=score, seconds=1.0
    )


def test_the_weakest_topics_come_first_and_good_or_hardly_known_ones_not_at_all() -> None:
    topics = [
        topic("good", 100, 90),
        topic("unknown", 4, 0),
        topic("half", 10, 5),
        topic("worst", 20, 1),
        topic("third", 10, 6),
        topic("fourth", 10, 7),
    ]
    assert [one.topic for one in weakest(topics)] == ["worst", "half", "third"]
    assert weakest([]) == ()


async def test_topics_that_have_no_questions_any_more_are_not_among_those_to_work_on(desk: Desk, pool: Pool) -> None:
    for subject, topic in (("biology", "cells"), ("biology", "gone"), ("gone", "cells")):
        await day(pool, 1, 0, 20, 1, subject=subject, topic=topic)
    told = await desk.show_statistics(ShowStatistics(user=1))
    assert [(one.subject, one.topic) for one in told.weakest] == [("biology", "cells")]


async def test_a_student_stands_above_those_with_a_lower_mean_score(desk: Desk, pool: Pool) -> None:
    for user, score in ((1, 14), (2, 4), (3, 8), (4, 12), (5, 18), (6, 14)):
        await day(pool, user, 0, ENOUGH, score)
    await day(pool, 7, 0, ENOUGH - 1, 0)  # too few answers to be compared
    told = await desk.show_statistics(ShowStatistics(user=1))
    assert told.better_than == pytest.approx(3 / 5)  # 2, 3 and 4, of 2 to 6


@pytest.mark.parametrize(("own", "others"), [(ENOUGH - 1, 9), (ENOUGH, 4)])
async def test_who_has_too_few_answers_or_peers_is_not_compared(desk: Desk, pool: Pool, own: int, others: int) -> None:
    await day(pool, 1, 0, own, own)
    for user in range(2, 2 + others):
        await day(pool, user, 0, ENOUGH, 1)
    assert (await desk.show_statistics(ShowStatistics(user=1))).better_than is None


async def test_peers_are_those_of_the_same_subject_and_time(desk: Desk, pool: Pool) -> None:
    await day(pool, 1, 0, ENOUGH, 10)
    for user in range(2, 8):
        await day(pool, user, 0, ENOUGH, 5)
        await day(pool, user, 40, ENOUGH, 20, subject="mathematics")
    assert (await desk.show_statistics(ShowStatistics(user=1, subject="biology"))).better_than == 1
    assert (await desk.show_statistics(ShowStatistics(user=1, days=30))).better_than == 1
    assert (await desk.show_statistics(ShowStatistics(user=1))).better_than == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_picture_is_on_the_paper_of_its_theme(desk: Desk, pool: Pool, theme: Theme) -> None:
    await day(pool, 1, 0, 3, 2)
    file = await desk.draw_statistics(DrawStatistics(user=1, format="svg", theme=theme))
    papers = {name: palette.paper.encode() in file.content for name, palette in PALETTES.items()}
    assert papers[theme]
    assert not papers["dark" if theme == "light" else "light"]


async def test_a_picture_is_drawn_though_midnight_passes_meanwhile(
    desk: Desk, pool: Pool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await day(pool, 1, 29, 4, 2)
    statistics = sql.statistics

    async def until_tomorrow(pool: Pool, user: int, subject: str | None, since: date | None) -> sql.StatisticsRows:
        clock.forward(24 * 3600)
        return await statistics(pool, user, subject, since)

    monkeypatch.setattr(sql, "statistics", until_tomorrow)
    assert (await desk.draw_statistics(DrawStatistics(user=1, format="svg", days=30))).content


@pytest.mark.parametrize("days", [None, 30])
async def test_the_calendar_has_a_square_for_each_day_of_a_year_with_those_of_answers_filled(
    desk: Desk, pool: Pool, days: int | None
) -> None:
    for ago, answered in ((0, 4), (1, 2), (300, 1), (700, 3)):
        await day(pool, 1, ago, answered, 1)
    drawn = (await desk.draw_statistics(DrawStatistics(user=1, format="svg", days=days))).content.decode()
    track, filled = PALETTES["light"].track, PALETTES["light"].correct
    assert date(2023, 11, 14) == TODAY  # a Tuesday: its week has two days so far
    assert drawn.count(f'style="fill: {track}"') >= 52 * 7 + 2
    for strength, times in ((0.625, 1), (0.4375, 1), (0.8125, 0)):  # 700 days ago is not in this year
        assert drawn.count(f'style="fill: {filled}; opacity: {strength}"') == times


@pytest.mark.parametrize(
    ("count", "russian", "english"),
    [(0, "дней подряд", "days in a row"), (1, "день подряд", "day in a row"), (22, "дня подряд", "days in a row")],
)
def test_counts_in_the_picture_have_their_plurals(count: int, russian: str, english: str) -> None:
    assert (counted("streak", count, "ru"), counted("streak", count, "en")) == (russian, english)
