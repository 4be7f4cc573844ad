"""The connection to Telegram: one bot, one session at a time, always being mended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import random
from time import monotonic, perf_counter
from typing import Any, TypeAlias

import structlog
from pyrogram import raw
from pyrogram.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    ApiIdInvalid,
    ApiIdPublishedFlood,
    AuthKeyDuplicated,
    Flood,
    InternalServerError,
    RPCError,
    SeeOther,
    ServiceUnavailable,
    Unauthorized,
)
from pyrogram.raw.core import TLObject
from pyrogram.session.internals import DataCenter

from protocols.telegram import keys, metrics
from protocols.telegram.keys import Authorization, Kept
from protocols.telegram.session import Address, Auth, Client, KeyUnknown, Session, StartFailed
from protocols.telegram.values import Flooded, Offline
from settings import Telegram

log = structlog.get_logger()

FIRST_DATA_CENTER = 2  # Telegram's own; it sends a bot on to where it belongs
MOST_MIGRATIONS = 3
START_SECONDS = 60.0
CALL_SECONDS = 15.0
PING_EVERY_SECONDS = 15.0
PONG_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 10.0
GOOD_LIFE_SECONDS = 10.0  # a session that lived so long was no failed attempt
ELSEWHERE_SECONDS = 60.0

_NAMED = re.compile(r"^\[\d+ (\w+)\]$")


Call: TypeAlias = Callable[[TLObject, float], Awaitable[Any]]


class WrongSetting(Exception):
    """Telegram refuses what is configured: which setting, and the mend. Trying again does not help."""


class NotAccepted(ConnectionError):
    """Telegram took the message for a bad one of the protocol, and ignored it."""


def name_of(error: RPCError) -> str:
    """Telegram's own name of an error, such as USER_IS_BLOCKED; also where Pyrogram does not know it."""
    unknown = _NAMED.match(str(error.value))
    return str(unknown[1] if unknown else error.ID or error.NAME or error.CODE)


def checked(settings: Telegram) -> int:
    """The id of the bot; the data centre's key is trusted from now on. Raises WrongSetting."""
    number = settings.bot_token.get_secret_value().partition(":")[0]
    if not (number.isascii() and number.isdigit()):
        raise WrongSetting("[telegram] bot_token: is not as @BotFather gives it (123456:ABC…)")
    if not (settings.api_id and settings.api_hash.get_secret_value()):
        raise WrongSetting("[telegram] api_id and api_hash are needed with a bot_token: see https://my.telegram.org")
    if settings.data_center is not None:
        try:
            keys.trust(settings.data_center.public_key_file)
        except keys.UnusableKey as error:
            raise WrongSetting(str(error)) from None
    return int(number)


def place_of(settings: Telegram) -> Address:
    """Where the first connection goes. Raises WrongSetting."""
    checked(settings)
    center = settings.data_center
    if center is not None:
        return center.host, center.port
    own: Address = DataCenter(FIRST_DATA_CENTER, False, False, False)
    return own


