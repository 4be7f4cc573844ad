"""A student in a real browser: a training with every kind, and everything else there is for them."""

from __future__ import annotations

import asyncio
import re
from itertools import count

import pytest
from playwright.async_api import Browser, Route, expect

from tests.api.banks import RIGHT, Bank
from tests.running import Service
from tests.web.browser import Hand, Person, Size, answer_rightly, begin, drag, register, somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL_KINDS = {"single", "multiple", "text", "number", "order", "match"}


async def _train(person: Person, bank: Bank) -> None:
    page = person.page
    await begin(person, bank.subject, len(RIGHT))
    seen = set()
    for number in range(len(RIGHT)):
        seen.add(await answer_rightly(person))
        await person.sees("Верно!")
        if number == 0:
            await person.press(page.get_by_role("button", name="В избранное"))
            await expect(page.get_by_role("button", name="В избранном")).to_be_visible()
            await person.sees("Верно!")
        await person.press(page.locator("main a.button"))
        await page.wait_for_url("/training" if number < len(RIGHT) - 1 else "/trainings/*")
    assert seen == ALL_KINDS
    await expect(page.locator(".share")).to_have_text("100\u00a0%")


@pytest.mark.parametrize(
    ("size", "hand", "scripts"),
    [
        ("phone", "touch", True),
        pytest.param("desktop", "keyboard", True, marks=pytest.mark.thorough),
        pytest.param("phone", "forms", False, marks=pytest.mark.thorough),
    ],
)
async def test_from_the_account_to_the_results_of_a_training_with_every_kind(
    browser: Browser, service: Service, bank: Bank, size: Size, hand: Hand, scripts: bool
) -> None:
    async with somebody(browser, service, size, hand, scripts=scripts) as person:
        page = person.page
        await register(person, f"Аня {size} {hand}")
        await _train(person, bank)

        # What was wrong with a question is told from the results.
        review = page.locator("details.verdict").first
        await person.press(review.locator(":scope > summary"))
        await person.press(review.locator("details.report summary"))
        await review.get_by_label("Что не так?").fill("Ответов два.")
        await person.press(review.get_by_role("button", name="Сообщить кафедре"))
        await person.sees("Готово")

        await person.go("/statistics")
        await expect(page.locator("dl.figures dd").first).to_have_text(str(len(RIGHT)))
        assert await page.locator("img.wide").evaluate("image => image.naturalWidth") > 100 if scripts else True
        await person.go(f"/subjects/{bank.subject}/leaderboard")
        await expect(page.get_by_role("row", name=f"Аня {size} {hand}")).to_contain_text(str(len(RIGHT)))
        await person.go("/trainings")
        await expect(page.locator("main .cards li")).to_have_count(1)

        await person.go("/profile")
        await page.get_by_label("Ваше имя").fill("Анна")
        await person.press_named("Сохранить")
        await expect(page.get_by_label("Ваше имя")).to_have_value("Анна")
        await person.press_named("English")
        await person.sees("Profile")
        assert await page.locator("html").get_attribute("lang") == "en"

        # Nothing hangs over the side of the screen.
        for path in ("/", f"/subjects/{bank.subject}", "/trainings", "/statistics", "/profile"):
            await person.go(path)
            if scripts:
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.thorough
async def test_a_favourite_can_be_trained_and_two_quick_taps_are_one(
    browser: Browser, service: Service, bank: Bank
) -> None:
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await register(person)
        await begin(person, bank.subject, 1)
        await answer_rightly(person)
        answers = count(1)
        async with page.expect_response(lambda one: one.url.endswith("/favorites") and next(answers) == 2):
            await page.get_by_role("button", name="В избранное").evaluate("star => { star.click(); star.click(); }")
        await expect(page.get_by_role("button", name="В избранном")).to_be_visible()
        await person.go(f"/subjects/{bank.subject}")
        await page.get_by_label("избранное").check()
        await person.press(page.locator("button.big"))
        await expect(page.locator(".where")).to_contain_text("0 из 1")


@pytest.mark.thorough
async def test_two_quick_taps_over_a_slow_network_send_a_form_once(browser: Browser, service: Service) -> None:
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await register(person)
        await person.go("/profile")
        sent = []

        async def slowly(route: Route) -> None:
            sent.append(route.request.url)
            await asyncio.sleep(0.5)
            await route.continue_()

        await page.route("**/profile/link", slowly)
        button = page.get_by_role("button", name="Объединить с моим Telegram")
        await button.evaluate("button => { button.click(); setTimeout(() => button.click(), 200); }")
        await page.wait_for_url("/profile/link")
        assert len(sent) == 1


async def test_a_tap_right_after_a_quick_drag_is_not_lost(browser: Browser, service: Service, bank: Bank) -> None:
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await register(person)
        await person.go(f"/subjects/{bank.subject}")
        await page.locator("summary").tap()
        await page.get_by_label("по порядку").check()
        await person.press(page.locator("button.big"))
        await page.wait_for_url("/training")
        send, items = await page.locator("form.answer button.big").bounding_box(), page.locator(".orderable li")
        assert send is not None
        await drag(page, items.nth(3), items.nth(0))
        await page.touchscreen.tap(send["x"] + send["width"] / 2, send["y"] + send["height"] / 2)
        await expect(page.locator(".verdict h1")).to_be_visible()


async def test_an_exam_shows_its_clock_and_tells_verdicts_at_its_end(
    browser: Browser, service: Service, bank: Bank
) -> None:
    async with somebody(browser, service, "desktop", "forms") as person:
        page = person.page
        await register(person)
        await person.go(f"/subjects/{bank.subject}")
        await page.locator("#size").fill("1")
        await page.get_by_role("radio", name="Экзамен").check()
        await person.press(page.locator("button.big"))
        await expect(page.locator(".clock")).to_have_text(re.compile(r"^(30:00|29:5\d)$"))
        await person.press(page.get_by_role("button", name="Закончить тренировку"))
        await expect(page.locator(".share")).to_have_text("0\u00a0%")
