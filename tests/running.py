"""The service as a process of its own, as a user runs it: started, killed, stopped, started again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READY = re.compile(rb"APO is ready: (\S+)")
START_SECONDS = 90.0
STOP_SECONDS = 60.0


class Service:
    """`python main.py serve` on a free port of loopback; `environment` overrides settings (`APO_…`)."""

    command: tuple[str, ...] = ("main.py", "serve")  # for Python; it says where it is once it is ready

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.url = ""
        self._environment = dict(environment or {})
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the service has said so far."""
        return (self.folder / "service.log").read_text(encoding="utf-8", errors="replace")

    async def start(self) -> None:
        """Start it and wait until it says where it is; from the second start on, it is at the same address."""
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "APO_STORAGE__PATH": str(self.folder / "data"),
            "APO_HTTP__PORT": str(self._port),
            **self._environment,
        }
        with (self.folder / "service.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.command,
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.url = await asyncio.wait_for(self._address(), START_SECONDS)
        except BaseException:
            await self.kill()
            raise
        self._port = int(self.url.rsplit(":", 1)[1])

    async def _address(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if found := READY.search(line):
                return found[1].decode()
        raise RuntimeError(f"the service did not start:\n{self.log[-4000:]}")

    async def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; returns the exit status."""
        return await self._end(number)

    async def wait(self) -> int:
        """Wait until it ends by itself; returns the exit status."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), STOP_SECONDS)

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
