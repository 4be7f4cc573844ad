"""Somebody who talks to the service over HTTP: a guest, a student, an editor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import aiohttp
import asyncpg
import orjson

from storage.data_folder import attach
from tests.running import Service

BASE = "/api/v1"
PASSWORD = "correct horse battery"
PROBLEM = "application/problem+json"

# Any: JSON as the service sends it; each test says what it expects of it.
Json = Any

_names = count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Json:
        return orjson.loads(self.content)


@dataclass(frozen=True)
class Client:
    """Paths are below `/api/v1`, but for `page`. `token` is None for a guest."""

    session: aiohttp.ClientSession
    service: Service
    token: str | None = None
    login: str = ""
    id: Json = None

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        data: bytes | aiohttp.FormData | AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Whatever the service answers. `body` is sent as JSON, `data` as it is."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            data = orjson.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        return await self._send(method, self.service.url + BASE + path, data, sent)

    async def page(self, path: str) -> Answer:
        """What the service shows at a path of its own, outside the API."""
        return await self._send("GET", self.service.url + path, None, {})

    async def _send(
        self,
        method: str,
        url: str,
        data: bytes | aiohttp.FormData | AsyncIterator[bytes] | None,
        headers: dict[str, str],
    ) -> Answer:
        async with self.session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def ask(self, method: str, path: str, body: Json = None, *, status: int = 200) -> Json:
        """The JSON of an answer that must have this status; None where there is none."""
        answer = await self.call(method, path, body)
        assert answer.status == status, (method, path, answer.status, answer.content[:2000])
        return answer.json if answer.content else None

    async def get(self, path: str) -> Json:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Json = None, *, status: int = 200) -> Json:
        return await self.ask("POST", path, body, status=status)

    async def refused(
        self,
        status: int,
        method: str,
        path: str,
        body: Json = None,
        *,
        data: bytes | aiohttp.FormData | AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Json:
        """The problem that the call is refused with, which must be whole and of this status."""
        return problem(await self.call(method, path, body, data=data, headers=headers), status)

    async def upload(
        self,
        call: str,
        content: bytes,
        *,
        name: str = "bank.yaml",
        **fields: str,
    ) -> Answer:
        """Send a bank file to `/admin/bank/…`."""
        form = aiohttp.FormData()
        form.add_field("file", content, filename=name, content_type="application/octet-stream")
        for field, value in fields.items():
            form.add_field(field, value)
        return await self.call("POST", f"/admin/bank/{call}", data=form)

    async def register(self, **profile: Json) -> Client:
        """A new student with an open token; `profile` is more than login and password."""
        login = profile.pop("login", None) or f"student-{next(_names)}"
        body = {"login": login, "password": PASSWORD, "name": "Student"} | profile
        await self.post("/users", body, status=201)
        return await self.signed_in(login)

    async def signed_in(self, login: str, password: str = PASSWORD) -> Client:
        """The same client with a new token of that login."""
        granted = await self.post("/tokens", {"login": login, "password": password}, status=201)
        return replace(self, token=granted["token"], login=login, id=granted["user"]["id"])


def problem(answer: Answer, status: int) -> Json:
    """The members of a problem, after checking that it is one as RFC 9457 has it."""
    assert answer.status == status, (answer.status, answer.content[:2000])
    assert answer.headers["Content-Type"].split(";")[0] == PROBLEM
    told = answer.json
    assert told["status"] == status
    assert told["type"]
    assert told["title"]
    assert told["detail"]
    assert "Traceback" not in answer.content.decode()
    return told


def paths_of(told: Json) -> set[str]:
    """The places that a problem names in its `errors`."""
    assert all(error["message"] for error in told["errors"])
    return {error["path"] for error in told["errors"]}


async def connect(service: Service) -> asyncpg.Connection:
    """A connection of our own to the service's PostgreSQL, to see and to change what no call may."""
    endpoints = attach(service.folder / "data")
    assert endpoints is not None
    return await asyncpg.connect(endpoints.postgres_url)
