"""Hashing off the loop, bounded."""

import asyncio

import pytest
from argon2 import PasswordHasher

from actors.passwords import HASHER, Passwords
from protocols.messages import Unavailable

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def test_the_right_password_matches_and_another_does_not(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert await passwords.matches(hashed, "correct horse")
    assert not await passwords.matches(hashed, "correct horsf")


@pytest.mark.parametrize("hashed", [None, "", "not a hash"])
async def test_without_a_hash_nothing_matches(passwords: Passwords, hashed: str | None) -> None:
    assert not await passwords.matches(hashed, "correct horse")


async def test_more_than_the_queue_holds_is_refused_at_once() -> None:
    passwords = Passwords(CHEAP, threads=1, waiting=3)
    outcomes = await asyncio.gather(*(passwords.hash("x") for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 6
    assert await passwords.hash("x")
    passwords.close()


async def test_whoever_gives_up_waiting_gives_the_place_back_when_the_work_is_done() -> None:
    passwords = Passwords(CHEAP, threads=1, waiting=0)
    asked = asyncio.create_task(passwords.hash("x"))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    async with asyncio.timeout(10):
        while True:
            try:
                assert await passwords.hash("x")
            except Unavailable:
                await asyncio.sleep(0.001)
            else:
                break
    passwords.close()


async def test_a_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    assert passwords.outdated(HASHER.hash("x"))
    assert not passwords.outdated(await passwords.hash("x"))
