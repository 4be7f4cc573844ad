"""The data centre: its parts put together, and the tricks that tests play with it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from pyrogram import raw
from pyrogram.raw.core import TLObject

from tests.telegram import rsa
from tests.telegram.accounts import Bot
from tests.telegram.api import Api, Call
from tests.telegram.connection import Connection
from tests.telegram.files import DC, Files
from tests.telegram.limits import Limits
from tests.telegram.phone import Group, Phone
from tests.telegram.session import AuthKey, Clock, NoSuchKey, Session

log = logging.getLogger(__name__)

FIRST_USER = 6_000_000_001
FIRST_GROUP = 4_000_001
SESSIONS = 64
"""So many sessions of one key are remembered."""


class DataCenter:
    """A Telegram data centre on loopback, with one bot and as many users as a test wants.

    It lives on the event loop of the test, and everything is to be called there. A service that runs as another
    process is pointed at it by `environment()`.
    """

    def __init__(
        self, folder: Path, *, api_id: int = 12345, api_hash: str = "0123456789abcdef0123456789abcdef"
    ) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.id = DC
        self.api_id = api_id
        self.api_hash = api_hash
        self.bot_token = "5900000001:AAE-a_token_of_nobody_but_our_tests"
        self.public_key_file = folder / "public_key.pem"
        folder.mkdir(parents=True, exist_ok=True)
        rsa.write_public_key(self.public_key_file)
        self.bot = Bot(self.bot_token, "APO", "apo_test_bot")
        self.bot.deliver = self._deliver
        self.files = Files()
        self._api = Api(self.bot, self.files, api_id, api_hash, lambda: (self.host, self.port))
        self._clock = Clock()
        self._keys: dict[bytes, AuthKey] = {}
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._online = asyncio.Event()
        self._faults: list[Exception] = []
        self._lost = ""
        self._users = 0
        self._groups = 0

    async def __aenter__(self) -> DataCenter:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if self._faults:
            raise ExceptionGroup("faults of the data centre itself", self._faults)

    def environment(self) -> dict[str, str]:
        """The settings that point a service here."""
        return {
            "APO_TELEGRAM__API_ID": str(self.api_id),
            "APO_TELEGRAM__API_HASH": self.api_hash,
            "APO_TELEGRAM__BOT_TOKEN": self.bot_token,
            "APO_TELEGRAM__DATA_CENTER__ID": str(self.id),
            "APO_TELEGRAM__DATA_CENTER__HOST": self.host,
            "APO_TELEGRAM__DATA_CENTER__PORT": str(self.port),
            "APO_TELEGRAM__DATA_CENTER__PUBLIC_KEY_FILE": str(self.public_key_file),
        }

    # People

    def user(self, name: str, language: str = "ru", *, started: bool = False) -> Phone:
        """A new user; `started`: the bot knows them from before, and may write first."""
        phone = Phone(self.bot, self.files, FIRST_USER + self._users, name, language, started)
        self._users += 1
        self.bot.phones[phone.id] = phone
        return phone

    def group_adds_bot(self, title: str = "Класс 9Б", by: Phone | None = None) -> Group:
        """A group into which somebody takes the bot."""
        by = by or self.user("Староста")
        chat_id = FIRST_GROUP + self._groups
        self._groups += 1
        group = Group(self.bot, chat_id, title, by)
        self.bot.groups[chat_id] = group
        return group

    # What happened

    @property
    def log(self) -> list[Call]:
        """Every call, oldest first."""
        return self._api.log

    @property
    def counts(self) -> Counter[str]:
        """How many messages were sent ("sent"), and how often each error was answered."""
        return self._api.counts

    def deliveries(self) -> dict[int, tuple[int, ...]]:
        """By user, the random ids of all that the bot has sent to them, in order."""
        return {phone.id: phone.random_ids for phone in self.bot.phones.values() if phone.random_ids}

    def commands(self, language: str = "", scope: raw.base.BotCommandScope | None = None) -> dict[str, str]:
        """The bot's commands and their descriptions, as set for a language and scope."""
        key = (scope or raw.types.BotCommandScopeDefault()).write()
        return {command.command: command.description for command in self.bot.commands.get((key, language), [])}

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def online(self, timeout: float = 15.0) -> None:
        """Until the bot is signed in, connected, and takes updates.

        Raises:
            AssertionError: not in time.
        """
        try:
            await asyncio.wait_for(self._online.wait(), timeout)
        except TimeoutError:
            raise AssertionError(f"the bot has not come in {timeout} s; {self.connections} connections") from None

    # Tricks

    @property
    def limits(self) -> Limits:
        """May be replaced at any time."""
        return self._api.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._api.limits = limits

    def flood_next(self, seconds: int, method: str | None = None) -> None:
        """Answer the next call (of `method`, as "messages.sendMessage") with FLOOD_WAIT_`seconds`."""
        self._api.flood[method] = seconds

    def lose_next_answer(self, method: str) -> None:
        """Do what the next call of `method` asks, but cut all connections before its answer is sent."""
        self._lost = method

    def files_lie_at(self, data_center: int) -> None:
        """Files are to be had only by who comes as from another data centre; this one plays it, too."""
        self._api.files_at = data_center

    def rotate_salts(self) -> None:
        """Every client's salt is wrong from now on."""
        for key in self._keys.values():
            key.rotate()

    def forget_keys(self) -> None:
        """Every client's authorization key is unknown from now on, as after a log-out elsewhere."""
        self._keys.clear()

    def drop_connections(self) -> None:
        """Cut all connections; clients may come again at once."""
        self._online.clear()
        for connection in list(self._connections):
            connection.abort()

    async def down(self, seconds: float) -> None:
        """Not there for so long; then again at the same port."""
        await self.close()
        await asyncio.sleep(seconds)
        await self.listen()

    async def listen(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut all connections. Accounts, keys and chats stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop_connections()
        if self._connections:
            await asyncio.wait(self._connections.values(), timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._clock, self._made, self._receive)
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        try:
            await connection.serve()
        except Exception as error:  # a fault of the data centre itself: the test is told at its end
            log.exception("The data centre itself failed")
            self._faults.append(error)
        finally:
            del self._connections[connection]
            for key in self._keys.values():
                for session in key.sessions.values():
                    if session.wire is connection:
                        session.wire = None
            if not any(self._listening()):
                self._online.clear()

    def _made(self, key: bytes, salt: int) -> None:
        auth = AuthKey(key, salt)
        self._keys[auth.id] = auth

    def _receive(self, connection: Connection, packet: bytes) -> None:
        auth = self._keys.get(packet[:8])
        if auth is None:
            raise NoSuchKey
        plain = auth.decrypt(packet)
        session_id = plain[8:16]
        session = auth.sessions.get(session_id)
        if session is None:
            session = Session(auth, session_id, self._clock, self._answer)
            auth.sessions[session_id] = session
            while len(auth.sessions) > SESSIONS:
                auth.sessions.popitem(last=False)
        auth.sessions.move_to_end(session_id)
        session.receive(connection, plain)
        if session.subscribed:
            self._online.set()

    def _answer(self, session: Session, request: TLObject) -> bytes:
        answer = self._api.answer(session, request)
        if self._lost and self.log[-1].method == self._lost:
            self._lost = ""
            self.drop_connections()
        return answer

    def _deliver(self, updates: TLObject) -> None:
        serialized = updates.write()
        for session in self._listening():
            session.push(serialized)

    def _listening(self) -> Iterator[Session]:
        """The sessions that updates go to."""
        for key in self._keys.values():
            if key.user_id == self.bot.id:
                yield from (session for session in key.sessions.values() if session.subscribed and session.wire)
