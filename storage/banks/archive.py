"""A bank file and its pictures in one ZIP; and what any ZIP must keep to before anything of it is unpacked."""

from __future__ import annotations

import io
import posixpath
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from storage.banks.file import BankFileError, shown
from storage.banks.pictures import media_type_of, picture_name

MOST_MEMBERS = 20_000
MOST_UNPACKED = 128 * 1024 * 1024
# XML of a spreadsheet, which says the same again and again, packs to a hundredth; what packs far better is a bomb.
MOST_RATIO = 400
_SMALL = 4 * 1024 * 1024

_DRIVE = re.compile(r"[A-Za-z]:")
_ENCRYPTED, _UTF_8 = 0x1, 0x800
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What operating systems leave in every folder.
_LITTER = re.compile(r"(?:^|/)(?:__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


@dataclass(frozen=True)
class Unpacked:
    """The one bank file of an archive, its name there, and the pictures by the paths that it calls them."""

    name: str
    content: bytes
    pictures: dict[str, bytes]


def is_zip(content: bytes) -> bool:
    return content.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def has_member(content: bytes, name: str) -> bool:
    """Whether a ZIP, which may be damaged, holds a file of this name."""
    if content.count(b"PK\x01\x02") > MOST_MEMBERS:
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as found:
            return name in found.NameToInfo
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False


def opened(content: bytes) -> zipfile.ZipFile:
    """The archive, when all that it says of itself is bounded and stays in its folder. Raises `BankFileError`."""
    if content.count(b"PK\x01\x02") > MOST_MEMBERS:
        raise BankFileError(f"the ZIP holds more than {MOST_MEMBERS} files; split it")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError) as error:
        raise BankFileError(f"the ZIP is damaged: {error}; make it again") from None
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise BankFileError(f"the ZIP holds more than {MOST_MEMBERS} files; split it")
    for member in members:
        _refuse_odd(member)
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED:
        raise BankFileError(
            f"the ZIP unpacks to {unpacked >> 20} MiB; at most {MOST_UNPACKED >> 20} MiB are unpacked; split it"
        )
    return archive


def _refuse_odd(member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or _DRIVE.match(name) or ".." in parts or "\0" in name:
        raise BankFileError(f"the ZIP holds {shown(name)}, whose path leads out of its folder; pack the files again")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BankFileError(f"the ZIP holds the symbolic link {shown(name)}; put the file itself in its place")
    if member.flag_bits & _ENCRYPTED:
        raise BankFileError(f"{shown(name)} in the ZIP is encrypted; pack it without a password")
    if member.compress_type not in _METHODS:
        raise BankFileError(f"{shown(name)} in the ZIP is packed by method {member.compress_type}; use plain ZIP")
    if member.file_size > _SMALL and member.file_size > MOST_RATIO * max(member.compress_size, 1):
        times = member.file_size // max(member.compress_size, 1)
        raise BankFileError(f"{shown(name)} in the ZIP unpacks to {times} times its size; no bank file does that")


def content_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """One file, which is no longer than the archive has said. Raises `BankFileError`."""
    try:
        with archive.open(member) as stream:
            # zipfile stops at the length that is told; the rest of a longer one fails its checksum.
            return stream.read(member.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise BankFileError(f"{shown(member.filename)} in the ZIP is damaged: {error}; make it again") from None


def unpack(content: bytes, is_bank: Callable[[bytes], bool]) -> Unpacked:
    """The bank file of a ZIP and its pictures; `is_bank` tells whether content is that of a bank file.

    Raises `BankFileError` where there is none or more than one, and for all that `opened` refuses.
    """
    banks: list[tuple[str, bytes]] = []
    pictures: list[tuple[tuple[str, ...], bytes]] = []
    odd: list[str] = []
    with opened(content) as archive:
        for member in archive.infolist():
            if member.is_dir() or _LITTER.search(member.filename):
                continue
            names = _names(member)
            inner = content_of(archive, member)
            if media_type_of(inner) is not None:
                pictures.append((names, inner))
            elif is_bank(inner):
                banks.append((names[0], inner))
            elif is_zip(inner):
                raise BankFileError(f"the ZIP holds another ZIP, {shown(names[0])}; unpack it first")
            else:
                odd.append(names[0])
    if len(banks) > 1:
        listed = ", ".join(shown(name) for name, _ in banks[:5])
        raise BankFileError(f"the ZIP holds {len(banks)} bank files: {listed}; put one into one ZIP")
    if not banks:
        held = f"; it holds {', '.join(map(shown, odd[:5]))}" if odd else ""
        raise BankFileError(f"the ZIP holds no bank file (YAML, JSON, GIFT, Moodle XML, Aiken or XLSX){held}")
    ((name, bank),) = banks
    return Unpacked(name, bank, _beside(posixpath.dirname(name), pictures))


def _names(member: zipfile.ZipInfo) -> tuple[str, ...]:
    """The name, the likeliest first: what is not marked as UTF-8 may be that all the same, or Cyrillic of DOS."""
    told = member.filename.replace("\\", "/")
    if member.flag_bits & _UTF_8 or told.isascii():
        return (told,)
    names: list[str] = []
    for encoding in ("utf-8", "cp866", "cp1251"):
        try:
            names.append(told.encode("cp437").decode(encoding))
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
    return tuple(dict.fromkeys([*names, told]))


def _beside(folder: str, pictures: list[tuple[tuple[str, ...], bytes]]) -> dict[str, bytes]:
    """Pictures by their paths from the bank file's folder, and from the archive's top."""
    found: dict[str, bytes] = {}
    for names, picture in pictures:
        for name in names:
            name = unicodedata.normalize("NFC", name)
            found.setdefault(picture_name(name), picture)
            if folder and name.startswith(folder + "/"):
                found[picture_name(name.removeprefix(folder + "/"))] = picture
    return found
