"""The record of administrative acts: who did what, when, on what, and how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from pydantic import JsonValue, SecretStr

from actors import cursors
from actors.training.views import moment
from protocols import messages as m
from storage import is_transient
from storage.postgres import administration as sql
from storage.postgres.pool import Pool

LONGEST_TEXT: Final = 500
LONGEST_LIST: Final = 50
DEEPEST: Final = 6

# Those that change nothing. Whatever else takes a role is recorded, also what is yet to come; and spreadsheets, which
# carry people's data away.
READING: Final[frozenset[type[m.Command]]] = frozenset(
    (
        m.CountAudience,
        m.CountReports,
        m.ExportBank,
        m.FindUsers,
        m.ListAudit,
        m.ImportChecked,  # the import itself is recorded, with how it ends
        m.ListBroadcasts,
        m.ListChecked,
        m.ListParked,
        m.ListPlans,
        m.ListQuestions,
        m.ListReports,
        m.MarkBankErrors,
        m.MarkCheckedErrors,
        m.OpenCheck,
        m.PreviewChange,
        m.PreviewQuestion,
        m.ShowAnalytics,
        m.ShowBankQuestion,
        m.ShowBankTemplate,
        m.ShowBroadcast,
        m.ShowBroadcastContent,
        m.ShowCheck,
        m.ShowCheckedPicture,
        m.ShowHistory,
        m.ShowPlan,
        m.ShowQuestionQuality,
        m.ShowSubject,
        m.ShowSubjectQuality,
        m.ShowUser,
        m.ValidateBank,
    )
)
# What a command is about, by the first of these that it has.
_TARGETS: Final = (
    "target",
    "question",
    "broadcast",
    "contest",
    "position",
    "relay",
    "kind",
    "file",
    "name",
    "report",
    "slug",
    "title",
    "subject",
)

log = structlog.get_logger()


def is_recorded(command: m.Command) -> bool:
    return command.least_role != "student" and type(command) not in READING


class AuditLog:
    """`clock` tells microseconds since 1970."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    async def recorded(self, command: m.Command, do: Callable[[m.Message], Awaitable[m.Message]]) -> m.Message:
        """Do it, with a record from before it is begun: what cannot be recorded is not done."""
        entry = await sql.begin_act(
            self._pool,
            at=moment(self._clock()),
            user=command.user,
            act=type(command).__name__,
            target=_target(command),
            details=details(command),
        )
        try:
            reply = await do(command)
        except m.Refusal as refusal:
            await self._end(entry, "refused", refusal.detail)
            raise
        except Exception as error:
            await self._end(entry, "failed", str(error) or type(error).__name__)
            raise
        await self._end(entry, "done", None, getattr(reply, "id", None))
        return reply

    async def show(self, message: m.ListAudit) -> m.Audit:
        """Raises Invalid on a cursor that is none."""
        rows = await sql.acts(self._pool, message.by, message.act, cursors.number(message.after), message.limit + 1)
        items = tuple(m.AuditEntry(**row) for row in rows[: message.limit])
        return m.Audit(items=items, next=str(items[-1].id) if len(rows) > message.limit else None)

    async def _end(self, entry: int, outcome: m.ActOutcome, reason: str | None, made: object = None) -> None:
        try:
            target = None if made is None else str(made)
            await sql.end_act(self._pool, entry, outcome, None if reason is None else _short(reason), target)
        except Exception as error:
            if not is_transient(error):
                raise
            # It is done all the same, and whoever asked must hear so.
            log.warning("the outcome of an act was not recorded", entry=entry, outcome=outcome, problem=repr(error))


def _target(command: m.Command) -> str | None:
    for name in _TARGETS:
        value = getattr(command, name, None)
        if value is not None:
            return _short(str(value))
    return None


def details(command: m.Command) -> dict[str, JsonValue]:
    """The fields of a command that were given, shortened; bytes and secrets are left out, at whatever depth."""
    given = command.model_dump(exclude_unset=True, exclude={"user"})
    return {name: kept for name, value in given.items() if (kept := _kept(value, DEEPEST)) is not None}


def _kept(value: Any, depth: int) -> JsonValue:  # Any: whatever fields of commands hold
    match value:
        case bool() | float():
            return value
        case int():
            return value if abs(value) < 1 << 63 else _short(str(value))  # as much as the database's JSON is given
        case str():
            return _short(value)
        case Mapping() if depth:
            pairs = list(value.items())[:LONGEST_LIST]
            return {_short(str(name)): kept for name, one in pairs if (kept := _kept(one, depth - 1)) is not None}
        case list() | tuple() if depth:
            kept = [_kept(one, depth - 1) for one in value[:LONGEST_LIST]]
            return kept if len(value) <= LONGEST_LIST else [*kept, f"… {len(value)}"]
        case None | bytes() | SecretStr():
            return None
    return _short(str(value))


def _short(text: str) -> str:
    text = text.replace("\x00", "")
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
