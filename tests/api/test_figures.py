"""Figures: exact after known answers, as numbers and as pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from tests.api.banks import Bank, answer, begin, train
from tests.api.client import Client, Json


def plain(figures: Json) -> Json:
    """Without the time that was spent, which a test does not know."""
    return {name: value for name, value in figures.items() if name != "seconds"}


async def test_a_newcomer_has_no_figures(student: Client) -> None:
    assert await student.get("/me/statistics") == {
        "totals": {"answered": 0, "correct": 0, "score": 0, "seconds": 0},
        "trainings": 0,
        "by_subject": [],
        "by_topic": [],
        "by_day": [],
        "streak": {"current": 0, "longest": 0},
        "weakest": [],
        "better_than": None,
    }


async def test_figures_are_exact_after_known_answers(student: Client, walk: Bank, own: Bank) -> None:
    await train(student, walk, {"single": "b", "multiple": ["a"], "number": 7})
    await train(student, own, {"single": "a", "match": {"1": "w"}})
    training = await begin(student, own, "single", "text")
    await answer(student, training, "single", "b")

    told = await student.get("/me/statistics")

    assert plain(told["totals"]) == {"answered": 6, "correct": 2, "score": 2.75}
    assert told["trainings"] == 3
    assert sorted((one["subject"], one["answered"], one["correct"], one["score"]) for one in told["by_subject"]) == (
        sorted([(walk.subject, 3, 1, 1.5), (own.subject, 3, 1, 1.25)])
    )
    topics = {(one["subject"], one["topic"]): plain(one) for one in told["by_topic"]}
    assert topics[own.subject, "single"] == {
        "subject": own.subject,
        "topic": "single",
        "title": "single",
        "answered": 2,
        "correct": 1,
        "score": 1,
    }
    assert topics[walk.subject, "multiple"]["score"] == 0.5
    assert len(topics) == 5
    days = told["by_day"]
    assert (sum(day["answered"] for day in days), sum(day["correct"] for day in days)) == (6, 2)
    assert datetime.now(UTC).date().isoformat() >= days[-1]["day"]
    assert told["streak"]["current"] == told["streak"]["longest"] == len(days)


async def test_figures_of_one_subject(student: Client, walk: Bank, own: Bank) -> None:
    await train(student, walk, {"single": "b"})
    await train(student, own, {"single": "a", "number": 0.5})
    told = await student.get(f"/me/statistics?subject={own.subject}")
    assert plain(told["totals"]) == {"answered": 2, "correct": 1, "score": 1}
    assert [one["subject"] for one in told["by_subject"]] == [own.subject]


async def test_figures_of_the_last_days_leave_out_what_is_older(student: Client, walk: Bank) -> None:
    await train(student, walk, {"single": "b"})
    assert (await student.get("/me/statistics?days=2"))["totals"]["answered"] == 1


async def test_the_answers_of_an_exam_count_in_figures_from_its_end_on(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single", "number", mode="exam", minutes=30)
    await answer(student, training, "single", "b")
    assert (await student.get("/me/statistics"))["totals"]["answered"] == 0
    await train(student, walk, {"text": "Ель"})  # which ends the exam
    told = (await student.get("/me/statistics"))["totals"]
    assert plain(told) == {"answered": 2, "correct": 1, "score": 1.5}


async def test_the_time_spent_is_counted(student: Client, walk: Bank) -> None:
    training = await train(student, walk, {"single": "b", "number": 0.5})
    told = await student.get("/me/statistics")
    assert abs(told["totals"]["seconds"] - training["summary"]["seconds"]) < 0.01


async def test_figures_out_of_range_or_of_nothing(student: Client) -> None:
    for query in ("days=0", "days=3661", "days=x", "days=1&days=2", "colour=red"):
        name = query.split("=")[0]
        told = await student.refused(422, "GET", f"/me/statistics?{query}")
        assert {error["path"] for error in told["errors"]} == {name}
    await student.refused(404, "GET", "/me/statistics?subject=alchemy")


async def test_the_figures_as_svg(student: Client, walk: Bank) -> None:
    await train(student, walk, {"single": "b", "number": 7})
    picture = await student.call("GET", "/me/statistics.svg")
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/svg+xml")
    assert ElementTree.fromstring(picture.content).tag == "{http://www.w3.org/2000/svg}svg"


async def test_the_figures_as_png(student: Client, walk: Bank) -> None:
    await train(student, walk, {"single": "b"})
    picture = await student.call("GET", f"/me/statistics.png?subject={walk.subject}&days=7")
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG\r\n\x1a\n")


async def test_the_picture_of_a_newcomer(student: Client) -> None:
    picture = await student.call("GET", "/me/statistics.svg")
    assert picture.status == 200
    await student.refused(404, "GET", "/me/statistics.png?subject=alchemy")


async def test_the_leaderboard_adds_up_scores_and_gives_equals_the_same_place(guest: Client, own: Bank) -> None:
    best, second, equal, last = [await guest.register(name=name) for name in ("Ада", "Боря", "Вера", "Гриша")]
    await train(best, own, {"single": "b", "number": 0.5})
    await train(second, own, {"single": "b", "multiple": ["a"]})
    await train(equal, own, {"weighted": ["a"], "number": 0.5})
    await train(equal, own, {"weighted": ["b"]})
    await train(second, own, {"match": {"1": "w"}})
    await train(last, own, {"single": "a"})
    board = await best.get(f"/subjects/{own.subject}/leaderboard?days=30")
    assert board["items"] == [
        {"place": 1, "name": "Ада", "score": 2.0, "answered": 2},
        {"place": 2, "name": "Боря", "score": 1.75, "answered": 3},
        {"place": 2, "name": "Вера", "score": 1.75, "answered": 3},
        {"place": 4, "name": "Гриша", "score": 0.0, "answered": 1},
    ]


async def test_the_leaderboard_is_of_one_subject(student: Client, walk: Bank, own: Bank) -> None:
    await train(student, walk, {"single": "b"})
    assert await student.get(f"/subjects/{own.subject}/leaderboard") == {"items": []}
    await student.refused(404, "GET", "/subjects/alchemy/leaderboard")


async def test_an_open_exam_is_not_on_the_leaderboard_yet(student: Client, own: Bank) -> None:
    training = await begin(student, own, "single", "number", mode="exam", minutes=30)
    await answer(student, training, "single", "b")
    assert (await student.get(f"/subjects/{own.subject}/leaderboard"))["items"] == []


async def test_counters_of_a_question_count_each_answer_once(
    student: Client, another_student: Client, own: Bank
) -> None:
    await train(student, own, {"single": "b", "multiple": ["a"]})
    await train(student, own, {"single": "a"})
    await train(another_student, own, {"single": "b"})
    assert await own.statistics("single") == {"answered": 3, "correct": 2}
    assert await own.statistics("multiple") == {"answered": 1, "correct": 0}
    assert await own.statistics("text") == {"answered": 0, "correct": 0}
