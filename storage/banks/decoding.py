"""From bytes to text."""

from __future__ import annotations

import codecs
import re

from protocols.messages import EntryError
from storage.banks.file import BankFileError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What may stand in a text file: tab and line ends, but no other control characters.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
# A Russian word as Windows-1251 has it: small letters after the first. UTF-8, KOI8-R and Latin-1 have no such bytes.
_RUSSIAN = re.compile(rb"[\xa8\xb8\xc0-\xff][\xb8\xe0-\xff]{2,}")
_ENOUGH_WORDS = 3
_BEYOND_ASCII = bytes(range(0x80, 0x100))


def decode(content: bytes) -> tuple[str, list[EntryError]]:
    """The text of a UTF-8 file, of a UTF-16 file with a byte order mark, or, with a warning, of one in Windows-1251
    that is Russian beyond doubt; line ends become `\\n`.

    Raises `BankFileError` with the byte where the text stops being text.
    """
    warnings = []
    encoding, skip = "utf-8", 0
    for bom, named in _BOMS:
        if content.startswith(bom):
            encoding, skip = named, len(bom)
    try:
        text = content[skip:].decode(encoding)
    except UnicodeDecodeError as error:
        if skip or not _is_windows_1251(content):
            raise _not_text(content, encoding, skip + error.start, error.reason) from None
        text = content.decode("windows-1251", errors="replace")
        told = "the file is in Windows-1251 and not in UTF-8; look whether its letters are right"
        warnings.append(EntryError(where="file", path="", message=told))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    control = _CONTROL.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        raise BankFileError(
            f"line {line}: the control character U+{ord(control[0]):04X} is not text; remove it, "
            "or save the file as UTF-8"
        )
    if not text.strip():
        raise BankFileError("the file is empty; a bank file holds at least `questions:` with one question")
    return text, warnings


def _is_windows_1251(content: bytes) -> bool:
    """Whether most of what is not ASCII are Russian words in it, and more than come by chance."""
    words = _RUSSIAN.findall(content)
    beyond_ascii = len(content) - len(content.translate(None, _BEYOND_ASCII))
    return len(words) >= _ENOUGH_WORDS and sum(map(len, words)) * 2 >= beyond_ascii


def _not_text(content: bytes, encoding: str, at: int, why: str) -> BankFileError:
    line = content.count(b"\n", 0, at) + 1
    return BankFileError(
        f"byte {at} (line {line}): the byte 0x{content[at]:02X} is not {encoding.upper()} text ({why}); "
        "save the file as UTF-8"
    )
