"""The guard against guessing: pure but for its memory."""

import pytest

from actors.guard import Guard
from protocols.messages import TooMany
from tests.postgres.stand import Clock


def wait(guard: Guard, key: str = "anna") -> int:
    """Seconds until the next try is welcome; a welcome try is made, and fails."""
    try:
        guard.attempt(key)
    except TooMany as refusal:
        return refusal.retry_after
    return 0


def test_each_failure_beyond_the_free_ones_doubles_the_wait_up_to_the_longest(clock: Clock) -> None:
    guard = Guard(clock, free=2, first=1, longest=5)
    guard.attempt("anna")
    guard.attempt("anna")
    waits = []
    for _ in range(5):
        guard.attempt("anna")
        waits.append(wait(guard))
        clock.forward(waits[-1])
    assert waits == [1, 2, 4, 5, 5]


def test_free_failures_cost_nothing(clock: Clock) -> None:
    guard = Guard(clock, free=3)
    assert [wait(guard) for _ in range(5)] == [0, 0, 0, 0, 1]


def test_a_refused_try_is_not_counted(clock: Clock) -> None:
    guard = Guard(clock, free=0)
    assert [wait(guard) for _ in range(4)] == [0, 1, 1, 1]
    clock.forward(1)
    assert [wait(guard) for _ in range(2)] == [0, 2]


def test_keys_do_not_slow_each_other(clock: Clock) -> None:
    guard = Guard(clock, free=0)
    assert (wait(guard, "anna"), wait(guard, "boris")) == (0, 0)


def test_a_try_taken_back_was_never_made(clock: Clock) -> None:
    guard = Guard(clock, free=1)
    for _ in range(10):
        guard.attempt("anna")
        guard.take_back("anna")
    assert [wait(guard) for _ in range(3)] == [0, 0, 1]


def test_an_hour_after_the_last_failure_all_is_forgotten(clock: Clock) -> None:
    guard = Guard(clock, free=0, memory=3600)
    wait(guard)
    clock.forward(3601)
    assert [wait(guard) for _ in range(2)] == [0, 1]


def test_the_guard_remembers_a_bounded_number_of_keys(clock: Clock) -> None:
    guard = Guard(clock, free=0, remembered=10)
    for number in range(100):
        wait(guard, str(number))
    assert wait(guard, "0") == 0
    with pytest.raises(TooMany):
        guard.attempt("99")
