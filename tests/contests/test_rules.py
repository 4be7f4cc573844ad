"""The pure rules of a contest's training: its clock, its secrets, and that it is taken once."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import pytest

from actors.training.rules import evolve, initial
from actors.training.state import from_bytes, to_bytes
from protocols.messages import (
    Conflict,
    ContestTaken,
    ExtendTime,
    Filters,
    JoinInto,
    ResultsTold,
    SessionMemory,
    ShowTraining,
    TakeContest,
    TakeOver,
    TimeExtended,
    Training,
)
from tests.training.samples import MINUTE, sample_bank
from tests.training.session import Session

BANK = sample_bank(24)
QUESTIONS = (1, 2, 3, 4)


@pytest.fixture
def session() -> Session:
    return Session(BANK)


def take(
    session: Session, *, minutes: int = 30, lasts: int = 60 * MINUTE, hidden: bool = False, contest: int = 5
) -> Training:
    command = TakeContest(
        user=7,
        contest=contest,
        subject="sample",
        questions=QUESTIONS,
        size=4,
        filters=Filters(),
        starts_at=session.now - MINUTE,
        ends_at=session.now + lasts,
        minutes=minutes,
        hidden=hidden,
    )
    reply = session.ask(command)
    assert isinstance(reply, Training)
    return reply


def outage(session: Session, number: int, began: int, ended: int, ends_at: int = 0, training: str = "7-1") -> None:
    session.ask(ExtendTime(user=7, training=training, outage=number, began=began, ended=ended, ends_at=ends_at))


def deadline(session: Session) -> int:
    assert session.training.deadline is not None
    return session.training.deadline


def test_an_outage_gives_back_just_its_time(session: Session) -> None:
    take(session)
    before = deadline(session)
    outage(session, 1, session.now + MINUTE, session.now + 5 * MINUTE)
    assert deadline(session) == before + 4 * MINUTE
    shown = session.ask(ShowTraining(user=7))
    assert isinstance(shown, Training)
    assert shown.extended_seconds == 4 * 60


def test_an_outage_counts_once(session: Session) -> None:
    take(session)
    began = session.now
    for _ in range(3):
        outage(session, 1, began, began + MINUTE)
    assert deadline(session) == began + 31 * MINUTE
    outage(session, 2, began + 2 * MINUTE, began + 3 * MINUTE)
    assert deadline(session) == began + 32 * MINUTE
    assert sum(isinstance(event, TimeExtended) for event in session.journal) == 2


def test_who_began_during_an_outage_gets_back_what_was_left_of_it(session: Session) -> None:
    """As when the service was killed before it could note that it was alive."""
    take(session)
    began = session.now
    outage(session, 1, began - 10 * MINUTE, began + MINUTE)
    assert deadline(session) == began + 31 * MINUTE


def test_time_that_was_up_during_an_outage_goes_on_after_it(session: Session) -> None:
    take(session, minutes=10)
    began = session.now
    session.now = began + 60 * MINUTE
    outage(session, 1, began + 9 * MINUTE, session.now)
    session.answer(0)
    assert deadline(session) == session.now + MINUTE
    session.now += MINUTE
    with pytest.raises(Conflict):
        session.answer(1)


def test_time_that_was_up_before_an_outage_stays_up(session: Session) -> None:
    take(session, minutes=10)
    began = session.now
    session.now = began + 60 * MINUTE
    outage(session, 1, began + 11 * MINUTE, session.now)
    with pytest.raises(Conflict):
        session.answer(0)
    assert session.training.finished_at == began + 10 * MINUTE


def test_the_time_of_an_outage_is_not_spent_on_a_question(session: Session) -> None:
    take(session)
    began = session.now
    session.now = began + 6 * MINUTE
    outage(session, 1, began + MINUTE, session.now)
    session.answer(0)
    assert session.training.answers[0].seconds == 60


def test_an_ordinary_exam_is_not_extended(session: Session) -> None:
    session.start(mode="exam", minutes=10)
    before = session.state
    outage(session, 1, session.now, session.now + MINUTE)
    assert session.state == before


def test_secrets_are_kept_until_the_end_that_an_outage_has_moved(session: Session) -> None:
    take(session, lasts=60 * MINUTE, hidden=True)
    end = session.now + 60 * MINUTE
    for place in range(4):
        session.answer(place, right=place < 3)
    outage(session, 1, session.now, session.now + 5 * MINUTE, ends_at=end + 5 * MINUTE)
    session.now = end + 4 * MINUTE
    shown = session.ask(ShowTraining(user=7, training="7-1"))
    assert isinstance(shown, Training)
    assert (shown.summary, shown.progress.correct, len(session.state.mistakes)) == (None, None, 0)
    session.now = end + 5 * MINUTE
    shown = session.ask(ShowTraining(user=7, training="7-1"))
    assert isinstance(shown, Training)
    assert shown.summary is not None
    assert list(session.state.mistakes) == [4]
    assert sum(isinstance(event, ResultsTold) for event in session.journal) == 1


def test_secrets_outlast_trainings_that_come_after(session: Session) -> None:
    take(session, hidden=True)
    end = session.now + 60 * MINUTE
    for place in range(4):
        session.answer(place, right=False)
    session.start(filters={"only": "unseen"})
    assert len(session.state.mistakes) == 0
    session.now = end
    session.answer(0)
    assert list(session.state.mistakes) == list(QUESTIONS)


def test_a_contest_is_taken_once_whatever_came_after(session: Session) -> None:
    take(session)
    session.finish()
    session.start()
    known = len(session.journal)
    command = TakeContest(
        user=7,
        contest=5,
        subject="sample",
        questions=QUESTIONS,
        size=4,
        filters=Filters(),
        starts_at=0,
        ends_at=1,
        minutes=30,
        hidden=False,
    )
    assert session.ask(command) == ContestTaken(training="7-1")
    assert len(session.journal) == known


def test_an_open_contest_is_not_lost_by_starting_or_joining(session: Session) -> None:
    take(session)
    attempts: list[Callable[[], object]] = [
        session.start,
        lambda: take(session, contest=6),
        lambda: session.ask(JoinInto(user=7, into=8)),
    ]
    for attempt in attempts:
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.details["remaining_seconds"] == 30 * 60
    assert session.training.open


def test_who_became_part_of_another_has_taken_part_for_both(session: Session) -> None:
    memory = SessionMemory(trainings=3, seen=(), mistakes=(), favorites=(), contests=((5, "9-3"),))
    session.ask(TakeOver(user=7, source=9, memory=memory))
    assert session.state.contests == ((5, "9-3"),)


def test_a_snapshot_and_the_journal_remember_the_contest(session: Session) -> None:
    take(session, hidden=True)
    outage(session, 1, session.now, session.now + MINUTE, ends_at=session.now + 61 * MINUTE)
    session.answer(0)
    for state in (session.state, (session.finish(), session.state)[1]):
        assert from_bytes(to_bytes(state)) == state
    assert reduce(evolve, session.journal, initial(7)) == session.state
