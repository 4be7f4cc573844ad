"""Accounts: opened, signed into, changed, taken along, and erased without a trace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from tests.api.banks import Bank, begin, train
from tests.api.client import PASSWORD, Client, Json, connect, paths_of

_logins = (f"newcomer-{number}" for number in count(1))

PROFILE = {
    "id",
    "login",
    "name",
    "language",
    "grade",
    "role",
    "notifications",
    "registered_at",
    "last_seen_at",
    "telegram",
}


def application(**more: Json) -> Json:
    return {"login": next(_logins), "password": PASSWORD, "name": "Анна"} | more


async def test_opening_an_account_answers_the_profile(guest: Client) -> None:
    body = application(language="en", grade=9)
    made = await guest.call("POST", "/users", body)
    assert made.status == 201
    profile = made.json
    assert profile.keys() == PROFILE
    assert {name: profile[name] for name in ("login", "name", "language", "grade", "role", "telegram")} == {
        "login": body["login"],
        "name": "Анна",
        "language": "en",
        "grade": 9,
        "role": "student",
        "telegram": False,
    }
    assert datetime.fromisoformat(profile["registered_at"]).utcoffset() == timedelta(0)
    assert PASSWORD.encode() not in made.content


async def test_language_and_grade_need_not_be_told(guest: Client) -> None:
    profile = await guest.post("/users", application(), status=201)
    assert (profile["language"], profile["grade"], profile["notifications"]) == ("ru", None, True)


async def test_a_taken_login_is_409_however_it_is_written(guest: Client) -> None:
    body = application()
    await guest.post("/users", body, status=201)
    await guest.refused(409, "POST", "/users", body)
    await guest.refused(409, "POST", "/users", body | {"login": body["login"].upper()})


WRONG_APPLICATIONS: list[tuple[Json, str]] = [
    ({"login": "ab"}, "login"),
    ({"login": "with space"}, "login"),
    ({"login": 5}, "login"),
    ({"login": None}, "login"),
    ({"password": "short"}, "password"),
    ({"password": "p" * 201}, "password"),
    ({"password": ["correct horse"]}, "password"),
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "n" * 101}, "name"),
    ({"name": "a\u0000b"}, "name"),
    ({"name": "\u200b"}, "name"),  # nothing to be seen
    ({"name": "\u202eanna"}, "name"),  # turns round what follows it
    ({"language": "de"}, "language"),
    ({"grade": 0}, "grade"),
    ({"grade": 13}, "grade"),
    ({"grade": "nine"}, "grade"),
    ({"role": "admin"}, "role"),
]


@pytest.mark.parametrize(("wrong", "path"), WRONG_APPLICATIONS)
async def test_a_wrong_application_opens_nothing_and_names_the_place(guest: Client, wrong: Json, path: str) -> None:
    body = application()
    told = await guest.refused(422, "POST", "/users", body | wrong)
    assert paths_of(told) == {path}
    await guest.post("/users", body, status=201)


async def test_all_that_is_missing_is_named(guest: Client) -> None:
    told = await guest.refused(422, "POST", "/users", {})
    assert paths_of(told) == {"login", "password", "name"}


async def test_a_refused_password_is_not_repeated(guest: Client) -> None:
    answer = await guest.call("POST", "/users", application(password="hunter2"))
    assert answer.status == 422
    assert b"hunter2" not in answer.content


async def test_the_login_is_no_password(guest: Client) -> None:
    told = await guest.refused(422, "POST", "/users", application(login="samesame", password="SameSame"))
    assert paths_of(told) == {"password"}


async def test_signing_in_answers_a_token_its_end_and_whose_it_is(guest: Client) -> None:
    body = application()
    profile = await guest.post("/users", body, status=201)
    granted = await guest.post("/tokens", {"login": body["login"], "password": PASSWORD}, status=201)
    assert granted.keys() == {"token", "expires_at", "user"}
    assert granted["user"]["id"] == profile["id"]
    assert datetime.fromisoformat(granted["expires_at"]) > datetime.now(UTC) + timedelta(days=1)


async def test_a_wrong_password_and_an_unknown_login_are_told_alike(student: Client, guest: Client) -> None:
    wrong = await guest.refused(401, "POST", "/tokens", {"login": student.login, "password": "wrong horse"})
    unknown = await guest.refused(401, "POST", "/tokens", {"login": "nobody-at-all", "password": PASSWORD})
    assert wrong == unknown


async def test_guessing_one_password_is_slowed_and_the_owner_is_told_when_to_try(
    student: Client, guest: Client
) -> None:
    body = {"login": student.login, "password": "wrong horse"}
    for _ in range(30):
        answer = await guest.call("POST", "/tokens", body)
        if answer.status != 401:
            break
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 1
    await guest.refused(429, "POST", "/tokens", {"login": student.login, "password": PASSWORD})
    assert (await student.get("/me"))["login"] == student.login, "who is signed in already goes on"


async def test_a_closed_token_opens_nothing_and_the_others_still_do(student: Client) -> None:
    other = await student.signed_in(student.login)
    await student.ask("DELETE", "/tokens/current", status=204)
    await student.refused(401, "GET", "/me")
    assert (await other.get("/me"))["id"] == student.id


async def test_a_token_behind_two_spaces_is_closed_like_any_other(student: Client) -> None:
    header = {"Authorization": f"Bearer  {student.token}"}
    assert (await student.call("DELETE", "/tokens/current", headers=header)).status == 204
    await student.refused(401, "GET", "/me")


async def test_an_expired_token_opens_nothing(student: Client) -> None:
    connection = await connect(student.service)
    try:
        await connection.execute(
            "UPDATE tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1", student.id
        )
    finally:
        await connection.close()
    await student.refused(401, "GET", "/me")


async def test_tokens_are_kept_hashed(student: Client) -> None:
    assert student.token is not None
    assert student.token not in await everything_in_postgres(student)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer nothing", "Basic YTpi", "Bearer \xe9"])
async def test_no_token_or_a_wrong_one_is_401(guest: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("GET", "/me"), ("GET", "/trainings"), ("DELETE", "/tokens/current")):
        answer = await guest.call(method, path, headers=headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json["status"] == 401


async def test_the_profile_tells_when_one_was_last_seen(student: Client) -> None:
    await student.get("/me")
    seen = datetime.fromisoformat((await student.get("/me"))["last_seen_at"])
    assert seen >= datetime.fromisoformat((await student.get("/me"))["registered_at"])


async def test_changing_the_profile_changes_what_is_sent_and_nothing_else(student: Client) -> None:
    before = await student.get("/me")
    changed = await student.ask("PATCH", "/me", {"name": "Пётр", "grade": 11})
    assert changed | {"last_seen_at": None} == before | {"name": "Пётр", "grade": 11, "last_seen_at": None}
    changed = await student.ask("PATCH", "/me", {"language": "en", "notifications": False})
    assert (changed["name"], changed["language"], changed["notifications"]) == ("Пётр", "en", False)
    assert (await student.get("/me"))["name"] == "Пётр"


async def test_a_grade_can_be_taken_away(student: Client) -> None:
    await student.ask("PATCH", "/me", {"grade": 11})
    assert (await student.ask("PATCH", "/me", {"grade": None}))["grade"] is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": ""}, "name"),
        ({"grade": 0}, "grade"),
        ({"language": "xx"}, "language"),
        ({"notifications": "loud"}, "notifications"),
        ({"role": "admin"}, "role"),
        ({"id": 1}, "id"),
        ({"user": 1}, "user"),
    ],
)
async def test_a_wrong_change_of_the_profile_changes_nothing(student: Client, change: Json, path: str) -> None:
    told = await student.refused(422, "PATCH", "/me", {"name": "Other"} | change)
    assert paths_of(told) == {path}
    assert (await student.get("/me"))["name"] == "Student"


async def test_a_code_to_join_the_telegram_account(student: Client) -> None:
    first = await student.post("/me/link", status=201)
    second = await student.post("/me/link", status=201)
    assert first.keys() == {"code", "expires_at"}
    assert first["code"] != second["code"]
    assert datetime.fromisoformat(second["expires_at"]) > datetime.now(UTC)


async def test_the_export_holds_everything_about_the_user(student: Client, walk: Bank) -> None:
    await student.ask("PUT", f"/me/favorites/order?subject={walk.subject}", status=204)
    training = await train(student, walk, {"text": "Ель", "single": "b"})
    path = f"/questions/single/reports?subject={walk.subject}"
    await student.post(path, {"text": "Both b and c are right"}, status=201)
    kept = await student.get("/me/export")
    assert kept["profile"]["login"] == student.login
    assert len(kept["tokens"]) == 1
    assert [favorite["question"] for favorite in kept["favorites"]] == ["order"]
    assert [(one["id"], sorted(one["questions"])) for one in kept["trainings"]] == [
        (training["id"], ["single", "text"])
    ]
    assert [(one["question"], one["response"], one["score"]) for one in kept["answers"]] == [
        ("text", "Ель", 0.5),
        ("single", "b", 1.0),
    ]
    assert [(one["question"], one["text"]) for one in kept["reports"]] == [("single", "Both b and c are right")]
    assert [row["data"]["type"] for row in kept["journal"]] == [
        "favorite",
        "started",
        "answered",
        "answered",
        "finished",
    ]
    assert PASSWORD not in str(kept)


async def everything_in_postgres(client: Client) -> str:
    """Every row of every table, as text."""
    connection = await connect(client.service)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = []
        for (table,) in tables:
            rows += [row[0] for row in await connection.fetch(f'SELECT t::text FROM "{table}" t')]
    finally:
        await connection.close()
    return "\n".join(rows)


async def test_erasing_the_account_leaves_nothing_personal_and_keeps_the_counters(guest: Client, own: Bank) -> None:
    """The journal keeps that a question was answered, for its statistics, but neither by what nor by whom."""
    student = await guest.register(login="unforgettable", name="Незабвенная", grade=9)
    await train(student, own, {"text": "не скажу никому", "single": "b"})
    await begin(student, own)
    await student.ask("PUT", f"/me/favorites/order?subject={own.subject}", status=204)
    await student.post(f"/questions/text/reports?subject={own.subject}", {"text": "тайная жалоба"}, status=201)
    await student.post("/me/link", status=201)
    secrets = ("unforgettable", "Незабвенная", "не скажу никому", "тайная жалоба")
    before = await everything_in_postgres(student)
    assert all(secret in before for secret in secrets), "or this test would show nothing"

    await student.ask("DELETE", "/me", {"password": PASSWORD}, status=204)

    await student.refused(401, "GET", "/me")
    await guest.refused(401, "POST", "/tokens", {"login": "unforgettable", "password": PASSWORD})
    witness = await guest.register()
    assert (await witness.get(f"/subjects/{own.subject}/leaderboard"))["items"] == []
    after = await everything_in_postgres(student)
    assert not [secret for secret in secrets if secret in after]
    connection = await connect(student.service)
    try:
        tables = await connection.fetch(
            """SELECT table_name FROM information_schema.columns
               WHERE table_schema = 'public' AND column_name = 'user_id' AND table_name <> 'journal'"""
        )
        for (table,) in tables:
            assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", student.id) == 0
    finally:
        await connection.close()
    assert await own.statistics("single") == {"answered": 1, "correct": 1}
    assert await own.statistics("text") == {"answered": 1, "correct": 0}


async def test_the_login_of_an_erased_account_is_free_and_leads_to_nothing_old(
    student: Client, guest: Client, walk: Bank
) -> None:
    await train(student, walk, {"single": "b"})
    await student.ask("DELETE", "/me", {"password": PASSWORD}, status=204)
    newcomer = await guest.register(login=student.login)
    assert newcomer.id != student.id
    assert (await newcomer.get("/trainings"))["items"] == []


async def test_erasing_takes_the_password(student: Client, walk: Bank) -> None:
    training = await begin(student, walk)
    await student.refused(403, "DELETE", "/me", {"password": "wrong horse"})
    told = await student.refused(422, "DELETE", "/me", {})
    assert paths_of(told) == {"password"}
    assert await student.get("/trainings/current") == training


async def test_a_report_is_kept_with_who_sent_it(student: Client, walk: Bank) -> None:
    path = f"/questions/match/reports?subject={walk.subject}"
    report = await student.post(path, {"text": "  4 is z, not w \n"}, status=201)
    assert (report["question"], report["subject"], report["text"]) == ("match", walk.subject, "4 is z, not w")


async def test_a_report_needs_a_question_that_there_is_and_a_text(student: Client, walk: Bank) -> None:
    await student.refused(404, "POST", "/questions/no-such/reports", {"text": "wrong"})
    path = f"/questions/match/reports?subject={walk.subject}"
    for text in ("", "   ", "x" * 2001, 5, None):
        assert paths_of(await student.refused(422, "POST", path, {"text": text})) == {"text"}
    assert (await student.get("/me/export"))["reports"] == []
