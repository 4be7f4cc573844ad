"""The command line of APO, a test trainer for school olympiads."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog
import uvloop

import logs
import settings as configuration
from settings import ConfigurationError, Settings

log = structlog.get_logger()

DONE, FAILED, USAGE = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="main.py", description=__doc__)
    root.add_argument(
        "--config",
        type=Path,
        default=configuration.DEFAULT_FILE,
        metavar="FILE",
        help="settings, config.toml beside main.py unless given",
    )
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.add_parser("serve", help="run the service (the default)")
    commands.add_parser("migrate", help="bring the databases up to this version")
    commands.add_parser("check", help="check the configuration and every connection")
    bank = commands.add_parser("bank", help="question banks").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    for action, what in (("validate", "tell what importing a file would do"), ("import", "import a file")):
        command = bank.add_parser(action, help=what)
        command.add_argument("file", type=Path, metavar="FILE")
        command.add_argument("--subject", metavar="SLUG", help="where the file names none")
        command.add_argument("--format", choices=("yaml", "json", "gift"), help="found by content unless given")
        if action == "import":
            command.add_argument("--partial", action="store_true", help="import the good questions all the same")
    user = commands.add_parser("user", help="accounts").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    add = user.add_parser("add", help="open an account; its password is printed, unless it is given")
    add.add_argument("login", metavar="LOGIN")
    add.add_argument("--role", choices=("student", "editor", "admin"), default="student")
    add.add_argument("--name", help="as others see it; the login unless given")
    add.add_argument("--password-stdin", action="store_true", help="read the password from the standard input")
    role = user.add_parser("role", help="change the role of an account")
    role.add_argument("login", metavar="LOGIN")
    role.add_argument("role", metavar="ROLE", choices=("student", "editor", "admin"))
    export = commands.add_parser("export", help="write a spreadsheet")
    export.add_argument("kind", metavar="KIND", choices=("users", "results", "questions"), help="users, results or questions")
    export.add_argument("file", type=Path, metavar="FILE", help="an .xlsx file to write")
    return root


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        settings = configuration.load(options.config)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the log is not configured yet
        return FAILED
    logs.configure(settings.log)
    if options.command in (None, "serve"):
        work: Coroutine[Any, Any, int] = _serve(settings)
    else:
        import commands

        work = commands.run(options, settings)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        return FAILED


async def _serve(settings: Settings) -> int:
    from service import EXPECTED_FAILURES, running

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(settings) as address:
            sys.stdout.write(f"\nAPO is ready: {address}\nStop it with Ctrl-C.\n\n")
            sys.stdout.flush()
            await stop.wait()
    except EXPECTED_FAILURES as error:
        log.critical(str(error))
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
