"""What is done with a bank file: each function of the first part is a job of the process in `actors.bank_process`.

The work reaches from the bytes of the file to what is stored: its questions are read, checked and stored outside of the
service, whose event loop is free for students even while twenty thousand of them are imported.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import multiprocessing
import os
import signal
from array import array
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

from protocols.messages import (
    AnyQuestion,
    BankFormat,
    BankReport,
    EntryError,
    ImportBank,
    MarkBankErrors,
    SkippedEntry,
    Subject,
    Topic,
    ValidateBank,
    images_of,
    with_images,
)
from storage.banks import BankFile, BankFileError, read
from storage.banks.advice import MOST_OF_A_SORT, advise, alike, texts_of
from storage.banks.check import check
from storage.banks.pictures import PictureError, resolve
from storage.banks.workbook_writer import errors_beside
from storage.mongo import client as mongo
from storage.mongo import questions
from storage.mongo.questions import Difference, Draft, Origin, draft, unpack

Result = TypeVar("Result")
# Told of long work: what is being done, how much of it is, and of how much; 0 of 0 where that is not known.
Progress: TypeAlias = Callable[[str, int, int], None]

LONGEST_NAME = 200  # of a file, in the history of its questions
MOST_COMPARED = 50_000  # questions of the bank that a file is compared with
LARGE_FILE = 256 << 10  # bytes; what is in it takes longer than to start another process
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the jobs of one process share."""

    runner: asyncio.Runner
    client: mongo.Client
    database: mongo.Database
    tell: Progress

    @classmethod
    async def reach(cls, runner: asyncio.Runner, url: str, tell: Progress) -> Surroundings:
        client = mongo.connect(url)
        return cls(runner, client, mongo.database(client), tell)


_surroundings: list[Surroundings] = []  # one; a job is a bare function and has it from here


def prepare_process() -> None:
    """For a process that works on files only, and for the one that has started it."""
    # A file becomes a million values that hold no cycles: to search them for some again and again takes half the time.
    gc.disable()
    gc.freeze()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is None or os.getppid() != parent.pid:  # it died before it was asked for
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service


def begin(url: str, tell: Progress) -> None:
    """Make this process ready for its jobs."""
    runner = asyncio.Runner()
    _surroundings.append(runner.run(Surroundings.reach(runner, url, tell)))


@dataclass(frozen=True, slots=True)
class Spool:
    """The good questions of a file in a folder: their contents as they would be kept, one after the other in the file
    `questions`, `ends` telling where each ends and `places` where it stands in the file; and `pictures`, whose media
    types are known by their names. `topics` are those of the subject as it would be."""

    folder: Path
    ends: array[int]
    places: tuple[str, ...]
    media_types: Mapping[str, str]
    topics: tuple[Topic, ...]

    def contents(self, first: int, last: int) -> Iterator[bytes]:
        """The contents of the questions from `first` to before `last`."""
        begin = self.ends[first - 1] if first else 0
        with (self.folder / "questions").open("rb") as file:
            file.seek(begin)
            for end in self.ends[first:last]:
                yield file.read(end - begin)
                begin = end


# --- Jobs -----------------------------------------------------------------------------------------------------


def validate(message: ValidateBank, known: Mapping[str, Subject]) -> BankReport:
    """What importing the file would do; `known` are the subjects that there are."""
    return _run(_validated(examine(message, known)))


def validate_and_spool(message: ValidateBank, known: Mapping[str, Subject], folder: Path) -> tuple[BankReport, Spool]:
    """The same, with the good questions and their pictures put into a folder."""
    examined = examine(message, known)
    return _run(_validated(examined)), spooled(examined, folder)


def import_file(message: ImportBank, known: Mapping[str, Subject]) -> BankReport:
    """Store what is in the file, all of it or nothing; nothing, where it is not `importable`."""
    with _Comparing(message.content) as comparing:
        return _run(_imported(message, examine(message, known), comparing))


def mark_errors(message: MarkBankErrors, known: Mapping[str, Subject]) -> bytes:
    """A copy of a workbook with its errors beside the cells. Raises BankFileError where it is none."""
    return errors_beside(message.content, examine(message, known).errors)


