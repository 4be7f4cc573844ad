"""What a bank file says, before anything in it is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from protocols.messages import BankFormat, EntryError, SkippedEntry, Subject, Topic
from protocols.messages.questions import Title

MAX_BYTES = 32 * 1024 * 1024
MAX_QUESTIONS = 100_000


class BankFileError(Exception):
    """The file as a whole cannot be taken: says the line or byte, what was found there, and how to mend it.

    `errors` name each place, where several are known.
    """

    def __init__(self, message: str, errors: Sequence[EntryError] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)

    def __reduce__(self) -> tuple[type[BankFileError], tuple[str, tuple[EntryError, ...]]]:
        # Exceptions come back from a process pool by pickle, which by default forgets the second argument.
        return type(self), (self.message, self.errors)


class QuestionFault(Exception):
    """One question cannot be read; `path` is the part of a question that is wrong."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass(frozen=True)
class Row:
    """Where in a spreadsheet a question stands; `columns` has the letter of the column of each member."""

    sheet: str
    number: int
    columns: Mapping[str, str]

    def cell(self, path: str) -> str:
        """The cell of a dotted path, or of the nearest that has one; else the row: `Sheet1!D7`, `Sheet1!7`."""
        while path and path not in self.columns:
            path = path.rpartition(".")[0]
        return f"{self.sheet}!{self.columns.get(path, '')}{self.number}"


@dataclass(frozen=True)
class Entry:
    """A question as it stands in the file, not validated. `where` is `line 12`, or `line 12, ID`."""

    where: str
    content: dict[str, JsonValue]
    row: Row | None = None

    def place_of(self, path: str) -> str:
        """Where the member at this dotted path stands, as exactly as the format knows."""
        return self.where if self.row is None else self.row.cell(path)


@dataclass(frozen=True)
class BankFile:
    """`declaration` is set when the file declares a subject; then there are no entries.

    `topics` are those the file declares; `derived` says that their titles were made up from the file
    (GIFT categories) and yield to titles already known. `pictures` came with the file, by the names that its
    questions call them. `inside` is the name of the file that was read, where it came in a ZIP.
    """

    format: BankFormat
    declaration: Subject | None = None
    subject: str | None = None
    title: Title | None = None
    topics: list[Topic] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    skipped: list[SkippedEntry] = field(default_factory=list)
    errors: list[EntryError] = field(default_factory=list)
    warnings: list[EntryError] = field(default_factory=list)
    derived: bool = False
    pictures: dict[str, bytes] = field(default_factory=dict)
    inside: str | None = None


def place(line: int, own_id: object) -> str:
    """`line 12, cell-001`, or `line 12` where the id is not (readable as) one."""
    if isinstance(own_id, str) and own_id and own_id.isprintable():
        return f"line {line}, {own_id[:100]}"
    return f"line {line}"


def shown(value: object) -> str:
    """A value as told in a message: quoted, and short."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
