"""The composition root: it builds the object graph by passing constructor arguments, and takes it down again."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import REGISTRY
from pykka import ActorDeadError, ActorRef

import logs
from actors import metrics, relay
from actors.accounts import Accounts
from actors.administration import Administration, Redo
from actors.analytics.desk import AnalyticsDesk
from actors.audit import AuditLog
from actors.bank import Bank
from actors.bank_checks import BankChecks
from actors.bank_desk import BankDesk
from actors.broadcast_desk import BroadcastDesk
from actors.broadcaster import Broadcaster, Live, Look, UseCourier
from actors.chats import Chats
from actors.contests import ContestDesk
from actors.drawing import Drawing
from actors.figures import Desk as Figures
from actors.history import History
from actors.joining import Joining
from actors.log_shipper import LogShipper
from actors.pacing import QuietHours
from actors.passwords import Passwords
from actors.relay import Destination, Gauge, Nudge, Reach, Relay
from actors.reminders import Reminders
from actors.reports import ReportDesk
from actors.router import Router
from actors.runtime import EventLoopActor, MailboxFull
from actors.session import Surroundings
from actors.storage import Beat, StorageActor, Tide
from actors.supervisor import Sessions, Supervisor, ToSessions
from actors.timekeeper import Timekeeper
from databases import Unusable, connections
from handlers import (
    Asked,
    administration_handlers,
    analytics_handlers,
    broadcast_handlers,
    contest_handlers,
    department_handlers,
    main_handlers,
)
from protocols import messages as m
from protocols.http.application import Readiness, build
from protocols.http.serving import serve as serve_http
from protocols.web.application import handlers as handlers_of_pages
from protocols.web.pages import PAGES
from readiness import readiness
from settings import Broadcast, Settings
from storage import is_transient
from storage.clickhouse import engine as clickhouse
from storage.clickhouse.rollups import Rollups
from storage.mongo import client as mongo
from storage.mongo import questions
from storage.postgres import journal, pool, read_models

log = structlog.get_logger()


DEMO_BANKS = Path(__file__).with_name("banks")
MOST_WAITING = 20_000  # replies that wait for their commit, of all users together
GROUP_SIZE = 2_000  # of these in one transaction
LAST_SEEN_SECONDS = 10.0
PURGE_SECONDS = 3_600.0
OVERDUE_SECONDS = 30.0
OVERDUE_AT_ONCE = 500
JOIN_SECONDS = 5.0
READY_SECONDS = 2.0
STOP_SECONDS = 20.0
SWITCH_SECONDS = 0.0005


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@dataclass(frozen=True)
class Running:
    """The service while it runs."""

    address: str
    supervisor: ActorRef[Supervisor]
    broadcaster: ActorRef[Broadcaster]
    router: Router


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """The whole service. Leaving finishes what was accepted."""
    async with AsyncExitStack() as stack:
        connected = await stack.enter_async_context(connections(settings, own_folder=True))
        pg, database = connected.postgres, connected.database
        background = await stack.enter_async_context(_background())

        bank = Bank()
        desk = BankDesk(connected.mongo_url, connected.client, database, bank)
        stack.callback(desk.close)
        await desk.refresh()
        if settings.bank.demo:
            await import_demo(desk, database)
        background(desk.keep_fresh())

        tide = Tide()
        metrics.JOURNAL_POSITION.set_function(lambda: tide.head)
        writer = journal.Journal(connected.postgres_url)
        tide.head = await writer.open()
        stack.push_async_callback(writer.close)

        engine = clickhouse.connect(settings.clickhouse.url.get_secret_value(), settings.storage.path / "clickhouse")
        stack.push_async_callback(engine.close)
        await stack.enter_async_context(_shipping_logs(engine))
        relays: dict[str, ActorRef[Relay]] = {}
        gauges: dict[str, Gauge] = {}

        def nudge() -> None:
            for ref in relays.values():
                with suppress(ActorDeadError, MailboxFull):  # a dead one ends the service soon, but no commit
                    ref.tell(Nudge())

        redo: dict[str, Redo] = {}

        def start_relay(destination: Destination) -> ActorRef[Relay]:
            redo[destination.name] = destination.redo
            gauge = gauges[destination.name] = Gauge(destination.name)
            ref = relays[destination.name] = Relay.start(destination, pg, tide, gauge)
            stack.push_async_callback(_stop, ref)
            return ref

        to_read_models = start_relay(relay.to_read_models(pg))
        to_counters = start_relay(relay.to_counters(pg, connected.client, database))
        rollups = Rollups(engine)
        start_relay(relay.to_activity(pg, engine, rollups))

        storage = StorageActor.start(writer, pg, tide, nudge, most_waiting=MOST_WAITING, group_size=GROUP_SIZE)
        stack.push_async_callback(_stop, storage)
        surroundings = Surroundings(storage, bank, clock, SystemRandom(), settings.sessions.mailbox)
        sessions = Sessions()
        supervisor = Supervisor.start(surroundings, sessions, settings.sessions.idle_minutes * 60)
        stack.push_async_callback(_stop, supervisor)
        to_sessions = ToSessions(supervisor, sessions, tide)

        # Nobody else may ask a session before: that would end trainings whose time an outage has taken.
        timekeeper = Timekeeper(
            pg,
            clock,
            tide,
            to_sessions.ask,
            lambda accepted, now: storage.ask(Beat(accepted, now), block=False),
        )

        passwords = Passwords()
        stack.callback(passwords.close)
        accounts = Accounts(pg, clock, passwords, bank)
        stack.push_async_callback(_flush_seen, accounts)
        chats = Chats(pg, clock, accounts)
        joining = Joining(pg, clock, accounts, to_sessions.ask)
        background(_join_accounts(joining))
        background(_keep_seen(accounts))
        background(_finish_overdue(pg, to_sessions.ask))
        live = Live()
        broadcaster = Broadcaster.start(
            pg,
            live,
            rate=settings.broadcast.messages_per_second,
            quiet=quiet_hours(settings.broadcast, settings.time.zone),
            clock=clock,
            refused=chats.refused,
        )
        stack.push_async_callback(_stop, broadcaster)

        def look_at_broadcasts() -> None:
            with suppress(ActorDeadError, MailboxFull):  # it looks by itself after a while
                broadcaster.tell(Look())

        broadcast_desk = BroadcastDesk(pg, live, clock, SystemRandom(), look_at_broadcasts)
        background(_purge_deliveries(broadcast_desk))
        background(Reminders(pg, clock, settings.time.zone, SystemRandom(), look_at_broadcasts).keep())
        drawing = Drawing()
        stack.push_async_callback(drawing.close)

        async def language_of(user: int) -> m.Language:
            known = await accounts.known_user(user)
            return known.caller.language if known is not None else "ru"

        figures = Figures(pg, clock, bank, drawing, language_of)
        analytics = AnalyticsDesk(
            engine,
            rollups,
            gauges["activity"],
            bank,
            clock,
            language_of,
            keep_activity_months=settings.clickhouse.keep_activity_months or None,
            keep_log_days=settings.clickhouse.keep_log_days or None,
        )
        until_clickhouse_closes = await stack.enter_async_context(_background())
        gauges["rollups"] = Gauge("rollups")
        until_clickhouse_closes(analytics.keep_up(gauges["rollups"]))

        async def show_past(message: m.ShowTrainingById) -> m.Message:
            await to_read_models.ask(Reach(tide.head), block=False)
            return await figures.show_training(message)

        administration = Administration(
            pg,
            database,
            clock,
            accounts,
            joining,
            redo,
            settings.storage.path / "exports",
            analytics.known_of_subject,
        )
        await administration.open()
        audit = AuditLog(pg, clock)
        checks = BankChecks(desk, audit, clock, settings.storage.path / "checks", analytics.unchosen)
        await checks.open()
        stack.push_async_callback(checks.close)
        background(checks.keep())
        reports = ReportDesk(pg, bank, clock, SystemRandom(), look_at_broadcasts)
        contests = ContestDesk(pg, clock, bank, accounts, surroundings.random, to_sessions.ask, show_past)
        router = Router(
            accounts,
            to_sessions,
            tide,
            main_handlers(accounts, chats, joining, desk, figures, bank, to_sessions.ask)
            | broadcast_handlers(broadcast_desk, broadcaster)
            | contest_handlers(contests)
            | administration_handlers(administration, audit)
            | department_handlers(desk, checks, History(pg, database, bank), reports)
            | analytics_handlers(analytics)
            | {m.DrawText: drawing.text},
            {
                m.ListTrainings: to_read_models,
                m.ShowTrainingById: to_read_models,
                m.ShowStatistics: to_read_models,
                m.DrawStatistics: to_read_models,
                m.ShowLeaderboard: to_read_models,
                m.ShowContestLeaderboard: to_read_models,
                m.ListContests: to_read_models,
                m.ShowContest: to_read_models,
                m.JoinContest: to_read_models,
                m.ExportAccount: to_read_models,
                m.MakeSpreadsheet: to_read_models,
                m.MakeContestSpreadsheet: to_read_models,
                m.ListQuestions: to_counters,
                m.ShowBankQuestion: to_counters,
                m.ChangeQuestion: to_counters,
                m.ShowQuestionQuality: relays["activity"],
                m.ShowSubjectQuality: relays["activity"],
                m.ShowAnalytics: relays["activity"],
            },
            audit,
        )

        trouble_of_telegram: Callable[[], str | None] | None = None  # known once there is a bot

        async def ready() -> Readiness:
            postgres, mongo_db = await asyncio.gather(
                _trouble_of(pg.fetchval("SELECT 1")), _trouble_of(connected.client.admin.command("ping"))
            )
            return readiness(
                head=tide.head,
                journal=tide.problem or postgres,
                held=tide.held,
                mongo=mongo_db,
                gauges=gauges,
                telegram={} if trouble_of_telegram is None else {"telegram": trouble_of_telegram()},
            )

        app = build(
            router,
            ready=ready,
            registry=REGISTRY,
            trusted_proxies=settings.http.trusted_proxies,
            pages=lambda address_of, observer: handlers_of_pages(
                PAGES, router, settings.time.zone, address_of, observer
            ),
        )
        try:
            runner = await serve_http(app, settings.http.host, settings.http.port)
        except OSError as error:
            raise Unusable(
                f"cannot listen on {settings.http.host}:{settings.http.port}: {error.strerror or error}; "
                "stop what uses it, or set [http] host and port"
            ) from error
        stack.push_async_callback(runner.cleanup)
        host, port = runner.addresses[0][:2]
        if settings.telegram.bot_token.get_secret_value():
            trouble_of_telegram = await _begin_telegram(settings, router.ask, broadcaster, stack)
        else:
            log.info("the Telegram bot is off: [telegram] bot_token is empty")
        spare_the_living()
        # Entered last, so that it is left first: they may die while the service stops.
        vital = await stack.enter_async_context(_background())
        vital(_watch([storage, supervisor, broadcaster, *relays.values()]))
        await timekeeper.begin()  # last, when nothing holds up answers any more
        background(timekeeper.keep())
        yield Running(f"http://{host}:{port}", supervisor, broadcaster, router)
        log.info("stopping: what was accepted is being finished")


def quiet_hours(settings: Broadcast, zone: ZoneInfo) -> QuietHours | None:
    """When mass messages wait; None: never."""
    if settings.quiet_from is None or settings.quiet_until is None:
        return None
    return QuietHours(settings.quiet_from, settings.quiet_until, zone)


async def _begin_telegram(
    settings: Settings,
    ask: Callable[[m.Message], Awaitable[m.Message]],
    broadcaster: ActorRef[Broadcaster],
    stack: AsyncExitStack,
) -> Callable[[], str | None]:
    """Start the bot, which connects by itself; what tells its problem. A wrong setting stops nothing but the bot."""
    # Only here, for Pyrogram takes more than a second to be imported.
    from protocols.telegram import wire
    from protocols.telegram.bot import Bot
    from protocols.telegram.courier import TelegramCourier

    try:
        opened = await stack.enter_async_context(
            wire.opened(settings, ask, lambda sender: Bot(ask, sender, settings.time.zone))
        )
    except wire.WrongSetting as error:
        problem = str(error)
        log.error("the Telegram bot is off", why=problem)
        return lambda: problem
    # Pyrogram packs messages in a thread: the event loop shall not wait for the interpreter until it has ended.
    sys.setswitchinterval(SWITCH_SECONDS)
    broadcaster.tell(UseCourier(TelegramCourier(opened.sender)))
    stack.callback(_tell_if_alive, broadcaster, UseCourier(None))
    return lambda: opened.problem


def _tell_if_alive(ref: ActorRef[Broadcaster], message: UseCourier) -> None:
    with suppress(ActorDeadError, MailboxFull):
        ref.tell(message)


async def _trouble_of(asked: Awaitable[object]) -> str | None:
    """What is wrong with a database that was asked something small; None: nothing."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await asked
    except Exception as error:
        return str(error) or "it does not answer"
    return None