def unchosen_options(spool: Spool, unchosen: Mapping[str, Mapping[str, str]]) -> list[EntryError]:
    """Warnings about options that nobody has chosen, and that the file leaves as they are.

    `unchosen` are such options, text by id, of the questions by their ids.
    """
    found: list[EntryError] = []
    for packed, where in zip(spool.contents(0, len(spool.ends)), spool.places, strict=True):
        question = unpack(packed)
        same = unchosen.get(question["id"], {}).items() & {
            (option["id"], option["text"]) for option in question.get("options", ())
        }
        for at, option in enumerate(question.get("options", ()) if same else ()):
            if (option["id"], option["text"]) in same:
                told = f"nobody chooses option {option['id']}; is it too plainly wrong?"
                found.append(EntryError(where=where, path=f"options.{at}", message=told))
    return found[:MOST_OF_A_SORT]


# --- Steps of the jobs ----------------------------------------------------------------------------------------


def importable(report: BankReport, *, partial: bool) -> bool:
    """Whether a file with this report is stored; `partial` asks for the good questions where others are not."""
    return report.subject is not None and (partial or not report.errors)


@dataclass(frozen=True, slots=True)
class Examined:
    """A file that was read and checked. `subject` is None where it is not known whose questions these are.

    `checked` are its valid questions with where they stand; `drafts` and `places` are the same, but for those whose
    pictures cannot be had, ready to be kept. `pictures` are the files to keep for them, by id: content and media type.
    """

    format: BankFormat | None
    total: int = 0
    subject: Subject | None = None
    checked: Sequence[tuple[str, AnyQuestion]] = ()
    drafts: tuple[Draft, ...] = ()
    places: tuple[str, ...] = ()
    pictures: Mapping[str, tuple[bytes, str]] = field(default_factory=dict)
    skipped: tuple[SkippedEntry, ...] = ()
    errors: tuple[EntryError, ...] = ()
    warnings: tuple[EntryError, ...] = ()
    inside: str | None = None

    def report(self, difference: Difference = Difference(0, 0, 0), warnings: Sequence[EntryError] = ()) -> BankReport:
        """With these warnings besides those of reading."""
        return BankReport(
            subject=self.subject.slug if self.subject else None,
            format=self.format,
            inside=self.inside,
            total=self.total,
            valid=len(self.drafts),
            added=difference.added,
            updated=difference.updated,
            unchanged=difference.unchanged,
            skipped=self.skipped,
            errors=self.errors,
            warnings=(*self.warnings, *warnings),
        )


def examine(message: ValidateBank, known: Mapping[str, Subject]) -> Examined:
    """Read and check a file."""
    bank: BankFile | None = None
    try:
        bank = read(message.content, name=message.name, subject=message.subject, format=message.format)
        slug = bank.declaration.slug if bank.declaration else bank.subject
        checked = check(bank, known.get(slug or ""), message.subject)
    except BankFileError as error:
        errors = tuple(error.errors) or (EntryError(where="file", path="", message=str(error)),)
        return Examined(bank.format if bank else message.format, errors=errors)
    folder = Path(message.folder) if message.folder is not None else None
    pictured, errors_of_pictures = with_pictures(checked.questions, folder, bank.pictures)
    return Examined(
        bank.format,
        len(bank.entries) + len(bank.skipped) + len({error.where for error in bank.errors}),
        checked.subject,
        checked.questions,
        tuple(map(draft, pictured.questions)),
        pictured.places,
        pictured.files,
        tuple(bank.skipped),
        (*checked.errors, *errors_of_pictures),
        tuple(bank.warnings),
        bank.inside,
    )


@dataclass(frozen=True, slots=True)
class WithPictures:
    """Questions that name their pictures by the ids of files, and those files: content and media type by id."""

    questions: tuple[AnyQuestion, ...]
    places: tuple[str, ...]
    files: dict[str, tuple[bytes, str]]


def with_pictures(
    checked: Iterable[tuple[str, AnyQuestion]], folder: Path | None, beside: Mapping[str, bytes]
) -> tuple[WithPictures, list[EntryError]]:
    """Take the pictures that questions name from where they are; a question whose picture cannot be had is an error."""
    ready: list[AnyQuestion] = []
    places: list[str] = []
    files: dict[str, tuple[bytes, str]] = {}
    errors: list[EntryError] = []
    for where, question in checked:
        names: dict[str, str] = {}
        try:
            for reference in images_of(question):
                picture = resolve(reference, folder, beside)
                if picture is not None:
                    names[reference] = questions.file_id(picture.content)
                    files[names[reference]] = (picture.content, picture.media_type)
        except PictureError as error:
            errors.append(EntryError(where=where, path="image", message=str(error)))
            continue
        ready.append(with_images(question, names))
        places.append(where)
    return WithPictures(tuple(ready), tuple(places), files), errors


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    return _surroundings[0].runner.run(work)


