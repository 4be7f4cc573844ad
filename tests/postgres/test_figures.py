"""Statistics, past trainings, pictures and leaderboards on a real database."""

import asyncio
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.drawing import Drawing, DrawingFailed
from actors.figures import Desk, streak
from actors.picture import draw
from protocols.messages import (
    DrawStatistics,
    Figures,
    Invalid,
    ListTrainings,
    NotFound,
    ShowLeaderboard,
    ShowStatistics,
    ShowTrainingById,
    Statistics,
    Streak,
)
from storage.postgres.pool import Pool
from tests.postgres.stand import Clock

TODAY = date(2023, 11, 14)
NOW = datetime(2023, 11, 14, 12, tzinfo=UTC)


async def day(
    pool: Pool,
    user: int,
    ago: int,
    answered: int,
    correct: int,
    *,
    subject: str = "biology",
    topic: str = "cells",
    score: float | None = None,
) -> None:
    await pool.execute(
        "INSERT INTO days VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        user,
        subject,
        topic,
        TODAY - timedelta(days=ago),
        answered,
        correct,
        correct if score is None else score,
        2.5 * answered,
    )


async def user(pool: Pool, name: str, *, blocked: bool = False) -> int:
    found: int = await pool.fetchval("INSERT INTO users (name, blocked) VALUES ($1, $2) RETURNING id", name, blocked)
    return found


async def training(
    pool: Pool,
    number: int,
    *,
    user: int = 1,
    mode: str = "practice",
    finished: bool = True,
    questions: Sequence[int] = (2, 1),
    answers: Sequence[tuple[int, float]] = (),
    skipped: Sequence[int] = (),
) -> str:
    name = f"{user}-{number}"
    await pool.execute(
        """INSERT INTO trainings (id, user_id, number, subject, mode, questions, started_at, finished_at,
        skipped) VALUES ($1, $2, $3, 'biology', $4, $5, $6, $7, $8)""",
        name,
        user,
        number,
        mode,
        questions,
        NOW,
        NOW + timedelta(minutes=5) if finished else None,
        skipped,
    )
    for question, score in answers:
        await pool.execute(
            "INSERT INTO answers VALUES ($1, $2, $3, 'biology', 'cells', 'text', $4, $5, 1.5, $6)",
            name,
            question,
            user,
            "да",
            score,
            NOW,
        )
    return name


# --- Statistics ---------------------------------------------------------------------------------------------


async def test_statistics_of_nobody_yet_are_empty(desk: Desk) -> None:
    statistics = await desk.show_statistics(ShowStatistics(user=1))
    assert statistics.totals == Figures(answered=0, correct=0, score=0, seconds=0)
    assert (statistics.by_subject, statistics.by_topic, statistics.by_day) == ((), (), ())
    assert statistics.streak == Streak(current=0, longest=0)


async def test_statistics_add_up_in_every_direction(desk: Desk, pool: Pool) -> None:
    await day(pool, 1, 0, 3, 2)
    await day(pool, 1, 1, 4, 1)
    await day(pool, 1, 1, 2, 2, topic="plants")
    await day(pool, 1, 1, 5, 5, subject="mathematics", topic="numbers")
    await day(pool, 3, 0, 100, 100)
    await training(pool, 1)
    statistics = await desk.show_statistics(ShowStatistics(user=1))
    assert statistics.totals == Figures(answered=14, correct=10, score=10, seconds=35)
    assert [(one.title, one.answered, one.correct) for one in statistics.by_subject] == [
        ("Биология", 9, 5),
        ("Математика", 5, 5),
    ]
    assert [(one.title, one.answered) for one in statistics.by_topic] == [
        ("Клетка", 7),
        ("Растения", 2),
        ("numbers", 5),
    ]
    assert [(one.day, one.answered) for one in statistics.by_day] == [(date(2023, 11, 13), 11), (TODAY, 3)]
    assert statistics.trainings == 1


async def test_titles_are_in_the_user_s_language_where_there_are_any(desk: Desk, pool: Pool) -> None:
    await day(pool, 2, 0, 1, 1)
    await day(pool, 2, 0, 1, 1, topic="plants")
    statistics = await desk.show_statistics(ShowStatistics(user=2))
    assert [one.title for one in statistics.by_subject] == ["Biology"]
    assert [one.title for one in statistics.by_topic] == ["Cells", "Растения"]


