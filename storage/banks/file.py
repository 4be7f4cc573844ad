"""What a bank file says, before anything in it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from protocols.messages import BankFormat, EntryError, SkippedEntry, Subject, Title, Topic

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


@dataclass(frozen=True)
class Entry:
    """A question as it stands in the file, not validated. `where` is `line 12`, or `line 12, ID`."""

    where: str
    content: dict[str, JsonValue]


@dataclass(frozen=True)
class BankFile:
    """`declaration` is set when the file declares a subject; then there are no entries.

    `topics` are those the file declares; `derived` says that their titles were made up from the file
    (GIFT categories) and yield to titles already known.
    """

    format: BankFormat
    declaration: Subject | None = None
    subject: str | None = None
    title: Title | None = None
    topics: list[Topic] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    skipped: list[SkippedEntry] = field(default_factory=list)
    errors: list[EntryError] = field(default_factory=list)
    derived: bool = False


def place(line: int, own_id: object) -> str:
    """`line 12, cell-001`, or `line 12` where the id is not (readable as) one."""
    if isinstance(own_id, str) and own_id and own_id.isprintable():
        return f"line {line}, {own_id[:100]}"
    return f"line {line}"


def shown(value: object) -> str:
    """A value as told in a message: quoted, and short."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
