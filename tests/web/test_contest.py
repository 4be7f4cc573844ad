"""A contest in real browsers, from its plan to its places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, expect

from tests.api.banks import RIGHT, Bank
from tests.api.client import Client
from tests.contests.school import planned
from tests.running import Service
from tests.web.browser import question_of, register, sign_in, somebody

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.thorough]

LOCAL = "%Y-%m-%dT%H:%M"
SOON = timedelta(seconds=40)  # enough to take part; a form tells whole minutes


@pytest.mark.timeout(240)
async def test_a_contest_is_planned_by_the_readers_clock_watched_live_and_ends_by_itself(
    browser: Browser, service: Service, admin: Client, bank: Bank
) -> None:
    now = datetime.now(ZoneInfo("Europe/Moscow"))  # where the browsers are
    start = now.replace(second=0, microsecond=0)
    end = (now + SOON + timedelta(minutes=1)).replace(second=0, microsecond=0)
    async with (
        somebody(browser, service, "desktop") as chief,
        somebody(browser, service, "phone", "touch") as student,
    ):
        await sign_in(chief, admin.login)
        await chief.go("/admin/contests/new")
        form = chief.page
        await form.get_by_label("Название").fill("Осенний тур")
        await form.get_by_label("Предмет", exact=True).select_option(bank.subject)
        await form.get_by_label("Начало").fill(start.strftime(LOCAL))
        await form.get_by_label("Конец").fill(end.strftime(LOCAL))
        await form.locator("#questions").fill("number text")
        await form.get_by_label("Скрыты до конца").uncheck()
        await chief.press_named("Назначить")
        await chief.sees("Осенний тур")
        contest = chief.page.url.rsplit("/", 1)[1]
        kept = await admin.get(f"/admin/contests/{contest}")
        assert datetime.fromisoformat(kept["ends_at"]) == end.astimezone(UTC)
        await expect(chief.page.locator("time").last).to_contain_text(end.strftime("%H:%M"))

        await register(student, "Участница")
        await chief.go(f"/contests/{contest}")
        await student.go(f"/contests/{contest}")
        await student.press(student.page.locator("button.big"))
        for _ in range(2):
            await student.page.wait_for_url("/training")
            question = await question_of(student.page)
            await student.page.locator("#answer").fill(str(RIGHT[question]))
            await student.press(student.page.locator("form.answer button.big"))
            await expect(student.page.locator(f"form.answer input[value={question}]")).to_have_count(0)
        await student.page.wait_for_url("/trainings/*")

        # The administrator's page was not loaded anew.
        await expect(chief.page.get_by_role("row", name="Участница")).to_contain_text("2")
        await expect(chief.page.locator("main")).to_contain_text("Закончилась", timeout=110_000)
        await expect(chief.page.get_by_role("row", name="Участница").get_by_role("cell").first).to_have_text("1")
        await student.go(f"/contests/{contest}")
        await expect(student.page.locator("main")).to_contain_text("Ваше место: 1")
        await chief.go(f"/admin/contests/{contest}")
        async with chief.page.expect_download() as download:
            await chief.press_named("Результаты таблицей", "link")
        assert (await (await download.value).path()).read_bytes().startswith(b"PK")


async def test_a_page_that_tells_a_refusal_keeps_itself_up_to_date_as_well(
    browser: Browser, service: Service, admin: Client, bank: Bank
) -> None:
    start = datetime.now(UTC) + timedelta(hours=1)
    contest = await planned(
        admin, bank.subject, starts_at=start.isoformat(), ends_at=(start + timedelta(hours=1)).isoformat()
    )
    async with somebody(browser, service, "desktop") as student:
        await register(student)
        await student.go(f"/contests/{contest['id']}")
        await student.page.locator("main form").evaluate(
            "form => { form.action = form.action.replace('join', 'start') }"
        )
        await student.press_named("Участвовать")
        await expect(student.page.get_by_role("alert")).to_contain_text("ещё не началась")
        await admin.ask("PATCH", f"/admin/contests/{contest['id']}", {"title": "Весенний тур"})
        await expect(student.page.locator("h1")).to_have_text("Весенний тур", timeout=30_000)
