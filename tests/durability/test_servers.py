"""The servers under a service are frozen, killed and stopped under load; the service is never restarted."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import aiohttp
import psutil
import pytest
import pytest_asyncio

from actors.analytics.desk import ROLLUP_SECONDS
from storage.clickhouse.engine import connect
from tests.clickhouse_server import ClickHouseServer
from tests.durability.campaign import cut_journal, frozen
from tests.durability.fleet import Fleet, fleet_in
from tests.durability.proxy import SlowProxy
from tests.durability.students import LONGEST_ANSWER_SECONDS, Student
from tests.running import ROOT

SLOW_SECONDS = 12.0  # rollups are made within

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with fleet_in(tmp_path_factory.mktemp("fleet")) as started:
        yield started


@pytest.mark.thorough
async def test_a_journal_connection_cut_many_times_under_load(fleet: Fleet) -> None:
    school = fleet.school(16)
    chance = Random(3)
    async with school.open():
        await school.until_answers(50)
        for _ in range(40):
            await asyncio.sleep(chance.random() * 0.15)
            await cut_journal(fleet.endpoints.postgres_url)
        await school.until_answers(50)
    await fleet.prove(school, least=100)


async def test_postgresql_killed_under_load(fleet: Fleet) -> None:
    school = fleet.school(8)
    async with school.open():
        await school.until_answers(50)
        backend = Random(4).choice(psutil.Process(fleet.postmaster()).children())
        backend.kill()  # the others end, too, and the postmaster recovers
        await school.until_answers(50)
        psutil.Process(fleet.postmaster()).kill()
        await school.until_answers(50)
    await fleet.prove(school, least=150)


async def test_postgresql_stopped_for_seconds_under_load(fleet: Fleet) -> None:
    school = fleet.school(8)
    async with school.open():
        await school.until_answers(50)
        await fleet.engines.stop_one("postgres")
        await asyncio.sleep(0.5)  # what was under way has been answered
        told, refused = school.acknowledged(), school.refused()
        await asyncio.sleep(2.5)
        assert school.acknowledged() == told, "nothing is acknowledged that cannot be kept"
        assert school.refused() > refused
        await fleet.engines.start_one("postgres")
        await school.until_answers(50)
    await fleet.prove(school, least=100)


async def test_the_service_stops_as_it_should_while_postgresql_is_away(fleet: Fleet) -> None:
    school = fleet.school(4)
    async with school.open():
        await school.until_answers(20)
        await fleet.engines.stop_one("postgres")
        assert await fleet.service.stop() == 0
        await fleet.engines.start_one("postgres")
        await fleet.service.start()
        await school.until_answers(20)
    await fleet.prove(school, least=40)


@pytest.mark.thorough
async def test_postgresql_frozen_under_load_and_a_flood(fleet: Fleet) -> None:
    school = fleet.school(6)
    memory = psutil.Process(fleet.service.pid).memory_info()
    async with school.open(), aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await school.until_answers(50)
        flooding = Student(lambda: fleet.service.url, http, 5)
        await flooding.register(f"flood-{os.getpid()}")
        await flooding.begin()
        stranger = Student(lambda: fleet.service.url, http, 6)  # nothing is known of him yet
        await stranger.register(f"stranger-{os.getpid()}")
        async with frozen(fleet.postmaster()):
            strange = [asyncio.create_task(stranger.look_quietly()) for _ in range(50)]
            flood = [asyncio.create_task(flooding.look_quietly()) for _ in range(500)]
            done, _ = await asyncio.wait(flood, timeout=5.0)
            assert len(done) >= 400, "what is beyond the limits is refused without waiting"
            await asyncio.wait([*flood, *strange], timeout=LONGEST_ANSWER_SECONDS)
            assert all(task.done() and task.result() == 503 for task in (*flood, *strange))
        await school.until_answers(50)
    grown = psutil.Process(fleet.service.pid).memory_info().rss - memory.rss
    assert grown < 100 * 2**20
    await fleet.prove(school, least=100)


async def test_trainings_go_on_without_mongodb(fleet: Fleet) -> None:
    school = fleet.school(6)
    async with school.open():
        await fleet.engines.stop_one("mongo")
        await school.until_answers(300)
        assert school.refused() == 0, "students notice nothing"
        await fleet.engines.start_one("mongo")
        await school.until_answers(50)
        psutil.Process(fleet.engines.pid("mongo")).kill()
        await school.until_answers(200)
        assert school.refused() == 0
    await fleet.prove(school, least=500)


async def test_trainings_go_on_without_clickhouse(fleet: Fleet) -> None:
    school = fleet.school(6)
    chance = Random(6)
    async with school.open():
        for _ in range(3):
            await school.until_answers(60)
            await asyncio.sleep(chance.random())
            await fleet.clickhouse.kill()
            await school.until_answers(60)
            await fleet.clickhouse.start()
        assert school.refused() == 0, "students notice nothing"
    await fleet.prove(school, least=300)


@pytest.mark.thorough
async def test_activity_is_exact_when_clickhouse_was_slow_and_its_answers_were_lost(tmp_path: Path) -> None:
    """Half of what it does is given up after a second, and was done all the same."""
    chance = Random(8)
    clickhouse = ClickHouseServer(tmp_path / "clickhouse")
    async with SlowProxy(clickhouse.url, lambda: 0.0) as slow:
        environment = {"APO_CLICKHOUSE__URL": f"{slow.url}/default?send_receive_timeout=1"}
        async with fleet_in(tmp_path, environment, clickhouse) as fleet:
            school = fleet.school(6)
            async with school.open():
                await school.until_answers(50)
                slow.pause = lambda: chance.random() * 1.5
                began = asyncio.get_running_loop().time()
                while asyncio.get_running_loop().time() < began + SLOW_SECONDS:
                    await school.until_answers(50)
                assert school.refused() == 0, "students notice nothing"
                assert "a relay waits" in fleet.service.log
                slow.pause = lambda: 0.0
            await fleet.prove(school, least=200)
            await rolled_up(clickhouse)


async def rolled_up(server: ClickHouseServer) -> None:
    """Until each answer is in the rollups as often as in activity, and never more often."""
    clickhouse = connect(server.url, Path())
    async with asyncio.timeout(ROLLUP_SECONDS * 3):
        while True:
            ((left,),) = await clickhouse.query(
                "SELECT toInt64(countIf(event = 'answered')) - (SELECT toInt64(countMerge(answers)) FROM learning)"
                " FROM activity"
            )
            assert int(left) >= 0
            if left == 0:
                break
            await asyncio.sleep(0.5)
    await clickhouse.close()


@pytest.mark.thorough
async def test_readiness_names_the_engine_that_is_down(fleet: Fleet) -> None:
    school = fleet.school(4)
    async with school.open():
        await fleet.until_ready_is(200, down=())
        await fleet.engines.stop_one("mongo")
        await fleet.until_ready_is(200, down=("mongo",))
        await fleet.engines.start_one("mongo")
        await fleet.until_ready_is(200, down=())
        await fleet.clickhouse.kill()
        await fleet.until_ready_is(200, down=("clickhouse",))
        await fleet.clickhouse.start()
        await fleet.until_ready_is(200, down=())
        await fleet.engines.stop_one("postgres")
        await fleet.until_ready_is(503, down=("postgres",))
        await fleet.clickhouse.kill()
        await fleet.until_ready_is(503, down=("postgres", "clickhouse"))
        await fleet.clickhouse.start()
        await fleet.engines.start_one("postgres")
        await fleet.until_ready_is(200, down=())
    await fleet.prove(school, least=1)


async def test_a_second_service_on_the_same_database_says_so_and_ends(fleet: Fleet, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "APO_STORAGE__PATH": str(tmp_path),
        "APO_HTTP__PORT": "0",
        "APO_POSTGRES__URL": fleet.endpoints.postgres_url,
        "APO_MONGO__URL": fleet.endpoints.mongo_url,
        "APO_CLICKHOUSE__URL": fleet.clickhouse.url,
    }
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "main.py", "serve"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert b"another service already works on this database" in second.stderr + second.stdout
    assert await fleet.service_answers()
