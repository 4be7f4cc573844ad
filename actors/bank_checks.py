"""Bank files that departments look at before they import them: kept for an hour, each for the one who sent it.

A file and its good questions stand in a folder of their own on the disk; of these, memory holds where each begins. The
folder is emptied when the service starts: whoever was looking sends the file again.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from actors.audit import AuditLog
from actors.bank_desk import BankDesk, preview_of
from actors.bank_files import Progress, Spool, importable
from actors.training.views import moment
from protocols import messages as m
from storage import is_transient

log = structlog.get_logger()

KEPT_SECONDS: Final = 3600.0
MOST_KEPT: Final = 20  # files at once, of all departments
MOST_OWN: Final = 3
SWEEP_SECONDS: Final = 60.0
BUSY: Final = ("examining", "importing")


@dataclass(eq=False)
class _Check:
    """`message` is without its content, which is the file `upload` in the folder."""

    id: str
    folder: Path
    message: m.ValidateBank
    expires_at: int
    state: m.CheckState = "examining"
    stage: str = ""
    done: int = 0
    total: int = 0
    report: m.BankReport | None = None
    reason: str | None = None
    subject: str = ""
    spool: Spool | None = None


class BankChecks:
    """`clock` tells microseconds since 1970. `folder` is emptied and used. `unchosen` tells of a subject's questions by
    their ids which options nobody chooses: id and text."""

    def __init__(
        self,
        desk: BankDesk,
        audit: AuditLog,
        clock: Callable[[], int],
        folder: Path,
        unchosen: Callable[[str], Awaitable[Mapping[str, Mapping[str, str]]]],
    ) -> None:
        self._desk = desk
        self._audit = audit
        self._clock = clock
        self._folder = folder
        self._unchosen = unchosen
        self._checks: dict[str, _Check] = {}
        self._works: set[asyncio.Task[None]] = set()
        self._one_content = asyncio.Semaphore(1)  # files in memory at a time

    async def open(self) -> None:
        """Make the folder, empty."""
        await asyncio.to_thread(_emptied, self._folder)

    async def close(self) -> None:
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    async def keep(self) -> None:
        """Forget what has been kept long enough, for as long as the service runs."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for check in [check for check in self._checks.values() if self._is_over(check)]:
                await self._forget(check)

    # --- What is asked ----------------------------------------------------------------------------------------

    async def open_check(self, message: m.OpenCheck) -> m.BankCheck:
        """Raises Unavailable when too many files are being looked at."""
        await self._make_room(message.user)
        name = secrets.token_urlsafe(12)
        bare = m.ValidateBank(
            user=message.user, content=b"", name=message.name, subject=message.subject, format=message.format
        )
        expires_at = self._clock() + int(KEPT_SECONDS * 1_000_000)
        check = self._checks[name] = _Check(name, self._folder / name, bare, expires_at)
        try:
            await asyncio.to_thread(_written, check.folder, message.content)
        except OSError:
            await self._forget(check)
            raise
        self._begin(check, self._examine(check))
        return _shown(check)

    async def show(self, message: m.ShowCheck) -> m.BankCheck:
        return _shown(self._find(message))

    async def questions(self, message: m.ListChecked) -> m.CheckedQuestions:
        check = self._find(message)
        return await asyncio.to_thread(_page, check, message.after, message.limit)

    async def import_checked(self, message: m.ImportChecked) -> m.BankCheck:
        """Raises Conflict while it is being examined or imported, or when nothing in it can be imported."""
        check = self._find(message)
        if check.state in BUSY:
            raise m.Conflict(f"{check.message.name} is busy: wait until that is done.", state=check.state)
        if check.report is None or not importable(check.report, partial=message.partial):
            raise m.Conflict(f"{check.message.name} has errors: nothing was imported.", state=check.state)
        check.state, check.stage, check.done, check.total = "importing", "examining", 0, 0
        self._begin(check, self._import(check, message))
        return _shown(check)

    async def mark_errors(self, message: m.MarkCheckedErrors) -> m.File:
        check = self._find(message)
        async with self._one_content:
            upload = await self._upload(check)
            return await self._desk.write_beside(m.ValidateBank(**upload), message.errors)

    async def picture(self, message: m.ShowCheckedPicture) -> m.File:
        """Raises NotFound."""
        check = self._find(message)
        media_type = check.spool.media_types.get(message.picture) if check.spool else None
        if media_type is None:
            return await self._desk.show_file(m.ShowFile(file=message.picture))
        content = await asyncio.to_thread((check.folder / "pictures" / message.picture).read_bytes)
        return m.File(content=content, media_type=media_type)

    # --- The work ---------------------------------------------------------------------------------------------

    async def _examine(self, check: _Check) -> None:
        async with self._one_content:
            message = m.ValidateBank(**await self._upload(check))
            report, check.spool = await self._desk.spool_bank(message, check.folder, _into(check))
            if report.subject is not None and report.updated + report.unchanged:
                unchosen = await self._unchosen(report.subject)
                warned = await self._desk.unchosen_options(message.name, check.spool, unchosen)
                report = report.model_copy(update={"warnings": (*report.warnings, *warned)})
        check.report = report
        check.subject = report.subject or ""
        check.state = "checked"

    async def _import(self, check: _Check, asked: m.ImportChecked) -> None:
        async with self._one_content:
            message = m.ImportBank(**await self._upload(check) | {"user": asked.user, "partial": asked.partial})
            work: Callable[[m.ImportBank], Awaitable[m.BankReport]] = partial(
                self._desk.import_bank, progress=_into(check)
            )
            # On record like every import; what it says is read from the check.
            report = await self._audit.recorded(message, work)  # type: ignore[arg-type]  # it is given what it gets
        assert isinstance(report, m.BankReport)
        check.report = report
        check.state = "imported"

    def _begin(self, check: _Check, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except m.Refusal as refusal:
                check.state, check.reason = "failed", refusal.detail
            except Exception as error:
                check.state, check.reason = "failed", ""
                if not is_transient(error):
                    log.exception("a bank file was not examined or imported", check=check.id)

        task = asyncio.create_task(guarded())
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    async def _upload(self, check: _Check) -> dict[str, object]:
        content = await asyncio.to_thread((check.folder / "upload").read_bytes)
        return dict(check.message) | {"content": content}

    # --- What is kept -----------------------------------------------------------------------------------------

    def _find(self, message: m.CheckCommand) -> _Check:
        """Raises NotFound, also where it is somebody else's."""
        check = self._checks.get(message.check)
        if check is None or check.message.user != message.user or self._is_over(check):
            raise m.NotFound("This file is kept no longer: choose it again.")
        return check

    def _is_over(self, check: _Check) -> bool:
        return check.state not in BUSY and self._clock() >= check.expires_at

    async def _make_room(self, user: int) -> None:
        """Forget the oldest, of the same user first. Raises Unavailable."""
        own = [check for check in self._checks.values() if check.message.user == user]
        if len(own) >= MOST_OWN:
            await self._forget_one(own)
        elif len(self._checks) >= MOST_KEPT:
            await self._forget_one(list(self._checks.values()))

    async def _forget_one(self, among: list[_Check]) -> None:
        idle = [check for check in among if check.state not in BUSY]
        if not idle:
            raise m.Unavailable("Other files are being examined: try again in a minute.", 30)
        await self._forget(idle[0])

    async def _forget(self, check: _Check) -> None:
        self._checks.pop(check.id, None)
        await asyncio.to_thread(shutil.rmtree, check.folder, ignore_errors=True)


def _into(check: _Check) -> Progress:
    def progress(stage: str, done: int, total: int) -> None:
        check.stage, check.done, check.total = stage, done, total

    return progress


def _shown(check: _Check) -> m.BankCheck:
    return m.BankCheck(
        id=check.id,
        name=check.message.name,
        state=check.state,
        stage=check.stage,
        done=check.done,
        total=check.total,
        report=check.report,
        reason=check.reason,
        topics=check.spool.topics if check.spool else (),
        expires_at=moment(check.expires_at),
    )


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _written(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "upload").write_bytes(content)


def _page(check: _Check, after: int, limit: int) -> m.CheckedQuestions:
    spool = check.spool
    if spool is None or check.state == "examining":
        return m.CheckedQuestions(items=(), total=0)
    last = min(after + limit, len(spool.ends))
    contents = spool.contents(after, last) if after < last else ()
    items = tuple(
        m.CheckedQuestion(place=place, where=spool.places[place], preview=preview_of(content, check.subject))
        for place, content in enumerate(contents, after)
    )
    return m.CheckedQuestions(items=items, total=len(spool.ends))
