"""Two sessions that become one, and a start that is sent twice."""

from __future__ import annotations

import json
from functools import reduce

import pytest
from pydantic import TypeAdapter

from actors.training.rules import evolve, initial
from actors.training.state import from_bytes, to_bytes
from protocols.messages import (
    AccountJoined,
    AnyEvent,
    Conflict,
    EraseSession,
    JoinInto,
    JournalEvent,
    NotFound,
    Refusal,
    SessionLeft,
    SessionMemory,
    SetFavorite,
    ShowTraining,
    TakeOver,
    TrainingFinished,
    TrainingStarted,
    Unavailable,
)
from tests.training.samples import sample_bank
from tests.training.session import Session

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(JournalEvent)
MEMORY = SessionMemory(trainings=3, seen=(2, 5, 40), mistakes=(5, 40), favorites=(1, 2))


def fresh() -> Session:
    return Session(sample_bank(30))


def leave(session: Session, into: int = 8) -> SessionMemory:
    memory = session.ask(JoinInto(user=7, into=into))
    assert isinstance(memory, SessionMemory)
    return memory


def test_who_leaves_finishes_the_open_training_and_tells_what_they_remember() -> None:
    session = fresh()
    session.start()
    right, wrong = session.training.questions[:2]
    session.answer(0)
    session.answer(1, right=False)
    session.ask(SetFavorite(user=7, question=9, favorite=True))
    memory = leave(session)
    finished, left = session.journal[-2:]
    assert isinstance(finished, TrainingFinished)
    assert finished.reason == "joined"
    assert isinstance(left, SessionLeft)
    assert left.into == 8
    assert memory == SessionMemory(trainings=1, seen=tuple(sorted((right, wrong))), mistakes=(wrong,), favorites=(9,))


def test_leaving_again_writes_nothing_and_tells_the_same() -> None:
    session = fresh()
    session.start()
    session.answer(0)
    memory = leave(session)
    known = len(session.journal)
    assert leave(session) == memory
    session.state = from_bytes(to_bytes(session.state))
    assert leave(session) == memory
    assert len(session.journal) == known


def test_who_has_left_does_nothing_more_and_leaves_for_nobody_else() -> None:
    session = fresh()
    leave(session)
    for command in (ShowTraining(user=7), SetFavorite(user=7, question=1, favorite=True)):
        with pytest.raises(Unavailable):
            session.ask(command)
    with pytest.raises(Unavailable):
        session.start()
    with pytest.raises(Conflict):
        leave(session, into=9)


def test_who_has_left_can_be_erased() -> None:
    session = fresh()
    leave(session)
    session.ask(EraseSession(user=7))
    assert session.state.erased
    with pytest.raises(NotFound):
        leave(session)


@pytest.mark.parametrize("command", [JoinInto(user=7, into=7), TakeOver(user=7, source=7, memory=MEMORY)])
def test_nobody_joins_themself(command: JoinInto | TakeOver) -> None:
    with pytest.raises(Conflict):
        fresh().ask(command)


def test_what_either_has_seen_missed_or_likes_is_in_the_one_memory_once() -> None:
    session = fresh()
    session.start(size=2)
    first, second = session.training.questions
    session.answer(0)
    session.answer(1, right=False)
    session.ask(SetFavorite(user=7, question=2, favorite=True))
    session.ask(TakeOver(user=7, source=6, memory=MEMORY))
    state = session.state
    assert list(state.seen) == sorted({first, second, *MEMORY.seen})
    assert list(state.mistakes) == sorted({second, *MEMORY.mistakes})
    assert list(state.favorites) == [1, 2]
    assert state.joined == (6,)


def test_the_same_source_is_taken_over_once() -> None:
    session = fresh()
    session.ask(TakeOver(user=7, source=6, memory=MEMORY))
    state, known = session.state, len(session.journal)
    session.ask(TakeOver(user=7, source=6, memory=MEMORY))
    assert (session.state, len(session.journal)) == (state, known)


def test_an_open_training_goes_on_and_the_next_is_numbered_after_all_of_both() -> None:
    session = fresh()
    session.start()
    session.answer(0)
    session.ask(TakeOver(user=7, source=6, memory=MEMORY))
    joined = session.journal[-1]
    assert isinstance(joined, AccountJoined)
    assert joined.after == 1
    assert session.id == "7-1"
    assert session.answer(1).progress.answered == 2
    assert session.start().id == "7-5"


def test_who_was_erased_takes_nobody_over() -> None:
    session = fresh()
    session.ask(EraseSession(user=7))
    with pytest.raises(NotFound):
        session.ask(TakeOver(user=7, source=6, memory=MEMORY))


def test_the_journal_as_it_is_kept_gives_the_state() -> None:
    session = fresh()
    session.start(request="a")
    session.answer(0)
    session.ask(TakeOver(user=7, source=6, memory=MEMORY))
    session.start(request="b")
    leave(session)
    read = [EVENT.validate_json(event.model_dump_json()) for event in session.journal]
    assert reduce(evolve, read, initial(7)) == session.state == from_bytes(to_bytes(session.state))


# --- A start that is sent again -----------------------------------------------------------------------------


def test_the_same_start_again_is_the_same_training() -> None:
    session = fresh()
    first = session.start(request="q1")
    session.answer(0)
    again = session.start(request="q1")
    assert (again.id, again.progress.answered) == (first.id, 1)
    session.finish()
    assert session.start(request="q1").status == "finished"
    assert len([event for event in session.journal if isinstance(event, TrainingStarted)]) == 1


@pytest.mark.parametrize("request_", ["q2", None])
def test_another_start_is_another_training(request_: str | None) -> None:
    session = fresh()
    first = session.start(request="q1")
    assert session.start(request=request_).id != first.id


def test_starts_without_a_request_are_never_the_same() -> None:
    session = fresh()
    assert session.start().id != session.start().id


def test_a_start_sent_again_is_known_by_a_session_that_was_loaded_anew() -> None:
    session = fresh()
    first = session.start(request="q1")
    session.answer(0)
    session.state = from_bytes(to_bytes(session.state))
    assert session.start(request="q1").id == first.id
    session.state = reduce(evolve, session.journal, initial(7))
    assert session.start(request="q1").id == first.id


def test_a_start_of_before_there_were_requests_is_read() -> None:
    session = fresh()
    session.start()
    kept = json.loads(session.journal[0].model_dump_json())
    del kept["request"]
    assert evolve(initial(7), EVENT.validate_python(kept)) == session.state


def test_a_snapshot_of_before_there_were_requests_and_joins_is_read() -> None:
    session = fresh()
    session.start()
    kept = json.loads(to_bytes(session.state))
    del kept["joined"], kept["joined_into"], kept["training"]["request"]
    assert from_bytes(json.dumps(kept).encode()) == session.state


def test_a_refusal_while_joining_is_one_that_says_to_try_again() -> None:
    session = fresh()
    leave(session)
    with pytest.raises(Refusal) as caught:
        session.start()
    assert isinstance(caught.value, Unavailable)
    assert caught.value.retry_after == 1
