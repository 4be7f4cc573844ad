"""A service in a process of its own that joins accounts, and can be killed between any two steps of it.

    python -m tests.durability.joining FOLDER join NUMBER POINT
    python -m tests.durability.joining FOLDER look COUNT FILE

`join` makes two accounts of the person NUMBER, one over HTTP and one as Telegram's wire does, trains in both, joins
them, and is killed at POINT. `look` waits until nothing is being joined, and writes down what became of each person.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

import service
from actors.joining import Joining
from protocols import messages as m
from settings import load
from storage.data_folder import attach
from tests.durability.campaign import caught_up

POINTS = ("begun", "left", "taken over", "completed")
PASSWORD = "correct horse"
SETTLE_SECONDS = 30.0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(point: str) -> type[Joining]:
    """The same, but that the process is killed as soon as it has come to `point`."""

    class Dying(Joining):
        def __init__(
            self, pool: Any, clock: Any, accounts: Any, to_session: Callable[..., Awaitable[m.Message]]
        ) -> None:
            async def ask(command: m.SessionCommand) -> m.Message:
                reply = await to_session(command)
                # Not when it drives on what was killed before.
                if self.begun and (
                    (point == "left" and isinstance(command, m.JoinInto))
                    or (point == "taken over" and isinstance(command, m.TakeOver))
                ):
                    _die()
                return reply

            super().__init__(pool, clock, accounts, ask)
            self.begun = False

        async def _begin(self, message: m.LinkAccounts, guesser: str) -> int:
            target = await super()._begin(message, guesser)
            self.begun = True
            if point == "begun":
                _die()
            return target

        async def link(self, message: m.LinkAccounts) -> m.Linked:
            await super().link(message)
            _die()
            raise AssertionError("unreachable")

    return Dying


class Web:
    """A person's web account over HTTP."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = f"{url}/api/v1"
        self._token = ""

    async def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        async with self._http.request(method, self._url + path, json=body, headers=headers) as response:
            text = await response.text()
            assert response.status < 300, (path, response.status, text)
            return json.loads(text) if text else None

    async def sign_in(self, login: str) -> int:
        granted = await self.call("POST", "/tokens", {"login": login, "password": PASSWORD})
        self._token = granted["token"]
        return int(granted["user"]["id"])


def meeting(number: int) -> m.MeetChat:
    return m.MeetChat(telegram=500 + number, access_hash=number, name=f"Person {number}")


async def answer_all(ask: Callable[[m.Message], Awaitable[m.Message]], training: m.Message, how_many: int) -> None:
    assert isinstance(training, m.Training)
    user = int(training.id.split("-")[0])
    question = training.question
    for _ in range(how_many):
        assert question is not None
        assert question.options is not None
        verdict = await ask(
            m.GiveAnswer(
                user=user,
                training=training.id,
                question=question.id,
                response=question.options[0].id,
                platform="telegram",
            )
        )
        assert isinstance(verdict, m.Verdict)
        question = verdict.next


async def join(running: service.Running, number: int) -> None:
    ask = running.router.ask
    async with aiohttp.ClientSession() as http:
        web = Web(http, running.address)
        login = f"person-{number}"
        await web.call("POST", "/users", {"login": login, "password": PASSWORD, "name": login})
        user = await web.sign_in(login)
        chat = await ask(meeting(number))
        assert isinstance(chat, m.Chat)
        filters = m.Filters(kinds=("single",))
        # By turns, so that the order of the trainings shows; the last of each stays open.
        for who, size, answers in ((chat.user, 2, 2), (user, 3, 3), (chat.user, 3, 1), (user, 4, 1)):
            start = m.StartTraining(user=who, subject="biology", size=size, filters=filters, platform="telegram")
            await answer_all(ask, await ask(start), answers)
        await ask(m.SetFavorite(user=chat.user, question=1, favorite=True))
        await ask(m.SetFavorite(user=user, question=2, favorite=True))
        await ask(m.ReportQuestion(user=chat.user, question=await a_question(web), text="?"))
        code = (await web.call("POST", "/me/link"))["code"]
        await ask(m.LinkAccounts(user=chat.user, code=f" {code.lower()} "))


async def a_question(web: Web) -> str:
    current = await web.call("GET", "/trainings/current")
    return str(current["question"]["id"])


async def look(running: service.Running, folder: Path, count: int) -> list[dict[str, Any]]:
    endpoints = attach(folder)
    assert endpoints is not None
    connection = await asyncpg.connect(endpoints.postgres_url)
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while await connection.fetchval("SELECT count(*) FROM joins"):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()
    seen = []
    async with aiohttp.ClientSession() as http:
        for number in range(count):
            web = Web(http, running.address)
            user = await web.sign_in(f"person-{number}")
            chat = await running.router.ask(meeting(number))
            assert isinstance(chat, m.Chat)
            seen.append(
                {
                    "user": user,
                    "chat_user": chat.user,
                    "current": await web.call("GET", "/trainings/current"),
                    "trainings": await web.call("GET", "/trainings"),
                    "statistics": await web.call("GET", "/me/statistics"),
                    "board": await web.call("GET", "/subjects/biology/leaderboard"),
                    "export": await web.call("GET", "/me/export"),
                    "next": await web.call("POST", "/trainings", {"subject": "biology", "size": 1}),
                }
            )
    await caught_up(running.address)
    return seen


async def main(folder: Path, what: str, *rest: str) -> None:
    settings = load(environment={"APO_STORAGE__PATH": str(folder), "APO_HTTP__PORT": "0", "APO_LOG__LEVEL": "warning"})
    if what == "join":
        vars(service)["Joining"] = dying(rest[1])  # where the service is built
    async with service.running(settings) as running:
        if what == "join":
            await join(running, int(rest[0]))
        else:
            seen = json.dumps(await look(running, folder, int(rest[0])))
            await asyncio.to_thread(Path(rest[1]).write_text, seen, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
