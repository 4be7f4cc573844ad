"""When a contest can be taken part in, by whom, and how often."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.banks import RIGHT, Bank
from tests.api.client import Client, paths_of
from tests.contests.school import answered, at, begun, moment, plan, planned

AN_ANSWER = {"question": "number", "response": RIGHT["number"]}


async def test_before_its_start_a_contest_can_be_joined_and_not_begun(
    admin: Client, student: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject, begins_in=3600)
    assert contest["state"] == "upcoming"
    await student.post(f"/contests/{contest['id']}/join")
    problem = await student.refused(409, "POST", f"/contests/{contest['id']}/start")
    assert 3500 < problem["starts_in_seconds"] <= 3600
    await student.refused(404, "GET", "/trainings/current")


async def test_joining_twice_is_joining_once(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    first = await student.post(f"/contests/{contest['id']}/join")
    assert await student.post(f"/contests/{contest['id']}/join") == first
    assert (await admin.get(f"/admin/contests/{contest['id']}"))["joined"] == 1


async def test_starting_twice_gives_the_same_training(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    first = await begun(student, contest)
    assert await begun(student, contest) == first
    at_once = await asyncio.gather(*(begun(student, contest) for _ in range(10)))
    assert [training["id"] for training in at_once] == [first["id"]] * 10
    assert (await admin.get(f"/admin/contests/{contest['id']}"))["started"] == 1


async def test_starting_again_after_the_last_answer_gives_the_finished_training(
    admin: Client, student: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject)
    training = await begun(student, contest)
    await answered(student, training, right=4)
    again = await begun(student, contest)
    assert (again["id"], again["status"], again["summary"]["score"]) == (training["id"], "finished", 4)
    await student.post("/trainings", {"subject": walk.subject}, status=201)
    assert await begun(student, contest) == again, "and other trainings since change nothing"


async def test_the_deadline_is_the_end_of_ones_minutes(admin: Client, student: Client, walk: Bank) -> None:
    training = await begun(student, await planned(admin, walk.subject, minutes=7))
    assert moment(training["deadline"]) - moment(training["started_at"]) == timedelta(minutes=7)


async def test_the_deadline_is_never_after_the_end_of_the_contest(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, lasts=120, minutes=30)
    assert (await begun(student, contest))["deadline"] == contest["ends_at"]


async def test_an_answer_after_the_end_is_refused(admin: Client, student: Client, another: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, lasts=2)
    training = await begun(student, contest)
    await student.post(f"/trainings/{training['id']}/answers", {"question": "single", "response": RIGHT["single"]})
    while datetime.now(UTC) <= moment(contest["ends_at"]):
        await asyncio.sleep(0.1)
    await student.refused(409, "POST", f"/trainings/{training['id']}/answers", AN_ANSWER)
    ended = await student.get(f"/trainings/{training['id']}")
    assert (ended["status"], ended["finished_at"]) == ("finished", contest["ends_at"])
    assert ended["summary"]["answered"] == 1
    await another.refused(409, "POST", f"/contests/{contest['id']}/start")
    await another.refused(409, "POST", f"/contests/{contest['id']}/join")
    told = await student.get(f"/contests/{contest['id']}/leaderboard")
    assert told["final"] is True
    assert [(one["place"], one["score"]) for one in told["items"]] == [(1, 1)]


async def test_no_other_training_can_be_started_while_one_takes_part(
    admin: Client, student: Client, walk: Bank
) -> None:
    contest, other = await planned(admin, walk.subject), await planned(admin, walk.subject)
    training = await begun(student, contest)
    for path, body in (("/trainings", {"subject": walk.subject}), (f"/contests/{other['id']}/start", None)):
        problem = await student.refused(409, "POST", path, body)
        assert (problem["contest"], problem["training"]) == (contest["id"], training["id"])
        assert 0 < problem["remaining_seconds"] <= 30 * 60
    assert (await student.get("/trainings/current"))["id"] == training["id"]
    await student.post(f"/trainings/{training['id']}/finish")
    await begun(student, other)


async def test_starting_a_contest_finishes_an_open_practice(admin: Client, student: Client, walk: Bank) -> None:
    practice = await student.post("/trainings", {"subject": walk.subject}, status=201)
    training = await begun(student, await planned(admin, walk.subject))
    assert (await student.get(f"/trainings/{practice['id']}"))["status"] == "finished"
    assert (await student.get("/trainings/current"))["id"] == training["id"]


async def test_all_get_the_same_questions_in_the_same_order(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject, size=5)
    seen = []
    for one in (student, another):
        training = await begun(one, contest)
        order: list[str] = []
        while (question := (await one.get("/trainings/current"))["question"]) is not None and len(order) < 5:
            order.append(question["id"])
            await one.post(f"/trainings/{training['id']}/skip", {"question": question["id"]})
        seen.append(order)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 5


async def test_questions_drawn_for_each_are_as_many_as_asked_for(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject, size=2, draw="each", filters={"kinds": ["multiple", "number"]})
    for one in (student, another):
        training = await begun(one, contest)
        assert training["size"] == 2
        assert training["question"]["kind"] in ("multiple", "number")


# --- Who --------------------------------------------------------------------------------------------------------


async def test_a_contest_for_a_grade_is_not_there_for_others(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject, participants={"grades": [9]})
    await begun(student, contest)
    for method, call in (("GET", ""), ("POST", "/join"), ("POST", "/start"), ("GET", "/leaderboard")):
        await another.refused(404, method, f"/contests/{contest['id']}{call}")
    assert contest["id"] not in [one["id"] for one in (await another.get("/contests"))["items"]]


async def test_listed_users_may_take_part_whatever_their_grade(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject, participants={"grades": [11], "users": [another.id]})
    await begun(another, contest)
    await student.refused(404, "POST", f"/contests/{contest['id']}/start")


async def test_who_has_joined_stays_in_it_in_another_grade(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, participants={"grades": [9]})
    await student.post(f"/contests/{contest['id']}/join")
    await student.ask("PATCH", "/me", {"grade": 10})
    await begun(student, contest)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("GET", ""), ("GET", "/1"), ("PATCH", "/1"), ("DELETE", "/1")],
)
async def test_contests_are_planned_by_administrators_only(
    guest: Client, student: Client, editor: Client, method: str, path: str
) -> None:
    for one, status in ((guest, 401), (student, 403), (editor, 403)):
        await one.refused(status, method, f"/admin/contests{path}", {"minutes": 5} if method != "GET" else None)


async def test_a_guest_sees_no_contests(guest: Client) -> None:
    for method, path in (("GET", ""), ("GET", "/1"), ("POST", "/1/join"), ("POST", "/1/start")):
        await guest.refused(401, method, f"/contests{path}")


# --- Plans ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"minutes": 0}, "minutes"),
        ({"size": 3}, "size"),
        ({"questions": None}, "size"),
        ({"questions": ["single", "nowhere"]}, "questions.1"),
        ({"questions": ["single", "single"]}, "questions"),
        ({"filters": {"kinds": ["text"]}}, "filters"),
        ({"title": "  "}, "title"),
        ({"participants": {"grades": []}}, "participants.grades"),
        ({"remind_minutes": 0}, "remind_minutes"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_by_its_field(
    admin: Client, walk: Bank, change: dict[str, object], path: str
) -> None:
    body = plan(walk.subject) | change
    assert paths_of(await admin.refused(422, "POST", "/admin/contests", body)) == {path}


async def test_too_few_questions_are_refused_with_how_many_do_without_each_filter(admin: Client, walk: Bank) -> None:
    body = plan(walk.subject, size=3, filters={"kinds": ["multiple"], "difficulty": {"min": 3}})
    problem = await admin.refused(409, "POST", "/admin/contests", body)
    assert problem["without"] == {"kinds": 5, "difficulty": 2}
    nothing = plan(walk.subject, size=1, filters={"topics": ["nothing"]})
    await admin.refused(409, "POST", "/admin/contests", nothing)
    await admin.refused(404, "POST", "/admin/contests", plan("no-such-subject"))


async def test_a_plan_can_be_changed_until_it_begins(admin: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, begins_in=3600)
    place = f"/admin/contests/{contest['id']}"
    later = at(moment(contest["starts_at"]) + timedelta(minutes=5))
    changed = await admin.ask("PATCH", place, {"starts_at": later, "size": 2, "remind_minutes": 10})
    assert moment(changed["starts_at"]) == moment(later)
    assert (changed["size"], changed["questions"], changed["title"]) == (2, None, contest["title"])
    assert (await admin.ask("PATCH", place, {"remind_minutes": None}))["remind_minutes"] is None
    problem = await admin.refused(422, "PATCH", place, {"ends_at": contest["starts_at"]})
    assert paths_of(problem) == {"ends_at"}


async def test_once_it_has_begun_only_words_can_be_changed(admin: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    place = f"/admin/contests/{contest['id']}"
    await admin.refused(409, "PATCH", place, {"minutes": 5})
    changed = await admin.ask("PATCH", place, {"title": "Second round", "rules": "Be *fair*."})
    assert (changed["title"], changed["rules"], changed["minutes"]) == ("Second round", "Be *fair*.", 30)


async def test_a_contest_that_somebody_has_started_is_kept(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    await begun(student, contest)
    await admin.refused(409, "DELETE", f"/admin/contests/{contest['id']}")
    await student.get(f"/contests/{contest['id']}")


async def test_a_contest_that_nobody_has_started_can_be_deleted(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    await student.post(f"/contests/{contest['id']}/join")
    await admin.ask("DELETE", f"/admin/contests/{contest['id']}", status=204)
    await student.refused(404, "POST", f"/contests/{contest['id']}/start")
    await admin.refused(404, "GET", f"/admin/contests/{contest['id']}")
