"""A service process is killed in the middle of a broadcast: everybody has it once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.api.client import PASSWORD, Client, connect
from tests.broadcasts.stand import add_people
from tests.running import Service

PEOPLE = range(1_001, 1_601)
RATE = "400"


class Chats:
    """What people have in their chats: each message once by its random_id, as Telegram keeps it."""

    def __init__(self) -> None:
        self.received: dict[int, dict[int, str]] = {}
        self.refused = 0
        self.changed = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        message = await request.json()
        chat = self.received.setdefault(message["telegram"], {})
        if message["random_id"] in chat:
            self.refused += 1
            return web.Response(status=208)
        chat[message["random_id"]] = message["text"]
        async with self.changed:
            self.changed.notify_all()
        return web.Response(status=200)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: len(self.received) >= count)


@pytest.fixture
async def chats() -> AsyncIterator[tuple[Chats, str]]:
    chats = Chats()
    app = web.Application()
    app.router.add_post("/", chats.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    yield chats, f"http://{host}:{port}/"
    await runner.cleanup()


@pytest.mark.parametrize(
    "kills", [(250,), pytest.param((100, 250, 450), marks=pytest.mark.thorough)], ids=["once", "three times"]
)
async def test_killed_when_so_many_have_it_it_reaches_everyone_once(
    chats: tuple[Chats, str], tmp_path: Path, kills: Sequence[int]
) -> None:
    told, url = chats
    service = Service(tmp_path, {"APO_BANK__DEMO": "false"})
    service.command = ("-m", "tests.broadcasts.serve", url, RATE)
    await service.start()
    try:
        async with aiohttp.ClientSession() as session:
            guest = Client(session, service)
            await guest.post("/users", {"login": "admin", "password": PASSWORD, "name": "Admin"}, status=201)
            connection = await connect(service)
            await connection.execute("UPDATE users SET role = 'admin'")
            await add_people(connection, PEOPLE)
            await connection.close()
            admin = await guest.signed_in("admin")
            broadcast = (await admin.post("/admin/broadcasts", {"text": "Hello"}, status=201))["id"]
            await admin.post(f"/admin/broadcasts/{broadcast}/start")
            for count in kills:
                await told.until(count)
                await service.kill()
                await service.start()
            await told.until(len(PEOPLE))
            async with asyncio.timeout(60):
                while (done := await admin.get(f"/admin/broadcasts/{broadcast}"))["state"] != "finished":
                    await asyncio.sleep(0.05)
    finally:
        await service.stop()
    assert sorted(told.received) == list(PEOPLE)
    assert all(list(chat.values()) == ["Hello"] for chat in told.received.values())
    assert (done["recipients"], done["sent"], done["failed"], done["blocked"], done["left"]) == (600, 600, 0, 0, 0)
