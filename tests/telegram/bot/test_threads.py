"""What students go through: other clients, other people's buttons, restarts, and whatever they send."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import secrets

import pytest

from protocols.telegram.callbacks import (
    OfQuestion,
    OfReviewed,
    OfSubject,
    Review,
    encode,
    question_token,
    subject_token,
)
from tests.api.banks import Bank, answer
from tests.api.client import Client, connect
from tests.running import Service
from tests.telegram.bot.student import begins, button_of, labels, menu, newcomer, one_message, press
from tests.telegram.center import DataCenter
from tests.telegram.phone import Phone

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


async def joined(student: Phone, guest: Client) -> Client:
    """An account of the website, which becomes one with the student's."""
    web = await guest.register(name="Анна с сайта")
    code = (await web.post("/me/link", status=201))["code"]
    student.write(f"/link {code}")
    await student.sees("🔗 Готово")
    return web


async def test_the_beginning_takes_three_answers(center: DataCenter, bank: Bank) -> None:
    student = center.user("Пётр", language="ru")
    student.write(f"/start subject_{bank.subject}")
    await student.sees("Choose a language")
    await student.press("Русский")
    await student.sees("Как вас зовут?")
    student.write("  Пётр   **Великий**  ")
    await student.sees("В каком вы классе?")
    student.write("десятый")
    await student.sees("Нажмите на свой класс")
    student.write("10")
    await student.sees("Проверка\n8 вопросов, 8 тем")
    student.write("/settings")
    shown = await student.sees("Имя: Пётр **Великий**")
    assert "Класс: 10" in shown.text
    # What was dealt with does not stand about.
    await student.until(lambda: len(student.chat) == 2, what="the start and the menu")
    assert student.chat[0].text == f"/start subject_{bank.subject}"


async def test_whoever_is_puzzled_at_the_beginning_stays_where_they_are(center: DataCenter, bank: Bank) -> None:
    student = center.user("Нина", language="ru")
    student.write(f"/start subject_{bank.subject}")
    await student.press("Русский")
    await student.sees("Как вас зовут?")
    for asked, answered in (("Как вас зовут?", "Нина"), ("В каком вы классе?", "9")):
        for text in ("/help", "/cancel", "/menu"):
            student.write(text)
            await student.sees(asked)
        student.send_sticker()
        await student.sees(asked)
        await student.press(answered)
    await student.sees("Проверка\n8 вопросов, 8 тем")


