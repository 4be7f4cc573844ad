"""A selection of the bank as a file in any format; what the format cannot carry is told.

A selection comes as a spool: a folder with `questions.jsonl`, one question a line as in a bank file, and `pictures/`,
where each picture is called by its id. So an export of any size takes the memory of a few hundred questions.
"""

from __future__ import annotations

import hashlib
import itertools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import JsonValue

from protocols.messages import EntryError, ExportFormat, Subject, images_of, with_images
from storage.banks import BankFileError, read
from storage.banks.check import check
from storage.banks.pictures import FILE_ID, media_type_of, picture_name
from storage.banks.text_writers import Gift, Json, MoodleXml, Unwritable, Writer, Yaml
from storage.banks.workbook_writer import columns_of, write_bank

MOST_WARNINGS = 1000
_AT_ONCE = 250
_SUFFIXES: dict[ExportFormat, str] = {
    "yaml": "yaml",
    "json": "json",
    "gift": "gift",
    "moodle-xml": "xml",
    "xlsx": "xlsx",
}
MEDIA_TYPES = {
    "yaml": "application/yaml",
    "json": "application/json",
    "gift": "text/plain",
    "xml": "application/xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
}

Question = dict[str, JsonValue]


@dataclass(frozen=True)
class Exported:
    """The file that was written; its name ends as its format wants it."""

    file: Path
    suffix: str
    questions: int
    warnings: tuple[EntryError, ...]


def export(spool: Path, subject: Subject, format: ExportFormat) -> Exported:
    """Write what is in a spool; the file is in the same folder.

    It is a ZIP where there are pictures and the format cannot hold them. Each question is read back: `warnings`
    name those that were left out, and the members of others that are not what they were.
    """
    work = _Export(spool, subject, format)
    work.write()
    warnings = work.warnings
    if len(warnings) > MOST_WARNINGS:
        more = EntryError(where="file", path="", message=f"and {len(warnings) - MOST_WARNINGS} more warnings")
        warnings = [*warnings[:MOST_WARNINGS], more]
    suffix = _SUFFIXES[format]
    file = spool / f"export.{suffix}"
    if work.pictures and format != "moodle-xml":
        packed = spool / "export.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(file, f"{subject.slug}.{suffix}")
            for name, picture in sorted(work.pictures.items()):
                archive.write(picture, name, zipfile.ZIP_STORED)
        file, suffix = packed, "zip"
    return Exported(file, suffix, work.written, tuple(warnings))


