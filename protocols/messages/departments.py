"""What departments do beside whole files: uploads looked at before they are imported, subjects, history, reports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, JsonValue, StringConstraints

from protocols.messages.bank import (
    BankReport,
    ChangeQuestion,
    EditorCommand,
    EntryError,
    ShowBankQuestion,
    ValidateBank,
)
from protocols.messages.base import KINDS, Command, Kind, Message, Slug
from protocols.messages.questions import OwnField, Subject, Title, Topic
from protocols.messages.training import ShownQuestion

CheckState: TypeAlias = Literal["examining", "checked", "importing", "imported", "failed"]
Act: TypeAlias = Literal["imported", "changed", "archived", "restored"]
RowNumber = Annotated[int, Field(ge=1, lt=2**63)]


# --- Uploads that are looked at ------------------------------------------------------------------------------


class OpenCheck(ValidateBank):
    """Keep a file for a while, and examine it in the background."""


class CheckCommand(EditorCommand):
    """On an upload of one's own; it is gone after a while."""

    check: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ShowCheck(CheckCommand):
    pass


class ListChecked(CheckCommand):
    """The good questions of an upload from the one at place `after` on, which are counted from 0."""

    after: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class ImportChecked(CheckCommand):
    """Begin to import it, whole or only its good questions."""

    partial: bool = False


class MarkCheckedErrors(CheckCommand):
    """Asks for a copy of the workbook with its errors beside the cells, told as whoever asks reads them."""

    errors: tuple[EntryError, ...]


class ShowCheckedPicture(CheckCommand):
    """A picture that came with it."""

    picture: str


class BankCheck(Message):
    """An upload: `stage` is what is being done, `done` of `total` of it, 0 of 0 where that is not known.

    `reason` says why it failed. `report` is of the import, once that has been made. `topics` are those that the subject
    will have. Times are in UTC.
    """

    id: str
    name: str
    state: CheckState
    stage: str = ""
    done: int = 0
    total: int = 0
    report: BankReport | None = None
    reason: str | None = None
    topics: tuple[Topic, ...] = ()
    expires_at: datetime


class Preview(Message):
    """A question as a student sees it, and its key. Any: JSON of our own making."""

    shown: ShownQuestion
    key: Any
    explanation: str


class CheckedQuestion(Message):
    """`place` counts from 0; `where` is the line, cell or id."""

    place: int
    where: str
    preview: Preview


class CheckedQuestions(Message):
    items: tuple[CheckedQuestion, ...]
    total: int


# --- Single questions -----------------------------------------------------------------------------------------


class PreviewQuestion(ShowBankQuestion):
    """How a question of the bank looks to a student."""


class PreviewChange(ChangeQuestion):
    """How a question would look with these changes, which are not kept."""


class RestoreQuestion(ShowBankQuestion):
    """Draw an archived question again."""


class ShowHistory(ShowBankQuestion):
    pass


class QuestionChange(Message):
    """What was done to a question. `was` has the changed members as they were before; null: they were not there.

    `name` is of the user `by`, as it is now; None: it was the command line, or they are erased.
    """

    at: datetime
    by: int
    name: str | None
    act: Act
    file: str | None
    was: dict[str, JsonValue]


class QuestionHistory(Message):
    """Newest first; the oldest of very many are forgotten."""

    items: tuple[QuestionChange, ...]


# --- Reports --------------------------------------------------------------------------------------------------


class ListReports(EditorCommand):
    """What students have reported; `question` is its own id, `subject` needed where two share it."""

    subject: Slug | None = None
    question: str | None = None
    open: bool = True
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class QuestionReport(Message):
    """`answer` is what the student was told when it was closed."""

    id: int
    question: str
    subject: str
    text: str
    reported_at: datetime
    closed_at: datetime | None
    answer: str | None


class QuestionReports(Message):
    """Newest first."""

    items: tuple[QuestionReport, ...]
    next: str | None


class CountReports(EditorCommand):
    """How many reports wait."""


class OpenReports(Message):
    """By subject; those without any are left out."""

    subjects: dict[str, int]


class CloseReport(EditorCommand):
    """`answer` is told to the student, by Telegram where that reaches them, and on their start page."""

    report: RowNumber
    answer: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$")
    ]


class ListOwnReports(Command):
    """`unseen`: only those whose answer was not read."""

    unseen: bool = False
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class OwnReport(QuestionReport):
    seen: bool


class OwnReports(Message):
    """Newest first."""

    items: tuple[OwnReport, ...]
    next: str | None


class MarkReportSeen(Command):
    """The answer was read."""

    report: RowNumber


# --- Subjects -------------------------------------------------------------------------------------------------


class ShowSubject(EditorCommand):
    subject: Slug


class CreateSubject(EditorCommand):
    slug: Slug
    title: Title
    topics: Annotated[tuple[Topic, ...], Field(max_length=500)] = ()
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = KINDS
    extra: dict[Slug, OwnField] | None = None


class ChangeSubject(ShowSubject):
    """Only what is given is changed. Topics and kinds that questions have cannot be taken away."""

    title: Title | None = None
    topics: Annotated[tuple[Topic, ...], Field(max_length=500)] | None = None
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] | None = None
    extra: dict[Slug, OwnField] | None = None


class DeclaredSubject(Subject):
    """A subject as its department has declared it."""
