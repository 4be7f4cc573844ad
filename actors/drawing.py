"""Draws pictures in a process of its own, so that no student waits for the interpreter while one is drawn.

The process starts with the first picture. It reads requests from its standard input and ends when that does,
also when the service was killed.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Literal

import orjson
import structlog
from cachetools import LRUCache

from protocols.messages import DrawText, File, Language, Theme, Unavailable

WAITING = 32
DRAW_SECONDS = 30.0  # the first one loads the libraries
STOP_SECONDS = 5.0
LARGEST_BYTES = 4 * 1024 * 1024
KEPT_BYTES = 32 * 1024 * 1024  # of pictures of texts

log = structlog.get_logger(__name__)


class DrawingFailed(Exception):
    """The drawing process cannot draw this, and says why."""


class Drawing:
    """One picture at a time; `WAITING` more wait, the next is refused with Unavailable."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._texts: LRUCache[str, File] = LRUCache(KEPT_BYTES, getsizeof=lambda file: len(file.content))

    async def text(self, message: DrawText) -> File:
        """The picture of a text with formulas. Raises Unavailable."""

        def kept() -> File | None:
            return self._texts.get(message.text)

        if (file := kept()) is None:
            request = orjson.dumps({"kind": "text", "text": message.text})
            try:
                drawn = await self._in_turn(request, kept)  # another may have asked for the same, and been first
            except DrawingFailed as error:
                log.exception("a text cannot be drawn", text=message.text)
                raise Unavailable("This picture cannot be drawn", retry_after=60) from error
            file = drawn if isinstance(drawn, File) else File(content=drawn, media_type="image/png")
            self._texts[message.text] = file
        return file

    async def statistics(
        self,
        statistics: str,
        calendar: Mapping[date, int],
        language: Language,
        format: Literal["svg", "png"],
        *,
        days: int | None,
        today: date,
        theme: Theme = "light",
    ) -> bytes:
        """The picture of statistics, which are given as JSON. Raises Unavailable, or DrawingFailed with the
        reason.
        """
        request = orjson.dumps(
            {
                "kind": "statistics",
                "statistics": orjson.Fragment(statistics),
                "calendar": {day.isoformat(): answered for day, answered in calendar.items()},
                "language": language,
                "format": format,
                "days": days,
                "today": today,
                "theme": theme,
            }
        )
        drawn = await self._in_turn(request, lambda: None)
        assert isinstance(drawn, bytes)
        return drawn

    async def close(self) -> None:
        """End the process. Safe when there is none."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _in_turn(self, request: bytes, kept: Callable[[], File | None]) -> bytes | File:
        """What is drawn, or what is `kept` when its turn comes."""
        if self._waiting > WAITING:
            raise Unavailable("Too many pictures are being drawn", retry_after=2)
        self._waiting += 1
        try:
            async with self._turn:
                return kept() or await self._ask(request)
        finally:
            self._waiting -= 1

    async def _ask(self, request: bytes) -> bytes:
        finished = False
        try:
            async with asyncio.timeout(DRAW_SECONDS):
                process = await self._running()
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(request + b"\n")
                await process.stdin.drain()
                head = await process.stdout.readexactly(5)
                size = int.from_bytes(head[1:])
                if size > LARGEST_BYTES:
                    raise DrawingFailed(f"a picture of {size} bytes")
                content = await process.stdout.readexactly(size)
            finished = True
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            log.warning("drawing process failed", problem=repr(error))
            raise Unavailable("The picture cannot be drawn now", retry_after=2) from error
        finally:
            if not finished:  # what it would say next belongs to nobody: a new one starts with the next picture
                self._abandon()
        if head[:1] != b"+":
            raise DrawingFailed(content.decode())
        return content

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "actors.picture",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # warnings of the libraries; errors come as replies
                cwd=Path(__file__).parent.parent,
                start_new_session=True,  # Ctrl-C is for the service: it lets a picture be finished
            )
        return self._process

    def _abandon(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
