"""A walk past every page there is, with something to see on each: for tests of all pages, and for pictures of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
from playwright.async_api import Browser

from protocols.web.pages import PAGES
from tests.api.banks import QUESTIONS, RIGHT, Bank, bank_file
from tests.api.client import Client, connect
from tests.broadcasts.stand import add_people
from tests.running import Service
from tests.web.browser import Hand, Person, Size, answer_rightly, begin, kind_of, register, sign_in, somebody
from tests.web.department_tour import as_department

TEXT = "**Завтра в 10:00** — первый тур. *Удачи!*\n\nПодробности: [на сайте](https://example.org)"
# Seen by no eye: what forms are sent to, and what is no page of HTML.
UNSEEN = {
    "/training/answer",
    "/profile/export",
    "/pictures/{file}",
    "/statistics.svg",
    "/admin",
    "/admin/exports/{kind}.xlsx",
    "/admin/contests/{contest}/results.xlsx",
    "/bank/checks/{check}/state",
    "/bank/checks/{check}/errors.xlsx",
    "/bank/checks/{check}/pictures/{picture}",
    "/bank/checks/{check}/drawn/{place}/{number}",
    "/bank/subjects/{subject}/export",
    "/bank/subjects/{subject}/template.xlsx",
    "/bank/subjects/{subject}/questions/{question}/drawn/{number}",
    "/admin/broadcasts/{broadcast}/picture",
    "/admin/broadcasts/{broadcast}/stream",
}


def pages_to_see() -> set[str]:
    """The paths of all pages that people look at."""
    return {page.path for page in PAGES if page.method == "GET"} - UNSEEN


async def tour(
    browser: Browser, service: Service, admin: Client, bank: Bank, size: Size
) -> AsyncIterator[tuple[str, str, Person]]:
    """One stop after the other: the path as in `PAGES` (empty: what a form answers), a name, who is there."""
    hand: Hand = "touch" if size == "phone" else "keyboard"
    async with somebody(browser, service, size, hand) as guest:
        for path in ("/", "/login", "/register"):
            await guest.go(path)
            yield path, f"guest{path.replace('/', '-')}", guest
        await guest.go(f"/subjects/{bank.subject}")
        yield "", "guest-subject", guest
        await guest.page.goto("/register")
        await guest.page.locator("#name").fill("x")
        await guest.page.locator("#login").fill("?")
        await guest.page.locator("#password").fill("12345678")
        await guest.page.locator("main").get_by_role("button").click()
        yield "", "register-wrong", guest
        await guest.page.goto("/nothing-here")
        yield "/{lost:(?!api/).*}", "lost", guest
    async with somebody(browser, service, size, hand) as student:
        async for path, name in _as_student(student, admin, bank):
            yield path, name, student
    async with somebody(browser, service, size, hand) as person:
        await sign_in(person, admin.login)
        async for path, name in _as_admin(person, admin, bank, service):
            yield path, name, person
        async for path, name in _as_department(person, bank):
            yield path, name, person
        async for path, name in as_department(person, admin, bank):
            yield path, name, person


async def _as_student(student: Person, admin: Client, bank: Bank) -> AsyncIterator[tuple[str, str]]:
    page = student.page
    await register(student)
    yield "", "home"
    await student.go("/subjects/mathematics")
    yield "/subjects/{subject}", "subject"
    await student.go("/training")
    yield "", "no-training"
    await begin(student, bank.subject, len(RIGHT))
    seen: set[str] = set()
    for number in range(len(RIGHT)):
        kind = await kind_of(page)
        if kind not in seen:
            yield "/training", f"question-{kind}"
        await answer_rightly(student)
        if kind not in seen:
            yield "", f"verdict-{kind}"
        seen.add(kind)
        if number == 0:
            await page.get_by_role("button", name="В избранное").click()
            await page.get_by_role("button", name="В избранном").wait_for()
            yield "", "favourite"
        await page.locator("main a.button").click()
    yield "/trainings/{training}", "results"
    await page.locator("details.verdict > summary").first.click()
    yield "", "results-open"
    for path in ("/trainings", "/statistics", "/profile", "/profile/erase"):
        await student.go(path)
        yield path, path.strip("/").replace("/", "-")
    await student.go(f"/subjects/{bank.subject}/leaderboard")
    yield "/subjects/{subject}/leaderboard", "leaderboard"
    contest = await _contest(admin, bank)
    await student.go("/contests")
    yield "/contests", "contests"
    await student.go(f"/contests/{contest}")
    yield "/contests/{contest}", "contest"
    await page.goto("/admin/users")
    yield "", "forbidden"
    await page.goto("/trainings/nothing")
    yield "", "refused"


async def _contest(admin: Client, bank: Bank, *, begun: bool = True) -> int:
    now = datetime.now(UTC) + timedelta(hours=0 if begun else 1)
    plan = {
        "title": "Первый тур",
        "subject": bank.subject,
        "rules": "Без **справочников**. Ответ на каждый вопрос даётся один раз.",
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=3)).isoformat(),
        "minutes": 90,
        "size": 5,
    }
    number: int = (await admin.post("/admin/contests", plan, status=201))["id"]
    return number


async def _as_admin(person: Person, admin: Client, bank: Bank, service: Service) -> AsyncIterator[tuple[str, str]]:
    page = person.page
    connection = await connect(service)
    try:
        first = await connection.fetchval("SELECT max(id) + 1_000_000 FROM users")
        await add_people(connection, range(first, first + 120), grade=8)
        await connection.execute(
            """INSERT INTO parked (relay, position, reason) VALUES ('counters', 1, 'E11000 duplicate key error')
               ON CONFLICT DO NOTHING"""
        )
        student = await connection.fetchval("SELECT max(id) FROM users WHERE role = 'student' AND telegram_id IS NULL")
    finally:
        await connection.close()
    for path in (
        "/admin/users",
        "/admin/exports",
        "/admin/parked",
        "/admin/analytics",
        "/admin/contests",
        "/admin/contests/new",
    ):
        await person.go(path)
        yield path, path.strip("/").replace("/", "-")
    contest = (await admin.get("/admin/contests"))["items"][0]["id"]
    await person.go(f"/admin/contests/{contest}")
    yield "/admin/contests/{contest}", "admin-contest"
    await person.go(f"/admin/contests/{await _contest(admin, bank, begun=False)}/edit")
    yield "/admin/contests/{contest}/edit", "admin-contest-edit"
    await person.go(f"/admin/users/{student}")
    yield "/admin/users/{user}", "admin-user"
    await person.go(f"/admin/users/{student}/erase")
    yield "/admin/users/{user}/erase", "admin-user-erase"
    await person.go("/admin/broadcasts/new")
    yield "/admin/broadcasts/new", "admin-broadcast-new"
    await page.get_by_label("Текст").fill(TEXT)
    await page.get_by_label("Название кнопки 1").fill("Биология")
    await page.get_by_label("Адрес или предмет кнопки 1").fill("biology")
    await page.get_by_label("8", exact=True).check()
    await page.locator(".bubble strong").wait_for()
    yield "", "admin-broadcast-written"
    await page.get_by_role("button", name="Сохранить черновик").click()
    await page.get_by_role("button", name="Запустить сейчас").wait_for()
    yield "/admin/broadcasts/{broadcast}", "admin-broadcast-draft"
    await page.get_by_role("link", name="Изменить").click()
    yield "/admin/broadcasts/{broadcast}/edit", "admin-broadcast-edit"
    await page.get_by_role("button", name="Сохранить").click()
    await page.get_by_role("button", name="Отменить").click()
    await page.get_by_role("heading", level=1).get_by_text("отменена").wait_for()
    yield "", "admin-broadcast-cancelled"
    await person.go("/admin/broadcasts")
    yield "/admin/broadcasts", "admin-broadcasts"
    await person.go("/admin/audit")
    yield "/admin/audit", "admin-audit"


async def _as_department(person: Person, bank: Bank) -> AsyncIterator[tuple[str, str]]:
    """Which an administrator may do as well."""
    page = person.page
    subject = f"/bank/subjects/{bank.subject}"
    for path, at, name in (
        ("/bank", "/bank", "bank"),
        ("/bank/new-subject", "/bank/new-subject", "bank-new-subject"),
        ("/bank/reports", "/bank/reports", "bank-reports"),
        ("/bank/subjects/{subject}", subject, "bank-subject"),
        ("/bank/subjects/{subject}/declaration", f"{subject}/declaration", "bank-declaration"),
        ("/bank/subjects/{subject}/questions/{question}", f"{subject}/questions/match", "bank-question"),
        ("/bank/subjects/{subject}/questions/{question}/edit", f"{subject}/questions/match/edit", "bank-edit"),
    ):
        await person.go(at)
        yield path, name
    await person.go("/bank")
    spoilt = bank_file(bank.subject, [*QUESTIONS[:2], QUESTIONS[0] | {"id": "spoilt", "key": "none"}])
    await page.locator("input[type=file]").set_input_files(
        {"name": "вопросы.json", "mimeType": "application/json", "buffer": orjson.dumps(spoilt)}
    )
    await person.press_named("Проверить файл")
    await page.locator("dl.counts").wait_for()
    yield "/bank/checks/{check}", "bank-check"
