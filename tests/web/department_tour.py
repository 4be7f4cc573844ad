"""The part of the tour that leads past the pages of departments."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson

from tests.api.banks import QUESTIONS, Bank, bank_file, new_slug
from tests.api.client import Client
from tests.banks.test_workbook import HEAD, single, workbook
from tests.web.browser import Person


async def as_department(person: Person, editor: Client, bank: Bank) -> AsyncIterator[tuple[str, str]]:
    """The path as in `PAGES`, and a name."""
    page = person.page
    subject = f"/bank/subjects/{bank.subject}"
    report = await editor.post(f"/questions/single/reports?subject={bank.subject}", {"text": "B?"}, status=201)
    await editor.post(f"/admin/reports/{report['id']}/close", {"answer": "Спасибо!"})
    await editor.post(f"/questions/single/reports?subject={bank.subject}", {"text": "Верно и *C*."}, status=201)
    await person.go("/")
    yield "", "answered-report"
    await person.go("/bank")
    yield "/bank", "bank"
    # Each is one of the declared topics, so that nothing but the rows themselves is wrong.
    declared = {"slug": (slug := new_slug()), "title": "Клетки", "topics": [{"slug": "cell", "title": "Клетка"}]}
    await editor.post("/admin/subjects", declared, status=201)
    rows = [single("q1"), single("q2", difficulty=9), single("q3", key="z"), single("q4", topic="nothing")]
    every_kind = orjson.dumps(bank_file(new_slug()))
    for name, content, chosen in (("wrong.xlsx", workbook(HEAD, *rows), slug), ("every-kind.json", every_kind, "")):
        await person.go("/bank")
        await page.locator("#subject").select_option(chosen)
        await page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
        await page.locator("form.upload button").click()
        await page.locator("dl.counts").wait_for()
        yield "/bank/checks/{check}", f"check-{name}"
    await person.go(subject)
    yield "/bank/subjects/{subject}", "bank-subject"
    for question in {one["kind"]: one["id"] for one in QUESTIONS}.values():
        await person.go(f"{subject}/questions/{question}/edit")
        yield "/bank/subjects/{subject}/questions/{question}/edit", f"edit-{question}"
    await page.locator("#text").fill("")
    await page.evaluate("document.querySelector('#text').required = false")
    await page.locator("form.edit button").first.click()
    await page.get_by_role("alert").wait_for()
    yield "", "edit-wrong"
    await person.go(f"{subject}/questions/single")
    yield "/bank/subjects/{subject}/questions/{question}", "bank-question"
    await person.go("/bank/subjects/biology/declaration")
    yield "/bank/subjects/{subject}/declaration", "declaration"
    await person.go("/bank/new-subject")
    yield "/bank/new-subject", "new-subject"
    await person.go("/bank/reports")
    yield "/bank/reports", "reports"
