"""Snapshots, and how little a session takes."""

from __future__ import annotations

import gc
import json
import tracemalloc

import pytest

from actors.training.selection import NO_NUMBERS
from actors.training.state import UnreadableSnapshot, from_bytes, initial, to_bytes
from tests.training.samples import sample_bank
from tests.training.session import Session


def busy() -> Session:
    session = Session(sample_bank(30))
    session.start(size=6)
    session.finish()
    session.start(mode="exam", minutes=10, size=20)
    for position in range(6):
        session.answer(position, right=position % 2 == 0)
    session.skip(7)
    return session


def test_a_snapshot_is_read_back_as_the_same_state() -> None:
    state = busy().state
    assert from_bytes(to_bytes(state)) == state
    assert from_bytes(to_bytes(initial(9))) == initial(9)


def test_a_session_read_back_goes_on_where_it_was() -> None:
    session = busy()
    before = session.answer(0)
    session.state = from_bytes(to_bytes(session.state))
    assert session.answer(0) == before
    assert session.answer(8).progress.answered == 7


def test_empty_histories_are_shared() -> None:
    state = from_bytes(to_bytes(initial(9)))
    assert state.seen is state.mistakes is state.favorites is NO_NUMBERS


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_a_snapshot_of_another_version_is_refused(version: object) -> None:
    kept = json.loads(to_bytes(initial(9))) | {"version": version}
    with pytest.raises(UnreadableSnapshot, match="version"):
        from_bytes(json.dumps(kept).encode())


@pytest.mark.parametrize(
    "snapshot",
    [b"", b"[]", b"{", b"null", b"\xff", b'{"version":1}', b'{"version":1,"training":{}}', b'"version"'],
)
def test_a_broken_snapshot_is_refused(snapshot: bytes) -> None:
    with pytest.raises(UnreadableSnapshot):
        from_bytes(snapshot)


def test_a_session_with_an_open_training_of_ten_takes_at_most_700_bytes() -> None:
    session = Session(sample_bank(30))
    session.start(size=10)
    snapshots = [to_bytes(session.state._replace(user=user)) for user in range(1000, 1500)]
    from_bytes(snapshots[0])
    gc.collect()
    tracemalloc.start()
    try:
        states = [from_bytes(snapshot) for snapshot in snapshots]
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(states) <= 700
