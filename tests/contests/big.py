"""A contest of many students, the service killed in the middle: `python -m tests.contests.big --students 1000`.

Afterwards the places and scores must be what the journal says when it is counted here, every answer that was
acknowledged must be there once, and everybody must have had their minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

import aiohttp
import orjson

from tests.api.banks import RIGHT, WRONG, walk_through
from tests.api.client import BASE, Client, Json, connect
from tests.contests.school import moment, plan, with_role
from tests.running import Service

MINUTES = 30
AT_ONCE = 40  # requests, for two cores are shared with the service
PATIENCE_SECONDS = 90.0
SIZE = len(RIGHT)


@dataclass
class Contestant:
    token: str
    user: int
    training: str = ""
    acknowledged: dict[str, Json] = field(default_factory=dict)


@dataclass
class Report:
    """What is wrong, if anything, and what was measured."""

    faults: list[str]
    students: int
    answers: int
    seconds: float
    down_seconds: float
    extended_seconds: float

    def __str__(self) -> str:
        told = (
            f"{self.students} students, {self.answers} answers in {self.seconds:.1f} s; "
            f"down for {self.down_seconds:.2f} s, clocks extended by {self.extended_seconds:.2f} s"
        )
        return "\n".join([told, *(self.faults[:20] or ["places, scores, answers and times are right"])])


class Campaign:
    """`killed`: the service is ended by SIGKILL when half of the answers are there."""

    def __init__(self, service: Service, students: int, seed: int) -> None:
        self.service = service
        self.chance = Random(seed)
        self.students = students
        self.contestants: list[Contestant] = []
        self.answers = 0
        self.half = asyncio.Event()
        self.gate = asyncio.Semaphore(AT_ONCE)
        self.faults: list[str] = []
        self.contest: Json = None

    async def run(self) -> Report:
        began = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
            guest = Client(session, self.service)
            admin = await with_role(guest, "admin", "admin")
            bank = await walk_through(admin)
            self.contest = await admin.post(
                "/admin/contests", plan(bank.subject, size=SIZE, minutes=MINUTES), status=201
            )
            await self._enrol()
            async with asyncio.TaskGroup() as group:
                for contestant in self.contestants:
                    group.create_task(self._take_part(session, contestant, Random(self.chance.random())))
                await self.half.wait()
                killed_at = time.time()
                await self.service.kill()
                await self.service.start()
                ready_at = time.time()
            board = await self._board(admin)
            contest = await admin.get(f"/admin/contests/{self.contest['id']}")
        seconds = time.monotonic() - began
        await self._compare(board, contest, killed_at, ready_at)
        return Report(
            self.faults, self.students, self.answers, seconds, ready_at - killed_at, contest["extended_seconds"]
        )

    async def _enrol(self) -> None:
        """Accounts with open tokens, without the price of a thousand password hashes."""
        connection = await connect(self.service)
        tokens = [secrets.token_urlsafe(32) for _ in range(self.students)]
        rows = await connection.fetch(
            "INSERT INTO users (name) SELECT 'Student ' || n FROM generate_series(1, $1) AS n RETURNING id",
            self.students,
        )
        await connection.executemany(
            "INSERT INTO tokens (hash, user_id, expires_at) VALUES ($1, $2, now() + interval '1 day')",
            [(hashlib.sha256(token.encode()).digest(), row["id"]) for token, row in zip(tokens, rows, strict=True)],
        )
        await connection.close()
        self.contestants = [Contestant(token, row["id"]) for token, row in zip(tokens, rows, strict=True)]

    async def _take_part(self, session: aiohttp.ClientSession, one: Contestant, chance: Random) -> None:
        training = await self._post(session, one, f"/contests/{self.contest['id']}/start", None)
        one.training = training["id"]
        question = training["question"]
        while question is not None:
            await asyncio.sleep(chance.random() * 0.5)
            response = (RIGHT if chance.random() < 0.6 else WRONG)[question["id"]]
            body = {"question": question["id"], "response": response}
            verdict = await self._post(session, one, f"/trainings/{one.training}/answers", body)
            one.acknowledged[question["id"]] = response
            self.answers += 1
            if self.answers >= self.students * SIZE // 2:
                self.half.set()
            question = verdict["next"]

    async def _post(self, session: aiohttp.ClientSession, one: Contestant, path: str, body: Json) -> Json:
        """The answer with status 200, asked for until it comes: what was lost on the way is sent again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                async with (
                    self.gate,
                    session.post(
                        self.service.url + BASE + path,
                        data=None if body is None else orjson.dumps(body),
                        headers={"Authorization": f"Bearer {one.token}", "Content-Type": "application/json"},
                    ) as response,
                ):
                    content = await response.read()
                if response.status == 200:
                    return orjson.loads(content)
                if response.status != 503:
                    raise AssertionError((path, response.status, content[:500]))
            except (aiohttp.ClientError, ConnectionError):
                pass
            assert time.monotonic() < deadline, f"no answer from {path}"
            await asyncio.sleep(0.2)

    async def _board(self, admin: Client) -> list[Json]:
        items: list[Json] = []
        after = ""
        while True:
            page = await admin.get(f"/contests/{self.contest['id']}/leaderboard?limit=100{after}")
            items += page["items"]
            if page["next"] is None:
                return items
            after = f"&after={page['next']}"

    # --- Counting again -----------------------------------------------------------------------------------------

    async def _compare(self, board: Sequence[Json], contest: Json, killed_at: float, ready_at: float) -> None:
        connection = await connect(self.service)
        journal = await connection.fetch("SELECT user_id, data::text FROM journal ORDER BY position")
        names = {row["id"]: row["name"] for row in await connection.fetch("SELECT id, name FROM users")}
        outages = await connection.fetch("SELECT * FROM outages ORDER BY id")
        await connection.close()
        events: dict[int, list[Json]] = {}
        for row in journal:
            events.setdefault(row["user_id"], []).append(orjson.loads(row["data"]))

        self._compare_outages(outages, contest, killed_at, ready_at)
        results = []
        for one in self.contestants:
            own = events.get(one.user, [])
            score, used = self._counted(one, own, outages)
            results.append((names[one.user], score, used))
        expected = sorted(
            (1 + sum((-other[1], other[2]) < (-score, used) for other in results), name, score, used)
            for name, score, used in results
        )
        shown = sorted((one["place"], one["name"], one["score"], one["seconds"]) for one in board)
        if shown != expected:
            wrong = [pair for pair in zip(shown, expected, strict=False) if pair[0] != pair[1]]
            self._fault(f"{len(shown)} places are shown, {len(expected)} expected; first {wrong[:3]}")

    def _counted(self, one: Contestant, events: Sequence[Json], outages: Sequence[Json]) -> tuple[float, int]:
        """Score and seconds of a contestant, from the journal alone."""
        started = [event for event in events if event["type"] == "started"]
        finished = [event for event in events if event["type"] == "finished"]
        answers = [event for event in events if event["type"] == "answered"]
        extensions = [event for event in events if event["type"] == "extended"]
        if (len(started), len(finished)) != (1, 1):
            self._fault(f"user {one.user}: started {len(started)} times, finished {len(finished)} times")
            return 0.0, 0
        given = sorted(orjson.dumps(event["response"]) for event in answers)
        if given != sorted(orjson.dumps(response) for response in one.acknowledged.values()):
            self._fault(f"user {one.user}: {len(answers)} answers are kept, {len(one.acknowledged)} were acknowledged")
        if len({extension["outage"] for extension in extensions}) != len(extensions):
            self._fault(f"user {one.user}: an outage counted twice")
        due = 0
        for outage in outages:
            outage_began, outage_ended = _microseconds(outage["began"]), _microseconds(outage["ended"])
            if started[0]["at"] < outage_ended and finished[0]["at"] >= outage_ended:
                due += outage_ended - max(outage_began, started[0]["at"])
        extended = extensions[-1]["extended"] if extensions else 0
        # Whoever was done while the outage lasted on paper, for a moment more than in truth, may have been given it.
        if extended < due:
            self._fault(f"user {one.user}: {extended} us were given back, {due} taken")
        deadline = extensions[-1]["deadline"] if extensions else started[0]["deadline"]
        if deadline - started[0]["at"] - extended != MINUTES * 60 * 1_000_000:
            self._fault(f"user {one.user}: not {MINUTES} minutes")
        right = {orjson.dumps(response) for response in RIGHT.values()}
        score = sum(orjson.dumps(event["response"]) in right for event in answers)
        return float(score), max(0, (finished[0]["at"] - started[0]["at"] - extended) // 1_000_000)

    def _compare_outages(self, outages: Sequence[Json], contest: Json, killed_at: float, ready_at: float) -> None:
        if not outages or not all(outage["settled"] for outage in outages):
            self._fault(f"{len(outages)} outages are noted, not all made up for")
            return
        began, ended = outages[0]["began"], outages[-1]["ended"]
        # It accepts a moment before it says so and we have read that.
        if began.timestamp() > killed_at or ended.timestamp() < ready_at - 0.5:
            self._fault(f"the outage lasted from {killed_at} to {ready_at}, noted is {began} to {ended}")
        moved = moment(contest["ends_at"]) - moment(self.contest["ends_at"])
        # The heartbeat before the kill may tell of a time before the contest, which has lost nothing of that.
        lost = ended - max(began, moment(contest["starts_at"]))
        if abs(moved.total_seconds() - lost.total_seconds()) > 1e-3:
            self._fault(f"the window was extended by {moved}, the outage took {lost} of it")

    def _fault(self, what: str) -> None:
        self.faults.append(what)


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


async def run(folder: Path, students: int, seed: int = 1) -> Report:
    """A service of its own in `folder`, a contest, a kill, and the comparison."""
    service = Service(folder, {"APO_LOG__FORMAT": "json"})
    await service.start()
    try:
        return await Campaign(service, students, seed).run()
    finally:
        await service.stop()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--students", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(run(Path(folder), options.students, options.seed))
    sys.stdout.write(f"{report}\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