class _Export:
    """One export. `pictures` are those that the questions name, by the paths they call them."""

    def __init__(self, spool: Path, subject: Subject, format: ExportFormat) -> None:
        self._spool = spool
        self._subject = subject
        self._format: ExportFormat = format
        self._left_out: list[EntryError] = []
        self._lost: list[EntryError] = []
        self.pictures: dict[str, Path] = {}
        self.written = 0
        self._names: dict[str, str] = {}

    @property
    def warnings(self) -> list[EntryError]:
        return [*self._left_out, *self._lost]

    def write(self) -> None:
        target = self._spool / f"export.{_SUFFIXES[self._format]}"
        if self._format == "xlsx":
            self._write_workbook(target)
        else:
            self._write_text(target, self._writer())

    def _writer(self) -> Writer:
        match self._format:
            case "yaml":
                return Yaml()
            case "json":
                return Json()
            case "gift":
                return Gift()
        return MoodleXml(lambda name: self.pictures[name].read_bytes() if name in self.pictures else b"")

    def _questions(self) -> Iterator[Question]:
        with (self._spool / "questions.jsonl").open("rb") as lines:
            for line in lines:
                yield self._with_pictures(orjson.loads(line))

    def _with_pictures(self, question: Question) -> Question:
        """The question with its pictures called by paths in the archive."""
        for holder in (question, *_choices(question)):
            image = holder.get("image")
            if isinstance(image, str) and image in self._named(image):
                holder["image"] = self._names[image]
        return question

    def _named(self, image: str) -> dict[str, str]:
        if image not in self._names and FILE_ID.fullmatch(image):
            kept = self._spool / "pictures" / image
            if kept.exists():
                with kept.open("rb") as stream:
                    kind = media_type_of(stream.read(4096))
                name = f"pictures/{image}.{_EXTENSIONS.get(kind or '', 'bin')}"
                self.pictures[name] = kept
                self._names[image] = name
        return self._names

    # --- Text -------------------------------------------------------------------------------------------------

    def _write_text(self, target: Path, writer: Writer) -> None:
        with target.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(writer.head(self._subject))
            questions = self._questions()
            while batch := list(itertools.islice(questions, _AT_ONCE)):
                said, remarks = self._pieces(writer, batch)
                # What can be said only of the batch by itself: a file of its own, read back.
                alone = self._writer()
                whole = alone.separator.join(alone.question(question) for question in said)
                head, tail = self._alone_head(alone), alone.tail()
                self._compare(said, (head + whole + tail).encode())
                for text in remarks:
                    stream.write(text)
            for one in self._lost[:MOST_WARNINGS]:
                stream.write(writer.remark(f"{one.where}: {one.message}"))
            stream.write(writer.tail())

    def _alone_head(self, writer: Writer) -> str:
        return writer.head(self._subject)

    def _pieces(self, writer: Writer, batch: list[Question]) -> tuple[list[Question], list[str]]:
        """The questions of a batch that can be said, and the text of them all."""
        said: list[Question] = []
        texts: list[str] = []
        for question in batch:
            try:
                piece = writer.question(question)
            except Unwritable as reason:
                self._left_out.append(EntryError(where=str(question["id"]), path="", message=f"left out: {reason}"))
                texts.append(writer.remark(f"{question['id']} is left out: {reason}"))
                continue
            texts.append((writer.separator if self.written else "") + piece)
            self.written += 1
            said.append(question)
        return said, texts

    # --- Workbooks --------------------------------------------------------------------------------------------

    def _write_workbook(self, target: Path) -> None:
        columns = columns_of(self._questions())
        too_long = write_bank(target, self._subject, columns, self._counted())
        for own_id in too_long:
            self._lost.append(EntryError(where=own_id, path="", message="a text is too long for a cell"))
        self._compare(self._questions(), target.read_bytes())

    def _counted(self) -> Iterator[Question]:
        for question in self._questions():
            self.written += 1
            yield question

    # --- Reading back -----------------------------------------------------------------------------------------

    def _compare(self, written: Iterator[Question] | list[Question], content: bytes) -> None:
        """Tells what of the questions is not as it was when the file is read again."""
        try:
            bank = read(content, subject=self._subject.slug, format=self._format)
            checked = check(bank, self._subject, self._subject.slug)
        except BankFileError as error:
            self._lost.append(EntryError(where="file", path="", message=f"cannot be read again: {error.message}"))
            return
        again: dict[str, Question] = {}
        for _, question in checked.questions:
            names = {name: _id_of(bank.pictures, name) for name in images_of(question)}
            renamed = with_images(question, {name: own_id for name, own_id in names.items() if own_id})
            content_again: Question = renamed.model_dump(mode="json", exclude_defaults=True)
            again[question.id] = content_again | {"kind": question.kind}
        faults = {error.where.rpartition(", ")[2]: error for error in checked.errors}
        for original in written:
            own_id = str(original["id"])
            found = again.get(own_id)
            if found is None:
                fault = faults.get(own_id)
                why = f": {fault.path}: {fault.message}" if fault is not None else ""
                self._lost.append(EntryError(where=own_id, path="", message=f"cannot be imported again{why}"))
                continue
            lost = [name for name in dict.fromkeys((*original, *found)) if original.get(name) != found.get(name)]
            if lost:
                told = f"{self._format} does not keep this just as it is: {', '.join(lost)}"
                self._lost.append(EntryError(where=own_id, path=lost[0], message=told))


def _choices(question: Question) -> Iterator[Question]:
    for side in ("options", "left", "right"):
        listed = question.get(side)
        if isinstance(listed, list):
            yield from (choice for choice in listed if isinstance(choice, dict))


def _id_of(pictures: dict[str, bytes], name: str) -> str | None:
    """The path that a picture was exported by, from what was read back."""
    content = pictures.get(picture_name(name))
    if content is None:
        return None
    kind = media_type_of(content)
    return f"pictures/{hashlib.sha256(content).hexdigest()}.{_EXTENSIONS.get(kind or '', 'bin')}"
