"""Students over HTTP who remember every word that they were given, and every word that never came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

PATIENCE_SECONDS = 40.0
LONGEST_ANSWER_SECONDS = 16.0
PASSWORD = "correct horse"

Json = Any  # what the service sends, as JSON


@dataclass(frozen=True)
class Acknowledged:
    """An answer that got its 200; `score` is None in an exam."""

    training: str
    question: str
    response: Json
    score: float | None


@dataclass(frozen=True)
class Shown:
    """A question that was shown (None: no more), with how far the training was."""

    training: str
    answered: int
    skipped: int
    left: int
    question: str | None


@dataclass
class Memory:
    """What one student was told, in order, and what they tried."""

    user: int
    answers: list[Acknowledged] = field(default_factory=list)
    tried: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    shown: set[Shown] = field(default_factory=set)
    skipped: set[tuple[str, str]] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    # By question: the last favourite that was acknowledged, and whether anything unsure came after it.
    favorites: dict[tuple[str, str], tuple[bool, bool]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unavailable: int = 0
    broken: int = 0
    slowest: float = 0.0

    def fault(self, what: str) -> None:
        self.faults.append(f"user {self.user}: {what}")


class Unsure(Exception):
    """503 or no answer at all: whether it was done is not known."""


class Student:
    """One student who trains until told to stop."""

    def __init__(self, address: Callable[[], str], http: aiohttp.ClientSession, seed: int) -> None:
        self._address = address
        self._http = http
        self._random = Random(seed)
        self._headers: dict[str, str] = {}
        self._training: Json = None
        self._stop = asyncio.Event()
        self.memory = Memory(0)

    async def register(self, login: str) -> None:
        account = {"login": login, "password": PASSWORD, "name": login}
        async with self._http.post(f"{self._address()}/api/v1/users", json=account) as response:
            response.raise_for_status()
        sign_in = {"login": login, "password": PASSWORD}
        async with self._http.post(f"{self._address()}/api/v1/tokens", json=sign_in) as response:
            response.raise_for_status()
            token = await response.json()
        self._headers = {"Authorization": f"Bearer {token['token']}"}
        self.memory.user = int(token["user"]["id"])

    async def train(self, stop: asyncio.Event) -> None:
        """Train; whatever was unsure is looked at again, as a person would."""
        self._stop = stop
        while not stop.is_set():
            try:
                await self._step()
            except Unsure:
                self._training = None
                await asyncio.sleep(0.02 + self._random.random() * 0.2)

    async def begin(self) -> None:
        """Start a training."""
        await self._start()

    async def look(self) -> None:
        """Ask once more where the training stands."""
        await self._current()

    async def look_quietly(self) -> int:
        """Ask where the training stands, for the status only."""
        url = f"{self._address()}/api/v1/trainings/current"
        async with self._http.get(url, headers=self._headers) as response:
            assert response.status != 503 or "Retry-After" in response.headers
            return response.status

    async def _step(self) -> None:
        if self._training is None:
            await self._current()
        training = self._training
        if training is None or training["question"] is None:
            await self._start()
            return
        chance = self._random.random()
        if chance < 0.06:
            await self._skip(training)
        elif chance < 0.09:
            await self._favorite(training)
        elif chance < 0.10:
            await self._finish(training)
        elif chance < 0.11:
            await self._start()
        else:
            await self._answer(training)

    async def _call(self, method: str, path: str, body: Json = None, allowed: tuple[int, ...] = ()) -> tuple[int, Json]:
        """The answer to a call; a status that is neither good nor `allowed` is a fault. Raises `Unsure`."""
        began = time.monotonic()
        memory = self.memory
        try:
            async with self._http.request(
                method,
                f"{self._address()}/api/v1{path}",
                json=body,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS),
            ) as response:
                status = response.status
                sent = await response.json() if status != 204 else None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            memory.broken += 1
            raise Unsure(repr(error)) from error
        finally:
            seconds = time.monotonic() - began
            memory.slowest = max(memory.slowest, seconds)
            if seconds > LONGEST_ANSWER_SECONDS:
                memory.fault(f"{method} {path} took {seconds:.1f} s")
        if status == 503:
            memory.unavailable += 1
            if not response.headers.get("Retry-After", "").isdigit():
                memory.fault(f"{method} {path}: 503 without Retry-After")
            raise Unsure(str(sent))
        if status >= 300 and status not in allowed:
            memory.fault(f"{method} {path} {body}: {status} {sent}")
            raise Unsure(str(sent))
        return status, sent

    def _see(self, training: str, progress: Json, question: Json) -> None:
        self.memory.shown.add(
            Shown(
                training,
                progress["answered"],
                progress["skipped"],
                progress["left"],
                None if question is None else question["id"],
            )
        )

    async def _current(self) -> None:
        status, training = await self._call("GET", "/trainings/current", allowed=(404,))
        self._training = training if status == 200 else None
        if self._training is not None:
            self._see(training["id"], training["progress"], training["question"])

    async def _start(self) -> None:
        wish: Json = {
            "subject": self._random.choice(("mathematics", "biology")),
            "size": self._random.randint(1, 12),
        }
        if self._random.random() < 0.25:
            wish |= {"mode": "exam", "minutes": 300}
        _, self._training = await self._call("POST", "/trainings", wish)
        self._see(self._training["id"], self._training["progress"], self._training["question"])

    async def _answer(self, training: Json) -> None:
        question = training["question"]
        body = {"question": question["id"], "response": self._response(question)}
        path = f"/trainings/{training['id']}/answers"
        place = (training["id"], question["id"])
        self.memory.tried.setdefault(place, []).append(body["response"])
        twice = self._random.random() < 0.05
        if twice:
            outcomes = await asyncio.gather(*(self._call("POST", path, body) for _ in range(2)), return_exceptions=True)
            told = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
            for _, verdict in told:
                self._acknowledge(training, body, verdict)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            verdict = told[0][1]
        else:
            verdict = await self._surely_answer(training, path, body)
            if verdict is None:
                return
            body = body | {"response": self.memory.answers[-1].response}  # a student may have changed their mind
        if self._random.random() < 0.1:
            _, again = await self._call("POST", path, body)  # the same once more, much later or at once
            self._acknowledge(training, body, again)
            if again["score"] != verdict["score"] or again["key"] != verdict["key"]:
                self.memory.fault(f"{place}: the verdict was {verdict}, and sent again {again}")
        self._training = training | {"question": verdict["next"], "progress": verdict["progress"]}

    async def _surely_answer(self, training: Json, path: str, body: Json) -> Json:
        """The verdict; what is unsure is sent again, or something else instead, or left at that."""
        try:
            _, verdict = await self._call("POST", path, body)
        except Unsure:
            what_now = self._random.random()
            if what_now < 0.2:
                raise
            if what_now < 0.4:
                return await self._change_mind(training, path, body)
            while not self._stop.is_set():
                await asyncio.sleep(0.05 + self._random.random() * 0.1)
                try:
                    _, verdict = await self._call("POST", path, body)
                    break
                except Unsure:
                    continue
            else:
                raise
        self._acknowledge(training, body, verdict)
        return verdict

    async def _change_mind(self, training: Json, path: str, body: Json) -> Json:
        """Send another response: it counts only if the first was not kept, and then the first never is."""
        place = (training["id"], body["question"])
        other = body | {"response": self._response(training["question"])}
        self.memory.tried[place].append(other["response"])
        status, verdict = await self._call("POST", path, other, allowed=(409,))
        if status == 200:
            self._acknowledge(training, other, verdict)
            return verdict
        self._training = None
        return None

    def _acknowledge(self, training: Json, body: Json, verdict: Json) -> None:
        self.memory.answers.append(Acknowledged(training["id"], body["question"], body["response"], verdict["score"]))
        self._see(training["id"], verdict["progress"], verdict["next"])

    async def _skip(self, training: Json) -> None:
        question = training["question"]["id"]
        _, skipped = await self._call("POST", f"/trainings/{training['id']}/skip", {"question": question})
        self.memory.skipped.add((training["id"], question))
        self._see(training["id"], skipped["progress"], skipped["next"])
        self._training = training | {"question": skipped["next"], "progress": skipped["progress"]}

    async def _finish(self, training: Json) -> None:
        _, finished = await self._call("POST", f"/trainings/{training['id']}/finish")
        self.memory.finished.add(training["id"])
        if finished["status"] != "finished" or finished["summary"] is None:
            self.memory.fault(f"{training['id']}: finished, yet {finished}")
        self._training = None

    async def _favorite(self, training: Json) -> None:
        question = training["question"]
        place = (question["subject"], question["id"])
        kept = self._random.random() < 0.7
        before, _ = self.memory.favorites.get(place, (False, False))
        self.memory.favorites[place] = (before, True)
        path = f"/me/favorites/{question['id']}?subject={question['subject']}"
        await self._call("PUT" if kept else "DELETE", path)
        self.memory.favorites[place] = (kept, False)

    def _response(self, question: Json) -> Json:
        chance = self._random
        kind = question["kind"]
        if kind == "single":
            return chance.choice(question["options"])["id"]
        if kind == "multiple":
            ids = [option["id"] for option in question["options"]]
            return chance.sample(ids, chance.randint(1, len(ids)))
        if kind == "order":
            ids = [option["id"] for option in question["options"]]
            return chance.sample(ids, len(ids))
        if kind == "match":
            return {
                left["id"]: right["id"]
                for left, right in zip(
                    question["left"], chance.choices(question["right"], k=len(question["left"])), strict=True
                )
            }
        if kind == "number":
            number = chance.randint(-20, 60)
            return chance.choice((number, number / 4, str(number), f"{number},5"))
        return chance.choice(("митоз", "клетка", "Ответ", "x + 1", "два", "ДНК", "2", "сын", "«ё»"))
