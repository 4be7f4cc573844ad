"""Chats: whom they belong to, and what is remembered of them."""

import asyncio

import pytest

from actors.accounts import Accounts
from actors.chats import Chats
from protocols.messages import (
    ChangeProfile,
    Chat,
    KeepChat,
    LoadUpdatesState,
    MarkUnreachable,
    MeetChat,
    NotFound,
    SaveUpdatesState,
    ShowProfile,
    UpdatesState,
)
from storage.postgres import accounts as sql
from storage.postgres.pool import Pool
from tests.postgres.stand import Clock

ANNA = MeetChat(telegram=501, access_hash=-9_000_000_000_000_000_000, name="Анна", language="en")


@pytest.fixture
def chats(pool: Pool, clock: Clock, accounts: Accounts) -> Chats:
    return Chats(pool, clock, accounts)


async def test_a_first_message_opens_an_account_without_a_login(chats: Chats, accounts: Accounts, clock: Clock) -> None:
    chat = await chats.meet(ANNA)
    profile = await accounts.show_profile(ShowProfile(user=chat.user))
    assert (profile.login, profile.name, profile.language, profile.telegram) == (None, "Анна", "en", True)
    assert profile.registered_at.timestamp() * 1_000_000 == clock.now
    assert chat == Chat(
        telegram=501,
        access_hash=ANNA.access_hash,
        user=profile.id,
        role="student",
        language="en",
        name="Анна",
        grade=None,
        notifications=True,
        blocked=False,
        state={},
    )


async def test_meeting_again_changes_nothing_of_the_account(chats: Chats, accounts: Accounts) -> None:
    chat = await chats.meet(ANNA)
    await accounts.change_profile(ChangeProfile(user=chat.user, name="Аня", language="ru"))
    again = await chats.meet(ANNA)
    assert (again.user, again.name, again.language) == (chat.user, "Аня", "ru")


async def test_first_messages_at_the_same_time_open_one_account(pool: Pool, clock: Clock, accounts: Accounts) -> None:
    places = [Chats(pool, clock, accounts) for _ in range(8)]  # each without what the others know
    met = await asyncio.gather(*(chats.meet(ANNA) for chats in places))
    assert len({chat.user for chat in met}) == 1
    assert await pool.fetchval("SELECT count(*) FROM users") == 1


async def test_a_known_chat_is_told_without_the_database(chats: Chats, pool: Pool) -> None:
    chat = await chats.meet(ANNA)
    await pool.execute("ALTER TABLE users RENAME TO hidden")
    try:
        assert await chats.meet(ANNA) == chat
    finally:
        await pool.execute("ALTER TABLE hidden RENAME TO users")


async def test_a_new_access_hash_is_kept(chats: Chats, pool: Pool) -> None:
    await chats.meet(ANNA)
    chat = await chats.meet(ANNA.model_copy(update={"access_hash": 7}))
    assert chat.access_hash == 7
    assert await pool.fetchval("SELECT access_hash FROM chats") == 7


async def test_what_was_kept_is_told_at_once_and_by_another_process(
    chats: Chats, pool: Pool, clock: Clock, accounts: Accounts
) -> None:
    state = {"menu": 12, "waits": ["имя", None], "deep": {"a": 1.5}}
    await chats.meet(ANNA)
    await chats.keep(KeepChat(telegram=501, state=state))
    assert (await chats.meet(ANNA)).state == state
    assert (await Chats(pool, clock, accounts).meet(ANNA)).state == state


async def test_of_two_states_at_the_same_time_one_is_kept_and_told(
    chats: Chats, pool: Pool, clock: Clock, accounts: Accounts
) -> None:
    await chats.meet(ANNA)
    await asyncio.gather(*(chats.keep(KeepChat(telegram=501, state={"n": n})) for n in range(8)))
    assert (await chats.meet(ANNA)).state == (await Chats(pool, clock, accounts).meet(ANNA)).state


async def test_nothing_is_kept_of_a_chat_that_is_not_there(chats: Chats) -> None:
    with pytest.raises(NotFound):
        await chats.keep(KeepChat(telegram=501, state={"a": 1}))


@pytest.mark.parametrize(("deleted", "why"), [(False, "blocked"), (True, "deleted")])
async def test_who_cannot_be_reached_is_reachable_again_when_they_write(
    chats: Chats, pool: Pool, deleted: bool, why: str
) -> None:
    await chats.meet(ANNA)
    await chats.mark_unreachable(MarkUnreachable(telegram=501, deleted=deleted))
    row = await pool.fetchrow("SELECT unreachable_why, unreachable_since IS NOT NULL AS since FROM chats")
    assert row is not None
    assert tuple(row) == (why, True)
    await chats.meet(ANNA)
    assert await pool.fetchval("SELECT unreachable_since IS NULL AND unreachable_why IS NULL FROM chats")


async def test_a_refusal_holds_for_those_who_have_not_written_since(chats: Chats, clock: Clock) -> None:
    await chats.meet(ANNA)
    clock.forward(60)
    sent_at = clock.now
    clock.forward(1)
    await chats.meet(ANNA)  # remembered, so it costs no way to the database
    assert not chats.refused(501, sent_at)
    assert chats.refused(501, clock.now + 1)


async def test_after_a_refusal_the_database_hears_of_the_next_message(chats: Chats, pool: Pool, clock: Clock) -> None:
    await chats.meet(ANNA)
    clock.forward(60)
    assert chats.refused(501, clock.now)
    clock.forward(1)
    await chats.meet(ANNA)
    met_at = await pool.fetchval("SELECT met_at FROM chats")
    assert met_at.timestamp() * 1_000_000 == clock.now


async def test_unreachable_since_is_the_first_time(chats: Chats, pool: Pool, clock: Clock) -> None:
    await chats.meet(ANNA)
    await chats.mark_unreachable(MarkUnreachable(telegram=501))
    first = await pool.fetchval("SELECT unreachable_since FROM chats")
    clock.forward(60)
    await chats.mark_unreachable(MarkUnreachable(telegram=501))
    assert await pool.fetchval("SELECT unreachable_since FROM chats") == first


async def test_a_blocked_user_is_told_as_such(chats: Chats, accounts: Accounts) -> None:
    chat = await chats.meet(ANNA)
    await accounts.set_blocked(chat.user, True)
    assert (await chats.meet(ANNA)).blocked


async def test_who_writes_after_being_erased_is_a_new_user_with_an_empty_chat(
    chats: Chats, pool: Pool, accounts: Accounts
) -> None:
    chat = await chats.meet(ANNA)
    await chats.keep(KeepChat(telegram=501, state={"a": 1}))
    await sql.erase_now(pool, chat.user)
    accounts.forget(chat.user)
    assert await pool.fetchval("SELECT count(*) FROM chats") == 0
    again = await chats.meet(ANNA)
    assert again.user != chat.user
    assert again.state == {}


async def test_how_far_updates_were_handled_is_remembered(chats: Chats) -> None:
    assert await chats.load_updates_state(LoadUpdatesState(bot=1)) == UpdatesState(bot=1)
    for pts in (5, 2**31):
        state = UpdatesState(bot=1, pts=pts, qts=2, date=1_700_000_000, seq=4)
        await chats.save_updates_state(SaveUpdatesState(state=state))
        assert await chats.load_updates_state(LoadUpdatesState(bot=1)) == state
    assert await chats.load_updates_state(LoadUpdatesState(bot=2)) == UpdatesState(bot=2)
