"""Everything of the command line besides `serve`. What was done goes to stdout, what is wrong to stderr."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import rich.progress
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

import checks
from actors import exports
from actors.accounts import CACHE_SECONDS, PASSWORD_BYTES, add_user, set_password
from actors.bank import Bank
from actors.bank_desk import BankDesk
from actors.bank_files import Progress
from actors.passwords import Passwords
from databases import EXPECTED_FAILURES, Connections, addresses, connections
from protocols import messages as m
from settings import Settings
from storage.banks import MAX_BYTES
from storage.clickhouse import activity
from storage.clickhouse import engine as clickhouse
from storage.mongo import client as mongo
from storage.mongo import questions
from storage.postgres.accounts import set_role
from storage.postgres.migrate import migrate

DONE, FAILED = 0, 1

# What the patterns of the messages mean, for people.
_NEEDED = {
    "login": "3 to 64 Latin letters, digits and . _ @ + -, with a letter or digit first",
    "password": "8 to 200 characters",
    "name": "1 to 100 characters on one line",
}


class Failed(Exception):
    """The command cannot do what was asked: says why, and what would help."""


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Do what the parsed command line asks for; returns the exit status.

    Ctrl-C and SIGTERM cancel it: what was begun is taken back, and engines that were started are stopped.
    """
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        match options.command, getattr(options, "action", None):
            case "bank", "validate":
                return await _validate(options, settings)
            case "bank", "import":
                return await _import(options, settings)
            case "bank", "export":
                return await _export_bank(options, settings)
            case "bank", "template":
                return await _write_template(options, settings)
            case "user", "add":
                return await _add_user(options, settings)
            case "user", "password":
                return await _set_password(options, settings)
            case "user", "role":
                return await _change_role(options, settings)
            case "export", _:
                return await _export(options, settings)
            case "migrate", _:
                return await _migrate(settings)
            case "check", _:
                return await _check(options.config, settings)
            case command, _:
                raise AssertionError(f"no command {command!r}")
    except m.Refusal as refusal:
        _complain(refusal.detail)
    except (Failed, *EXPECTED_FAILURES) as error:
        _complain(str(error) or type(error).__name__)
    return FAILED


# --- Question banks -----------------------------------------------------------------------------------------


async def _validate(options: argparse.Namespace, settings: Settings) -> int:
    content = _content(options.file)
    if options.errors_beside is not None:
        _refuse_useless(options.errors_beside)
    message = m.ValidateBank(
        user=0,
        content=content,
        name=options.file.name,
        folder=str(options.file.resolve().parent),
        subject=options.subject,
        format=options.format,
    )
    async with _desk(settings) as desk:
        with _watching(options.file.name) as progress:
            report = await desk.validate_bank(message, progress)
            if options.errors_beside is not None:
                marked = await desk.mark_errors(m.MarkBankErrors(**dict(message)))
    _say_report(options.file, report, "would be ")
    if options.errors_beside is not None:
        _write(options.errors_beside, marked.content)
        _say(f"{options.errors_beside}: a copy with the errors beside the cells")
    return FAILED if report.errors else DONE


async def _import(options: argparse.Namespace, settings: Settings) -> int:
    content = _content(options.file)
    message = m.ImportBank(
        user=0,
        content=content,
        name=options.file.name,
        folder=str(options.file.resolve().parent),
        subject=options.subject,
        format=options.format,
        partial=options.partial,
    )
    async with _desk(settings) as desk:
        try:
            with _watching(options.file.name) as progress:
                report = await desk.import_bank(message, progress)
        except m.Invalid as refusal:
            report = m.BankReport.model_validate({**refusal.details, "errors": refusal.errors})
            _say_report(options.file, report, "")
            partly = report.valid and not options.partial
            mend = ", or import the good questions with --partial" if partly else ""
            raise Failed(f"nothing was imported: mend the errors{mend}") from None
    _say_report(options.file, report, "")
    return DONE


_BY_NAME: dict[str, m.ExportFormat] = {
    ".json": "json",
    ".gift": "gift",
    ".txt": "gift",
    ".xml": "moodle-xml",
    ".xlsx": "xlsx",
}


