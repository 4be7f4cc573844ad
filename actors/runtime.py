"""Pykka actors on the asyncio event loop.

`EventLoopActor` is used like [`pykka.ThreadingActor`][]: it is started, told, asked, proxied and stopped from
any thread. What differs:

- An actor started inside a running loop lives on that loop, any other on a loop that the runtime runs in a
  background thread. Its handlers never run elsewhere.
- `await ref.ask(message, block=False)` suspends the awaiting coroutine, on whichever loop it runs.
  *Blocking* on the loop's own thread can only dead-lock, so it raises `BlockingInEventLoop` instead.
- `on_start()`, `on_receive()`, `on_stop()`, `on_failure()` and proxied methods may be `async def`. An actor
  handles one message at a time: while a handler is suspended, the messages after it wait.
- An idle actor is two small objects: no thread, no task, no timer and no queue.
- When its loop is closed, an actor is dead: `on_stop()` is not called, but nobody waits in vain.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import queue
import sys
import threading
import time
import uuid
from asyncio import AbstractEventLoop, CancelledError, get_running_loop
from asyncio.events import _get_running_loop as running_loop
from asyncio.tasks import _enter_task, _leave_task, current_task
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context
from threading import get_ident
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeAlias, TypeVar

from pykka import Actor, ActorDeadError, ActorRef, ActorRegistry, Future, Timeout
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from pykka._types import OptExcInfo

__all__ = ["BlockingInEventLoop", "EventLoopActor", "EventLoopFuture", "LoopReply", "MailboxFull", "Reply"]

logger = logging.getLogger("pykka")

_Reply: TypeAlias = "Future[Any] | LoopReply[Any]"
_Item: TypeAlias = "tuple[Any, _Reply | None]"  # a message and where its reply goes

_Handler: TypeAlias = Coroutine[Any, Any, Any]

T = TypeVar("T")
A = TypeVar("A", bound="EventLoopActor")

_MESSAGES_PER_SLICE = 32  # of one actor, before the next actor has its turn
_MESSAGES_PER_TURN = 1024  # of all actors, before the loop looks after its sockets and timers again
_CLOSED_LOOP_POLL = 0.2  # seconds; how soon a waiter elsewhere learns that the actor's loop was closed


class BlockingInEventLoop(RuntimeError):
    """Raised where blocking would stop the very loop that has to produce the result: `await` it instead."""


class MailboxFull(Exception):
    """Raised by `tell()` and `ask()` when as many messages wait as the actor's `mailbox_limit` allows."""


class _Pending(Timeout):
    """Tells an awaiting coroutine which unresolved future a get hook is waiting for."""

    def __init__(self, future: EventLoopFuture[Any]) -> None:
        super().__init__("not resolved yet")
        self.future = future


class _Awaiting(float):
    """A timeout of zero that get hooks hand on; by it the future at their source knows that it is awaited."""


_AWAITING = _Awaiting(0.0)


class _Start(NamedTuple):
    """Internal message: run `on_start()`."""


