"""An administrator in a real browser: users, and a mass message from its first word to its last recipient."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.async_api import Browser, expect

from tests.api.banks import RIGHT, Bank, train
from tests.api.client import PASSWORD, Client, connect
from tests.running import Service
from tests.telegram.center import DataCenter
from tests.telegram.crowd import crowd
from tests.web.browser import sign_in, somebody
from tests.web.visitor import Visitor, filled_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _people(service: Service, center: DataCenter, count: int) -> list[int]:
    """The numbers of new users whom the bot may write to."""
    connection = await connect(service)
    try:
        chats = [phone.id for phone in await crowd(center, connection, count)]
        users = await connection.fetch("SELECT id FROM users WHERE telegram_id = ANY($1)", chats)
    finally:
        await connection.close()
    return [user["id"] for user in users]


async def test_a_user_is_found_gets_a_role_is_blocked_and_erased(
    browser: Browser, service: Service, guest: Client, admin: Client
) -> None:
    user = await guest.register(name="Ёжик <b>Туманный</b>")
    async with somebody(browser, service, "desktop") as person:
        page = person.page
        await sign_in(person, admin.login)
        await person.press_named("Управление", "link")
        await page.get_by_label("Имя, логин или номер").fill("ёжик <b>")
        await person.press_named("Найти")
        await page.get_by_role("link", name="Ёжик <b>Туманный</b>").click()
        await page.get_by_label("Роль").select_option("editor")
        await person.press_named("Назначить роль")
        await expect(page.get_by_label("Роль")).to_have_value("editor")
        assert (await user.get("/me"))["role"] == "editor"
        await person.press_named("Заблокировать")
        await expect(page.locator(".tag")).to_have_text("заблокирован")
        await user.refused(401, "GET", "/me")
        await guest.refused(403, "POST", "/tokens", {"login": user.login, "password": PASSWORD})
        await person.press_named("Разблокировать")
        assert (await user.get("/me"))["role"] == "editor"
        await page.get_by_text("Пароль забыт").click()
        await person.press_named("Задать новый пароль")
        made = await page.locator("[role=status] code").inner_text()
        await guest.post("/tokens", {"login": user.login, "password": made}, status=201)
        await page.get_by_role("link", name="Удалить этого пользователя").click()
        await person.press_named("Удалить навсегда")
        await page.wait_for_url("**/admin/users")
        await user.refused(401, "GET", "/me")
        await person.go(f"/admin/audit?by={admin.id}")
        await expect(page.locator("tbody tr").first).to_contain_text(f"удалил пользователя: {user.id}")
    acts = (await admin.get(f"/admin/audit?by={admin.id}&limit=5"))["items"]
    changes = ["ChangeUser"] * 3
    assert [act["act"] for act in acts] == ["EraseUser", "ResetPassword", *changes]


@pytest.mark.thorough
async def test_the_last_administrator_stays_one_and_nobody_blocks_themself(
    browser: Browser, service: Service, admin: Client
) -> None:
    async with somebody(browser, service, "phone") as person:
        page = person.page
        await sign_in(person, admin.login)
        await person.go(f"/admin/users/{admin.id}")
        await person.press_named("Заблокировать")
        await expect(page.get_by_role("alert")).to_contain_text("Нельзя")
        await page.get_by_label("Роль").select_option("student")
        await person.press_named("Назначить роль")
        await expect(page.get_by_role("alert")).to_contain_text("Нельзя")
        assert (await admin.get("/me"))["role"] == "admin"


async def test_a_mass_message_from_its_first_word_to_its_last_recipient(
    browser: Browser, service: Service, admin: Client, center: DataCenter
) -> None:
    people = [center.user(f"Web {number}", language="ru") for number in range(3)]
    for one in people:
        one.write("/start")
        await one.press("Русский")
    for one in people:
        await one.press(one.name)
        await one.press("9")
        await one.sees("Чем займёмся?")
    found = (await admin.get("/admin/users?search=Web%20"))["items"]
    picture = BytesIO()
    Image.new("RGB", (64, 48), "green").save(picture, "PNG")
    async with somebody(browser, service, "desktop") as person:
        page = person.page
        await sign_in(person, admin.login)
        await person.go("/admin/broadcasts/new")
        await page.get_by_label("Текст").fill("**Завтра** тур & <b>ничего</b>")
        await expect(page.locator("#look .bubble")).to_have_text("Завтра тур & <b>ничего</b>")
        await expect(page.locator("#look strong")).to_have_text("Завтра")
        await page.get_by_label("Картинка, PNG или JPEG").set_input_files(
            {"name": "p.png", "mimeType": "image/png", "buffer": picture.getvalue()}
        )
        await expect(page.locator("#picture")).to_be_visible()
        await page.get_by_label("Название кнопки 1").fill("На сайт")
        await page.get_by_label("Адрес или предмет кнопки 1").fill("https://example.org/")
        await expect(page.locator("#look .inline-button")).to_have_text("На сайт")
        await page.get_by_label("Только эти пользователи").fill(", ".join(str(one["id"]) for one in found))
        await expect(page.locator("#look")).to_contain_text("Получат 3 человека")
        await person.press_named("Сохранить черновик")
        await expect(page.locator("section .bubble")).to_have_text("Завтра тур & <b>ничего</b>")
        assert await page.locator("section img").evaluate("image => image.naturalWidth") == 64
        await person.press_named("Запустить сейчас")
        await person.sees("отправлена")
        await expect(page.locator("[data-figure=sent]")).to_have_text("3")
    for one in people:
        await one.sees("Завтра тур")


async def test_a_draft_is_changed_in_the_form_it_was_written_in(
    service: Service, chief: Visitor, admin: Client, center: DataCenter
) -> None:
    body = {
        "text": "Завтра тур",
        "entities": [{"type": "bold", "offset": 0, "length": 6}],
        "buttons": [[{"text": "News", "url": "https://example.org/"}, {"text": "Train", "subject": "biology"}]],
        "audience": {"users": await _people(service, center, 2)},
        "start_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),  # not at the beginning of a minute
    }
    made = await admin.post("/admin/broadcasts", body, status=201)
    place = f"/admin/broadcasts/{made['id']}"
    assert f'href="{place}/edit"' in await chief.see(place)
    page = await chief.see(f"{place}/edit")
    assert "<strong>Завтра</strong> тур" in page
    form = filled_in(page)
    await chief.send(f"{place}/edit", form)
    assert await admin.get(place) == made
    assert "<strong>Завтра</strong> тур" in await chief.see(place)

    mended = form | {"text": "Завтра *второй* тур", "start_at": "", "title-2": "", "target-2": ""}
    _, page = await chief.send("/admin/broadcasts/look", mended)
    assert "<em>второй</em>" in page
    assert f'action="{place}/edit"' in page
    path, page = await chief.send(f"{place}/edit", mended)
    assert path == place
    assert "Завтра <em>второй</em> тур" in page
    told = await admin.get(place)
    assert (told["state"], [len(row) for row in told["buttons"]]) == ("draft", [1])
    _, page = await chief.send(f"{place}/edit", mended | {"users": "999999999"})
    assert "It goes to 0 people. So far nobody would get it" in page
    _, page = await chief.send(f"{place}/edit", mended | {"users": "Anna"}, status=422)
    assert "Users are named by their numbers" in page
    await chief.send(place, {"do": "cancel"})
    await chief.send(f"{place}/edit", mended, status=409)
    act = (await admin.get("/admin/audit?act=ChangeBroadcast&limit=1"))["items"][0]
    assert (act["target"], act["outcome"]) == (str(made["id"]), "refused")


@pytest.mark.thorough
async def test_a_scheduled_message_is_started_paused_let_go_on_and_watched_to_its_end(
    browser: Browser, service: Service, admin: Client, center: DataCenter
) -> None:
    people = await _people(service, center, 250)
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await sign_in(person, admin.login)
        await person.go("/admin/broadcasts/new")
        await page.get_by_label("Текст").fill("Завтра тур")
        await page.get_by_label("Только эти пользователи").fill(" ".join(map(str, people)))
        tomorrow = datetime.now(ZoneInfo("Europe/Moscow")).replace(hour=9, minute=30) + timedelta(days=1)
        await page.get_by_label("Отправить в это время").fill(tomorrow.strftime("%Y-%m-%dT%H:%M"))
        await person.press_named("Сохранить черновик")
        await person.sees("запланирована")
        await expect(page.locator("#progress time")).to_contain_text("09:30")
        await person.press_named("Запустить сейчас")
        await person.sees("отправляется")
        await expect(page.locator("[data-figure=sent]")).not_to_have_text("0")
        await expect(page.locator("[data-figure=eta]")).to_contain_text(re.compile(r"\d:\d\d"))
        await person.press_named("Приостановить")
        await person.sees("на паузе")
        assert int(await page.locator("[data-figure=left]").inner_text()) > 0
        await person.press_named("Продолжить")
        await person.sees("отправлена")
        await expect(page.locator("[data-figure=sent]")).to_have_text("250")


@pytest.mark.thorough
async def test_a_message_that_is_being_sent_is_cancelled_only_when_asked_twice(
    browser: Browser, service: Service, admin: Client, center: DataCenter
) -> None:
    audience = {"users": await _people(service, center, 250)}
    made = await admin.post("/admin/broadcasts", {"text": "Тур отменён", "audience": audience}, status=201)
    async with somebody(browser, service, "phone", scripts=False) as person:
        await sign_in(person, admin.login)
        await admin.post(f"/admin/broadcasts/{made['id']}/start")
        await person.go(f"/admin/broadcasts/{made['id']}")
        await expect(person.page.get_by_role("button", name="Отменить")).to_be_hidden()
        await person.page.get_by_text("Отменить …").click()
        await person.press_named("Отменить")
        await person.sees("отменена")
    assert (await admin.get(f"/admin/broadcasts/{made['id']}"))["left"] > 0


@pytest.mark.thorough
async def test_a_parked_step_is_tried_again(
    browser: Browser, service: Service, admin: Client, guest: Client, bank: Bank
) -> None:
    student = await guest.register()
    await train(student, bank, {"single": RIGHT["single"]})
    await student.get("/me/statistics")
    connection = await connect(service)
    try:
        position = await connection.fetchval(
            "SELECT position FROM journal WHERE user_id = $1 AND data ->> 'type' = 'answered'", student.id
        )
        await connection.execute("DELETE FROM answers WHERE user_id = $1", student.id)
        await connection.execute("INSERT INTO parked VALUES ('read models', $1, 'too <odd>')", position)
    finally:
        await connection.close()
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await sign_in(person, admin.login)
        await person.go("/admin/parked")
        step = page.locator("article").filter(has_text=str(position))
        await expect(step.locator("pre")).to_have_text("too <odd>")
        again = await page.context.new_page()  # of two who look at it, one is later
        await again.goto("/admin/parked")
        await person.press(step.get_by_role("button"))
        await expect(step).to_have_count(0)
        await again.locator("article").filter(has_text=str(position)).get_by_role("button").tap()
        await expect(again.get_by_role("heading", level=1)).to_have_text("Отложенные шаги")


async def test_all_parked_steps_of_a_relay_are_tried_again_at_once(
    service: Service, chief: Visitor, admin: Client, guest: Client, bank: Bank
) -> None:
    away, there = await guest.register(), await guest.register()
    connection = await connect(service)
    try:
        for student in (away, there):
            await train(student, bank, {"single": RIGHT["single"]})
            await student.get("/me/statistics")
            await connection.execute(
                """INSERT INTO parked SELECT 'read models', position, 'too odd' FROM journal
                   WHERE user_id = $1 AND data ->> 'type' = 'answered'""",
                student.id,
            )
        await connection.execute("INSERT INTO parked VALUES ('counters', 1, 'not asked for')")
        # The other's answer is in its place already, where no second one can be.
        await connection.execute("DELETE FROM answers WHERE user_id = $1", away.id)
        await connection.execute("DELETE FROM days WHERE user_id = $1", away.id)
        assert "Try all again: results and leaderboards, 2" in await chief.see("/admin/parked")
        _, page = await chief.send("/admin/parked/all", {"relay": "read models"}, status=409)
        assert "1 step was refused again" in page
        assert "duplicate key" in page
        assert "Try all again: results and leaderboards, 1" in page
        assert "Try all again: counters of questions, 1" in page
        for student in (away, there):
            assert (await student.get("/me/statistics"))["totals"]["answered"] == 1
    finally:
        await connection.execute("TRUNCATE parked")
        await connection.close()
    act = (await admin.get("/admin/audit?act=RetryAllParked&limit=1"))["items"][0]
    assert (act["target"], act["outcome"]) == ("read models", "done")


@pytest.mark.thorough
async def test_who_writes_a_message_that_nobody_would_get_is_told_so_without_scripts_too(
    browser: Browser, service: Service, admin: Client
) -> None:
    async with somebody(browser, service, "phone", scripts=False) as person:
        page = person.page
        await sign_in(person, admin.login)
        await person.go("/admin/broadcasts/new")
        await page.get_by_label("Текст").fill("*Привет*")
        await page.get_by_label("Только эти пользователи").fill("999999999")
        await person.press_named("Посмотреть")
        await expect(page.locator("#look em")).to_have_text("Привет")
        await expect(page.locator("#look")).to_contain_text(re.compile(r"\b0\b"))
        await expect(page.locator("#look")).to_contain_text("никто не получит")
        await expect(page.get_by_label("Текст")).to_have_value("*Привет*")


@pytest.mark.thorough
async def test_a_spreadsheet_is_a_link(browser: Browser, service: Service, admin: Client) -> None:
    async with somebody(browser, service, "desktop") as person:
        page = person.page
        await sign_in(person, admin.login)
        await person.go("/admin/exports")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="users.xlsx").click()
        assert (await download.value).suggested_filename == "users.xlsx"
        content = await (await download.value).path()
        assert content.read_bytes().startswith(b"PK")
