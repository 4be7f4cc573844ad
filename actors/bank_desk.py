"""The departments' desk: it checks, imports, changes and archives questions, and keeps the bank in memory fresh."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from actors import bank_files
from actors.bank import QUESTION, Bank
from actors.bank_files import Progress, Spool, WithPictures, importable, with_pictures
from actors.bank_process import BankProcess, unwatched
from actors.training.views import key_of, unmixed
from protocols.messages import (
    AnyQuestion,
    ArchiveQuestion,
    BankDownload,
    BankQuestion,
    BankQuestions,
    BankReport,
    ChangeQuestion,
    ChangeSubject,
    Conflict,
    Counters,
    CreateSubject,
    DeclaredSubject,
    Done,
    EntryError,
    ExportBank,
    FieldError,
    File,
    ImportBank,
    Invalid,
    Language,
    ListQuestions,
    ListSubjects,
    MarkBankErrors,
    NotFound,
    Preview,
    PreviewChange,
    PreviewQuestion,
    RestoreQuestion,
    ShowBankQuestion,
    ShowBankTemplate,
    ShowFile,
    ShownSubject,
    ShownTopic,
    ShowSubject,
    ShowSubjectSchema,
    Subject,
    Subjects,
    ValidateBank,
)
from storage.banks import BankFile, BankFileError, Entry
from storage.banks.check import check
from storage.banks.export import MEDIA_TYPES, export
from storage.banks.faults import faults
from storage.banks.pictures import FILE_ID
from storage.banks.subjects import json_schema
from storage.banks.workbook_writer import errors_beside, template
from storage.mongo import counters, imports, questions
from storage.mongo.client import Client, Database, is_transient
from storage.mongo.questions import Kept, Origin, draft, unpack

log = structlog.get_logger()

REFRESH_SECONDS = 2.0
SPOOLED_AT_ONCE = 500


class BankDesk:
    """`client` and `database` are MongoDB's, at `url`."""

    def __init__(self, url: str, client: Client, database: Database, bank: Bank) -> None:
        self._client = client
        self._database = database
        self._bank = bank
        self._process = BankProcess(url)
        self._revision = 0
        self._listed: dict[Language, Subjects] = {}  # asked for with each question that is shown
        self._refreshing = asyncio.Lock()
        self._changing = asyncio.Lock()  # one change at a time: each starts from what the one before has left
        self._exports: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        self._process.close()
        if self._exports is not None:
            self._exports.cleanup()

    # --- The bank in memory -----------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Take what is newer than what is in memory."""
        async with self._refreshing:
            newest = await questions.revision(self._database)
            if newest == self._revision:
                return
            await imports.settle(self._database)
            newest = await questions.revision(self._database)
            subjects = await questions.subjects(self._database)
            changed = [packed async for packed in questions.changed(self._database, self._revision)]
            self._bank.update(subjects, changed)
            self._listed.clear()
            self._revision = newest
            log.info("the bank is up to date", subjects=len(subjects), changed=len(changed), revision=newest)

    async def keep_fresh(self) -> None:
        """Refresh forever: the command line may have changed the bank."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except Exception as error:
                if not is_transient(error):
                    log.exception("the bank could not be refreshed")

    # --- For everybody ----------------------------------------------------------------------------------------

    async def list_subjects(self, message: ListSubjects) -> Subjects:
        listed = self._listed.get(message.language)
        if listed is None:
            listed = self._listed[message.language] = self._list_subjects(message.language)
        return listed

    def _list_subjects(self, language: Language) -> Subjects:
        shown = []
        for subject in self._bank.subjects():
            index = self._bank.index(subject.slug)
            topics = tuple(
                ShownTopic(slug=topic.slug, title=topic.title_in(language), questions=index.count(topic.slug))
                for topic in subject.topics
            )
            title = subject.title_in(language)
            shown.append(ShownSubject(slug=subject.slug, title=title, questions=len(index), topics=topics))
        return Subjects(items=tuple(shown))

    async def show_subject_schema(self, message: ShowSubjectSchema) -> File:
        schema = json_schema(self._subject(message.subject))
        return File(content=orjson.dumps(schema, option=orjson.OPT_INDENT_2), media_type="application/json")

    async def show_file(self, message: ShowFile) -> File:
        found = None
        if FILE_ID.fullmatch(message.file):
            found = await questions.read_file(self._database, message.file)
        if found is None:
            raise NotFound(f"There is no file {message.file!r}.")
        return found

    # --- Files ------------------------------------------------------------------------------------------------

    async def validate_bank(self, message: ValidateBank, progress: Progress = unwatched) -> BankReport:
        """What importing the file would do."""
        progress("examining", 0, 0)
        return await self._process.run(message.name, partial(bank_files.validate, message, self._known()), progress)

    async def spool_bank(
        self, message: ValidateBank, folder: Path, progress: Progress = unwatched
    ) -> tuple[BankReport, Spool]:
        """The same, with the good questions of the file put into a folder."""
        progress("examining", 0, 0)
        work = partial(bank_files.validate_and_spool, message, self._known(), folder)
        return await self._process.run(message.name, work, progress)

    async def unchosen_options(
        self, name: str, spool: Spool, unchosen: Mapping[str, Mapping[str, str]]
    ) -> list[EntryError]:
        """Warnings as `bank_files.unchosen_options` has them."""
        return await self._process.run(name, partial(bank_files.unchosen_options, spool, unchosen))

    async def import_bank(self, message: ImportBank, progress: Progress = unwatched) -> BankReport:
        """Raises Invalid, with the report, when there are errors and the import is not partial."""
        progress("examining", 0, 0)
        async with self._changing:
            await self.refresh()
            work = partial(bank_files.import_file, message, self._known())
            report = await self._process.run(message.name, work, progress)
            await self.refresh()
        if not importable(report, partial=message.partial):
            raise _refusal(message.name, report)
        log.info(
            "questions were imported",
            subject=report.subject,
            by=message.user,
            added=report.added,
            updated=report.updated,
        )
        return report

    async def mark_errors(self, message: MarkBankErrors) -> File:
        """A copy of the uploaded workbook with its errors beside the cells."""
        return await self._beside(message.name, partial(bank_files.mark_errors, message, self._known()))

    async def write_beside(self, message: ValidateBank, errors: tuple[EntryError, ...]) -> File:
        """A copy of the uploaded workbook with `errors` beside the cells."""
        return await self._beside(message.name, partial(errors_beside, message.content, errors))

    async def _beside(self, name: str, work: Callable[[], bytes]) -> File:
        try:
            content = await self._process.run(name, work)
        except BankFileError as error:
            raise Invalid(f"{name}: {error.message}") from None
        return File(content=content, media_type=MEDIA_TYPES["xlsx"])

    def _known(self) -> dict[str, Subject]:
        return {subject.slug: subject for subject in self._bank.subjects()}

    async def show_template(self, message: ShowBankTemplate) -> File:
        """A workbook to be filled in for a subject."""
        subject = self._subject(message.subject)
        content = await self._process.run("the template", partial(template, subject))
        return File(content=content, media_type=MEDIA_TYPES["xlsx"])

    async def export_bank(self, message: ExportBank, progress: Progress = unwatched) -> BankDownload:
        """A selection as a file, which is of whoever asked, or gone when the desk closes."""
        subject = self._subject(message.subject)
        if self._exports is None:
            self._exports = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="apo-exports-")
        spool = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._exports.name))
        try:
            count = await self._fill(spool, message, progress)
            progress("writing", 0, 0)
            work = partial(export, spool, subject, message.format)
            done = await self._process.run(f"the export of {subject.slug}", work)
            kept = spool.with_name(f"{spool.name}.{done.suffix}")
            await asyncio.to_thread(done.file.replace, kept)
        finally:
            await asyncio.to_thread(shutil.rmtree, spool, ignore_errors=True)
        log.info("questions were exported", subject=subject.slug, by=message.user, questions=count)
        return BankDownload(
            path=str(kept),
            name=f"{subject.slug}.{done.suffix}",
            media_type=MEDIA_TYPES[done.suffix],
            questions=done.questions,
            warnings=done.warnings,
        )

    async def _fill(self, spool: Path, message: ExportBank, progress: Progress) -> int:
        """Puts the selected questions and their pictures into a spool for `storage.banks.export`."""
        pictures = spool / "pictures"
        lines = spool / "questions.jsonl"
        await asyncio.to_thread(pictures.mkdir)
        await asyncio.to_thread(lines.touch)
        count = 0
        batch: list[bytes] = []
        seen: set[str] = set()
        async for content in questions.selected(self._database, message):
            count += 1
            batch.append(orjson.dumps(content))
            for image in set(_images(content)) - seen:
                seen.add(image)
                picture = await questions.read_file(self._database, image) if FILE_ID.fullmatch(image) else None
                if picture is not None:
                    await asyncio.to_thread((pictures / image).write_bytes, picture.content)
            if len(batch) == SPOOLED_AT_ONCE:
                await asyncio.to_thread(_append, lines, batch)
                batch = []
                progress("reading", count, 0)
        await asyncio.to_thread(_append, lines, batch)
        return count

    # --- Single questions -------------------------------------------------------------------------------------

    async def list_questions(self, message: ListQuestions) -> BankQuestions:
        after = message.after or "0"
        if not after.isdecimal() or not after.isascii() or len(after) > 10:
            errors = (FieldError(path="after", message="Not a cursor that a list has given as `next`"),)
            raise Invalid(f"The cursor {after!r} is unknown.", errors)
        found = await questions.listed(self._database, message, after=int(after), limit=message.limit + 1)
        page = found[: message.limit]
        counted = await counters.read(self._database, [kept.number for kept in page])
        more = len(found) > len(page)
        return BankQuestions(
            items=tuple(_shown(kept, counted.get(kept.number, (0, 0))) for kept in page),
            next=str(page[-1].number) if more else None,
        )

    async def show_question(self, message: ShowBankQuestion) -> BankQuestion:
        return await self._show(self._bank.find(message.question, message.subject))

    async def change_question(self, message: ChangeQuestion) -> BankQuestion:
        """A member that is changed to null is left out from now on."""
        async with self._changing:
            await self.refresh()
            return await self._change(message)

    async def preview_question(self, message: PreviewQuestion) -> Preview:
        kept = await questions.kept(self._database, self._bank.find(message.question, message.subject))
        return preview(QUESTION.validate_python(kept.content), kept.subject)

    async def preview_change(self, message: PreviewChange) -> Preview:
        """Raises Invalid as the change itself would."""
        _, subject, pictures = await self._changed(message)
        return preview(pictures.questions[0], subject.slug)

    async def _change(self, message: ChangeQuestion) -> BankQuestion:
        number, subject, pictures = await self._changed(message)
        for name, (picture, media_type) in pictures.files.items():
            await questions.store_file(self._database, name, picture, media_type)
        drafts = [draft(question) for question in pictures.questions]
        origin = Origin(message.user, "changed")
        await questions.store(self._client, self._database, subject, drafts, keep_archived=True, origin=origin)
        await self.refresh()
        return await self._show(number)

    async def _changed(self, message: ChangeQuestion) -> tuple[int, Subject, WithPictures]:
        """The number of the question, its subject, and it with the changes. Raises Invalid."""
        number = self._bank.find(message.question, message.subject)
        kept = await questions.kept(self._database, number)
        for fixed in ("id", "kind"):
            if message.changes.get(fixed, kept.content.get(fixed)) != kept.content.get(fixed):
                error = FieldError(path=fixed, message="Cannot be changed; import a new question instead")
                raise Invalid(f"A question keeps its {fixed}.", (error,))
        content = {name: value for name, value in (kept.content | message.changes).items() if value is not None}
        subject = self._subject(kept.subject)
        file = BankFile(format="json", subject=kept.subject, entries=[Entry(kept.id, content)])
        checked = check(file, subject, None)
        pictures, errors = with_pictures(checked.questions, None, {})
        wrong = (*checked.errors, *errors)
        if wrong:
            raise Invalid(
                f"With these changes {kept.id!r} is no valid question.",
                tuple(FieldError(path=fault.path, message=fault.message) for fault in wrong),
            )
        return number, subject, pictures

    async def archive_question(self, message: ArchiveQuestion) -> Done:
        return await self._archive(message, archived=True)

    async def restore_question(self, message: RestoreQuestion) -> Done:
        return await self._archive(message, archived=False)

    async def _archive(self, message: ShowBankQuestion, *, archived: bool) -> Done:
        async with self._changing:
            number = self._bank.find(message.question, message.subject)
            origin = Origin(message.user, "archived" if archived else "restored")
            await questions.archive(self._client, self._database, number, archived=archived, origin=origin)
            await self.refresh()
        return Done()

    # --- Subjects ---------------------------------------------------------------------------------------------

    async def show_subject(self, message: ShowSubject) -> DeclaredSubject:
        return _declared(self._subject(message.subject))

    async def create_subject(self, message: CreateSubject) -> DeclaredSubject:
        """Raises Conflict when it is there already, Invalid."""
        subject = _subject_of(message.model_dump(include=set(Subject.model_fields)))
        async with self._changing:
            await self.refresh()
            if self._bank.subject(subject.slug) is not None:
                raise Conflict(f"There is a subject {subject.slug!r} already: change that one, or choose another slug.")
            return await self._declare(subject)

    async def change_subject(self, message: ChangeSubject) -> DeclaredSubject:
        """Raises Conflict when a topic or a kind would go that questions have, NotFound, Invalid."""
        given = message.model_dump(include=message.model_fields_set - {"user", "subject"})
        async with self._changing:
            await self.refresh()
            before = self._subject(message.subject)
            # Null means: as it is; but for own fields, of which null means that any are welcome.
            changes = {name: value for name, value in given.items() if value is not None or name == "extra"}
            subject = _subject_of(before.model_dump() | changes)
            kinds = await questions.in_use(self._database, subject.slug, "kind") - set(subject.kinds)
            topics = await questions.in_use(self._database, subject.slug, "topic")
            topics -= {topic.slug for topic in subject.topics}
            if kinds or topics:
                raise Conflict(
                    "Questions have what would go: " + ", ".join(sorted((*kinds, *topics))) + ". Change or archive "
                    "these questions first.",
                    kinds=[*sorted(kinds)],
                    topics=[*sorted(topics)],
                )
            return await self._declare(subject)

    async def _declare(self, subject: Subject) -> DeclaredSubject:
        await questions.store(self._client, self._database, subject, [])
        await self.refresh()
        return _declared(subject)

    # --- Inside -----------------------------------------------------------------------------------------------

    async def _show(self, number: int) -> BankQuestion:
        counted = await counters.read(self._database, [number])
        return _shown(await questions.kept(self._database, number), counted.get(number, (0, 0)))

    def _subject(self, slug: str) -> Subject:
        found = self._bank.subject(slug)
        if found is None:
            known = ", ".join(subject.slug for subject in self._bank.subjects()) or "none yet"
            raise NotFound(f"There is no subject {slug!r}; there are: {known}.")
        return found


def _refusal(name: str, report: BankReport) -> Invalid:
    many = "an error" if len(report.errors) == 1 else f"{len(report.errors)} errors"
    return Invalid(
        f"Nothing was imported: {name} has {many}. Mend what `errors` names, "
        "or import only the good questions with ?partial=true.",
        report.errors,
        **report.model_dump(mode="json", exclude={"errors"}),
    )


def preview(question: AnyQuestion, subject: str) -> Preview:
    """A question as a student may see it, its choices in one of the orders that they may have."""
    return Preview(shown=unmixed(question, subject), key=key_of(question), explanation=question.explanation)


def preview_of(content: bytes, subject: str) -> Preview:
    """The same of a question as it is kept."""
    return preview(QUESTION.validate_python(unpack(content)), subject)


def _declared(subject: Subject) -> DeclaredSubject:
    return DeclaredSubject.model_validate(subject.model_dump())


def _subject_of(declared: dict[str, Any]) -> Subject:
    try:
        return Subject.model_validate(declared)
    except ValidationError as error:
        found = tuple(FieldError(path=path, message=message) for path, message in faults(error))
        raise Invalid("; ".join(f"{one.path}: {one.message}" for one in found), found) from None


def _images(content: dict[str, Any]) -> Iterator[str]:
    """The pictures that a question names, which is as it stands in a bank file."""
    for holder in (content, *(choice for side in ("options", "left", "right") for choice in content.get(side, ()))):
        if "image" in holder:
            yield holder["image"]


def _append(file: Path, lines: list[bytes]) -> None:
    with file.open("ab") as stream:
        stream.writelines(line + b"\n" for line in lines)


def _shown(kept: Kept, counted: tuple[int, int]) -> BankQuestion:
    question = kept.content
    return BankQuestion(
        id=kept.id,
        subject=kept.subject,
        kind=question["kind"],
        topic=question["topic"],
        difficulty=question["difficulty"],
        question=question,
        archived=kept.archived,
        updated_at=kept.updated_at,
        statistics=Counters(answered=counted[0], correct=counted[1]),
    )
