"""Contests: which there are, taking part, and who is where."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from protocols.catalogue import Texts, mark
from protocols.markdown import parse
from protocols.messages import (
    Conflict,
    Contest,
    ContestLeaderboard,
    Contests,
    ContestState,
    JoinContest,
    ListContests,
    ShowContest,
    ShowContestLeaderboard,
    StartContest,
    Training,
)
from protocols.telegram.callbacks import Go, OfContest, Review
from protocols.telegram.markup import bold, join
from protocols.telegram.screens.screen import Screen, key, paragraphs, to_menu
from protocols.telegram.screens.subjects import subjects_of, title_of
from protocols.telegram.screens.training import go_on, show_question
from protocols.telegram.turn import Turn
from protocols.telegram.values import Keyboard, Styled

MOST_SHOWN: Final = 10
LONGEST_RULES: Final = 1_500
STATES: Final[dict[ContestState, str]] = {
    "upcoming": mark("It has not begun yet"),
    "running": mark("It is on"),
    "over": mark("It is over"),
}


def contests_screen(t: Texts, contests: Contests) -> Screen:
    keys: Keyboard = tuple(
        (key(("✓ " if one.joined else "") + one.title, OfContest("open", one.id)),) for one in contests.items
    )
    body = "" if keys else t("There are no contests for you at the moment.")
    return Screen(paragraphs(bold(t("📝 Contests")), body), (*keys, to_menu(t)))


def contest_screen(
    t: Texts, contest: Contest, subject: str, board: ContestLeaderboard, own: Training | None, notice: str = ""
) -> Screen:
    """`subject` is the title of it, `own` the student's training, once they have started."""
    facts = [
        f"{subject} · {t(STATES[contest.state])}",
        t("From {start} to {end}", start=t.moment(contest.starts_at), end=t.moment(contest.ends_at)),
        t.plural("{n} question", "{n} questions", contest.size)
        + ", "
        + t.plural("{n} minute for each", "{n} minutes for each", contest.minutes),
    ]
    if contest.extended_seconds:
        seconds = round(contest.extended_seconds)
        facts.append(
            t.plural(
                "The service was down meanwhile: the end was moved by {n} second.",
                "The service was down meanwhile: the end was moved by {n} seconds.",
                seconds,
            )
        )
    rules = "".join(piece.text for piece in parse(contest.rules))[:LONGEST_RULES]
    actions: Keyboard = ()
    if own is not None and own.status == "finished":
        facts.append("✓ " + t("You have taken part"))
        if own.summary is not None:
            actions = ((key(t("Results ▶"), Review(own.id)),),)
    elif own is not None and contest.state != "over":
        actions = ((key(t("▶️ Go on"), OfContest("start", contest.id)),),)
    elif contest.state == "running":
        actions = ((key(t("▶️ Start: the clock runs from now on"), OfContest("start", contest.id)),),)
    elif contest.state == "upcoming" and not contest.joined:
        actions = ((key(t("Take part"), OfContest("join", contest.id)),),)
    elif contest.joined:
        facts.append("✓ " + t("You take part"))
    back = (key(t("‹ Contests"), Go("contests")), key(t("☰ Menu"), Go("menu")))
    return Screen(
        paragraphs(notice, bold(contest.title), "\n".join(facts), rules, *_standings(t, contest, board)),
        (*actions, back),
    )


def _standings(t: Texts, contest: Contest, board: ContestLeaderboard) -> list[str | Styled]:
    if contest.state == "upcoming":
        return []
    if board.hidden:
        return [t("The results are told at the end: {moment}.", moment=t.moment(contest.ends_at))]
    lines: list[str | Styled] = [
        f"{one.place}. {one.name} — "
        + t("points: {score} · {time}", score=t.number(one.score), time=str(timedelta(seconds=one.seconds or 0)))
        for one in board.items
        if one.place is not None and one.score is not None
    ]
    own = "" if board.own is None or board.own.place is None else t("Your place: {place}", place=board.own.place)
    return [join(bold(t("Leaderboard")), *lines, sep="\n"), own] if lines else []


async def open_contests(turn: Turn) -> None:
    turn.expect_nothing()
    contests = await turn.ask(ListContests(user=turn.user, limit=MOST_SHOWN), Contests)
    await turn.show(contests_screen(turn.t, contests))


async def press(turn: Turn, meant: OfContest) -> None:
    """A button about a contest. Raises NotFound."""
    if meant.verb == "start":
        try:
            message = StartContest(user=turn.user, contest=meant.contest, platform="telegram")
            training = await turn.ask(message, Training)
        except Conflict as refusal:
            if refusal.details.get("contest"):
                notice = turn.t("You are taking part in another contest: finish its training first.")
                await go_on(turn, notice=await turn.remark(notice))
                return
            begins = refusal.details.get("starts_in_seconds")
            notice = turn.t("The contest has not begun yet.") if begins else turn.t("The contest is over.")
            await open_contest(turn, meant.contest, notice=notice)
            return
        await show_question(turn, training)
        return
    if meant.verb == "join":
        try:
            await turn.ask(JoinContest(user=turn.user, contest=meant.contest), Contest)
        except Conflict:
            await open_contest(turn, meant.contest, notice=turn.t("The contest is over."))
            return
    await open_contest(turn, meant.contest)


async def open_contest(turn: Turn, number: int, *, notice: str = "") -> None:
    turn.expect_nothing()
    contest = await turn.ask(ShowContest(user=turn.user, contest=number), Contest)
    message = ShowContestLeaderboard(user=turn.user, contest=number, limit=MOST_SHOWN)
    board = await turn.ask(message, ContestLeaderboard)
    own = None if contest.training is None else await turn.training(contest.training)
    subject = title_of(await subjects_of(turn), contest.subject)
    await turn.show(contest_screen(turn.t, contest, subject, board, own, notice))
