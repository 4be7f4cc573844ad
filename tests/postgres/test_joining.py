"""Joining accounts, with real sessions on a real database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from actors.accounts import Accounts
from actors.chats import Chats
from actors.joining import FREE_TRIES, Joining
from actors.session import Surroundings
from actors.storage import StorageActor, Tide
from actors.supervisor import Sessions, Supervisor, ToSessions
from protocols.messages import (
    ChangeProfile,
    Conflict,
    CreateLinkCode,
    EraseAccount,
    EraseFromTelegram,
    EraseSession,
    ExportAccount,
    Forbidden,
    GiveAnswer,
    JoinInto,
    LinkAccounts,
    Linked,
    MeetChat,
    NotFound,
    Register,
    ReportQuestion,
    SetFavorite,
    ShowProfile,
    StartTraining,
    TooMany,
    Training,
)
from storage.postgres import administration, journal, read_models
from storage.postgres.journal import Journal
from storage.postgres.pool import Pool
from tests.postgres.stand import Clock, small_bank

PASSWORD = SecretStr("correct horse")


@dataclass
class House:
    """All that joining needs, without a service around it."""

    pool: Pool
    clock: Clock
    accounts: Accounts
    chats: Chats
    sessions: ToSessions
    joining: Joining

    async def web(self, login: str = "anna") -> int:
        return (await self.accounts.register(Register(login=login, password=PASSWORD, name="Анна"))).id

    async def telegram(self, telegram: int = 501) -> int:
        return (await self.chats.meet(MeetChat(telegram=telegram, access_hash=1, name="Аня", language="en"))).user

    async def code(self, user: int) -> str:
        return (await self.accounts.create_link_code(CreateLinkCode(user=user))).code

    async def link(self, user: int, code: str) -> Linked:
        return await self.joining.link(LinkAccounts(user=user, code=code))

    async def train(self, user: int, response: str = "да", *, questions: int = 2, answers: int = 2) -> Training:
        """A training in biology; `да` is right."""
        self.clock.forward(1)
        training = await self.sessions.ask(StartTraining(user=user, subject="biology", size=questions))
        assert isinstance(training, Training)
        for question in ("b-1", "b-2")[:answers]:
            await self.sessions.ask(GiveAnswer(user=user, training=training.id, question=question, response=response))
        return training

    async def carry(self, most: int = 5_000) -> None:
        """Bring the read models up to date, in steps of so many events."""
        position = await read_models.checkpoint(self.pool)
        while (upto := await journal.span(self.pool, position, most)) > position:
            await read_models.advance(self.pool, position, upto)
            position = upto

    async def events(self, kind: str) -> int:
        count: int = await self.pool.fetchval("SELECT count(*) FROM journal WHERE data ->> 'type' = $1", kind)
        return count


@pytest.fixture
async def house(url: str, pool: Pool, clock: Clock, accounts: Accounts) -> AsyncIterator[House]:
    writer, tide = Journal(url), Tide()
    tide.head = await writer.open()
    storage = StorageActor.start(writer, pool, tide, lambda: None, most_waiting=10_000, group_size=1_000)
    around = Surroundings(storage, small_bank(), clock, random.SystemRandom(), 64)
    sessions = Sessions()
    supervisor = Supervisor.start(around, sessions, 1_000.0)
    to_sessions = ToSessions(supervisor, sessions, tide)
    try:
        yield House(
            pool,
            clock,
            accounts,
            Chats(pool, clock, accounts),
            to_sessions,
            Joining(pool, clock, accounts, to_sessions.ask),
        )
    finally:
        await supervisor.stop(block=False)
        await storage.stop(block=False)


# --- Both are one -------------------------------------------------------------------------------------------


async def test_both_become_the_web_account(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    linked = await house.link(telegram, await house.code(web))
    assert (linked.profile.id, linked.profile.login, linked.profile.telegram) == (web, "anna", True)
    assert await house.telegram() == web
    with pytest.raises(NotFound):
        await house.accounts.show_profile(ShowProfile(user=telegram))
    assert await house.accounts.known_user(telegram) is None


async def test_a_code_is_good_once(house: House) -> None:
    code = await house.code(await house.web())
    await house.link(await house.telegram(501), code)
    with pytest.raises(NotFound, match="code"):
        await house.link(await house.telegram(502), code)


async def test_of_two_who_type_a_code_at_once_one_is_joined(house: House) -> None:
    web = await house.web()
    code = await house.code(web)
    users = [await house.telegram(501), await house.telegram(502)]
    outcomes = await asyncio.gather(*(house.link(user, code) for user in users), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Linked", "NotFound"]
    assert len({await house.telegram(501), await house.telegram(502)}) == 2
    assert await house.events("joined") == 1


async def test_the_same_request_twice_at_once_joins_once(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    await house.train(telegram)
    code = await house.code(web)
    outcomes = await asyncio.gather(*(house.link(telegram, code) for _ in range(4)), return_exceptions=True)
    assert any(isinstance(outcome, Linked) for outcome in outcomes)
    assert (await house.events("left"), await house.events("joined")) == (1, 1)
    assert await house.telegram() == web


async def test_settings_are_the_web_accounts_but_silence_stays_silence(house: House) -> None:
    telegram = await house.telegram()
    await house.accounts.change_profile(ChangeProfile(user=telegram, grade=9, notifications=False))
    registered_at = (await house.accounts.show_profile(ShowProfile(user=telegram))).registered_at
    house.clock.forward(3600)
    profile = (await house.link(telegram, await house.code(await house.web()))).profile
    assert (profile.name, profile.language, profile.grade, profile.notifications) == ("Анна", "ru", 9, False)
    assert profile.registered_at == registered_at


@pytest.mark.parametrize("most", [1, 3, 5_000])
async def test_what_either_has_done_is_the_one_accounts_and_is_counted_once(house: House, most: int) -> None:
    web, telegram = await house.web(), await house.telegram()
    names = [
        (await house.train(telegram, "нет")).id,
        (await house.train(web)).id,
        (await house.train(telegram, "да")).id,
        (await house.train(web, answers=1)).id,
    ]
    await house.link(telegram, await house.code(web))
    last = await house.train(web, answers=1)
    await house.carry(most)
    rows = await house.pool.fetch("SELECT user_id, id FROM trainings ORDER BY number")
    assert [tuple(row) for row in rows] == [(web, name) for name in (*names, last.id)]
    assert last.id == f"{web}-5"
    days = await house.pool.fetch("SELECT user_id, topic, answered, correct, score FROM days ORDER BY topic")
    assert [tuple(row) for row in days] == [(web, "cells", 5, 4, 4.0), (web, "plants", 3, 2, 2.0)]
    assert await house.pool.fetchval("SELECT count(*) FROM answers WHERE user_id = $1", web) == 8


async def with_roles(house: House, web_role: str, telegram_role: str) -> tuple[int, int]:
    web, telegram = await house.web(), await house.telegram()
    for user, given in ((web, web_role), (telegram, telegram_role)):
        await house.pool.execute("UPDATE users SET role = $2 WHERE id = $1", user, given)
    return web, telegram


@pytest.mark.parametrize(("web_role", "telegram_role"), [("admin", "student"), ("editor", "editor")])
async def test_the_one_account_has_the_web_accounts_role_and_what_is_left_of_the_other_has_none(
    house: House, web_role: str, telegram_role: str
) -> None:
    web, telegram = await with_roles(house, web_role, telegram_role)
    linked = await house.link(telegram, await house.code(web))
    assert linked.profile.role == web_role
    assert await house.pool.fetchval("SELECT role FROM users WHERE id = $1", telegram) == "student"


@pytest.mark.parametrize(("web_role", "telegram_role"), [("student", "admin"), ("editor", "admin")])
async def test_who_is_made_to_type_a_code_does_not_give_their_role_away(
    house: House, web_role: str, telegram_role: str
) -> None:
    web, telegram = await with_roles(house, web_role, telegram_role)
    code = await house.code(web)
    with pytest.raises(Conflict) as refused:
        await house.link(telegram, code)
    assert refused.value.details == {"login": "anna", "role": telegram_role}
    assert await house.telegram() == telegram
    assert await house.pool.fetchval("SELECT role FROM users WHERE id = $1", web) == web_role
    await house.pool.execute("UPDATE users SET role = $2 WHERE id = $1", web, telegram_role)
    assert (await house.link(telegram, code)).profile.id == web, "the code is still good"


async def test_a_role_that_was_given_while_accounts_are_being_joined_does_not_go_along(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    await begun(house, web, telegram)
    await house.pool.execute("UPDATE users SET role = 'admin' WHERE id = $1", telegram)
    await house.joining.drive()
    assert await house.telegram() == web
    assert await house.pool.fetchval("SELECT role FROM users WHERE id = $1", web) == "student"


async def test_what_is_left_of_a_joined_account_is_no_administrator(house: House) -> None:
    """Else the last one could give the role away, and nobody would have it."""
    web, telegram = await house.web(), await house.telegram()
    await house.link(telegram, await house.code(web))
    await house.pool.execute("UPDATE users SET role = 'admin' WHERE id = ANY ($1)", [web, telegram])
    with pytest.raises(administration.LastAdministrator):
        await administration.change_user(house.pool, web, "student", None)


async def test_what_was_reported_goes_along(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    report = ReportQuestion(user=telegram, question="b-1", text="?")
    await house.accounts.report_question(report)
    await house.link(telegram, await house.code(web))
    assert await house.pool.fetchval("SELECT user_id FROM reports") == web
    with pytest.raises(NotFound):
        await house.accounts.report_question(report)


async def test_the_export_tells_of_both(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    await house.train(telegram)
    await house.sessions.ask(SetFavorite(user=telegram, question=1, favorite=True))
    await house.sessions.ask(SetFavorite(user=web, question=2, favorite=True))
    await house.link(telegram, await house.code(web))
    await house.sessions.ask(SetFavorite(user=web, question=2, favorite=False))
    await house.carry()
    export = await house.accounts.export(ExportAccount(user=web))
    assert [one["question"] for one in export.favorites] == ["b-1"]
    assert len(export.answers) == 2
    assert {row["user_id"] for row in export.journal} == {web, telegram}
    assert [chat["telegram_id"] for chat in export.chats] == [501]


# --- What is in the way -------------------------------------------------------------------------------------


async def test_a_code_that_is_too_old_is_none(house: House) -> None:
    code = await house.code(await house.web())
    house.clock.forward(601)
    with pytest.raises(NotFound, match="too old"):
        await house.link(await house.telegram(), code)


async def test_guessing_codes_is_slowed(house: House) -> None:
    telegram = await house.telegram()
    for _ in range(FREE_TRIES + 1):
        with pytest.raises(NotFound):
            await house.link(telegram, "WRONG")
    with pytest.raises(TooMany):
        await house.link(telegram, await house.code(await house.web()))
    other = await house.telegram(502)
    await house.link(other, await house.code(await house.web("maria")))


async def test_who_is_joined_is_told_so_when_they_type_a_code(house: House) -> None:
    web = await house.web()
    await house.link(await house.telegram(), await house.code(web))
    with pytest.raises(Conflict, match="anna"):
        await house.link(await house.telegram(), "ANYTHING")


async def test_a_joined_account_makes_no_more_codes(house: House) -> None:
    web = await house.web()
    await house.link(await house.telegram(), await house.code(web))
    with pytest.raises(Conflict, match="Telegram"):
        await house.code(web)


async def test_a_telegram_account_makes_no_codes(house: House) -> None:
    with pytest.raises(Conflict):
        await house.code(await house.telegram())


async def test_a_blocked_web_account_is_not_joined(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    code = await house.code(web)
    await house.accounts.set_blocked(web, True)
    with pytest.raises(Forbidden, match="blocked"):
        await house.link(telegram, code)
    assert await house.telegram() == telegram


# --- Left undone, and erased --------------------------------------------------------------------------------


async def begun(house: House, web: int, telegram: int) -> None:
    """As it stands when the service was killed right after the first step."""
    await house.pool.execute("INSERT INTO joins (source, target) VALUES ($1, $2)", telegram, web)


async def test_a_request_that_was_cut_off_is_finished_by_the_same_request(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    await begun(house, web, telegram)
    assert (await house.link(telegram, "SPENT")).profile.id == web
    assert await house.pool.fetchval("SELECT count(*) FROM joins") == 0


async def test_what_was_left_undone_is_driven_to_its_end_once(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    await house.train(telegram)
    await begun(house, web, telegram)
    await house.sessions.ask(JoinInto(user=telegram, into=web))
    await asyncio.gather(*(house.joining.drive() for _ in range(3)))
    assert await house.telegram() == web
    assert (await house.events("left"), await house.events("joined")) == (1, 1)
    assert await house.pool.fetchval("SELECT count(*) FROM joins") == 0


async def test_who_is_joined_to_an_account_that_is_erased_meanwhile_is_erased_with_it(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    await house.train(telegram)
    await begun(house, web, telegram)
    await house.sessions.ask(EraseSession(user=web))
    await house.joining.drive()
    assert await house.pool.fetchval("SELECT count(*) FROM joins") == 0
    assert await house.events("erased") == 2
    assert await house.telegram() not in (web, telegram)


async def test_who_was_erased_before_being_joined_leaves_the_other_alone(house: House) -> None:
    web, telegram = await house.web(), await house.telegram()
    await begun(house, web, telegram)
    await house.sessions.ask(EraseSession(user=telegram))
    await house.joining.drive()
    assert await house.pool.fetchval("SELECT count(*) FROM joins") == 0
    assert await house.events("joined") == 0
    assert not (await house.accounts.show_profile(ShowProfile(user=web))).telegram


@pytest.mark.parametrize("late", [False, True], ids=["figures up to date", "figures behind"])
@pytest.mark.parametrize("way", ["password", "telegram"])
async def test_erasing_the_one_account_erases_what_came_from_either(house: House, way: str, late: bool) -> None:
    web, telegram = await house.web(), await house.telegram()
    await house.train(telegram)
    await house.link(telegram, await house.code(web))
    await house.train(web)
    if not late:
        await house.carry()
    end = house.joining.end_sessions
    if way == "password":
        await house.accounts.erase_account(EraseAccount(user=web, password=PASSWORD), end)
    else:
        await house.accounts.erase_from_telegram(EraseFromTelegram(user=web, telegram=501), end)
    await house.carry()
    for table in ("users", "chats", "trainings", "answers", "days", "reports", "snapshots"):
        assert await house.pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert await house.pool.fetchval("SELECT count(*) FROM journal WHERE data ? 'response'") == 0
    assert await house.events("answered") == 4
    assert await house.events("erased") == 2
    assert await house.telegram() not in (web, telegram)


async def test_only_their_own_account_is_erased_for_a_telegram_user(house: House) -> None:
    user = await house.telegram(501)
    with pytest.raises(Forbidden):
        await house.accounts.erase_from_telegram(EraseFromTelegram(user=user, telegram=502), house.joining.end_sessions)
    assert await house.telegram(501) == user
