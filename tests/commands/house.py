"""The command line as a person uses it: a process for each command, on a data folder of its own.

The processes are forked from one that has imported the program already, which takes longer than most commands do.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.running import ROOT

COMMAND_SECONDS = 90.0
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["main", "commands"])


def _command(arguments: Sequence[str], environment: Mapping[str, str], streams: Path) -> None:
    """What the new process does: run `main.py` with its standard streams in the files `in`, `out` and `err`."""
    from main import main

    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for number, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY))):
        os.dup2(os.open(streams / name, flags), number)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout, sys.stderr = os.fdopen(1, "w", encoding="utf-8"), os.fdopen(2, "w", encoding="utf-8")
    sys.exit(main(list(arguments)))


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class House:
    """A data folder, and the address of the service that runs on it (empty: none does)."""

    data: Path
    url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def variables(self, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "APO_STORAGE__PATH": str(self.data), **self.environment, **more}

    def run(self, *arguments: str | Path, stdin: bytes = b"", **environment: str) -> Finished:
        """Run `main.py` with these arguments; `environment` overrides settings (`APO_…`)."""
        with TemporaryDirectory() as folder:
            streams = Path(folder)
            for name, content in (("in", stdin), ("out", b""), ("err", b"")):
                (streams / name).write_bytes(content)
            process = FORKED.Process(
                target=_command, args=([*map(str, arguments)], self.variables(**environment), streams)
            )
            process.start()
            process.join(COMMAND_SECONDS)
            process.kill()  # if it still runs
            process.join()
            assert process.exitcode is not None
            finished = Finished(process.exitcode, (streams / "out").read_text(), (streams / "err").read_text())
        assert "Traceback" not in finished.said, finished.said
        return finished

    def ask(self, path: str, body: object = None, token: str = "") -> Any:
        """The JSON (of any shape) that the service answers; a body makes it a POST."""
        request = urllib.request.Request(self.url + "/api/v1" + path)
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def token(self, login: str, password: str) -> str:
        opened = self.ask("/tokens", {"login": login, "password": password})
        token: str = opened["token"]
        return token
