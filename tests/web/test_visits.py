"""Who may send a form, and what a browser is told to do with a page."""

from __future__ import annotations

import re
from uuid import uuid4

import aiohttp
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _register(visitor: aiohttp.ClientSession) -> None:
    form = {"name": "Аня", "login": f"anna-{uuid4().hex[:12]}", "password": "correct horse", "grade": "9"}
    async with visitor.post("/register", data=form) as response:
        assert response.status == 200
        assert response.url.path == "/"


async def _csrf(visitor: aiohttp.ClientSession) -> str:
    async with visitor.get("/profile") as response:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', await response.text())
    assert found is not None
    return found[1]


def _token(visitor: aiohttp.ClientSession) -> str:
    return next(cookie.value for cookie in visitor.cookie_jar if cookie.key == "session")


def _field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def _heading(page: str) -> str:
    return page.partition("<h1>")[2].partition("</h1>")[0]


def _option(page: str) -> str:
    found = re.search(r'type="radio" name="answer" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_every_page_forbids_inline_scripts_and_other_hosts(visitor: aiohttp.ClientSession) -> None:
    for path in ("/", "/login", "/register", "/subjects/biology", "/training", "/no-such-page", "/static/style.css"):
        async with visitor.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_who_is_not_signed_in_is_led_to_where_one_signs_in_and_back(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/statistics?days=7", allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/login?to=%2Fstatistics%3Fdays%3D7"


async def test_nobody_is_led_to_another_site(visitor: aiohttp.ClientSession) -> None:
    for to in ("https://evil.example/", "//evil.example/", "//[", "/\\evil.example", "javascript:alert(1)"):
        async with visitor.get("/login", params={"to": to}) as response:
            assert 'name="to" value="/"' in await response.text()


async def test_who_opens_an_account_is_led_to_where_they_wanted_to_train(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/subjects/biology") as response:
        assert "/register?to=/subjects/biology" in await response.text()
    form = {"name": "Аня", "login": f"anna-{uuid4().hex[:12]}", "password": "correct horse", "to": "/subjects/biology"}
    async with visitor.post("/register", data=form) as response:
        assert response.url.path == "/subjects/biology"


async def test_an_address_that_leads_nowhere_is_a_page_for_people_and_a_problem_for_programs(
    visitor: aiohttp.ClientSession,
) -> None:
    async with visitor.get("/no-such-page", headers={"Accept": "text/html"}) as response:
        assert response.status == 404
        assert "Здесь ничего нет" in await response.text()
    for path in ("/no-such-page", "/api/v1/no-such-call"):
        async with visitor.get(path, headers={"Accept": "application/json"}) as response:
            assert response.status == 404
            assert response.content_type == "application/problem+json"


async def test_a_star_shows_wherever_a_question_stands_whether_it_is_a_favourite(
    visitor: aiohttp.ClientSession,
) -> None:
    await _register(visitor)
    csrf = await _csrf(visitor)
    start = {"csrf": csrf, "subject": "biology", "size": "1", "mode": "practice", "kinds": "single"}
    async with visitor.post("/trainings", data=start) as response:
        page = await response.text()
    fields = {name: _field(page, name) for name in ("training", "question", "kind")}
    assert 'class="star"' in page

    about = {"csrf": csrf, "subject": "biology", "question": fields["question"]}
    async with visitor.post("/favorites", data=about | {"back": "/training", "favorite": "yes"}) as response:
        assert response.url.path == "/training"
        assert 'class="star lit"' in await response.text()

    given = fields | {"csrf": csrf, "answer": _option(page)}
    async with visitor.post("/training/answer", data=given) as response:
        verdict = await response.text()
        assert 'class="star lit"' in verdict
    async with visitor.post("/favorites", data=about | {"back": "/training/answer", "favorite": "no"}) as response:
        assert response.url.path == "/training/answer"
        again = await response.text()
        assert 'class="star"' in again
        assert _heading(again) == _heading(verdict)

    await visitor.post("/favorites", data=about | {"favorite": "yes"})
    async with visitor.get(f"/trainings/{fields['training']}") as response:
        assert 'class="star lit"' in await response.text()


@pytest.mark.parametrize(
    ("kind", "problem"),
    [("number", "Напишите число"), ("order", "Дайте каждому своё место"), ("text", "Сначала выберите")],
)
async def test_an_answer_that_is_none_is_told_at_its_question_and_what_was_filled_in_stays(
    visitor: aiohttp.ClientSession, kind: str, problem: str
) -> None:
    await _register(visitor)
    csrf = await _csrf(visitor)
    start = {"csrf": csrf, "subject": "biology", "size": "1", "mode": "practice", "kinds": kind}
    async with visitor.post("/trainings", data=start) as response:
        page = await response.text()
    fields = {name: _field(page, name) for name in ("training", "question", "kind")} | {"csrf": csrf}
    places = dict.fromkeys(re.findall(r'name="(place-[^"]+)"', page), "2")
    given: dict[str, str] = {"number": {"answer": 'сорок "два"'}, "order": places, "text": {"answer": " "}}[kind]
    async with visitor.post("/training/answer", data=fields | given) as response:
        told = await response.text()
        assert response.status == 422
    assert problem in told
    assert _heading(told) == _heading(page)
    if kind == "number":
        assert 'value="сорок &#34;два&#34;"' in told
    if kind == "order":
        assert told.count("<option selected>2</option>") == len(places)


async def test_what_is_done_to_a_question_leads_to_no_other_site(visitor: aiohttp.ClientSession) -> None:
    await _register(visitor)
    csrf = await _csrf(visitor)
    async with visitor.post("/trainings", data={"csrf": csrf, "subject": "biology", "size": "1"}) as response:
        question = _field(await response.text(), "question")
    about = {"csrf": csrf, "subject": "biology", "question": question, "favorite": "yes", "back": "//evil.example"}
    async with visitor.post("/favorites", data=about) as response:
        assert response.url.path == "/"


async def test_a_verdict_that_is_loaded_anew_without_its_form_leads_on(visitor: aiohttp.ClientSession) -> None:
    await _register(visitor)
    async with visitor.get("/training/answer") as response:
        assert response.status == 200
        assert response.url.path == "/trainings"


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(visitor: aiohttp.ClientSession) -> None:
    await _register(visitor)
    cookie = next(cookie for cookie in visitor.cookie_jar if cookie.key == "session")
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


async def test_a_form_needs_what_its_own_page_was_given(visitor: aiohttp.ClientSession) -> None:
    await _register(visitor)
    async with visitor.post("/profile", data={"name": "Чужой"}) as response:
        assert response.status == 403
    for wrong in ("0" * 64, "ы" * 64, "\ufffd"):
        async with visitor.post("/profile", data={"name": "Чужой", "csrf": wrong}) as response:
            assert response.status == 403
    async with visitor.post("/profile", data={"name": "Анна", "csrf": await _csrf(visitor)}) as response:
        assert response.status == 200
        page = await response.text()
    assert 'value="Анна"' in page
    assert "Сохранено." in page


async def test_who_sends_a_form_of_an_older_visit_is_told_so_and_led_back_to_it(visitor: aiohttp.ClientSession) -> None:
    await _register(visitor)
    form = {"name": "Анна", "csrf": "0" * 64}
    async with visitor.get("/profile?from=home") as response:
        came = {"Referer": str(response.url)}
    async with visitor.post("/profile", data=form, headers=came) as response:
        page = await response.text()
    assert "откройте её заново" in page
    assert 'href="/profile?from=home"' in page
    async with visitor.post("/profile", data=form, headers={"Referer": "https://evil.example/x"}) as response:
        assert "evil" not in await response.text()


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]
)
async def test_a_form_of_another_site_is_refused(visitor: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    form = {"login": "anna", "password": "correct horse"}
    async with visitor.post("/login", data=form, headers=headers) as response:
        assert response.status == 403


async def test_signing_out_closes_the_token(visitor: aiohttp.ClientSession, service: object) -> None:
    await _register(visitor)
    token = _token(visitor)
    async with visitor.post("/logout", data={"csrf": await _csrf(visitor)}) as response:
        assert response.status == 200
    async with visitor.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.status == 401


async def test_what_is_wrong_is_told_at_its_field(visitor: aiohttp.ClientSession) -> None:
    async with visitor.post("/register", data={"name": "", "login": "?", "password": "short"}) as response:
        page = await response.text()
        assert response.status == 422
    assert page.count('aria-invalid="true"') == 3


async def test_who_sends_the_form_of_a_new_account_twice_has_it_and_nobody_elses(
    visitor: aiohttp.ClientSession,
) -> None:
    form = {"name": "Аня", "login": f"anna-{uuid4().hex[:12]}", "password": "correct horse"}
    for _ in range(2):
        async with visitor.post("/register", data=form) as response:
            assert (response.status, response.url.path) == (200, "/")
        visitor.cookie_jar.clear()  # the second was sent before the first was answered
    async with visitor.post("/register", data=form | {"password": "another horse"}) as response:
        assert (response.status, response.url.path) == (409, "/register")


async def test_the_language_is_the_browsers_until_one_is_chosen(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/", headers={"Accept-Language": "en"}) as response:
        assert '<html lang="en">' in await response.text()
    async with visitor.post("/language", data={"language": "en", "to": "/login"}) as response:
        assert response.url.path == "/login"
        assert '<html lang="en">' in await response.text()


async def test_who_signs_in_reads_everything_in_the_language_of_the_account(visitor: aiohttp.ClientSession) -> None:
    login = f"anna-{uuid4().hex[:12]}"
    account = {"login": login, "password": "correct horse"}
    await visitor.post("/register", data=account | {"name": "Аня"})
    await visitor.post("/logout", data={"csrf": await _csrf(visitor)})
    await visitor.post("/language", data={"language": "en"})
    async with visitor.post("/login", data=account) as response:
        assert '<html lang="ru">' in await response.text()
    async with visitor.post("/language", data={"language": "en", "csrf": await _csrf(visitor)}) as response:
        assert '<html lang="en">' in await response.text()
    async with visitor.get("/api/v1/me", headers={"Authorization": f"Bearer {_token(visitor)}"}) as response:
        assert (await response.json())["language"] == "en"


async def test_names_are_text(visitor: aiohttp.ClientSession) -> None:
    form = {"name": "<script>alert(1)</script>", "login": f"x-{uuid4().hex[:12]}", "password": "correct horse"}
    async with visitor.post("/register", data=form):
        pass
    async with visitor.get("/profile") as response:
        page = await response.text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_a_form_that_is_too_long_is_refused(visitor: aiohttp.ClientSession) -> None:
    async with visitor.post("/login", data={"login": "x" * 300_000}) as response:
        assert response.status == 413
        assert "Слишком много" in await response.text()
