"""What waits for an answer of Telegram ends when it is told to, as the progress bar of a mass message."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyrogram.session.session
import pytest

from protocols import messages as m
from protocols.telegram.screens import broadcast
from tests.telegram.center import DataCenter
from tests.telegram.wired import peer, text, wired

RUNNING = m.Broadcast(
    id=7,
    state="running",
    text="Hello",
    buttons=(),
    image=False,
    audience=m.Audience(),
    recipients=100,
    sent=1,
    failed=0,
    blocked=0,
    left=99,
    rate=None,
    eta=None,
    reasons={},
    created_at=datetime(2026, 9, 1, tzinfo=UTC),
    start_at=None,
    started_at=None,
    finished_at=None,
)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio.wait_for does not swallow it any more")
async def test_one_that_is_told_to_end_just_as_an_edit_is_answered_ends(
    center: DataCenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = center.user("Boss", started=True)
    followers: list[asyncio.Task[None]] = []

    class Answered(asyncio.Event):
        """What a call waits for in Pyrogram, by `wait_for`."""

        def set(self) -> None:
            super().set()
            if followers and center.log[-1].method == "messages.editMessage":
                followers[0].cancel()

    class Result(pyrogram.session.session.Result):
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.event = Answered()

    monkeypatch.setattr(pyrogram.session.session, "Result", Result)
    monkeypatch.setattr(broadcast, "FOLLOW_SECONDS", 0.01)

    async def ask(message: m.Message) -> m.Message:
        return RUNNING

    async with wired(center, tmp_path) as running:
        menu = await running.sender.send(peer(boss), text("progress"), 1)
        assert menu is not None
        chat = m.Chat(
            telegram=boss.id,
            access_hash=peer(boss).access_hash,
            user=1,
            role="admin",
            language="en",
            name="Boss",
            grade=None,
            notifications=True,
            blocked=False,
            state={"menu": menu},
        )
        followers.append(asyncio.create_task(broadcast.follow(ask, running.sender, chat, 7, ZoneInfo("UTC"))))
        await asyncio.wait_for(asyncio.wait(followers), 10)
        assert followers[0].cancelled()
        assert sum(call.method == "messages.editMessage" for call in center.log) == 1
