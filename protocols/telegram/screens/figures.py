"""What a student has done, as a picture and in a few words, and the leaders of a subject."""

from __future__ import annotations

from typing import Final

from protocols.catalogue import Texts, mark
from protocols.messages import DrawStatistics, Leaderboard, ShowLeaderboard, ShownSubject, ShowStatistics, Statistics
from protocols.telegram.callbacks import Choose, Go, OfSubject, subject_token, token
from protocols.telegram.markup import bold, join
from protocols.telegram.screens.screen import Screen, key, paragraphs, to_menu
from protocols.telegram.turn import Turn
from protocols.telegram.values import Styled

PERIODS: Final = {"7": mark("Week"), "30": mark("Month"), "all": mark("All time")}
USUAL: Final = "30"
MOST_LEADERS: Final = 10
MEDALS: Final = {1: "🥇", 2: "🥈", 3: "🥉"}


def statistics_screen(t: Texts, statistics: Statistics, period: str, drawn: DrawStatistics) -> Screen:
    totals = statistics.totals
    periods = tuple(
        key(("• " if one == period else "") + t(name), Choose("days", one)) for one, name in PERIODS.items()
    )
    title = bold(t("📈 Statistics"))
    if not totals.answered:
        return Screen(paragraphs(title, t("Nothing in this time yet.")), (periods, to_menu(t)))
    lines = [
        t.plural("{n} answer", "{n} answers", totals.answered)
        + ", "
        + t("{share} of the points", share=t.percent(totals.score / totals.answered)),
        t.plural("{n} training", "{n} trainings", statistics.trainings),
        t.plural("🔥 {n} day in a row", "🔥 {n} days in a row", statistics.streak.current)
        + t(" (the longest: {n})", n=statistics.streak.longest),
    ]
    if statistics.better_than is not None:
        share = t.percent(statistics.better_than)
        lines.append(t("Your mean score is higher than that of {share} of those who trained.", share=share))
    if statistics.weakest:
        lines.append(t("Topics to work on") + ": " + ", ".join(topic.title for topic in statistics.weakest))
    training = tuple(
        (
            key(
                t("🎯 Train: {topic}", topic=one.title),
                OfSubject("weakest", subject_token(one.subject), token(one.topic)),
            ),
        )
        for one in statistics.weakest
    )
    return Screen(paragraphs(title, "\n".join(lines)), (*training, periods, to_menu(t)), (drawn,))


def leaderboard_screen(t: Texts, subject: ShownSubject, leaders: Leaderboard, period: str) -> Screen:
    """Names are as people have typed them."""
    place = subject_token(subject.slug)
    periods = tuple(
        key(("• " if one == period else "") + t(name), OfSubject("board", place, one)) for one, name in PERIODS.items()
    )
    lines: list[str | Styled] = [
        f"{MEDALS.get(one.place, f'{one.place}.')} {one.name} — "
        + t("points: {score} · answers: {answered}", score=t.number(one.score, 1), answered=one.answered)
        for one in leaders.items
    ]
    title = bold(t("🏆 Leaders: {subject}", subject=subject.title))
    body = join(*lines, sep="\n") if lines else t("Nobody yet: be the first!")
    back = (key(t("‹ Subject"), OfSubject("open", place)), key(t("☰ Menu"), Go("menu")))
    return Screen(paragraphs(title, body), (periods, back))


def days_of(period: str) -> int | None:
    return int(period) if period in PERIODS and period != "all" else None


async def open_statistics(turn: Turn, period: str = USUAL, *, below: bool = False) -> None:
    if period not in PERIODS:
        period = USUAL
    turn.expect_nothing()
    days = days_of(period)
    statistics = await turn.ask(ShowStatistics(user=turn.user, days=days), Statistics)
    await turn.toast("")  # drawing takes a moment
    drawn = DrawStatistics(user=turn.user, days=days, format="png")
    await turn.show(statistics_screen(turn.t, statistics, period, drawn), below=below)


async def open_leaderboard(turn: Turn, subject: ShownSubject, period: str) -> None:
    if period not in PERIODS:
        period = USUAL
    turn.expect_nothing()
    message = ShowLeaderboard(user=turn.user, subject=subject.slug, days=days_of(period), limit=MOST_LEADERS)
    await turn.show(leaderboard_screen(turn.t, subject, await turn.ask(message, Leaderboard), period))
