"""The data folder: who may use it, and what is agreed on in it.

Layout:

    service.lock    locked (flock) by the one service that runs here; holds its pid and the endpoints as JSON
    postgres/       the cluster; postgres.log beside it
    mongo/          dbpath of the one-member replica set; mongo.log beside it
    run/            the Unix sockets
"""

import asyncio
import errno
import fcntl
import json
import os
import platform
import pwd
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path less the closing zero


@dataclass(frozen=True)
class Endpoints:
    """Where the engines of a data folder answer. The URL of an engine that was not asked for is empty."""

    postgres_url: str
    mongo_url: str


class DataFolderUnusable(Exception):
    """The data folder cannot be used: names the folder and the mend."""


def no_folder(path: Path) -> DataFolderUnusable:
    return DataFolderUnusable(f"The data folder {path} is not a folder, or below a file: set [storage] path to another")


class DataFolderBusy(DataFolderUnusable):
    """Another service holds the data folder: names the folder and the pid."""


def attach(path: Path) -> Endpoints | None:
    """The endpoints of the engines that a running service keeps in this folder, or None when none does.

    For command-line tools that work beside a running service. Raises DataFolderUnusable if the folder may not
    be read.
    """
    return FolderLock.read(path.absolute())


@dataclass(frozen=True)
class Account:
    """Who runs the engines, when the service itself runs as root."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Hand a file or a whole folder over, say after a backup was restored by root."""
        if path.lstat().st_uid == self.uid:
            return
        for folder, folders, files in os.walk(path):
            for entry in (*folders, *files):
                os.chown(Path(folder, entry), self.uid, self.gid, follow_symlinks=False)
        os.chown(path, self.uid, self.gid, follow_symlinks=False)


class FolderLock:
    """The right to run in a data folder. It ends with the process that has it; children do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    async def take(cls, path: Path) -> Self:
        descriptor = os.open(path / "service.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(20):  # a tool that looks whether a service runs holds the lock for a moment
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.02)
            else:
                lock = cls(descriptor)
                try:
                    lock._write({"pid": os.getpid()})
                except OSError:
                    lock.release()
                    raise
                return lock
        holder = _json(os.pread(descriptor, 65536, 0)).get("pid", "unknown")
        os.close(descriptor)
        raise DataFolderBusy(
            f"Another service runs in the data folder {path} (pid {holder}): stop it, "
            "or set [storage] path to another folder"
        )

    @staticmethod
    def read(path: Path) -> Endpoints | None:
        try:
            descriptor = os.open(path / "service.lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise no_folder(path) from error
        except PermissionError as error:
            raise DataFolderUnusable(f"The data folder {path} belongs to another user: run as that user") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            said = _json(os.pread(descriptor, 65536, 0))
            if "postgres_url" not in said:
                return None
            return Endpoints(postgres_url=str(said["postgres_url"]), mongo_url=str(said["mongo_url"]))
        else:
            return None
        finally:
            os.close(descriptor)

    def publish(self, endpoints: Endpoints) -> None:
        self._write({"pid": os.getpid(), **asdict(endpoints)})

    def withdraw(self) -> None:
        self._write({"pid": os.getpid()})

    def release(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def _write(self, content: Mapping[str, object]) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(content).encode(), 0)


def _json(raw: bytes) -> dict[str, object]:
    try:
        content = json.loads(raw)
    except ValueError:  # half written, or empty: the holder has just come or is about to go
        return {}
    return content if isinstance(content, dict) else {}


def prepare_folder(path: Path) -> Account | None:
    """Make the data folder if there is none, check that we may write it, choose the engines' account.

    Raises OSError.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise DataFolderUnusable(
            f"Embedded engines run on Linux x86-64, not on {sys.platform} {platform.machine()}: "
            "configure [postgres] url and [mongo] url"
        )
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in (path, *path.iterdir()):  # e.g. root ran the service here once
        if not os.access(entry, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(entry))
    if os.geteuid() != 0:
        return None
    owner = path.stat()
    if owner.st_uid != 0 and _known(owner.st_uid):
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def socket_folder(path: Path) -> Path:
    """A folder of mode 0700 for the sockets: in the data folder, or a temporary one if that is too long."""
    inside = path / "run"
    # The comma separates hosts in a PostgreSQL URL.
    if len(os.fsencode(inside / ".s.PGSQL.5432.lock")) > SOCKET_PATH_BYTES or "," in str(path):
        return Path(tempfile.mkdtemp(prefix="apo-"))
    inside.mkdir(mode=0o700, exist_ok=True)
    inside.chmod(0o700)
    return inside
