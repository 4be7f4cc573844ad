"""Students' reports on questions: departments read and close them, and whoever made one hears of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random
from typing import Final

import structlog
from asyncpg import Record

from actors import cursors
from actors.bank import Bank
from actors.training.views import moment
from protocols import messages as m
from storage.postgres import reports as sql
from storage.postgres.pool import Pool

log = structlog.get_logger()

TEXTS: Final[Mapping[m.Language, str]] = {
    "ru": "Вы сообщили об ошибке в вопросе «{question}». Ответ составителей:\n\n{answer}",
    "en": "You have reported the question “{question}”. Its authors answer:\n\n{answer}",
}
LONGEST_QUESTION: Final = 120  # characters of a question by which it is known again


class ReportDesk:
    """`clock` tells microseconds since 1970; `scheduled` is called when a message was scheduled."""

    def __init__(
        self, pool: Pool, bank: Bank, clock: Callable[[], int], random: Random, scheduled: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._bank = bank
        self._clock = clock
        self._random = random
        self._scheduled = scheduled

    async def page(self, message: m.ListReports) -> m.QuestionReports:
        """Raises Invalid on a cursor that is none, NotFound and Conflict where the question is not clear."""
        question = None if message.question is None else self._bank.find(message.question, message.subject)
        rows = await sql.page(
            self._pool,
            subject=message.subject,
            question=question,
            open=message.open,
            before=cursors.number(message.after),
            limit=message.limit + 1,
        )
        items = tuple(self._report(row) for row in rows[: message.limit])
        return m.QuestionReports(items=items, next=str(items[-1].id) if len(rows) > message.limit else None)

    async def count(self, message: m.CountReports) -> m.OpenReports:
        return m.OpenReports(subjects=await sql.open_by_subject(self._pool))

    async def close(self, message: m.CloseReport) -> m.QuestionReport:
        """Raises NotFound, Conflict when it is closed already."""
        found = await sql.show(self._pool, message.report)
        if found is None:
            raise m.NotFound(f"There is no report {message.report}.")
        question = self._bank.question(found["question"]).text

        def word(language: m.Language) -> m.BroadcastContent:
            short = question if len(question) <= LONGEST_QUESTION else question[:LONGEST_QUESTION] + "…"
            text = TEXTS[language].format(question=short, answer=message.answer)
            digest = sha256(f"report {message.report} {text}".encode()).hexdigest()
            # With entities, though none: what a person has written is plain text, whatever is in it.
            return m.BroadcastContent(text=text, entities=(), buttons=(), image=None, digest=digest)

        row, reached = await sql.close(
            self._pool,
            message.report,
            by=message.user,
            answer=message.answer,
            now=moment(self._clock()),
            word=word,
            random=self._random,
        )
        if row is None:
            raise m.Conflict(f"The report {message.report} is closed already.")
        if reached:
            self._scheduled()
        log.info("a report was closed", report=message.report, by=message.user, by_telegram=reached)
        return self._report(row)

    async def own(self, message: m.ListOwnReports) -> m.OwnReports:
        """Raises Invalid on a cursor that is none."""
        before = cursors.number(message.after)
        rows = await sql.own(self._pool, message.user, before, message.limit + 1, unseen=message.unseen)
        items = tuple(
            m.OwnReport(**self._report(row).model_dump(), seen=row["seen_at"] is not None)
            for row in rows[: message.limit]
        )
        return m.OwnReports(items=items, next=str(items[-1].id) if len(rows) > message.limit else None)

    async def saw(self, message: m.MarkReportSeen) -> m.Done:
        """Raises NotFound."""
        if not await sql.saw(self._pool, message.user, message.report, moment(self._clock())):
            raise m.NotFound(f"You have no report {message.report} that was answered.")
        return m.Done()

    def _report(self, row: Record) -> m.QuestionReport:
        place = self._bank.place(row["question"])
        fields = {name: row[name] for name in ("id", "text", "reported_at", "closed_at", "answer")}
        return m.QuestionReport(question=place.id, subject=place.subject, **fields)
