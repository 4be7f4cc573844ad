"""People who have written to the bot before: at the data centre, and in the service's tables."""

from __future__ import annotations

import asyncpg

from tests.api.client import PASSWORD, Client, connect
from tests.telegram.accounts import access_hash
from tests.telegram.center import DataCenter
from tests.telegram.phone import Phone


async def crowd(center: DataCenter, connection: asyncpg.Connection, count: int) -> list[Phone]:
    phones = [center.user("Student", started=True) for _ in range(count)]
    numbers = [phone.id for phone in phones]
    await connection.execute(
        "INSERT INTO users (name, telegram_id) SELECT 'Student', id FROM unnest($1::bigint[]) AS id", numbers
    )
    await connection.execute(
        "INSERT INTO chats (telegram_id, access_hash) SELECT * FROM unnest($1::bigint[], $2::bigint[])",
        numbers,
        [access_hash(number) for number in numbers],
    )
    return phones


async def administrator(guest: Client, login: str = "administrator") -> Client:
    await guest.post("/users", {"login": login, "password": PASSWORD, "name": "Admin"}, status=201)
    connection = await connect(guest.service)
    try:
        await connection.execute("UPDATE users SET role = 'admin' WHERE login = $1", login)
    finally:
        await connection.close()
    return await guest.signed_in(login)
