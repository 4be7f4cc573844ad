"""The router: the one door through which every wire asks. What concerns all commands is done here, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import structlog
from pykka import ActorDeadError, ActorRef

from actors.accounts import Accounts, KnownUser
from actors.audit import AuditLog, is_recorded
from actors.relay import Reach, Relay
from actors.runtime import MailboxFull
from actors.storage import Tide
from actors.supervisor import ToSessions
from protocols.messages import (
    ROLES,
    Command,
    ExportBank,
    Forbidden,
    ImportBank,
    MakeContestSpreadsheet,
    MakeSpreadsheet,
    MarkCheckedErrors,
    Message,
    Refusal,
    RetryAllParked,
    Unauthenticated,
    Unavailable,
    ValidateBank,
    is_of_session,
)
from storage import is_transient

log = structlog.get_logger()

FRESH_SECONDS = 2.0
# Large files take their time, and so do hundreds of parked steps.
UNHURRIED = (
    ExportBank,
    ImportBank,
    MakeContestSpreadsheet,
    MakeSpreadsheet,
    MarkCheckedErrors,
    RetryAllParked,
    ValidateBank,
)
ANSWER_SECONDS = 12.0  # with the wait for a connection; then it is 503, and not a client that hangs

# Any: each handler takes the one type of message that it stands for in the table, and returns that one's reply.
Handler: TypeAlias = Callable[[Any], Awaitable[Message]]


class Router:
    """Knows who answers what.

    `handlers` answer by type of message; session commands go to their session. `read_by` names the relay whose
    figures a handler reads: it runs when all that was committed before it was asked has arrived there.
    """

    def __init__(
        self,
        accounts: Accounts,
        to_sessions: ToSessions,
        tide: Tide,
        handlers: Mapping[type[Message], Handler],
        read_by: Mapping[type[Message], ActorRef[Relay]],
        audit: AuditLog,
    ) -> None:
        self._accounts = accounts
        self._ask_session = to_sessions.ask
        self._tide = tide
        self._handlers = handlers
        self._read_by = read_by
        self._audit = audit
        self.caller = accounts.cached_caller

    async def ask(self, message: Message) -> Message:
        """The reply to a message. Raises a `Refusal`; whatever else is raised is a fault of the service."""
        try:
            if is_of_session(message):  # first, and without the slower look at its bases: nearly all are
                self._check(message, self._accounts.cached_user(message.user) or await self._known(message.user))
                return await self._ask_session(message)
            if isinstance(message, Command):
                self._check(message, self._accounts.cached_user(message.user) or await self._known(message.user))
                if is_recorded(message):
                    return await self._audit.recorded(message, self._handled)
            return await self._handled(message)
        except Refusal:
            raise
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("a database does not answer", asked=type(message).__name__, error=repr(error))
            raise Unavailable("A database does not answer at the moment. Please try again.") from error

    async def _handled(self, message: Message) -> Message:
        async with asyncio.timeout(None if isinstance(message, UNHURRIED) else ANSWER_SECONDS):
            relay = self._read_by.get(type(message))
            if relay is not None:
                await self._catch_up(relay)
            return await self._handlers[type(message)](message)

    def _check(self, command: Command, user: KnownUser | None) -> None:
        """The user exists, is not blocked, and may do this; note that they were here."""
        if user is None or user.blocked:
            raise Unauthenticated("This account does not exist, or it is blocked.")
        if command.least_role != "student" and ROLES.index(user.caller.role) < ROLES.index(command.least_role):
            raise Forbidden(f"This takes the role {command.least_role!r}; this account is a {user.caller.role!r}.")
        self._accounts.touch(command.user)

    async def _known(self, user: int) -> KnownUser | None:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._accounts.known_user(user)

    async def _catch_up(self, relay: ActorRef[Relay]) -> None:
        try:
            await asyncio.wait_for(relay.ask(Reach(self._tide.head), block=False), FRESH_SECONDS)
        except (TimeoutError, ActorDeadError, MailboxFull):
            log.warning("figures are shown before they are up to date", relay=str(relay))
