"""Each state of a broadcast, and what may be done in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from protocols import messages as m
from tests.broadcasts.stand import ADMIN, NOON, Stand

COMMANDS: dict[str, type[m.BroadcastCommand]] = {
    "start": m.StartBroadcast,
    "pause": m.PauseBroadcast,
    "resume": m.ResumeBroadcast,
    "cancel": m.CancelBroadcast,
}
ALLOWED: dict[tuple[str, str], m.BroadcastState] = {
    ("draft", "start"): "running",
    ("draft", "cancel"): "cancelled",
    ("scheduled", "start"): "running",
    ("scheduled", "cancel"): "cancelled",
    ("running", "pause"): "paused",
    ("running", "cancel"): "cancelled",
    ("paused", "resume"): "running",
    ("paused", "cancel"): "cancelled",
}
STATES = ("draft", "scheduled", "running", "paused", "finished", "cancelled")


def command(name: str, broadcast: int) -> m.BroadcastCommand:
    return COMMANDS[name](user=ADMIN, broadcast=broadcast)


async def in_state(stand: Stand, state: str) -> int:
    """A broadcast that has come into this state by commands; the bot is off unless it has to finish."""
    await stand.people(1, 2)
    stand.time.stop = 0.0
    stand.start(courier=state == "finished")
    broadcast = await stand.create(start_at=NOON + timedelta(days=1) if state == "scheduled" else None)
    if state in ("running", "paused", "finished"):
        await stand.begin(broadcast)
    if state == "paused":
        await stand.ask(command("pause", broadcast))
    if state == "cancelled":
        await stand.ask(command("cancel", broadcast))
    if state == "finished":
        stand.time.stop = 100.0
        await stand.finished(broadcast)
    return broadcast


@pytest.mark.parametrize(("state", "name"), ALLOWED)
async def test_what_may_be_done_is_done(stand: Stand, state: str, name: str) -> None:
    broadcast = await in_state(stand, state)
    told = await stand.ask(command(name, broadcast))
    assert told.state == ALLOWED[state, name]
    assert (await stand.show(broadcast)).state == told.state


@pytest.mark.parametrize(("state", "name"), [(s, n) for s in STATES for n in COMMANDS if (s, n) not in ALLOWED])
async def test_what_may_not_be_done_is_a_conflict_that_names_the_state(stand: Stand, state: str, name: str) -> None:
    broadcast = await in_state(stand, state)
    before = await stand.show(broadcast)
    with pytest.raises(m.Conflict, match=state) as refused:
        await stand.ask(command(name, broadcast))
    assert refused.value.details == {"state": state}
    assert (await stand.show(broadcast)).state == before.state


@pytest.mark.parametrize("name", COMMANDS)
async def test_what_is_not_there_is_not_found(stand: Stand, name: str) -> None:
    stand.start()
    with pytest.raises(m.NotFound):
        await stand.ask(command(name, 1))


@pytest.mark.parametrize("name", ["pause", "cancel"])
async def test_nothing_is_sent_any_more_once_it_is_said(stand: Stand, name: str) -> None:
    await stand.people(*range(1, 101))
    stand.start(rate=1_000)
    stand.time.stop = 0.01
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) > 5)
    await stand.ask(command(name, broadcast))
    sent = len(stand.telegram.calls)
    assert 5 < sent < 100
    stand.time.stop = 100.0
    stand.look()
    told = await stand.until(broadcast, lambda shown: shown.sent == sent)
    assert told.left == 100 - sent
    assert len(stand.telegram.calls) == sent


async def test_what_was_paused_goes_on_where_it_was(stand: Stand) -> None:
    await stand.people(*range(1, 101))
    stand.start(rate=1_000)
    stand.time.stop = 0.01
    await stand.begin(broadcast := await stand.create())
    await stand.until(broadcast, lambda _: len(stand.telegram.calls) > 5)
    await stand.ask(command("pause", broadcast))
    stand.time.stop = 1_000.0
    await stand.ask(command("resume", broadcast))
    assert (await stand.finished(broadcast)).sent == 100
    assert len(stand.telegram.calls) == 100


async def test_what_was_paused_before_a_restart_goes_on_after_it(stand: Stand) -> None:
    await stand.people(1, 2)
    stand.start(courier=False)
    await stand.begin(broadcast := await stand.create())
    await stand.ask(command("pause", broadcast))
    await stand.stop()
    stand.live.jobs.clear()
    stand.start()
    await stand.ask(command("resume", broadcast))
    assert (await stand.finished(broadcast)).sent == 2


async def test_a_running_one_tells_its_rate_and_when_it_will_be_done(stand: Stand) -> None:
    await stand.people(*range(1, 1001))
    stand.time.stop = 0.0
    stand.start(rate=20)
    told = await stand.begin(broadcast := await stand.create())
    assert (told.rate, told.eta) == (0.0, None)
    stand.time.stop = 20.0
    told = await stand.until(broadcast, lambda shown: shown.sent >= 380)
    assert told.rate == pytest.approx(20, rel=0.06)
    assert told.eta is not None
    assert told.eta - stand.time.datetime() == pytest.approx(
        timedelta(seconds=told.left / 20), abs=timedelta(seconds=3)
    )


async def test_one_that_does_not_run_tells_neither(stand: Stand) -> None:
    broadcast = await in_state(stand, "paused")
    told = await stand.show(broadcast)
    assert (told.rate, told.eta, told.waiting) == (None, None, None)