async def test_a_link_to_an_unknown_subject_leads_to_the_menu(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    student.write("/start subject_nothing")
    await student.sees("Такого предмета нет")


async def test_a_training_goes_on_over_http_and_ends_in_the_bot(center: DataCenter, bank: Bank, guest: Client) -> None:
    student = await newcomer(center)
    web = await joined(student, guest)
    await begins(student, bank, "single", "number", "text")
    training = await web.get("/trainings/current")
    first = training["question"]["id"]
    await answer(web, training, first, {"single": "b", "number": 0.5, "text": "ель"}[first])
    for _ in range(2):
        student.write("/continue")
        shown = await student.sees(lambda one: "Question " in one.text)
        if "Question single" in shown.text:
            await student.press("B")
        else:
            student.write("0,5" if "Question number" in shown.text else "ель")
        await student.sees(lambda one: "Ваш ответ" in one.text)
    await student.press("Итоги")
    await student.sees("2,5 из 3 баллов")
    kept = await web.get(f"/trainings/{training['id']}")
    assert kept["status"] == "finished"
    assert kept["summary"]["correct"] == 2


async def test_an_account_is_joined_with_the_history_of_both(center: DataCenter, bank: Bank, guest: Client) -> None:
    student = await newcomer(center)
    await begins(student, bank, "single")
    await student.press("B")
    await student.sees("✅")
    web = await joined(student, guest)
    assert (await web.get("/me"))["telegram"]
    assert (await web.get("/me/statistics"))["totals"]["answered"] == 1


async def test_a_code_that_is_none_is_told(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    student.write("/link")
    await student.sees("Получите код")
    student.write("NOSUCH99")
    await student.sees("Такого кода нет")
    student.write("/cancel")
    await student.sees("Чем займёмся?")


# --- Buttons --------------------------------------------------------------------------------------------------


async def test_a_button_that_is_pressed_twice_counts_once(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    shown = await begins(student, bank, "single", "multiple")
    while "Question single" not in shown.text:
        await press(student, "Skip")
        shown = await student.sees("Question single")
    choice = button_of(shown, "B")
    taps = [student.tap(choice) for _ in range(3)]
    answers = [await tap.answered() for tap in taps]
    assert [one.text for one in answers] == [None, *["На этот вопрос ответ уже есть."] * 2]
    assert "✅ Верно!" in menu(student).text, "the verdict stays to be read"


async def test_an_old_button_shows_the_question_that_is_asked_now(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    shown = await begins(student, bank, "single", "multiple")
    old = button_of(shown, "☆").data
    assert old is not None
    await press(student, "Skip")
    skipped = await student.sees("Вопрос 2 из 2")
    told = await student.press_data(skipped.id, old)
    assert told.text == "То был прежний вопрос, а сейчас — этот."
    assert menu(student).text == skipped.text


async def test_nobody_reaches_into_anothers_training(center: DataCenter, bank: Bank, guest: Client) -> None:
    student, other = await newcomer(center), await newcomer(center)
    web = await joined(other, guest)
    await begins(other, bank, "single")
    mine = await begins(student, bank, "multiple")
    training = await web.get("/trainings/current")
    token = question_token(training["id"], "single", 0)
    for data in (encode(OfQuestion("done", token, "b")), encode(OfQuestion("finish-now", token))):
        told = await student.press_data(mine.id, data)
        assert told.text == "То был прежний вопрос, а сейчас — этот."
    for reviewed in (Review(training["id"]), OfReviewed("star", training["id"], 1)):
        told = await student.press_data(mine.id, encode(reviewed))
        assert told.text == "Этого больше нет."
    assert (await web.get("/trainings/current"))["progress"]["answered"] == 0


async def test_forged_picks_are_refused_kindly(center: DataCenter, bank: Bank, guest: Client) -> None:
    student = await newcomer(center)
    web = await joined(student, guest)
    shown = await begins(student, bank, "order")
    token = question_token((await web.get("/trainings/current"))["id"], "order", 0)
    for picked in ("zzzz", "aabb", "abcdefghijklmnopqrstuvwxyz"):
        for verb in ("pick", "done", "show", "star"):
            told = await student.press_data(shown.id, f"q:{verb}:{token}:{picked}".encode())
            assert told.text
    assert "Question order" in menu(student).text
    assert (await web.get("/trainings/current"))["progress"]["answered"] == 0


async def test_a_topic_that_is_gone_is_not_trained(center: DataCenter, bank: Bank, guest: Client) -> None:
    student = await newcomer(center)
    web = await joined(student, guest)
    shown = await begins(student, bank, "single")
    token = subject_token(bank.subject)
    told = await student.press_data(shown.id, encode(OfSubject("weakest", token, question_token("gone", "", 0))))
    assert told.text == "Этого больше нет."
    assert (await web.get("/trainings/current"))["size"] == 1


async def test_any_bytes_get_a_friendly_answer(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    await begins(student, bank, "single")
    dice = random.Random(5)
    for _ in range(30):
        told = await student.press_data(menu(student).id, dice.randbytes(dice.randint(0, 64)))
        assert told.text == "Эта кнопка больше не работает."
    assert "Question single" in menu(student).text


async def test_a_message_of_the_bot_that_was_deleted_is_written_anew(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    student.delete_message(menu(student).id)
    student.write("/menu")
    await student.sees("Чем займёмся?")
    await one_message(student)


async def test_the_star_is_lit_where_a_question_is_a_favourite(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    await begins(student, bank, "single")
    await press(student, "☆")
    await student.sees(lambda shown: bool(shown.button("★")))
    await student.press("B")
    told = await student.sees("✅ Верно!")
    assert told.button("★"), "below the verdict, too"
    await press(student, "★")
    told = await student.sees(lambda shown: bool(shown.button("☆")))
    assert "✅ Верно!" in told.text
    await press(student, "☆")
    await student.sees(lambda shown: bool(shown.button("★")))
    again = await begins(student, bank, "single")
    assert again.button("★"), "in the next training"


# --- Restarts -------------------------------------------------------------------------------------------------


async def test_the_old_keyboard_works_after_a_crash(center: DataCenter, bank: Bank, service: Service) -> None:
    student = await newcomer(center)
    await begins(student, bank, "order")
    for name in "DC":
        await student.press(name)
    shown = await student.sees("D → C → …")
    await service.kill()
    await service.start()
    for name in "BA":
        await student.press(name, message_id=shown.id, timeout=30)
    await student.press("Готово")
    await student.sees("✅ Верно!")


async def test_what_was_written_while_the_service_was_down_is_answered_once(
    center: DataCenter, bank: Bank, service: Service
) -> None:
    student, other = await newcomer(center), await newcomer(center, "Борис")
    await begins(student, bank, "text")
    await service.kill()
    student.write("Ёлка зелёная")
    other.write("/help")
    tapped = other.tap("Настройки")
    await service.start()
    await student.sees("✅ Верно!", timeout=60)
    await other.sees(lambda shown: bool(shown.text), timeout=60)
    student.write("/menu")
    await student.sees("Чем займёмся?")
    await one_message(student)
    await one_message(other)
    assert tapped.data


async def test_a_verdict_that_a_crash_hid_is_shown_when_the_button_is_pressed_again(
    center: DataCenter, bank: Bank, service: Service
) -> None:
    student = await newcomer(center)
    shown = await begins(student, bank, "single", "multiple")
    if "Question single" not in shown.text:
        await press(student, "Skip")
        shown = await student.sees("Question single")
    choice = button_of(shown, "B")
    center.flood_next(600, "messages.editMessage")
    student.tap(choice)
    connection = await connect(service)
    try:
        async with asyncio.timeout(30):
            while not await connection.fetchval(
                """SELECT EXISTS (SELECT FROM journal JOIN users ON users.id = user_id
                                  WHERE telegram_id = $1 AND data ->> 'type' = 'answered')""",
                student.id,
            ):
                await asyncio.sleep(0.01)
    finally:
        await connection.close()
    await service.kill()
    await service.start()
    await student.press("B", timeout=30)
    told = await student.sees("✅ Верно!")
    assert "Question single" in told.text


async def test_a_crash_in_the_middle_of_a_training_leaves_nobody_stuck(
    center: DataCenter, bank: Bank, service: Service
) -> None:
    students = [await newcomer(center, f"Анна {number}") for number in range(4)]
    for student in students:
        await begins(student, bank, "number")
    for student in students:
        await asyncio.sleep(0.004)  # each answer is at another place on its way
        student.write("0,5")
    await service.kill()
    await service.start()
    for student in students:
        await student.sees("✅ Верно!", timeout=60)
        await student.press("Итоги")
        await student.sees("1 из 1 балла")


# --- Whatever else they send ----------------------------------------------------------------------------------


async def test_what_is_no_text_gets_a_friendly_word(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    for send in (
        student.send_sticker,
        student.send_voice,
        lambda: student.send_photo(PICTURE),
        lambda: student.send_document(b"1", "a.txt"),
        lambda: student.forward("Здравствуйте"),
        lambda: student.write("я" * 4096),
        lambda: student.write("/nothing"),
    ):
        send()
        await student.sees("Я понимаю кнопки, команды и ответы")
    await one_message(student)


async def test_an_album_does_not_make_the_bot_talk(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    student.send_album([PICTURE, PICTURE])
    student.write("/help")
    await student.sees("Что я умею")
    await one_message(student)


@pytest.mark.parametrize("text", ["я" * 4096, "много", "**0.5**", "0.5.5", "½ кг"])
async def test_a_number_that_is_none_is_asked_for_again(center: DataCenter, bank: Bank, text: str) -> None:
    student = await newcomer(center)
    await begins(student, bank, "number")
    student.write(text)
    await student.sees("Здесь нужно число, например 0,5.")
    student.write("0,5")
    await student.sees("✅ Верно!")


async def test_a_long_answer_is_told_as_it_was_typed(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    await begins(student, bank, "text")
    student.write("<b>*_`" + "ы" * 4000)
    shown = await student.sees("❌ Неверно")
    assert "<b>*_`ы" in shown.text


async def test_a_mistake_is_told_to_the_authors(center: DataCenter, bank: Bank, service: Service) -> None:
    student = await newcomer(center)
    await begins(student, bank, "single")
    await student.press("Ошибка")
    student.send_sticker()
    await student.sees("Что не так")
    text = f"Опечатка {secrets.token_hex(4)} <i>"
    student.write(text)
    await student.sees("Спасибо!")
    await student.press("К вопросу")
    await student.sees("Question single")
    connection = await connect(service)
    try:
        assert await connection.fetchval("SELECT count(*) FROM reports WHERE text = $1", text) == 1
    finally:
        await connection.close()


async def test_who_tells_of_a_mistake_comes_back_to_where_it_was_seen(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    await begins(student, bank, "single", "multiple")
    while "Question single" not in menu(student).text:
        await press(student, "Skip")
    await student.press("B")
    await student.sees("✅ Верно!")
    await student.press("Ошибка")
    await student.press("Назад")
    await student.sees("✅ Верно!")
    assert not [answer.text for answer in student.alerts if answer.text]
    await student.press("Дальше")
    await student.sees("Question multiple")
    await press(student, "Finish")
    await press(student, "Yes")
    await student.press("Разобрать")
    page = await student.sees("Вопрос 1 из 2")
    await student.press("Ошибка")
    student.write("Ответов два")
    await student.sees("Спасибо!")
    await student.press("К вопросу")
    assert (await student.sees("Вопрос 1 из 2")).text == page.text


async def test_data_are_exported_as_a_document(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center, "Клава")
    await begins(student, bank, "single")
    await student.press("B")
    student.write("/settings")
    await student.press("Мои данные")
    shown = await student.sees(lambda one: one.document is not None)
    assert shown.document is not None
    kept = json.loads(shown.document.data)
    assert kept["profile"]["name"] == "Клава"
    assert [one["question_id"] if "question_id" in one else one["question"] for one in kept["answers"]]


async def test_an_account_is_erased_after_two_questions(center: DataCenter, bank: Bank, service: Service) -> None:
    student = await newcomer(center, f"Имя {secrets.token_hex(4)}")
    student.write("/settings")
    for label in ("Удалить всё", "Да, дальше", "Удалить мой аккаунт"):
        await student.press(label)
    await student.sees("Всё удалено.")
    connection = await connect(service)
    try:
        assert await connection.fetchval("SELECT count(*) FROM users WHERE name = $1", student.name) == 0
    finally:
        await connection.close()
    student.write("/start")
    await student.sees("Choose a language")


async def test_a_blocked_student_is_told_once_a_time(center: DataCenter, bank: Bank, service: Service) -> None:
    student = await newcomer(center, f"Имя {secrets.token_hex(4)}")
    connection = await connect(service)
    try:
        await connection.execute("UPDATE users SET blocked = true WHERE name = $1", student.name)
    finally:
        await connection.close()
    await service.stop()
    await service.start()
    student.write("/menu")
    await student.sees("Этот аккаунт заблокирован.", timeout=30)
    told = await student.press("Предметы")
    assert told.text is not None
    assert "заблокирован" in told.text
    assert told.alert


async def test_who_has_stopped_the_bot_can_come_back(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center)
    student.block()
    student.unblock()
    student.write("/menu")
    assert "📚 Предметы" in labels(await student.sees("Чем займёмся?"))


async def test_who_writes_too_much_at_once_is_told(center: DataCenter, bank: Bank, service: Service) -> None:
    student = await newcomer(center)
    await service.kill()
    for number in range(40):
        student.write(f"/nothing {number}")
    await service.start()
    await student.sees("последнее я не прочитал", timeout=120)


async def test_what_cannot_be_done_any_more_does_not_catch_what_is_typed(
    center: DataCenter, bank: Bank, service: Service
) -> None:
    wait_for = ({"what": "report", "subject": "gone", "question": "gone"}, {"what": "broadcast"})
    students = [await newcomer(center, f"Анна {number}") for number in range(len(wait_for))]
    connection = await connect(service)
    try:
        for student, expects in zip(students, wait_for, strict=True):
            await begins(student, bank, "number")
            query = "UPDATE chats SET state = jsonb_set(state, '{expects}', $2::text::jsonb) WHERE telegram_id = $1"
            await connection.execute(query, student.id, json.dumps(expects))
    finally:
        await connection.close()
    await service.stop()  # it remembers chats
    await service.start()
    for student in students:
        student.write("0,5")
        await student.sees(
            lambda one: "Question number" in one.text and one.text.startswith(("Этого", "Вашему")), timeout=60
        )
        student.write("0,5")
        await student.sees("✅ Верно!")
