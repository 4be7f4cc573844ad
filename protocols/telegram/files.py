"""Pictures and files, up and down."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from random import SystemRandom

from cachetools import LRUCache
from pyrogram import raw
from pyrogram.errors import FileMigrate, RPCError

from protocols.telegram import encoding
from protocols.telegram.connection import Call, Connection, name_of
from protocols.telegram.values import Attachment, Outgoing, Peer, Refused

LARGEST = 10 * 1024 * 1024
PART = 512 * 1024  # https://core.telegram.org/api/files#uploading-files
PART_SECONDS = 30.0
REMEMBERED = 10_000  # pictures; a few dozen bytes each

_random = SystemRandom()


class Files:
    """Uploads a picture once, and sends what Telegram has of it from then on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._photos: LRUCache[str, raw.types.InputPhoto] = LRUCache(REMEMBERED)
        self._uploading: dict[str, asyncio.Future[None]] = {}

    async def media(self, peer: Peer, outgoing: Outgoing) -> raw.base.InputMedia | None:
        """What `outgoing` carries, uploaded; None: only text. Raises RPCError and an `Undelivered`."""
        if outgoing.picture is not None:
            return raw.types.InputMediaPhoto(id=await self._photo(peer, outgoing.picture, self._key(outgoing)))
        if outgoing.file is not None:
            name = raw.types.DocumentAttributeFilename(file_name=outgoing.file_name)
            return raw.types.InputMediaUploadedDocument(
                file=await self._upload(outgoing.file, outgoing.file_name),
                mime_type="application/octet-stream",
                attributes=[name],
                force_file=True,
            )
        return None

    def forget(self, outgoing: Outgoing) -> None:
        """Telegram does not know the picture any more: upload it again next time."""
        if outgoing.picture is not None:
            self._photos.pop(self._key(outgoing), None)

    async def fetch(self, attachment: Attachment) -> bytes:
        """Raises RPCError and an `Undelivered`: Refused when it is larger than LARGEST."""
        try:
            return await self._fetched(attachment, self._connection.call)
        except FileMigrate as error:
            async with self._connection.elsewhere(int(str(error.value))) as call:
                return await self._fetched(attachment, call)

    async def _fetched(self, attachment: Attachment, call: Call) -> bytes:
        data = bytearray()
        location = encoding.location(attachment)
        while attachment.size <= LARGEST and len(data) <= LARGEST:
            query = raw.functions.upload.GetFile(location=location, offset=len(data), limit=PART)
            answer = await call(query, PART_SECONDS)
            if not isinstance(answer, raw.types.upload.File):
                raise Refused(f"the file cannot be had: {type(answer).__name__}")
            data += answer.bytes
            if len(answer.bytes) < PART:
                return bytes(data)
        raise Refused(f"the file is larger than {LARGEST >> 20} MB")

    async def _photo(self, peer: Peer, picture: bytes, digest: str) -> raw.types.InputPhoto:
        while True:
            known = self._photos.get(digest)
            if known is not None:
                return known
            running = self._uploading.get(digest)
            if running is None:
                break
            await asyncio.wait([running])
        running = self._uploading[digest] = asyncio.get_running_loop().create_future()
        try:
            uploaded = raw.types.InputMediaUploadedPhoto(file=await self._upload(picture, "picture.png"))
            query = raw.functions.messages.UploadMedia(peer=encoding.peer(peer), media=uploaded)
            media = await self._connection.call(query, PART_SECONDS)
            photo = media.photo
            known = self._photos[digest] = raw.types.InputPhoto(
                id=photo.id, access_hash=photo.access_hash, file_reference=photo.file_reference
            )
            return known
        finally:
            del self._uploading[digest]
            running.set_result(None)

    async def _upload(self, data: bytes, name: str) -> raw.types.InputFile:
        if len(data) > LARGEST:
            raise Refused(f"the file is larger than {LARGEST >> 20} MB")
        number = _random.getrandbits(63)
        parts = range(0, len(data), PART)
        for part, start in enumerate(parts):
            query = raw.functions.upload.SaveFilePart(file_id=number, file_part=part, bytes=data[start : start + PART])
            await self._connection.call(query, PART_SECONDS)
        return raw.types.InputFile(id=number, parts=len(parts), name=name, md5_checksum="")

    def _key(self, outgoing: Outgoing) -> str:
        # A mass message brings its own: a large picture is not hashed again for each of its recipients.
        return outgoing.digest or sha256(outgoing.picture or b"").hexdigest()


def is_stale_reference(error: RPCError) -> bool:
    """Whether a picture was uploaded so long ago that it has to be uploaded again."""
    return name_of(error).startswith("FILE_REFERENCE_")