async def _export_bank(options: argparse.Namespace, settings: Settings) -> int:
    file: Path = options.file
    _refuse_useless(file)
    message = m.ExportBank(
        user=0,
        subject=options.subject,
        format=options.format or _BY_NAME.get(file.suffix.lower(), "yaml"),
        topic=options.topic,
        kind=options.kind,
        search=options.search,
    )
    async with _desk(settings) as desk:
        with _watching(file.name) as progress:
            done = await desk.export_bank(message, progress)
        packed = done.name.endswith(".zip") and file.suffix.lower() != ".zip"
        target = file.with_name(file.name + ".zip") if packed else file
        try:
            await asyncio.to_thread(shutil.move, done.path, target)
        except OSError as error:
            raise Failed(f"{target}: {error.strerror or error}") from None
    _say(f"{target}: {message.format}, subject {message.subject}, {_many(done.questions, 'question')}")
    if done.warnings:
        _say(f"{_many(len(done.warnings), 'warning')}:")
        _say_each(_line(target, warning) for warning in done.warnings)
    return DONE


async def _write_template(options: argparse.Namespace, settings: Settings) -> int:
    _refuse_useless(options.file)
    async with _desk(settings) as desk:
        made = await desk.show_template(m.ShowBankTemplate(user=0, subject=options.subject))
    _write(options.file, made.content)
    _say(f"{options.file}: a template for {options.subject}")
    return DONE


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from None


@asynccontextmanager
async def _desk(settings: Settings) -> AsyncIterator[BankDesk]:
    async with _connected(settings) as connected:
        desk = BankDesk(connected.mongo_url, connected.client, connected.database, Bank())
        try:
            await desk.refresh()
            yield desk
        finally:
            desk.close()


