"""What administrators do: users, spreadsheets, steps that were parked, and the record of all such acts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue, StringConstraints

from protocols.messages.base import Language, Message, Role, UserNumber
from protocols.messages.broadcasts import AdminCommand

SpreadsheetKind: TypeAlias = Literal["users", "results", "questions"]
ActOutcome: TypeAlias = Literal["done", "refused", "failed"]
RelayName = Annotated[str, StringConstraints(pattern=r"^[a-z ]{1,50}$")]


class FindUsers(AdminCommand):
    """`search` is an id, or stands somewhere in a login or a name, in capitals or not."""

    search: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\x00]*$")] | None = (
        None
    )
    role: Role | None = None
    blocked: bool | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class ManagedUser(Message):
    """A user as administrators see them; None: an account without a login, as from a messenger."""

    id: int
    login: str | None
    name: str
    language: Language
    grade: int | None
    role: Role
    blocked: bool
    notifications: bool
    telegram: bool
    registered_at: datetime
    last_seen_at: datetime | None


class ManagedUsers(Message):
    """Newest first."""

    items: tuple[ManagedUser, ...]
    next: str | None


class ShowUser(AdminCommand):
    target: UserNumber


class ChangeUser(ShowUser):
    """Only what is set is changed. Nobody blocks themself, and one administrator always remains."""

    role: Role | None = None
    blocked: bool | None = None


class EraseUser(ShowUser):
    """Everything personal is erased; the statistics of questions stay. Nobody erases themself by this."""


class ResetPassword(ShowUser):
    """A new password is made up for somebody who has lost theirs, and whoever is signed in with the old one is not any
    more."""


class MadeUpPassword(Message):
    """Told once: what is kept is its hash."""

    login: str
    password: str


class MakeSpreadsheet(AdminCommand):
    """Its headings are in `language`, or in that of whoever asks."""

    kind: SpreadsheetKind
    language: Language | None = None


class ListParked(AdminCommand):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class ParkedStep(Message):
    """An event of the journal that a destination refused for good: `event` is what happened, to `about`."""

    relay: str
    position: int
    reason: str
    at: datetime
    about: int | None
    event: str | None


class ParkedSteps(Message):
    """In the order of the journal. `relays` counts all that are parked, by where they should have gone."""

    items: tuple[ParkedStep, ...]
    next: str | None
    relays: dict[str, int]


class RetryParked(AdminCommand):
    """Carry a parked event to its destination after all."""

    relay: RelayName
    position: Annotated[int, Field(ge=1, lt=2**63)]


class RetryAllParked(AdminCommand):
    """Carry what is parked of a relay to its destination after all: some hundreds at once, longest parked first."""

    relay: RelayName


class RetriedParked(Message):
    """How many were carried on, and how many were refused again."""

    carried: int
    refused: int


class ListAudit(AdminCommand):
    """`by` is a user's id, `act` the name of a command as `ChangeUser`."""

    by: UserNumber | None = None
    act: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,50}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class AuditEntry(Message):
    """What `user` did, on what, and how it ended: None, if the service was killed before it knew.

    `name` is theirs now; None: they are erased.
    """

    id: int
    at: datetime
    user: int
    name: str | None
    act: str
    target: str | None
    details: dict[str, JsonValue]
    outcome: ActOutcome | None
    reason: str | None


class Audit(Message):
    """Newest first."""

    items: tuple[AuditEntry, ...]
    next: str | None
