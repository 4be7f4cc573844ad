"""What people do arrives in order, and once in effect, whatever breaks meanwhile."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols import messages as m
from protocols.telegram import handling, updates
from protocols.telegram.sender import TelegramSender
from protocols.telegram.values import Blocked, Flooded, Incoming, Offline, Pressed, Wrote
from tests.telegram.center import DataCenter
from tests.telegram.wired import Memory, echo, wired

# One pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def test_messages_of_a_chat_are_handled_in_order(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    wanted = [str(number) for number in range(20)]

    async def slow_first(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        await asyncio.sleep(0.05 if incoming.text == "0" else 0)

    async with wired(center, tmp_path, handle=slow_first) as running:
        for word in wanted:
            anna.write(word)
        await until(lambda: len(running.bot.came) == 20)
        assert running.bot.texts == wanted


async def test_a_chat_does_not_wait_for_another(center: DataCenter, tmp_path: Path) -> None:
    anna, boris = center.user("Anna"), center.user("Boris")
    let_go = asyncio.Event()

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        if incoming.text == "wait":
            await let_go.wait()
        await echo(sender, incoming)

    async with wired(center, tmp_path, handle=handle):
        anna.write("wait")
        boris.write("go")
        await boris.sees("echo go")
        let_go.set()
        await anna.sees("echo wait")


async def test_what_came_while_it_was_down_is_answered_once_and_in_order(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    memory = Memory()
    async with wired(center, tmp_path, ask=memory.ask):
        anna.write("before")
        await anna.sees("echo before")
    words = [f"missed {number}" for number in range(8)]
    for word in words:
        anna.write(word)
    async with wired(center, tmp_path, ask=memory.ask) as running:
        await until(lambda: len(running.bot.came) == 8)
        assert running.bot.texts == words
        anna.write("after")
        await anna.sees("echo after")
    echoes = [shown.text for shown in anna.chat if shown.from_bot]
    assert echoes == ["echo before", *(f"echo {word}" for word in words), "echo after"]


async def test_a_long_absence_comes_in_slices(center: DataCenter, tmp_path: Path) -> None:
    people = [center.user(f"Student {number}") for number in range(30)]
    memory = Memory()
    async with wired(center, tmp_path, ask=memory.ask):
        pass
    for number in range(10):
        for person in people:
            person.write(f"{number}")

    async def nothing(sender: TelegramSender, incoming: Incoming) -> None:
        pass

    async with wired(center, tmp_path, ask=memory.ask, handle=nothing) as running:
        await until(lambda: len(running.bot.came) == 300)
        for person in people:
            mine = [i.text for i in running.bot.came if isinstance(i, Wrote) and i.sender.peer.telegram == person.id]
            assert mine == [str(number) for number in range(10)]


async def test_a_press_while_it_was_down_is_answered(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    memory = Memory()
    async with wired(center, tmp_path, ask=memory.ask):
        pass
    press = anna.tap_data(1, b"\x01\x02")
    async with wired(center, tmp_path, ask=memory.ask):
        assert (await press.answered()).text == "0102"


async def test_a_press_is_handled_once_although_it_is_told_twice(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    go_on = asyncio.Event()

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        await go_on.wait()  # it is waiting for its answer, so the difference tells of it again
        await echo(sender, incoming)

    async with wired(center, tmp_path, handle=handle) as running:
        press = anna.tap_data(1, b"\x07")
        calls = len(center.log)
        center.drop_connections()
        await until(lambda: any(call.method == "updates.getDifference" for call in center.log[calls:]))
        go_on.set()
        assert (await press.answered()).text == "07"
        anna.write("last")
        await anna.sees("echo last")
        assert sum(isinstance(incoming, Pressed) for incoming in running.bot.came) == 1


async def test_what_was_not_finished_comes_again(center: DataCenter, tmp_path: Path) -> None:
    anna, boris = center.user("Anna"), center.user("Boris")
    memory = Memory()

    async def fail(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        if incoming.text == "stuck":
            raise m.Unavailable("A database does not answer.")

    async with wired(center, tmp_path, ask=memory.ask, handle=fail) as running:
        anna.write("stuck")
        boris.write("fine")
        await until(lambda: running.bot.texts == ["fine"])
    async with wired(center, tmp_path, ask=memory.ask) as running:
        await anna.sees("echo stuck")


async def test_while_a_database_is_down_what_came_waits_in_order(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    tries: list[str] = []

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        tries.append(incoming.text)
        if len(tries) < 3:
            raise m.Unavailable("A database does not answer.")

    async with wired(center, tmp_path, handle=handle) as running:
        anna.write("first")
        anna.write("second")
        await until(lambda: len(running.bot.came) == 2)
        assert tries == ["first", "first", "first", "second"]


async def test_a_failure_is_apologised_for_and_stops_nobody(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        if incoming.text == "bad":
            raise ZeroDivisionError
        await echo(sender, incoming)

    async with wired(center, tmp_path, handle=handle):
        anna.write("bad")
        await anna.sees("sorry")
        anna.write("good")
        await anna.sees("echo good")


@pytest.mark.parametrize("failure", [m.Unavailable("No."), Offline("No."), Flooded(0)])
async def test_what_only_fails_is_given_up_and_stops_nobody(
    center: DataCenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(handling, "GIVE_UP_SECONDS", 1.0)
    anna, boris = center.user("Anna"), center.user("Boris")
    memory = Memory()

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        if incoming.text == "bad":
            raise failure
        await echo(sender, incoming)

    async with wired(center, tmp_path, ask=memory.ask, handle=handle) as running:
        anna.write("bad")
        await asyncio.sleep(0.1)
        boris.write("fine")
        await boris.sees("echo fine")
        await anna.sees("sorry")
        reached = center.bot.pts
        anna.write("good")
        await anna.sees("echo good")
        assert len(running.bot.sorry) == 1
    assert all(state.pts > reached for state in memory.states.values())


async def test_while_nothing_gets_through_to_anybody_nothing_is_given_up(
    center: DataCenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "GIVE_UP_SECONDS", 0.2)
    anna = center.user("Anna")
    tries: list[None] = []

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        tries.append(None)
        if len(tries) < 4:
            raise Offline("Telegram is away.")

    async with wired(center, tmp_path, handle=handle) as running:
        anna.write("hello")
        await until(lambda: running.bot.texts == ["hello"])
        assert not running.bot.sorry


async def test_chats_that_wait_to_be_tried_again_keep_nobody_else_waiting(center: DataCenter, tmp_path: Path) -> None:
    people = [center.user(f"Student {number}") for number in range(handling.CHATS_AT_ONCE)]
    boris = center.user("Boris")

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        if incoming.text == "flood":
            raise Flooded(60)
        await echo(sender, incoming)

    async with wired(center, tmp_path, handle=handle):
        for person in people:
            person.write("flood")
        boris.write("hello")
        await boris.sees("echo hello", timeout=5)


async def test_when_half_is_handled_more_is_asked_for(
    center: DataCenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "MOST_WAITING", 4)
    people = [center.user(f"Student {number}") for number in range(6)]
    boris = center.user("Boris")
    let_go = asyncio.Event()

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        if incoming.text == "stuck":
            raise m.Unavailable("A database does not answer.")
        if incoming.text == "wait":
            await let_go.wait()
        await echo(sender, incoming)

    async with wired(center, tmp_path, handle=handle):
        people[0].write("stuck")
        for person in people[1:4]:
            person.write("wait")
        boris.write("late")
        let_go.set()
        await boris.sees("echo late", timeout=10)


async def test_who_sends_without_end_is_not_read_without_end(center: DataCenter, tmp_path: Path) -> None:
    anna, boris = center.user("Anna"), center.user("Boris")
    let_go = asyncio.Event()

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        if incoming.text == "flood":
            await let_go.wait()
        else:
            await echo(sender, incoming)

    async with wired(center, tmp_path, handle=handle) as running:
        for _ in range(100):
            anna.write("flood")
        boris.write("hello")
        await boris.sees("echo hello")
        let_go.set()
        await anna.sees("too much")
        anna.write("flood")
        await until(lambda: 33 <= running.bot.texts.count("flood") < 40)
        assert [shown.text for shown in anna.chat if shown.from_bot] == ["too much"]


async def test_blocking_and_unblocking_are_told(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna", started=True)
    async with wired(center, tmp_path) as running:
        anna.block()
        anna.unblock()
        await until(lambda: len(running.bot.came) == 2)
        assert running.bot.came == [Blocked(anna.id, stopped=True), Blocked(anna.id, stopped=False)]


async def test_a_group_that_takes_the_bot_in_is_left(center: DataCenter, tmp_path: Path) -> None:
    async with wired(center, tmp_path) as running:
        group = center.group_adds_bot()
        await until(lambda: group.bot_left)
        assert running.bot.came == []


async def test_stickers_and_voices_are_named_and_an_album_is_one(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    async with wired(center, tmp_path) as running:
        anna.send_sticker()
        anna.send_voice()
        anna.send_document(b"%PDF", "text.pdf", "application/pdf")
        anna.send_album([PNG, PNG, PNG], "album")
        anna.write("end")
        await until(lambda: "end" in running.bot.texts)
        others = [incoming.other for incoming in running.bot.came if isinstance(incoming, Wrote)]
        assert others == ["sticker", "voice", "file", "album", None]


async def test_a_picture_is_fetched(center: DataCenter, tmp_path: Path) -> None:
    anna = center.user("Anna")
    fetched: list[bytes] = []

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        assert incoming.picture is not None
        fetched.append(await sender.fetch(incoming.picture))

    async with wired(center, tmp_path, handle=handle) as running:
        anna.send_photo(PNG, "look")
        anna.send_document(PNG, "formula.png", "image/png")
        await until(lambda: len(running.bot.came) == 2)
        assert fetched == [PNG, PNG]
        assert running.bot.texts == ["look", ""]


async def test_a_picture_at_another_data_center_is_fetched_over_one_session(center: DataCenter, tmp_path: Path) -> None:
    center.files_lie_at(4)
    anna = center.user("Anna")
    large = PNG + bytes(2_000_000)
    fetched: list[bytes] = []

    async def handle(sender: TelegramSender, incoming: Incoming) -> None:
        assert isinstance(incoming, Wrote)
        assert incoming.picture is not None
        fetched.append(await sender.fetch(incoming.picture))

    async with wired(center, tmp_path, handle=handle):
        anna.send_document(large, "large.png", "image/png")
        await until(lambda: bool(fetched))
        assert fetched == [large]
        assert [call.method for call in center.log].count("auth.exportAuthorization") == 1
        await until(lambda: center.connections == 1)


async def test_names_and_languages_are_what_a_profile_takes(center: DataCenter, tmp_path: Path) -> None:
    people = {
        "Анна\u202e\u200b\n Петрова": ("ru", "Анна Петрова", "ru"),
        "x" * 300: ("uk", "x" * 100, "ru"),
        "\x07": ("de", "Student", "en"),
        "\u200f": ("be", "Ученик", "ru"),
    }
    async with wired(center, tmp_path) as running:
        for name, (language, _, _) in people.items():
            center.user(name, language).write("hello")
        await until(lambda: len(running.bot.came) == len(people))
        told = {(i.sender.name, i.sender.language) for i in running.bot.came if isinstance(i, Wrote)}
        assert told == {(name, language) for _, name, language in people.values()}
