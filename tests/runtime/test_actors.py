"""Handlers, hooks, mailboxes and the end of actors on the event loop."""

from __future__ import annotations

import asyncio
import copy
import pickle
import uuid
from collections.abc import Awaitable
from types import TracebackType
from typing import Any

import pykka
import pytest

from actors.runtime import EventLoopActor, LoopReply, MailboxFull, Reply


class Recorder(EventLoopActor):
    """Writes down what happens to it; `sleep` suspends it until `wake` is set."""

    registered = False

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Any] = []
        self.wake = asyncio.Event()

    async def on_receive(self, message: Any) -> Any:
        self.log.append(message)
        if message == "sleep":
            await self.wake.wait()
        elif isinstance(message, BaseException):
            await asyncio.sleep(0)
            raise message
        self.log.append("done")
        return message

    async def later(self, value: Any) -> Any:
        await asyncio.sleep(0)
        return value


class Hooks(EventLoopActor):
    registered = False

    def __init__(self, log: list[str], fail: str = "") -> None:
        super().__init__()
        self.log = log
        self.fail = fail

    async def note(self, hook: str) -> None:
        self.log.append(hook)
        await asyncio.sleep(0)
        self.log.append(f"{hook} finished")
        if self.fail == hook:
            raise RuntimeError(hook)

    # Pykka's hooks are declared not to return anything, so not a coroutine either.

    async def on_start(self) -> None:  # type: ignore[override]
        await self.note("start")

    async def on_stop(self) -> None:  # type: ignore[override]
        await self.note("stop")

    async def on_failure(  # type: ignore[override]
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.note("failure")

    async def on_receive(self, message: Any) -> Any:
        await self.note(message)


async def within(awaitable: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await awaitable

    return await asyncio.wait_for(wait(), 30)


def actor_of(ref: Any) -> Any:
    return ref._actor_weakref()


async def until_dead(ref: Any) -> None:
    async with asyncio.timeout(30):
        while ref._actor_weakref() is not None:
            await asyncio.sleep(0)


async def test_async_handler_is_awaited() -> None:
    assert await within(Recorder.start().ask("hello", block=False)) == "hello"


async def test_async_proxied_method_is_awaited() -> None:
    assert await within(Recorder.start().proxy().later(5)) == 5


async def test_async_method_can_be_deferred() -> None:
    ref = Recorder.start()
    ref.proxy().later.defer(5)
    assert await within(ref.ask("after", block=False)) == "after"


def test_async_handler_works_for_blocking_callers() -> None:
    assert Recorder.start().ask("hello", timeout=30) == "hello"


async def test_next_message_waits_while_a_handler_is_suspended() -> None:
    ref = Recorder.start()
    actor = actor_of(ref)
    first, second = ref.ask("sleep", block=False), ref.ask("second", block=False)
    for _ in range(10):
        await asyncio.sleep(0)
    assert actor.log == ["sleep"]
    actor.wake.set()
    assert [await within(first), await within(second)] == ["sleep", "second"]
    assert actor.log == ["sleep", "done", "second", "done"]


async def test_a_suspended_actor_does_not_hold_up_others() -> None:
    suspended, other = Recorder.start(), Recorder.start()
    suspended.tell("sleep")
    assert await within(other.ask("hello", block=False)) == "hello"


async def test_timeouts_work_inside_async_handlers() -> None:
    class Impatient(EventLoopActor):
        registered = False

        async def on_receive(self, message: Any) -> str:
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()
            except TimeoutError:
                return "timed out"
            return "not reached"

    ref = Impatient.start()
    assert await within(ref.ask(1, block=False)) == "timed out"
    assert ref.is_alive()


async def test_actors_may_ask_each_other_from_async_handlers() -> None:
    class Front(EventLoopActor):
        registered = False

        async def on_receive(self, message: Any) -> Any:
            return await backend.ask(message, block=False)

    backend = Recorder.start()
    assert await within(Front.start().ask("hello", block=False)) == "hello"


async def test_exception_of_an_async_handler_goes_to_who_asked_and_the_actor_lives() -> None:
    ref = Recorder.start()
    with pytest.raises(KeyError, match="missing"):
        await within(ref.ask(KeyError("missing"), block=False))
    assert ref.is_alive()


async def test_cancellation_inside_a_handler_is_an_ordinary_failure() -> None:
    ref = Recorder.start()
    with pytest.raises(asyncio.CancelledError):
        await within(ref.ask(asyncio.CancelledError(), block=False))
    assert ref.is_alive()


async def test_async_hooks_are_awaited_in_order() -> None:
    log: list[str] = []
    ref = Hooks.start(log)
    ref.tell("message")
    assert await within(ref.stop(block=False)) is True
    assert log == [f"{hook}{end}" for hook in ("start", "message", "stop") for end in ("", " finished")]


async def test_async_on_failure_is_awaited_instead_of_on_stop() -> None:
    log: list[str] = []
    ref = Hooks.start(log, fail="message")
    ref.tell("message")
    await until_dead(ref)
    assert log == [f"{hook}{end}" for hook in ("start", "message", "failure") for end in ("", " finished")]


@pytest.mark.parametrize("fail", ["start", "stop", "failure"])
async def test_failure_of_an_async_hook_stops_the_actor(fail: str, caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    ref = Hooks.start(log, fail=fail)
    if fail == "failure":
        ref.tell(pykka.messages.ProxyCall(("no_such_method",), (), {}))
    else:
        ref.stop(block=False)
    await until_dead(ref)
    assert f"{fail} finished" in log
    assert f"RuntimeError: {fail}" in caplog.text


async def test_messages_before_the_stop_are_handled_and_those_after_it_fail() -> None:
    ref = Recorder.start()
    actor = actor_of(ref)
    first, before = ref.ask("sleep", block=False), ref.ask("before", block=False)
    stopped, stopped_again = ref.stop(block=False), ref.stop(block=False)
    after = ref.ask("after", block=False)
    actor.wake.set()
    assert [await within(future) for future in (first, before, stopped)] == ["sleep", "before", True]
    assert await within(stopped_again) is True
    with pytest.raises(pykka.ActorDeadError):
        await within(after)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("too late")
    assert await within(ref.stop(block=False)) is False


async def test_base_exception_stops_all_registered_actors() -> None:
    class Registered(Recorder):
        registered = True

    culprit, bystander = Registered.start(), Registered.start()
    with pytest.raises(pykka.ActorDeadError):
        await within(culprit.ask(BaseException("the end"), block=False))
    await until_dead(bystander)
    assert pykka.ActorRegistry.get_by_class(Registered) == []


async def test_unregistered_actor_stays_out_of_the_registry() -> None:
    before = pykka.ActorRegistry.get_all()
    ref = Recorder.start()
    assert pykka.ActorRegistry.get_all() == before
    assert await within(ref.stop(block=False)) is True


class Desk(EventLoopActor):
    """Keeps replies, gives them to who comes to fetch them, or hands the question on."""

    registered = False

    def __init__(self, colleague: Any = None) -> None:
        super().__init__()
        self.kept: list[Reply[Any]] = []
        self.colleague = colleague

    def on_receive(self, message: Any) -> Any:
        if message == "keep":
            self.kept.append(self.defer_reply())
        elif message == "hand on":
            self.colleague.forward("hello", self.defer_reply())
        elif message == "defer and fail":
            self.kept.append(self.defer_reply())
            raise RuntimeError(message)
        elif message == "async":
            return self.too_late()
        return "at once"

    async def too_late(self) -> Any:
        return self.defer_reply()


async def test_deferred_reply_leaves_when_it_is_set_and_the_actor_goes_on() -> None:
    ref = Desk.start()
    deferred = asyncio.ensure_future(within(ref.ask("keep", block=False)))
    assert await within(ref.ask("next", block=False)) == "at once"
    assert not deferred.done()
    actor_of(ref).kept[0].set("later")
    assert await deferred == "later"


async def test_forwarded_message_is_answered_by_the_other_actor() -> None:
    assert await within(Desk.start(Recorder.start()).ask("hand on", block=False)) == "hello"


async def test_message_forwarded_to_a_dead_actor_fails() -> None:
    dead = Recorder.start()
    await within(dead.stop(block=False))
    with pytest.raises(pykka.ActorDeadError):
        await within(Desk.start(dead).ask("hand on", block=False))


async def test_reply_to_a_told_message_cannot_be_deferred() -> None:
    ref = Desk.start()
    ref.tell("keep")
    await until_dead(ref)


async def test_async_handler_cannot_defer_a_reply() -> None:
    ref = Desk.start()
    with pytest.raises(TypeError, match="async"):
        await within(ref.ask("async", block=False))


async def test_failure_after_deferring_stops_the_actor_and_leaves_the_reply_to_its_holder() -> None:
    ref = Desk.start()
    actor = actor_of(ref)
    deferred = ref.ask("defer and fail", block=False)
    await until_dead(ref)
    actor.kept[0].set("still answered")
    assert await within(deferred) == "still answered"


class Small(Recorder):
    mailbox_limit = 2


async def test_full_mailbox_refuses_at_once() -> None:
    ref = Small.start()
    ref.tell("first")
    ref.tell("second")
    with pytest.raises(MailboxFull):
        ref.tell("third")
    with pytest.raises(MailboxFull):
        ref.ask("third", block=False)
    assert await within(ref.stop(block=False)) is True


async def test_full_mailbox_has_room_again_when_messages_are_handled() -> None:
    ref = Small.start()
    for number in range(10):
        ref.tell(number)
        assert await within(ref.ask(number, block=False)) == number


async def test_message_in_work_does_not_fill_the_mailbox() -> None:
    ref = Small.start()
    actor = actor_of(ref)
    ref.tell("sleep")
    await asyncio.sleep(0)
    ref.tell("first")
    last = ref.ask("second", block=False)
    with pytest.raises(MailboxFull):
        ref.tell("third")
    actor.wake.set()
    assert await within(last) == "second"


async def test_limit_of_one_actor_may_differ_from_its_class() -> None:
    ref = Small.start()
    actor_of(ref).mailbox_limit = None
    for number in range(100):
        ref.tell(number)
    assert await within(ref.ask("last", block=False)) == "last"


async def test_message_sent_before_the_start_is_handled_after_on_start() -> None:
    class Early(EventLoopActor):
        registered = False

        def __init__(self) -> None:
            super().__init__()
            self.log: list[str] = []
            self.actor_ref.tell("sent by __init__")

        def on_start(self) -> None:
            self.log.append("start")

        def on_receive(self, message: str) -> list[str]:
            self.log.append(message)
            return self.log

    assert await within(Early.start().ask("sent later", block=False)) == [
        "start",
        "sent by __init__",
        "sent later",
    ]


async def test_urn_is_made_once() -> None:
    ref = Recorder.start()
    assert uuid.UUID(ref.actor_urn).version == 4
    assert ref.actor_urn == actor_of(ref).actor_urn == ref.actor_urn


async def test_refs_compare_by_identity_and_cannot_be_pickled() -> None:
    ref, other = Recorder.start(), Recorder.start()
    assert isinstance(ref, pykka.ActorRef)
    assert ref == ref.proxy().actor_ref
    assert len({ref, other, ref}) == 2
    for copying in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            copying(ref)


class Owner(EventLoopActor):
    """Works beside its messages, and fails when it is told to."""

    registered = False

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()
        self.failures: list[object] = []

    def on_start(self) -> None:
        self.own(self.work(), "work")

    async def work(self) -> None:
        await self.told.wait()
        raise RuntimeError("it cannot be done")

    def on_receive(self, message: Any) -> Any:
        self.told.set()
        return message

    def on_failure(self, *failure: object) -> None:
        self.failures.append(failure[1])


async def test_work_that_an_actor_owns_and_that_fails_is_the_actors_failure() -> None:
    ref = Owner.start()
    actor = actor_of(ref)
    assert await within(ref.ask("go on", block=False)) == "go on"
    while ref.is_alive():
        await asyncio.sleep(0)
    assert [str(failure) for failure in actor.failures] == ["it cannot be done"]


async def test_a_reply_on_the_loop_gets_what_a_handler_returns_and_what_it_raises() -> None:
    ref = Recorder.start()
    loop = asyncio.get_running_loop()
    good: LoopReply[Any] = LoopReply(loop=loop)
    bad: LoopReply[Any] = LoopReply(loop=loop)
    ref.forward("hello", good)
    ref.forward(ValueError("no"), bad)
    assert await within(good) == "hello"
    with pytest.raises(ValueError, match="no"):
        await within(bad)


async def test_a_reply_on_the_loop_is_told_that_the_actor_is_dead() -> None:
    ref = Recorder.start()
    await within(ref.stop(block=False))
    reply: LoopReply[Any] = LoopReply(loop=asyncio.get_running_loop())
    ref.forward("too late", reply)
    with pytest.raises(pykka.ActorDeadError):
        await within(reply)


async def test_a_reply_that_nobody_waits_for_any_more_is_dropped() -> None:
    ref = Recorder.start()
    reply: LoopReply[Any] = LoopReply(loop=asyncio.get_running_loop())
    ref.forward("hello", reply)
    reply.cancel()
    assert await within(ref.ask("and go on", block=False)) == "and go on"