async def _validated(examined: Examined) -> BankReport:
    if examined.subject is None:
        return examined.report()
    database = _surroundings[0].database
    difference = await questions.compare(database, examined.subject.slug, examined.drafts)
    return examined.report(difference, await _advice(examined, await _others(examined)))


async def _others(examined: Examined) -> list[tuple[str, bytes]]:
    """The questions of the bank that are not in the file, by what a warning calls them."""
    if examined.subject is None:
        return []
    own = {one.id for one in examined.drafts}
    kept = questions.contents(_surroundings[0].database, examined.subject.slug, MOST_COMPARED)
    return [(f"{name} of the bank", content) async for name, content in kept if name not in own]


class _Comparing:
    """Looks for what is alike while this process does something else; in one of its own where there is much, so that
    the second processor helps. That one gets ready while the file is read."""

    def __init__(self, content: bytes) -> None:
        self._process: SpawnProcess | None = None
        if len(content) >= LARGE_FILE:
            spawning = multiprocessing.get_context("spawn")
            self._here, there = spawning.Pipe()
            self._process = spawning.Process(target=_compare, args=(there,))
            self._process.start()
            there.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._here.close()

    def alike(self, own: list[tuple[str, bytes]], others: list[tuple[str, bytes]]) -> list[EntryError]:
        """Raises EOFError where the process has died of it."""
        if self._process is None:
            return _alike(own, others)
        self._here.send((own, others))
        found: list[EntryError] = self._here.recv()
        return found


def _compare(there: Connection) -> None:
    """All that another process does for `_Comparing`."""
    prepare_process()
    there.send(_alike(*there.recv()))


def _alike(own: list[tuple[str, bytes]], others: list[tuple[str, bytes]]) -> list[EntryError]:
    texts, those_of_others = (((where, texts_of(unpack(content))) for where, content in some) for some in (own, others))
    return alike(texts, those_of_others)


async def _advice(
    examined: Examined,
    others: list[tuple[str, bytes]],
    compare: Callable[[list[tuple[str, bytes]], list[tuple[str, bytes]]], list[EntryError]] = _alike,
) -> list[EntryError]:
    """Warnings about the questions of a file; `compare` finds those that are alike."""
    own = list(zip(examined.places, (one.content for one in examined.drafts), strict=True))
    try:
        found = await asyncio.to_thread(compare, own, others)
    except (MemoryError, EOFError, ConnectionError):
        message = "too many questions to be compared: whether some are nearly the same was not looked at"
        found = [EntryError(where="file", path="", message=message)]
    return [*found, *advise(examined.checked)]


async def _imported(message: ImportBank, examined: Examined, comparing: _Comparing) -> BankReport:
    others = await _others(examined)
    if examined.subject is None or not importable(examined.report(), partial=message.partial):
        return examined.report(warnings=await _advice(examined, others))
    storing = _stored(message, examined.subject, examined)
    difference, warnings = await asyncio.gather(storing, _advice(examined, others, comparing.alike))
    return examined.report(difference, warnings)


async def _stored(message: ImportBank, subject: Subject, examined: Examined) -> Difference:
    here = _surroundings[0]
    for name, (content, media_type) in examined.pictures.items():
        await questions.store_file(here.database, name, content, media_type)
    total = len(examined.drafts)
    done = 0

    def advanced(more: int) -> None:
        nonlocal done
        done += more
        here.tell("storing", done, total)

    here.tell("storing", 0, total)
    origin = Origin(message.user, "imported", message.name[:LONGEST_NAME])
    return await questions.store(here.client, here.database, subject, examined.drafts, advanced=advanced, origin=origin)


def spooled(examined: Examined, folder: Path) -> Spool:
    """Put the good questions of a file and their pictures into a folder."""
    ends = array("Q")
    with (folder / "questions").open("wb") as file:
        for one in examined.drafts:
            file.write(one.content)
            ends.append(file.tell())
    pictures = folder / "pictures"
    pictures.mkdir()
    for name, (content, _) in examined.pictures.items():
        (pictures / name).write_bytes(content)
    media_types = {name: media_type for name, (_, media_type) in examined.pictures.items()}
    topics = examined.subject.topics if examined.subject is not None else ()
    return Spool(folder, ends, examined.places, media_types, topics)
