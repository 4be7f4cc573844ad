"""Accounts on a real database."""

import asyncio
from typing import Any

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr, ValidationError

from actors.accounts import FREE_TRIES_OF_A_LOGIN, REPORTS_A_DAY, TOKENS_A_USER, Accounts, add_user
from actors.passwords import Passwords
from protocols.messages import (
    Authenticate,
    Caller,
    ChangeProfile,
    CloseToken,
    Conflict,
    CreateLinkCode,
    EraseAccount,
    ExportAccount,
    Forbidden,
    Invalid,
    NotFound,
    OpenToken,
    Profile,
    Register,
    ReportQuestion,
    ShowProfile,
    TooMany,
    Unauthenticated,
)
from storage.postgres.pool import Pool
from tests.postgres.stand import Clock, small_bank

DAY = 86_400.0
PASSWORD = "correct horse"


async def registered(accounts: Accounts, login: str = "anna", **fields: Any) -> Profile:
    message = Register(login=login, password=SecretStr(PASSWORD), **({"name": "Анна"} | fields))
    return await accounts.register(message)


async def opened(accounts: Accounts, login: str = "anna", password: str = PASSWORD, address: str = "127.0.0.1") -> str:
    message = OpenToken(login=login, password=SecretStr(password), address=address)
    return (await accounts.open_token(message)).token


async def caller_of(accounts: Accounts, token: str) -> Caller:
    return await accounts.authenticate(Authenticate(token=SecretStr(token)))


def anew(accounts: Accounts, pool: Pool, clock: Clock, passwords: Passwords) -> Accounts:
    """The same accounts in a service that was started again."""
    return Accounts(pool, clock, passwords, small_bank())


# --- Registration -------------------------------------------------------------------------------------------


async def test_registration_answers_the_profile_that_is_shown_later(accounts: Accounts) -> None:
    profile = await registered(accounts, grade=9, language="en")
    assert (profile.login, profile.name, profile.grade, profile.role) == ("anna", "Анна", 9, "student")
    assert await accounts.show_profile(ShowProfile(user=profile.id)) == profile


@pytest.mark.parametrize("login", ["anna", "ANNA"])
async def test_a_login_is_taken_in_any_capitals(accounts: Accounts, login: str) -> None:
    await registered(accounts)
    with pytest.raises(Conflict, match=login):
        await registered(accounts, login)


