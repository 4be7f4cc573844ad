"""People before a real browser: how they come in, and how they answer each kind of question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal, TypeAlias

from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.api.banks import RIGHT
from tests.api.client import PASSWORD
from tests.running import Service

Size: TypeAlias = Literal["phone", "desktop"]
Hand: TypeAlias = Literal["keyboard", "touch", "forms"]  # "forms": without scripts

SIZES: Final[dict[Size, tuple[int, int]]] = {"phone": (390, 800), "desktop": (1280, 800)}
PATIENCE: Final = 15_000  # milliseconds
_names = count(1)
expect.set_options(timeout=PATIENCE)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's, as it is."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        await browser.close()


@dataclass(frozen=True)
class Person:
    """Somebody at a page; `hand` is how they use it."""

    page: Page
    hand: Hand

    async def go(self, path: str) -> None:
        answer = await self.page.goto(path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status, await self.page.inner_text("main"))

    async def press(self, what: Locator) -> None:
        """A button, a link, a label: by the means that this person has."""
        if self.hand == "touch":
            await what.tap()
        elif self.hand == "keyboard":
            await what.focus()
            await self.page.keyboard.press("Enter")
        else:
            await what.click()

    async def press_named(self, name: str, role: Literal["button", "link"] = "button") -> None:
        await self.press(self.page.get_by_role(role, name=name, exact=True).first)

    async def sees(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading)


@asynccontextmanager
async def somebody(
    browser: Browser, service: Service, size: Size, hand: Hand = "forms", *, scripts: bool = True, locale: str = "ru-RU"
) -> AsyncIterator[Person]:
    """With a browser of their own: no cookies yet. Whatever a page complains of on its console is a failure."""
    width, height = SIZES[size]
    context = await browser.new_context(
        base_url=service.url,
        viewport={"width": width, "height": height},
        has_touch=size == "phone",
        is_mobile=size == "phone",
        java_script_enabled=scripts,
        locale=locale,
        timezone_id="Europe/Moscow",
        accept_downloads=True,
    )
    context.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    try:
        page = await context.new_page()
        page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield Person(page, hand)
    finally:
        await context.close()
    # Chromium tells of every answer of 4xx in this way, too.
    assert [complaint for complaint in complaints if "the server responded with a status of 4" not in complaint] == []


async def register(person: Person, name: str = "Аня Петрова") -> str:
    """Their login."""
    login = f"web-{next(_names)}"
    page = person.page
    await person.go("/register")
    await page.get_by_label("Ваше имя").fill(name)
    await page.get_by_label("Логин").fill(login)
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.get_by_label("Класс").select_option("9")
    await person.press(page.locator("main").get_by_role("button"))
    await page.wait_for_url("/")
    return login


async def sign_in(person: Person, login: str) -> None:
    page = person.page
    await person.go("/login")
    await page.locator("#login").fill(login)
    await page.locator("#password").fill(PASSWORD)
    await person.press(page.locator("main").get_by_role("button"))
    await page.wait_for_url("/")


async def begin(person: Person, subject: str, size: int) -> None:
    await person.go(f"/subjects/{subject}")
    await person.page.locator("#size").fill(str(size))
    await person.press(person.page.locator("button.big"))
    await person.page.wait_for_url("/training")


async def kind_of(page: Page) -> str:
    return await page.locator("input[name=kind]").input_value()


async def question_of(page: Page) -> str:
    return await page.locator("form.answer input[name=question]").input_value()


async def answer_rightly(person: Person) -> str:
    """Fill in the right answer to the question that is shown, and send it; the question's kind."""
    page, key = person.page, RIGHT[await question_of(person.page)]
    kind = await kind_of(page)
    match kind:
        case "single":
            await _choose(person, [key])
        case "multiple":
            await _choose(person, list(key))
        case "text" | "number":
            await page.locator("#answer").fill(str(key))
        case "order":
            await _put_in_order(person, list(key))
        case "match":
            await _match(person, key)
    if person.hand == "keyboard" and kind in ("single", "multiple", "text", "number"):
        await page.keyboard.press("Enter")
    else:
        await person.press(page.locator("form.answer button.big"))
    await expect(page.locator(".verdict h1"), f"the verdict of {kind}").to_be_visible()
    return kind


async def _choose(person: Person, wanted: list[str]) -> None:
    options = person.page.locator("label.option")
    for number in range(await options.count()):
        option = options.nth(number)
        if await option.locator("input").get_attribute("value") in wanted:
            if person.hand == "keyboard":
                await person.page.keyboard.press(str(number + 1))
            elif person.hand == "touch":
                await option.tap()
            else:
                await option.click()
            await expect(option.locator("input")).to_be_checked()


async def _put_in_order(person: Person, wanted: list[str]) -> None:
    page = person.page
    if person.hand == "forms":
        for place, option in enumerate(wanted, start=1):
            await page.locator(f"select[name=place-{option}]").select_option(str(place))
        return
    for place, option in enumerate(wanted):
        item = page.locator(".orderable li").filter(has=page.locator(f"select[name=place-{option}]"))
        at = await item.evaluate("item => [...item.parentElement.children].indexOf(item)")
        if person.hand == "keyboard":
            up = item.get_by_role("button").first
            for _ in range(at - place):
                await person.press(up)
        elif at != place:
            await drag(page, item, page.locator(".orderable li").nth(place))
    selects = page.locator(".orderable select")
    for place, option in enumerate(wanted):
        await expect(selects.nth(place)).to_have_attribute("name", f"place-{option}")
        await expect(selects.nth(place)).to_have_value(str(place + 1))


async def _match(person: Person, wanted: dict[str, str]) -> None:
    """The first card is dragged by who can; the others are pressed, and then their places."""
    page = person.page
    for number, (left, right) in enumerate(wanted.items()):
        select = page.locator(f"select[name=pair-{left}]")
        if person.hand == "forms":
            await select.select_option(right)
            continue
        pair = page.locator(".pair").filter(has=select)
        card = page.locator(f".cards-to-match li[data-right={right}] button")
        if person.hand == "touch" and number == 0:
            await card.scroll_into_view_if_needed()
            await drag(page, card, pair)
        else:
            await person.press(card)
            await person.press(pair.get_by_role("button"))
        await expect(select).to_have_value(right)


async def drag(page: Page, item: Locator, to: Locator) -> None:
    """With a finger, of which Playwright itself only knows taps."""
    start, end = await item.bounding_box(), await to.bounding_box()
    assert start is not None
    assert end is not None
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    to_x, to_y = end["x"] + end["width"] / 2, end["y"] + 2
    fingers = await page.context.new_cdp_session(page)

    async def touch(kind: str, points: list[dict[str, float]]) -> None:
        await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    await touch("touchStart", [{"x": x, "y": y}])
    for share in (0.3, 1.0):  # as a quick finger does, past several items at once
        await touch("touchMove", [{"x": x + (to_x - x) * share, "y": y + (to_y - y) * share}])
    await touch("touchEnd", [])
    await fingers.detach()
