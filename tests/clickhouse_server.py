"""A ClickHouse server of our own: Debian's package `clickhouse-server`, on a free port of loopback."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from pathlib import Path

import clickhouse_driver
import clickhouse_driver.errors

# It tells each refused connection with a stack trace, and until the server is there that is no news.
logging.getLogger("clickhouse_driver.connection").setLevel(logging.CRITICAL)

START_SECONDS = 30.0
STOP_SECONDS = 30.0

CONFIG = """<?xml version="1.0"?>
<yandex>
    <logger>
        <level>information</level><log>{folder}/server.log</log><errorlog>{folder}/error.log</errorlog>
    </logger>
    <tcp_port>{port}</tcp_port>
    <listen_host>127.0.0.1</listen_host>
    <path>{folder}/data/</path>
    <tmp_path>{folder}/tmp/</tmp_path>
    <users_config>users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <mark_cache_size>67108864</mark_cache_size>
    <max_connections>64</max_connections>
    <timezone>UTC</timezone>
</yandex>
"""
USERS = """<?xml version="1.0"?>
<yandex>
    <profiles><default><max_memory_usage>1000000000</max_memory_usage></default></profiles>
    <users><default>
        <password></password><networks><ip>127.0.0.1</ip></networks>
        <profile>default</profile><quota>default</quota>
    </default></users>
    <quotas><default><interval><duration>3600</duration></interval></default></quotas>
</yandex>
"""


class ClickHouseServer:
    """`clickhouse-server` with its data in `folder`: started, killed, and started again where it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        return f"clickhouse://default@127.0.0.1:{self._port}/default"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers. RuntimeError: it is not installed, or does not start."""
        program = shutil.which("clickhouse-server", path="/usr/bin:/usr/sbin:/usr/local/bin")
        if program is None:
            raise RuntimeError("clickhouse-server is missing: apt-get install clickhouse-server")
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "config.xml"
        config.write_text(CONFIG.format(folder=self._folder, port=self._port))
        (self._folder / "users.xml").write_text(USERS)
        self._process = await asyncio.create_subprocess_exec(
            program,
            f"--config-file={config}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
            start_new_session=True,
        )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        while not await asyncio.to_thread(self._answers):
            if self._process.returncode is not None or loop.time() > deadline:
                await self.kill()
                raise RuntimeError(f"clickhouse-server does not start:\n{self._log()}")
            await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """End it at once (SIGKILL)."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await asyncio.wait_for(self._process.wait(), STOP_SECONDS)

    async def stop(self) -> None:
        """Ask it to end."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        await asyncio.wait_for(self._process.wait(), STOP_SECONDS)

    def _answers(self) -> bool:
        client = clickhouse_driver.Client("127.0.0.1", self._port, connect_timeout=2, send_receive_timeout=5)
        try:
            return bool(client.execute("SELECT 1") == [(1,)])
        except (clickhouse_driver.errors.Error, OSError, EOFError):
            return False
        finally:
            client.disconnect()

    def _log(self) -> str:
        for name in ("error.log", "server.log"):
            file = self._folder / name
            if file.exists() and (text := file.read_text(errors="replace")):
                return text[-3000:]
        return "(its logs are empty)"
