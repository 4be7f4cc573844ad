"""From bytes to text."""

from __future__ import annotations

import codecs
import re

from storage.banks.file import BankFileError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What may stand in a text file: tab and line ends, but no other control characters.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def decode(content: bytes) -> str:
    """The text of a UTF-8 file, or of a UTF-16 file with a byte order mark; line ends become `\\n`.

    Raises `BankFileError` with the byte where the text stops being text.
    """
    encoding, skip = "utf-8", 0
    for bom, named in _BOMS:
        if content.startswith(bom):
            encoding, skip = named, len(bom)
    try:
        text = content[skip:].decode(encoding)
    except UnicodeDecodeError as error:
        at = skip + error.start
        line = content.count(b"\n", 0, at) + 1
        raise BankFileError(
            f"byte {at} (line {line}): the byte 0x{content[at]:02X} is not "
            f"{encoding.upper()} text ({error.reason}); save the file as UTF-8"
        ) from None
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
    return text
