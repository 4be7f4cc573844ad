"""A message that Telegram takes for nobody stops by itself, and tells why."""

from __future__ import annotations

import asyncio
import math

import pytest

from actors.broadcaster import MOST_REFUSALS
from protocols import messages as m
from protocols.messages.outcomes import Blocked, Failed, Outcome, Sent
from storage.postgres import broadcasts as sql
from tests.broadcasts.stand import ADMIN, Stand
from tests.broadcasts.test_doubt import losing

PEOPLE = range(1, 101)


async def paused(stand: Stand, broadcast: int) -> m.Broadcast:
    return await stand.until(broadcast, lambda shown: shown.state == "paused")


async def refused(stand: Stand, reason: str = "BUTTON_URL_INVALID") -> int:
    """A broadcast that Telegram refuses for everybody; it has been begun."""
    await stand.people(*PEOPLE)
    stand.telegram.refuses = dict.fromkeys(PEOPLE, Failed(reason=reason))
    stand.start()
    await stand.begin(broadcast := await stand.create())
    return broadcast


async def test_one_that_is_refused_again_and_again_is_paused_with_the_reason(stand: Stand) -> None:
    told = await paused(stand, await refused(stand))
    assert told.problem == "BUTTON_URL_INVALID"
    assert len(stand.telegram.calls) == MOST_REFUSALS


async def test_whom_it_was_refused_for_is_still_to_get_it(stand: Stand) -> None:
    told = await paused(stand, await refused(stand))
    assert (told.left, told.failed, told.reasons) == (len(PEOPLE), 0, {})


async def test_once_it_is_resumed_the_problem_is_forgotten_and_everybody_gets_it(stand: Stand) -> None:
    broadcast = await refused(stand)
    await paused(stand, broadcast)
    stand.telegram.refuses = {}
    resumed = await stand.ask(m.ResumeBroadcast(user=ADMIN, broadcast=broadcast))
    assert resumed.problem is None
    assert (await stand.finished(broadcast)).sent == len(PEOPLE)
    assert all(stand.telegram.received(telegram) == ["Hello"] for telegram in PEOPLE)


async def test_whom_it_was_refused_for_comes_last_once_it_is_resumed(stand: Stand) -> None:
    """So that ten in a row who cannot be reached are in nobody's way."""
    broadcast = await refused(stand)
    await paused(stand, broadcast)
    first = set(range(1, MOST_REFUSALS + 1))
    stand.telegram.refuses = dict.fromkeys(first, Failed(reason="PEER_ID_INVALID"))
    await stand.ask(m.ResumeBroadcast(user=ADMIN, broadcast=broadcast))
    told = await paused(stand, broadcast)
    assert (told.sent, told.left) == (len(PEOPLE) - MOST_REFUSALS, MOST_REFUSALS)


async def test_whom_it_was_refused_for_gets_it_after_a_crash_as_well(stand: Stand) -> None:
    stand.time.stop = 0.1
    broadcast = await refused(stand)
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) > 1)
    await stand.still()
    assert len(stand.telegram.calls) < MOST_REFUSALS
    stand.crash()
    stand.time.stop = math.inf
    stand.telegram.refuses = {}
    stand.start()
    assert (await stand.finished(broadcast)).sent == len(PEOPLE)


async def test_a_few_who_are_refused_at_the_end_are_told_as_such(stand: Stand) -> None:
    await stand.people(*PEOPLE)
    stand.telegram.refuses = dict.fromkeys((98, 99, 100), Failed(reason="PEER_ID_INVALID"))
    stand.start()
    await stand.begin(broadcast := await stand.create())
    told = await stand.finished(broadcast)
    assert (told.sent, told.failed, told.reasons) == (97, 3, {"PEER_ID_INVALID": 3})


async def test_one_that_is_refused_after_it_was_resumed_is_paused_again(stand: Stand) -> None:
    broadcast = await refused(stand)
    await paused(stand, broadcast)
    await stand.ask(m.ResumeBroadcast(user=ADMIN, broadcast=broadcast))
    assert (await paused(stand, broadcast)).problem == "BUTTON_URL_INVALID"
    assert len(stand.telegram.calls) == 2 * MOST_REFUSALS


async def test_refusals_that_arrive_after_the_pause_do_not_count_once_it_is_resumed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers about the first ones are late: what was sent after them has paused the message by then."""
    late, deliver = asyncio.Event(), stand.telegram.deliver

    async def slowly(telegram: int, access_hash: int, content: m.BroadcastContent, random_id: int) -> Outcome:
        if telegram <= MOST_REFUSALS:
            await late.wait()
        return await deliver(telegram, access_hash, content, random_id)

    monkeypatch.setattr(stand.telegram, "deliver", slowly)
    await paused(stand, broadcast := await refused(stand))
    late.set()
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) == 2 * MOST_REFUSALS)
    stand.telegram.refuses = {}
    await stand.ask(m.ResumeBroadcast(user=ADMIN, broadcast=broadcast))
    told = await stand.until(broadcast, lambda shown: shown.state != "running")
    assert (told.state, told.sent) == ("finished", len(PEOPLE))


@pytest.mark.parametrize("other", [Failed(reason="OTHER"), Sent()], ids=["another reason", "somebody has it"])
async def test_refusals_of_some_are_not_taken_for_a_refusal_of_the_message(stand: Stand, other: Outcome) -> None:
    """One in the middle of them was delivered, or refused for another reason."""
    await stand.people(*PEOPLE)
    few = range(1, 2 * MOST_REFUSALS)
    stand.telegram.refuses = dict.fromkeys(few, Failed(reason="PEER_ID_INVALID")) | {MOST_REFUSALS: other}
    stand.start()
    await stand.begin(broadcast := await stand.create())
    told = await stand.finished(broadcast)
    assert (told.sent + told.failed, told.problem) == (len(PEOPLE), None)


async def test_people_who_are_out_of_reach_say_nothing_of_the_message(stand: Stand) -> None:
    await stand.people(*PEOPLE)
    stand.telegram.refuses = dict.fromkeys(PEOPLE, Blocked())
    stand.start()
    await stand.begin(broadcast := await stand.create())
    assert (await stand.finished(broadcast)).blocked == len(PEOPLE)


async def test_another_message_goes_on(stand: Stand) -> None:
    broadcast = await refused(stand)
    await paused(stand, broadcast)
    stand.telegram.refuses = {}
    await stand.begin(other := await stand.create("Another"))
    assert (await stand.finished(other)).sent == len(PEOPLE)


async def test_it_is_paused_though_the_answer_of_the_database_is_lost(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.time.stop = 0.0
    broadcast = await refused(stand)
    with monkeypatch.context() as patched:
        patched.setattr(sql, "give_up", losing(sql.give_up))
        stand.time.stop = math.inf
        stand.look()
        assert (await paused(stand, broadcast)).problem == "BUTTON_URL_INVALID"
    assert len(stand.telegram.calls) == MOST_REFUSALS


async def test_one_that_is_cancelled_then_still_tells_the_reason(stand: Stand) -> None:
    broadcast = await refused(stand)
    await paused(stand, broadcast)
    told = await stand.ask(m.CancelBroadcast(user=ADMIN, broadcast=broadcast))
    assert (told.state, told.problem) == ("cancelled", "BUTTON_URL_INVALID")
