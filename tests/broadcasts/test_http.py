"""Mass messages over the REST API of a running service, whose bot is off."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import orjson
import pytest
import pytest_asyncio

from tests.api.client import BASE, PASSWORD, Client, Json, connect, paths_of
from tests.broadcasts.stand import add_people
from tests.broadcasts.test_desk import picture
from tests.running import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACE = "/admin/broadcasts"
NAMES = itertools.count()
SOON = 20.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def admin(service: Service) -> AsyncIterator[Client]:
    """An administrator, with a hundred people whom Telegram reaches."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        guest = Client(session, service)
        login = f"broadcasts-{next(NAMES)}"
        await guest.post("/users", {"login": login, "password": PASSWORD, "name": "Admin"}, status=201)
        connection = await connect(service)
        await connection.execute("UPDATE users SET role = 'admin' WHERE login = $1", login)
        await add_people(connection, range(5_000_000, 5_000_100), grade=7)
        await connection.close()
        yield await guest.signed_in(login)


async def made(admin: Client, **fields: Json) -> Json:
    return await admin.post(PLACE, {"text": "Hello"} | fields, status=201)


async def test_the_whole_life_of_a_broadcast(admin: Client) -> None:
    told = await made(admin, audience={"grades": [7]})
    place = f"{PLACE}/{told['id']}"
    assert (told["state"], told["recipients"], told["left"]) == ("draft", 100, 100)
    for verb, state in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert (await admin.post(f"{place}/{verb}"))["state"] == state
    assert (await admin.get(place))["state"] == "cancelled"
    assert told["id"] in [one["id"] for one in (await admin.get(PLACE))["items"]]


async def test_a_running_one_says_that_the_bot_is_off(admin: Client) -> None:
    told = await made(admin)
    running = await admin.post(f"{PLACE}/{told['id']}/start")
    assert (running["state"], running["waiting"]) == ("running", "bot")
    assert "the Telegram bot is off" in admin.service.log
    await admin.post(f"{PLACE}/{told['id']}/cancel")


async def test_what_cannot_be_done_in_a_state_is_a_conflict_that_names_it(admin: Client) -> None:
    told = await made(admin)
    problem = await admin.refused(409, "POST", f"{PLACE}/{told['id']}/resume")
    assert problem["state"] == "draft"
    assert "draft" in problem["detail"]


async def test_a_picture_comes_in_base64(admin: Client) -> None:
    assert (await made(admin, image=base64.b64encode(picture()).decode()))["image"] is True
    assert (await made(admin, image=None))["image"] is False


async def test_a_picture_may_be_larger_than_other_bodies(admin: Client) -> None:
    large = picture("BMP", size=(400, 400))  # 480 kB; what it is, is looked at after it was taken in
    problem = await admin.refused(422, "POST", PLACE, {"text": "a", "image": base64.b64encode(large).decode()})
    assert paths_of(problem) == {"image"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"image": "%%%"}, "image"),
        ({"image": 5}, "image"),
        ({"image": base64.b64encode(b"text").decode()}, "image"),
        ({"text": ""}, "text"),
        ({"audience": {"grades": []}}, "audience.grades"),
        ({"audience": {"grades": ["nine"]}}, "audience.grades.0"),
        ({"start_at": "2001-01-01T00:00:00Z"}, "start_at"),
        ({"start_at": "2101-01-01T00:00:00"}, "start_at"),
        ({"start_at": "9999-12-31T23:59:59-23:59"}, "start_at"),
        ({"buttons": [[]]}, "buttons.0"),
    ],
)
async def test_what_is_wrong_is_named(admin: Client, fields: Json, path: str) -> None:
    problem = await admin.refused(422, "POST", PLACE, {"text": "Hello"} | fields)
    assert paths_of(problem) == {path}
    assert not any(python in problem["errors"][0]["message"] for python in ("Tuple", "object at")), problem


async def test_a_picture_beyond_the_limit_is_too_large(admin: Client) -> None:
    body = b'{"text": "a", "image": "' + b"A" * (15 * 1024 * 1024) + b'"}'
    await admin.refused(413, "POST", PLACE, data=body, headers={"Content-Type": "application/json"})


async def test_one_that_is_scheduled_says_when(admin: Client) -> None:
    start = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    told = await made(admin, start_at=start.isoformat())
    assert told["state"] == "scheduled"
    assert datetime.fromisoformat(told["start_at"]) == start
    await admin.post(f"{PLACE}/{told['id']}/cancel")


async def test_only_administrators_come_near(admin: Client) -> None:
    told = await made(admin)
    student = await admin.register(login=f"student-of-broadcasts-{next(NAMES)}")
    editor = await admin.register(login=f"editor-of-broadcasts-{next(NAMES)}")
    connection = await connect(admin.service)
    await connection.execute("UPDATE users SET role = 'editor' WHERE login = $1", editor.login)
    await connection.close()
    editor = await editor.signed_in(editor.login)
    nobody = Client(admin.session, admin.service)
    calls = [("POST", PLACE), ("GET", PLACE), ("GET", f"{PLACE}/{told['id']}"), ("GET", f"{PLACE}/{told['id']}/stream")]
    calls += [("POST", f"{PLACE}/{told['id']}/{verb}") for verb in ("start", "pause", "resume", "cancel")]
    for method, path in calls:
        await nobody.refused(401, method, path)
        await student.refused(403, method, path)
        await editor.refused(403, method, path)
    assert (await admin.get(f"{PLACE}/{told['id']}"))["state"] == "draft"


