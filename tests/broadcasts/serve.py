"""The service with a courier that brings messages to a URL: `python -m tests.broadcasts.serve URL RATE`."""

from __future__ import annotations

import asyncio
import os
import sys

import aiohttp
import uvloop

import logs
import settings as configuration
from actors.broadcaster import UseCourier
from protocols.messages import BroadcastContent
from protocols.messages.outcomes import AlreadySent, Offline, Outcome, Sent
from service import running


class Messenger:
    """A courier whose Telegram is the test that started this process."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def deliver(self, telegram: int, access_hash: int, content: BroadcastContent, random_id: int) -> Outcome:
        message = {"telegram": telegram, "random_id": random_id, "text": content.text}
        async with self._session.post(self._url, json=message) as response:
            known: dict[int, Outcome] = {200: Sent(), 208: AlreadySent()}
            return known.get(response.status, Offline())


async def serve(url: str, rate: float) -> None:
    settings = configuration.load(environment=os.environ)
    broadcast = settings.broadcast.model_copy(update={"messages_per_second": rate})
    logs.configure(settings.log)
    async with (
        running(settings.model_copy(update={"broadcast": broadcast})) as service,
        aiohttp.ClientSession() as session,
    ):
        service.broadcaster.tell(UseCourier(Messenger(session, url)))
        sys.stdout.write(f"APO is ready: {service.address}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], float(sys.argv[2])))
