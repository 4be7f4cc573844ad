"""What administrators do over the REST API: users, spreadsheets, parked steps, and the record of it all."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncpg import Connection
from python_calamine import CalamineWorkbook

from actors.audit import LONGEST_LIST, LONGEST_TEXT, READING, details, is_recorded
from protocols import messages as m
from tests.api.banks import Bank, answer, bank_file, begin, imported, new_slug
from tests.api.client import PASSWORD, Client, Json, connect, paths_of


@pytest_asyncio.fixture(loop_scope="session")
async def hand(admin: Client) -> AsyncIterator[Connection]:
    connection = await connect(admin.service)
    yield connection
    await connection.close()


async def acts(admin: Client, **asked: Json) -> list[Json]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    listed: list[Json] = (await admin.get(f"/admin/audit?{query}"))["items"]
    return listed


# --- Users ---------------------------------------------------------------------------------------------------


async def test_users_are_found_by_id_login_and_name_in_any_capitals(admin: Client, guest: Client) -> None:
    user = await guest.register(name="Щукина Ёлка 100%_", login="Zander-Search")
    for search in (str(user.id), "zander-s", "щукина ё", "100%_"):
        found = (await admin.get(f"/admin/users?search={search.replace('%', '%25')}"))["items"]
        assert user.id in [one["id"] for one in found], search
    assert (await admin.get("/admin/users?search=zander%25"))["items"] == []


async def test_users_are_listed_once_each_over_pages(admin: Client, guest: Client) -> None:
    users = [await guest.register(name="Paged person") for _ in range(5)]
    listed, after = [], ""
    while after is not None:
        page = await admin.get(f"/admin/users?search=paged+person&limit=2&after={after}")
        listed += [one["id"] for one in page["items"]]
        after = page["next"]
    assert listed == sorted((user.id for user in users), reverse=True)


async def test_users_are_narrowed_by_role_and_by_being_blocked(admin: Client, student: Client) -> None:
    await admin.ask("PATCH", f"/admin/users/{student.id}", {"role": "editor", "blocked": True})
    for asked in ("role=editor&limit=100", "blocked=true&limit=100"):
        assert student.id in [one["id"] for one in (await admin.get(f"/admin/users?{asked}"))["items"]]
    assert student.id not in [one["id"] for one in (await admin.get("/admin/users?blocked=false&limit=100"))["items"]]


async def test_what_is_changed_is_known_at_once(admin: Client, student: Client, guest: Client) -> None:
    await student.refused(403, "GET", "/admin/questions")
    changed = await admin.ask("PATCH", f"/admin/users/{student.id}", {"role": "editor"})
    assert changed == await admin.get(f"/admin/users/{student.id}")
    assert changed["role"] == "editor"
    await student.get("/admin/questions")
    await admin.ask("PATCH", f"/admin/users/{student.id}", {"blocked": True})
    await student.refused(401, "GET", "/me")
    await guest.refused(403, "POST", "/tokens", {"login": student.login, "password": PASSWORD})
    await admin.ask("PATCH", f"/admin/users/{student.id}", {"role": "student", "blocked": False})
    await student.refused(403, "GET", "/admin/questions")


async def test_nobody_blocks_erases_or_signs_out_themself_here(admin: Client) -> None:
    await admin.refused(409, "POST", f"/admin/users/{admin.id}/password")
    await admin.refused(409, "PATCH", f"/admin/users/{admin.id}", {"blocked": True})
    await admin.refused(409, "DELETE", f"/admin/users/{admin.id}")
    assert (await admin.get("/me"))["role"] == "admin"


async def test_of_two_administrators_who_depose_each_other_one_remains(
    admin: Client, guest: Client, hand: Connection
) -> None:
    first, second = [await guest.register() for _ in range(2)]
    others = await hand.fetch("SELECT id FROM users WHERE role = 'admin'")
    for one in (first, second):
        await admin.ask("PATCH", f"/admin/users/{one.id}", {"role": "admin"})
    # All others are out of the way for as long as this takes.
    await hand.execute("UPDATE users SET role = 'editor' WHERE id = ANY ($1)", [row["id"] for row in others])
    try:
        answers = await asyncio.gather(
            first.call("PATCH", f"/admin/users/{second.id}", {"role": "student"}),
            second.call("PATCH", f"/admin/users/{first.id}", {"role": "student"}),
        )
        left = await hand.fetchval("SELECT count(*) FROM users WHERE role = 'admin'")
    finally:
        await hand.execute("UPDATE users SET role = 'admin' WHERE id = ANY ($1)", [row["id"] for row in others])
    assert left == 1
    assert 200 in [one.status for one in answers]


async def test_who_is_erased_is_gone_and_the_figures_of_questions_stay(
    admin: Client, student: Client, own: Bank
) -> None:
    training = await begin(student, own, "single")
    await answer(student, training, "single", "b")
    assert (await admin.call("DELETE", f"/admin/users/{student.id}")).status == 204
    await student.refused(401, "GET", "/me")
    await admin.refused(404, "GET", f"/admin/users/{student.id}")
    await admin.refused(404, "DELETE", f"/admin/users/{student.id}")
    assert await own.statistics("single") == {"answered": 1, "correct": 1}


async def test_who_has_lost_the_password_gets_a_new_one_and_every_sign_in_with_the_old_one_ends(
    admin: Client, guest: Client
) -> None:
    user = await guest.register()
    made = await admin.ask("POST", f"/admin/users/{user.id}/password")
    assert made["login"] == user.login
    await user.refused(401, "GET", "/me")
    await guest.refused(401, "POST", "/tokens", {"login": user.login, "password": PASSWORD})
    granted = await guest.post("/tokens", {"login": user.login, "password": made["password"]}, status=201)
    assert granted["user"]["id"] == user.id
    (act,) = (await admin.get(f"/admin/audit?by={admin.id}&limit=1"))["items"]
    assert (act["act"], act["outcome"]) == ("ResetPassword", "done")
    assert made["password"] not in str(act)


# --- Spreadsheets --------------------------------------------------------------------------------------------


async def sheet(admin: Client, path: str) -> list[list[Json]]:
    told = await admin.call("GET", path)
    assert told.status == 200
    assert told.headers["Content-Disposition"].startswith("attachment")
    assert "Export-Warnings" not in told.headers
    rows: list[list[Json]] = CalamineWorkbook.from_filelike(io.BytesIO(told.content)).get_sheet_by_index(0).to_python()
    return rows


async def test_users_and_their_results_go_into_spreadsheets(admin: Client, student: Client, own: Bank) -> None:
    await student.ask("PATCH", "/me", {"name": "=HYPERLINK(1)"})
    training = await begin(student, own, "single")
    await answer(student, training, "single", "b")
    heading, *rows = await sheet(admin, "/admin/exports/users.xlsx?language=en")
    row = next(row for row in rows if row[heading.index("Number")] == student.id)
    assert row[heading.index("Name")] == "=HYPERLINK(1)"
    assert row[heading.index("Score")] == 1
    heading, *rows = await sheet(admin, "/admin/exports/results.xlsx?language=en")
    assert [row[heading.index("Score")] for row in rows if row[heading.index("Training")] == training["id"]] == [1]


async def test_thousands_of_results_add_up_to_what_sql_adds_up_to(
    admin: Client, student: Client, hand: Connection
) -> None:
    await hand.execute(
        """INSERT INTO trainings (id, user_id, number, subject, mode, questions, started_at)
           SELECT 'sum-' || n, $1, n, 'sums', 'practice', ARRAY[n, n + 1], now() FROM generate_series(1, 2500) AS n""",
        student.id,
    )
    await hand.execute(
        """INSERT INTO answers (training, question, user_id, subject, topic, kind, score, seconds, at)
           SELECT 'sum-' || n, n + n % 2, $1, 'sums', 't', 'single', n % 5 / 4.0, n % 600 / 8.0, now()
           FROM generate_series(1, 2500, 3) AS n""",
        student.id,
    )
    heading, *rows = await sheet(admin, "/admin/exports/results.xlsx?language=en")
    told = [row for row in rows if row[heading.index("Subject")] == "sums"]
    added = [sum(row[heading.index(name)] for row in told) for name in ("Answered", "Correct", "Score", "Time, s")]
    wanted = await hand.fetchrow(
        """SELECT count(*), count(*) FILTER (WHERE score = 1), sum(score), sum(seconds)
           FROM answers WHERE subject = 'sums'"""
    )
    assert len(told) == 2500
    assert added == pytest.approx(list(wanted or ()))


async def test_headings_are_in_the_language_of_who_asks(admin: Client) -> None:
    assert (await sheet(admin, "/admin/exports/questions.xlsx"))[0][0] == "Предмет"
    assert (await sheet(admin, "/admin/exports/questions.xlsx?language=en"))[0][0] == "Subject"


async def test_nothing_of_a_spreadsheet_stays_behind(admin: Client) -> None:
    await sheet(admin, "/admin/exports/users.xlsx")
    async with asyncio.timeout(10):  # it goes once its last byte is sent
        while list((admin.service.folder / "data" / "exports").iterdir()):
            await asyncio.sleep(0.01)


# --- Parked steps --------------------------------------------------------------------------------------------


async def parked_answer(hand: Connection, student: Client, own: Bank, relay: str) -> int:
    """The position of an answer that this relay is made to have left out."""
    training = await begin(student, own, "single")
    await answer(student, training, "single", "b")
    position: int = await hand.fetchval(
        "SELECT position FROM journal WHERE user_id = $1 AND data ->> 'type' = 'answered'", student.id
    )
    await own.statistics("single")  # it has arrived in both places
    await student.get("/me/statistics")
    if relay == "read models":
        await hand.execute("DELETE FROM answers WHERE user_id = $1", student.id)
        await hand.execute("DELETE FROM days WHERE user_id = $1", student.id)
    await hand.execute("INSERT INTO parked (relay, position, reason) VALUES ($1, $2, 'too odd')", relay, position)
    return position


async def test_a_parked_step_is_told_with_what_it_was_and_carried_on_when_retried(
    admin: Client, student: Client, own: Bank, hand: Connection
) -> None:
    position = await parked_answer(hand, student, own, "read models")
    assert (await student.get("/me/statistics"))["totals"]["answered"] == 0
    told = next(one for one in (await admin.get("/admin/parked"))["items"] if one["position"] == position)
    assert (told["relay"], told["reason"], told["about"]) == ("read models", "too odd", student.id)
    assert told["event"] == "answered"
    path = f"/admin/parked/read%20models/{position}/retry"
    assert (await admin.call("POST", path)).status == 204
    assert (await student.get("/me/statistics"))["totals"]["answered"] == 1
    await admin.refused(404, "POST", path)
    assert (await student.get("/me/statistics"))["totals"]["answered"] == 1


async def test_a_step_that_is_retried_twice_is_counted_once(
    admin: Client, student: Client, own: Bank, hand: Connection
) -> None:
    position = await parked_answer(hand, student, own, "counters")
    for _ in range(2):  # as if the service was killed before it was parked no more
        assert (await admin.call("POST", f"/admin/parked/counters/{position}/retry")).status == 204
        await hand.execute("INSERT INTO parked (relay, position, reason) VALUES ('counters', $1, '')", position)
    await hand.execute("DELETE FROM parked WHERE position = $1", position)
    # Once by the relay, for this step was not really left out, and once by the retries.
    assert await own.statistics("single") == {"answered": 2, "correct": 2}


async def test_a_step_that_is_refused_again_stays_with_its_new_reason(
    admin: Client, student: Client, own: Bank, hand: Connection
) -> None:
    position = await parked_answer(hand, student, own, "activity")
    # Its answer is in the read models already, where no second one can be.
    await hand.execute("UPDATE parked SET relay = 'read models' WHERE position = $1", position)
    problem = await admin.refused(409, "POST", f"/admin/parked/read%20models/{position}/retry")
    told = next(one for one in (await admin.get("/admin/parked?limit=100"))["items"] if one["position"] == position)
    assert "duplicate key" in told["reason"]
    assert told["reason"] in problem["detail"]
    assert (await student.get("/me/statistics"))["totals"]["answered"] == 1
    await hand.execute("DELETE FROM parked WHERE position = $1", position)


# --- The record of acts --------------------------------------------------------------------------------------


async def test_every_act_is_recorded_with_who_what_and_how_it_ended(
    admin: Client, editor: Client, student: Client
) -> None:
    await admin.ask("PATCH", f"/admin/users/{student.id}", {"role": "editor"})
    await admin.refused(409, "DELETE", f"/admin/users/{admin.id}")
    refused, done = await acts(admin, by=admin.id, limit=2)
    assert (done["act"], done["target"], done["outcome"]) == ("ChangeUser", str(student.id), "done")
    assert done["details"] == {"target": student.id, "role": "editor"}
    assert done["name"] == "Admin"
    assert (refused["act"], refused["outcome"]) == ("EraseUser", "refused")
    assert "yourself" in refused["reason"]


async def test_an_import_is_recorded_without_the_file(admin: Client, editor: Client) -> None:
    slug = new_slug()
    await imported(editor, bank_file(slug))
    (latest,) = await acts(admin, by=editor.id, act="ImportBank", limit=1)
    assert latest["target"] == "bank.json"
    assert "content" not in latest["details"]


async def test_what_only_reads_is_not_recorded(admin: Client) -> None:
    before = await acts(admin, by=admin.id, limit=1)
    for path in ("/admin/users", f"/admin/users/{admin.id}", "/admin/parked", "/admin/audit", "/admin/questions"):
        await admin.get(path)
    assert await acts(admin, by=admin.id, limit=1) == before


async def test_a_cursor_that_is_none_is_named(admin: Client) -> None:
    for path in ("/admin/users", "/admin/parked", "/admin/audit"):
        assert paths_of(await admin.refused(422, "GET", f"{path}?after=x")) == {"after"}


def _commands(kind: type[m.Command] = m.Command) -> set[type[m.Command]]:
    below = set(kind.__subclasses__())
    return below.union(*map(_commands, below)) if below else below


def test_commands_that_read_are_known_and_all_others_are_recorded() -> None:
    for command in _commands():
        if command.least_role != "student" and command.__name__.startswith(("Show", "List", "Count", "Find")):
            assert command in READING, f"{command.__name__} reads: say so in actors/audit.py"
    assert is_recorded(m.EraseUser(user=1, target=2))
    assert not is_recorded(m.FindUsers(user=1))
    assert not is_recorded(m.ShowProfile(user=1))


def test_details_hold_no_contents_and_are_short() -> None:
    kept = details(m.ImportBank(user=1, content=b"secret", name="n" * 5000))
    assert kept == {"name": "n" * (LONGEST_TEXT - 1) + "…"}
    audience = m.Audience(users=tuple(range(1, 1000)))
    found = details(m.CreateBroadcast(user=1, text="t", image=b"secret", audience=audience))
    assert found["text"] == "t"
    assert "image" not in found
    assert isinstance(found["audience"], dict)
    users = found["audience"]["users"]
    assert isinstance(users, list)
    assert len(users) == LONGEST_LIST + 1


@pytest.mark.parametrize("role", ["student", "editor"])
async def test_only_administrators_administer(student: Client, editor: Client, role: str) -> None:
    who = student if role == "student" else editor
    for path in ("/admin/users", "/admin/exports/users.xlsx", "/admin/parked", "/admin/audit"):
        await who.refused(403, "GET", path)