class EventLoopFuture(Future[T]):
    """Implementation of [`pykka.Future`][] for actors on an event loop.

    May be set, read and awaited from any thread and any event loop. Setting it twice raises `queue.Full`.
    The value is not copied: set immutable values only.
    """

    # Defaults of the class keep a future that nobody waits for down to one small object.
    _done = False
    _get_hook = None
    _value: Any = None
    _exc_info: OptExcInfo | None = None
    _home: _Host | None = None  # where the actor lives that is to resolve it
    _waiters: list[asyncio.Future[None] | threading.Event] | None = None
    _waiters_lock = threading.RLock()

    if not TYPE_CHECKING:  # in whose eyes this returns `Any`
        __init__ = object.__init__

    def get(self, *, timeout: float | None = None) -> Any:
        """Get the value; see [`pykka.Future.get()`][].

        Raises:
            pykka.Timeout: if it is not there after `timeout` seconds
            BlockingInEventLoop: if it is not there and this thread runs the loop that has to produce it
            pykka.ActorDeadError: if the loop of the asked actor was closed
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._done:
            if self._get_hook is not None:
                return super().get(timeout=timeout)
            if timeout is _AWAITING:
                raise _Pending(self)
            self._block(timeout, deadline)
        if self._exc_info is None:
            return self._value
        exc_type, exc_value, exc_traceback = self._exc_info
        assert exc_type is not None
        if exc_value is None:
            exc_value = exc_type()
        raise exc_value.with_traceback(exc_traceback)

    def _block(self, timeout: float | None, deadline: float | None) -> None:
        remaining = _CLOSED_LOOP_POLL if deadline is None else deadline - time.monotonic()
        if remaining <= 0:
            raise Timeout(f"{timeout} seconds")
        loop = running_loop()
        if loop is not None and (self._home is None or self._home.loop is loop):
            raise BlockingInEventLoop("get() of an unresolved future would block its event loop: await it")
        event = threading.Event()
        self._add_waiter(event)
        event.wait(min(remaining, _CLOSED_LOOP_POLL))
        self._remove_waiter(event)
        self._fail_if_orphaned()

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the value without blocking the loop; raise what was set as an exception."""
        if not self._done and self._home is not None:
            self._home.help(self)
        value: T
        if self._done and self._exc_info is None:
            value = self._value
            return value
        while not self._done and self._get_hook is None:
            loop = get_running_loop()
            waiter = loop.create_future()
            self._add_waiter(waiter)
            timer = None
            if self._home is not None and self._home.loop is not loop:
                timer = loop.call_later(_CLOSED_LOOP_POLL, _resolve, waiter)
            try:
                yield from waiter
            finally:
                if timer is not None:
                    timer.cancel()
                    self._fail_if_orphaned()
                if not self._done:
                    self._remove_waiter(waiter)
        while True:
            try:
                value = self.get(timeout=_AWAITING)
            except _Pending as pending:
                source = pending.future
            except Timeout:
                # A hook on another kind of future: only by blocking some other thread can we wait for that.
                value = yield from get_running_loop().run_in_executor(None, self.get)
                return value
            else:
                return value
            with suppress(Exception):  # which get() raises again, through the hook
                yield from source

    __iter__ = __await__

    def set(self, value: Any = None) -> None:
        """Set the value and wake who waits for it."""
        if self._done or self._get_hook is not None:
            raise queue.Full
        self._value = value
        self._done = True
        if self._waiters is not None:
            self._wake()

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Set an exception (by default the one being handled) and wake who waits."""
        assert exc_info is None or len(exc_info) == 3
        if self._done or self._get_hook is not None:
            raise queue.Full
        self._exc_info = exc_info or sys.exc_info()
        self._done = True
        if self._waiters is not None:
            self._wake()

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Set a function that produces the value when it is asked for.

        It has to hand its timeout on to the futures that it gets. While this future is awaited, it is called
        again each time when one of those is resolved. It may run twice when two threads ask at the same time.
        """
        if self._done:
            raise queue.Full
        Future.__init__(self)
        super().set_get_hook(func)
        if self._waiters is not None:
            self._wake()

    # Who waits adds the waiter and then looks for the result; who sets the result then looks for waiters. So
    # one of both sees the other, whichever threads they are on.

    def _add_waiter(self, waiter: asyncio.Future[None] | threading.Event) -> None:
        waiters = [waiter]
        with self._waiters_lock:
            if self._waiters is None:
                self._waiters = waiters
            else:
                self._waiters.append(waiter)
        if self._done or self._get_hook is not None:
            self._wake()

    def _remove_waiter(self, waiter: asyncio.Future[None] | threading.Event) -> None:
        with self._waiters_lock:
            if self._waiters and waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        with self._waiters_lock:
            waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if isinstance(waiter, threading.Event):
                waiter.set()
                continue
            loop = waiter.get_loop()
            if loop is running_loop():
                _resolve(waiter)
            elif not loop.is_closed():
                try:
                    loop.call_soon_threadsafe(_resolve, waiter)
                except RuntimeError:
                    logger.debug("The loop of a waiting coroutine was closed")

    def _fail_if_orphaned(self) -> None:
        if self._home is not None and self._home.loop.is_closed() and not self._done:
            error = ActorDeadError("The event loop of the actor was closed before it replied")
            self.set_exception((ActorDeadError, error, None))


class LoopReply(asyncio.Future[T]):
    """A reply that is awaited on the actor's own loop, at a third of the cost of an `EventLoopFuture`.

    For `EventLoopRef.forward()`. Setting it twice raises `queue.Full`; if nobody waits for it any more, nothing does.
    """

    _home: _Host | None = None

    def set(self, value: T) -> None:
        if self._is_waited_for():
            self.set_result(value)

    def set_exception(self, exc_info: OptExcInfo) -> None:  # type: ignore[override]  # as in pykka.Future
        if self._is_waited_for():
            error = exc_info[1]
            assert error is not None
            super().set_exception(error)

    def _is_waited_for(self) -> bool:
        if self.done() and not self.cancelled():
            raise queue.Full
        return not self.done()