async def test_statistics_of_some_days_count_today_as_one(desk: Desk, pool: Pool) -> None:
    for ago in range(4):
        await day(pool, 1, ago, 10**ago, 0)
    statistics = await desk.show_statistics(ShowStatistics(user=1, days=2))
    assert statistics.totals.answered == 11
    assert statistics.streak == Streak(current=4, longest=4)


async def test_statistics_of_one_subject(desk: Desk, pool: Pool) -> None:
    await day(pool, 1, 0, 3, 2)
    await day(pool, 1, 1, 5, 5, subject="mathematics", topic="numbers")
    await training(pool, 1)
    statistics = await desk.show_statistics(ShowStatistics(user=1, subject="mathematics"))
    assert (statistics.totals.answered, statistics.trainings) == (5, 0)
    assert statistics.streak == Streak(current=1, longest=1)


async def test_statistics_of_an_unknown_subject_are_refused(desk: Desk) -> None:
    with pytest.raises(NotFound, match="alchemy"):
        await desk.show_statistics(ShowStatistics(user=1, subject="alchemy"))


async def test_the_streak_ends_with_a_day_without_answers(desk: Desk, pool: Pool, clock: Clock) -> None:
    await day(pool, 1, 0, 1, 1)
    clock.forward(86_400)
    assert (await desk.show_statistics(ShowStatistics(user=1))).streak.current == 1
    clock.forward(86_400)
    assert (await desk.show_statistics(ShowStatistics(user=1))).streak == Streak(current=0, longest=1)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        ([], (0, 0)),
        ([0], (1, 1)),
        ([1], (1, 1)),
        ([2], (0, 1)),
        ([3, 2, 1, 0], (4, 4)),
        ([9, 8, 7, 1, 0], (2, 3)),
        ([5, 3, 1], (1, 1)),
    ],
)
def test_streak(ago: list[int], expected: tuple[int, int]) -> None:
    found = streak([TODAY - timedelta(days=days) for days in ago], TODAY)
    assert (found.current, found.longest) == expected


@given(st.sets(st.integers(0, 60)))
def test_the_current_streak_is_what_counting_back_from_today_finds(ago: set[int]) -> None:
    found = streak([TODAY - timedelta(days=days) for days in sorted(ago, reverse=True)], TODAY)
    back = 0 if 0 in ago else 1
    length = 0
    while back + length in ago:
        length += 1
    assert found.current == length <= found.longest <= len(ago)


# --- Trainings ----------------------------------------------------------------------------------------------


async def test_a_finished_training_is_shown_with_its_review(desk: Desk, pool: Pool) -> None:
    name = await training(pool, 1, answers=[(2, 0.5)], skipped=[1])
    shown = await desk.show_training(ShowTrainingById(user=1, training=name))
    assert (shown.status, shown.size, shown.question) == ("finished", 2, None)
    assert shown.progress.model_dump() == {"answered": 1, "correct": 0, "skipped": 1, "left": 1}
    assert shown.summary is not None
    assert (shown.summary.partial, shown.summary.unanswered, shown.summary.score) == (1, 1, 0.5)
    assert [(one.question, one.verdict) for one in shown.summary.questions] == [
        ("b-2", "partial"),
        ("b-1", None),
    ]


@pytest.mark.parametrize(
    ("skipped", "answers", "left"),
    [([1], [], 2), ([1, 1], [], 1), ([1], [(1, 1.0)], 1), ([2, 1, 2, 1], [], 0)],
)
async def test_a_question_skipped_once_is_left_and_twice_is_not(
    desk: Desk, pool: Pool, skipped: list[int], answers: list[tuple[int, float]], left: int
) -> None:
    name = await training(pool, 1, finished=False, skipped=skipped, answers=answers)
    assert (await desk.show_training(ShowTrainingById(user=1, training=name))).progress.left == left


async def test_an_open_exam_does_not_tell_what_was_right(desk: Desk, pool: Pool) -> None:
    name = await training(pool, 1, mode="exam", finished=False, answers=[(2, 1.0)])
    shown = await desk.show_training(ShowTrainingById(user=1, training=name))
    assert (shown.progress.answered, shown.progress.correct, shown.summary) == (1, None, None)


