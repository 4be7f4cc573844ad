"""Microseconds per answer in the pure rules, and bytes per session: python -m benchmarks.rules"""

from __future__ import annotations

import gc
import tracemalloc
from random import Random
from time import perf_counter

from actors.training.rules import Context, decide, evolve, expire
from actors.training.selection import SubjectIndex, draw
from actors.training.state import SessionState, from_bytes, initial, to_bytes
from actors.training.views import reply
from protocols.messages import KINDS, Filters, GiveAnswer, Response, StartTraining
from tests.training.samples import MINUTE, SampleBank, right_response, sample_bank

ROUNDS = 3000
SIZE = 10


def answers() -> tuple[float, float]:
    """Seconds per answer spent in expire, decide and evolve, and in the reply."""
    bank, random = sample_bank(60), Random(1)
    rules = replies = 0.0
    for user in range(1, ROUNDS // SIZE + 1):
        state = started(bank, user, random)
        assert state.training is not None
        for step, number in enumerate(state.training.questions):
            question = bank.question(number)
            response: Response = right_response(question)
            command = GiveAnswer(user=user, training=f"{user}-1", question=question.id, response=response)
            context = Context(MINUTE + step, bank, random)
            began = perf_counter()
            for event in (*expire(state, context.now), *decide(state, command, context)):
                state = evolve(state, event)
            decided = perf_counter()
            reply(state, command, context)
            replies += perf_counter() - decided
            rules += decided - began
    return rules / ROUNDS, replies / ROUNDS


def started(bank: SampleBank, user: int, random: Random) -> SessionState:
    state = initial(user)
    command = StartTraining(user=user, subject="sample", size=SIZE)
    for event in decide(state, command, Context(MINUTE, bank, random)):
        state = evolve(state, event)
    return state


def bytes_per_session(count: int = 10_000) -> float:
    bank, random = sample_bank(60), Random(1)
    started(bank, 1, random)
    snapshots = [to_bytes(started(bank, user, random)) for user in range(1, count + 1)]
    gc.collect()
    tracemalloc.start()
    fresh = [started(bank, user, random) for user in range(1, count + 1)]
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] / count
    del fresh
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    restored = [from_bytes(snapshot) for snapshot in snapshots]
    gc.collect()
    print(f"bytes per restored session     {(tracemalloc.get_traced_memory()[0] - before) / count:8.0f}")
    tracemalloc.stop()
    assert len(restored) == count
    return size


def drawing(size: int) -> tuple[float, float, float]:
    """Seconds to build the index of so many questions, bytes it holds, and seconds per draw of ten."""
    rows = [(n, f"topic-{n % 20}", KINDS[n % 6], n % 5 + 1) for n in range(1, size + 1)]
    gc.collect()
    began = perf_counter()
    index = SubjectIndex(rows)
    built = perf_counter() - began
    tracemalloc.start()
    again = SubjectIndex(rows)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(again) == len(index)
    random, history = Random(1), initial(1).history
    filters = Filters(topics=("topic-1", "topic-2", "topic-7"))
    fastest = built
    for _ in range(10):
        began = perf_counter()
        for _ in range(200):
            draw(index, filters, history, SIZE, random)
        fastest = min(fastest, (perf_counter() - began) / 200)
    return built, held, fastest


def main() -> None:
    runs = [answers() for _ in range(5)]
    rules, replies = (min(times) for times in zip(*runs, strict=True))
    print(f"decide and evolve, per answer  {rules * 1e6:8.1f} µs")
    print(f"reply, per answer              {replies * 1e6:8.1f} µs")
    print(f"bytes per fresh session        {bytes_per_session():8.0f}")
    for size in (300, 300_000):
        built, held, drawn = drawing(size)
        print(
            f"{size:7} questions: index built in {built * 1e3:6.1f} ms, {held / 1e6:5.2f} MB; "
            f"a draw takes {drawn * 1e6:6.1f} µs"
        )


if __name__ == "__main__":
    main()