Reply: TypeAlias = EventLoopFuture[T] | LoopReply[T]
"""Where a reply goes: what an asker has, what an actor defers and forwards."""


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class _Host:
    """An event loop and the actors on it that have something to do."""

    __slots__ = (
        "context",
        "help_left",
        "lock",
        "loop",
        "ready",
        "replying",
        "scheduled",
        "spare",
        "tasks",
        "thread",
    )

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        # Guards the inboxes of all actors on the loop. Re-entrant, because the garbage collector may strike
        # inside and run a finalizer that tells an actor something.
        self.lock = threading.RLock()
        self.ready: deque[EventLoopActor] = deque()
        self.scheduled = False
        self.spare: deque[_Item] | None = None  # an empty inbox to use again, which is faster than a new one
        self.thread = 0  # that runs the loop
        self.help_left = 0
        self.tasks: set[asyncio.Task[None]] = set()  # of suspended handlers
        self.replying: _Reply | None = None  # what the handler that runs now has to reply to
        self.context = Context()  # of handlers: they do not see the context variables of who woke the loop

    def schedule(self, actor: EventLoopActor) -> None:
        """Let the actor work on the next turn of the loop."""
        self.ready.append(actor)
        if not self.scheduled:
            self.wake()

    def wake(self) -> None:
        # Set before the call, cleared before the work: whoever appends an actor afterwards either sees it
        # cleared and wakes the loop, or is seen by the turn that clears it.
        self.scheduled = True
        if running_loop() is self.loop:
            self.loop.call_soon(self.turn, context=self.context)
            return
        try:
            self.loop.call_soon_threadsafe(self.turn, context=self.context)
        except RuntimeError as error:
            raise ActorDeadError("The event loop of the actor is closed") from error

    def refuse_blocking(self) -> None:
        """Raise `BlockingInEventLoop` on the thread that runs the loop."""
        if running_loop() is self.loop:
            raise BlockingInEventLoop("Blocking here would stop the actor's own event loop: await a future")

    def turn(self) -> None:
        """Let the actors that are ready work, each on a few messages."""
        self.scheduled = False
        self.thread = get_ident()
        self.help_left = left = _MESSAGES_PER_TURN
        ready = self.ready
        try:
            while left > 0 and ready:
                left -= ready.popleft()._work()
        finally:
            if ready and not self.scheduled:
                self.wake()

    def help(self, future: EventLoopFuture[Any]) -> None:
        """Let actors work at once, for a task that is about to wait for one of them.

        Most often that resolves the future, and the task need not be suspended and resumed two turns later.
        How much of this there may be between two turns is limited: others on the loop want to get on, too.
        """
        if self.help_left <= 0 or self.thread != get_ident() or (task := current_task(self.loop)) is None:
            return
        _leave_task(self.loop, task)  # handlers do not run as part of that task
        try:
            while self.help_left > 0 and self.ready and not future._done:
                self.help_left -= self.context.run(self.ready.popleft()._work)
        finally:
            _enter_task(self.loop, task)


_hosts: dict[AbstractEventLoop, _Host] = {}
_hosts_lock = threading.RLock()
_background: _Host | None = None


def _host_here() -> _Host:
    """The host of the running loop, or of the background loop where none is running."""
    loop = running_loop()
    host = _background if loop is None else _hosts.get(loop)
    if host is not None and not host.loop.is_closed():
        return host
    with _hosts_lock:
        if loop is None:
            return _start_background()
        for closed in [known for known in _hosts if known.is_closed()]:
            del _hosts[closed]
        return _hosts.setdefault(loop, _Host(loop))


def _start_background() -> _Host:
    global _background
    if _background is None:
        loop = asyncio.new_event_loop()
        # A daemon, so that the interpreter can exit with actors alive; stopped properly when it does.
        thread = threading.Thread(target=loop.run_forever, name="EventLoopActor", daemon=True)
        thread.start()
        _background = _hosts[loop] = _Host(loop)

        def stop() -> None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=5)
            if not thread.is_alive():
                loop.close()

        atexit.register(stop)
    return _background


