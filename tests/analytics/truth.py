"""What each report must say, counted from the journal in plain Python, and in another way than the reports do it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from math import atanh, ceil, floor, sqrt, tanh
from statistics import correlation, mean
from typing import Any

from tests.analytics.history import Happened, Line

Rows = list[tuple[Any, ...]]
Z = 1.959963984540054


class Truth:
    """The reports of a history for a range of time, each by its name."""

    def __init__(self, history: Sequence[Happened], start: datetime, end: datetime, log: Sequence[Line] = ()) -> None:
        self.history = history
        self.lines = [line for line in log if start <= line.at.replace(microsecond=0) <= end]
        self.start, self.end = start, end
        self.first_day, self.last_day = start.date(), end.date()
        self.present = [one for one in history if one.data["type"] in ("started", "answered")]
        self.answered = [one for one in history if one.data["type"] == "answered"]
        self.begun = {one.data["training"]: one for one in history if one.data["type"] == "started"}
        self.ended = {one.data["training"]: one for one in history if one.data["type"] == "finished"}
        self.given: dict[str, list[Happened]] = defaultdict(list)
        for one in self.answered:
            self.given[one.data["training"]].append(one)

    def days(self, events: Iterable[Happened]) -> list[Happened]:
        return [one for one in events if self.first_day <= one.at.date() <= self.last_day]

    def months(self, events: Iterable[Happened]) -> list[Happened]:
        return [one for one in events if self.first_day.replace(day=1) <= one.at.date().replace(day=1) <= self.last_day]

    # --- Students --------------------------------------------------------------------------------------------

    def students_now(self) -> Rows:
        def since(days: int) -> int:
            first = self.last_day - timedelta(days=days - 1)
            return len({one.user for one in self.present if first <= one.at.date() <= self.last_day})

        return [(since(1), since(7), since(30))]

    def students_daily(self) -> Rows:
        return _distinct(self.days(self.present), lambda one: one.at.date())

    def students_weekly(self) -> Rows:
        first = _monday(self.first_day)
        events = [one for one in self.present if first <= one.at.date() <= self.last_day]
        return _distinct(events, lambda one: _monday(one.at.date()))

    def students_monthly(self) -> Rows:
        first = self.first_day.replace(day=1)
        events = [one for one in self.present if first <= one.at.date() <= self.last_day]
        return _distinct(events, lambda one: one.at.date().replace(day=1))

    def _firsts(self) -> dict[int, date]:
        firsts: dict[int, date] = {}
        for one in self.present:
            firsts[one.user] = min(firsts.get(one.user, one.at.date()), one.at.date())
        return firsts

    def students_new(self) -> Rows:
        counted = Counter(day for day in self._firsts().values() if self.first_day <= day <= self.last_day)
        return [(_time(day), count) for day, count in sorted(counted.items())]

    def students_retention(self) -> Rows:
        last = _monday(self.last_day)
        oldest = last - timedelta(weeks=11)
        firsts = {user: _monday(day) for user, day in self._firsts().items()}
        seen = {
            (firsts[one.user], (_monday(one.at.date()) - firsts[one.user]).days // 7, one.user)
            for one in self.present
            if firsts[one.user] >= oldest and _monday(one.at.date()) <= last
        }
        counted = Counter((cohort, later) for cohort, later, _ in seen)
        return [(str(cohort), later, count) for (cohort, later), count in sorted(counted.items())]

    def students_platforms(self) -> Rows:
        events = self.days(self.present)
        return [
            (
                platform,
                len({one.user for one in events if one.data["platform"] == platform}),
                sum(one.data["platform"] == platform and one.data["type"] == "answered" for one in events),
            )
            for platform in sorted({one.data["platform"] for one in events})
        ]

    def students_hours(self) -> Rows:
        events = self.days(self.present)
        given = Counter(one.at.hour for one in events if one.data["type"] == "answered")
        return [(f"{hour:02}", given[hour]) for hour in sorted({one.at.hour for one in events})]

    # --- Learning --------------------------------------------------------------------------------------------

    def _by_day_and_subject(self) -> dict[tuple[date, str], list[Happened]]:
        groups: dict[tuple[date, str], list[Happened]] = defaultdict(list)
        for one in self.days(self.answered):
            groups[one.at.date(), one.data["subject"]].append(one)
        return dict(sorted(groups.items()))

    def learning_answers(self) -> Rows:
        return [(_time(day), subject, len(group)) for (day, subject), group in self._by_day_and_subject().items()]

    def learning_right(self) -> Rows:
        return [
            (_time(day), subject, mean(one.data["score"] == 1 for one in group))
            for (day, subject), group in self._by_day_and_subject().items()
        ]

    def learning_topics(self) -> Rows:
        groups: dict[tuple[str, str], list[Happened]] = defaultdict(list)
        for one in self.days(self.answered):
            groups[one.data["subject"], one.data["topic"]].append(one)
        rows = [
            (
                *place,
                len(group),
                mean(one.data["score"] == 1 for one in group),
                mean(one.data["score"] for one in group),
                _quantile([one.data["seconds"] for one in group], 0.5),
            )
            for place, group in groups.items()
        ]
        return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))

    def _by_week_and_topic(self) -> dict[tuple[date, str], list[Happened]]:
        """Of the twelve topics with the most answers."""
        first = _monday(self.first_day)
        events = [one for one in self.answered if first <= one.at.date() <= self.last_day]
        counts = Counter((one.data["subject"], one.data["topic"]) for one in events)
        most = sorted(counts, key=lambda place: (-counts[place], place))[:12]
        groups: dict[tuple[date, str], list[Happened]] = defaultdict(list)
        for one in events:
            if (one.data["subject"], one.data["topic"]) in most:
                groups[_monday(one.at.date()), f"{one.data['subject']}: {one.data['topic']}"].append(one)
        return dict(sorted(groups.items()))

    def learning_topics_answers(self) -> Rows:
        return [(_time(week), topic, len(group)) for (week, topic), group in self._by_week_and_topic().items()]

    def learning_topics_right(self) -> Rows:
        return [
            (_time(week), topic, mean(one.data["score"] == 1 for one in group))
            for (week, topic), group in self._by_week_and_topic().items()
        ]

    def learning_seconds(self) -> Rows:
        groups: dict[date, list[float]] = defaultdict(list)
        for one in self.days(self.answered):
            groups[one.at.date()].append(one.data["seconds"])
        return [(_time(day), _quantile(group, 0.5), _quantile(group, 0.9)) for day, group in sorted(groups.items())]

    def learning_trainings(self) -> Rows:
        days: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0])
        for one in self.days(self.begun.values()):
            days[one.at.date()][0] += 1
        for one in self.days(self.ended.values()):
            days[one.at.date()][1] += 1
            days[one.at.date()][2] += one.data["reason"] == "complete"
        return [(_time(day), *counts) for day, counts in sorted(days.items())]

    # --- Questions -------------------------------------------------------------------------------------------

    def pairs(self, *, all_time: bool = False) -> dict[tuple[str, int], list[tuple[float, float | None]]]:
        """Of each question: the score of each answer, and the mean score of the rest of its training."""
        found: dict[tuple[str, int], list[tuple[float, float | None]]] = defaultdict(list)
        for ended in self.ended.values() if all_time else self.months(self.ended.values()):
            given = self.given[ended.data["training"]]
            for one in given:
                rest = [other.data["score"] for other in given if other is not one]
                found[one.data["subject"], one.data["question"]].append(
                    (one.data["score"], mean(rest) if rest else None)
                )
        return found

    def _facilities(self) -> Rows:
        rows = []
        for (subject, question), answers in self.pairs().items():
            n, share = len(answers), mean(score for score, _ in answers)
            if n >= 50:
                middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
                reach = Z / (1 + Z**2 / n) * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
                rows.append((subject, question, n, share, middle - reach, middle + reach))
        return rows

    def questions_hardest(self) -> Rows:
        return sorted(self._facilities(), key=lambda row: (round(row[3], 9), row[1]))[:20]

    def questions_easiest(self) -> Rows:
        return sorted(self._facilities(), key=lambda row: (-round(row[3], 9), row[1]))[:20]

    def questions_facility(self) -> Rows:
        tenths = Counter(min(9, floor(10 * row[3] + 1e-9)) for row in self._facilities())
        return [(f"{tenth * 10}–{tenth * 10 + 10} %", count) for tenth, count in sorted(tenths.items())]

    def questions_broken(self) -> Rows:
        rows = []
        for (subject, question), answers in self.pairs().items():
            both = [(score, rest) for score, rest in answers if rest is not None]
            if len(both) < 50:
                continue
            r = correlation([x for x, _ in both], [y for _, y in both])
            reach = Z / sqrt(len(both) - 3)
            low, high = tanh(atanh(r) - reach), tanh(atanh(r) + reach)
            if high < 0.1:
                rows.append((subject, question, len(answers), mean(x for x, _ in answers), r, low, high))
        return sorted(rows, key=lambda row: (round(row[6], 9), row[1]))[:50]

    # --- Contests --------------------------------------------------------------------------------------------

    def _of_contests(self) -> dict[int, list[Happened]]:
        groups: dict[int, list[Happened]] = defaultdict(list)
        for one in self.days([*self.begun.values(), *self.ended.values()]):
            contest = self.begun[one.data["training"]].data["contest"]
            if contest is not None:
                groups[contest].append(one)
        return dict(sorted(groups.items(), reverse=True))

    def contests(self) -> Rows:
        rows = []
        for contest, group in self._of_contests().items():
            for subject in sorted({self.begun[one.data["training"]].data["subject"] for one in group}):
                some = [one for one in group if self.begun[one.data["training"]].data["subject"] == subject]
                scores = [
                    answer.data["score"]
                    for one in some
                    if one.data["type"] == "finished"
                    for answer in self.given[one.data["training"]]
                ]
                rows.append(
                    (
                        contest,
                        subject,
                        str(min(one.at.date() for one in some)),
                        len({one.user for one in some}),
                        sum(one.data["type"] == "started" for one in some),
                        sum(one.data["type"] == "finished" for one in some),
                        len(scores),
                        mean(scores) if scores else 0.0,
                    )
                )
        return rows

    def contests_scores(self) -> Rows:
        rows = []
        for contest, group in self._of_contests().items():
            tenths: Counter[int] = Counter()
            for one in group:
                if one.data["type"] == "finished":
                    scores = [answer.data["score"] for answer in self.given[one.data["training"]]]
                    tenths[floor(10 * mean(scores) + 1e-9) if scores else 0] += 1
            rows += [(contest, tenth / 10, count) for tenth, count in sorted(tenths.items())]
        return rows

    # --- Service ---------------------------------------------------------------------------------------------

    def service_log_levels(self) -> Rows:
        hours = Counter((f"{line.at:%Y-%m-%d %H}:00:00", line.level) for line in self.lines)
        return [(*hour_and_level, count) for hour_and_level, count in sorted(hours.items())]

    def service_troubles(self) -> Rows:
        troubles = [line for line in self.lines if line.level in ("warning", "error", "critical")]
        newest = sorted(troubles, key=lambda line: line.at, reverse=True)[:200]
        return [(f"{one.at:%Y-%m-%d %H:%M:%S}", one.level, one.logger, one.event, one.fields) for one in newest]


def _distinct(events: Iterable[Happened], key: Callable[[Happened], date]) -> Rows:
    users: dict[date, set[int]] = defaultdict(set)
    for one in events:
        users[key(one)].add(one.user)
    return [(_time(day), len(found)) for day, found in sorted(users.items())]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _time(day: date) -> str:
    return f"{datetime.combine(day, datetime.min.time(), UTC):%Y-%m-%d %H:%M:%S}"


def _quantile(seconds: Sequence[float], share: float) -> float:
    """Of whole seconds, up to an hour: answers of the same second share it evenly."""
    whole = sorted(min(3600, floor(one)) for one in seconds)
    counts = Counter(whole)
    wanted = share * len(whole)
    which = ceil(wanted) - 1
    second = whole[which]
    return second + (which - whole.index(second) + wanted - which) / counts[second]
