"""What is handled again, because Telegram was not there to show what became of it, is done once."""

from __future__ import annotations

import secrets

from tests.api.banks import Bank
from tests.api.client import Client, connect
from tests.running import Service
from tests.telegram.bot.student import begins, newcomer
from tests.telegram.bot.test_broadcast import administrator, copies, people
from tests.telegram.center import DataCenter

PAUSE = 6  # seconds; a shorter FLOOD_WAIT is waited for on the spot


async def count(service: Service, query: str, *values: object) -> int:
    connection = await connect(service)
    try:
        number: int = await connection.fetchval(query, *values)
        return number
    finally:
        await connection.close()


async def test_a_report_is_made_once(center: DataCenter, bank: Bank, service: Service) -> None:
    student = await newcomer(center)
    await begins(student, bank, "single")
    await student.press("Ошибка")
    await student.sees("Что не так")
    text = f"Опечатка {secrets.token_hex(4)}"
    center.flood_next(PAUSE, "messages.editMessage")
    student.write(text)
    await student.sees("Спасибо!", timeout=30)
    assert await count(service, "SELECT count(*) FROM reports WHERE text = $1", text) == 1


async def test_accounts_that_were_joined_unseen_are_told_to_be_joined(
    center: DataCenter, bank: Bank, guest: Client
) -> None:
    student = await newcomer(center)
    web = await guest.register(name="Анна с сайта")
    code = (await web.post("/me/link", status=201))["code"]
    center.flood_next(PAUSE, "messages.sendMessage")
    student.write(f"/link {code}")
    await student.sees("🔗 Готово", timeout=30)
    assert (await web.get("/me"))["telegram"]


async def test_a_mass_message_is_drafted_and_started_once(center: DataCenter, bank: Bank, service: Service) -> None:
    admin = await administrator(center, service, "Again")
    (student,) = await people(center, service, 8, "Аглая")
    text = f"Once {secrets.token_hex(4)}"
    admin.write("/broadcast")
    await admin.sees("A mass message")
    center.flood_next(PAUSE, "messages.sendMessage")
    admin.write(text)
    await admin.sees("It goes to", timeout=30)
    assert await count(service, "SELECT count(*) FROM broadcasts WHERE text = $1", text) == 1
    await admin.press("8")
    await admin.sees("It goes to 1 person")
    center.flood_next(PAUSE, "messages.editMessage")
    tap = admin.tap("Start now")
    await student.sees(text, timeout=30)
    await admin.sees("sent: 1", timeout=30)
    assert (await tap.answered()).text is None
    assert len(copies(student, text)) == 1
