"""Mass messages over MTProto: everybody has them exactly once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from tests.api.client import Client, Json, connect
from tests.running import Service
from tests.telegram.center import DataCenter
from tests.telegram.crowd import administrator, crowd
from tests.telegram.limits import Limits

PATIENCE_SECONDS = 90.0


async def until_sent(center: DataCenter, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(center.deliveries()) < count:
            await asyncio.sleep(0.02)


async def until_finished(admin: Client, broadcast: int) -> Json:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (told := await admin.get(f"/admin/broadcasts/{broadcast}"))["state"] != "finished":
            await asyncio.sleep(0.2)
    return told


@pytest.mark.parametrize(
    ("people", "kills"),
    [(500, (200,)), pytest.param(5_000, (1_000, 2_500, 4_000), marks=pytest.mark.thorough)],
    ids=["once", "three times"],
)
async def test_killed_when_so_many_have_it_it_is_in_every_chat_once(
    tmp_path: Path, people: int, kills: Sequence[int]
) -> None:
    async with DataCenter(tmp_path / "center") as center, aiohttp.ClientSession() as session:
        center.limits = Limits.lifted()
        environment = {"APO_BROADCAST__MESSAGES_PER_SECOND": "2000", "APO_BANK__DEMO": "false"} | center.environment()
        service = Service(tmp_path / "service", environment)
        await service.start()
        try:
            await center.online()
            admin = await administrator(Client(session, service))
            connection = await connect(service)
            phones = await crowd(center, connection, people)
            await connection.close()
            for phone in phones[:50]:
                phone.block()
            for phone in phones[50:60]:
                phone.delete_account()
            made = await admin.post("/admin/broadcasts", {"text": "The **first** round is tomorrow."}, status=201)
            await admin.post(f"/admin/broadcasts/{made['id']}/start")
            for count in kills:
                await until_sent(center, count)
                await service.kill()
                await service.start()
            told = await until_finished(admin, made["id"])
        finally:
            await service.stop()
        reached = phones[60:]
        assert all([shown.text for shown in phone.chat] == ["The first round is tomorrow."] for phone in reached)
        assert not any(phone.chat for phone in phones[:60])
        assert center.deliveries().keys() == {phone.id for phone in reached}
        assert (told["sent"], told["failed"], told["left"]) == (len(reached), 0, 0)
        # Of whoever blocks the bot Telegram tells it at once, so they are no recipients any more.
        assert 10 <= told["blocked"] == told["recipients"] - len(reached)
        assert center.counts["sent"] == len(reached)
