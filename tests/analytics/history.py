"""A made-up history of some months: what students did, as the journal keeps it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2025, 9, 3, 5, 30, tzinfo=UTC)
DAYS = 75
STUDENTS = 60
TOPICS = {
    "biology": ("cells", "genes", "plants", "animals", "fungi", "algae", "evolution", "ecology", "senses"),
    "mathematics": ("angles", "numbers", "sets", "graphs", "games"),
}
KINDS = ("single", "single", "single", "multiple", "text", "number")


@dataclass(frozen=True)
class Happened:
    """One event of one user; its place in the list is its place in the journal."""

    user: int
    seq: int
    data: dict[str, Any]

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.data["at"] / 1e6, UTC)


@dataclass(frozen=True)
class Line:
    """A line of the service's log."""

    at: datetime
    level: str
    logger: str
    event: str
    fields: str


def made_up_log(seed: int = 7) -> list[Line]:
    """Lines of as many days, no two at the same time; every eighth tells of trouble."""
    chance = random.Random(seed)
    levels = ("debug", "info", "info", "info", "info", "info", "info", "warning", "error", "critical")
    lines, at = [], BEGIN
    while at < BEGIN + timedelta(days=DAYS):
        level = chance.choice(levels)
        lines.append(Line(at, level, chance.choice(("service", "actors.relay")), f"it {level}s", '{"n": 1}'))
        at += timedelta(microseconds=chance.choice((7, chance.randrange(1, 6_000_000_000))))
    return lines


def number_of(subject: str, which: int) -> int:
    return which + (1 if subject == "biology" else 101)


def made_up(seed: int = 7, *, begin: datetime = BEGIN, days: int = DAYS) -> list[Happened]:
    """The same for the same seed. With trainings that are never finished, empty ones, exams and contests in it."""
    chance = random.Random(seed)
    strength = {user: chance.gauss(0, 1) for user in range(1, STUDENTS + 1)}
    arrival = {user: chance.choice((0, 0, chance.uniform(0, days))) for user in strength}
    events: list[tuple[int, int, dict[str, Any]]] = []
    for user in strength:
        time, number = arrival[user] * 86_400 + chance.uniform(0, 40_000), 0
        while time < days * 86_400:
            number += 1
            time = _training(chance, events, begin, user, number, strength[user], time)
            time += chance.expovariate(1 / 130_000)
    events.sort(key=lambda event: event[1])
    seqs: dict[int, int] = {}
    history = []
    for user, _, data in events:
        seqs[user] = seqs.get(user, 0) + 1
        history.append(Happened(user, seqs[user], data))
    return history


def _training(
    chance: random.Random,
    events: list[tuple[int, int, dict[str, Any]]],
    begin: datetime,
    user: int,
    number: int,
    strength: float,
    time: float,
) -> float:
    """One training and when it ends; all its events come after each other."""
    first = int(begin.timestamp() * 1_000_000)
    subject = chance.choice(list(TOPICS))
    mode = chance.choice(("practice", "practice", "exam"))
    platform = chance.choice(("http", "web", "telegram", "telegram"))
    training = f"{user}-{number}"

    def tell(**data: Any) -> None:
        at = first + int(time * 1_000_000)
        events.append((user, at, {"at": at, **data}))

    contest = chance.choice((None, None, None, 1, 2)) if mode == "exam" else None
    questions = [number_of(subject, which) for which in chance.sample(range(30), chance.choice((1, 5, 10)))]
    tell(type="started", training=training, subject=subject, mode=mode, questions=questions, seed=1, deadline=None,
         platform=platform, request=None, contest=contest, results_at=None)  # fmt: skip
    for question in questions:
        seconds = chance.choice((chance.uniform(0, 90), chance.expovariate(1 / 20), 4000.0))
        time += seconds + 0.001
        if chance.random() < 0.1:
            tell(type="skipped", training=training, question=question)
            continue
        if chance.random() < 0.05:
            tell(type="favorite", question=question, favorite=True)
            time += 0.001
        kind = KINDS[question % len(KINDS)]
        # One question is answered by chance, and one has a wrong key.
        easy = {7: 0.0, 12: -strength}.get(question % 100, strength - (question % 30 - 15) / 8)
        right = chance.random() < 1 / (1 + 2.7**-easy)
        response: Any = "a" if right else chance.choice("bcd")
        score = float(right)
        if kind == "multiple":
            response = chance.sample("abcd", 2)
            score = chance.choice((0.0, 0.5, 1.0))
        elif kind not in ("single", "multiple"):
            response = "42"
        tell(type="answered", training=training, question=question, subject=subject,
             topic=TOPICS[subject][question % len(TOPICS[subject])], kind=kind, response=response, score=score,
             seconds=seconds, platform=platform)  # fmt: skip
        if chance.random() < 0.02:
            return time + 1  # left, and never come back to
    time += 0.5
    tell(type="finished", training=training, reason=chance.choice(("complete", "complete", "student", "time")))
    return time + 1