class Connection:
    """Calls go out by `call`; `receive` gets the updates, those in answers to calls too.

    `reconnected` is called whenever there is a new session: what happened meanwhile is unknown then. `problem`
    is None while connected, and otherwise says what is wrong.
    """

    def __init__(
        self,
        settings: Telegram,
        folder: Path,
        receive: Callable[[TLObject], None],
        reconnected: Callable[[], None],
    ) -> None:
        """Raises WrongSetting, also where the public key cannot be read."""
        self.bot = checked(settings)
        self.problem: str | None = "not connected yet"
        self._settings = settings
        self._token = settings.bot_token.get_secret_value()
        self._kept = Kept(folder, self._token)
        self._receive = receive
        self._reconnected = reconnected
        center = settings.data_center
        self._address: Address | None = None if center is None else (center.host, center.port)
        self._client = Client(settings.api_id, settings.api_hash.get_secret_value(), receive)
        self._session: Session | None = None
        self._connected = asyncio.Event()
        metrics.CONNECTED.set_function(lambda: self._connected.is_set())

    async def run(self) -> None:
        """Keep connected until cancelled. Returns, after it was logged, when only another setting would help."""
        await self._client.storage.open()  # type: ignore[no-untyped-call]
        await self._client.storage.api_id(self._settings.api_id)
        pause = FIRST_PAUSE_SECONDS
        while True:
            begun = monotonic()
            try:
                await self._live()
                self.problem = "the connection was lost"
                log.warning("the connection to Telegram was lost")
            except WrongSetting as error:
                self.problem = str(error)
                log.error("the Telegram bot is off", why=str(error))
                return
            except Flood as error:
                wait = _seconds(error)
                self.problem = f"Telegram asks to wait {wait} s before connecting"
                log.warning(self.problem)
                await asyncio.sleep(wait)
            except (StartFailed, RPCError, OSError) as error:
                self.problem = f"cannot connect: {str(error) or type(error).__name__}"
                log.warning("no connection to Telegram", why=str(error) or repr(error))
            if monotonic() - begun > GOOD_LIFE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause * (0.75 + random() / 2))  # noqa: S311 - so that many do not come at once
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def call(self, query: TLObject, seconds: float = CALL_SECONDS) -> Any:
        """Telegram's answer; never repeated here. Any: each call has a type of its own.

        Raises:
            Offline: no answer within `seconds`; it may have arrived or not.
            Flooded: it has to wait.
            RPCError: Telegram refuses; `name_of` tells why.
        """
        begun = perf_counter()
        outcome = "failed"
        try:
            async with asyncio.timeout(seconds):
                answer = await self._ask(query, seconds)
            outcome = "ok"
        except Flood as error:
            outcome = "flood"
            raise Flooded(_seconds(error)) from error
        except (Unauthorized, AuthKeyDuplicated) as error:
            self._unauthorized(error)
            raise Offline(str(error)) from error
        except RPCError:
            outcome = "refused"
            raise
        except OSError as error:  # time-outs among them
            outcome = "offline"
            raise Offline(str(error) or "no answer in time") from error
        finally:
            metrics.CALLS.labels(outcome).observe(perf_counter() - begun)
        self._receive(answer)
        return answer

    async def _ask(self, query: TLObject, seconds: float) -> Any:
        session = self._session
        while session is None or session.lost.is_set():
            if session is not None:  # its end has not been noticed yet
                await asyncio.sleep(0)
            await self._connected.wait()
            session = self._session
        # Not `invoke`, which makes a task to wait for a start that is over, and repeats calls by itself.
        answer = await session.send(query, timeout=seconds)
        if isinstance(answer, raw.types.BadMsgNotification):
            session.lose()  # its clock or its numbers are wrong: only another one mends that
            raise NotAccepted(f"Telegram did not accept the message: error {answer.error_code} of the protocol")
        return answer

    # --- Sessions -------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """One session, from its beginning to its end."""
        async with asyncio.timeout(START_SECONDS):
            session = await self._open()
        try:
            self._session = session
            self._connected.set()
            self.problem = None
            metrics.CONNECTIONS.inc()
            log.info("connected to Telegram", bot=self.bot, data_center=session.dc_id)
            self._reconnected()
            await _watch(session)
        finally:
            self._connected.clear()
            self._session = None
            await session.close()

    async def _open(self) -> Session:
        kept = self._kept.load()
        if kept is None:
            return await self._authorize()
        try:
            return await self._start(kept)
        except (KeyUnknown, Unauthorized, AuthKeyDuplicated) as error:
            log.warning("Telegram has forgotten this bot's key: authorizing anew", why=str(error))
            self._kept.forget()
            return await self._authorize()

    async def _start(self, authorization: Authorization) -> Session:
        session = Session(self._client, authorization.data_center, authorization.auth_key, self._address)
        try:
            await session.start()
        except BaseException as error:
            await session.close()
            if isinstance(error, (ApiIdInvalid, ApiIdPublishedFlood)):
                raise _wrong_api(error) from None
            raise
        return session

    async def _authorize(self) -> Session:
        center = self._settings.data_center
        number = center.id if center is not None else FIRST_DATA_CENTER
        for _ in range(MOST_MIGRATIONS):
            authorization = Authorization(number, await self._agree(number))
            session = await self._start(authorization)
            try:
                await session.invoke(
                    raw.functions.auth.ImportBotAuthorization(
                        flags=0,
                        api_id=self._settings.api_id,
                        api_hash=self._settings.api_hash.get_secret_value(),
                        bot_auth_token=self._token,
                    ),
                    retries=0,
                    sleep_threshold=0,
                )
            except BaseException as error:
                await session.close()
                match error:
                    case SeeOther() if center is None:
                        number = int(str(error.value))
                        continue
                    case SeeOther():
                        raise WrongSetting(
                            f"[telegram.data_center] id is {number}, but this bot belongs to number {error.value}"
                        ) from None
                    case AccessTokenInvalid() | AccessTokenExpired():
                        raise WrongSetting(
                            f"[telegram] bot_token: Telegram does not know it ({name_of(error)}); ask @BotFather"
                        ) from None
                    case ApiIdInvalid() | ApiIdPublishedFlood():
                        raise _wrong_api(error) from None
                raise
            self._kept.save(authorization)
            return session
        raise StartFailed("the bot was sent from one data centre to the next")

    async def _agree(self, data_center: int) -> bytes:
        try:
            key: bytes = await Auth(self._client, data_center, self._address).create()  # type: ignore[no-untyped-call]
        except (OSError, StartFailed):
            raise
        except Exception as error:  # Pyrogram raises anything at all for an exchange that went wrong
            raise StartFailed(f"no key could be agreed: {str(error) or repr(error)}") from error
        return key

    def _unauthorized(self, error: RPCError) -> None:
        log.warning("Telegram has ended this bot's authorization", why=name_of(error))
        self._kept.forget()
        if self._session is not None:
            self._session.lose()

    # --- Other data centres ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def elsewhere(self, data_center: int) -> AsyncIterator[Call]:
        """A session of another data centre, where a file may lie: calls as `call` does, which raise the same."""
        try:
            async with asyncio.timeout(ELSEWHERE_SECONDS):
                exported = await self.call(raw.functions.auth.ExportAuthorization(dc_id=data_center))
                key = await self._agree(data_center)
        except (OSError, StartFailed) as error:
            raise Offline(str(error) or "no answer in time") from error
        session = Session(self._client, data_center, key, self._address, is_media=True)

        async def call(query: TLObject, seconds: float = CALL_SECONDS) -> Any:  # Any: as of `call`
            try:
                async with asyncio.timeout(seconds):
                    return await session.invoke(query, retries=0, timeout=seconds, sleep_threshold=0)
            except Flood as error:
                raise Flooded(_seconds(error)) from error
            except OSError as error:
                raise Offline(str(error) or "no answer in time") from error

        try:
            try:
                async with asyncio.timeout(ELSEWHERE_SECONDS):
                    await session.start()
            except (OSError, StartFailed) as error:
                raise Offline(str(error) or "no answer in time") from error
            await call(raw.functions.auth.ImportAuthorization(id=exported.id, bytes=exported.bytes))
            yield call
        finally:
            await session.close()


