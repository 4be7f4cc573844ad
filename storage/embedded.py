"""Real PostgreSQL and MongoDB from wheels, as child processes of the service, in one data folder.

Layout of the folder:

    service.lock    locked (flock) by the one service that runs here; holds its pid and the endpoints as JSON
    postgres/       the cluster; postgres.log beside it
    mongo/          dbpath of the one-member replica set; mongo.log beside it
    run/            the Unix sockets

Nobody but the owner of the folder reaches the engines: they listen on Unix sockets only, in a folder of mode 0700.
That is why the connections need no password: whoever can open the socket could as well read the data files.

PostgreSQL refuses to run as root. A service that runs as root therefore starts the engines under another account
(the owner of the data folder, or `nobody`), through `setpriv`. They keep one capability, CAP_DAC_OVERRIDE, because the
binaries and the data may lie below a folder that only root can enter, such as /root.

A service that dies without a goodbye takes its engines along (PR_SET_PDEATHSIG, they shut down cleanly). What survives even
that is found and stopped by the next start before it starts its own: so every engine is a child with current settings.
"""

import asyncio
import fcntl
import json
import os
import platform
import pwd
import shutil
import signal
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self
from urllib.parse import quote

import asyncpg
import psutil
import structlog
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import AutoReconnect, OperationFailure

EngineName = Literal["postgres", "mongo"]

START_SECONDS = 120.0  # crash recovery after a hard stop may take a while
STOP_SECONDS = 30.0
REPORT_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # an engine that ran this long is restarted without delay again
LOG_BYTES = 8 * 1024 * 1024
LOG_CHECK_SECONDS = 60.0
SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path less the closing zero
DATABASE = "apo"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Endpoints:
    """Where the engines of a data folder answer. The URL of an engine that was not asked for is empty."""

    postgres_url: str
    mongo_url: str


class DataFolderUnusable(Exception):
    """The data folder cannot be used: names the folder and the mend."""


class DataFolderBusy(DataFolderUnusable):
    """Another service holds the data folder: names the folder and the pid."""


class EngineFailed(Exception):
    """An engine cannot be started or stopped: names the engine, what happened, the end of its log and where the log is."""

    def __init__(self, engine: str, problem: str, log_file: Path | None = None) -> None:
        self.engine = engine
        tail = _tail(log_file) if log_file else ""
        lines = [f"{engine}: {problem}"]
        lines += [mend for sign, mend in MENDS.items() if sign in tail]
        if log_file:
            lines.append(f"The end of its log, {log_file}:\n{tail or '(empty)'}")
        super().__init__("\n".join(lines))


# What an engine's log says, and what a person can do about it.
MENDS: Mapping[str, str] = {
    "No space left on device": "The disk is full: free some space and start again.",
    "Read-only file system": "The disk is mounted read-only.",
    "error while loading shared libraries": "A system library is missing: apt-get install libcurl4 libssl3 zlib1g.",
    "could not look up effective user ID": "The account has no entry in /etc/passwd: add one.",
    "featureCompatibilityVersion": "The data was written by another MongoDB version: move mongo/ away or configure [mongo] url.",
    "unsupported WiredTiger file version": (
        "The data was written by a newer MongoDB: move mongo/ away or configure [mongo] url."
    ),
}


class Engines:
    """The engines of one data folder, restarted when they die.

    `async with Engines(path) as endpoints:` starts them (a second or two; longer after a crash) and stops them at the end.
    The endpoints stay the same until then, across restarts of an engine.
    """

    def __init__(self, path: Path, *, postgres: bool = True, mongo: bool = True) -> None:
        self.path = path.absolute()
        self._names: tuple[EngineName, ...] = (*(["postgres"] if postgres else []), *(["mongo"] if mongo else []))  # type: ignore[assignment] # mypy widens the literals
        self._engines: dict[EngineName, _Engine] = {}
        self._keepers: dict[EngineName, asyncio.Task[None]] = {}
        self._lock: _FolderLock | None = None
        self._sockets: Path | None = None
