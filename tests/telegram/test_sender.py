"""What goes to Telegram: each message once, within the limits, students before broadcasts."""

from __future__ import annotations

from pathlib import Path

from protocols.telegram.values import Key, Outgoing, Styled
from tests.telegram.center import DataCenter
from tests.telegram.wired import peer, text, wired


async def test_a_text_is_answered(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path):
        anna.write("hello")
        await anna.sees("echo hello")


async def test_a_message_is_edited(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        number = await running.sender.send(peer(anna), text("first"), 1)
        assert number is not None
        await running.sender.edit(peer(anna), number, Outgoing(Styled("second"), ((Key("go", b"x"),),)))
        assert [(shown.id, shown.text) for shown in anna.chat] == [(number, "second")]
        answer = await anna.press("go")
        assert answer.text == b"x".hex()