async def _watch(session: Session) -> None:
    """Return when the session has ended, or does not answer."""
    while True:
        try:
            async with asyncio.timeout(PING_EVERY_SECONDS):  # `wait_for` of Python 3.11 may swallow a cancellation
                await session.lost.wait()
            return
        except TimeoutError:
            pass
        try:
            async with asyncio.timeout(PONG_SECONDS):
                pong = await session.send(raw.functions.Ping(ping_id=0), timeout=PONG_SECONDS)
        except (OSError, RPCError):
            pong = None
        if not isinstance(pong, raw.types.Pong):
            log.warning("Telegram does not answer a ping: a new session is begun")
            session.lose()
            return


def _wrong_api(error: RPCError) -> WrongSetting:
    return WrongSetting(
        f"[telegram] api_id and api_hash: Telegram refuses them ({name_of(error)}); see my.telegram.org"
    )


def _seconds(error: Flood) -> int:
    """How long to wait; a flood that Pyrogram does not know by name tells it at its end."""
    if isinstance(error.value, int):
        return error.value
    found = re.search(r"(\d+)\D*$", str(error.value))
    return int(found[1]) if found else 1


def may_be_done(error: RPCError) -> bool:
    """Whether it is Telegram that failed: what was asked may have been done or not."""
    return isinstance(error, (InternalServerError, ServiceUnavailable))