@pytest.mark.parametrize("name", ["1-2", "2-1", "x", "", "1-1\x00"])
async def test_an_unknown_training_or_somebody_else_s_is_not_found(desk: Desk, pool: Pool, name: str) -> None:
    await training(pool, 1)
    await training(pool, 1, user=2)
    with pytest.raises(NotFound):
        await desk.show_training(ShowTrainingById(user=1, training=name))


async def test_pages_of_trainings_go_from_the_newest_to_the_first(desk: Desk, pool: Pool) -> None:
    for number in range(1, 12):
        await training(pool, number)
    pages, after = [], None
    while True:
        page = await desk.list_trainings(ListTrainings(user=1, limit=5, after=after))
        pages.append([one.id for one in page.items])
        after = page.next
        if after is None:
            break
    assert pages == [
        ["1-11", "1-10", "1-9", "1-8", "1-7"],
        ["1-6", "1-5", "1-4", "1-3", "1-2"],
        ["1-1"],
    ]


async def test_a_full_last_page_has_no_next(desk: Desk, pool: Pool) -> None:
    for number in (1, 2):
        await training(pool, number)
    assert (await desk.list_trainings(ListTrainings(user=1, limit=2))).next is None


async def test_listed_summaries_have_no_questions(desk: Desk, pool: Pool) -> None:
    await training(pool, 1, answers=[(2, 1.0)])
    (listed,) = (await desk.list_trainings(ListTrainings(user=1))).items
    assert listed.summary is not None
    assert (listed.summary.correct, listed.summary.questions) == (1, ())


@pytest.mark.parametrize("cursor", ["", "x", "0", "-1", "01", "1.0", "9" * 10, "ж", "\x00", " 1", "1\n", "١"])
async def test_a_cursor_that_is_none_of_ours_is_refused(desk: Desk, cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        await desk.list_trainings(ListTrainings(user=1, after=cursor))
    assert caught.value.errors[0].path == "after"


# --- Leaderboards -------------------------------------------------------------------------------------------


async def test_the_leaderboard_sums_scores_and_ties_share_a_place(desk: Desk, pool: Pool) -> None:
    anna, boris, vera = [await user(pool, name) for name in ("Анна", "Борис", "Вера")]
    for ago, score in enumerate((0.1, 0.2, 0.3)):
        await day(pool, anna, ago, 1, 0, score=score)
    for ago, score in enumerate((0.3, 0.2, 0.1)):
        await day(pool, boris, ago, 2, 0, score=score)
    await day(pool, vera, 0, 9, 0, score=0.5)
    board = await desk.show_leaderboard(ShowLeaderboard(user=1, subject="biology"))
    assert [(one.place, one.name, one.score, one.answered) for one in board.items] == [
        (1, "Анна", 0.6, 3),
        (1, "Борис", 0.6, 6),
        (3, "Вера", 0.5, 9),
    ]


async def test_the_leaderboard_of_some_days_and_of_one_subject(desk: Desk, pool: Pool) -> None:
    anna, boris = [await user(pool, name) for name in ("Анна", "Борис")]
    await day(pool, anna, 7, 9, 9)
    await day(pool, anna, 6, 1, 1)
    await day(pool, boris, 0, 9, 9, subject="mathematics")
    board = await desk.show_leaderboard(ShowLeaderboard(user=1, subject="biology", days=7))
    assert [(one.name, one.score) for one in board.items] == [("Анна", 1.0)]


async def test_the_blocked_and_the_erased_are_on_no_leaderboard(desk: Desk, pool: Pool) -> None:
    await day(pool, await user(pool, "Анна"), 0, 1, 1)
    await day(pool, await user(pool, "Борис", blocked=True), 0, 9, 9)
    await day(pool, 404, 0, 9, 9)
    board = await desk.show_leaderboard(ShowLeaderboard(user=1, subject="biology"))
    assert [(one.place, one.name) for one in board.items] == [(1, "Анна")]


async def test_the_leaderboard_ends_at_its_limit(desk: Desk, pool: Pool) -> None:
    for name in ("Анна", "Борис", "Вера"):
        await day(pool, await user(pool, name), 0, 1, 1)
    board = await desk.show_leaderboard(ShowLeaderboard(user=1, subject="biology", limit=2))
    assert [one.name for one in board.items] == ["Анна", "Борис"]


async def test_the_leaderboard_of_an_unknown_subject_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFound, match="alchemy"):
        await desk.show_leaderboard(ShowLeaderboard(user=1, subject="alchemy"))


