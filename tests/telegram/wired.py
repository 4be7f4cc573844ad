"""The whole wire at a data centre, with a bot that tests bring, and a memory for how far updates were handled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from protocols import messages as m
from protocols.telegram import wire
from protocols.telegram.sender import TelegramSender
from protocols.telegram.updates import Ask
from protocols.telegram.values import Incoming, Outgoing, Peer, Pressed, Styled, Wrote
from settings import Settings, load
from tests.telegram.center import DataCenter
from tests.telegram.phone import Phone

Handle: TypeAlias = Callable[[TelegramSender, Incoming], Awaitable[None]]


class Memory:
    """Keeps the state of updates as the service's database does."""

    def __init__(self) -> None:
        self.states: dict[int, m.UpdatesState] = {}

    async def ask(self, message: m.Message) -> m.Message:
        match message:
            case m.LoadUpdatesState(bot=bot):
                return self.states.get(bot, m.UpdatesState(bot=bot))
            case m.SaveUpdatesState(state=state):
                self.states[state.bot] = state
                return m.Done()
        raise AssertionError(f"the wire itself asks for no {type(message).__name__}")


class Echo:
    """A bot that answers each text with the same, and remembers what came."""

    def __init__(self, sender: TelegramSender, handle: Handle | None = None) -> None:
        self.sender = sender
        self.came: list[Incoming] = []
        self.sorry: list[Incoming] = []
        self._handle = handle or echo

    async def close(self) -> None:
        pass

    async def begin(self) -> None:
        await self.sender.set_commands("en", {"start": "Begin"})

    async def handle(self, incoming: Incoming) -> None:
        await self._handle(self.sender, incoming)
        self.came.append(incoming)

    async def refuse(self, incoming: Incoming) -> None:
        if isinstance(incoming, Wrote):
            await self.sender.send(incoming.sender.peer, text("too much"), incoming.message)

    async def apologise(self, incoming: Incoming) -> None:
        self.sorry.append(incoming)
        if isinstance(incoming, Wrote):
            await self.sender.send(incoming.sender.peer, text("sorry"), incoming.message + 1_000_000_000)

    @property
    def texts(self) -> list[str]:
        """What was written, in the order in which it was handled."""
        return [incoming.text for incoming in self.came if isinstance(incoming, Wrote)]


async def echo(sender: TelegramSender, incoming: Incoming) -> None:
    match incoming:
        case Wrote():
            await sender.send(incoming.sender.peer, text(f"echo {incoming.text}"), incoming.message)
        case Pressed():
            await sender.answer(incoming.query, incoming.data.hex())


def text(words: str) -> Outgoing:
    return Outgoing(Styled(words))


def peer(phone: Phone) -> Peer:
    """As the service has it from what they wrote."""
    return Peer(phone.id, phone.as_raw().access_hash or 0)


def settings(center: DataCenter, folder: Path, **environment: str) -> Settings:
    """Those of a service at this data centre."""
    config = folder / "config.toml"
    config.touch()
    return load(config, {**center.environment(), "APO_STORAGE__PATH": str(folder / "data"), **environment})


class Wired:
    """The wire while it is open."""

    def __init__(self, wire: wire.Wire, bot: Echo) -> None:
        self.wire = wire
        self.bot = bot
        self.sender = wire.sender


@asynccontextmanager
async def wired(
    center: DataCenter, folder: Path, *, ask: Ask | None = None, handle: Handle | None = None, **environment: str
) -> AsyncIterator[Wired]:
    """The wire, connected and taking updates."""
    bots: list[Echo] = []
    calls = len(center.log)

    def make(sender: TelegramSender) -> Echo:
        bots.append(Echo(sender, handle))
        return bots[0]

    async with wire.opened(settings(center, folder, **environment), ask or Memory().ask, make) as opened:
        # From its first question for what it missed on, a bot that never was here before knows where it began.
        async with asyncio.timeout(30):
            while not any(call.method == "updates.getDifference" for call in center.log[calls:]):
                await asyncio.sleep(0.01)
        yield Wired(opened, bots[0])
