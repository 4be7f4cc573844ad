"""Answers what departments and administrators ask about activity, and keeps the rollups that it reads up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import structlog

from actors import cursors, metrics
from actors.analytics.quality import Interval, Quality, assess
from actors.analytics.reasons import reason
from actors.bank import Bank
from actors.relay import Gauge
from actors.training.views import moment
from protocols.messages import (
    Analytics,
    AnalyticsReport,
    AnyQuestion,
    ChoiceQuality,
    FigureInterval,
    Language,
    MultipleQuestion,
    NotFound,
    QualityRemark,
    QuestionQuality,
    ShowAnalytics,
    ShowQuestionQuality,
    ShowSubjectQuality,
    SingleQuestion,
    SubjectQuality,
)
from storage.clickhouse import quality as sql
from storage.clickhouse import reports, retention
from storage.clickhouse.engine import ClickHouse, ClickHouseError
from storage.clickhouse.rollups import Rollups
from storage.question_sums import QuestionSums

ROLLUP_SECONDS: Final = 10.0
# Between two questions out of so many others get their turn on the loop.
QUESTIONS_AT_ONCE: Final = 200
NO_SUMS: Final = QuestionSums(0, 0, 0.0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, {}, {}, {})
# Of the dashboards' reports, those that make the page for administrators.
SHOWN: Final = (
    "students_now",
    "students_daily",
    "students_new",
    "students_platforms",
    "students_hours",
    "students_retention",
    "learning_answers",
    "learning_right",
    "learning_topics",
    "learning_trainings",
    "questions_broken",
    "questions_hardest",
    "questions_easiest",
    "contests",
)

log = structlog.get_logger()


class AnalyticsDesk:
    """`arrived` tells how far activity is; months and days are how long activity and logs are kept, None: for ever."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        rollups: Rollups,
        arrived: Gauge,
        bank: Bank,
        clock: Callable[[], int],
        language_of: Callable[[int], Awaitable[Language]],
        *,
        keep_activity_months: int | None,
        keep_log_days: int | None,
    ) -> None:
        self._clickhouse = clickhouse
        self._rollups = rollups
        self._arrived = arrived
        self._bank = bank
        self._clock = clock
        self._language_of = language_of
        self._activity_months = keep_activity_months
        self._log_days = keep_log_days
        self._cleaned: date | None = None
        self._counting = asyncio.Lock()

    async def keep_up(self, gauge: Gauge) -> None:
        """Bring the rollups up to activity, and drop what is too old, for ever; `gauge` tells how far they are."""
        gauge.problem = None
        while True:
            await asyncio.sleep(ROLLUP_SECONDS)
            try:
                await self._clickhouse.query("SELECT 1")  # also while there is nothing to do: to know that it is there
                await self._catch_up()
                await self._clean()
                gauge.position, gauge.problem = self._arrived.position, None
                metrics.RELAY_POSITION.labels(gauge.name).set(gauge.position)
            except ClickHouseError as error:
                if gauge.problem is None:
                    log.warning("rollups wait", problem=str(error))
                gauge.problem = str(error)
                if not error.transient:
                    log.exception("rollups were not brought up to date")

    async def show_question(self, message: ShowQuestionQuality) -> QuestionQuality:
        """Raises NotFound, Conflict where several subjects have the question."""
        number = self._bank.find(message.question, message.subject)
        await self._catch_up()
        subject = self._bank.place(number).subject
        sums = await sql.sums(self._clickhouse, subject, number, message.since)
        quality = self._assess(number, sums.get(number, NO_SUMS))
        return self._shown(number, quality, await self._language_of(message.user))

    async def show_subject(self, message: ShowSubjectQuality) -> SubjectQuality:
        """Questions in the order of the bank. Raises NotFound, Invalid on a cursor that is none."""
        after = cursors.number(message.after) or 0
        assessed = await self.of_subject(message.subject, message.since)
        chosen = [number for number in sorted(assessed) if assessed[number].remarks or not message.flagged]
        coming = [number for number in chosen if number > after]
        page = coming[: message.limit]
        language = await self._language_of(message.user)
        return SubjectQuality(
            answered=len(assessed),
            flagged=sum(bool(quality.remarks) for quality in assessed.values()),
            items=tuple(self._shown(number, assessed[number], language) for number in page),
            next=str(page[-1]) if len(coming) > len(page) else None,
        )

    async def of_subject(self, subject: str, since: date | None = None) -> dict[int, Quality]:
        """The figures of all questions of a subject that were answered, by the bank's numbers. Raises NotFound."""
        if self._bank.subject(subject) is None:
            raise NotFound(f"There is no subject {subject!r}.")
        async with self._counting:  # there may be many questions
            await self._catch_up()
            sums = await sql.sums(self._clickhouse, subject, None, since)
            assessed = {}
            for count, number in enumerate(sums):
                if count % QUESTIONS_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if self._bank.has(number):
                    assessed[number] = self._assess(number, sums[number])
            return assessed

    async def known_of_subject(self, subject: str) -> dict[int, Quality]:
        """The same for what can do without: nothing, where ClickHouse does not answer."""
        try:
            return await self.of_subject(subject)
        except (ClickHouseError, NotFound) as error:
            log.warning("figures of questions are left out", subject=subject, problem=str(error))
            return {}

    async def unchosen(self, subject: str) -> dict[str, dict[str, str]]:
        """Of questions by their ids, the options that nobody chooses: id and text. Empty where that is not known."""
        found = {}
        for number, quality in (await self.known_of_subject(subject)).items():
            names = {remark.choice for remark in quality.remarks if remark.flag == "unchosen"}
            if not names:
                continue  # to unpack all questions of a subject would hold up everybody
            question = self._bank.question(number)
            if isinstance(question, (SingleQuestion, MultipleQuestion)):
                found[question.id] = {option.id: option.text for option in question.options if option.id in names}
        return found

    async def show_analytics(self, message: ShowAnalytics) -> Analytics:
        """The main reports of the dashboards, of whole days up to today."""
        await self._catch_up()
        until = moment(self._clock()).date()
        since = until - timedelta(days=message.days - 1)
        start, end = datetime.combine(since, time.min, UTC), datetime.combine(until, time.max, UTC)
        found = {}
        for name in SHOWN:
            rows = await reports.run(self._clickhouse, name, start, end)
            found[name] = AnalyticsReport(columns=reports.columns(name), rows=tuple(self._named(name, rows)))
        return Analytics(since=since, until=until, reports=found)

    async def _catch_up(self) -> None:
        await self._rollups.catch_up(self._arrived.position)

    async def _clean(self) -> None:
        today = moment(self._clock()).date()
        if today == self._cleaned:
            return
        dropped = []
        if self._activity_months is not None:
            dropped += await retention.drop_activity(self._clickhouse, self._activity_months, today)
        if self._log_days is not None:
            dropped += await retention.drop_logs(self._clickhouse, self._log_days, today)
        if dropped:
            log.info("what was too old was dropped", partitions=dropped)
        self._cleaned = today

    def _assess(self, number: int, sums: QuestionSums) -> Quality:
        return assess(sums, *_options(self._bank.question(number)))

    def _shown(self, number: int, quality: Quality, language: Language) -> QuestionQuality:
        place = self._bank.place(number)
        return QuestionQuality(
            id=place.id,
            subject=place.subject,
            topic=place.topic,
            kind=place.kind,
            archived=place.archived,
            answers=quality.answers,
            correct=quality.correct,
            facility=quality.facility,
            facility_interval=_interval(quality.facility_interval),
            pairs=quality.pairs,
            discrimination=quality.discrimination,
            discrimination_interval=_interval(quality.discrimination_interval),
            median_seconds=quality.median,
            seconds_spread=_interval(quality.quartiles),
            strong=quality.strong,
            weak=quality.weak,
            choices=tuple(
                ChoiceQuality(id=one.id, key=one.key, chosen=one.chosen, strong=one.strong, weak=one.weak)
                for one in quality.choices
            ),
            flags=tuple(
                QualityRemark(flag=one.flag, choice=one.choice, reason=reason(one, language)) for one in quality.remarks
            ),
        )

    def _named(self, report: str, rows: Sequence[tuple[int | float | str, ...]]) -> list[tuple[int | float | str, ...]]:
        """Questions by the departments' own ids instead of the bank's numbers."""
        columns = reports.columns(report)
        if "question" not in columns:
            return list(rows)
        place = columns.index("question")
        return [(*row[:place], self._id(row[place]), *row[place + 1 :]) for row in rows]

    def _id(self, number: int | float | str) -> str:
        return self._bank.place(int(number)).id if self._bank.has(int(number)) else str(number)


def _options(question: AnyQuestion) -> tuple[Sequence[str], Sequence[str]]:
    """The options that are chosen from, and the right ones among them."""
    match question:
        case SingleQuestion():
            return [option.id for option in question.options], [question.key]
        case MultipleQuestion():
            return [option.id for option in question.options], question.key
    return (), ()


def _interval(interval: Interval | None) -> FigureInterval | None:
    return None if interval is None else FigureInterval(low=interval.low, high=interval.high)
