"""Statistics and the administrator's analytics, to be looked at: `python -m tests.analytics.pictures FOLDER`.

In both themes and languages: with nothing in them, of one day, of two months, and of two years. It takes a minute.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

import aiohttp
import asyncpg
import orjson

from actors.figures import streak, weakest
from actors.picture import draw
from protocols.messages import (
    DayFigures,
    Figures,
    Language,
    Statistics,
    SubjectFigures,
    Theme,
    TopicFigures,
)
from storage.embedded import Engines
from storage.postgres.migrate import migrate
from tests.analytics.history import made_up
from tests.api.client import PASSWORD, Client
from tests.durability.campaign import caught_up
from tests.running import Service
from tests.web.browser import chromium
from tests.web.conftest import with_role

TODAY: Final = date(2026, 3, 1)
SPANS: Final = {"none": 0, "day": 1, "months": 60, "years": 730}
FORMATS: Final = ("png", "svg")
TITLES: Final = {
    "ru": ("Строение клетки", "Генетика и наследственность человека", "Ботаника", "Зоология", "Экология"),
    "en": ("Cells", "Genetics and what we inherit from parents", "Plants", "Animals", "Ecology"),
}
SUBJECTS: Final = {"ru": ("Биология", "Математика"), "en": ("Biology", "Mathematics")}


def statistics(language: Language, days: int, subjects: int) -> Statistics:
    """A student who gets better, and rests now and then."""
    chance = random.Random(days)
    by_day, topics = list[DayFigures](), {title: [0, 0] for title in TITLES[language]}
    for number in range(days):
        if days > 1 and chance.random() < 0.35:
            continue
        answered = chance.randrange(5, 40)
        correct = sum(chance.random() < 0.5 + 0.35 * number / days for _ in range(answered))
        by_day.append(DayFigures(day=TODAY - timedelta(days=days - 1 - number), **_figures(answered, correct)))
        for one in range(answered):
            counts = topics[chance.choice(TITLES[language])]
            counts[0] += 1
            counts[1] += one < correct
    by_topic = tuple(
        TopicFigures(subject="biology", topic=title, title=title, **_figures(*counts))
        for title, counts in topics.items()
        if counts[0]
    )
    answered, correct = sum(one.answered for one in by_day), sum(one.correct for one in by_day)
    return Statistics(
        totals=Figures(**_figures(answered, correct)),
        trainings=answered // 10 + (days == 1),
        by_subject=tuple(
            SubjectFigures(subject=title, title=title, **_figures(answered // subjects, correct // subjects))
            for title in SUBJECTS[language][:subjects]
            if answered
        ),
        by_topic=by_topic,
        by_day=tuple(by_day),
        streak=streak([one.day for one in by_day], TODAY),
        weakest=weakest(by_topic),
        better_than=0.63 if answered else None,
    )


def _figures(answered: int, correct: int) -> dict[str, float]:
    return {"answered": answered, "correct": correct, "score": float(correct), "seconds": 31.5 * answered}


def draw_all(folder: Path) -> None:
    for name, days in SPANS.items():
        for language in get_args(Language):
            for theme in get_args(Theme):
                subjects = 2 if name == "years" else 1
                told = statistics(language, days, subjects)
                file = folder / f"statistics-{name}-{language}-{theme}"
                calendar = {one.day: one.answered for one in told.by_day}
                for format in FORMATS:
                    content = draw(told, calendar, language, format, None, TODAY, theme)
                    file.with_suffix(f".{format}").write_bytes(content)


async def fill(service_folder: Path, days: int) -> None:
    """Put a history that ends today into the journal of a service that has not run yet."""
    if not days:
        return
    begin = datetime.now(UTC) - timedelta(days=days)
    async with Engines(service_folder / "data", mongo=False) as endpoints:
        await migrate(endpoints.postgres_url, lambda step: None)
        connection = await asyncpg.connect(endpoints.postgres_url)
        history = made_up(begin=begin, days=days)
        await connection.executemany(
            "INSERT INTO journal (user_id, seq, data) VALUES ($1, $2, $3::jsonb)",
            [(one.user, one.seq, orjson.dumps(one.data).decode()) for one in history],
        )
        await connection.execute(
            "INSERT INTO users (id, login, name) OVERRIDING SYSTEM VALUE"
            " SELECT n, 'student-' || n, 'Student ' || n FROM generate_series(1, 60) AS n"
        )
        await connection.execute("ALTER TABLE users ALTER id RESTART WITH 1000")
        await connection.close()


async def look_at_analytics(folder: Path) -> None:
    """The page of analytics, of a service with such a history."""
    for name, days in SPANS.items():
        with tempfile.TemporaryDirectory(prefix="apo-pictures-") as data:
            await fill(Path(data), days)
            service = Service(Path(data))
            await service.start()
            await caught_up(service.url)
            try:
                async with aiohttp.ClientSession() as session, chromium() as browser:
                    admin = await with_role(Client(session, service), "admin")
                    for language, theme, width in (("ru", "light", 1280), ("en", "dark", 1280), ("ru", "dark", 390)):
                        await admin.ask("PATCH", "/me", {"language": language})
                        context = await browser.new_context(
                            base_url=service.url,
                            viewport={"width": width, "height": 800},
                            color_scheme="dark" if theme == "dark" else "light",
                        )
                        page = await context.new_page()
                        await page.goto("/login")
                        await page.fill("input[name=login]", admin.login)
                        await page.fill("input[name=password]", PASSWORD)
                        await page.click("main button")
                        await page.goto("/admin/analytics?days=365" if days > 100 else "/admin/analytics")
                        file = folder / f"analytics-{name}-{language}-{theme}-{width}.png"
                        await page.screenshot(path=file, full_page=True)
                        await context.close()
            finally:
                await service.stop()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.analytics.pictures FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    draw_all(folder)
    asyncio.run(look_at_analytics(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