def _content(file: Path) -> bytes:
    """What is in a bank file, which may be a pipe; a file that is too large is not read to its end."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise Failed(f"{file}: is larger than {MAX_BYTES >> 20} MiB: split it")
    return content


def _say_report(file: Path, report: m.BankReport, mood: str) -> None:
    kind = (report.format or "unknown format") + (f" ({report.inside})" if report.inside else "")
    subject = f"subject {report.subject}" if report.subject else "no subject"
    _say(f"{file}: {kind}, {subject}, {_many(report.total, 'question')}, {report.valid} valid")
    if report.total or report.errors:
        _say(f"{mood}added {report.added}, {mood}updated {report.updated}, unchanged {report.unchanged}")
    else:
        _say(f"the subject {report.subject} {mood or 'is '}declared; there are no questions")
    if report.skipped:
        _say(f"skipped {len(report.skipped)}:")
        _say_each(f"  {file}:{entry.where}: {entry.reason}" for entry in report.skipped)
    if report.errors:
        _say(f"{_many(len(report.errors), 'error')}:")
        for error in report.errors:
            _say(_line(file, error))
    if report.warnings:
        _say(f"{_many(len(report.warnings), 'warning')}:")
        _say_each(_line(file, warning) for warning in report.warnings)


def _line(file: Path, error: m.EntryError) -> str:
    where, message = f"{file}:{error.where}", error.message
    if error.where == "file":  # what is wrong with the whole of it is told with its name
        where, message = str(file), message.removeprefix(f"{file.name}: ")
    return "  " + ": ".join(filter(None, (where, error.path, message)))


# --- Accounts -----------------------------------------------------------------------------------------------


async def _add_user(options: argparse.Namespace, settings: Settings) -> int:
    password = await _given_password() if options.password_stdin else secrets.token_urlsafe(PASSWORD_BYTES)
    passwords = Passwords()
    try:
        async with _connected(settings) as connected:
            user = await add_user(
                connected.postgres,
                passwords,
                login=options.login,
                password=password,
                name=options.name or options.login,
                role=options.role,
                now=datetime.now(UTC),
            )
    except m.Invalid as refusal:
        raise Failed("; ".join(map(_needed, refusal.errors))) from None
    finally:
        passwords.close()
    _say(f"added: {options.login}, {options.role}, id {user}")
    if not options.password_stdin:
        _say(f"password: {password}")
    return DONE


def _needed(error: m.FieldError) -> str:
    # pydantic tells its patterns; our own sentences stay as they are.
    message = f"must be {_NEEDED[error.path]}" if error.message.startswith("String should") else error.message
    return f"{error.path}: {message}"


async def _given_password() -> str:
    """The first line of the standard input; a person at a terminal is asked for it."""
    if sys.stdin.isatty():
        return await asyncio.to_thread(getpass.getpass, "password: ")
    line: bytes = await asyncio.to_thread(sys.stdin.buffer.readline)
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Failed("the password on the standard input is not text in UTF-8") from None


async def _set_password(options: argparse.Namespace, settings: Settings) -> int:
    password = await _given_password() if options.password_stdin else secrets.token_urlsafe(PASSWORD_BYTES)
    passwords = Passwords()
    try:
        async with _connected(settings) as connected:
            if not await set_password(connected.postgres, passwords, options.login, password):
                raise Failed(f"there is no user {options.login!r}; `user add {options.login}` opens an account")
    except m.Invalid as refusal:
        raise Failed("; ".join(map(_needed, refusal.errors))) from None
    finally:
        passwords.close()
    _say(f"{options.login} has a new password; where they are signed in ends within {CACHE_SECONDS} seconds")
    if not options.password_stdin:
        _say(f"password: {password}")
    return DONE


async def _change_role(options: argparse.Namespace, settings: Settings) -> int:
    async with _connected(settings) as connected:
        if await set_role(connected.postgres, options.login, options.role) is None:
            raise Failed(f"there is no user {options.login!r}; `user add {options.login}` opens an account")
    _say(f"{options.login} is {options.role} now; a running service knows it within {CACHE_SECONDS} seconds")
    return DONE


# --- Spreadsheets -------------------------------------------------------------------------------------------


async def _export(options: argparse.Namespace, settings: Settings) -> int:
    file: Path = options.file
    if (options.kind == "contest") != (options.contest > 0):
        raise Failed("--contest ID belongs to the kind contest, which needs it")
    _refuse_useless(file)  # before the databases are started for nothing
    async with _connected(settings) as connected:
        sources = connected.postgres, connected.database
        with _working(
            f"writing {file.name}", await exports.expected(options.kind, *sources, options.contest)
        ) as advance:
            try:
                rows = await exports.export(
                    options.kind, file, options.language, *sources, advance, contest=options.contest
                )
            except OSError as error:
                raise Failed(f"{file}: {error.strerror or error}") from None
    _say(f"{file}: {_many(rows, 'row')}")
    return DONE


def _refuse_useless(file: Path) -> None:
    folder = file.absolute().parent
    if not folder.is_dir():
        raise Failed(f"{file}: there is no folder {folder}")
    if file.is_dir():
        raise Failed(f"{file}: is a folder")
    if not os.access(folder, os.W_OK):
        raise Failed(f"{file}: nothing may be written to {folder}")


# --- The databases ------------------------------------------------------------------------------------------


async def _migrate(settings: Settings) -> int:
    applied = []
    async with addresses(settings, own_folder=False) as (postgres_url, mongo_url):
        applied += [f"PostgreSQL: {name}" for name in await migrate(postgres_url, lambda name: None)]
        client = mongo.connect(mongo_url)
        try:
            await mongo.require_transactions(client)
            await questions.prepare(mongo.database(client))
        finally:
            client.close()
    url = settings.clickhouse.url.get_secret_value()
    if url:  # the one inside the service is migrated by it
        engine = clickhouse.Server(url)
        try:
            applied += [f"ClickHouse: {name}" for name in await activity.migrate(engine)]
        finally:
            await engine.close()
    for name in applied:
        _say(f"applied {name}")
    if not applied:
        _say("nothing to apply: the databases are up to date")
    return DONE


async def _check(file: Path, settings: Settings) -> int:
    good = True
    with _working("checking"):
        found = [finding async for finding in checks.run(file, settings)]
    width = max(len(finding.part) for finding in found)
    for finding in found:
        _say(f"{'ok   ' if finding.good else 'WRONG'}  {finding.part:<{width}}  {finding.text}")
        good = good and finding.good
    return DONE if good else FAILED


# --- Talking ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Connections]:
    async with AsyncExitStack() as stack:
        with _working("connecting to the databases"):
            connected = await stack.enter_async_context(connections(settings, own_folder=False))
        yield connected


@contextmanager
def _working(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A line on the terminal that shows how work goes on; nothing where stderr is no terminal.

    Yields what is to be told how much was done since the last time, out of `total`.
    """
    progress = rich.progress.Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        *([] if total is None else [MofNCompleteColumn()]),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def _watching(name: str) -> Iterator[Progress]:
    """A line on the terminal for long work of the departments' desk, which tells what it is at."""
    shown = rich.progress.Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with shown:
        task = shown.add_task(name, total=None)
        yield lambda what, done, total: shown.update(
            task, description=f"{what} {name}", completed=done, total=total or None
        )


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _say_each(lines: Iterable[str]) -> None:
    for line in lines:
        _say(line)


def _complain(problem: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"main.py: {problem}\n")
