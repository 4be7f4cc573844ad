"""Uploaded parts, and the photos and documents that are made of them."""

from __future__ import annotations

import secrets
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import md5

from pyrogram import raw

from tests.telegram.session import RpcRefused
from tests.telegram.vectors import objects

DC = 2
LARGEST_PART = 512 * 1024
PARTS_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class File:
    """A photo (`width` is not 0) or a document, as Telegram keeps it."""

    id: int
    data: bytes = field(repr=False)
    name: str = ""
    mime: str = ""
    width: int = 0
    height: int = 0
    attributes: tuple[raw.base.DocumentAttribute, ...] = ()
    date: int = 0
    access_hash: int = 0
    reference: bytes = b""

    @property
    def is_photo(self) -> bool:
        return self.width > 0

    def media(self) -> raw.base.MessageMedia:
        if self.is_photo:
            size = raw.types.PhotoSize(type="x", w=self.width, h=self.height, size=len(self.data))
            return raw.types.MessageMediaPhoto(
                photo=raw.types.Photo(
                    id=self.id,
                    access_hash=self.access_hash,
                    file_reference=self.reference,
                    date=self.date,
                    sizes=[size],
                    dc_id=DC,
                )
            )
        return raw.types.MessageMediaDocument(
            document=raw.types.Document(
                id=self.id,
                access_hash=self.access_hash,
                file_reference=self.reference,
                date=self.date,
                mime_type=self.mime,
                size=len(self.data),
                dc_id=DC,
                attributes=list(self.attributes),
            )
        )


class Files:
    def __init__(self) -> None:
        self._parts: dict[tuple[int, int], bytes] = {}
        self._files: dict[int, File] = {}

    def save_part(self, file_id: int, part: int, data: bytes) -> None:
        """
        Raises:
            RpcRefused: the part is empty, too big, or not one of four thousand.
        """
        if not data:
            raise RpcRefused(400, "FILE_PART_EMPTY")
        if len(data) > LARGEST_PART:
            raise RpcRefused(400, "FILE_PART_TOO_BIG")
        if not 0 <= part < 8000:
            raise RpcRefused(400, "FILE_PART_INVALID")
        self._parts[file_id, part] = data
        while len(self._parts) > PARTS_KEPT:
            del self._parts[next(iter(self._parts))]

    def photo(self, data: bytes) -> File:
        """
        Raises:
            RpcRefused: it is no picture that Telegram takes for a photo.
        """
        width, height = _picture_size(data)
        if len(data) > 10 << 20 or not 0 < width + height <= 10_000 or max(width, height) > 20 * min(width, height):
            raise RpcRefused(400, "PHOTO_INVALID_DIMENSIONS")
        return self._keep(data, width=width, height=height)

    def document(
        self, data: bytes, name: str, mime: str, attributes: Sequence[raw.base.DocumentAttribute] = ()
    ) -> File:
        named = any(isinstance(attribute, raw.types.DocumentAttributeFilename) for attribute in attributes)
        if name and not named:
            attributes = [*attributes, raw.types.DocumentAttributeFilename(file_name=name)]
        return self._keep(data, name=name, mime=mime, attributes=tuple(attributes))

    def of(self, media: raw.base.InputMedia) -> File:
        """The file of what a client sends: uploaded now, or known from before.

        Raises:
            RpcRefused: parts are missing, or there is no such file.
        """
        match media:
            case raw.types.InputMediaUploadedPhoto():
                return self.photo(self._assemble(media.file))
            case raw.types.InputMediaUploadedDocument():
                data = self._assemble(media.file)
                return self.document(data, media.file.name, media.mime_type, objects(media.attributes))
            case raw.types.InputMediaPhoto() | raw.types.InputMediaDocument():
                return self.find(media.id)
        raise RpcRefused(400, "MEDIA_INVALID")

    def find(self, location: object) -> File:
        """
        Raises:
            RpcRefused: the id, its hash or its reference are not ours.
        """
        file = self._files.get(getattr(location, "id", 0))
        if file is None or getattr(location, "access_hash", 0) != file.access_hash:
            raise RpcRefused(400, "FILE_ID_INVALID")
        if getattr(location, "file_reference", b"") != file.reference:
            raise RpcRefused(400, "FILE_REFERENCE_EXPIRED")
        return file

    def _assemble(self, file: raw.base.InputFile) -> bytes:
        parts = []
        for part in range(file.parts):
            data = self._parts.pop((file.id, part), None)
            if data is None:
                raise RpcRefused(400, f"FILE_PART_{part}_MISSING")
            parts.append(data)
        data = b"".join(parts)
        checksum = getattr(file, "md5_checksum", "")
        if checksum and checksum != md5(data).hexdigest():
            raise RpcRefused(400, "MD5_CHECKSUM_INVALID")
        return data

    def _keep(
        self,
        data: bytes,
        name: str = "",
        mime: str = "",
        width: int = 0,
        height: int = 0,
        attributes: tuple[raw.base.DocumentAttribute, ...] = (),
    ) -> File:
        file = File(
            id=secrets.randbits(62),
            data=data,
            name=name,
            mime=mime,
            width=width,
            height=height,
            attributes=attributes,
            date=int(time.time()),
            access_hash=secrets.randbits(62),
            reference=secrets.token_bytes(16),
        )
        self._files[file.id] = file
        return file


def _picture_size(data: bytes) -> tuple[int, int]:
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 32:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if data[:3] == b"\xff\xd8\xff":
        position = 2
        while position + 9 < len(data) and data[position] == 0xFF:
            kind, size = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
            if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack_from(">HH", data, position + 5)
                return width, height
            position += 2 + size
    raise RpcRefused(400, "IMAGE_PROCESS_FAILED")
