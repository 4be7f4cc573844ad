"""Subjects as students see them, and the bank as departments keep it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from protocols.messages.base import Command, Kind, Language, Message, Role, Slug
from protocols.messages.refusals import FieldError

BankFormat = Literal["yaml", "json", "gift", "moodle-xml", "aiken", "xlsx"]

# What a selection can be written as. (Aiken holds too little of a question.)
ExportFormat = Literal["yaml", "json", "gift", "moodle-xml", "xlsx"]


class ListSubjects(Message):
    language: Language = "ru"


class ShownTopic(Message):
    slug: str
    title: str
    questions: int


class ShownSubject(Message):
    slug: str
    title: str
    questions: int
    topics: tuple[ShownTopic, ...]


class Subjects(Message):
    items: tuple[ShownSubject, ...]


class ShowSubjectSchema(Message):
    subject: Slug


class ShowFile(Message):
    file: str


class File(Message):
    content: bytes
    media_type: str


class EditorCommand(Command):
    least_role: ClassVar[Role] = "editor"


class ValidateBank(EditorCommand):
    """`content` is the file as it came; `name` is only told in messages.

    Pictures that the file names by their paths are looked for in `folder`; no wire may set it.
    """

    content: bytes
    name: str = "file"
    folder: str | None = None
    subject: Slug | None = None
    format: BankFormat | None = None


class ImportBank(ValidateBank):
    partial: bool = False


class SkippedEntry(Message):
    where: str
    reason: str


class EntryError(FieldError):
    """`path` is a place in the question (or the whole file) that is at `where`."""

    where: str


class BankReport(Message):
    """What a file holds, and what importing it changes; `where` is a line, a cell or a question's id.

    `inside` names the file that was read, where it came in a ZIP. `warnings` keep nothing from being imported.
    """

    subject: str | None
    format: BankFormat | None
    inside: str | None = None
    total: int
    valid: int
    added: int
    updated: int
    unchanged: int
    skipped: tuple[SkippedEntry, ...]
    errors: tuple[EntryError, ...]
    warnings: tuple[EntryError, ...] = ()


class ListQuestions(EditorCommand):
    subject: Slug | None = None
    topic: Slug | None = None
    kind: Kind | None = None
    difficulty: Annotated[int, Field(ge=1, le=5)] | None = None
    archived: bool = False
    search: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class ExportBank(EditorCommand):
    """A selection of a subject's questions, as a file."""

    subject: Slug
    format: ExportFormat = "yaml"
    topic: Slug | None = None
    kind: Kind | None = None
    difficulty: Annotated[int, Field(ge=1, le=5)] | None = None
    archived: bool = False
    search: str | None = None


class Download(Message):
    """A file of any size at `path`, for whoever asked to hand on and then to remove."""

    path: str
    name: str
    media_type: str


class BankDownload(Download):
    """`warnings` name the questions that the format could not carry, or not just as they are."""

    questions: int
    warnings: tuple[EntryError, ...]


class ShowBankTemplate(EditorCommand):
    """A workbook to be filled in with questions of a subject."""

    subject: Slug


class MarkBankErrors(ValidateBank):
    """Asks for a copy of a workbook with its errors beside the cells."""


class ShowBankQuestion(EditorCommand):
    question: str
    subject: Slug | None = None


class ChangeQuestion(ShowBankQuestion):
    """`changes` are members of the question as in a bank file; the result must be a valid question."""

    changes: dict[str, JsonValue]


class ArchiveQuestion(ShowBankQuestion):
    """An archived question is drawn no more; trainings that hold it, and its counters, stay."""


class Counters(Message):
    answered: int
    correct: int


class BankQuestion(Message):
    """A question with its key, as in a bank file, and what is known of it."""

    id: str
    subject: str
    kind: Kind
    topic: str
    difficulty: int
    question: dict[str, JsonValue]
    archived: bool
    updated_at: datetime
    statistics: Counters


class BankQuestions(Message):
    items: tuple[BankQuestion, ...]
    next: str | None
