"""Joining a Telegram account and a web account: from then on both are the web account, with all their history.

This is a saga of four steps. Each can be repeated without doing anything twice, so that it is driven to its end by
whoever comes by: the request itself, the same request sent again, or the driver in the background, which also does
it at the start of a service that was killed in between. In order:

1. *Begin*, one transaction: the code is spent, and `joins` says that the source becomes part of the target. From here
   on it is certain. Sent again, the request finds that row instead of needing the code.
2. The source's session finishes its open training and leaves (`SessionLeft`); it takes nothing in any more, so what
   it remembers is final. Asked again, it tells the same memory and writes nothing.
3. The target's session takes that memory over (`AccountJoined`), once for each source: its state knows whom it took
   over. In the read models this event moves the source's rows to the target, in the transaction of the checkpoint. All
   that the source has done stands before it in the journal, so there is nothing that could come too late. Counters
   and activity were counted when the questions were answered; both events mean nothing to them.
4. *Complete*, one transaction: the Telegram id, reports and settings go to the target, the source becomes a tombstone
   that only says of whom it is part (`users.joined_into`), and the row in `joins` goes. Once there is a tombstone, this
   only removes the row.

Between 2 and 4, for milliseconds unless a database is down, the person is told to try again. If the target is erased
meanwhile, the source goes with it, for it was to be the same account; if the source is erased before it left,
there is nothing to join.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from actors.accounts import Accounts, digest
from actors.guard import Guard
from actors.training.views import moment
from protocols.messages import (
    Conflict,
    EraseSession,
    Forbidden,
    JoinInto,
    LinkAccounts,
    Linked,
    Message,
    NotFound,
    Refusal,
    SessionCommand,
    SessionMemory,
    ShowProfile,
    TakeOver,
    Unavailable,
)
from storage.postgres import accounts as accounts_sql
from storage.postgres import joins as sql
from storage.postgres.pool import Pool, is_transient

FREE_TRIES = 5
DRIVE_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Joining:
    """`clock` tells microseconds since 1970; `to_session` is the way to the users' sessions."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], int],
        accounts: Accounts,
        to_session: Callable[[SessionCommand], Awaitable[Message]],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._accounts = accounts
        self._to_session = to_session
        self._guesses = Guard(clock, free=FREE_TRIES)

    async def link(self, message: LinkAccounts) -> Linked:
        """Raises NotFound for a code that is wrong, spent or too old, TooMany after several such; Conflict when one
        of the accounts is joined already, and when the one from Telegram has the higher role (with `login` and `role`):
        whoever talks somebody into typing a code must not get their role; Unavailable when it is certain but not done
        yet.
        """
        row = await accounts_sql.user_by_id(self._pool, message.user)
        if row is None:
            raise NotFound("There is no such user any more")
        if row["login"] is not None:
            raise Conflict(f"This account is the web account {row['login']!r} already")
        target = await self._begin(message, f"{row['telegram_id']}")
        await self._drive(message.user, target)
        return Linked(profile=await self._accounts.show_profile(ShowProfile(user=target)))

    async def _begin(self, message: LinkAccounts, guesser: str) -> int:
        under_way = await sql.pending(self._pool, message.user)
        if under_way:
            return under_way[0][1]
        self._guesses.attempt(guesser)
        try:
            begun = await sql.begin(self._pool, message.user, digest(message.code), moment(self._clock()))
        except BaseException:  # nobody learned anything
            self._guesses.take_back(guesser)
            raise
        if begun == "no such code":
            raise NotFound("This code is wrong or too old, or was used already: make a new one on the web page")
        self._guesses.forget(guesser)
        if isinstance(begun, sql.LowerRole):
            raise Conflict(
                f"This account has the role {begun.role!r}, and {begun.login!r}, who made this code, has a lower one. "
                "A code passes no role on: if both accounts are yours, have that one given the role first",
                login=begun.login,
                role=begun.role,
            )
        if isinstance(begun, str):
            raise _in_the_way(begun)
        return begun

    async def settle(self, user: int) -> None:
        """Bring to its end whatever join the user has part in."""
        for source, target in await sql.pending(self._pool, user):
            try:
                await self._drive(source, target)
            except NotFound as gone:
                log.info("a join ended with an erasure", source=source, target=target, why=str(gone))

    async def drive(self) -> None:
        """Bring to their end all joins that are under way; those that cannot be now stay for the next time."""
        for source, target in await sql.pending(self._pool):
            try:
                async with asyncio.timeout(DRIVE_SECONDS):
                    await self._drive(source, target)
            except Refusal as refusal:
                log.info("a join is not done now", source=source, target=target, why=str(refusal))
            except Exception as error:
                if not is_transient(error):
                    log.exception("a join failed", source=source, target=target)

    async def end_sessions(self, user: int) -> None:
        """Put the last word into the journal of a user who is being erased, and of all who were part of them."""
        await self._to_session(EraseSession(user=user))
        try:
            await self.settle(user)  # one that began at this very moment
            for source in await sql.joined(self._pool, user):
                await self._to_session(EraseSession(user=source))
        except Exception as error:  # the user is erased for certain; the relay does what is missing
            if not isinstance(error, Unavailable) and not is_transient(error):
                raise
            log.warning("those who were part of an erased user are left to the relay", user=user, problem=repr(error))

    async def _drive(self, source: int, target: int) -> None:
        """Steps 2 to 4. Raises NotFound when one of the users was erased, which has settled the matter."""
        try:
            memory = await self._to_session(JoinInto(user=source, into=target))
        except NotFound:
            await sql.drop(self._pool, source)
            raise
        assert isinstance(memory, SessionMemory)
        try:
            await self._to_session(TakeOver(user=target, source=source, memory=memory))
        except NotFound:
            await self._erase_with_target(source)
            raise
        try:
            completed = await sql.complete(self._pool, source, target)
        finally:  # whatever became of it, the database is asked next time
            self._accounts.forget(source)
            self._accounts.forget(target)
        if not completed:
            await self._erase_with_target(source)
            raise NotFound("The account was erased, and what had become part of it")

    async def _erase_with_target(self, source: int) -> None:
        await self._to_session(EraseSession(user=source))
        try:
            await accounts_sql.erase_now(self._pool, source)
        finally:
            self._accounts.forget(source)
        await sql.drop(self._pool, source)


def _in_the_way(obstacle: sql.Obstacle) -> Refusal:
    match obstacle:
        case "the same account":
            return Conflict("This code was made by this very account: there is nothing to join")
        case "has a login":
            return Conflict("This Telegram account is joined with a web account already")
        case "has Telegram":
            return Conflict("The account that made this code is joined with another Telegram account already")
        case "not from Telegram":
            return Conflict("Only an account from Telegram is joined by a code")
        case "blocked":
            return Forbidden("The account that made this code is blocked; ask an administrator")
        case "under way":
            return Conflict("The account that made this code is being joined with another Telegram account")
        case "no longer there" | "no such code":
            return NotFound("There is no such user any more")
