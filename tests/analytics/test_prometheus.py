"""The panels that ask Prometheus, asked of one that looks at a service with a bot: each is answered."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from grafana.build import FOLDER, PROMETHEUS
from tests.analytics.prometheus import Prometheus, looking_at, program
from tests.analytics.test_dashboards import panels
from tests.api.banks import train, walk_through
from tests.api.client import Client, connect
from tests.running import Service
from tests.telegram.center import DataCenter
from tests.telegram.crowd import administrator, crowd

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.thorough]
PEOPLE, SOON = 5, 30.0
PANELS = [
    pytest.param(target["expr"], id=f"{uid}-{panel['title'][:30]}-{target['refId']}")
    for uid, panel in panels()
    if panel["datasource"] == PROMETHEUS
    for target in panel["targets"]
]
# There has been none of this: a service that has them is not well.
NONE_YET = ('status=~"5.."',)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def prometheus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """It has looked on while students trained, and had a mass message and pressed the button below it."""
    folder = tmp_path_factory.mktemp("prometheus")
    async with DataCenter(folder / "center") as center, aiohttp.ClientSession() as http:
        service = Service(folder / "service", center.environment())
        await service.start()
        try:
            async with looking_at(service.url, folder) as one:
                await center.online()
                admin = await administrator(Client(http, service))
                bank = await walk_through(admin)
                await train(await Client(http, service).register(), bank, {"single": "b"})
                connection = await connect(service)
                people = await crowd(center, connection, PEOPLE)
                await connection.close()
                made = await admin.post(
                    "/admin/broadcasts",
                    {"text": "Now!", "buttons": [[{"text": "Train", "subject": bank.subject}]],
                     },
                    status=201,
                )  # fmt: skip
                await asyncio.sleep(2)  # it has looked before there was anything
                await admin.post(f"/admin/broadcasts/{made['id']}/start")
                for student in people:
                    await student.sees("Now!")
                await asyncio.sleep(2)
                await people[0].press("Train")
                await people[0].sees("Question")
                async with asyncio.timeout(SOON):
                    while sum(value for _, value in await one.ask("apo_broadcast_clicks_total")) < 1:
                        await asyncio.sleep(0.2)
                yield one
        finally:
            await service.stop()


def put_in(query: str) -> str:
    """The query with Grafana's variables for a panel of the last minute."""
    return query.replace("$__rate_interval", "1m").replace("$__range", "1m")


@pytest.mark.parametrize("query", PANELS)
async def test_a_panel_is_answered(prometheus: Prometheus, query: str) -> None:
    found = await prometheus.ask(put_in(query))
    assert bool(found) is not any(part in query for part in NONE_YET)


async def test_what_is_counted_is_counted_from_nought(prometheus: Prometheus) -> None:
    """Prometheus takes no notice of a first one that is there as soon as its counter."""
    queries = [
        target["expr"] for _, panel in panels() for target in panel["targets"] if "$__range" in target.get("expr", "")
    ]
    assert len(queries) == 2
    found: list[tuple[dict[str, Any], float]] = []
    for query in queries:
        found += await prometheus.ask(put_in(query))
    sent = {labels["outcome"]: value for labels, value in found if "outcome" in labels}
    pressed = [value for labels, value in found if "subject" in labels]
    assert sent["sent"] > PEOPLE / 2
    assert sent["failed"] == sent["blocked"] == 0
    assert [value > 0.5 for value in pressed] == [True]


async def test_its_settings_are_valid() -> None:
    checked = await asyncio.to_thread(
        subprocess.run,
        [program("promtool"), "check", "config", str(Path(FOLDER).parent / "prometheus.yml")],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
