"""Telegram's updates in their order, each once: https://core.telegram.org/api/updates.

How far they were handled is kept durably, and what came after it is asked for at the next start.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, TypeAlias

import structlog
from cachetools import LRUCache, TTLCache
from pyrogram import raw
from pyrogram.errors import RPCError
from pyrogram.raw.core import TLObject

from protocols import messages as m
from protocols.telegram import decoding, metrics
from protocols.telegram.connection import name_of
from protocols.telegram.handling import Handling
from protocols.telegram.sent import Sent
from protocols.telegram.values import Offline, Sender, Undelivered

log = structlog.get_logger()

Ask: TypeAlias = Callable[[m.Message], Awaitable[m.Message]]
People: TypeAlias = Mapping[int, raw.base.User]

GAP_SECONDS = 0.5  # what arrives out of order arrives soon; the documentation's own suggestion
IDLE_SECONDS = 60.0  # Telegram sometimes stops to send updates, or ends an authorization silently: it is asked
SAVE_SECONDS = 1.0
AGAIN_SECONDS = 1.0
MOST_WAITING = 5_000  # that wait to be handled; until half of it is, nothing is taken
MOST_HELD = 2_000  # updates that wait for one before them, or for a difference
REMEMBERED_PEOPLE = 50_000
REMEMBERED_UPDATES = 20_000
DIFFERENCE_SECONDS = 30.0
MOST_GROUPS, LEAVE_AGAIN_SECONDS = 1_000, 60.0

CONTAINERS = (
    raw.types.Updates,
    raw.types.UpdatesCombined,
    raw.types.UpdateShort,
    raw.types.UpdateShortMessage,
    raw.types.UpdateShortSentMessage,
    raw.types.UpdatesTooLong,
    raw.types.messages.AffectedMessages,
)
# Their pts are those of a channel.
OF_CHANNELS = (
    raw.types.UpdateNewChannelMessage,
    raw.types.UpdateEditChannelMessage,
    raw.types.UpdateDeleteChannelMessages,
    raw.types.UpdateChannelWebPage,
    raw.types.UpdatePinnedChannelMessages,
    raw.types.UpdateReadChannelInbox,
    raw.types.UpdateChannelTooLong,
)


class State(NamedTuple):
    """How far updates have come, as Telegram counts them."""

    pts: int
    qts: int
    date: int
    seq: int


class Calls(Protocol):
    """What is needed of a connection."""

    @property
    def bot(self) -> int: ...

    async def call(self, query: TLObject, seconds: float = ...) -> Any: ...


class StateUnknown(Exception):
    """Telegram cannot tell what came after the state that was kept."""


class _Step:
    """Something that is being handled, and how far updates have come when it is done."""

    __slots__ = ("done", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self.done = False


class _Held(NamedTuple):
    """An update that came before the one that it follows."""

    update: TLObject
    pts: int
    users: People


class Updates:
    """`receive` takes what comes; `handling` gets what people did, `sent` the ids of the bot's own messages."""

    def __init__(self, ask: Ask, handling: Handling, sent: Sent) -> None:
        self._ask = ask
        self._sent = sent
        self._handling = handling
        self._state: State | None = None  # up to which updates were taken; None: not known yet
        self._reached: State | None = None  # up to which all is handled
        self._saved: State | None = None
        self._steps: deque[_Step] = deque()
        self._held: dict[int, list[_Held]] = {}  # by the pts that they follow
        self._inbox: deque[TLObject] = deque()  # what comes while a difference is asked for
        self._gap: asyncio.TimerHandle | None = None
        self._behind = asyncio.Event()
        self._asking = False
        self._closed = False
        self._people: LRUCache[int, Sender] = LRUCache(REMEMBERED_PEOPLE)
        self._seen: LRUCache[tuple[str, int], None] = LRUCache(REMEMBERED_UPDATES)
        self._groups: dict[int, raw.types.Chat | raw.types.Channel] = {}  # that the bot was taken into, and is to leave
        self._left: TTLCache[int, None] = TTLCache(MOST_GROUPS, LEAVE_AGAIN_SECONDS)

    # --- What comes -----------------------------------------------------------------------------------------

    def receive(self, container: TLObject) -> None:
        """Take updates, and the answers of calls, which count as such; anything else is let be."""
        if not isinstance(container, CONTAINERS) or self._closed:
            return
        if self._state is None or self._asking:
            if len(self._inbox) < MOST_HELD:
                self._inbox.append(container)
            else:
                self._behind.set()
        elif self._handling.waiting >= MOST_WAITING:
            self._behind.set()  # Telegram keeps what cannot be taken now
        else:
            self._take(container)

    def reconnected(self) -> None:
        """Something may have been missed."""
        self._behind.set()

    def _take(self, container: TLObject) -> None:
        match container:
            case raw.types.Updates() | raw.types.UpdatesCombined():
                self._take_many(container)
            case raw.types.UpdateShort(update=update):
                self._take_one(update, {})
            case raw.types.UpdateShortMessage():
                if not container.out and container.user_id not in self._people:
                    self._behind.set()  # it does not tell who this is
                else:
                    self._in_turn(container, container.pts, container.pts_count, {})
            case raw.types.UpdateShortSentMessage() | raw.types.messages.AffectedMessages():
                self._in_turn(container, container.pts, container.pts_count, {})
            case raw.types.UpdatesTooLong():
                self._behind.set()

    def _take_many(self, container: raw.types.Updates | raw.types.UpdatesCombined) -> None:
        state = self._known()
        first = getattr(container, "seq_start", container.seq)
        if container.seq and first > state.seq + 1:
            self._behind.set()
            return
        repeated = 0 < container.seq <= state.seq
        users = {user.id: user for user in container.users}
        self._note_groups(container.chats)
        for update in container.updates:
            if not (repeated and getattr(update, "pts", None) is None):
                self._take_one(update, users)
        state = self._known()
        self._advance(state._replace(seq=max(state.seq, container.seq), date=max(state.date, container.date)))

    def _take_one(self, update: TLObject, users: People) -> None:
        pts = getattr(update, "pts", None)
        if isinstance(update, OF_CHANNELS):
            return
        if pts is not None:
            self._in_turn(update, pts, getattr(update, "pts_count", 0), users)
            return
        qts = getattr(update, "qts", None) or 0
        state = self._known()
        if qts > state.qts + 1:
            self._behind.set()
            return
        if 0 < qts <= state.qts:
            return
        self._hand_on(update, users)
        if qts:
            self._advance(state._replace(qts=qts))

    def _in_turn(self, update: TLObject, pts: int, count: int, users: People) -> None:
        """Take an update that counts, when all before it were taken."""
        state = self._known()
        before = pts - count
        if before > state.pts:
            self._hold(before, _Held(update, pts, users))
        elif pts > state.pts or (count == 0 and pts == state.pts):
            if before < state.pts:
                self._behind.set()  # it counts some that were taken, and some that were not
                return
            self._pass(update, pts, users)
            while self._held and (following := self._held.pop(self._known().pts, None)):
                for held in following:
                    self._pass(held.update, held.pts, held.users)
            self._time_gap()

    def _pass(self, update: TLObject, pts: int, users: People) -> None:
        self._hand_on(update, users)
        state = self._known()
        self._advance(state._replace(pts=max(state.pts, pts)))

    def _hold(self, before: int, held: _Held) -> None:
        if len(self._held) >= MOST_HELD:
            self._behind.set()
            return
        self._held.setdefault(before, []).append(held)
        if self._gap is None:
            self._time_gap()

    def _time_gap(self) -> None:
        """Ask for what is missing when nothing has come for a while that could follow."""
        if self._gap is not None:
            self._gap.cancel()
            self._gap = None
        if self._held:
            self._gap = asyncio.get_running_loop().call_later(GAP_SECONDS, self._behind.set)

    def _hand_on(self, update: TLObject, users: People) -> None:
        """Have it handled, if it is something that a person did, and has not been before."""
        try:
            self._submit(update, users)
        except Exception:  # one that cannot be read must not stop those after it
            log.exception("an update was let be", update=type(update).__name__)

    def _submit(self, update: TLObject, users: People) -> None:
        if isinstance(update, raw.types.UpdateMessageID):
            self._sent.learn(update.random_id, update.id)
            return
        person = decoding.person_of(update)
        if person is None:
            return
        user = users.get(person)
        if isinstance(user, raw.types.User) and not (user.min and person in self._people):
            if user.bot or user.is_self:
                return
            self._people[person] = decoding.sender(user)
        by = self._people.get(person)
        incoming = decoding.incoming(update, by)
        if incoming is None:
            if by is None:
                log.warning("an update of somebody unknown was let be", update=type(update).__name__)
            return
        identity = decoding.identity(update)
        if identity is not None:
            if identity in self._seen:
                metrics.UPDATES.labels("repeated").inc()
                return
            self._seen[identity] = None
        step = _Step(self._known())
        self._steps.append(step)
        self._handling.submit(incoming, lambda: self._done(step))

    # --- How far they have come -----------------------------------------------------------------------------

    def _known(self) -> State:
        assert self._state is not None
        return self._state

    def _advance(self, state: State) -> None:
        self._state = state
        if self._steps:
            self._steps[-1].state = state
        else:
            self._reached = state

    def _done(self, step: _Step) -> None:
        step.done = True
        while self._steps and self._steps[0].done:
            self._reached = self._steps.popleft().state

    async def save(self, bot: int) -> None:
        """Keep how far all is handled, if that has changed. Raises a `Refusal`."""
        reached = self._reached
        if reached is not None and reached != self._saved:
            pts, qts, date, seq = reached
            state = m.UpdatesState(bot=bot, pts=pts, qts=qts, date=date, seq=seq)
            await self._ask(m.SaveUpdatesState(state=state))
            self._saved = reached

    async def keep_saving(self, bot: int) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            try:
                await self.save(bot)
            except m.Refusal as refusal:
                log.warning("how far updates were handled is not kept yet", why=refusal.detail)

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True

    # --- What was missed ------------------------------------------------------------------------------------

    async def run(self, calls: Calls) -> None:
        """Ask Telegram for what was missed, whenever something was. Until cancelled."""
        await self._load(calls.bot)
        while True:
            with suppress(TimeoutError):  # then it is asked to be sure
                async with asyncio.timeout(IDLE_SECONDS):  # `wait_for` of Python 3.11 may swallow a cancellation
                    await self._behind.wait()
            self._behind.clear()
            try:
                await self._catch_up(calls)
            except (Undelivered, m.Refusal) as error:
                log.warning("Telegram was not asked for what was missed: it is again soon", why=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
                self._behind.set()

    async def _load(self, bot: int) -> None:
        while True:
            try:
                kept = await self._ask(m.LoadUpdatesState(bot=bot))
            except m.Unavailable as refusal:
                log.warning("how far updates were handled cannot be read yet", why=refusal.detail)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            assert isinstance(kept, m.UpdatesState)
            if kept.pts:
                self._state = self._reached = self._saved = State(kept.pts, kept.qts, kept.date, kept.seq)
            return

    async def _catch_up(self, calls: Calls) -> None:
        self._asking = True
        try:
            if self._state is None:
                await self._begin(calls)
            while await self._difference(calls):
                pass
        finally:
            self._asking = False
        while self._inbox and not self._asking:
            self._take(self._inbox.popleft())
        await self._leave_groups(calls)

    async def _begin(self, calls: Calls) -> None:
        """Begin with what comes from now on."""
        now = await _called(calls, raw.functions.updates.GetState())
        # What came before this answer is counted in it already, but was not taken yet.
        before = [counted[0] - counted[1] for container in self._inbox for counted in _counts(container)]
        self._advance(State(min([now.pts, *before]), now.qts, now.date, now.seq))

    async def _difference(self, calls: Calls) -> bool:
        """Take one slice of what was missed; whether there is more."""
        if self._handling.waiting > MOST_WAITING // 2:
            await self._handling.until_waiting(MOST_WAITING // 2)
        state = self._known()
        metrics.DIFFERENCES.inc()
        query = raw.functions.updates.GetDifference(pts=state.pts, date=state.date, qts=state.qts)
        try:
            missed = await _called(calls, query)
        except StateUnknown as error:
            log.warning("Telegram does not know how far updates were handled: beginning anew", why=str(error))
            await self._begin(calls)
            return False
        self._held.clear()
        self._time_gap()
        match missed:
            case raw.types.updates.DifferenceEmpty(date=date, seq=seq):
                self._advance(self._known()._replace(date=date, seq=seq))
                return False
            case raw.types.updates.DifferenceTooLong(pts=pts):
                log.warning("too much was missed: Telegram does not tell all of it")
                self._advance(self._known()._replace(pts=pts))
                return True
            case (
                raw.types.updates.Difference(state=after) | raw.types.updates.DifferenceSlice(intermediate_state=after)
            ):
                self._take_missed(missed)
                self._advance(State(after.pts, after.qts, after.date, after.seq))
        return isinstance(missed, raw.types.updates.DifferenceSlice)

    def _take_missed(self, missed: raw.types.updates.Difference | raw.types.updates.DifferenceSlice) -> None:
        users = {user.id: user for user in missed.users}
        self._note_groups(missed.chats)
        for message in missed.new_messages:
            self._hand_on(raw.types.UpdateNewMessage(message=message, pts=0, pts_count=0), users)
        for update in missed.other_updates:
            self._hand_on(update, users)

    # --- Groups ---------------------------------------------------------------------------------------------

    def _note_groups(self, chats: Iterable[raw.base.Chat]) -> None:
        for chat in chats:
            if not isinstance(chat, (raw.types.Chat, raw.types.Channel)) or chat.left:
                continue
            if chat.id not in self._left and len(self._groups) < MOST_GROUPS:
                self._groups[chat.id] = chat
                self._behind.set()

    async def _leave_groups(self, calls: Calls) -> None:
        """The bot is for private chats: where it was taken into, it only sees what is none of its business."""
        while self._groups:
            number, chat = self._groups.popitem()
            self._left[number] = None
            query: TLObject
            if isinstance(chat, raw.types.Channel):
                channel = raw.types.InputChannel(channel_id=chat.id, access_hash=chat.access_hash or 0)
                query = raw.functions.channels.LeaveChannel(channel=channel)
            else:
                query = raw.functions.messages.DeleteChatUser(chat_id=chat.id, user_id=raw.types.InputUserSelf())
            try:
                await calls.call(query)
            except RPCError as error:
                log.info("a group was not left", group=number, why=name_of(error))
            else:
                log.info("the bot was taken into a group, and has left it", group=number)


def _counts(container: TLObject) -> Iterable[tuple[int, int]]:
    """pts and pts_count of what is in a container and has them."""
    for update in getattr(container, "updates", [container]):
        if getattr(update, "pts", None) is not None and not isinstance(update, OF_CHANNELS):
            yield update.pts, getattr(update, "pts_count", 0)


async def _called(calls: Calls, query: TLObject) -> Any:
    """Any: as the call of the connection. Raises StateUnknown and Offline."""
    try:
        return await calls.call(query, DIFFERENCE_SECONDS)
    except RPCError as error:
        name = name_of(error)
        if name in ("PERSISTENT_TIMESTAMP_INVALID", "PERSISTENT_TIMESTAMP_EMPTY"):
            raise StateUnknown(name) from error
        raise Offline(name) from error
