"""The command line of APO, a test trainer for school olympiads."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, get_args

import structlog
import uvloop
from pydantic import TypeAdapter, ValidationError

import logs
import settings as configuration
from protocols.messages import KINDS, ROLES, BankFormat, ExportFormat, Language, Slug
from settings import ConfigurationError, Settings

log = structlog.get_logger()

DONE, FAILED = 0, 1  # argparse ends with 2 where the command line is not understood
KINDS_OF_EXPORT = ("users", "results", "questions", "contest")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="main.py", description=__doc__)
    _take_config(root, default=configuration.DEFAULT_FILE)
    anywhere = argparse.ArgumentParser(add_help=False)  # people put it behind the command as well
    _take_config(anywhere, default=argparse.SUPPRESS)
    common = [anywhere]
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.add_parser("serve", parents=common, help="run the service (the default)")
    commands.add_parser("migrate", parents=common, help="bring the databases up to this version")
    commands.add_parser("check", parents=common, help="check the configuration and every connection")
    bank = commands.add_parser("bank", help="question banks").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    for action, what in (("validate", "tell what importing a file would do"), ("import", "import a file")):
        command = bank.add_parser(action, parents=common, help=what)
        command.add_argument("file", type=Path, metavar="FILE")
        command.add_argument("--subject", type=_slug, metavar="SLUG", help="where the file names none")
        command.add_argument("--format", choices=get_args(BankFormat), help="else found by content")
        if action == "import":
            command.add_argument("--partial", action="store_true", help="import the good questions anyway")
        else:
            about = "write a copy of a workbook with the errors beside its cells"
            command.add_argument("--errors-beside", type=_workbook, metavar="COPY.xlsx", help=about)
    written = bank.add_parser("export", parents=common, help="write questions as a bank file")
    written.add_argument("subject", type=_slug, metavar="SUBJECT")
    written.add_argument("file", type=Path, metavar="FILE", help="a ZIP where there are pictures that FILE cannot hold")
    written.add_argument("--format", choices=get_args(ExportFormat), help="else by the name of FILE, or YAML")
    written.add_argument("--topic", type=_slug, metavar="SLUG", help="only of this topic")
    written.add_argument("--kind", choices=KINDS, help="only of this kind")
    written.add_argument("--search", metavar="TEXT", help="only with this in id or text")
    template = bank.add_parser("template", parents=common, help="write a workbook to be filled in for a subject")
    template.add_argument("subject", type=_slug, metavar="SUBJECT")
    template.add_argument("file", type=_workbook, metavar="FILE", help="the .xlsx file to write")
    user = commands.add_parser("user", help="accounts").add_subparsers(dest="action", metavar="ACTION", required=True)
    add = user.add_parser("add", parents=common, help="open an account; its password is printed, unless it is given")
    add.add_argument("login", metavar="LOGIN")
    add.add_argument("--role", choices=ROLES, default="student")
    add.add_argument("--name", help="as others see it; the login unless given")
    add.add_argument("--password-stdin", action="store_true", help="read the password from stdin")
    role = user.add_parser("role", parents=common, help="change the role of an account")
    role.add_argument("login", metavar="LOGIN")
    role.add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))
    password = user.add_parser("password", parents=common, help="give somebody who has lost theirs a new password")
    password.add_argument("login", metavar="LOGIN")
    password.add_argument("--password-stdin", action="store_true", help="read it from stdin; else one is made up")
    export = commands.add_parser("export", parents=common, help="write a spreadsheet")
    export.add_argument("kind", metavar="KIND", choices=KINDS_OF_EXPORT, help=", ".join(KINDS_OF_EXPORT))
    export.add_argument("file", type=_workbook, metavar="FILE", help="the .xlsx file to write")
    export.add_argument("--language", choices=get_args(Language), default="ru", help="of the headings")
    export.add_argument("--contest", type=int, default=0, metavar="ID", help="which one, for the kind contest")
    return root


def _take_config(parser: argparse.ArgumentParser, default: Path | str) -> None:
    about = "settings, config.toml beside main.py unless given"
    parser.add_argument("--config", type=Path, default=default, metavar="FILE", help=about)


def _workbook(text: str) -> Path:
    if not text.lower().endswith(".xlsx"):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .xlsx, or no spreadsheet program opens it")
    return Path(text)


def _slug(text: str) -> str:
    try:
        return TypeAdapter[str](Slug).validate_python(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be made of lower-case Latin letters, digits, - and _"
        ) from None


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        settings = configuration.load(options.config)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the log is not configured yet
        return FAILED
    gc.disable()  # imports make many objects and drop none: to search them for garbage takes a tenth of the start
    if options.command in (None, "serve"):
        logs.configure(settings.log)
        work: Coroutine[Any, Any, int] = _serve(settings)
    else:
        import commands

        gc.enable()
        quiet = settings.log.level in ("debug", "error")  # what was asked for on purpose
        logs.configure(settings.log if quiet else settings.log.model_copy(update={"level": "warning"}))
        work = commands.run(options, settings)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("main.py: interrupted\n")
        return FAILED


async def _serve(settings: Settings) -> int:
    from databases import EXPECTED_FAILURES
    from service import running

    gc.enable()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(settings) as service:
            sys.stdout.write(f"\nAPO is ready: {service.address}\nStop it with Ctrl-C.\n\n")
            sys.stdout.flush()
            await stop.wait()
    except EXPECTED_FAILURES as error:
        log.critical(str(error))
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
