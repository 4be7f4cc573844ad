"""The service is killed, or its database is away, while a contest is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from storage.data_folder import Endpoints
from storage.embedded import Engines
from tests.api.banks import RIGHT, Bank, walk_through
from tests.api.client import PASSWORD, Client, Json
from tests.contests.school import begun, moment, planned
from tests.running import Service

AN_ANSWER = {"question": "single", "response": RIGHT["single"]}


@dataclass(frozen=True)
class House:
    """A service that is killed as one likes, on databases that live on."""

    engines: Engines
    endpoints: Endpoints
    service: Service
    admin: Client
    bank: Bank

    async def sql(self, statement: str, *arguments: object) -> Json:
        connection = await asyncpg.connect(self.endpoints.postgres_url)
        try:
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("outages")
    engines = Engines(folder / "servers")
    endpoints = await engines.start()
    addresses = {"APO_POSTGRES__URL": endpoints.postgres_url, "APO_MONGO__URL": endpoints.mongo_url}
    service = Service(folder / "service", {"APO_LOG__FORMAT": "json", **addresses})
    try:
        await service.start()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
            guest = Client(session, service)
            await guest.post("/users", {"login": "admin", "password": PASSWORD, "name": "Admin"}, status=201)
            connection = await asyncpg.connect(endpoints.postgres_url)
            await connection.execute("UPDATE users SET role = 'admin'")
            await connection.close()
            admin = await guest.signed_in("admin")
            yield House(engines, endpoints, service, admin, await walk_through(admin))
        await service.stop()
    finally:
        await service.kill()
        await engines.stop()


async def test_a_kill_takes_no_time_from_anybody(house: House) -> None:
    contest = await planned(house.admin, house.bank.subject)
    student = await house.admin.register(name="Anna")
    training = await begun(student, contest)
    await student.post(f"/trainings/{training['id']}/answers", AN_ANSWER)

    killed_at = datetime.now(UTC)
    await house.service.kill()
    await asyncio.sleep(1.0)
    await house.service.start()
    back_at = datetime.now(UTC)

    after = await student.get("/trainings/current")
    moved = moment(after["deadline"]) - moment(training["deadline"])
    assert moved >= back_at - killed_at - timedelta(seconds=0.5)  # it accepts a moment before it says so
    assert after["extended_seconds"] == moved.total_seconds()
    assert after["progress"]["answered"] == 1
    shown = await student.get(f"/contests/{contest['id']}")
    assert moment(shown["ends_at"]) - moment(contest["ends_at"]) == timedelta(seconds=shown["extended_seconds"])
    assert shown["extended_seconds"] >= after["extended_seconds"]
    journal = (await student.get("/me/export"))["journal"]
    assert [row["data"]["type"] for row in journal] == ["started", "answered", "extended"]


@pytest.mark.thorough
async def test_who_ran_out_of_time_while_it_was_down_can_still_answer(house: House) -> None:
    contest = await planned(house.admin, house.bank.subject, lasts=4)
    student = await house.admin.register()
    training = await begun(student, contest)
    await house.service.kill()
    while datetime.now(UTC) <= moment(contest["ends_at"]):
        await asyncio.sleep(0.1)
    await house.service.start()
    await student.post(f"/trainings/{training['id']}/answers", AN_ANSWER)
    assert (await student.get(f"/contests/{contest['id']}"))["state"] == "running"


@pytest.mark.thorough
async def test_a_contest_that_was_over_before_the_kill_stays_over(house: House) -> None:
    contest = await planned(house.admin, house.bank.subject, lasts=0.5)
    while await house.sql("SELECT at FROM heartbeat") <= moment(contest["ends_at"]):
        await asyncio.sleep(0.1)
    await house.service.kill()
    await house.service.start()
    after = await house.admin.get(f"/admin/contests/{contest['id']}")
    assert (after["state"], after["ends_at"], after["extended_seconds"]) == ("over", contest["ends_at"], 0)


@pytest.mark.thorough
async def test_what_was_killed_while_it_put_clocks_right_is_done_by_the_next_start(house: House) -> None:
    contest = await planned(house.admin, house.bank.subject)
    students = [await house.admin.register(name=f"S{number}") for number in range(3)]
    for student in students:
        await begun(student, contest)
    while await house.sql("SELECT at FROM heartbeat") <= datetime.now(UTC) - timedelta(seconds=1):
        await asyncio.sleep(0.1)
    await house.service.kill()
    await house.service.start()
    await house.service.kill()
    # As it is when one of three sessions was not asked yet.
    await house.sql("UPDATE outages SET settled = false WHERE id = (SELECT max(id) FROM outages)")
    taken = await house.sql(
        """DELETE FROM journal WHERE user_id = $1 AND seq = (SELECT max(seq) FROM journal WHERE user_id = $1)
           RETURNING data ->> 'type'""",
        students[1].id,
    )
    assert taken == "extended"
    await house.service.start()
    trainings = [await student.get("/trainings/current") for student in students]
    given = [
        (moment(training["deadline"]) - moment(training["started_at"])).total_seconds() - 30 * 60
        for training in trainings
    ]
    lost = await house.sql(
        """SELECT sum(extract(epoch FROM ended - greatest(began, $1)))::float8
           FROM outages WHERE $2 = ANY (contests)""",
        moment(trainings[0]["started_at"]),
        contest["id"],
    )
    assert given == pytest.approx([training["extended_seconds"] for training in trainings])
    assert given == pytest.approx([lost] * 3, abs=2.0), "each has both outages, and none of them twice"
    assert await house.sql("SELECT count(*) FROM outages WHERE NOT settled") == 0


@pytest.mark.thorough
async def test_figures_that_wait_for_an_administrator_hold_up_nobody(house: House) -> None:
    contest = await planned(house.admin, house.bank.subject)
    student = await house.admin.register()
    await house.sql("ALTER TABLE days RENAME TO mislaid")
    try:
        training = await begun(student, contest)
        await house.service.kill()
        await house.service.start()
        await student.post(f"/trainings/{training['id']}/answers", AN_ANSWER)
        after = await student.get("/trainings/current")
    finally:
        await house.sql("ALTER TABLE mislaid RENAME TO days")
    assert after["extended_seconds"] > 0


async def test_the_database_being_away_takes_no_time_either(house: House) -> None:
    contest = await planned(house.admin, house.bank.subject)
    student = await house.admin.register()
    training = await begun(student, contest)
    answer = f"/trainings/{training['id']}/answers"
    await house.engines.stop_one("postgres")
    away_at = datetime.now(UTC)
    while datetime.now(UTC) < away_at + timedelta(seconds=6):
        assert (await student.call("POST", answer, AN_ANSWER)).status == 503
        await asyncio.sleep(0.2)
    await house.engines.start_one("postgres")
    while (told := await student.call("POST", answer, AN_ANSWER)).status != 200:
        assert told.status == 503
        await asyncio.sleep(0.1)
    back_at = datetime.now(UTC)
    after = await student.get("/trainings/current")
    assert timedelta(seconds=after["extended_seconds"]) >= back_at - away_at - timedelta(seconds=0.5)
    assert moment(after["deadline"]) - moment(training["deadline"]) == timedelta(seconds=after["extended_seconds"])
