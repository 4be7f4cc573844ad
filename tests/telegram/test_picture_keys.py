"""A picture that a mass message carries is known by the message's digest, and is not hashed for each recipient."""

from dataclasses import replace
from pathlib import Path

from protocols.messages import BroadcastContent
from protocols.telegram.courier import outgoing
from tests.telegram.center import DataCenter
from tests.telegram.test_sender import PNG
from tests.telegram.wired import peer, wired


async def test_what_has_the_same_digest_is_uploaded_once_without_a_look_at_it(
    center: DataCenter, tmp_path: Path
) -> None:
    anna = center.user("Anna", started=True)
    content = BroadcastContent(text="Hello", entities=(), buttons=(), image=PNG, digest="abc")
    async with wired(center, tmp_path) as running:
        await running.sender.send(peer(anna), outgoing(content), 1)
        await running.sender.send(peer(anna), replace(outgoing(content), picture=b"not looked at"), 2)
        assert [shown.photo for shown in anna.chat] == [PNG, PNG]