async def test_of_registrations_at_once_one_gets_the_login(accounts: Accounts) -> None:
    outcomes = await asyncio.gather(*(registered(accounts) for _ in range(5)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 4 + ["Profile"]


async def test_the_password_must_not_be_the_login(accounts: Accounts) -> None:
    with pytest.raises(Invalid) as caught:
        await accounts.register(Register(login="annaanna", password=SecretStr("AnnaAnna"), name="Анна"))
    assert caught.value.errors[0].path == "password"


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_has_8_to_200_letters(password: str) -> None:
    with pytest.raises(ValidationError):
        Register(login="anna", password=SecretStr(password), name="Анна")


async def test_the_password_itself_is_not_kept(accounts: Accounts, pool: Pool) -> None:
    await registered(accounts)
    kept = await pool.fetchval("SELECT users::text FROM users")
    assert PASSWORD not in kept
    assert "$argon2id$" in kept


# --- Tokens -------------------------------------------------------------------------------------------------


async def test_a_token_stands_for_its_user_in_any_capitals_of_the_login(accounts: Accounts) -> None:
    user = (await registered(accounts)).id
    caller = await caller_of(accounts, await opened(accounts, "ANNA"))
    assert caller == Caller(user=user, role="student", language="ru")


async def test_a_token_outlives_the_service(accounts: Accounts, pool: Pool, clock: Clock, passwords: Passwords) -> None:
    user = (await registered(accounts)).id
    token = await opened(accounts)
    assert (await caller_of(anew(accounts, pool, clock, passwords), token)).user == user


async def test_the_token_itself_is_not_kept(accounts: Accounts, pool: Pool) -> None:
    await registered(accounts)
    token = await opened(accounts)
    assert token.encode() not in await pool.fetchval("SELECT hash FROM tokens")


@pytest.mark.parametrize(
    ("login", "password"), [("anna", "wrong horse"), ("nobody", PASSWORD), ("", ""), ("\u212aate", "Ж" * 200)]
)
async def test_a_wrong_login_or_password_is_refused_alike(accounts: Accounts, login: str, password: str) -> None:
    await registered(accounts)
    with pytest.raises(Unauthenticated, match="Wrong login or password"):
        await opened(accounts, login, password)


@pytest.mark.parametrize("token", ["", "x" * 43, "\udcff", "ж" * 1000])
async def test_an_unknown_token_is_refused(accounts: Accounts, token: str) -> None:
    assert accounts.cached_caller(token) is None
    if token != "\udcff":  # no SecretStr holds it
        with pytest.raises(Unauthenticated):
            await caller_of(accounts, token)


async def test_a_known_token_is_told_without_the_database(accounts: Accounts) -> None:
    await registered(accounts)
    token = await opened(accounts)
    assert accounts.cached_caller(token) is None
    caller = await caller_of(accounts, token)
    assert accounts.cached_caller(token) == caller


async def test_a_closed_token_opens_nothing_at_once(accounts: Accounts) -> None:
    user = (await registered(accounts)).id
    token, other = await opened(accounts), await opened(accounts)
    await caller_of(accounts, token)
    await accounts.close_token(CloseToken(user=user, token=SecretStr(token)))
    assert accounts.cached_caller(token) is None
    with pytest.raises(Unauthenticated):
        await caller_of(accounts, token)
    assert (await caller_of(accounts, other)).user == user


async def test_a_token_expires_also_in_the_cache(accounts: Accounts, clock: Clock) -> None:
    await registered(accounts)
    token = await opened(accounts)
    clock.forward(30 * DAY - 1)
    await caller_of(accounts, token)
    clock.forward(2)
    assert accounts.cached_caller(token) is None
    with pytest.raises(Unauthenticated):
        await caller_of(accounts, token)


async def test_expired_tokens_are_purged_when_somebody_opens_one(accounts: Accounts, clock: Clock, pool: Pool) -> None:
    await registered(accounts)
    await opened(accounts)
    clock.forward(31 * DAY)
    await registered(accounts, "boris")
    await opened(accounts, "boris")
    assert await pool.fetchval("SELECT count(*) FROM tokens") == 1


async def test_the_oldest_of_too_many_tokens_is_dropped(accounts: Accounts, clock: Clock, pool: Pool) -> None:
    await registered(accounts)
    first = await opened(accounts)
    await caller_of(accounts, first)
    clock.forward(1)
    second = await opened(accounts)
    for _ in range(TOKENS_A_USER - 1):
        clock.forward(1)
        await opened(accounts)
    assert await pool.fetchval("SELECT count(*) FROM tokens") == TOKENS_A_USER
    with pytest.raises(Unauthenticated):
        await caller_of(accounts, first)
    assert await caller_of(accounts, second)


async def test_a_blocked_user_opens_no_token_and_is_known_as_blocked_at_once(accounts: Accounts) -> None:
    user = (await registered(accounts)).id
    await caller_of(accounts, await opened(accounts))
    await accounts.set_blocked(user, True)
    known = await accounts.known_user(user)
    assert known
    assert known.blocked
    with pytest.raises(Forbidden, match="blocked"):
        await opened(accounts)


async def test_a_changed_role_is_known_at_once(accounts: Accounts) -> None:
    await registered(accounts)
    token = await opened(accounts)
    await caller_of(accounts, token)
    await accounts.set_role("ANNA", "admin")
    assert (await caller_of(accounts, token)).role == "admin"


async def test_what_was_read_before_a_change_is_not_cached_after_it(accounts: Accounts) -> None:
    user = (await registered(accounts)).id
    token = await opened(accounts)
    reading = [asyncio.create_task(caller_of(accounts, token)) for _ in range(4)]
    await accounts.set_role("anna", "editor")
    await asyncio.gather(*reading)
    known = await accounts.known_user(user)
    assert known
    assert known.caller.role == "editor"
    assert (await caller_of(accounts, token)).role == "editor"


async def test_an_unknown_user_is_none(accounts: Accounts) -> None:
    assert await accounts.known_user(404) is None


# --- Guessing -----------------------------------------------------------------------------------------------


async def guess(accounts: Accounts, login: str, times: int, address: str = "10.0.0.1") -> None:
    for number in range(times):
        with pytest.raises(Unauthenticated):
            await opened(accounts, login, f"guess {number}", address)


@pytest.mark.parametrize("login", ["anna", "nobody"])
async def test_guessing_one_login_is_slowed_wherever_it_comes_from(accounts: Accounts, login: str) -> None:
    await registered(accounts)
    await guess(accounts, login, FREE_TRIES_OF_A_LOGIN + 1)
    with pytest.raises(TooMany) as caught:
        await opened(accounts, login.upper(), PASSWORD, "10.0.0.2")
    assert caught.value.retry_after == 1


async def test_guesses_at_once_are_slowed_like_guesses_in_turn(accounts: Accounts) -> None:
    await registered(accounts)
    tries = (opened(accounts, "anna", f"guess {number}") for number in range(30))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, TooMany) for outcome in outcomes) == 30 - (FREE_TRIES_OF_A_LOGIN + 1)


