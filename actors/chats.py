"""Private chats with the bot: whom they belong to, and what the wire remembers of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from cachetools import TTLCache
from pydantic import JsonValue

from actors.accounts import Accounts
from actors.guard import MICROSECONDS
from actors.training.views import moment
from protocols.messages import (
    Chat,
    Done,
    FindChats,
    FoundChats,
    KeepChat,
    LoadUpdatesState,
    MarkUnreachable,
    MeetChat,
    NotFound,
    SaveUpdatesState,
    Unavailable,
    UpdatesState,
)
from storage.postgres import chats as sql
from storage.postgres.pool import Pool

CACHE_SECONDS = 600
CACHED_CHATS = 100_000
MEETINGS = 3
MOST_FOUND = 100


@dataclass(slots=True)
class _Kept:
    """A chat as it is in the database, where it is marked as reachable; `met` is when they wrote last."""

    access_hash: int
    user: int
    state: dict[str, JsonValue]
    met: int


class Chats:
    """`clock` tells microseconds since 1970. All methods belong to one event loop.

    Only this object changes chats while users live, so what it remembers of a chat is so. Whose a chat is can
    change by erasing and by joining accounts: then `accounts` knows its former user no more, and the chat is
    looked up anew. What is told of the user comes from `accounts` each time.
    """

    def __init__(self, pool: Pool, clock: Callable[[], int], accounts: Accounts) -> None:
        self._pool = pool
        self._clock = clock
        self._accounts = accounts
        self._chats: TTLCache[int, _Kept] = TTLCache(CACHED_CHATS, CACHE_SECONDS * MICROSECONDS, timer=clock)
        self._refusals = 0  # counted, so that what was read before one is not remembered after it
        # One after the other in each chat: so what is remembered last was also written last.
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def meet(self, message: MeetChat) -> Chat:
        """A chat that is known costs no way to the database. A blocked user is told as such, not refused."""
        telegram = message.telegram
        for _ in range(MEETINGS):
            kept = self._chats.get(telegram)
            if kept is None or kept.access_hash != message.access_hash:
                async with self._lock(telegram):
                    kept = await self._met(message)
            else:
                kept.met = self._clock()
            known = self._accounts.cached_user(kept.user) or await self._accounts.known_user(kept.user)
            if known is not None:
                return Chat.trusted(
                    telegram=telegram,
                    access_hash=kept.access_hash,
                    user=kept.user,
                    role=known.caller.role,
                    language=known.caller.language,
                    name=known.name,
                    grade=known.grade,
                    notifications=known.notifications,
                    blocked=known.blocked,
                    state=kept.state,
                )
            self._drop(telegram, kept)  # the user was erased, or joined another
        raise Unavailable("This account is being changed at the moment. Please try again.")

    async def find(self, message: FindChats) -> FoundChats:
        rows = await sql.remembering(self._pool, message.remembering, MOST_FOUND)
        return FoundChats(items=tuple(Chat(**row) for row in rows))

    async def keep(self, message: KeepChat) -> Done:
        """Raises NotFound when the chat is not there, as after erasing its user: then there is nothing to keep."""
        telegram = message.telegram
        async with self._lock(telegram):
            try:
                found = await sql.keep(self._pool, telegram, message.state)
            except BaseException:
                self._chats.pop(telegram, None)  # whether it was written is not known
                raise
            kept = self._chats.get(telegram)
            if not found:
                self._chats.pop(telegram, None)
                raise NotFound(f"There is no chat with {telegram}")
            if kept is not None:
                self._chats[telegram] = _Kept(kept.access_hash, kept.user, message.state, kept.met)
        return Done()

    async def mark_unreachable(self, message: MarkUnreachable) -> Done:
        async with self._lock(message.telegram):
            # Forgotten in any case, so that the next meeting takes the mark away.
            self._chats.pop(message.telegram, None)
            why: sql.Unreachable = "deleted" if message.deleted else "blocked"
            await sql.mark_unreachable(self._pool, message.telegram, why, moment(self._clock()))
        return Done()

    def refused(self, telegram: int, sent_at: int) -> bool:
        """Telegram could not deliver what was sent to them at `sent_at`. False: they have written since, so they can be
        reached. Else they are forgotten here, so that the next time they write is noted in the database.
        """
        kept = self._chats.get(telegram)
        if kept is not None and kept.met >= sent_at:
            return False
        self._refusals += 1
        self._chats.pop(telegram, None)
        return True

    async def load_updates_state(self, message: LoadUpdatesState) -> UpdatesState:
        row = await sql.updates_state(self._pool, message.bot)
        return UpdatesState(bot=message.bot) if row is None else UpdatesState(bot=message.bot, **row)

    async def save_updates_state(self, message: SaveUpdatesState) -> Done:
        state = message.state
        await sql.keep_updates_state(
            self._pool, state.bot, pts=state.pts, qts=state.qts, date=state.date, seq=state.seq
        )
        return Done()

    async def _met(self, message: MeetChat) -> _Kept:
        kept = self._chats.get(message.telegram)
        if kept is not None and kept.access_hash == message.access_hash:  # somebody else has just met them
            return kept
        refusals, now = self._refusals, self._clock()
        row = await sql.meet(
            self._pool,
            message.telegram,
            message.access_hash,
            name=message.name,
            language=message.language,
            now=moment(now),
        )
        kept = _Kept(message.access_hash, row["user_id"], row["state"], now)
        if refusals == self._refusals:
            self._chats[message.telegram] = kept
        return kept

    def _drop(self, telegram: int, kept: _Kept) -> None:
        if self._chats.get(telegram) is kept:
            del self._chats[telegram]

    def _lock(self, telegram: int) -> asyncio.Lock:
        lock = self._locks.get(telegram)
        if lock is None:
            lock = self._locks[telegram] = asyncio.Lock()
        return lock