async def test_the_leaderboard_reads_an_index_only(pool: Pool) -> None:
    await pool.execute(
        """INSERT INTO days SELECT u, 's' || u % 20, 't', '2023-11-14'::date - d, 1, 1, 1, 1
           FROM generate_series(1, 500) u, generate_series(0, 20) d"""
    )
    await pool.execute("VACUUM ANALYZE days")
    plan = await pool.fetch(
        """EXPLAIN SELECT user_id, sum(score), sum(answered) FROM days
           WHERE subject = 's1' AND day >= '2023-11-08' GROUP BY user_id"""
    )
    assert any("Index Only Scan using days_subject" in row[0] for row in plan)


# --- Pictures -----------------------------------------------------------------------------------------------


async def statistics_of_60_days(desk: Desk, pool: Pool) -> Statistics:
    for ago in range(0, 60, 2):
        await day(pool, 1, ago, 10, ago % 10)
        await day(pool, 1, ago, 10, ago % 7, subject="mathematics", topic="$numbers$")
    return await desk.show_statistics(ShowStatistics(user=1))


async def test_a_picture_is_a_small_png_of_800_by_760(desk: Desk, pool: Pool) -> None:
    content = draw(await statistics_of_60_days(desk, pool), {}, "ru", "png", None, TODAY)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (800, 760)
    assert len(content) < 200_000


async def test_a_picture_is_an_svg_without_scripts_and_links(desk: Desk, pool: Pool) -> None:
    root = ElementTree.fromstring(draw(await statistics_of_60_days(desk, pool), {}, "en", "svg", None, TODAY))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for element in root.iter():
        assert not element.tag.endswith(("script", "foreignObject", "image"))
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if name.endswith("href"):
                assert value.startswith("#")


@pytest.mark.parametrize("days", [None, 1, 60, 3660])
@pytest.mark.parametrize("answered", [False, True])
async def test_every_span_can_be_drawn(desk: Desk, pool: Pool, days: int | None, answered: bool) -> None:
    if answered:
        await day(pool, 1, 0, 3, 2)
        await day(pool, 1, 0, 1, 0, subject="gone", topic="gone")
    if days is None and answered:
        await day(pool, 1, 5000, 3, 2)
    statistics = await desk.show_statistics(ShowStatistics(user=1, days=days))
    assert draw(statistics, {TODAY: 4} if answered else {}, "ru", "svg", days, TODAY)


async def test_the_drawing_process_makes_the_same_bytes_as_any_other(desk: Desk, pool: Pool) -> None:
    statistics = await statistics_of_60_days(desk, pool)
    for format, media_type in (("svg", "image/svg+xml"), ("png", "image/png")):
        command = DrawStatistics.model_validate({"user": 1, "format": format, "days": 90})
        file = await desk.draw_statistics(command)
        assert file.media_type == media_type
        calendar = {one.day: one.answered for one in statistics.by_day}
        assert file.content == draw(statistics, calendar, "ru", command.format, 90, TODAY)


async def test_pictures_follow_new_answers_at_once_and_come_to_whom_they_belong(desk: Desk, pool: Pool) -> None:
    commands = [DrawStatistics(user=who, format="svg") for who in (1, 2, 3)]
    before = await asyncio.gather(*map(desk.draw_statistics, commands))
    for who in (1, 2, 3):
        await day(pool, who, 0, who, 1)
    after = await asyncio.gather(*map(desk.draw_statistics, commands))
    assert len({file.content for file in (*before, *after)}) == 5  # of 1 and 3 there is the same nothing
    assert [await desk.draw_statistics(command) for command in commands] == after


async def test_what_cannot_be_drawn_is_told_and_whoever_goes_away_spoils_nothing(desk: Desk, pool: Pool) -> None:
    statistics = await statistics_of_60_days(desk, pool)
    json = statistics.model_dump_json()
    drawing = Drawing()
    with pytest.raises(DrawingFailed, match="validation error"):
        await drawing.statistics("{}", {}, "ru", "png", days=None, today=TODAY)
    gone = asyncio.create_task(drawing.statistics(json, {TODAY: 1}, "ru", "svg", days=None, today=TODAY))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.wait([gone])
    content = await drawing.statistics(json, {TODAY: 1}, "ru", "png", days=None, today=TODAY)
    await drawing.close()
    assert content == draw(statistics, {TODAY: 1}, "ru", "png", None, TODAY)
