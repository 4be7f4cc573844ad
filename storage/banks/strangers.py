"""Files of other programs that people take for bank files: told by name, with what to do instead."""

from __future__ import annotations

from storage.banks.archive import has_member, is_zip

_BEGINNINGS = (
    (b"%PDF-", "a PDF"),
    (b"{\\rtf", "a document in RTF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old file of Excel or Word (XLS, DOC)"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
)
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument"  # the first file in the ZIP: its name, and what it holds


def stranger(content: bytes) -> str | None:
    """What the file is, if it is one of these."""
    if is_zip(content):
        if _OPEN_DOCUMENT in content[:128]:
            return "a file of LibreOffice (ODS, ODT)"
        return "a document of Word (DOCX)" if has_member(content, "word/document.xml") else None
    return next((name for mark, name in _BEGINNINGS if content.startswith(mark)), None)
