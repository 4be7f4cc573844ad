"""The per-user actor: it holds the user's whole training state, and runs the pure rules on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from random import Random

import orjson
import structlog
from pydantic import TypeAdapter
from pykka import ActorDeadError, ActorRef

from actors.bank import Bank
from actors.runtime import EventLoopActor
from actors.storage import Append, Load, SaveSnapshot, StorageActor
from actors.training import rules, views
from actors.training.rules import Context
from actors.training.state import UnreadableSnapshot, from_bytes, to_bytes
from protocols.messages import (
    AnyEvent,
    ExtendTime,
    JournalEvent,
    Message,
    Refusal,
    SessionCommand,
    Unavailable,
    is_of_session,
)
from storage.postgres.journal import History, Record

log = structlog.get_logger()

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(JournalEvent)
EVENTS_BETWEEN_SNAPSHOTS = 200


@dataclass(frozen=True, slots=True)
class Passivate:
    """Leave memory if nobody has anything to say."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions share; one object for all of them."""

    storage: ActorRef[StorageActor]
    bank: Bank
    clock: Callable[[], int]
    random: Random
    mailbox: int


class SessionActor(EventLoopActor):
    """One user's session.

    The reply to a command leaves when the events that it rests on are durable; meanwhile the next command is
    decided already. If a commit fails, the storage actor stops the session, and a new one begins at what is durable.
    """

    __slots__ = ("_refused", "_seq", "_snapshot_seq", "_state", "_surroundings", "_unanswered")

    registered = False

    def __init__(self, user: int, surroundings: Surroundings) -> None:
        super().__init__()
        self._surroundings = surroundings
        self._state = rules.initial(user)
        self._seq = 0
        self._snapshot_seq = 0
        self._unanswered = 0  # commands whose replies wait for their commits
        self._refused: str | None = None  # what is told to all who wait for a session that cannot be loaded now

    @property
    def mailbox_limit(self) -> int:  # type: ignore[override]
        return self._surroundings.mailbox

    async def on_start(self) -> None:  # type: ignore[override]  # may be async here
        try:
            await self._load()
        except Refusal as refusal:
            log.debug("a session is not loaded", user=self._state.user, why=refusal.detail)
            self._refused = refusal.detail
            self.stop()

    async def _load(self) -> None:
        user = self._state.user
        storage = self._surroundings.storage
        history: History = await storage.ask(Load(user), block=False)
        state = self._state
        if history.snapshot is not None:
            try:
                state = from_bytes(history.snapshot)
                self._snapshot_seq = history.seq
            except UnreadableSnapshot as error:
                log.warning(
                    "a snapshot is left aside, the journal is read from its beginning", user=user, why=str(error)
                )
                history = await storage.ask(Load(user, whole=True), block=False)
        self._state = reduce(rules.evolve, map(EVENT.validate_json, history.events), state)
        self._seq = history.seq + len(history.events)

    def on_receive(self, message: object) -> None:
        if is_of_session(message):
            self._answer(message)
        elif isinstance(message, Passivate):
            self._passivate()
        else:
            raise TypeError(f"not a message for a session: {message!r}")

    def _answer(self, command: SessionCommand) -> None:
        """Decide, remember, and hand events and reply to the storage actor, which replies once they are durable."""
        if self._refused is not None:
            raise Unavailable(self._refused)
        around = self._surroundings
        if self._unanswered >= around.mailbox:
            raise Unavailable("Too many of your requests are waiting. Please try again.")
        context = Context(around.clock(), around.bank, around.random)
        state = self._state
        # Before time has its say, an outage gives back what it took of it.
        events = () if command.__class__ is ExtendTime else rules.expire(state, context.now)
        for event in events:
            state = rules.evolve(state, event)
        reply: Message | Refusal
        try:
            decided = rules.decide(state, command, context)
            for event in decided:
                state = rules.evolve(state, event)
            reply = views.reply(state, command, context)
            events += decided
        except Refusal as refusal:
            if not events:
                raise
            state = reduce(rules.evolve, events, self._state)  # that the time was up is so, whatever was asked
            reply = refusal
        seq = self._seq
        records = []
        for event in events:
            seq += 1
            # An event is plain JSON all through, which orjson writes in a third of pydantic's time.
            records.append(Record(command.user, seq, orjson.dumps(event, default=vars).decode()))
        # Told before anything is remembered: if the storage actor cannot take it, nothing has happened.
        reply_to = self.defer_reply()
        try:
            around.storage.tell(Append(command.user, tuple(records), reply, reply_to, self._actor_ref, self._replied))
        except ActorDeadError:
            stopping = Unavailable("Nothing can be saved: the service is stopping.")
            reply_to.set_exception((Unavailable, stopping, None))
            return
        self._unanswered += 1
        self._state = state
        self._seq = seq
        if self._seq - self._snapshot_seq >= EVENTS_BETWEEN_SNAPSHOTS:
            self._save_snapshot()

    def _replied(self) -> None:
        self._unanswered -= 1

    def _passivate(self) -> None:
        if self.actor_inbox.empty():
            if self._seq > self._snapshot_seq:
                self._save_snapshot()
            self.stop()

    def _save_snapshot(self) -> None:
        self._surroundings.storage.tell(SaveSnapshot(self._state.user, self._seq, to_bytes(self._state)))
        self._snapshot_seq = self._seq