class _StoppedEvent(threading.Event):
    """An actor's stopped flag with the interface of `threading.Event`, made when it is asked for."""

    def __init__(self, ref: EventLoopRef[Any]) -> None:
        self._ref = ref

    def is_set(self) -> bool:
        actor = self._ref._actor
        return actor is None or actor._stopped

    def set(self) -> None:
        if (actor := self._ref._actor) is not None:
            actor._leave()

    def clear(self) -> None:
        raise TypeError("A stopped actor cannot be restarted")

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (actor := self._ref._actor) is not None and not actor._stopped:
            actor._host.refuse_blocking()
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        return True


class _Inbox:
    """An actor's inbox with the interface that Pykka documents, made when it is asked for."""

    def __init__(self, ref: EventLoopRef[Any]) -> None:
        self._ref = ref

    def put(self, envelope: Envelope[Any], /) -> None:
        if (actor := self._ref._actor) is None:
            raise self._ref._dead()
        actor._put((envelope.message, envelope.reply_to))

    def get(self) -> Envelope[Any]:
        raise TypeError("Only its event loop takes messages out of an actor's inbox")

    def empty(self) -> bool:
        return (actor := self._ref._actor) is None or not actor._inbox


class EventLoopRef(ActorRef[A]):
    """Reference to an `EventLoopActor`, which may safely be passed around among threads and loops.

    As long as the actor is alive, its refs keep it alive.
    """

    __slots__ = ("_actor", "_urn", "actor_class")

    def __init__(self, actor: A) -> None:
        self._actor: A | None = actor
        self._urn: str | None = None
        self.actor_class = actor.__class__

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle {self!r}: it is valid in its process only")

    if not TYPE_CHECKING:  # Pykka declares these as plain attributes, we make them when they are asked for

        @property
        def actor_urn(self):
            if self._urn is None:
                with _hosts_lock:
                    self._urn = self._urn or uuid.uuid4().urn
            return self._urn

        @property
        def actor_inbox(self):
            return _Inbox(self)

        @property
        def actor_stopped(self):
            return _StoppedEvent(self)

        def _actor_weakref(self):  # by which ActorProxy finds the actor
            return self._actor

    def _dead(self) -> ActorDeadError:
        return ActorDeadError(f"{self} not found")

    def is_alive(self) -> bool:
        """Check that the actor is neither stopped nor bereft of its event loop."""
        actor = self._actor
        return actor is not None and not actor._stopped and not actor._host.loop.is_closed()

    def tell(self, message: Any) -> None:
        """Send message to actor without waiting for any response. Never blocks.

        Raises:
            pykka.ActorDeadError: if the actor is stopped or its loop closed
            MailboxFull: if `mailbox_limit` messages wait already
        """
        if (actor := self._actor) is None:
            raise self._dead()
        actor._put((message, None))

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send message to actor and get its reply, or with `block=False` a future that can be awaited.

        Raises:
            BlockingInEventLoop: if `block` on the thread that runs the actor's loop; nothing is sent then
            MailboxFull: if `mailbox_limit` messages wait already
            pykka.Timeout: if blocking and there is no reply after `timeout` seconds
            Exception: if blocking, any exception that the actor raised
        """
        if block:
            self._refuse_blocking()
        future: EventLoopFuture[Any] = EventLoopFuture()
        try:
            if (actor := self._actor) is None:
                raise self._dead()
            future._home = actor._host
            actor._put((message, future))
        except ActorDeadError:
            future.set_exception()
        return future.get(timeout=timeout) if block else future

    def forward(self, message: Any, reply_to: Reply[Any]) -> None:
        """Send a message whose reply goes to `reply_to`, which the sender has made, or an actor has deferred.

        Raises:
            MailboxFull: if `mailbox_limit` messages wait already; the future is still the sender's then
        """
        try:
            if (actor := self._actor) is None:
                raise self._dead()
            actor._put((message, reply_to))
            reply_to._home = actor._host
        except ActorDeadError as error:
            reply_to.set_exception((ActorDeadError, error, None))

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Stop the actor after the messages that it was sent before; see [`pykka.ActorRef.stop()`][].

        Raises:
            BlockingInEventLoop: if `block` on the thread that runs the actor's loop; nothing is sent then
        """
        if block:
            self._refuse_blocking()
        return super().stop(block=block, timeout=timeout)

    def _refuse_blocking(self) -> None:
        if (actor := self._actor) is not None and not actor._stopped:
            actor._host.refuse_blocking()