async def test_after_the_wait_the_right_password_opens_and_frees_the_login(accounts: Accounts, clock: Clock) -> None:
    await registered(accounts)
    await guess(accounts, "anna", FREE_TRIES_OF_A_LOGIN + 1)
    clock.forward(1)
    await opened(accounts)
    await guess(accounts, "anna", FREE_TRIES_OF_A_LOGIN)


async def test_an_address_that_guesses_many_logins_is_slowed(accounts: Accounts) -> None:
    await registered(accounts)
    for number in range(101):
        await guess(accounts, f"user-{number}", 1, "2001:db8::1")
    with pytest.raises(TooMany):
        await opened(accounts, address="2001:db8::2")
    assert await opened(accounts, address="2001:db8:0:1::1")


async def test_logging_in_costs_an_address_nothing(accounts: Accounts) -> None:
    await registered(accounts)
    for _ in range(120):
        await opened(accounts)


async def test_an_old_hash_is_renewed_at_the_next_login(accounts: Accounts, pool: Pool, clock: Clock) -> None:
    await registered(accounts)
    raised = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    await opened(Accounts(pool, clock, raised, small_bank()))
    raised.close()
    assert "m=16,t=2" in await pool.fetchval("SELECT password_hash FROM users")
    await opened(accounts)


# --- The profile --------------------------------------------------------------------------------------------


async def test_only_what_is_set_is_changed(accounts: Accounts) -> None:
    before = await registered(accounts, grade=9)
    after = await accounts.change_profile(ChangeProfile(user=before.id, name="Яна", notifications=False))
    assert after == before.model_copy(update={"name": "Яна", "notifications": False})
    assert await accounts.change_profile(ChangeProfile(user=before.id)) == after


async def test_a_grade_can_be_taken_away(accounts: Accounts) -> None:
    user = (await registered(accounts, grade=11)).id
    assert (await accounts.change_profile(ChangeProfile(user=user, grade=None))).grade is None


async def test_a_changed_language_is_known_at_once(accounts: Accounts) -> None:
    user = (await registered(accounts)).id
    token = await opened(accounts)
    await caller_of(accounts, token)
    await accounts.change_profile(ChangeProfile(user=user, language="en"))
    assert (await caller_of(accounts, token)).language == "en"


async def test_last_seen_is_shown_at_once_and_written_by_the_flush(
    accounts: Accounts, clock: Clock, pool: Pool, passwords: Passwords
) -> None:
    user = (await registered(accounts)).id
    accounts.touch(user)
    seen = (await accounts.show_profile(ShowProfile(user=user))).last_seen_at
    assert seen
    assert seen.timestamp() * 1_000_000 == clock.now
    await accounts.flush_seen()
    later = anew(accounts, pool, clock, passwords)
    assert (await later.show_profile(ShowProfile(user=user))).last_seen_at == seen


async def test_last_seen_dates_survive_a_database_that_is_away(accounts: Accounts, pool: Pool) -> None:
    user = (await registered(accounts)).id
    accounts.touch(user)
    await pool.execute("ALTER TABLE users RENAME TO away")
    with pytest.raises(Exception, match="users"):
        await accounts.flush_seen()
    await pool.execute("ALTER TABLE away RENAME TO users")
    await accounts.flush_seen()
    assert await pool.fetchval("SELECT last_seen_at IS NOT NULL FROM users")


