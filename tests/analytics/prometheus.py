"""A Prometheus of our own: Debian's package `prometheus`, on a free port of loopback, that looks at a service."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from pydantic import JsonValue

START_SECONDS = 30.0
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: apo, static_configs: [{{targets: ["{target}"]}}]}}]
"""


def program(name: str) -> str:
    """Where it is installed. Raises RuntimeError."""
    found = shutil.which(name, path="/usr/bin:/usr/local/bin")
    if found is None:
        raise RuntimeError(f"{name} is missing: apt-get install prometheus")
    return found


@dataclass(frozen=True)
class Prometheus:
    url: str
    http: aiohttp.ClientSession

    async def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series now. Raises AssertionError with what is wrong with the query."""
        told = await self._get("query", query=query)
        result = told["result"]
        assert isinstance(result, list)
        if told["resultType"] == "scalar":
            return [({}, float(str(result[1])))]
        found = []
        for one in result:
            assert isinstance(one, dict)
            labels, value = one["metric"], one["value"]
            assert isinstance(labels, dict)
            assert isinstance(value, list)
            found.append(({name: str(label) for name, label in labels.items()}, float(str(value[1]))))
        return found

    async def _get(self, call: str, **parameters: str) -> dict[str, JsonValue]:
        async with self.http.get(f"{self.url}/api/v1/{call}", params=parameters) as reply:
            told = await reply.json()
        assert told["status"] == "success", (parameters, told)
        data: dict[str, JsonValue] = told["data"]
        return data


@asynccontextmanager
async def looking_at(service_url: str, folder: Path) -> AsyncIterator[Prometheus]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "prometheus.yml").write_text(CONFIG.format(target=urlsplit(service_url).netloc))
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as http:
            one = Prometheus(f"http://127.0.0.1:{port}", http)
            async with asyncio.timeout(START_SECONDS):
                while not await _answers(one):
                    await asyncio.sleep(0.1)
            yield one
    finally:
        process.kill()
        await process.wait()


async def _answers(one: Prometheus) -> bool:
    try:
        return any(value == 1 for _, value in await one.ask("up"))
    except aiohttp.ClientError:
        return False