class EventLoopActor(Actor):
    """Implementation of [`pykka.Actor`][] on an asyncio event loop."""

    __slots__ = ("_actor_ref", "_host", "_inbox", "_stopped")

    mailbox_limit: int | None = None
    """How many messages may wait for the actor, not counting the one that it handles. `None`: any number."""

    registered: ClassVar[bool] = True
    """Whether actors of this class are kept in [`pykka.ActorRegistry`][], a list that every stop searches.

    An actor that is not kept there lives while something refers to it, and `stop_all()` does not stop it.
    """

    _actor_ref: EventLoopRef[Any]
    _inbox: deque[_Item] | None  # `None` while idle; otherwise its work is scheduled or going on

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Create actor. Subclasses must call this, as in [`pykka.Actor`][]."""
        self._host = _host_here()
        self._stopped = False
        self._inbox = deque()  # so that nothing is scheduled before the start
        self._actor_ref = EventLoopRef(self)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> EventLoopRef[Self]:
        """Start an actor on the running loop or, where none is running, on the background loop.

        Any arguments are passed on to the class constructor.
        """
        actor = cls(*args, **kwargs)
        assert hasattr(actor, "_actor_ref"), "Did you forget to call super().__init__() in your override?"
        if cls.registered:
            ActorRegistry.register(actor.actor_ref)
        logger.debug("Starting %s", actor)
        actor._start_actor_loop()
        return actor._actor_ref

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise TypeError("An EventLoopActor has no inbox before there is a message")

    @staticmethod
    def _create_future() -> EventLoopFuture[Any]:
        return EventLoopFuture()

    def _start_actor_loop(self) -> None:
        with self._host.lock:
            assert self._inbox is not None
            if type(self).on_start is not EventLoopActor.on_start:
                self._inbox.appendleft((_Start(), None))
            if not self._inbox:
                self._inbox = None
                return
        self._host.schedule(self)

    if not TYPE_CHECKING:  # plain attributes in Pykka

        @property
        def actor_urn(self):
            return self._actor_ref.actor_urn

        @property
        def actor_inbox(self):
            return self._actor_ref.actor_inbox

        @property
        def actor_stopped(self):
            return self._actor_ref.actor_stopped

    def defer_reply(self) -> Reply[Any]:
        """Take over the reply to the message that is being handled; what the handler returns is none then.

        Whoever has the future sets it, or hands it on. Only in a handler that is not `async`, and only for a
        message that was asked with a future of this runtime.
        """
        reply, self._host.replying = self._host.replying, None
        if not isinstance(reply, EventLoopFuture | LoopReply):
            raise TypeError("there is no reply to defer: the message was told, or its handler is async")
        return reply

    def own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine beside the messages, on the actor's loop; cancel it in `on_stop()`.

        If it raises, the actor fails as if a handler had: it is logged, the actor stops, `on_failure()` is called.
        """
        task = self._host.loop.create_task(work, name=name)
        self._host.tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[None]) -> None:
        self._host.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            failure = type(error), error, error.__traceback__
            self._handle_failure(*failure)
            self.on_failure(*failure)

    def on_start(self) -> Any:
        """Run code before the first message; see [`pykka.Actor.on_start()`][]. May be `async`."""

    def on_stop(self) -> Any:
        """Run code after the last message; see [`pykka.Actor.on_stop()`][]. May be `async`."""

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        """Run code after an unhandled exception; see [`pykka.Actor.on_failure()`][]. May be `async`."""

    def _put(self, item: _Item) -> None:
        host = self._host
        if host.loop.is_closed():
            self._end()
        host.lock.acquire()  # not `with`, which takes twice as long
        try:
            if self._stopped:
                raise self._actor_ref._dead()
            inbox = self._inbox
            if inbox is not None:
                limit = self.mailbox_limit
                if limit is not None and len(inbox) >= limit and not isinstance(item[0], _ActorStop):
                    raise MailboxFull(f"{limit} messages wait for {self._actor_ref} already")
                inbox.append(item)
                return
            if host.spare is None:
                self._inbox = deque((item,))
            else:
                self._inbox, host.spare = host.spare, None
                self._inbox.append(item)
        finally:
            host.lock.release()
        host.ready.append(self)  # schedule(), written out for speed
        if not host.scheduled:
            host.wake()

    def _work(self) -> int:
        """Handle some of the messages that wait and return how many it were, at least one."""
        inbox = self._inbox
        assert inbox is not None
        host = self._host
        for count in range(_MESSAGES_PER_SLICE):
            if self._stopped:
                self._end()
                return count + 1
            if not inbox:
                lock = host.lock
                lock.acquire()
                try:
                    if not inbox:
                        self._inbox, host.spare = None, inbox
                        return count or 1
                finally:
                    lock.release()
            message, reply = inbox.popleft()
            host.replying = reply
            try:
                if isinstance(message, tuple):  # as all messages of Pykka's own are
                    response = self._handle_receive(message)
                else:
                    response = self.on_receive(message)
                if response.__class__ is CoroutineType:
                    host.replying = None
                    self._suspend(response, message, reply)
                    return count + 1
                if reply is not None and host.replying is reply:
                    reply.set(response)
                host.replying = None
            except BaseException:
                after = self._failed(message, host.replying)
                if after is not None:
                    self._suspend(after, _Start(), None)
                    return count + 1
        host.ready.append(self)  # behind the others; the turn looks at who is left
        return _MESSAGES_PER_SLICE

    def _suspend(self, handler: _Handler, message: Any, reply: _Reply | None) -> None:
        """Run the handler as a task. The actor's inbox stays and so does not schedule work meanwhile."""
        task = self._host.loop.create_task(self._finish(handler, message, reply))
        self._host.tasks.add(task)
        task.add_done_callback(self._host.tasks.discard)

    async def _finish(self, handler: _Handler | None, message: Any, reply: _Reply | None) -> None:
        while handler is not None:
            try:
                response = await handler
                if reply is not None:
                    reply.set(response)
                handler = None
            except GeneratorExit:  # the task is thrown away together with its loop
                raise
            except BaseException:
                handler = self._failed(message, reply)
                message, reply = _Start(), None
        self._host.schedule(self)

    def _failed(self, message: Any, reply: _Reply | None) -> _Handler | None:
        """Do what Pykka does when handling a message raised, and return what remains to be awaited."""
        exc_info = sys.exc_info()
        error = exc_info[1]
        task = asyncio.current_task() if isinstance(error, CancelledError) else None
        if task is not None and task.cancelling():  # the loop is shut down
            self._leave()
            self._reply_dead(reply)
            return None
        if not isinstance(error, Exception | CancelledError):
            logger.debug("%r in %s. Stopping all actors.", error, self)
            self._reply_dead(reply)
            after: _Handler | None = self._stop()
            ActorRegistry.stop_all(block=False)
            return after
        if reply is not None:
            logger.info("Exception returned from %s to caller:", self, exc_info=exc_info)
            with suppress(queue.Full):
                reply.set_exception(exc_info)
            return None
        self._handle_failure(*exc_info)
        if isinstance(message, _Start):  # or any other hook
            return None
        try:
            after = self.on_failure(*exc_info)
        except Exception:
            self._handle_failure(*sys.exc_info())
            return None
        return after if isinstance(after, CoroutineType) else None

    def _handle_receive(self, message: Any) -> Any:
        return self.on_start() if isinstance(message, _Start) else super()._handle_receive(message)

    def _stop(self) -> Any:
        self._leave()
        logger.debug("Stopped %s", self)
        try:
            after = self.on_stop()
        except Exception:
            self._handle_failure(*sys.exc_info())
            return None
        return self._finish_on_stop(after) if isinstance(after, CoroutineType) else None

    async def _finish_on_stop(self, on_stop: _Handler) -> None:
        try:
            await on_stop
        except Exception:
            self._handle_failure(*sys.exc_info())

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        logger.error("Unhandled exception in %s:", self, exc_info=exception_value)
        self._leave()

    def _leave(self) -> None:
        if self.registered and not self._stopped:
            ActorRegistry.unregister(self.actor_ref)
        self._stopped = True

    def _end(self) -> None:
        """Answer what is left in the inbox, and let go of the actor."""
        self._leave()
        with self._host.lock:
            left, self._inbox = self._inbox, None
        self._actor_ref._actor = None
        for message, reply in left or ():
            if isinstance(message, _ActorStop) and reply is not None:
                with suppress(queue.Full):
                    reply.set(None)
            else:
                self._reply_dead(reply)

    def _reply_dead(self, reply: _Reply | None) -> None:
        if reply is not None:
            error = ActorDeadError(f"{self._actor_ref} stopped before handling the message")
            with suppress(queue.Full):  # who waited from outside the closed loop has found out already
                reply.set_exception((ActorDeadError, error, None))
