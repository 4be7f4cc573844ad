"""The supervisor: it starts, finds, restarts and passivates the session actors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from cachetools import TTLCache
from pykka import ActorDeadError, ActorRef

from actors import metrics
from actors.runtime import EventLoopActor, EventLoopRef, MailboxFull
from actors.session import Passivate, SessionActor, Surroundings
from actors.storage import Tide
from protocols.messages import Message, SessionCommand, Unavailable

log = structlog.get_logger()

PASSIVATED_AT_ONCE = 1_000
LONGEST_BACKOFF_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A user's session died with commands in its mailbox, again."""

    user: int


@dataclass(frozen=True, slots=True)
class _Backoff:
    failures: int
    until: float  # of the loop's clock


class Supervisor(EventLoopActor):
    """Keeps the sessions by user, and sends each command to its user's session.

    Sessions stand in two generations. Whoever is spoken to is young; every half of the idle time the young become
    old, and those that were old already and are so still are passivated. So finding who is idle costs nothing.
    """

    registered = False
    mailbox_limit = 100_000

    def __init__(self, surroundings: Surroundings, idle_seconds: float) -> None:
        super().__init__()
        self._surroundings = surroundings
        self._idle_seconds = idle_seconds
        self._young: dict[int, EventLoopRef[SessionActor]] = {}
        self._old: dict[int, EventLoopRef[SessionActor]] = {}
        self._idle: dict[int, EventLoopRef[SessionActor]] = {}  # about to be passivated
        loop = asyncio.get_running_loop()
        self._time: Callable[[], float] = loop.time
        self._backoffs: TTLCache[int, _Backoff] = TTLCache(10_000, 10 * LONGEST_BACKOFF_SECONDS, timer=loop.time)
        self._sweeper: asyncio.Task[None] | None = None

    def on_start(self) -> None:
        self._sweeper = self.own(self._sweep_forever(), "passivation")

    async def on_stop(self) -> None:  # type: ignore[override]  # may be async here
        """Let every session say its last word."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        left = (*self._young.values(), *self._old.values(), *self._idle.values())
        for number, ref in enumerate(left):
            _passivate(ref)
            if number % PASSIVATED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def on_receive(self, message: object) -> None:
        if isinstance(message, SessionCommand):
            session = self._session(message.user)
            reply_to = self.defer_reply()
            try:
                session.forward(message, reply_to)
            except MailboxFull:
                metrics.MAILBOX_FULL.inc()
                reply_to.set_exception()
        elif isinstance(message, Failed):
            self._back_off(message.user)
        else:
            raise TypeError(f"not a message for the supervisor: {message!r}")

    def _session(self, user: int) -> EventLoopRef[SessionActor]:
        ref = self._young.get(user)
        if ref is None:
            ref = self._old.pop(user, None) or self._idle.pop(user, None)
            if ref is not None:
                self._young[user] = ref
        if ref is None or not ref.is_alive():
            ref = self._start_session(user)
        return ref

    def _start_session(self, user: int) -> EventLoopRef[SessionActor]:
        backoff = self._backoffs.get(user)
        if backoff is not None and backoff.until > self._time():
            seconds = int(backoff.until - self._time()) + 1
            raise Unavailable("Your training cannot be loaded at the moment. Please try again.", seconds)
        ref = SessionActor.start(user, self._surroundings)
        self._young[user] = ref
        metrics.STARTED.inc()
        return ref

    def _back_off(self, user: int) -> None:
        backoff = self._backoffs.get(user)
        if backoff is not None and backoff.until > self._time():
            return  # each of the commands that waited for it reports the same failure
        failures = 1 if backoff is None else backoff.failures + 1
        seconds = min(0.5 * 2.0 ** min(failures, 60), LONGEST_BACKOFF_SECONDS)
        self._backoffs[user] = _Backoff(failures, self._time() + seconds)
        metrics.FAILED.inc()
        log.error("a session cannot be started", user=user, failures=failures, next_try_in_seconds=seconds)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(self._idle_seconds / 2)
            self._idle, self._old, self._young = self._old, self._young, {}
            passivated = 0
            while self._idle:
                user, ref = self._idle.popitem()
                if ref.is_alive():
                    # Until it has gone it can still be found: a new one must not start beside it.
                    self._old[user] = ref
                    _passivate(ref)
                    passivated += 1
                    if passivated % PASSIVATED_AT_ONCE == 0:
                        await asyncio.sleep(0)
            metrics.PASSIVATED.inc(passivated)
            metrics.SESSIONS.set(len(self._old) + len(self._young))


def _passivate(ref: ActorRef[SessionActor]) -> None:
    try:
        ref.tell(Passivate())
    except (ActorDeadError, MailboxFull):
        return  # gone already, or anything but idle


async def ask_session(supervisor: ActorRef[Supervisor], tide: Tide, command: SessionCommand) -> Message:
    """The reply of the user's session, which is started if need be. Raises a `Refusal`."""
    for _ in range(2):
        tide.refuse_if_down()
        try:
            reply: Message = await supervisor.ask(command, block=False)
            return reply
        except MailboxFull:
            raise Unavailable("Too many of your requests are waiting. Please try again.") from None
        except ActorDeadError:
            # It was not handled: the session had just been passivated, or was ended. A new one will.
            continue
    supervisor.tell(Failed(command.user))
    raise Unavailable("Your training cannot be loaded at the moment. Please try again.")
