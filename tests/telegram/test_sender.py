"""What goes to Telegram: each message once, within the limits, students before broadcasts."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.messages import Entity
from protocols.telegram.gates import Crowded, Gate
from protocols.telegram.sender import TelegramSender
from protocols.telegram.values import Flooded, Gone, Incoming, Key, Outgoing, Refused, Styled, Unreachable, Wrote
from tests.telegram.center import DataCenter
from tests.telegram.limits import Limits
from tests.telegram.wired import echo, peer, text, wired

# One pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_a_text_is_answered(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path):
        anna.write("hello")
        await anna.sees("echo hello")


async def test_a_message_is_edited_and_its_button_pressed(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        number = await running.sender.send(peer(anna), text("first"), 1)
        assert number is not None
        await running.sender.edit(peer(anna), number, Outgoing(Styled("second"), ((Key("go", b"x"),),)))
        assert [(shown.id, shown.text) for shown in anna.chat] == [(number, "second")]
        assert (await anna.press("go")).text == b"x".hex()


async def test_formatting_goes_there_and_comes_back(center: DataCenter, tmp_path: Path) -> None:
    styles = tuple(
        Entity(type=name, offset=place * 2, length=2, value=value)
        for place, (name, value) in enumerate(
            [
                ("bold", None),
                ("italic", None),
                ("underline", None),
                ("strikethrough", None),
                ("spoiler", None),
                ("code", None),
                ("pre", "python"),
                ("link", "https://example.org/"),
                ("custom_emoji", "5368324170671202286"),
                ("blockquote", None),
            ]
        )
    )
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        await running.sender.send(peer(anna), Outgoing(Styled("🙂" * len(styles), styles)), 1)
        anna.write(anna.last.text, anna.last.entities)
        while not running.bot.came:
            await asyncio.sleep(0.01)
        (came,) = running.bot.came
        assert isinstance(came, Wrote)
        assert came.entities == styles


async def test_what_telegram_has_already_is_not_sent_again(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        number = await running.sender.send(peer(anna), text("once"), 7)
        assert number is not None
        assert await running.sender.send(peer(anna), text("once"), 7) == number
        assert await running.sender.send(peer(anna), text("once"), 7, broadcast=True) is None
        assert [shown.text for shown in anna.chat] == ["once"]
        assert center.counts["RANDOM_ID_DUPLICATE"] == 2


async def test_a_reply_whose_answer_is_lost_is_there_once(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        center.lose_next_answer("messages.sendMessage")
        await running.sender.send(peer(anna), text("once"), 7)
        assert [shown.text for shown in anna.chat] == ["once"]


async def test_an_edit_that_changes_nothing_is_good(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        number = await running.sender.send(peer(anna), text("same"), 1)
        assert number is not None
        await running.sender.edit(peer(anna), number, text("same"))
        assert center.counts["MESSAGE_NOT_MODIFIED"] == 1


async def test_a_deleted_message_is_gone_and_cannot_be_edited(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        number = await running.sender.send(peer(anna), text("soon gone"), 1)
        assert number is not None
        await running.sender.delete(peer(anna), [number])
        assert anna.chat == ()
        with pytest.raises(Gone):
            await running.sender.edit(peer(anna), number, text("too late"))


async def test_who_has_blocked_the_bot_is_unreachable(center: DataCenter, tmp_path: Path) -> None:
    anna, boris = center.user("Anna", started=True), center.user("Boris", started=True)
    async with wired(center, tmp_path) as running:
        anna.block()
        boris.delete_account()
        with pytest.raises(Unreachable) as blocked:
            await running.sender.send(peer(anna), text("hello"), 1)
        with pytest.raises(Unreachable) as deleted:
            await running.sender.send(peer(boris), text("hello"), 2)
        assert (blocked.value.deleted, deleted.value.deleted) == (False, True)


async def test_what_telegram_refuses_is_told_by_its_own_name(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        with pytest.raises(Refused, match="MESSAGE_TOO_LONG"):
            await running.sender.send(peer(anna), text("x" * 4097), 1)


async def test_a_press_that_is_too_old_is_let_be(center: DataCenter, tmp_path: Path) -> None:
    async with wired(center, tmp_path) as running:
        await running.sender.answer(123, "too late")
        assert center.counts["QUERY_ID_INVALID"] == 1


async def test_commands_are_set(center: DataCenter, tmp_path: Path) -> None:
    async with wired(center, tmp_path) as running:
        await running.sender.set_commands("ru", {"start": "Начать"})
        assert center.commands("ru") == {"start": "Начать"}


# --- Files --------------------------------------------------------------------------------------------------


async def test_a_picture_is_uploaded_once(center: DataCenter, tmp_path: Path) -> None:
    people = [center.user(f"Student {number}", started=True) for number in range(5)]
    picture = Outgoing(Styled("look"), picture=PNG)
    async with wired(center, tmp_path) as running:
        await asyncio.gather(*(running.sender.send(peer(person), picture, person.id) for person in people))
        number = people[0].last.id
        await running.sender.edit(peer(people[0]), number, replace(picture, styled=Styled("again")))
        assert [person.last.photo for person in people] == [PNG] * 5
        assert people[0].last.text == "again"
        assert [call.method for call in center.log].count("upload.saveFilePart") == 1


async def test_a_picture_that_telegram_has_forgotten_is_uploaded_again(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    picture = Outgoing(Styled("look"), picture=PNG)
    async with wired(center, tmp_path) as running:
        await running.sender.send(peer(anna), picture, 1)
        known = center.files._files
        known.update({number: replace(file, reference=b"another") for number, file in known.items()})
        await running.sender.send(peer(anna), picture, 2)
        assert [shown.photo for shown in anna.chat] == [PNG, PNG]


async def test_a_file_goes_under_its_name(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    content = b"x" * 1_500_000
    async with wired(center, tmp_path) as running:
        await running.sender.send(peer(anna), Outgoing(Styled("yours"), file=content, file_name="me.json"), 1)
        document = anna.last.document
        assert document is not None
        assert (document.name, document.data) == ("me.json", content)


# --- Limits -------------------------------------------------------------------------------------------------


async def test_a_short_flood_wait_is_waited_for(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        center.flood_next(1, "messages.sendMessage")
        assert await running.sender.send(peer(anna), text("late"), 1) is not None


async def test_a_long_flood_wait_is_told(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        center.flood_next(60, "messages.sendMessage")
        with pytest.raises(Flooded) as flood:
            await running.sender.send(peer(anna), text("no"), 1)
        assert flood.value.seconds == 60


async def test_a_broadcast_is_told_of_a_flood_wait_at_once(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        center.flood_next(1, "messages.sendMessage")
        with pytest.raises(Flooded):
            await running.sender.send(peer(anna), text("no"), 1, broadcast=True)


async def test_no_burst_earns_a_flood_wait(center: DataCenter, tmp_path: Path) -> None:
    center.limits = Limits(chat_burst=5.0)
    people = [center.user(f"Student {number}", started=True) for number in range(80)]
    anna = people[0]
    async with wired(center, tmp_path) as running:
        await asyncio.gather(
            *(running.sender.send(peer(person), text("hello"), person.id) for person in people),
            *(running.sender.send(peer(anna), text(f"more {number}"), number + 1) for number in range(5)),
        )
        assert center.counts["sent"] == 85
        assert not [name for name in center.counts if name.startswith("FLOOD")]


async def test_students_overtake_a_broadcast(center: DataCenter, tmp_path: Path) -> None:
    audience = [center.user(f"Student {number}", started=True) for number in range(90)]
    anna = center.user("Anna", started=True)

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        await echo(sender, incoming)

    async with wired(center, tmp_path, handle=handle) as running:
        broadcast = asyncio.gather(
            *(running.sender.send(peer(person), text("news"), person.id, broadcast=True) for person in audience)
        )
        while not center.counts["sent"]:
            await asyncio.sleep(0.01)
        await running.sender.send(peer(anna), text("reply"), 1)
        assert center.counts["sent"] < 60  # the others, who came first, still wait
        assert not broadcast.done()
        await broadcast
        assert center.counts["sent"] == 91


async def test_a_gate_lets_nobody_wait_without_bound() -> None:
    gate = Gate(0.001, 1, kept=0, most_waiting=2)
    await gate.enter(False)
    waiting = [asyncio.create_task(gate.enter(False)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Crowded):
        await gate.enter(False)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    gate = Gate(50, 1, kept=0, most_waiting=10)
    await gate.enter(False)
    first, second = (asyncio.create_task(gate.enter(False)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 5)
    assert first.cancelled()


async def test_a_gate_stays_open_for_students() -> None:
    gate = Gate(0.001, 3, kept=2, most_waiting=10)
    await gate.enter(True)
    broadcast = asyncio.create_task(gate.enter(True))
    await asyncio.sleep(0)
    await gate.enter(False)
    await gate.enter(False)
    assert not broadcast.done()
    broadcast.cancel()
    await asyncio.wait([broadcast])


async def test_a_gate_tells_when_it_is_idle() -> None:
    idle = asyncio.Event()
    gate = Gate(100, 2, kept=0, most_waiting=10, when_idle=idle.set)
    await gate.enter(False)
    await gate.enter(True)
    assert not idle.is_set()
    await asyncio.wait_for(idle.wait(), 5)
