"""Sends a file that was made for one request, and removes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from protocols.messages import BankDownload, Download, Message


def downloading(reply: Message, headers: CIMultiDict[str]) -> web.StreamResponse:
    """The answer with the file of a `Download`, sent as it is read."""
    if not isinstance(reply, Download):
        raise TypeError(f"the reply is a {type(reply).__name__}, not a Download")
    own = headers.copy()
    own[hdrs.CONTENT_TYPE] = reply.media_type
    own[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{reply.name}"'
    if isinstance(reply, BankDownload):
        own["Export-Warnings"] = str(len(reply.warnings))
    return _Once(reply.path, headers=own)


class _Once(web.FileResponse):
    """There is one reader, however it ends."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        try:
            return await super().prepare(request)
        finally:
            await asyncio.to_thread(Path(self._path).unlink, missing_ok=True)