def spare_the_living() -> None:
    """Let the garbage collector look at young objects only, and seldom.

    Sessions live long and are many: to search them for cycles takes a second for each million and frees nothing.
    What is dropped without a cycle, nearly everything, is freed at once in any case. Everybody waits meanwhile: ten
    thousand objects take five milliseconds. Fewer at a time would be mostly those of requests under way.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000)


async def import_demo(desk: BankDesk, database: mongo.Database) -> None:
    """Fill an empty bank with the subjects that come with the project; go on where a start was interrupted."""
    if not await questions.begin_demo(database):
        return
    for file in sorted(DEMO_BANKS.glob("*/subject.yaml")) + sorted(DEMO_BANKS.glob("*/questions.yaml")):
        await desk.import_bank(
            m.ImportBank(
                user=0,
                content=await asyncio.to_thread(file.read_bytes),
                name=f"{file.parent.name}/{file.name}",
                folder=str(file.parent),
            )
        )
    await questions.end_demo(database)


@asynccontextmanager
async def _shipping_logs(engine: clickhouse.ClickHouse) -> AsyncIterator[None]:
    """Send the log to ClickHouse, too."""
    shipper = LogShipper(engine, logs.json_formatter())
    async with _background() as background:
        background(shipper.ship())
        logging.getLogger().addHandler(shipper)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(shipper)
    await shipper.finish()


@asynccontextmanager
async def _background() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Tasks for as long as the service runs. One that fails is a fault of the program, and ends the service."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[None]] = []
            yield lambda work: tasks.append(group.create_task(work))
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) > 1:
            raise
        raise failures.exceptions[0] from None  # a port that is taken is no failure of a group


async def _stop(ref: ActorRef[Any]) -> None:
    if ref.is_alive():
        try:
            await asyncio.wait_for(_until_stopped(ref), STOP_SECONDS)
        except TimeoutError:
            log.error("an actor did not stop in time", actor=str(ref))


async def _until_stopped(ref: ActorRef[EventLoopActor]) -> None:
    await ref.stop(block=False)


async def _watch(actors: Sequence[ActorRef[Any]]) -> None:
    """End the service if one of these has died: without them it could only pretend."""
    while True:
        await asyncio.sleep(1.0)
        for ref in actors:
            if not ref.is_alive():
                raise RuntimeError(f"{ref} has died; what it logged before says why")


async def _keep_seen(accounts: Accounts) -> None:
    while True:
        await asyncio.sleep(LAST_SEEN_SECONDS)
        await _flush_seen(accounts)


async def _flush_seen(accounts: Accounts) -> None:
    """Write last-seen dates. If the database is away they wait for the next time, or at a stop are lost: no harm."""
    try:
        await accounts.flush_seen()
    except Exception as error:
        if not is_transient(error):
            log.exception("last-seen dates were not written")


async def _join_accounts(joining: Joining) -> None:
    """Bring to their end what is left of joining accounts, from before this start or from an outage."""
    while True:
        try:
            await joining.drive()
        except Exception as error:
            if not is_transient(error):
                log.exception("accounts were not joined")
        await asyncio.sleep(JOIN_SECONDS)


async def _purge_deliveries(desk: BroadcastDesk) -> None:
    """Delete what is kept of mass messages that have ended long ago."""
    while True:
        try:
            await desk.purge()
        except Exception as error:
            if not is_transient(error):
                log.exception("deliveries of old broadcasts were not deleted")
        await asyncio.sleep(PURGE_SECONDS)


async def _finish_overdue(pg: pool.Pool, to_session: Asked) -> None:
    """Finish exams whose time is up and whose students have not come back."""
    while True:
        await asyncio.sleep(OVERDUE_SECONDS)
        try:
            for user, training in await read_models.overdue(pg, OVERDUE_AT_ONCE):
                try:
                    await to_session(m.ShowTraining(user=user, training=training))
                except m.Refusal as refusal:
                    log.debug("an overdue exam was not finished now", user=user, why=str(refusal))
        except Exception as error:
            if not is_transient(error):
                log.exception("overdue exams were not finished")