# --- Reports and codes --------------------------------------------------------------------------------------


async def test_a_report_is_kept_under_the_question_s_number(accounts: Accounts, pool: Pool) -> None:
    user = (await registered(accounts)).id
    reported = await accounts.report_question(ReportQuestion(user=user, question="b-2", text=" Ключ неверен "))
    assert (reported.question, reported.subject, reported.text) == ("b-2", "biology", "Ключ неверен")
    assert await pool.fetchval("SELECT question FROM reports WHERE id = $1", reported.id) == 2


async def test_reports_are_limited_by_the_day(accounts: Accounts, clock: Clock) -> None:
    message = ReportQuestion(user=(await registered(accounts)).id, question="b-1", text="?")
    for _ in range(REPORTS_A_DAY):
        await accounts.report_question(message)
    clock.forward(60)
    with pytest.raises(TooMany) as caught:
        await accounts.report_question(message)
    clock.forward(caught.value.retry_after)
    await accounts.report_question(message)


async def test_a_new_link_code_replaces_the_earlier_one(accounts: Accounts, pool: Pool) -> None:
    user = (await registered(accounts)).id
    first = await accounts.create_link_code(CreateLinkCode(user=user))
    second = await accounts.create_link_code(CreateLinkCode(user=user))
    assert first.code != second.code
    assert await pool.fetchval("SELECT count(*) FROM link_codes") == 1


async def test_a_code_for_nobody_is_refused(accounts: Accounts) -> None:
    with pytest.raises(NotFound):
        await accounts.create_link_code(CreateLinkCode(user=404))


# --- Export and erasure -------------------------------------------------------------------------------------

AT = 1_699_900_000_000_000
EVENTS: list[dict[str, Any]] = [
    {"type": "favorite", "at": AT, "question": 1, "favorite": True},
    {"type": "favorite", "at": AT + 1, "question": 2, "favorite": True},
    {"type": "favorite", "at": AT + 2, "question": 1, "favorite": False},
    {"type": "answered", "at": AT + 3, "training": "1-1", "question": 2, "response": "тайна", "score": 1.0},
]


async def lived(accounts: Accounts, pool: Pool, login: str = "anna") -> int:
    """A user with something in every table."""
    user = (await registered(accounts, login)).id
    await opened(accounts, login)
    await accounts.create_link_code(CreateLinkCode(user=user))
    await accounts.report_question(ReportQuestion(user=user, question="b-2", text="Опечатка"))
    await pool.executemany(
        "INSERT INTO journal (user_id, seq, data) VALUES ($1, $2, $3)",
        [(user, seq, event) for seq, event in enumerate(EVENTS, start=1)],
    )
    training = f"{user}-1"
    await pool.execute(
        """INSERT INTO trainings (id, user_id, number, subject, mode, questions, started_at)
           VALUES ($1, $2, 1, 'biology', 'practice', '{2, 1}', now())""",
        training,
        user,
    )
    await pool.execute(
        "INSERT INTO answers VALUES ($1, 2, $2, 'biology', 'plants', 'text', $3, 1, 2.5, now())",
        training,
        user,
        "тайна",
    )
    await pool.execute("INSERT INTO days VALUES ($1, 'biology', 'plants', '2023-11-14', 1, 1, 1, 2.5)", user)
    await pool.execute("INSERT INTO snapshots VALUES ($1, 4, '\\x00')", user)
    return user


async def rows(pool: Pool, table: str, user: int) -> int:
    column = "id" if table == "users" else "user_id"
    count: int = await pool.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", user)
    return count


PERSONAL = ("users", "tokens", "link_codes", "reports", "trainings", "answers", "days", "snapshots")


async def test_the_export_tells_everything_kept(accounts: Accounts, pool: Pool) -> None:
    user = await lived(accounts, pool)
    export = await accounts.export(ExportAccount(user=user))
    assert export.profile.id == user
    assert len(export.tokens) == 1
    assert set(export.tokens[0]) == {"created_at", "expires_at"}
    assert [favorite["question"] for favorite in export.favorites] == ["b-2"]
    assert export.trainings[0]["questions"] == ["b-2", "b-1"]
    assert (export.answers[0]["question"], export.answers[0]["response"]) == ("b-2", "тайна")
    assert (export.reports[0]["question"], export.reports[0]["text"]) == ("b-2", "Опечатка")
    assert [entry["data"] for entry in export.journal] == EVENTS


