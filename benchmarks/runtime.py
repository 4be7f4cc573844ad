"""How fast the actors' runtime is beside Pykka's threads, and what an idle actor costs.

    python -m benchmarks.runtime

Both runtimes answer the same question with the same handler, by turns, in one process; the medians of all
rounds are compared. An ask goes to one actor and its reply is waited for: one after the other, or, on the
event loop, also 64 at a time, from one coroutine and from 64.
"""

from __future__ import annotations

import asyncio
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pykka

from actors.runtime import EventLoopActor

ROUNDS = 7
THREADING_ASKS = 5_000
ASKS = 64 * 800
AT_A_TIME = 64
IDLE_ACTORS = 100_000

Ref = pykka.ActorRef[Any]


class Thread(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


class Loop(EventLoopActor):
    def on_receive(self, message: Any) -> Any:
        return message


class Idle(EventLoopActor):
    __slots__ = ("state",)
    registered = False

    def __init__(self) -> None:
        super().__init__()
        self.state = None


def threading_asks(ref: Ref) -> float:
    """Asks per second of a `ThreadingActor`, one after the other."""
    start = time.perf_counter()
    for number in range(THREADING_ASKS):
        ref.ask(number)
    return THREADING_ASKS / (time.perf_counter() - start)


async def one_after_the_other(ref: Ref) -> None:
    for number in range(ASKS):
        await ref.ask(number, block=False)


async def pipelined(ref: Ref) -> None:
    for _ in range(ASKS // AT_A_TIME):
        for reply in [ref.ask(number, block=False) for number in range(AT_A_TIME)]:
            await reply


async def concurrent(ref: Ref) -> None:
    async def student() -> None:
        for number in range(ASKS // AT_A_TIME):
            await ref.ask(number, block=False)

    await asyncio.gather(*(student() for _ in range(AT_A_TIME)))


async def rate(work: Callable[[Ref], Awaitable[None]], ref: Ref) -> float:
    start = time.perf_counter()
    await work(ref)
    return ASKS / (time.perf_counter() - start)


async def bytes_per_idle_actor() -> float:
    """Bytes of Python memory per started actor with one attribute, its ref included."""
    Idle.start()
    refs: list[Ref | None] = [None] * IDLE_ACTORS
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for index in range(IDLE_ACTORS):
        refs[index] = Idle.start()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / IDLE_ACTORS


async def main() -> None:
    ways = [one_after_the_other, pipelined, concurrent]
    rates: dict[str, list[float]] = {name: [] for name in ["threading", *(way.__name__ for way in ways)]}
    thread, loop = Thread.start(), Loop.start()
    for _ in range(ROUNDS):
        rates["threading"].append(await asyncio.to_thread(threading_asks, thread))
        for way in ways:
            rates[way.__name__].append(await rate(way, loop))
    await asyncio.to_thread(thread.stop)
    await loop.stop(block=False)

    base = statistics.median(rates["threading"])
    print(f"median of {ROUNDS} rounds, asks per second")
    for name, measured in rates.items():
        median = statistics.median(measured)
        print(f"{name.replace('_', ' '):22}{median:12,.0f}{median / base:8.1f} times pykka.ThreadingActor")
    print(f"an idle actor with one attribute takes {await bytes_per_idle_actor():.0f} bytes with its ref")


if __name__ == "__main__":
    asyncio.run(main())
