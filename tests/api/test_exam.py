"""An exam: nothing is told before its end, which comes by the server's clock."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson

from tests.api.banks import Bank, answer, begin
from tests.api.client import Client, Json, connect


async def exam(student: Client, bank: Bank, *topics: str, minutes: int = 30) -> Json:
    return await begin(student, bank, *topics, mode="exam", minutes=minutes)


async def test_an_exam_ends_its_minutes_after_it_began(student: Client, walk: Bank) -> None:
    training = await exam(student, walk, minutes=45)
    began, ends = (datetime.fromisoformat(training[name]) for name in ("started_at", "deadline"))
    assert ends - began == timedelta(minutes=45)


async def test_an_open_exam_tells_no_verdict(student: Client, walk: Bank) -> None:
    training = await exam(student, walk, "single", "weighted")
    verdict = await answer(student, training, "weighted", ["c"])
    assert verdict["next"]["id"] == "single"
    for hidden in ("score", "verdict", "key", "explanation", "feedback"):
        assert verdict[hidden] is None
    assert verdict["progress"] == {"answered": 1, "correct": None, "skipped": 0, "left": 1}


async def test_an_open_exam_is_shown_without_figures(student: Client, walk: Bank) -> None:
    training = await exam(student, walk, "single", "number")
    assert training["progress"]["correct"] is None
    await answer(student, training, "single", "b")
    for path in (f"/trainings/{training['id']}", "/trainings/current"):
        shown = await student.get(path)
        assert shown["progress"]["correct"] is None
        assert shown["summary"] is None
    (listed,) = (await student.get("/trainings"))["items"]
    assert listed["progress"]["correct"] is None
    assert listed["summary"] is None


async def test_the_export_does_not_tell_the_scores_of_an_open_exam(student: Client, walk: Bank) -> None:
    training = await exam(student, walk, "single", "number")
    await answer(student, training, "single", "b")

    async def scores() -> list[Json]:
        kept = await student.get("/me/export")
        journal = [row["data"] for row in kept["journal"]]
        return [event["score"] for event in [*kept["answers"], *journal] if "score" in event]

    assert await scores() == [None, None]
    await student.post(f"/trainings/{training['id']}/finish")
    assert await scores() == [1, 1]


async def test_verdicts_are_told_when_the_exam_is_over(student: Client, walk: Bank) -> None:
    training = await exam(student, walk, "single", "number", "text")
    await answer(student, training, "single", "b")
    await answer(student, training, "number", 7)
    ended = await student.post(f"/trainings/{training['id']}/finish")
    told = {one["question"]: (one["score"], one["verdict"], one["key"]) for one in ended["summary"]["questions"]}
    assert told["single"] == (1, "correct", "b")
    assert told["number"] == (0, "wrong", {"value": 0.5, "tolerance": 0.1})
    assert told["text"][:2] == (None, None)
    assert ended["progress"]["correct"] == 1


async def test_the_last_answer_ends_the_exam_and_its_own_verdict_stays_untold(student: Client, walk: Bank) -> None:
    training = await exam(student, walk, "single")
    verdict = await answer(student, training, "single", "b")
    assert verdict["next"] is None
    assert verdict["verdict"] is None
    assert (await student.get(f"/trainings/{training['id']}"))["summary"]["correct"] == 1


async def test_an_answer_to_an_exam_that_was_ended_before_is_409(student: Client, walk: Bank) -> None:
    training = await exam(student, walk, "single", "number")
    await answer(student, training, "single", "b")
    await student.post(f"/trainings/{training['id']}/finish")
    body = {"question": "number", "response": 0.5}
    await student.refused(409, "POST", f"/trainings/{training['id']}/answers", body)


async def test_minutes_belong_to_an_exam_and_to_nothing_else(student: Client, walk: Bank) -> None:
    for body in (
        {"mode": "exam"},
        {"mode": "exam", "minutes": 0},
        {"mode": "exam", "minutes": 301},
        {"mode": "exam", "minutes": 1.5},
        {"mode": "practice", "minutes": 5},
        {"minutes": 5},
    ):
        told = await student.refused(422, "POST", "/trainings", {"subject": walk.subject} | body)
        assert [error["path"] for error in told["errors"]] == ["minutes"]
    await student.refused(404, "GET", "/trainings/current")


async def _turn_back(student: Client, by: timedelta) -> None:
    """Let all that the journal holds of a student have happened earlier, as if that time had passed since.

    A session in memory does not see it: it counts from the next start on.
    """
    microseconds = by // timedelta(microseconds=1)
    connection = await connect(student.service)
    try:
        for row in await connection.fetch("SELECT seq, data FROM journal WHERE user_id = $1", student.id):
            event = orjson.loads(row["data"])
            for name in ("at", "deadline"):
                if event.get(name) is not None:
                    event[name] -= microseconds
            await connection.execute(
                "UPDATE journal SET data = $3::jsonb WHERE user_id = $1 AND seq = $2",
                student.id,
                row["seq"],
                orjson.dumps(event).decode(),
            )
        await connection.execute("DELETE FROM snapshots WHERE user_id = $1", student.id)
        await connection.execute(
            """UPDATE trainings SET started_at = started_at - $2::interval, deadline = deadline - $2::interval
               WHERE user_id = $1""",
            student.id,
            by,
        )
    finally:
        await connection.close()


async def test_an_exam_goes_on_after_a_crash_and_its_time_runs_meanwhile(
    student: Client, another_student: Client, walk: Bank
) -> None:
    late = await exam(student, walk, "single", "number", minutes=10)
    await answer(student, late, "single", "b")
    in_time = await exam(another_student, walk, "single", "number", minutes=10)
    await answer(another_student, in_time, "single", "b")
    before = await another_student.get("/trainings/current")

    await _turn_back(student, timedelta(minutes=11))
    await student.service.kill()
    await student.service.start()

    assert await another_student.get("/trainings/current") == before
    verdict = await answer(another_student, in_time, "number", 0.5)
    assert verdict["progress"]["answered"] == 2

    body = {"question": "number", "response": 0.5}
    await student.refused(409, "POST", f"/trainings/{late['id']}/answers", body)
    await student.refused(404, "GET", "/trainings/current")
    ended = await student.get(f"/trainings/{late['id']}")
    assert ended["status"] == "finished"
    assert ended["finished_at"] == ended["deadline"], "when its time was up, not when noticed"
    assert (ended["summary"]["answered"], ended["summary"]["correct"]) == (1, 1)
