"""The clocks of contests stand still while the service can accept nothing: killed, or without its database.

While a contest is open, a heartbeat is noted every second, on the way that events take into the journal: where one of
them would be accepted, and only there, a heartbeat is. Whoever finds it old gives the time since then back: the ends of
the contests that were open move, in one transaction with the note of the outage, and then the session of each of their
trainings extends its own clock, once for each outage. What is killed in the middle is done by the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from pykka import ActorDeadError

from actors.storage import Tide
from actors.training.views import moment
from protocols.messages import ExtendTime, Message, Refusal, SessionCommand
from storage.postgres import contests as sql
from storage.postgres.contests import Affected, Outage
from storage.postgres.pool import Pool, is_transient

log = structlog.get_logger()

BEAT_SECONDS = 1.0
LOOK_SECONDS = 0.1
# A database that has just come back may leave a connection without an answer; all students wait for these steps.
STEP_SECONDS = 5.0
# A shorter time between two heartbeats passes as slowness.
OUTAGE_SECONDS = 3.0
# Before an outage is over, its trainings must have their time back.
LEAST_MARGIN_SECONDS = 1.0
EXTENDED_AT_ONCE = 200
TRIES = 20
PAUSE_SECONDS = 0.5
HELD = "the clocks of contests are being put right"


class Timekeeper:
    """`clock` tells microseconds since 1970.

    `beat` notes where events are written that the service accepted at the first of two times, and tells whether a
    contest is open at the second; it raises a `Refusal` where it cannot.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], int],
        tide: Tide,
        to_session: Callable[[SessionCommand], Awaitable[Message]],
        beat: Callable[[datetime, datetime], Awaitable[bool]],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._tide = tide
        self._to_session = to_session
        self._beat = beat
        self._accepted = 0  # when it is last known to have accepted
        self._contest_open = True  # as far as is known
        self._given_up: set[str] = set()  # trainings whose sessions cannot be asked: nobody waits for them again
        tide.held = HELD

    async def begin(self) -> None:
        """Make up for the time since the service was last alive, and let sessions be asked from then on.

        What the database cannot do now is left to `keep`; nobody is let in before. Raises what else it raises.
        """
        try:
            await self.make_up()
        except Exception as error:
            if not _passes(error):
                raise
            log.warning("the clocks of contests cannot be put right yet", problem=repr(error))
            return
        self._accept()

    def _accept(self) -> None:
        self._accepted = self._clock()
        self._tide.held = None

    async def make_up(self) -> None:
        """Give back all time up to the moment when this returns. Raises what the database raises, and `Refusal`."""
        margin = LEAST_MARGIN_SECONDS
        while True:
            async with asyncio.timeout(STEP_SECONDS):
                unsettled = await sql.unsettled(self._pool)
            for outage in unsettled:
                await self._settle(outage)
            began = self._clock()
            async with asyncio.timeout(STEP_SECONDS):
                outage_now = await sql.note_outage(self._pool, moment(began) + timedelta(seconds=margin))
            if outage_now is None:
                return
            await self._settle(outage_now)
            took = (self._clock() - began) / 1e6
            if took < margin:
                await asyncio.sleep(margin - took)  # nobody shall have been given time
                return
            # The time that it took is an outage as well. Sessions that are awake by now will be quicker.
            margin = max(LEAST_MARGIN_SECONDS, took / 2) if margin == LEAST_MARGIN_SECONDS else 1.5 * took

    async def _settle(self, outage: Outage) -> None:
        async with asyncio.timeout(STEP_SECONDS):
            # Behind all that is on its way into the journal: trainings that have just begun are there then, too.
            await self._beat(outage.ended, moment(self._clock()))
            affected = await sql.affected(self._pool, outage)
        began, ended = _microseconds(outage.began), _microseconds(outage.ended)
        at_once = asyncio.Semaphore(EXTENDED_AT_ONCE)

        async def extend(one: Affected) -> None:
            command = ExtendTime(
                user=one.session,
                training=one.training,
                outage=outage.id,
                began=began,
                ended=ended,
                ends_at=_microseconds(one.ends_at),
            )
            async with at_once:
                await self._extend(command)

        async with asyncio.TaskGroup() as group:
            for one in affected:
                if one.training not in self._given_up:
                    group.create_task(extend(one))
        async with asyncio.timeout(STEP_SECONDS):
            await sql.settle(self._pool, outage)
        log.warning(
            "the clocks of contests stood still",
            outage=outage.id,
            seconds=(outage.ended - outage.began).total_seconds(),
            contests=list(outage.contests),
            trainings=len(affected),
        )

    async def _extend(self, command: ExtendTime) -> None:
        tries, why = 0, ""
        while tries < TRIES:
            try:
                await self._to_session(command)
                return
            except Refusal as refusal:
                why = refusal.detail
            if self._tide.problem is None:  # else the database is away once more, and all wait for it
                tries += 1
            await asyncio.sleep(PAUSE_SECONDS)
        self._given_up.add(command.training)
        log.error("a training did not get back the time of an outage", training=command.training, why=why)

    async def keep(self) -> None:
        """Note heartbeats for as long as the service runs, and make up for what the database was away.

        From OUTAGE_SECONDS on nothing more is accepted until the clocks are right: else what is asked first, when the
        database is back, would end trainings whose time was up meanwhile.
        """
        began = 0  # when the newest heartbeat did
        heartbeat: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                now = self._clock()
                if self._is_outage(now):
                    if self._contest_open:  # nobody waits for clocks that do not run
                        self._tide.held = HELD
                    if self._tide.problem is None:
                        await self._end_outage()
                elif (
                    self._tide.problem is None
                    and now - began >= BEAT_SECONDS * 1e6
                    and (heartbeat is None or heartbeat.done())
                ):
                    began = now
                    # Beside this loop: while the database stands still, which is an outage, too, so does the heartbeat.
                    heartbeat = asyncio.create_task(self._note(now), name="heartbeat")
        finally:
            if heartbeat is not None:
                heartbeat.cancel()

    def _is_outage(self, now: int) -> bool:
        return self._tide.held is not None or now - self._accepted > OUTAGE_SECONDS * 1e6

    async def _end_outage(self) -> None:
        try:
            await self.make_up()
        except Exception as error:
            if _passes(error):
                return
            log.exception("the clocks of contests cannot be put right")  # the next start will
        self._accept()

    async def _note(self, now: int) -> None:
        # Not `now`: if the database does it late, because it stood still, that would hide a part of the outage.
        try:
            self._contest_open = await self._beat(moment(self._accepted), moment(now))
        except (Refusal, ActorDeadError):
            return
        answered = self._clock()
        if not self._is_outage(answered):
            self._accepted = answered


def _passes(error: Exception) -> bool:
    """Whether the database or the storage actor cannot do it now."""
    return isinstance(error, Refusal) or is_transient(error)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
