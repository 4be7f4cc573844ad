"""The spreadsheets that leave the house: their columns, in both languages, and where their rows come from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from asyncpg import Record

from actors.analytics.quality import Quality
from actors.analytics.reasons import reason
from protocols.messages import Language, NotFound
from storage import spreadsheets
from storage.mongo import exports as from_mongo
from storage.mongo.client import Database
from storage.postgres import contests
from storage.postgres import exports as from_postgres
from storage.postgres.pool import Pool
from storage.spreadsheets import Cell, Column

KindOfExport: TypeAlias = Literal["users", "results", "questions", "contest"]
# The figures of a subject's questions, by the bank's numbers.
Qualities: TypeAlias = Callable[[str], Awaitable[Mapping[int, Quality]]]


@dataclass(frozen=True)
class _Column:
    name: str
    ru: str
    en: str
    kind: Literal["text", "integer", "number", "share", "moment", "flag"]
    width: int = 12

    def in_language(self, language: Language) -> Column:
        return Column(self.ru if language == "ru" else self.en, self.kind, self.width)


_USERS = (
    _Column("id", "Номер", "Number", "integer"),
    _Column("login", "Логин", "Login", "text", 20),
    _Column("name", "Имя", "Name", "text", 30),
    _Column("role", "Роль", "Role", "text"),
    _Column("language", "Язык", "Language", "text"),
    _Column("grade", "Класс", "Grade", "integer"),
    _Column("notifications", "Рассылки", "Notifications", "flag"),
    _Column("blocked", "Заблокирован", "Blocked", "flag"),
    _Column("telegram", "Telegram", "Telegram", "flag"),
    _Column("registered_at", "Зарегистрирован (UTC)", "Registered (UTC)", "moment", 20),
    _Column("last_seen_at", "Был здесь (UTC)", "Last seen (UTC)", "moment", 20),
    _Column("answered", "Ответов", "Answered", "integer"),
    _Column("correct", "Верных", "Correct", "integer"),
    _Column("score", "Баллы", "Score", "number"),
    _Column("seconds", "Время, с", "Time, s", "number"),
)
_RESULTS = (
    _Column("id", "Тренировка", "Training", "text"),
    _Column("user_id", "Номер ученика", "User number", "integer"),
    _Column("login", "Логин", "Login", "text", 20),
    _Column("name", "Имя", "Name", "text", 30),
    _Column("grade", "Класс", "Grade", "integer"),
    _Column("subject", "Предмет", "Subject", "text", 16),
    _Column("mode", "Режим", "Mode", "text"),
    _Column("size", "Вопросов", "Questions", "integer"),
    _Column("started_at", "Начата (UTC)", "Started (UTC)", "moment", 20),
    _Column("finished_at", "Закончена (UTC)", "Finished (UTC)", "moment", 20),
    _Column("answered", "Ответов", "Answered", "integer"),
    _Column("correct", "Верных", "Correct", "integer"),
    _Column("score", "Баллы", "Score", "number"),
    _Column("share", "Доля баллов", "Share of the score", "share"),
    _Column("seconds", "Время, с", "Time, s", "number"),
)
_QUESTIONS = (
    _Column("subject", "Предмет", "Subject", "text", 16),
    _Column("id", "Вопрос", "Question", "text", 20),
    _Column("topic", "Тема", "Topic", "text", 20),
    _Column("kind", "Вид", "Kind", "text"),
    _Column("difficulty", "Сложность", "Difficulty", "integer"),
    _Column("text", "Текст", "Text", "text", 60),
    _Column("choices", "Варианты", "Choices", "text", 40),
    _Column("key", "Ответ", "Key", "text", 24),
    _Column("explanation", "Пояснение", "Explanation", "text", 40),
    _Column("source", "Источник", "Source", "text", 20),
    _Column("tags", "Метки", "Tags", "text", 20),
    _Column("archived", "В архиве", "Archived", "flag"),
    _Column("updated_at", "Изменён (UTC)", "Changed (UTC)", "moment", 20),
    _Column("answered", "Ответов", "Answered", "integer"),
    _Column("correct", "Верных", "Correct", "integer"),
    _Column("share", "Доля верных", "Share of correct", "share"),
    # From here on of answers in finished trainings, and empty where there are none, or where ClickHouse is not asked.
    _Column("facility", "Средний балл", "Mean score", "share"),
    _Column("discrimination", "Связь с остальной тренировкой", "Correlation with the rest", "number", 16),
    _Column("low", "от", "from", "number"),
    _Column("high", "до", "to", "number"),
    _Column("pairs", "по ответам", "by answers", "integer"),
    _Column("median", "Медиана времени, с", "Median time, s", "number"),
    _Column("remarks", "На что взглянуть", "What to look at", "text", 50),
)
_CONTEST = (
    _Column("place", "Место", "Place", "integer"),
    _Column("user_id", "Номер ученика", "User number", "integer"),
    _Column("login", "Логин", "Login", "text", 20),
    _Column("name", "Имя", "Name", "text", 30),
    _Column("grade", "Класс", "Grade", "integer"),
    _Column("score", "Баллы", "Score", "number"),
    _Column("share", "Доля баллов", "Share of the score", "share"),
    _Column("used", "Время, с", "Time, s", "integer"),
    _Column("answered", "Ответов", "Answered", "integer"),
    _Column("correct", "Верных", "Correct", "integer"),
    _Column("size", "Вопросов", "Questions", "integer"),
    _Column("started_at", "Начало (UTC)", "Started (UTC)", "moment", 20),
    _Column("ended_at", "Конец (UTC)", "Ended (UTC)", "moment", 20),
    _Column("extended", "Продлено, с", "Extended by, s", "number"),
    _Column("id", "Тренировка", "Training", "text"),
)
_COLUMNS: dict[KindOfExport, Sequence[_Column]] = {
    "users": _USERS,
    "results": _RESULTS,
    "questions": _QUESTIONS,
    "contest": _CONTEST,
}
_SHEETS: dict[KindOfExport, dict[Language, str]] = {
    "users": {"ru": "Пользователи", "en": "Users"},
    "results": {"ru": "Результаты", "en": "Results"},
    "questions": {"ru": "Вопросы", "en": "Questions"},
    "contest": {"ru": "Результаты", "en": "Results"},
}


async def export(
    kind: KindOfExport,
    file: Path,
    language: Language,
    pool: Pool,
    database: Database,
    advanced: Callable[[int], None] = lambda rows: None,
    contest: int = 0,
    qualities: Qualities | None = None,
) -> int:
    """Write the spreadsheet; returns the number of rows. `contest` is needed for that kind, `qualities` for all that
    questions can have.

    Raises OSError, and NotFound for the contest; then nothing of it is left.
    """
    columns = _COLUMNS[kind]
    match kind:
        case "users":
            rows = _of_records(from_postgres.users(pool), columns)
        case "results":
            rows = _of_records(from_postgres.results(pool), columns)
        case "questions":
            rows = _of_questions(database, language, qualities)
        case "contest":
            if await contests.planned(pool, contest) is None:
                raise NotFound(f"There is no contest {contest}")
            rows = _of_records(from_postgres.contest(pool, contest, datetime.now(UTC)), columns)
    headings = [column.in_language(language) for column in columns]
    return await spreadsheets.write(file, _SHEETS[kind][language], headings, rows, advanced)


async def expected(kind: KindOfExport, pool: Pool, database: Database, contest: int = 0) -> int:
    """About how many rows there will be."""
    match kind:
        case "users":
            return await from_postgres.count(pool, "users WHERE joined_into IS NULL")
        case "results":
            return await from_postgres.count(pool, "trainings")
        case "questions":
            return await from_mongo.count(database)
        case "contest":
            return await from_postgres.count(pool, f"contest_entries WHERE contest_id = {contest:d} AND started")


async def _of_records(
    records: AsyncGenerator[Record, None], columns: Sequence[_Column]
) -> AsyncGenerator[Sequence[Cell], None]:
    async with aclosing(records):
        async for record in records:
            yield [record[column.name] for column in columns]


async def _of_questions(
    database: Database, language: Language, qualities: Qualities | None
) -> AsyncGenerator[Sequence[Cell], None]:
    known: dict[str, Mapping[int, Quality]] = {}
    async for kept, (answered, correct) in from_mongo.questions(database):
        question = kept.content
        if kept.subject not in known:
            known[kept.subject] = await qualities(kept.subject) if qualities is not None else {}
        quality = known[kept.subject].get(kept.number)
        yield [
            kept.subject,
            kept.id,
            question["topic"],
            question["kind"],
            question["difficulty"],
            question["text"],
            _choices(question),
            _key(question["key"]),
            question.get("explanation"),
            question.get("source"),
            ", ".join(question.get("tags", ())),
            kept.archived,
            kept.updated_at,
            answered,
            correct,
            correct / answered if answered else None,
            *(_quality(quality, language) if quality is not None else [None] * 7),
        ]


def _quality(quality: Quality, language: Language) -> list[Cell]:
    around = quality.discrimination_interval
    return [
        quality.facility,
        quality.discrimination,
        around.low if around is not None else None,
        around.high if around is not None else None,
        quality.pairs,
        quality.median,
        "\n".join(reason(one, language) for one in quality.remarks),
    ]


def _choices(question: dict[str, Any]) -> str:
    """Each option on its line; of a matching question the left ones, then the right ones."""
    sides = [question[name] for name in ("options", "left", "right") if name in question]
    return "\n\n".join("\n".join(f"{choice['id']}: {choice['text']}" for choice in side) for side in sides)


def _key(key: Any) -> str:
    """A key as in a bank file (whose form depends on the kind of question), on one line."""
    match key:
        case dict():
            return "; ".join(f"{name}: {_key(value)}" for name, value in key.items())
        case list():
            return ", ".join(_key(value) for value in key)
    return str(key)
