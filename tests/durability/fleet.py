"""A service on servers of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from storage.data_folder import Endpoints
from storage.embedded import Engines
from tests.clickhouse_server import ClickHouseServer
from tests.durability.audit import Verdict, read_running
from tests.durability.campaign import School, caught_up, report
from tests.running import Service

READY_SECONDS = 30.0


@dataclass
class Fleet:
    """The service and the servers that it works on."""

    engines: Engines
    endpoints: Endpoints
    clickhouse: ClickHouseServer
    service: Service

    def school(self, students: int) -> School:
        return School(lambda: self.service.url, students, seed=students)

    async def verdict(self, school: School) -> Verdict:
        """What is stored on the servers against what students remember, when all has been carried onward."""
        await caught_up(self.service.url)
        endpoints = self.endpoints
        return school.verdict(await read_running(endpoints.postgres_url, endpoints.mongo_url, self.clickhouse.url))

    async def prove(self, school: School, least: int) -> None:
        """Nothing was lost or doubled, and the service has recovered by itself."""
        verdict = await self.verdict(school)
        assert not verdict.faults, report(verdict)
        assert verdict.acknowledged >= least

    async def readiness(self) -> tuple[int, dict[str, str]]:
        """The status of `/readyz`, and the parts that it names."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.service.url}/readyz") as response:
            parts: dict[str, str] = (await response.json())["parts"]
            return response.status, parts

    async def until_ready_is(self, status: int, *, down: tuple[str, ...]) -> None:
        """Wait until `/readyz` answers with `status` and names those of `down` as the parts that are not well."""
        async with asyncio.timeout(READY_SECONDS):
            while True:
                told, parts = await self.readiness()
                if told == status and tuple(name for name, state in parts.items() if state != "ok") == down:
                    return
                await asyncio.sleep(0.1)

    async def service_answers(self) -> bool:
        return (await self.readiness())[0] == 200

    def postmaster(self) -> int:
        pid = self.engines.pid("postgres")
        assert pid is not None
        return pid


@asynccontextmanager
async def fleet_in(
    folder: Path, environment: Mapping[str, str] | None = None, clickhouse: ClickHouseServer | None = None
) -> AsyncIterator[Fleet]:
    """The servers and the service, started; all of them end with it. `clickhouse`: one that is not started yet."""
    clickhouse = clickhouse or ClickHouseServer(folder / "clickhouse")
    engines = Engines(folder / "servers")
    endpoints = await engines.start()
    try:
        await clickhouse.start()
        service = Service(
            folder / "service",
            {
                "APO_POSTGRES__URL": endpoints.postgres_url,
                "APO_MONGO__URL": endpoints.mongo_url,
                "APO_CLICKHOUSE__URL": clickhouse.url,
                **(environment or {}),
            },
        )
        await service.start()
        try:
            yield Fleet(engines, endpoints, clickhouse, service)
        finally:
            await service.stop()
    finally:
        await clickhouse.kill()
        await engines.stop()
