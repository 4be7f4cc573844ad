"""What is handled again, because Telegram was not there to show what became of it, is done once."""

from __future__ import annotations

import secrets

import pytest

from tests.api.banks import Bank
from tests.api.client import Client, connect
from tests.running import Service
from tests.telegram.bot.student import begins, menu, newcomer, one_message
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


async def test_a_menu_whose_id_was_lost_on_the_way_stays_the_menu(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    center.lose_next_answer("messages.sendMessage")
    student.write("/help")
    await student.sees("Что я умею")
    await one_message(student)
    sent = menu(student).id
    await student.press("Меню")
    await student.sees("Чем займёмся?")
    assert menu(student).id == sent, "it is edited in place"


async def test_a_menu_that_telegram_tells_nothing_of_is_sent_once_more(
    center: DataCenter, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Untold(dict[int, int]):
        def get(self, *_: object) -> None:  # type: ignore[override]
            return None

    monkeypatch.setattr(center.bot, "sent_as", Untold())
    student = await newcomer(center)
    center.lose_next_answer("messages.sendMessage")
    student.write("/help")
    await student.until(lambda: str(student.as_text()).count("Что я умею") == 2, what="the same once more")
    lost, kept = [shown.id for shown in student.chat if shown.from_bot][-2:]
    await student.press("Меню", message_id=lost)
    await student.sees("Чем займёмся?")
    assert lost not in [shown.id for shown in student.chat], "its keyboard is gone"
    student.write("/menu")
    await one_message(student)
    assert kept not in [shown.id for shown in student.chat]


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
