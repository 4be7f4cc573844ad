"""Question-bank file formats: pure functions from bytes, for a pool of threads or processes.

`read` finds out what a file says, `storage.banks.check.check` whether that makes questions of a subject.
"""

from __future__ import annotations

import re
from dataclasses import replace

from protocols.messages import BankFormat
from storage.banks.aiken import looks_like_aiken, read_aiken
from storage.banks.archive import is_zip, unpack
from storage.banks.decoding import decode
from storage.banks.document import bank_of
from storage.banks.file import MAX_BYTES, BankFile, BankFileError, Entry
from storage.banks.gift import read_gift
from storage.banks.json_file import read_json
from storage.banks.moodle_xml import looks_like_moodle_xml, read_moodle_xml
from storage.banks.strangers import stranger
from storage.banks.workbook import is_workbook, read_workbook
from storage.banks.yaml_file import read_yaml

__all__ = ["MAX_BYTES", "BankFile", "BankFileError", "Entry", "format_of", "read"]

_JSON = re.compile(r'\s*(?:\{\s*(?:["}]|$)|\[\s*(?:[\[{\]"]|$))')
_YAML = re.compile(
    r"^(?:%YAML\b|---|- |[\"']?(?:subject|slug|title|topics|kinds|extra|questions)[\"']?[ \t]*:(?:\s|$))",
    re.MULTILINE,
)
_GIFT = re.compile(r"^[ \t]*(?:::|\$CATEGORY:)|(?<!\\)\{[^{}]*\}", re.MULTILINE)


def read(content: bytes, *, name: str = "", subject: str | None = None, format: BankFormat | None = None) -> BankFile:
    """What a bank file says. The format is found by its content, not by its name, unless it is given.

    A ZIP is read for the one bank file in it. `subject` is the slug to use where the file names none; `name` is told
    in messages. Raises `BankFileError` where the file as a whole cannot be read; a malformed question is one of
    `errors`.
    """
    about = f"{name}: " if name else ""
    try:
        return _read(content, subject, format)
    except BankFileError as error:
        raise BankFileError(about + error.message, error.errors) from None


def format_of(text: str) -> BankFormat:
    """The format that `text` is written in. Raises `BankFileError` where it is none of those read here."""
    if _JSON.match(text):
        return "json"
    if text.lstrip()[:1] == "<":
        if looks_like_moodle_xml(text):
            return "moodle-xml"
        raise BankFileError(
            "line 1: this is XML or HTML, and not Moodle XML, whose root is <quiz>; export the questions as that, "
            "or save them as YAML, JSON, GIFT or XLSX"
        )
    first = next(line.strip() for line in text.split("\n") if line.strip())
    marked = first.startswith(("//", "::", "$CATEGORY:"))
    if not marked and looks_like_aiken(text):
        return "aiken"
    if not marked and _YAML.search(text):
        return "yaml"
    if first.startswith("//") or _GIFT.search(text):
        return "gift"
    raise BankFileError(
        "line 1: this is neither YAML with `questions:`, nor JSON, nor Moodle XML, nor GIFT with answers in {...}, "
        f"nor Aiken with lines `ANSWER: A`: {first[:60]!r}"
    )


def _read(content: bytes, subject: str | None, format: BankFormat | None) -> BankFile:
    if len(content) > MAX_BYTES:
        at_most = f"{MAX_BYTES} bytes ({MAX_BYTES >> 20} MiB)"
        raise BankFileError(f"the file has {len(content)} bytes; at most {at_most} are read; split it")
    other = stranger(content)
    if other is not None:
        raise BankFileError(f"this is {other}, which is not read here; save the questions as XLSX or as plain text")
    if is_zip(content) and not is_workbook(content):
        inner = unpack(content, _is_bank)
        try:
            bank = _read(inner.content, subject, format)
        except BankFileError as error:
            raise BankFileError(f"{inner.name}: {error.message}", error.errors) from None
        return replace(bank, inside=inner.name, pictures={**inner.pictures, **bank.pictures})
    if is_zip(content):
        if format not in (None, "xlsx"):
            raise BankFileError(f"this is an XLSX workbook, not {format}; leave the format to be found, or say xlsx")
        bank = read_workbook(content)
    elif format == "xlsx":
        raise BankFileError("this is no XLSX workbook; leave the format to be found, or save the file as XLSX")
    else:
        text, warnings = decode(content)
        bank = _read_text(text, format)
        bank = replace(bank, warnings=[*warnings, *bank.warnings])
    return replace(bank, subject=bank.subject or subject)


def _read_text(text: str, format: BankFormat | None) -> BankFile:
    match format or format_of(text):
        case "yaml":
            return bank_of(read_yaml(text), "yaml")
        case "json":
            return bank_of(read_json(text), "json")
        case "moodle-xml":
            return read_moodle_xml(text)
        case "aiken":
            return read_aiken(text)
        case _:
            return read_gift(text)


def _is_bank(content: bytes) -> bool:
    """Whether a file in a ZIP is written in one of the formats."""
    if is_zip(content):
        return is_workbook(content)
    try:
        format_of(decode(content)[0])
    except BankFileError:
        return False
    return True
