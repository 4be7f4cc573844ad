"""Who has joined is reminded of the start, once, in their language."""

from __future__ import annotations

import asyncio

from protocols.catalogue import texts
from tests.api.banks import Bank
from tests.api.client import Client, Json, connect
from tests.contests.school import MOSCOW, moment, planned


async def reached_by_telegram(student: Client, telegram: int) -> None:
    connection = await connect(student.service)
    try:
        async with connection.transaction():
            await connection.execute("UPDATE users SET telegram_id = $2 WHERE id = $1", student.id, telegram)
            await connection.execute("INSERT INTO chats (telegram_id, access_hash) VALUES ($1, 1)", telegram)
    finally:
        await connection.close()


async def reminders(admin: Client, title: str) -> list[Json]:
    items = (await admin.get("/admin/broadcasts?limit=100"))["items"]
    return [one for one in items if title in one["text"]]


async def test_who_has_joined_is_reminded_once_and_in_their_language(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    await reached_by_telegram(student, 77_001)
    await reached_by_telegram(another, 77_002)
    await another.ask("PATCH", "/me", {"language": "en"})
    title = "*Reminded* [of](https://example.org)"
    # It begins in two minutes, and the hour before that has begun; nobody can have joined before it is due.
    contest = await planned(admin, walk.subject, begins_in=120, title=title)
    for one in (student, another):
        await one.post(f"/contests/{contest['id']}/join")
    await admin.ask("PATCH", f"/admin/contests/{contest['id']}", {"remind_minutes": 60})
    async with asyncio.timeout(30):
        while len(told := await reminders(admin, title)) < 2:
            await asyncio.sleep(0.2)
    start = moment(contest["starts_at"])
    assert {one["text"] for one in told} == {
        f"«{title}» начнётся через 2 мин.: {texts('ru', MOSCOW).moment(start)}.",
        f"“{title}” begins in 2 min.: {texts('en', MOSCOW).moment(start)}.",
    }
    assert sorted(one["audience"]["users"] for one in told) == sorted([[student.id], [another.id]])
    for one in told:
        await admin.post(f"/admin/broadcasts/{one['id']}/cancel")
    connection = await connect(admin.service)
    try:
        due = await connection.fetchval("SELECT remind_at IS NOT NULL FROM contests WHERE id = $1", contest["id"])
    finally:
        await connection.close()
    assert not due, "it was noted in the same transaction that nobody is to be reminded again"
