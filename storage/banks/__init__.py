"""Question-bank file formats: pure functions from bytes, for a pool of threads or processes.

`read` finds out what a file says, `storage.banks.check.check` whether that makes questions of a subject.
"""

from __future__ import annotations

import re
from dataclasses import replace

from protocols.messages import BankFormat
from storage.banks.decoding import decode
from storage.banks.document import bank_of
from storage.banks.file import MAX_BYTES, BankFile, BankFileError, Entry
from storage.banks.gift import read_gift
from storage.banks.json_file import read_json
from storage.banks.yaml_file import read_yaml

__all__ = ["MAX_BYTES", "BankFile", "BankFileError", "Entry", "format_of", "read"]

_JSON = re.compile(r'\s*(?:\{\s*(?:["}]|$)|\[\s*(?:[\[{\]"]|$))')
_YAML = re.compile(
    r"^(?:%YAML\b|---|- |[\"']?(?:subject|slug|title|topics|kinds|extra|questions)[\"']?[ \t]*:(?:\s|$))",
    re.MULTILINE,
)
_GIFT = re.compile(r"(?:^|\n)\s*(?:::|\$CATEGORY:)|(?<!\\)\{[^{}]*\}")


def read(content: bytes, *, name: str = "", subject: str | None = None, format: BankFormat | None = None) -> BankFile:
    """What a bank file says. The format is found by its content, not by its name, unless it is given.

    `subject` is the slug to use where the file names none; `name` is told in messages.
    Raises `BankFileError` where the file as a whole cannot be read; a malformed question is one of `errors`.
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
        raise BankFileError("line 1: this is XML or HTML; save the questions as YAML, JSON or GIFT text")
    first = next(line.strip() for line in text.split("\n") if line.strip())
    if not first.startswith(("//", "::", "$CATEGORY:")) and _YAML.search(text):
        return "yaml"
    if first.startswith("//") or _GIFT.search(text):
        return "gift"
    raise BankFileError(
        f"line 1: this is neither YAML with `questions:`, nor JSON, nor GIFT with answers in {{...}}: {first[:60]!r}"
    )


def _read(content: bytes, subject: str | None, format: BankFormat | None) -> BankFile:
    if len(content) > MAX_BYTES:
        at_most = f"{MAX_BYTES} bytes ({MAX_BYTES >> 20} MiB)"
        raise BankFileError(f"the file has {len(content)} bytes; at most {at_most} are read; split it")
    text = decode(content)
    match format or format_of(text):
        case "yaml":
            bank = bank_of(read_yaml(text), "yaml")
        case "json":
            bank = bank_of(read_json(text), "json")
        case "gift":
            bank = read_gift(text)
    return replace(bank, subject=bank.subject or subject)
