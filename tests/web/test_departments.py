"""A department in a real browser: files checked, mended and imported, questions looked after, reports answered."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import aiohttp
import orjson
import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.api.banks import QUESTIONS, Bank, bank_file, imported, new_slug, walk_through
from tests.api.client import Client, connect
from tests.banks.test_workbook import HEAD, single, workbook
from tests.running import Service
from tests.telegram.center import DataCenter
from tests.web.browser import Person, sign_in, somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


def file(name: str, content: bytes, media_type: str = "application/octet-stream") -> FilePayload:
    return {"name": name, "mimeType": media_type, "buffer": content}


async def check(person: Person, sent: FilePayload, subject: str = "") -> None:
    """Send a file from the page that is open, and wait until it is examined."""
    page = person.page
    if subject:
        await page.get_by_label("Предмет, если").select_option(subject)
    await page.get_by_label("Выберите файл").set_input_files(sent)
    before = page.url
    await person.press_named("Проверить файл")
    await page.wait_for_url(lambda url: url != before)
    await page.locator("dl.counts").wait_for()


async def figure(page: Page, name: str) -> str:
    return await page.locator("dl.counts div", has=page.get_by_text(name, exact=True)).locator("dd").inner_text()


async def subject_with_cells(editor: Client) -> str:
    """A subject whose topic is the one of `single`."""
    slug = new_slug()
    declared = {"slug": slug, "title": "Клетки", "topics": [{"slug": "cell", "title": "Клетка"}]}
    await editor.post("/admin/subjects", declared, status=201)
    return slug


async def test_a_workbook_is_checked_mended_and_imported(
    browser: Browser, service: Service, editor: Client, tmp_path: Path
) -> None:
    slug = await subject_with_cells(editor)
    rows = [single("q1"), single("q2", difficulty=9), single("q3", key="z"), single("q4", text="+1+1")]
    async with somebody(browser, service, "desktop", "keyboard") as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.press_named("Вопросы", "link")
        await check(person, file("клетки.xlsx", workbook(HEAD, *rows), WORKBOOK), slug)
        assert (await figure(page, "Верных"), await figure(page, "Всего")) == ("2", "4")
        told = page.get_by_role("region", name="Ошибки")
        await expect(told.get_by_role("row", name="Лист1!D3")).to_contain_text("difficulty")
        await expect(told.get_by_role("row", name="Лист1!I4")).to_contain_text("key")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Ваша таблица с ошибками").click()
        await (await download.value).save_as(tmp_path / "marked.xlsx")
        await check(person, file("клетки.xlsx", workbook(HEAD, single("q1"), single("q2"), single("q3"), rows[3])))
        assert await figure(page, "Новых") == "4"
        await expect(page.locator(".asked").nth(3)).to_have_text("+1+1")
        await person.press_named("Загрузить 4 вопроса")
        await expect(page.get_by_text("Загружено.")).to_be_visible()
        await person.press_named("К вопросам предмета", "link")
        await expect(page.locator("tbody tr")).to_have_count(4)
    assert len((await editor.get(f"/admin/questions?subject={slug}"))["items"]) == 4
    with zipfile.ZipFile(tmp_path / "marked.xlsx") as marked:
        sheets = [marked.read(name).decode() for name in marked.namelist() if "worksheets/sheet" in name]
        assert "не больше 5" in marked.read("xl/comments1.xml").decode()
    assert not any(re.search(r"<f[ >]", sheet) for sheet in sheets), "a cell would be run as a formula"


@pytest.mark.thorough
async def test_only_the_good_questions_of_a_gift_file_are_imported_without_scripts(
    browser: Browser, service: Service, editor: Client
) -> None:
    slug = await subject_with_cells(editor)
    gift = (
        "$CATEGORY: Ткани и органы\n\n::g1:: Где ДНК? {=ядро ~мембрана}\n\n::g2:: Сломан {=\n\n::g3:: Сколько? {#2:1}\n"
    )
    async with somebody(browser, service, "phone", scripts=False) as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.go("/bank")
        await check(person, file("cells.gift", gift.encode(), "text/plain"), slug)
        good = await figure(page, "Верных")
        assert await figure(page, "Всего") == "3"
        await expect(page.locator(".bubble").first).to_contain_text("Ткани и органы")
        await expect(page.get_by_role("region", name="Ошибки").locator("tbody th").first).to_contain_text("строка 5")
        await expect(page.get_by_role("region", name="Ошибки")).to_contain_text("закройте ответы")
        await page.get_by_role("button", name="Загрузить только").click()
        await expect(page.get_by_text("Загружено.")).to_be_visible()
    assert str(len((await editor.get(f"/admin/questions?subject={slug}"))["items"])) == good != "0"


@pytest.mark.thorough
async def test_a_question_is_seen_as_in_the_browser_and_as_in_telegram(
    browser: Browser, service: Service, editor: Client
) -> None:
    sent = file("all.json", orjson.dumps(bank_file(new_slug())), "application/json")
    async with somebody(browser, service, "desktop") as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.go("/bank")
        await check(person, sent)
        seen = page.locator("article.seen")
        await expect(seen).to_have_count(len(QUESTIONS))
        first = seen.first
        await expect(first.locator("input[type=radio]")).to_have_count(4)
        await expect(first.locator(".bubble")).to_contain_text("Question single")
        await expect(first.locator(".inline-button").first).to_have_text("A")
        await expect(first).to_contain_text("Верный ответ: B")


async def test_scripts_in_texts_and_names_of_files_are_texts(
    browser: Browser, service: Service, editor: Client
) -> None:
    question = {"id": "evil", "kind": "single", "topic": "t", "difficulty": 1, "text": EVIL, "explanation": EVIL}
    question |= {"options": [{"id": "a", "text": EVIL}, {"id": "b", "text": "b"}], "key": "a"}
    bad = question | {"id": EVIL.replace(" ", "_").replace("/", ""), "kind": EVIL}
    sent = file(f"{EVIL}.json", orjson.dumps({"subject": new_slug(), "questions": [question, bad]}))
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.go("/bank")
        await check(person, sent)
        await expect(page.locator(".asked")).to_contain_text(EVIL)
        await expect(page.locator(".bubble")).to_contain_text(EVIL)
        assert await page.locator("main script:not([src]), main [onerror]").count() == 0
        await page.get_by_role("button", name="Загрузить только").tap()
        await page.get_by_role("link", name="К вопросам предмета").tap()
        await page.get_by_role("link", name="alert").tap()
        await expect(page.locator(".history")).to_contain_text("onerror")
        assert await page.locator("main script:not([src]), main [onerror]").count() == 0


@pytest.mark.thorough
async def test_a_large_file_is_watched_and_looked_at_page_by_page(
    browser: Browser, service: Service, editor: Client
) -> None:
    made = [QUESTIONS[0] | {"id": f"n{number}", "topic": "many", "text": f"Вопрос {number}"} for number in range(3000)]
    sent = file("many.json", orjson.dumps(bank_file(new_slug(), made)), "application/json")
    async with somebody(browser, service, "desktop") as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.go("/bank")
        await page.get_by_label("Выберите файл").set_input_files(sent)
        await person.press_named("Проверить файл")
        await expect(page.get_by_role("progressbar")).to_be_visible()
        await page.locator("dl.counts").wait_for()
        await page.get_by_role("link", name="Следующие").first.click()
        await expect(page.locator("article.seen h3").first).to_contain_text("n10")
        await page.get_by_role("button", name="Загрузить").click()
        await expect(page.get_by_text("Загружено.")).to_be_visible()


@pytest.mark.thorough
async def test_what_one_department_looks_at_is_no_other_ones_to_see(
    browser: Browser, service: Service, editor: Client, admin: Client
) -> None:
    async with somebody(browser, service, "phone") as person, somebody(browser, service, "phone") as other:
        await sign_in(person, editor.login)
        await person.go("/bank")
        await check(person, file("own.json", orjson.dumps(bank_file(new_slug()))))
        await sign_in(other, admin.login)
        answer = await other.page.goto(person.page.url)
        assert answer is not None
        assert answer.status == 404


async def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    visitor: aiohttp.ClientSession, editor: Client
) -> None:
    headers = {"Cookie": f"session={editor.token}"}
    form = aiohttp.FormData()
    form.add_field("csrf", "0" * 64)
    form.add_field("file", io.BytesIO(b"x" * (33 << 20)), filename="large.yaml")
    async with visitor.post("/bank/checks", data=form, headers=headers) as response:
        assert response.status == 413


@pytest.mark.thorough
async def test_the_forms_of_all_kinds_keep_questions_as_they_are(
    browser: Browser, service: Service, editor: Client, bank: Bank
) -> None:
    async with somebody(browser, service, "phone", scripts=False) as person:
        await sign_in(person, editor.login)
        for question in QUESTIONS:
            path = f"/admin/questions/{question['id']}?subject={bank.subject}"
            before = (await editor.get(path))["question"]
            await person.go(f"/bank/subjects/{bank.subject}/questions/{question['id']}/edit")
            await person.press_named("Сохранить")
            await person.page.wait_for_url(f"**/questions/{question['id']}")
            assert (await editor.get(path))["question"] == before


async def test_a_question_is_edited_looked_at_archived_and_brought_back(
    browser: Browser, service: Service, editor: Client
) -> None:
    own = await walk_through(editor)
    async with somebody(browser, service, "desktop", "keyboard") as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.go(f"/bank/subjects/{own.subject}?search=question+single")
        await page.get_by_role("link", name="Question single").click()
        await person.press_named("Изменить", "link")
        await page.get_by_label("О чём спрашивается").fill("Сколько $2^3$?")
        await page.locator("#option-4-text").fill("Восемь")
        await page.locator("input[name=right]").nth(4).check()
        await person.press_named("Сначала посмотреть")
        await expect(page.locator(".asked math")).to_be_visible()
        await page.get_by_label("О чём спрашивается").fill("")
        await page.evaluate("document.querySelector('#text').required = false")
        await person.press_named("Сохранить")
        await expect(page.get_by_role("alert")).to_contain_text("text")
        await page.get_by_label("О чём спрашивается").fill("Сколько $2^3$?")
        await person.press_named("Сохранить")
        await expect(page.locator(".history li").first).to_contain_text("изменён")
        await expect(page.locator(".history del").first).to_have_text("Question single")
        shown = await editor.get(f"/admin/questions/single?subject={own.subject}")
        assert shown["question"]["key"] == "e"
        await person.press_named("В архив")
        await expect(page.locator("h1 .tag")).to_have_text("в архиве")
        await person.press_named("Вернуть из архива")
        await expect(page.locator("h1 .tag")).to_have_count(0)


@pytest.mark.thorough
async def test_who_saves_second_is_told_that_somebody_was_first(
    browser: Browser, service: Service, editor: Client
) -> None:
    own = await walk_through(editor)
    async with somebody(browser, service, "desktop") as person:
        await sign_in(person, editor.login)
        await person.go(f"/bank/subjects/{own.subject}/questions/text/edit")
        await editor.ask("PATCH", f"/admin/questions/text?subject={own.subject}", {"difficulty": 5})
        await person.page.get_by_label("О чём спрашивается").fill("Моё")
        await person.press_named("Сохранить")
        await expect(person.page.get_by_role("alert")).to_contain_text("изменил кто-то другой")
        await expect(person.page.get_by_label("О чём спрашивается")).to_have_value("Моё")
    assert (await editor.get(f"/admin/questions/text?subject={own.subject}"))["question"]["text"] == "Question text"


@pytest.mark.thorough
async def test_a_subject_is_declared_in_a_page_and_takes_questions_at_once(
    browser: Browser, service: Service, editor: Client
) -> None:
    slug = new_slug()
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.go("/bank/new-subject")
        await page.get_by_label("Краткое имя латиницей").fill(slug)
        await page.get_by_label("Название по-русски").fill("Физика")
        await page.locator("#topic-0-slug").fill("optics")
        await page.locator("#topic-0-ru").fill("Оптика")
        await page.locator("#field-0-name").fill("year")
        await page.locator("#field-0-type").select_option("integer")
        await page.locator("#field-0-values").fill("2024, 2025")
        await page.get_by_label("составить пару").or_(page.locator("input[name=kinds][value=match]")).first.uncheck()
        await person.press_named("Сохранить")
        await person.sees("Физика")
        await expect(page.get_by_text("Вопросов пока нет: заполните таблицу")).to_be_visible()
        await check(person, file("optics.gift", b"::q:: 2 + 2 {#4}"))
        await expect(page.locator("main")).to_contain_text(f"Предмет: {slug}")
        await person.go(f"/bank/subjects/{slug}/declaration")
        await page.locator("#topic-1-slug").fill("Wrong slug")
        await page.locator("#topic-1-ru").fill("Тема")
        await person.press_named("Сохранить")
        await expect(page.get_by_role("alert")).to_contain_text("topics.1.slug")
    declared = await editor.get(f"/admin/subjects/{slug}")
    assert declared["extra"]["year"]["enum"] == [2024, 2025]
    assert "match" not in declared["kinds"]
    question = QUESTIONS[0] | {"topic": "optics", "text": "?", "extra": {"year": 2025}}
    report = await imported(editor, {"subject": slug, "questions": [question]})
    assert report["added"] == 1
    refused = await editor.ask("PATCH", f"/admin/subjects/{slug}", {"topics": []}, status=409)
    assert refused["topics"] == ["optics"]


@pytest.mark.thorough
async def test_a_report_is_answered_and_the_student_hears_of_it(
    browser: Browser, service: Service, guest: Client, editor: Client, center: DataCenter
) -> None:
    own = await walk_through(editor)
    student = await guest.register(name="Автор сообщения")
    one = center.user("Reporter", language="ru")
    one.write("/start")
    await one.press("Русский")
    await one.press("Reporter")
    await one.press("9")
    await one.sees("Чем займёмся?")
    connection = await connect(service)
    try:
        telegram = await connection.fetchval("SELECT id FROM users WHERE name = 'Reporter'")
        path = f"/questions/single/reports?subject={own.subject}"
        report = await student.post(path, {"text": f"Неверно {EVIL}"}, status=201)
        await connection.execute(
            """INSERT INTO reports (user_id, question, subject, text)
               SELECT $1, question, subject, 'и это' FROM reports WHERE id = $2""",
            telegram,
            report["id"],
        )
    finally:
        await connection.close()
    async with somebody(browser, service, "phone", "touch") as person:
        page = person.page
        await sign_in(person, editor.login)
        await person.go(f"/bank/reports?subject={own.subject}")
        await expect(page.locator("article.card")).to_have_count(2)
        for answer in ("Спасибо, исправлено!", "И вам спасибо!"):
            await person.go(f"/bank/reports?subject={own.subject}")
            await page.get_by_label("Ответ ученику").first.fill(answer)
            await page.get_by_role("button", name="Ответить и закрыть").first.tap()
            await page.wait_for_url("**/questions/single")
        await expect(page.get_by_text("Никто не ждёт ответа")).to_be_visible()
    await one.sees("Спасибо, исправлено!")
    async with somebody(browser, service, "phone", "touch") as person:
        await sign_in(person, student.login)
        await expect(person.page.locator("article.notice")).to_contain_text("И вам спасибо!")
        await person.press_named("Прочитано")
        await expect(person.page.locator("article.notice")).to_have_count(0)