async def nothing(user: int) -> None:
    pass


async def test_an_erased_user_is_nowhere(accounts: Accounts, pool: Pool) -> None:
    user = await lived(accounts, pool)
    token = await opened(accounts)
    await caller_of(accounts, token)
    await accounts.erase_account(EraseAccount(user=user, password=SecretStr(PASSWORD)), nothing)
    assert {table: await rows(pool, table, user) for table in PERSONAL} == dict.fromkeys(PERSONAL, 0)
    assert accounts.cached_caller(token) is None
    with pytest.raises(Unauthenticated):
        await caller_of(accounts, token)
    with pytest.raises(NotFound):
        await accounts.show_profile(ShowProfile(user=user))


async def test_the_journal_keeps_that_but_not_what_an_erased_user_answered(accounts: Accounts, pool: Pool) -> None:
    user = await lived(accounts, pool)
    await accounts.erase_account(EraseAccount(user=user, password=SecretStr(PASSWORD)), nothing)
    kept = [row["data"] for row in await pool.fetch("SELECT data FROM journal ORDER BY seq")]
    assert kept[3] == {name: value for name, value in EVENTS[3].items() if name != "response"}
    assert kept[:3] == EVENTS[:3]


async def test_erasing_one_user_leaves_the_others(accounts: Accounts, pool: Pool) -> None:
    user, other = await lived(accounts, pool), await lived(accounts, pool, "boris")
    before = await accounts.export(ExportAccount(user=other))
    await accounts.erase_account(EraseAccount(user=user, password=SecretStr(PASSWORD)), nothing)
    assert await accounts.export(ExportAccount(user=other)) == before


async def test_the_journal_has_the_last_word_before_anything_is_erased(accounts: Accounts, pool: Pool) -> None:
    user = await lived(accounts, pool)
    found: list[int] = []

    async def look(erased: int) -> None:
        found.append(await rows(pool, "answers", erased))

    await accounts.erase_account(EraseAccount(user=user, password=SecretStr(PASSWORD)), look)
    assert found == [1]


async def test_a_wrong_password_erases_nothing(accounts: Accounts, pool: Pool) -> None:
    user = await lived(accounts, pool)
    with pytest.raises(Forbidden):
        await accounts.erase_account(EraseAccount(user=user, password=SecretStr("wrong")), nothing)
    assert all([await rows(pool, table, user) for table in PERSONAL])


# --- The command line ---------------------------------------------------------------------------------------


async def test_a_user_added_by_hand_can_log_in(
    accounts: Accounts, pool: Pool, clock: Clock, passwords: Passwords
) -> None:
    now = (await registered(accounts, "boris")).registered_at
    user = await add_user(pool, passwords, login="root1", password=PASSWORD, name="Admin", role="admin", now=now)
    caller = await caller_of(accounts, await opened(accounts, "root1"))
    assert (caller.user, caller.role) == (user, "admin")


@pytest.mark.parametrize(("login", "password", "path"), [("a b", PASSWORD, "login"), ("root1", "short", "password")])
async def test_a_user_added_by_hand_is_checked_like_any_other(
    accounts: Accounts, pool: Pool, passwords: Passwords, login: str, password: str, path: str
) -> None:
    now = (await registered(accounts)).registered_at
    with pytest.raises(Invalid) as caught:
        await add_user(pool, passwords, login=login, password=password, name="Admin", role="admin", now=now)
    assert [error.path for error in caught.value.errors] == [path]


async def test_the_login_is_found_by_its_index(accounts: Accounts, pool: Pool) -> None:
    await pool.execute("INSERT INTO users (login, name) SELECT 'u' || n, 'U' FROM generate_series(1, 3000) n")
    await pool.execute("ANALYZE users")
    plan = await pool.fetch("""EXPLAIN SELECT id FROM users WHERE lower(login COLLATE "C") = 'u77'""")
    assert any("users_login" in row[0] for row in plan)
