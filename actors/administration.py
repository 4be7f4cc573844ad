"""What administrators do with users, spreadsheets and parked steps."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from actors import cursors, exports
from actors.accounts import Accounts
from actors.joining import Joining
from actors.training.views import moment
from protocols import messages as m
from storage import is_transient
from storage.mongo.client import Database
from storage.postgres import administration as sql
from storage.postgres.pool import Pool

WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_REASON: Final = 1_000
MOST_RETRIED: Final = 200  # of parked steps at once: whoever asks for all waits for them

log = structlog.get_logger()

Redo = Callable[[int], Awaitable[None]]  # carries the event at a position to a destination after all, once


class Administration:
    """`clock` tells microseconds since 1970. `redo` has the relays' names; `folder` is emptied and used for files
    that are on their way to somebody.
    """

    def __init__(
        self,
        pool: Pool,
        database: Database,
        clock: Callable[[], int],
        accounts: Accounts,
        joining: Joining,
        redo: Mapping[str, Redo],
        folder: Path,
        qualities: exports.Qualities,
    ) -> None:
        self._pool = pool
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._joining = joining
        self._redo = redo
        self._folder = folder
        self._qualities = qualities
        self._making = asyncio.Lock()
        self._retrying = asyncio.Lock()

    async def open(self) -> None:
        """Make the folder, empty: what was on its way when the service was killed goes nowhere any more."""
        await asyncio.to_thread(_emptied, self._folder)

    # --- Users -----------------------------------------------------------------------------------------------

    async def find_users(self, message: m.FindUsers) -> m.ManagedUsers:
        """Raises Invalid on a cursor that is none."""
        rows = await sql.find_users(
            self._pool,
            search=message.search,
            role=message.role,
            blocked=message.blocked,
            before=cursors.number(message.after),
            limit=message.limit + 1,
        )
        items = tuple(m.ManagedUser(**row) for row in rows[: message.limit])
        return m.ManagedUsers(items=items, next=str(items[-1].id) if len(rows) > message.limit else None)

    async def show_user(self, message: m.ShowUser) -> m.ManagedUser:
        """Raises NotFound."""
        row = await sql.show_user(self._pool, message.target)
        if row is None:
            raise _nobody(message.target)
        return m.ManagedUser(**row)

    async def change_user(self, message: m.ChangeUser) -> m.ManagedUser:
        """Known at once, wherever they are signed in. Raises NotFound, Conflict."""
        if message.blocked and message.target == message.user:
            raise m.Conflict("You would block yourself: ask another administrator")
        try:
            row = await sql.change_user(self._pool, message.target, message.role, message.blocked)
        except sql.LastAdministrator:
            raise m.Conflict("This is the last administrator: give somebody else the role first") from None
        finally:
            self._accounts.forget(message.target)
        if row is None:
            raise _nobody(message.target)
        log.info("a user was changed", target=message.target, by=message.user, role=row["role"], blocked=row["blocked"])
        return m.ManagedUser(**row)

    async def erase_user(self, message: m.EraseUser) -> m.Done:
        """Raises NotFound, Conflict."""
        if message.target == message.user:
            raise m.Conflict("You would erase yourself: that is done in your profile, with your password")
        await self._joining.settle(message.target)
        await self.show_user(m.ShowUser(user=message.user, target=message.target))
        await self._accounts.erase(message.target, self._joining.end_sessions)
        log.info("a user was erased", target=message.target, by=message.user)
        return m.Done()

    async def reset_password(self, message: m.ResetPassword) -> m.MadeUpPassword:
        """Raises NotFound, Conflict where there is no login, and for oneself."""
        if message.target == message.user:
            raise m.Conflict("You would sign yourself out: ask another administrator, or run `user password`")
        await self.show_user(m.ShowUser(user=message.user, target=message.target))
        made = await self._accounts.reset_password(message.target)
        log.info("a password was reset", target=message.target, by=message.user)
        return made

    # --- Spreadsheets ----------------------------------------------------------------------------------------

    async def make_contest_spreadsheet(self, message: m.MakeContestSpreadsheet) -> m.Download:
        """The same of a contest. Raises NotFound as well."""
        return await self._make("contest", message.user, message.language, int(message.file.removesuffix(".xlsx")))

    async def make_spreadsheet(self, message: m.MakeSpreadsheet) -> m.Download:
        """A file for whoever asked. Raises Unavailable while another is being made: each takes disk and time."""
        return await self._make(message.kind, message.user, message.language)

    async def _make(
        self, kind: exports.KindOfExport, user: int, wanted: m.Language | None, contest: int = 0
    ) -> m.Download:
        if self._making.locked():
            raise m.Unavailable("Another spreadsheet is being made: try again in a minute", retry_after=30)
        async with self._making:
            known = await self._accounts.known_user(user)
            language = wanted or (known.caller.language if known is not None else "ru")
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._folder))
            file = folder / (f"contest-{contest}.xlsx" if contest else f"{kind}.xlsx")
            try:
                sources = self._pool, self._database
                rows = await exports.export(kind, file, language, *sources, contest=contest, qualities=self._qualities)
                kept = folder.with_suffix(".xlsx")
                await asyncio.to_thread(file.replace, kept)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        log.info("a spreadsheet was made", kind=kind, by=user, rows=rows)
        return m.Download(path=str(kept), name=file.name, media_type=WORKBOOK)

    # --- Parked steps ----------------------------------------------------------------------------------------

    async def list_parked(self, message: m.ListParked) -> m.ParkedSteps:
        """Raises Invalid on a cursor that is none."""
        rows = await sql.parked(self._pool, cursors.number(message.after), message.limit)
        items = tuple(m.ParkedStep(**row) for row in rows)
        following = str(items[-1].position) if len(items) >= message.limit else None
        return m.ParkedSteps(items=items, next=following, relays=await sql.parked_counts(self._pool))

    async def retry(self, message: m.RetryParked) -> m.Done:
        """Raises NotFound, Conflict when it is refused again."""
        await self._retry(message.relay, message.position, message.user)
        return m.Done()

    async def retry_all(self, message: m.RetryAllParked) -> m.RetriedParked:
        """Whoever asks again is answered for the next ones, for those that are refused again become the last."""
        carried = refused = 0
        for position in await sql.longest_parked(self._pool, message.relay, MOST_RETRIED):
            try:
                await self._retry(message.relay, position, message.user)
            except m.NotFound:  # somebody else was first
                continue
            except m.Conflict:
                refused += 1
            else:
                carried += 1
        return m.RetriedParked(carried=carried, refused=refused)

    async def _retry(self, relay: str, position: int, by: int) -> None:
        async with self._retrying:
            redo = self._redo.get(relay)
            if redo is None or not await sql.is_parked(self._pool, relay, position):
                raise m.NotFound(f"Nothing of {relay!r} is parked at {position}")
            try:
                await redo(position)
            except Exception as error:
                if is_transient(error):
                    raise
                log.exception("a parked step was refused again", relay=relay, position=position)
                reason = (str(error) or type(error).__name__)[:LONGEST_REASON]
                await sql.parked_again(self._pool, relay, position, reason, moment(self._clock()))
                raise m.Conflict(f"It was refused again: {reason}") from error
            await sql.unpark(self._pool, relay, position)
        log.info("a parked step was carried onward", relay=relay, position=position, by=by)


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _nobody(user: int) -> m.NotFound:
    return m.NotFound(f"There is no user {user}")
