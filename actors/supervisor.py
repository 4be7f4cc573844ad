"""The supervisor: it starts, finds, restarts and passivates the session actors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from cachetools import TTLCache
from pykka import ActorDeadError, ActorRef

from actors import metrics
from actors.runtime import EventLoopActor, EventLoopRef, LoopReply, MailboxFull
from actors.session import Passivate, SessionActor, Surroundings
from actors.storage import Tide
from protocols.messages import ExtendTime, Message, SessionCommand, Unavailable, is_of_session

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


class Sessions:
    """The sessions by user, in their generations. Only the supervisor changes it; who asks a session looks here."""

    __slots__ = ("idle", "old", "young")

    def __init__(self) -> None:
        self.young: dict[int, EventLoopRef[SessionActor]] = {}
        self.old: dict[int, EventLoopRef[SessionActor]] = {}
        self.idle: dict[int, EventLoopRef[SessionActor]] = {}  # about to be passivated


class Supervisor(EventLoopActor):
    """Keeps the sessions by user, and sends a command to its user's session, which it starts if need be.

    Sessions stand in two generations. Whoever is spoken to is young; every half of the idle time the young become
    old, and those that were old already and are so still are passivated. So finding who is idle costs nothing.
    """

    registered = False
    mailbox_limit = 100_000

    def __init__(self, surroundings: Surroundings, sessions: Sessions, idle_seconds: float) -> None:
        super().__init__()
        self._surroundings = surroundings
        self._idle_seconds = idle_seconds
        self._sessions = sessions
        metrics.SESSIONS.set_function(lambda: len(sessions.old) + len(sessions.young))
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
        sessions = self._sessions
        left = (*sessions.young.values(), *sessions.old.values(), *sessions.idle.values())
        for number, ref in enumerate(left):
            _passivate(ref)
            if number % PASSIVATED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def on_receive(self, message: object) -> None:
        if is_of_session(message):
            session = self._session(message.user)
            reply_to = self.defer_reply()
            try:
                session.forward(message, reply_to)
            except MailboxFull as error:
                reply_to.set_exception((MailboxFull, error, None))
        elif isinstance(message, Failed):
            self._back_off(message.user)
        else:
            raise TypeError(f"not a message for the supervisor: {message!r}")

    def _session(self, user: int) -> EventLoopRef[SessionActor]:
        sessions = self._sessions
        ref = sessions.young.get(user)
        if ref is None:
            ref = sessions.old.pop(user, None) or sessions.idle.pop(user, None)
            if ref is not None:
                sessions.young[user] = ref
        if ref is None or not ref.is_alive():
            ref = self._start_session(user)
        return ref

    def _start_session(self, user: int) -> EventLoopRef[SessionActor]:
        backoff = self._backoffs.get(user)
        if backoff is not None and backoff.until > self._time():
            seconds = int(backoff.until - self._time()) + 1
            raise Unavailable("Your training cannot be loaded at the moment. Please try again.", seconds)
        ref = SessionActor.start(user, self._surroundings)
        self._sessions.young[user] = ref
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
            sessions = self._sessions
            sessions.idle, sessions.old, sessions.young = sessions.old, sessions.young, {}
            passivated = 0
            while sessions.idle:
                user, ref = sessions.idle.popitem()
                if ref.is_alive():
                    # Until it has gone it can still be found: a new one must not start beside it.
                    sessions.old[user] = ref
                    _passivate(ref)
                    passivated += 1
                    if passivated % PASSIVATED_AT_ONCE == 0:
                        await asyncio.sleep(0)
            metrics.PASSIVATED.inc(passivated)


def _passivate(ref: ActorRef[SessionActor]) -> None:
    try:
        ref.tell(Passivate())
    except (ActorDeadError, MailboxFull):
        return  # gone already, or anything but idle


class ToSessions:
    """The way to the sessions. A session that is awake is asked directly, any other through the supervisor."""

    def __init__(self, supervisor: EventLoopRef[Supervisor], sessions: Sessions, tide: Tide) -> None:
        self._supervisor = supervisor
        self._sessions = sessions
        self._tide = tide
        self._loop = asyncio.get_running_loop()

    async def ask(self, command: SessionCommand) -> Message:
        """The reply of the user's session, which is started if need be. Raises a `Refusal`."""
        if self._tide.held is not None and not isinstance(command, ExtendTime):
            raise Unavailable(f"Nothing is accepted for a moment: {self._tide.held}.")
        awake = self._sessions.young.get(command.user)
        # A command that was not handled, because the session had just been passivated or was ended, is sent again.
        for ref in (awake, self._supervisor, self._supervisor):
            self._tide.refuse_if_down()
            if ref is None:
                continue
            reply: LoopReply[Message] = LoopReply(loop=self._loop)
            try:
                ref.forward(command, reply)
                return await reply
            except MailboxFull:
                metrics.MAILBOX_FULL.inc()
                raise Unavailable("Too many of your requests are waiting. Please try again.") from None
            except ActorDeadError:
                continue
        with suppress(ActorDeadError, MailboxFull):
            self._supervisor.tell(Failed(command.user))
        raise Unavailable("Your training cannot be loaded at the moment. Please try again.")
