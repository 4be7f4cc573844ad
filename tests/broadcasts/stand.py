"""What tests of mass messages stand on: a broadcaster in simulated time, and a courier with Telegram's manners."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Any

import asyncpg
from pykka import ActorRef

from actors.broadcast_desk import BroadcastDesk
from actors.broadcaster import Broadcaster, Live, Look, UseCourier
from actors.pacing import QuietHours
from protocols import messages as m
from protocols.messages.outcomes import AlreadySent, Failed, Offline, Outcome, Sent
from storage.postgres.pool import Pool

ADMIN = 1_000_000  # who asks, by what the log says
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
REAL_SECONDS = 30.0  # until a test that waits is taken to wait in vain


class SimulatedTime:
    """Time stands still while anything is being done, and jumps when the broadcaster has nothing to do but wait."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.late: Callable[[], float] = lambda: 0.0  # how late the next pause ends
        self.stop = math.inf  # it does not go further by itself
        self.still = False  # it has stopped, and nothing is being done

    def now(self) -> float:
        return self.seconds

    def clock(self) -> int:
        return int((NOON + timedelta(seconds=self.seconds)).timestamp() * 1_000_000)

    def datetime(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    async def pause(self, wake: asyncio.Event, seconds: float) -> None:
        for _ in range(5):  # what was just sent arrives
            await asyncio.sleep(0)
        while not wake.is_set() and _busy():
            await asyncio.sleep(0)
        if wake.is_set():
            return
        if math.isinf(seconds) or self.seconds + seconds > self.stop:
            self.still = True
            try:
                await wake.wait()
            finally:
                self.still = False
            return
        self.seconds += seconds + self.late()


def _busy() -> bool:
    """Whether the database is being asked: that takes no simulated time."""
    names = {task.get_name() for task in asyncio.all_tasks()}
    return bool(names & {"broadcasts: look", "broadcasts: read", "broadcasts: write", "broadcasts: give up"})


class Telegram:
    """A courier: chats as people would see them, each message once by its random_id."""

    def __init__(self, time: SimulatedTime) -> None:
        self._time = time
        self.chats: dict[int, dict[int, str]] = {}  # texts by random_id
        self.calls: list[tuple[float, int]] = []  # when, and to whom
        self.refuses: dict[int, Outcome] = {}  # what becomes of messages to these
        self.script: list[Outcome] = []  # what becomes of the next messages, whomever they are to
        self.raises: dict[int, Exception] = {}  # once
        self.contents: list[m.BroadcastContent] = []  # all that differ
        self.lost: set[int] = set()  # whose message arrives while its answer is lost, once
        self.gate: asyncio.Event | None = None  # nothing is answered before it is set
        self.on_call: Callable[[], None] = lambda: None

    async def deliver(self, telegram: int, access_hash: int, content: m.BroadcastContent, random_id: int) -> Outcome:
        self.calls.append((self._time.now(), telegram))
        self.on_call()
        if content not in self.contents:
            self.contents.append(content)
        if telegram in self.raises:
            raise self.raises.pop(telegram)
        if access_hash != telegram * 10:
            return Failed(reason="PEER_ID_INVALID")
        if self.script:
            return self.script.pop(0)
        if telegram in self.refuses:
            return self.refuses[telegram]
        if self.gate is not None:
            await self.gate.wait()
        chat = self.chats.setdefault(telegram, {})
        if random_id in chat:
            return AlreadySent()
        chat[random_id] = content.text
        if telegram in self.lost:
            self.lost.discard(telegram)
            return Offline()
        return Sent()

    def received(self, telegram: int) -> list[str]:
        return list(self.chats.get(telegram, {}).values())


class Stand:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.time = SimulatedTime()
        self.telegram = Telegram(self.time)
        self.live = Live()
        self.refused: list[int] = []
        self.desk = BroadcastDesk(pool, self.live, self.time.clock, SystemRandom(), lambda: self.look())
        self.ref: ActorRef[Broadcaster] | None = None

    def start(self, *, rate: float = 25.0, quiet: QuietHours | None = None, courier: bool = True) -> None:
        self.ref = Broadcaster.start(
            self.pool,
            self.live,
            rate=rate,
            quiet=quiet,
            clock=self.time.clock,
            refused=self._refuse,
            timer=self.time,
        )
        if courier:
            self.ref.tell(UseCourier(self.telegram))

    def _refuse(self, telegram: int, sent_at: int) -> bool:
        self.refused.append(telegram)
        return True

    def look(self) -> None:
        if self.ref is not None:
            self.ref.tell(Look())

    async def stop(self) -> None:
        if self.ref is not None and self.ref.is_alive():
            await asyncio.wait_for(_stopped(self.ref), REAL_SECONDS)

    def crash(self) -> None:
        """End the actor where it stands: nothing is finished, nothing is written."""
        assert self.ref is not None
        actor: Any = self.ref._actor  # type: ignore[attr-defined]  # a crash is not among what a ref offers
        for task in (actor._worker, *actor._tasks):
            task.cancel()
        actor._leave()
        self.live.jobs.clear()

    async def ask(self, message: m.BroadcastCommand) -> m.Broadcast:
        assert self.ref is not None
        reply: m.Broadcast = await asyncio.wait_for(_reply(self.ref, message), REAL_SECONDS)
        return reply

    async def create(self, text: str = "Hello", **fields: Any) -> int:
        return (await self.desk.create(m.CreateBroadcast(user=ADMIN, text=text, **fields))).id

    async def begin(self, broadcast: int) -> m.Broadcast:
        return await self.ask(m.StartBroadcast(user=ADMIN, broadcast=broadcast))

    async def show(self, broadcast: int) -> m.Broadcast:
        return await self.desk.show(m.ShowBroadcast(user=ADMIN, broadcast=broadcast))

    async def until(self, broadcast: int, reached: Callable[[m.Broadcast], bool]) -> m.Broadcast:
        """Wait until a broadcast is as it should be."""
        async with asyncio.timeout(REAL_SECONDS):
            while not reached(shown := await self.show(broadcast)):
                await asyncio.sleep(0.002)
        return shown

    async def still(self) -> None:
        """Wait until time has stopped, and the broadcaster has nothing to do but wait."""
        async with asyncio.timeout(REAL_SECONDS):
            while not self.time.still:
                await asyncio.sleep(0.002)

    async def finished(self, broadcast: int) -> m.Broadcast:
        return await self.until(broadcast, lambda shown: shown.state == "finished")

    async def people(self, *telegrams: int, **columns: Any) -> None:
        """Users with a chat; each has the number of their chat as their id as well."""
        await add_people(self.pool, telegrams, **columns)

    async def hand(self, sql: str, *values: Any) -> Any:
        return await self.pool.fetchval(sql, *values)


async def add_people(db: Pool | asyncpg.Connection, telegrams: Collection[int], **columns: Any) -> None:
    names = "".join(f", {name}" for name in columns)
    places = "".join(f", ${place}" for place in range(2, len(columns) + 2))
    await db.execute(
        f"""INSERT INTO users (id, name, telegram_id{names}) OVERRIDING SYSTEM VALUE
            SELECT id, 'Student', id{places} FROM unnest($1::bigint[]) AS id""",
        list(telegrams),
        *columns.values(),
    )
    await db.execute(
        "INSERT INTO chats (telegram_id, access_hash) SELECT id, id * 10 FROM unnest($1::bigint[]) AS id",
        list(telegrams),
    )


async def _stopped(ref: ActorRef[Broadcaster]) -> None:
    await ref.stop(block=False)


async def _reply(ref: ActorRef[Broadcaster], message: m.BroadcastCommand) -> Any:
    return await ref.ask(message, block=False)
