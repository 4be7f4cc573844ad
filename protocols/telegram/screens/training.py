"""A training from its start to its summary: what tapping and typing does to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from protocols.messages import (
    Conflict,
    FinishTraining,
    GiveAnswer,
    Invalid,
    Kind,
    ListTrainings,
    NotFound,
    SetFavoriteById,
    ShownQuestion,
    Skipped,
    SkipQuestion,
    Training,
    Trainings,
    Verdict,
)
from protocols.messages import Done as Set
from protocols.telegram.callbacks import OfQuestion, Review, question_token
from protocols.telegram.screens.menu import open_menu
from protocols.telegram.screens.question import Asking, answer_of, finish_screen, is_partial, question_screen
from protocols.telegram.screens.reporting import ask_report
from protocols.telegram.screens.subjects import subjects_of, title_of, topic_of
from protocols.telegram.screens.verdict import review_screen, summary_screen, verdict_screen
from protocols.telegram.turn import Turn

TYPED = ("text", "number")


async def go_on(turn: Turn, *, notice: str = "", below: bool = False) -> None:
    """The question that the student is at; the menu where no training is open."""
    try:
        training = await turn.open_training()
    except NotFound:
        await after_the_end(turn, notice=notice, below=below)
        return
    await show_question(turn, training, notice=notice, below=below)


async def show_question(
    turn: Turn,
    training: Training,
    *,
    picked: str = "",
    starred: bool = False,
    notice: str = "",
    below: bool = False,
) -> None:
    if training.question is None:
        await show_summary(turn, await turn.training(training.id), notice=notice, below=below)
        return
    asking = await asked(turn, training, training.question, picked, starred)
    if training.question.kind in TYPED:
        turn.expect("answer", training=training.id, question=training.question.id, kind=training.question.kind)
    else:
        turn.expect_nothing()
    await turn.show(question_screen(turn.t, asking, turn.now, notice), below=below)


async def asked(
    turn: Turn, training: Training, question: ShownQuestion, picked: str = "", starred: bool = False
) -> Asking:
    topic = topic_of(await subjects_of(turn), training.subject, question.topic)
    return Asking(training, question, topic, picked, starred)


async def after_the_end(turn: Turn, *, notice: str = "", below: bool = False) -> None:
    """No training is open: if the last one has just ended by its time, its summary; else the menu."""
    latest = await turn.ask(ListTrainings(user=turn.user, limit=1), Trainings)
    if latest.items and ended_by_time(latest.items[0]) and latest.items[0].id != turn.state.get("told"):
        turn.state["told"] = latest.items[0].id
        ended = await turn.training(latest.items[0].id)
        await show_summary(turn, ended, notice=turn.t("⏳ The time is over."), below=below)
        return
    await open_menu(turn, notice=notice or turn.t("No training is open."), below=below)


def ended_by_time(training: Training) -> bool:
    at: datetime | None = training.finished_at
    return at is not None and training.deadline is not None and at >= training.deadline


# --- Tapping --------------------------------------------------------------------------------------------------


async def press(turn: Turn, meant: OfQuestion) -> None:
    """A button below a question. Its token must be that of the question that is asked now."""
    last = turn.last_verdict(meant.token)
    if last is not None:
        if last.screen is None:  # a finger that tapped twice: the verdict stays
            await turn.toast(turn.t("This question is answered already."))
        else:  # the answer was taken, but Telegram was not there to show what became of it
            await turn.show_verdict(meant.token, last.screen)
        return
    try:
        training = await turn.open_training()
    except NotFound:
        await turn.toast(turn.t("This training is finished."))
        await after_the_end(turn)
        return
    question = training.question
    assert question is not None, "an open training is at a question"
    if question_token(training.id, question.id, training.progress.skipped) != meant.token:
        await turn.toast(turn.t("That was an earlier question; this is the one that is asked now."))
        await show_question(turn, training)
        return
    if not is_partial(question, meant.picked) and meant.verb != "done":
        await turn.toast(turn.t("This button does not fit any more."))
        await show_question(turn, training)
        return
    match meant.verb:
        case "done":
            response = answer_of(question, meant.picked)
            if response is None:
                await turn.toast(turn.t("Tick at least one answer."))
                return
            await answer(turn, training, question, response)
        case "show" | "pick":
            await show_question(turn, training, picked=meant.picked, starred=meant.starred)
        case "star" | "unstar":
            await set_favorite(turn, question.subject, question.id, meant.verb == "star")
            await show_question(turn, training, picked=meant.picked, starred=meant.starred)
        case "skip":
            await skip(turn, training, question)
        case "report":
            await ask_report(turn, question.subject, question.id)
        case "finish":
            asking = await asked(turn, training, question, meant.picked, meant.starred)
            await turn.show(finish_screen(turn.t, asking))
        case "finish-now":
            ended = await turn.ask(FinishTraining(user=turn.user, training=training.id, platform="telegram"), Training)
            await show_summary(turn, ended)


async def set_favorite(turn: Turn, subject: str, question: str, favorite: bool) -> None:
    await turn.ask(SetFavoriteById(user=turn.user, question=question, subject=subject, favorite=favorite), Set)
    t = turn.t
    await turn.toast(t("★ Kept among your favourites.") if favorite else t("☆ Not among your favourites any more."))


async def skip(turn: Turn, training: Training, question: ShownQuestion) -> None:
    skipped = await turn.ask(
        SkipQuestion(user=turn.user, training=training.id, question=question.id, platform="telegram"), Skipped
    )
    await show_question(turn, training.model_copy(update={"question": skipped.next, "progress": skipped.progress}))


async def answer(turn: Turn, training: Training, question: ShownQuestion, response: Any) -> None:
    """Give a response (Any: JSON) to the question that is asked, and show what becomes of it."""
    try:
        verdict = await turn.ask(
            GiveAnswer(
                user=turn.user, training=training.id, question=question.id, response=response, platform="telegram"
            ),
            Verdict,
        )
    except (Invalid, ValidationError):
        wanted = turn.t("❗️ A number is expected here, for example {example}.", example=turn.t.number(0.5))
        await show_question(turn, training, notice=await turn.remark(wanted))
        return
    except Conflict:  # answered in another client just now, or the time is over
        over = training.deadline is not None and datetime.now(UTC) >= training.deadline
        notice = turn.t("⏳ The time is over.") if over else turn.t("This question is answered already.")
        await go_on(turn, notice=await turn.remark(notice))
        return
    if verdict.verdict is None:
        await turn.toast(turn.t("Taken."))
        await show_question(turn, training.model_copy(update={"question": verdict.next, "progress": verdict.progress}))
        return
    screen = verdict_screen(turn.t, training.subject, training.id, question, response, verdict)
    await turn.show_verdict(question_token(training.id, question.id, training.progress.skipped), screen)


# --- Typing ---------------------------------------------------------------------------------------------------


async def typed(turn: Turn, text: str, expected: Mapping[str, str]) -> None:
    """A message that was expected to be the answer to a question: to that one, whatever is asked meanwhile."""
    training = await turn.training(expected.get("training", ""))
    question = training.question
    if question is None or question.id != expected.get("question"):
        # It may have been answered by this very message, before a crash: then the verdict is the same, and is
        # shown without the words of the question, which only the session knew.
        kind: Kind = "number" if expected.get("kind") == "number" else "text"
        question = ShownQuestion(
            id=expected.get("question", ""), subject=training.subject, topic="", kind=kind, difficulty=1, text=""
        )
    await answer(turn, training, question, text.replace("\0", ""))


# --- Afterwards -----------------------------------------------------------------------------------------------


async def show_summary(turn: Turn, training: Training, *, notice: str = "", below: bool = False) -> None:
    if training.summary is None:
        if training.question is None:
            if training.results_at is not None:
                at = turn.t.moment(training.results_at)
                notice = notice or turn.t("The results are told at the end: {moment}.", moment=at)
            await open_menu(turn, notice=notice, below=below)
        else:  # an old button of a training that goes on
            await show_question(turn, training, notice=notice, below=below)
        return
    title = title_of(await subjects_of(turn), training.subject)
    turn.expect_nothing()
    await turn.show(summary_screen(turn.t, title, training, notice=notice), below=below)


async def review(turn: Turn, meant: Review) -> None:
    """A page of a training's review; of the student's own, whatever the button says."""
    training = await turn.training(meant.training)
    if meant.page == 0:
        await show_summary(turn, training)
        return
    if training.summary is None or meant.page > len(training.summary.questions):
        await go_on(turn)
        return
    turn.expect_nothing()
    await turn.show(review_screen(turn.t, training, meant.page))
