"""An administrator sends a mass message from the bot, and sees how it goes."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from PIL import Image
from pyrogram import raw

from tests.api.banks import Bank
from tests.api.client import Client, connect
from tests.contests.school import with_role
from tests.running import Service
from tests.telegram.bot.student import labels, menu, newcomer
from tests.telegram.center import DataCenter
from tests.telegram.phone import Phone, Shown

GRADE = 11  # of nobody else in these tests


async def administrator(center: DataCenter, service: Service, name: str) -> Phone:
    """Somebody who was made an administrator before they came."""
    admin = center.user(name, language="en")
    connection = await connect(service)
    try:
        await connection.execute(
            "INSERT INTO users (name, language, telegram_id, role) VALUES ($1, 'en', $2, 'admin')", name, admin.id
        )
    finally:
        await connection.close()
    admin.write("/start")
    for step in ("English", name, "Not at school"):
        await admin.press(step)
    await admin.sees("What shall we do?")
    return admin


async def people(center: DataCenter, service: Service, grade: int, *names: str) -> list[Phone]:
    """Students of a grade."""
    students = [await newcomer(center, name) for name in names]
    connection = await connect(service)
    try:
        await connection.execute(
            "UPDATE users SET grade = $1 WHERE telegram_id = ANY ($2)", grade, [student.id for student in students]
        )
    finally:
        await connection.close()
    return students


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(file, "JPEG")
    return file.getvalue()


def copies(phone: Phone, text: str) -> list[Shown]:
    return [shown for shown in phone.chat if shown.from_bot and text in shown.text]


async def test_from_the_message_to_its_last_recipient(center: DataCenter, service: Service, bank: Bank) -> None:
    students = await people(center, service, GRADE, "Оля", "Юля", "Коля")
    students[2].block()
    admin = await administrator(center, service, "Head")
    admin.write("/broadcast")
    await admin.sees("A mass message")
    bold = raw.types.MessageEntityBold(offset=0, length=8)
    admin.send_photo(
        picture(), f"Tomorrow the first round.\nTrain | {bank.subject}\nNews | https://example.org/", entities=[bold]
    )
    await admin.sees("It goes to")
    preview = copies(admin, "Tomorrow the first round.")[-1]
    await admin.press(str(GRADE))
    await admin.sees("It goes to 2 people.")  # who has blocked the bot is left out
    await admin.press("Start now")
    done = await admin.sees("sent: 2 · blocked: 0 · failed: 0 · left: 0", timeout=30)
    assert "100" in done.text
    for student in students[:2]:
        [copy] = copies(student, "Tomorrow the first round.")
        assert (copy.text, copy.entities, copy.photo) == (preview.text, preview.entities, preview.photo)
        assert labels(copy) == labels(preview) == ["Train", "News"]
    await students[0].press("Train")
    await students[0].sees(lambda shown: shown.button("Закончить") is not None or "Начать" in shown.text)
    connection = await connect(service)
    try:
        pressed = "SELECT pressed FROM broadcasts WHERE text LIKE 'Tomorrow the first round.%'"
        assert await connection.fetchval(pressed) == 1
    finally:
        await connection.close()
    assert not copies(students[2], "Tomorrow")


async def test_what_nobody_should_see_is_cancelled_before_it_starts(
    center: DataCenter, service: Service, bank: Bank
) -> None:
    [student] = await people(center, service, 10, "Слава")
    admin = await administrator(center, service, "Careful")
    await admin.press("Mass messages")
    await admin.sees("Send me the message")
    admin.write("Not yet")
    await admin.sees("It goes to")
    await admin.press("Cancel it")
    await admin.sees("cancelled")
    await admin.press("Mass messages")
    await admin.sees("A mass message")
    assert any("cancelled · Not yet" in label for label in labels(menu(admin)))
    assert not copies(student, "Not yet")


async def test_a_typo_is_mended_by_writing_the_message_anew(center: DataCenter, service: Service, bank: Bank) -> None:
    [student] = await people(center, service, 4, "Гриша")
    admin = await administrator(center, service, "Sloppy")
    admin.write("/broadcast")
    await admin.sees("A mass message")
    admin.write("Tomorow")
    await admin.sees("It goes to")
    await admin.press("4")
    await admin.sees("It goes to 1 person")
    await admin.press("Write it anew")
    await admin.sees("it takes the place of this one")
    await admin.press("No, back to it")
    await admin.sees("It goes to 1 person")
    await admin.press("Write it anew")
    admin.send_photo(picture())
    await admin.sees("It needs words")
    admin.send_photo(picture(), "Tomorrow, really")
    await admin.sees("It goes to 1 person")
    await admin.press("Start now")
    await admin.sees("sent: 1", timeout=30)
    [copy] = copies(student, "Tomorrow, really")
    assert copy.photo is not None
    assert not copies(student, "Tomorow")


async def test_what_was_started_or_has_its_time_is_cancelled_only_after_a_question(
    center: DataCenter, service: Service, guest: Client, bank: Bank
) -> None:
    await people(center, service, 5, "Гена")
    admin = await administrator(center, service, "Hasty")
    planner = await with_role(guest, "admin", "planner-of-mass-messages")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"text": "Tomorrow", "audience": {"grades": [5]}, "start_at": tomorrow}
    number = (await planner.post("/admin/broadcasts", body, status=201))["id"]
    await admin.press("Mass messages")
    await admin.press(f"{number}. scheduled · Tomorrow")
    await admin.sees(lambda one: one.text == "Tomorrow")
    await admin.sees("It starts by itself")
    await admin.press("Cancel it")
    await admin.sees(f"Cancel mass message {number}?")
    await admin.press("No, back to it")
    await admin.sees("It starts by itself")
    await admin.press("Cancel it")
    await admin.press("Yes, cancel it")
    await admin.sees(f"{number}: cancelled")


async def test_for_students_there_is_no_such_thing(center: DataCenter, service: Service, bank: Bank) -> None:
    student = await newcomer(center, "Тоша")
    student.write("/broadcast")
    await student.sees("аккаунту это недоступно")
    answer = await student.press_data(menu(student).id, b"b:start:1:")
    assert "недоступно" in (answer.text or "")


async def test_what_has_nothing_to_read_is_not_taken(center: DataCenter, service: Service, bank: Bank) -> None:
    admin = await administrator(center, service, "Wordless")
    admin.write("/broadcast")
    await admin.sees("A mass message")
    admin.send_photo(picture())
    await admin.sees("It needs words")


async def test_after_a_crash_the_progress_bar_goes_on_by_itself(
    center: DataCenter, service: Service, bank: Bank
) -> None:
    await people(center, service, 6, "Зоя")
    admin = await administrator(center, service, "Patient")
    admin.write("/broadcast")
    await admin.sees("A mass message")
    admin.write("Slowly")
    await admin.sees("It goes to")
    await admin.press("6")
    await admin.sees("It goes to 1 person")
    center.flood_next(600, "messages.sendMessage")
    await admin.press("Start now")
    await admin.sees("Telegram asked for a pause", timeout=30)
    await admin.press("Cancel it")
    await admin.sees("1 person has not got it, and will not.")
    await admin.press("No, back to it")
    await admin.sees("Telegram asked for a pause")
    await service.kill()
    await service.start()
    await admin.sees("sent: 1 · blocked: 0 · failed: 0 · left: 0", timeout=60)
