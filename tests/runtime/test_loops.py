"""Where actors live, and what may block or be awaited there."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pykka
import pytest

from actors.runtime import BlockingInEventLoop, EventLoopActor, EventLoopFuture


class Echo(EventLoopActor):
    registered = False

    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


class Gate(EventLoopActor):
    """Replies when its gate is opened."""

    registered = False

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def on_receive(self, message: Any) -> Any:
        await self.gate.wait()
        return message

    def open(self) -> None:
        self.gate.set()


@pytest.fixture
def background() -> Iterator[Any]:
    """An actor on the background loop."""
    with ThreadPoolExecutor(1) as elsewhere:
        ref = elsewhere.submit(Echo.start).result()
    yield ref
    ref.stop()


async def in_thread(func: Callable[[], Any]) -> Any:
    return await asyncio.wait_for(asyncio.to_thread(func), 30)


async def within(awaitable: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await awaitable

    return await asyncio.wait_for(wait(), 30)


async def test_actor_started_in_a_running_loop_lives_on_that_loop() -> None:
    ref = Echo.start()
    assert await within(ref.ask(asyncio.get_running_loop, block=False)) is asyncio.get_running_loop()
    assert await in_thread(lambda: ref.ask(threading.current_thread)) is threading.current_thread()


def test_actors_started_elsewhere_share_one_background_thread() -> None:
    first: Any = Echo.start()
    second: Any = Echo.start()
    thread = first.ask(threading.current_thread)
    assert thread is second.ask(threading.current_thread)
    assert thread is not threading.current_thread()
    assert first.ask(asyncio.get_running_loop).is_running()


def test_actor_started_by_an_actor_lives_on_the_same_loop() -> None:
    parent: Any = Echo.start()
    child = parent.ask(Echo.start)
    assert child.ask(asyncio.get_running_loop) is parent.ask(asyncio.get_running_loop)


async def test_await_suspends_only_the_awaiting_coroutine() -> None:
    ref = Gate.start()
    reply = asyncio.ensure_future(within(ref.ask("hello", block=False)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not reply.done()
    actor = ref._actor_weakref()
    assert actor is not None
    actor.open()
    assert await reply == "hello"


async def test_await_works_from_another_loop(background: Any) -> None:
    assert await within(background.ask("hello", block=False)) == "hello"


async def test_await_from_another_loop_does_not_block_that_loop(background: Any) -> None:
    released = threading.Event()
    reply = asyncio.ensure_future(within(background.ask(released.wait, block=False)))
    await asyncio.sleep(0.01)
    assert not reply.done()
    released.set()
    assert await reply is True


async def test_many_may_await_and_block_on_one_future() -> None:
    future = EventLoopFuture[int]()
    blocking = [asyncio.ensure_future(in_thread(future.get)) for _ in range(3)]
    awaiting = [asyncio.ensure_future(within(future)) for _ in range(3)]
    elsewhere = asyncio.ensure_future(in_thread(lambda: asyncio.run(within(future))))
    await asyncio.sleep(0.01)
    future.set(7)
    assert await asyncio.gather(*blocking, *awaiting, elsewhere) == [7] * 7


async def test_cancelled_await_leaves_the_future_to_others() -> None:
    future = EventLoopFuture[int]()
    cancelled, other = (asyncio.ensure_future(within(future)) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.sleep(0)
    future.set(7)
    assert await other == 7


async def test_exception_of_the_actor_is_raised_by_await() -> None:
    def fail() -> None:
        raise KeyError("no such question")

    with pytest.raises(KeyError, match="no such question"):
        await within(Echo.start().ask(fail, block=False))


@pytest.mark.parametrize(
    "block",
    [
        lambda ref: ref.ask("hello"),
        lambda ref: ref.stop(),
        lambda ref: ref.ask("hello", block=False).get(),
        lambda ref: ref.ask("hello", block=False).map(str).get(),
        lambda ref: ref.stop(block=False).get(timeout=1),
        lambda ref: ref.actor_stopped.wait(),
        lambda ref: setattr(ref.proxy(), "name", "new"),
        lambda ref: EventLoopFuture().get(),
    ],
)
async def test_blocking_on_the_loops_own_thread_raises(block: Callable[[Any], Any]) -> None:
    with pytest.raises(BlockingInEventLoop):
        block(Echo.start())


async def test_refused_blocking_calls_send_nothing() -> None:
    received: list[int] = []
    ref = Echo.start()
    with pytest.raises(BlockingInEventLoop):
        ref.ask(lambda: received.append(1))
    with pytest.raises(BlockingInEventLoop):
        ref.stop()
    assert await within(ref.ask("alive", block=False)) == "alive"
    assert received == []


async def test_get_of_a_resolved_future_is_fine_on_the_loop() -> None:
    future = Echo.start().ask("hello", block=False)
    await within(future)
    assert future.get() == "hello"


async def test_get_without_waiting_times_out_on_the_loop() -> None:
    with pytest.raises(pykka.Timeout):
        Echo.start().ask("hello", block=False).get(timeout=0)


async def test_stopping_a_dead_actor_does_not_block() -> None:
    ref = Echo.start()
    assert await within(ref.stop(block=False)) is True
    assert ref.stop() is False


async def test_awaiting_derived_futures_suspends_until_their_sources_are_there() -> None:
    ref = Gate.start()
    actor = ref._actor_weakref()
    assert actor is not None
    numbers: Any = ref.ask([1, 2, 3], block=False)
    more = ref.ask([4], block=False)
    derived = asyncio.gather(
        within(numbers.map(len)),
        within(numbers.filter(lambda n: n > 1)),
        within(numbers.reduce(lambda a, b: a + b)),
        within(numbers.join(more).map(lambda lists: [n for part in lists for n in part])),
    )
    await asyncio.sleep(0.01)
    assert not derived.done()
    actor.open()
    results: list[Any] = list(await derived)
    assert results == [3, [2, 3], 6, [1, 2, 3, 4]]


async def test_awaiting_a_derived_future_calls_its_function_once() -> None:
    calls: list[str] = []
    mapped = Echo.start().ask("hello", block=False).map(calls.append)
    await within(mapped)
    await within(mapped)
    assert calls == ["hello"]


async def test_awaiting_a_join_with_a_threading_future_does_not_block_the_loop() -> None:
    foreign: pykka.Future[int] = pykka.ThreadingFuture()
    joined = asyncio.ensure_future(within(Echo.start().ask(1, block=False).join(foreign)))
    await asyncio.sleep(0.01)
    assert not joined.done()
    foreign.set(2)
    assert await joined == [1, 2]


async def test_exception_at_the_source_is_raised_by_awaiting_the_derived_future() -> None:
    def fail() -> None:
        raise KeyError("no such question")

    with pytest.raises(KeyError, match="no such question"):
        await within(Echo.start().ask(fail, block=False).map(str).map(str))


async def test_handlers_see_neither_the_task_nor_the_context_of_who_waits() -> None:
    variable = contextvars.ContextVar("variable", default="untouched")
    ref = Echo.start()
    await within(ref.ask("warm", block=False))
    variable.set("of the caller")
    assert await ref.ask(asyncio.current_task, block=False) is None
    assert await ref.ask(variable.get, block=False) == "untouched"
    assert asyncio.current_task() is not None


def test_idle_actors_schedule_nothing() -> None:
    scheduled: list[Any] = []

    class WatchedLoop(asyncio.SelectorEventLoop):
        # Its types are of no matter here.
        def call_soon(self, callback: Any, *args: Any, **kwargs: Any) -> asyncio.Handle:  # type: ignore[override]
            scheduled.append(callback)
            return super().call_soon(callback, *args, **kwargs)

    async def main() -> None:
        tasks, threads = asyncio.all_tasks(), threading.active_count()
        scheduled.clear()
        refs = [Echo.start() for _ in range(1000)]
        assert scheduled == []
        refs[500].tell("hello")
        refs[501].tell("hello")
        assert len(scheduled) == 1
        assert asyncio.all_tasks() == tasks
        assert threading.active_count() == threads

    with asyncio.Runner(loop_factory=WatchedLoop) as runner:
        runner.run(main())


async def test_a_busy_actor_leaves_turns_to_the_loop_and_to_other_actors() -> None:
    order: list[str] = []
    busy, other = Echo.start(), Echo.start()
    for _ in range(10_000):
        busy.tell(lambda: order.append("busy"))
    other.tell(lambda: order.append("other"))
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(order.append, "loop"))
    await within(busy.ask("end", block=False))
    assert order.count("busy") == 10_000
    assert order.index("other") < 100
    assert order.index("loop") < 9_000


async def test_asking_in_a_circle_does_not_starve_the_loop() -> None:
    ref = Echo.start()
    ticked = asyncio.Event()
    asyncio.get_running_loop().call_soon(ticked.set)
    asks = 0
    while not ticked.is_set():
        await ref.ask(asks, block=False)
        asks += 1
    assert asks < 10_000


def closed_loop_with_an_actor(actor_class: type[EventLoopActor]) -> tuple[asyncio.AbstractEventLoop, Any]:
    async def start() -> Any:
        return actor_class.start()

    loop = asyncio.new_event_loop()
    return loop, loop.run_until_complete(start())


def test_actor_is_dead_when_its_loop_is_closed() -> None:
    loop, ref = closed_loop_with_an_actor(Echo)
    loop.close()
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("hello")
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("hello")
    assert ref.stop() is False


def test_what_waits_for_an_actor_fails_when_its_loop_is_closed() -> None:
    loop, ref = closed_loop_with_an_actor(Echo)
    future = ref.ask("hello", block=False)
    with ThreadPoolExecutor(3) as threads:
        blocked = threads.submit(future.get)
        awaited = threads.submit(lambda: asyncio.run(within(future)))
        mapped = threads.submit(lambda: asyncio.run(within(future.map(str))))
        time.sleep(0.05)
        loop.close()
        for waiting in (blocked, awaited, mapped):
            with pytest.raises(pykka.ActorDeadError):
                waiting.result(30)


def test_suspended_handler_is_answered_when_its_loop_is_shut_down() -> None:
    async def start() -> Any:
        ref = Gate.start()
        replies = [ref.ask("first", block=False), ref.ask("second", block=False)]
        await asyncio.sleep(0.01)
        return replies

    for reply in asyncio.run(start()):
        with pytest.raises(pykka.ActorDeadError):
            reply.get(timeout=30)


def test_registered_actor_of_a_closed_loop_leaves_the_registry_when_it_is_stopped() -> None:
    class Registered(Echo):
        registered = True

    loop, ref = closed_loop_with_an_actor(Registered)
    loop.close()
    assert ref in pykka.ActorRegistry.get_all()
    pykka.ActorRegistry.stop_all(timeout=30)
    assert ref not in pykka.ActorRegistry.get_all()


def test_interpreter_exits_with_actors_alive() -> None:
    code = "from actors.runtime import EventLoopActor as A; r = A.start(); print(r.ask(1), r.is_alive())"
    command = [sys.executable, "-Werror", "-c", code]
    repository = Path(__file__).parent.parent.parent
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "None True\n", "")


def test_stopped_actor_is_freed_without_the_garbage_collector() -> None:
    ref = Echo.start()
    actor = weakref.ref(ref._actor_weakref() or pytest.fail("not alive"))
    gc.disable()
    try:
        assert ref.stop()
        deadline = time.monotonic() + 30
        while actor() is not None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert actor() is None
    finally:
        gc.enable()


def test_eight_threads_lose_nothing() -> None:
    class Counter(EventLoopActor):
        registered = False

        def __init__(self) -> None:
            super().__init__()
            self.seen: dict[int, int] = {}

        def on_receive(self, message: tuple[int, int]) -> int:
            thread, number = message
            assert self.seen.get(thread, -1) == number - 1, "out of order"
            self.seen[thread] = number
            return number

    refs = [Counter.start() for _ in range(3)]

    def send(thread: int) -> None:
        # Waiting every few messages lets actors become idle, which is when a wake-up could get lost.
        for number in range(3000):
            for ref in refs:
                future = ref.ask((thread, number), block=False)
                if number % 7 == 0:
                    assert future.get(timeout=30) == number

    with ThreadPoolExecutor(8) as threads:
        for sent in [threads.submit(send, thread) for thread in range(8)]:
            sent.result(60)
    for ref in refs:
        assert ref.proxy().seen.get(timeout=30) == dict.fromkeys(range(8), 2999)
        assert ref.stop(timeout=30)
