"""Contests in a browser without scripts: planned, joined, taken part in, ranked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from tests.api.banks import RIGHT, WRONG, Bank
from tests.api.client import Client
from tests.contests.school import MOSCOW, moment, planned
from tests.web.visitor import Visitor, browsing, filled_in


@pytest_asyncio.fixture(loop_scope="session")
async def anna(student: Client) -> AsyncIterator[Visitor]:
    visitor = await browsing(student)
    yield visitor
    await visitor.session.close()


@pytest_asyncio.fixture(loop_scope="session")
async def chief(admin: Client) -> AsyncIterator[Visitor]:
    visitor = await browsing(admin)
    yield visitor
    await visitor.session.close()


async def test_a_student_joins_takes_part_and_sees_the_places(admin: Client, anna: Visitor, walk: Bank) -> None:
    contest = await planned(
        admin, walk.subject, title="Spring <round>", rules="Be **fair**, $x^2$", questions=["number"]
    )
    place = f"/contests/{contest['id']}"
    assert "Spring <round>" in await anna.see("/contests")
    page = await anna.see(place)
    assert "<strong>fair</strong>" in page
    assert "<msup>" in page
    path, _ = await anna.send(f"{place}/join")
    assert path == place
    path, page = await anna.send(f"{place}/start")
    assert path == "/training"
    assert "You cannot start it again." in page
    training = re.search(r'name="training" value="([^"]+)"', page)
    assert training is not None
    await anna.send(
        "/training/answer", {"training": training[1], "question": "number", "kind": "number", "answer": "0,5"}
    )
    page = await anna.sees("Your place: 1", place)
    assert "Anna" in page
    path, _ = await anna.send(f"{place}/start")
    assert path == f"/trainings/{training[1]}"


async def test_who_has_joined_is_told_when_and_where_it_begins(admin: Client, anna: Visitor, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, title="Tomorrow", begins_in=3600.0)
    start = moment(contest["starts_at"])
    assert "Tomorrow" in await anna.see("/")
    _, page = await anna.send(f"/contests/{contest['id']}/join")
    assert "You take part" in page
    assert re.search(r"Here you can start it at <time[^>]*>[^<]*" + f"{start.astimezone(MOSCOW):%H:%M}", page)


async def test_who_starts_late_is_told_how_many_minutes_are_left(admin: Client, anna: Visitor, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, lasts=630.0, minutes=45)
    assert "It ends soon: you will have 10 minutes." in await anna.see(f"/contests/{contest['id']}")


async def test_what_is_hidden_is_not_on_the_pages(admin: Client, anna: Visitor, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, results_hidden=True, questions=["single"])
    training = await student.post(f"/contests/{contest['id']}/start")
    await student.post(f"/trainings/{training['id']}/answers", {"question": "single", "response": WRONG["single"]})
    assert "The results are told at the end" in await anna.see(f"/contests/{contest['id']}")
    page = await anna.see(f"/trainings/{training['id']}")
    assert "The results are told at the end" in page
    assert "Right answer" not in page


async def test_a_training_beside_a_contest_is_refused_with_the_way_back(
    admin: Client, anna: Visitor, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject)
    await anna.send(f"/contests/{contest['id']}/start")
    _, page = await anna.send("/trainings", {"subject": walk.subject, "size": "3", "mode": "practice"}, status=409)
    assert "You are taking part in a contest" in page
    other = await planned(admin, walk.subject)
    _, page = await anna.send(f"/contests/{other['id']}/start", status=409)
    assert "another contest" in page


async def test_an_administrator_plans_a_contest_and_deletes_it(chief: Visitor, anna: Visitor, walk: Bank) -> None:
    now = datetime.now(MOSCOW)
    form = {
        "title": "Planned here",
        "subject": walk.subject,
        "rules": "",
        "starts_at": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "ends_at": f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M}",
        "minutes": "45",
        "size": "3",
        "questions": "",
        "results_hidden": "yes",
        "remind_minutes": "10",
    }
    assert 'Start <span class="zone">(Moscow)' in await chief.see("/admin/contests/new")
    path, page = await chief.send("/admin/contests", form)
    assert f"{form['starts_at'][-5:]} (Moscow, UTC+3)" in page
    assert re.fullmatch(r"/admin/contests/\d+", path)
    assert "Who joined is reminded 10 minutes before" in page
    assert "Planned here" in await chief.see("/admin/contests")
    await anna.see(path, status=403)
    path, _ = await chief.send(f"{path}/delete")
    assert path == "/admin/contests"
    assert "Planned here" not in await chief.see("/admin/contests")


async def test_a_planned_contest_is_changed_in_the_form_it_was_planned_in(
    admin: Client, chief: Visitor, anna: Visitor, walk: Bank
) -> None:
    start = datetime.now(UTC) + timedelta(hours=1)  # not at the beginning of a minute, which is all that a form tells
    contest = await planned(
        admin,
        walk.subject,
        starts_at=start.isoformat(),
        ends_at=(start + timedelta(hours=2)).isoformat(),
        size=1,
        filters={"kinds": ["single", "number"], "difficulty": {"max": 4}},
        participants={"grades": [8, 9], "users": [1]},
        remind_minutes=15,
    )
    place = f"/admin/contests/{contest['id']}"
    assert f'href="{place}/edit"' in await chief.see(place)
    form = filled_in(await chief.see(f"{place}/edit"))
    await chief.send(f"{place}/edit", form)
    assert await admin.get(place) == contest
    path, _ = await chief.send(f"{place}/edit", form | {"title": "Moved", "kinds": [], "remind_minutes": ""})
    assert path == place
    changed = await admin.get(place)
    assert (changed["title"], changed["filters"]["kinds"], changed["remind_minutes"]) == ("Moved", None, None)
    _, page = await chief.send(f"{place}/edit", form | {"size": ""}, status=422)
    assert "Either give the number of questions" in page
    await anna.see(f"{place}/edit", status=403)


async def test_once_a_contest_has_begun_its_form_has_only_what_can_still_be_changed(
    admin: Client, chief: Visitor, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject, title="Begun", rules="Be fair")
    place = f"/admin/contests/{contest['id']}"
    page = await chief.see(f"{place}/edit")
    assert "It has begun" in page
    assert filled_in(page).keys() == {"title", "rules"}
    late = {"title": "Late", "subject": walk.subject, "starts_at": "2099-01-01T10:00", "ends_at": "2099-01-01T12:00"}
    _, page = await chief.send(f"{place}/edit", late | {"minutes": "5", "size": "1"}, status=409)
    assert "It has changed meanwhile" in page
    await chief.send(f"{place}/edit", {"title": "Named", "rules": "Be kind"})
    assert (await admin.get(place)) == contest | {"title": "Named", "rules": "Be kind"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ends_at": "2020-01-01T00:00"}, "The end is after the start"),
        ({"size": ""}, "Either give the number of questions"),
        ({"questions": "nowhere", "size": ""}, "These questions are not all there"),
        ({"users": "anna"}, "Users are listed by their numbers"),
        ({"starts_at": ""}, "It needs a start."),
    ],
)
async def test_what_is_wrong_with_a_plan_is_said_beside_what_wasfilled_in(
    chief: Visitor, walk: Bank, change: dict[str, str], said: str
) -> None:
    now = datetime.now(MOSCOW)
    form = {
        "title": "Mine",
        "subject": walk.subject,
        "starts_at": f"{now:%Y-%m-%dT%H:%M}",
        "ends_at": f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M}",
        "minutes": "45",
        "size": "3",
    }
    _, page = await chief.send("/admin/contests", form | change, status=422)
    assert said in page
    assert 'value="Mine"' in page


async def test_the_results_come_as_a_spreadsheet(admin: Client, chief: Visitor, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, questions=["single"])
    training = await student.post(f"/contests/{contest['id']}/start")
    await student.post(f"/trainings/{training['id']}/answers", {"question": "single", "response": RIGHT["single"]})
    async with chief.session.get(f"/admin/contests/{contest['id']}/results.xlsx") as response:
        assert response.status == 200
        assert (await response.read()).startswith(b"PK")
