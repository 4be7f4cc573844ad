"""The command line as a person uses it: a process for each command, on a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.running import ROOT

COMMAND_SECONDS = 90.0


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
        done = subprocess.run(
            [sys.executable, "main.py", *map(str, arguments)],
            cwd=ROOT,
            env=self.variables(**environment),
            input=stdin,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        finished = Finished(done.returncode, done.stdout.decode(), done.stderr.decode())
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
