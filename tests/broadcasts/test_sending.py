"""How a broadcast is sent: to everyone once, at its pace, whatever happens on the way."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from actors import broadcaster
from actors.broadcaster import UseCourier
from actors.pacing import QuietHours
from protocols import messages as m
from protocols.messages.outcomes import Blocked, Deleted, Failed, Offline, Wait
from storage.postgres import accounts, chats
from storage.postgres.pool import open_pool
from tests.broadcasts.stand import ADMIN, NOON, Stand
from tests.durability.proxy import LosingProxy

PEOPLE = range(1, 121)


async def test_everyone_gets_it_once(stand: Stand) -> None:
    await stand.people(*PEOPLE)
    stand.start()
    broadcast = await stand.create("Hello")
    await stand.begin(broadcast)
    done = await stand.finished(broadcast)
    assert (done.recipients, done.sent, done.failed, done.blocked, done.left) == (120, 120, 0, 0, 0)
    assert all(stand.telegram.received(person) == ["Hello"] for person in PEOPLE)
    assert len(stand.telegram.calls) == 120


async def test_what_is_sent_is_what_was_created(stand: Stand) -> None:
    await stand.people(1)
    stand.start()
    entities = (m.Entity(type="bold", offset=0, length=4),)
    buttons = (
        (m.Button(text="Train", subject="biology"), m.Button.model_validate({"text": "Go", "url": "https://a.b/"})),
    )
    broadcast = await stand.create("Bold", entities=entities, buttons=buttons)
    await stand.begin(broadcast)
    await stand.finished(broadcast)
    (content,) = stand.telegram.contents
    assert (content.text, content.entities, content.buttons, content.image) == ("Bold", entities, buttons, None)


@pytest.mark.parametrize("rate", [1.0, 25.0, 200.0])
async def test_the_rate_is_the_configured_one(stand: Stand, rate: float) -> None:
    """Within a percent, and never more than one message too many in a second."""
    count = 60 if rate == 1 else 1_500
    await stand.people(*range(1, count + 1))
    chance = random.Random(7)
    stand.time.late = lambda: chance.uniform(0, 0.0045)
    stand.start(rate=rate)
    await stand.begin(broadcast := await stand.create())
    await stand.finished(broadcast)
    times = [at for at, _ in stand.telegram.calls]
    assert (count - 1) / (times[-1] - times[0]) == pytest.approx(rate, rel=0.01)
    assert most_in_a_second(times) <= rate + 1


def most_in_a_second(times: list[float]) -> int:
    return max(sum(begin <= at < begin + 1 for at in times) for begin in times)


async def test_several_broadcasts_share_one_rate(stand: Stand) -> None:
    await stand.people(*range(1, 301))
    stand.start(rate=25)
    both = [await stand.create(text) for text in ("one", "two")]
    for broadcast in both:
        await stand.begin(broadcast)
    for broadcast in both:
        await stand.finished(broadcast)
    assert all(sorted(stand.telegram.received(person)) == ["one", "two"] for person in range(1, 301))
    times = [at for at, _ in stand.telegram.calls]
    assert most_in_a_second(times) <= 26
    assert 600 / (times[-1] - times[0]) == pytest.approx(25, rel=0.05)


async def test_nobody_gets_two_messages_in_a_second(stand: Stand) -> None:
    await stand.people(*range(1, 41))
    stand.start(rate=30)
    several = [await stand.create(text) for text in ("one", "two", "three")]
    for broadcast in several:
        await stand.begin(broadcast)
    for broadcast in several:
        await stand.finished(broadcast)
    for person in range(1, 41):
        times = [at for at, telegram in stand.telegram.calls if telegram == person]
        assert len(times) == 3
        assert all(later - earlier > 1 for earlier, later in itertools.pairwise(times))


async def test_only_a_few_recipients_are_in_memory(stand: Stand) -> None:
    count = 5 * broadcaster.MOST_AT_A_TIME
    await stand.people(*range(1, count + 1))
    stand.start(rate=1_000)
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, sum(len(job.ready) + len(job.again) for job in stand.live.jobs.values()))

    stand.telegram.on_call = look
    await stand.begin(broadcast := await stand.create())
    await stand.finished(broadcast)
    assert len(stand.telegram.chats) == count
    assert 0 < most <= 2 * broadcaster.MOST_AT_A_TIME


async def test_latency_does_not_limit_the_rate_and_what_is_on_its_way_is_bounded(stand: Stand) -> None:
    count = broadcaster.MOST_IN_FLIGHT + 50
    await stand.people(*range(1, count + 1))
    stand.telegram.gate = asyncio.Event()
    stand.start(rate=1_000)
    await stand.begin(broadcast := await stand.create())
    async with asyncio.timeout(30):
        while len(stand.telegram.calls) < broadcaster.MOST_IN_FLIGHT:
            await asyncio.sleep(0.001)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(stand.telegram.calls) == broadcaster.MOST_IN_FLIGHT
    stand.telegram.gate.set()
    assert (await stand.finished(broadcast)).sent == count


async def test_when_telegram_asks_to_wait_all_wait_and_go_on_more_slowly(stand: Stand) -> None:
    await stand.people(*range(1, 401))
    stand.start(rate=20)
    stand.telegram.on_call = lambda: (
        stand.telegram.script.append(Wait(seconds=60)) if len(stand.telegram.calls) == 100 else None
    )
    await stand.begin(broadcast := await stand.create())
    done = await stand.finished(broadcast)
    assert (done.sent, done.failed) == (400, 0)
    assert all(len(chat) == 1 for chat in stand.telegram.chats.values())
    times = [at for at, _ in stand.telegram.calls]
    waited = times[99]
    assert not [at for at in times if waited + 0.2 < at < waited + 60]
    first = [at for at in times if waited + 60 <= at < waited + 62]
    assert len(first) <= 23
    assert most_in_a_second(times[-20:]) >= 14


async def test_a_lost_answer_does_not_double_a_message(stand: Stand) -> None:
    """Whether it arrived is not known: it is sent again with the same number, and refused as a double."""
    await stand.people(*PEOPLE)
    stand.telegram.lost = {7, 50}
    stand.start()
    await stand.begin(broadcast := await stand.create())
    done = await stand.finished(broadcast)
    assert done.sent == 120
    assert all(len(chat) == 1 for chat in stand.telegram.chats.values())
    assert len(stand.telegram.calls) == 122


async def test_while_telegram_does_not_answer_it_tries_again_ever_more_seldom(stand: Stand) -> None:
    await stand.people(1)
    stand.telegram.script = [Offline() for _ in range(20)]
    stand.start()
    await stand.begin(broadcast := await stand.create())
    assert (await stand.finished(broadcast)).sent == 1
    times = [at for at, _ in stand.telegram.calls]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[-1] == pytest.approx(broadcaster.BACKOFF_SECONDS[-1], abs=0.1)


async def test_while_telegram_does_not_answer_only_one_message_tries(stand: Stand) -> None:
    await stand.people(*PEOPLE)
    stand.telegram.script = [Offline() for _ in range(10)]
    stand.start(rate=1_000)
    await stand.begin(broadcast := await stand.create())
    assert (await stand.finished(broadcast)).sent == 120
    times = [at for at, _ in stand.telegram.calls]
    down = [at for at in times if at >= times[0] + 0.4][:5]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(down))
    assert all(len(chat) == 1 for chat in stand.telegram.chats.values())


async def test_who_came_back_while_it_was_sent_is_not_marked_again(stand: Stand) -> None:
    await stand.people(1, 2)
    stand.time.stop = 0.0
    stand.start()
    broadcast = await stand.create()
    await stand.hand("INSERT INTO deliveries (broadcast_id, telegram_id) VALUES ($1, 1), ($1, 2)", broadcast)
    await stand.hand("UPDATE chats SET unreachable_since = now(), unreachable_why = 'blocked' WHERE telegram_id = 1")
    await stand.hand("UPDATE broadcasts SET state = 'running', listed = true, started_at = now()")
    stand.look()
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) == 1)
    await stand.hand("UPDATE chats SET unreachable_since = NULL, unreachable_why = NULL WHERE telegram_id = 1")
    stand.time.stop = 100.0
    stand.look()
    assert (await stand.finished(broadcast)).blocked == 1
    assert await stand.hand("SELECT unreachable_since FROM chats WHERE telegram_id = 1") is None


async def test_who_wrote_after_it_was_sent_to_them_in_vain_stays_reachable(stand: Stand) -> None:
    """What Telegram said of them is written down after they have come back."""
    await stand.people(1, 2)
    stand.telegram.refuses = {1: Blocked(), 2: Blocked()}
    stand.time.stop = 0.5
    stand.start()
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: len(stand.refused) == 2)
    await chats.meet(stand.pool, 2, 20, name="Anna", language="ru", now=stand.time.datetime())
    stand.time.stop = math.inf
    stand.look()
    assert (await stand.finished(broadcast)).blocked == 2
    assert await stand.hand("SELECT array_agg(telegram_id) FROM chats WHERE unreachable_since IS NOT NULL") == [1]


async def test_a_courier_that_fails_is_a_failed_delivery_and_no_more(stand: Stand) -> None:
    await stand.people(1, 2)
    stand.telegram.raises[1] = RuntimeError("a fault")
    stand.start()
    await stand.begin(broadcast := await stand.create())
    done = await stand.finished(broadcast)
    assert (done.sent, done.failed, done.reasons) == (1, 1, {"RuntimeError": 1})


async def test_a_courier_whose_connection_breaks_is_asked_again(stand: Stand) -> None:
    await stand.people(1)
    stand.telegram.raises[1] = ConnectionResetError()
    stand.start()
    await stand.begin(broadcast := await stand.create())
    done = await stand.finished(broadcast)
    assert (done.sent, done.failed) == (1, 0)


async def test_what_cannot_be_delivered_is_counted_by_its_reason(stand: Stand) -> None:
    await stand.people(*range(1, 11))
    stand.telegram.refuses = {
        1: Blocked(),
        2: Blocked(),
        3: Deleted(),
        4: Failed(reason="PEER_ID_INVALID"),
        5: Failed(reason="INPUT_USER_DEACTIVATED"),
    }
    stand.start()
    await stand.begin(broadcast := await stand.create())
    done = await stand.finished(broadcast)
    assert (done.sent, done.blocked, done.failed, done.left) == (5, 3, 2, 0)
    assert done.reasons == {"blocked": 2, "deleted": 1, "PEER_ID_INVALID": 1, "INPUT_USER_DEACTIVATED": 1}


async def test_who_cannot_be_reached_is_marked_and_left_out_next_time(stand: Stand) -> None:
    await stand.people(*range(1, 5))
    stand.telegram.refuses = {1: Blocked(), 2: Deleted()}
    stand.start()
    await stand.begin(broadcast := await stand.create())
    await stand.finished(broadcast)
    rows = await stand.pool.fetch("SELECT telegram_id, unreachable_why FROM chats WHERE unreachable_since IS NOT NULL")
    assert {row["telegram_id"]: row["unreachable_why"] for row in rows} == {1: "blocked", 2: "deleted"}
    assert sorted(stand.refused) == [1, 2]
    stand.telegram.refuses = {}
    await stand.begin(again := await stand.create("Again"))
    assert (await stand.finished(again)).recipients == 2
    assert [stand.telegram.received(person) for person in range(1, 5)] == [
        [],
        [],
        ["Hello", "Again"],
        ["Hello", "Again"],
    ]


async def test_who_no_longer_wants_it_is_left_out_to_the_last(stand: Stand) -> None:
    """They were listed when it began, but it has not come to them yet."""
    await stand.people(1, 2, 3, 4)
    stand.start(courier=False)
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: broadcast in stand.live.jobs and stand.live.jobs[broadcast].exhausted)
    await stand.ask(m.PauseBroadcast(user=ADMIN, broadcast=broadcast))
    await stand.hand("UPDATE users SET notifications = false WHERE id = 1")
    await stand.hand("UPDATE users SET blocked = true WHERE id = 2")
    await stand.hand("UPDATE chats SET unreachable_since = now(), unreachable_why = 'blocked' WHERE telegram_id = 3")
    await stand.ask(m.ResumeBroadcast(user=ADMIN, broadcast=broadcast))
    assert stand.ref is not None
    stand.ref.tell(UseCourier(stand.telegram))
    done = await stand.finished(broadcast)
    assert [telegram for _, telegram in stand.telegram.calls] == [4]
    assert (done.recipients, done.sent, done.failed, done.blocked) == (4, 1, 2, 1)
    assert done.reasons == {"declined": 2, "unreachable": 1}


@pytest.mark.parametrize("held", ["quiet hours", "flood", "no bot", "offline"])
async def test_who_wants_it_no_more_when_it_goes_on_after_a_while_does_not_get_it(stand: Stand, held: str) -> None:
    """Also whoever is to be tried again."""
    await stand.people(*PEOPLE)
    stand.time.stop = 1.58
    quiet = QuietHours(time(12, 0, 2), time(14), ZoneInfo("UTC")) if held == "quiet hours" else None
    stand.start(quiet=quiet)
    assert stand.ref is not None
    if held in ("flood", "offline"):
        outcome = Wait(seconds=60) if held == "flood" else Offline()
        stand.telegram.on_call = lambda: (
            stand.telegram.script.extend([outcome] * 5) if len(stand.telegram.calls) == 40 else None
        )
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) >= 40)
    if held == "no bot":
        stand.ref.tell(UseCourier(None))
        await stand.until(broadcast, lambda shown: shown.waiting == "bot")
    have = sorted(stand.telegram.chats)
    assert 39 <= len(have) <= 41
    await stand.pool.execute("UPDATE users SET notifications = false WHERE NOT id = ANY ($1)", have)
    stand.time.seconds += 60.0
    stand.time.stop = math.inf
    stand.ref.tell(UseCourier(stand.telegram))
    done = await stand.finished(broadcast)
    assert sorted(stand.telegram.chats) == have
    assert (done.sent, done.reasons) == (len(have), {"declined": len(PEOPLE) - len(have)})


async def test_at_a_slow_rate_what_people_want_is_read_anew_before_each_message(stand: Stand) -> None:
    await stand.people(*range(1, 6))
    stand.start(rate=0.05)

    def decline() -> None:
        if len(stand.telegram.calls) == 2:
            stand.time.stop = stand.time.seconds

    stand.telegram.on_call = decline
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda shown: shown.sent == 2 or len(stand.telegram.calls) == 2)
    await stand.hand("UPDATE users SET notifications = false WHERE id > 3")
    stand.time.stop = math.inf
    stand.look()
    assert (await stand.finished(broadcast)).sent == 3


async def test_who_is_erased_in_the_middle_is_gone_from_it_and_it_ends(stand: Stand) -> None:
    await stand.people(1, 2)
    stand.start(courier=False)
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: broadcast in stand.live.jobs and stand.live.jobs[broadcast].exhausted)
    await accounts.erase_now(stand.pool, 1)
    assert await stand.hand("SELECT count(*) FROM deliveries WHERE telegram_id = 1") == 0
    await stand.ask(m.PauseBroadcast(user=ADMIN, broadcast=broadcast))
    await stand.ask(m.ResumeBroadcast(user=ADMIN, broadcast=broadcast))
    assert stand.ref is not None
    stand.ref.tell(UseCourier(stand.telegram))
    done = await stand.finished(broadcast)
    assert (done.recipients, done.sent, done.failed, done.reasons) == (2, 1, 1, {"erased": 1})


async def test_what_somebody_was_sent_is_among_what_is_kept_about_them(stand: Stand) -> None:
    await stand.people(1, 2)
    stand.telegram.refuses = {1: Blocked()}
    stand.start()
    await stand.begin(broadcast := await stand.create())
    await stand.finished(broadcast)
    kept = [await accounts.kept_about(stand.pool, user) for user in (1, 2)]
    outcomes = [[tuple(row) for row in rows["broadcasts"]] for rows in kept if rows is not None]
    assert outcomes == [[(broadcast, "blocked")], [(broadcast, "sent")]]


async def test_while_the_bot_is_off_it_waits_and_says_so(stand: Stand) -> None:
    await stand.people(1)
    stand.start(courier=False)
    told = await stand.begin(broadcast := await stand.create())
    assert (told.state, told.waiting) == ("running", "bot")
    assert stand.ref is not None
    stand.ref.tell(UseCourier(stand.telegram))
    assert (await stand.finished(broadcast)).sent == 1


async def test_in_quiet_hours_nothing_is_sent(stand: Stand) -> None:
    await stand.people(*range(1, 6))
    stand.start(rate=0.05, quiet=QuietHours(time(11), time(13), ZoneInfo("UTC")))
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda shown: shown.state == "finished")
    times = [NOON + timedelta(seconds=at) for at, _ in stand.telegram.calls]
    assert times[0] >= NOON + timedelta(hours=1)
    assert all(not 11 <= at.hour < 13 for at in times)


async def test_quiet_hours_that_begin_in_the_middle_hold_it_up(stand: Stand) -> None:
    await stand.people(*range(1, 61))
    stand.time.stop = 0.0
    stand.start(rate=1, quiet=QuietHours(time(12, 0, 30), time(14), ZoneInfo("UTC")))
    await stand.begin(broadcast := await stand.create())
    stand.time.stop = math.inf
    await stand.finished(broadcast)
    times = [at for at, _ in stand.telegram.calls]
    before = [at for at in times if at < 30]
    assert 29 <= len(before) <= 31
    assert min(at for at in times if at not in before) >= 7200


async def test_a_scheduled_one_starts_by_itself_at_its_time(stand: Stand) -> None:
    await stand.people(1)
    stand.start()
    broadcast = await stand.create(start_at=NOON + timedelta(minutes=90))
    assert (await stand.show(broadcast)).state == "scheduled"
    done = await stand.finished(broadcast)
    ((at, _),) = stand.telegram.calls
    assert 5400 <= at < 5401
    assert done.started_at is not None
    assert timedelta() <= done.started_at - (NOON + timedelta(minutes=90)) < timedelta(seconds=1)


async def test_one_that_was_due_while_the_service_was_down_starts_with_it(stand: Stand) -> None:
    await stand.people(1)
    broadcast = await stand.create(start_at=NOON + timedelta(minutes=1))
    stand.time.seconds = 3600
    stand.start()
    assert (await stand.finished(broadcast)).sent == 1


async def test_a_scheduled_one_without_anybody_left_is_finished(stand: Stand) -> None:
    await stand.people(1)
    broadcast = await stand.create(start_at=NOON + timedelta(minutes=1))
    await stand.hand("UPDATE users SET notifications = false")
    stand.start()
    done = await stand.finished(broadcast)
    assert (done.recipients, done.sent, done.left) == (0, 0, 0)


async def test_more_than_can_run_at_once_have_their_turn_later(stand: Stand) -> None:
    await stand.people(1)
    stand.start(courier=False)
    several = [await stand.create(str(number)) for number in range(broadcaster.MOST_AT_ONCE + 2)]
    for broadcast in several:
        await stand.begin(broadcast)
    assert stand.ref is not None
    stand.ref.tell(UseCourier(stand.telegram))
    for broadcast in several:
        await stand.finished(broadcast)
    assert sorted(stand.telegram.received(1)) == sorted(str(number) for number in range(len(several)))


async def test_after_a_crash_the_next_actor_goes_on_and_nobody_gets_it_twice(stand: Stand) -> None:
    await stand.people(*range(1, 301))
    broadcast = await stand.create()
    for crash in range(1, 4):
        stand.start()
        if crash == 1:
            await stand.begin(broadcast)
        reached, wanted = asyncio.Event(), len(stand.telegram.chats) + 60

        def look(reached: asyncio.Event = reached, wanted: int = wanted) -> None:
            if len(stand.telegram.chats) >= wanted:
                reached.set()

        stand.telegram.on_call = look
        await asyncio.wait_for(reached.wait(), 30)
        stand.crash()
    stand.telegram.on_call = lambda: None
    stand.start()
    done = await stand.finished(broadcast)
    assert (done.recipients, done.sent, done.left) == (300, 300, 0)
    assert sorted(stand.telegram.chats) == list(range(1, 301))
    assert all(len(chat) == 1 for chat in stand.telegram.chats.values())
    assert len(stand.telegram.calls) > 300, "some were sent a second time, and refused"


async def test_in_another_database_messages_are_not_taken_for_old_ones(stand: Stand) -> None:
    """Ids of broadcasts begin anew there, while people and their chats are the same."""
    await stand.people(1)
    for text in ("One", "Two"):
        stand.start()
        await stand.begin(broadcast := await stand.create(text))
        assert broadcast == 1
        await stand.finished(broadcast)
        await stand.stop()
        await stand.hand("TRUNCATE broadcasts, deliveries RESTART IDENTITY")
    assert stand.telegram.received(1) == ["One", "Two"]


async def test_what_a_stop_finds_on_its_way_is_written_down(stand: Stand) -> None:
    await stand.people(*range(1, 101))
    stand.start()
    await stand.begin(broadcast := await stand.create())
    async with asyncio.timeout(30):
        while len(stand.telegram.calls) < 10:
            await asyncio.sleep(0)
    await stand.stop()
    told = await stand.show(broadcast)
    assert told.sent == len(stand.telegram.chats)
    assert told.state == "running"


@pytest.mark.parametrize("lost", [1, 3])
async def test_a_commit_whose_answer_is_lost_counts_once(stand: Stand, server: str, tmp_path: Path, lost: int) -> None:
    await stand.people(*PEOPLE)
    broadcast = await stand.create()
    async with LosingProxy(server, tmp_path) as proxy:
        pool = await open_pool(proxy.url)
        own, stand.pool = stand.pool, pool
        stand.start()
        stand.pool = own

        def lose() -> None:
            if len(stand.telegram.calls) % 30 == 0 and proxy.lost < lost:
                proxy.lose_next_answer = True

        stand.telegram.on_call = lose
        await stand.begin(broadcast)
        done = await stand.finished(broadcast)
        await stand.stop()
        await pool.close()
    assert proxy.lost == lost
    assert (done.sent, done.failed, done.blocked, done.left) == (120, 0, 0, 0)
    assert all(len(chat) == 1 for chat in stand.telegram.chats.values())


async def test_connections_that_break_again_and_again_cost_nothing(stand: Stand, server: str) -> None:
    await stand.people(*range(1, 301))
    broadcast = await stand.create()
    own = await open_pool(server)
    stand.pool, theirs = own, stand.pool
    async with own.acquire() as hand:
        await hand.execute("SET application_name = 'test'")
        stand.pool = theirs
        stand.start()
        stand.pool = own
        await stand.begin(broadcast)
        for reached in (50, 120, 200):
            async with asyncio.timeout(30):
                while len(stand.telegram.chats) < reached:
                    await asyncio.sleep(0)
            await hand.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE application_name = 'apo' AND datname = current_database()"""
            )
        async with asyncio.timeout(30):
            while await hand.fetchval("SELECT state FROM broadcasts") != "finished":
                await asyncio.sleep(0.002)
        row = await hand.fetchrow("SELECT sent, failed, blocked, recipients FROM broadcasts")
    await stand.stop()
    await own.close()
    stand.pool = theirs
    assert row is not None
    assert tuple(row) == (300, 0, 0, 300)
    assert all(len(chat) == 1 for chat in stand.telegram.chats.values())