async def test_what_is_not_there_is_not_found(admin: Client) -> None:
    for path in ("999999999", "999999999/stream", "x", "0"):
        await admin.refused(404, "GET", f"{PLACE}/{path}")


# --- The stream ---------------------------------------------------------------------------------------------


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Json]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield orjson.loads(line[6:])


def stream(admin: Client, broadcast: int) -> aiohttp.client._RequestContextManager:
    url = f"{admin.service.url}{BASE}{PLACE}/{broadcast}/stream"
    return admin.session.get(url, headers={"Authorization": f"Bearer {admin.token}"})


async def test_the_stream_tells_at_once_and_at_each_change_and_ends_with_the_last(admin: Client) -> None:
    told = await made(admin)
    place = f"{PLACE}/{told['id']}"
    async with asyncio.timeout(SOON), stream(admin, told["id"]) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        changes = events(response)
        assert await anext(changes) == told
        for verb in ("start", "pause", "cancel"):
            changed = await admin.post(f"{place}/{verb}")
            event = await anext(changes)
            while event["state"] != changed["state"]:
                event = await anext(changes)
        assert event["state"] == "cancelled"
        assert [event async for event in changes] == []


async def test_the_stream_of_a_finished_one_is_one_event(admin: Client) -> None:
    told = await made(admin)
    await admin.post(f"{PLACE}/{told['id']}/cancel")
    async with asyncio.timeout(SOON), stream(admin, told["id"]) as response:
        assert [event["state"] async for event in events(response)] == ["cancelled"]


async def test_the_stream_ends_when_its_token_is_closed(admin: Client) -> None:
    told = await made(admin)
    again = await admin.signed_in(admin.login)
    async with asyncio.timeout(SOON), stream(again, told["id"]) as response:
        changes = events(response)
        await anext(changes)
        await again.ask("DELETE", "/tokens/current", status=204)
        assert [event async for event in changes] == []


async def test_the_stream_ends_when_the_service_stops(admin: Client, tmp_path: Path) -> None:
    told = await made(admin)
    async with asyncio.timeout(60):
        async with stream(admin, told["id"]) as response:
            changes = events(response)
            await anext(changes)
            stopping = asyncio.create_task(admin.service.stop())
            assert [event async for event in changes] == []
        assert await stopping == 0
    await admin.service.start()
    assert (await admin.get(f"{PLACE}/{told['id']}"))["state"] == "draft"


async def test_the_figures_are_among_the_metrics(admin: Client) -> None:
    shown = (await admin.page("/metrics")).content.decode()
    for name in ("messages_total", "rate", "left", "floods_total"):
        assert f"# HELP apo_broadcast_{name}" in shown


async def test_a_draft_can_be_changed_until_it_is_started(admin: Client) -> None:
    place = f"{PLACE}/{(await made(admin))['id']}"
    changed = await admin.ask("PATCH", place, {"audience": {"grades": [7]}})
    assert (changed["recipients"], changed["audience"]["grades"]) == (100, [7])
    green = base64.b64encode(picture()).decode()
    changed = await admin.ask("PATCH", place, {"text": "Mended", "image": green})
    assert (changed["text"], changed["image"], changed["audience"]["grades"]) == ("Mended", True, [7])
    assert not (await admin.ask("PATCH", place, {"image": None}))["image"]
    await admin.post(f"{place}/start")
    told = await admin.ask("PATCH", place, {"text": "Too late"}, status=409)
    assert told["state"] == "running"
    await admin.post(f"{place}/cancel")


async def test_one_that_reaches_nobody_yet_is_kept_and_ends_when_it_is_started(admin: Client) -> None:
    told = await made(admin, audience={"users": [1]})
    assert (told["state"], told["recipients"]) == ("draft", 0)
    await admin.post(f"{PLACE}/{told['id']}/start")
    async with asyncio.timeout(SOON):
        while (told := await admin.get(f"{PLACE}/{told['id']}"))["state"] != "finished":
            await asyncio.sleep(0.05)
    assert (told["recipients"], told["sent"], told["left"]) == (0, 0, 0)


async def test_people_whom_no_database_could_hold_are_refused(admin: Client) -> None:
    refusal = await admin.ask("POST", PLACE, {"text": "Hello", "audience": {"users": [2**63]}}, status=422)
    assert "audience.users.0" in paths_of(refusal)


async def test_one_that_telegram_refuses_tells_why_in_json_and_on_its_page(admin: Client) -> None:
    told = await made(admin)
    connection = await connect(admin.service)
    await connection.execute(
        "UPDATE broadcasts SET state = 'paused', problem = 'BUTTON_URL_INVALID', reasons = $2 WHERE id = $1",
        told["id"],
        orjson.dumps({"BUTTON_URL_INVALID": 10, "declined": 1}).decode(),
    )
    await connection.close()
    assert (await admin.get(f"{PLACE}/{told['id']}"))["problem"] == "BUTTON_URL_INVALID"
    for language, word in (("ru", "Telegram не принимает"), ("en", "Telegram refuses")):
        await admin.ask("PATCH", "/me", {"language": language})
        cookies = {"session": admin.token or ""}
        async with admin.session.get(f"{admin.service.url}{PLACE}/{told['id']}", cookies=cookies) as response:
            page = await response.text()
        assert word in page
        assert "BUTTON_URL_INVALID: 10" in page