async def test_while_outcomes_cannot_be_written_only_so_many_are_sent(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcaster, "MOST_UNWRITTEN", 50)
    await stand.people(*range(1, 301))
    stand.start()
    broadcast = await stand.create()
    await stand.hand("ALTER TABLE deliveries ADD CONSTRAINT refused CHECK (outcome IS NULL)")
    try:
        await stand.begin(broadcast)
        await stand.until(broadcast, lambda shown: shown.waiting == "database")
        assert len(stand.telegram.calls) == 50
    finally:
        await stand.hand("ALTER TABLE deliveries DROP CONSTRAINT refused")
    done = await stand.finished(broadcast)
    assert (done.sent, len(stand.telegram.calls)) == (300, 300)


async def test_everybody_who_got_it_and_presses_a_button_counts_once(stand: Stand) -> None:
    await stand.people(1, 2, 3)
    stand.start()
    await stand.begin(broadcast := await stand.create(audience=m.Audience(users=(1, 2))))
    await stand.finished(broadcast)
    for user in (1, 1, 3):
        await stand.desk.note_press(m.NoteBroadcastPress(user=user, broadcast=broadcast))
    assert (await stand.show(broadcast)).pressed == 1
    assert {content.broadcast for content in stand.telegram.contents} == {broadcast}
