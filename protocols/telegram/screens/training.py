"""A training from its start to its summary: what tapping and typing does to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from protocols.messages import (
    Conflict,
    FavoritesById,
    FinishTraining,
    GiveAnswer,
    Invalid,
    ListTrainings,
    NotFound,
    SetFavoriteById,
    ShowFavoritesById,
    ShownQuestion,
    Skipped,
    SkipQuestion,
    Training,
    Trainings,
    Verdict,
)
from protocols.messages import Done as Set
from protocols.telegram.callbacks import OfQuestion, OfReviewed, Review, question_token
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
    notice: str = "",
    below: bool = False,
) -> None:
    if training.question is None:
        await show_summary(turn, await turn.training(training.id), notice=notice, below=below)
        return
    asking = await asked(turn, training, training.question, picked)
    if training.question.kind in TYPED:
        turn.expect("answer", training=training.id, question=training.question.id)
    else:
        turn.expect_nothing()
    await turn.show(question_screen(turn.t, asking, turn.now, notice), below=below)


async def asked(turn: Turn, training: Training, question: ShownQuestion, picked: str = "") -> Asking:
    topic = topic_of(await subjects_of(turn), training.subject, question.topic)
    return Asking(training, question, topic, picked)


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
    training: Training | None
    try:
        training = await turn.open_training()
    except NotFound:
        training = None
    question = None if training is None else training.question
    if (
        training is None
        or question is None
        or question_token(training.id, question.id, training.progress.skipped) != meant.token
    ):
        if not await _press_answered(turn, meant):
            await _show_present(turn, training)
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
            await show_question(turn, training, picked=meant.picked)
        case "star" | "unstar":
            await set_favorite(turn, question.subject, question.id, meant.verb == "star")
            training = training.model_copy(update={"favorite": meant.verb == "star"})
            await show_question(turn, training, picked=meant.picked)
        case "skip":
            await skip(turn, training, question)
        case "report":
            back = OfQuestion("show", meant.token, meant.picked)
            await ask_report(turn, question.subject, question.id, back)
        case "finish":
            asking = await asked(turn, training, question, meant.picked)
            await turn.show(finish_screen(turn.t, asking))
        case "finish-now":
            ended = await turn.ask(FinishTraining(user=turn.user, training=training.id, platform="telegram"), Training)
            await show_summary(turn, ended)


async def _press_answered(turn: Turn, meant: OfQuestion) -> bool:
    """A button of the question that was answered last: below its verdict, or below the question itself, by a finger
    that tapped twice or before a crash, which hid the verdict. False: it is about another question.
    """
    last = await turn.last_answer()
    if last is None or last.verdict.verdict is None:
        return False
    question, skipped, favorite = last.question, last.verdict.progress.skipped, last.favorite
    # A question that came back was among the skipped ones until it was answered.
    if meant.token not in [question_token(last.training, question.id, count) for count in (skipped, skipped + 1)]:
        return False
    match meant.verb:
        case "report":
            await ask_report(turn, question.subject, question.id, OfQuestion("show", meant.token))
            return True
        case "star" | "unstar":
            favorite = meant.verb == "star"
            await set_favorite(turn, question.subject, question.id, favorite)
        case "show":  # back from telling its authors of a mistake
            pass
        case _:
            await turn.toast(turn.t("This question is answered already."))
    turn.expect_nothing()
    await turn.show(
        verdict_screen(turn.t, last.training, meant.token, question, last.response, last.verdict, favorite=favorite)
    )
    return True


async def _show_present(turn: Turn, training: Training | None) -> None:
    """What is asked now, instead of what an old button is about."""
    if training is None:
        await turn.toast(turn.t("This training is finished."))
        await after_the_end(turn)
    else:
        await turn.toast(turn.t("That was an earlier question; this is the one that is asked now."))
        await show_question(turn, training)


async def set_favorite(turn: Turn, subject: str, question: str, favorite: bool) -> None:
    await turn.ask(SetFavoriteById(user=turn.user, question=question, subject=subject, favorite=favorite), Set)
    t = turn.t
    await turn.toast(t("★ Kept among your favourites.") if favorite else t("☆ Not among your favourites any more."))


async def skip(turn: Turn, training: Training, question: ShownQuestion) -> None:
    await turn.ask(
        SkipQuestion(user=turn.user, training=training.id, question=question.id, platform="telegram"), Skipped
    )
    await show_question(turn, await turn.training(training.id))


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
        await show_question(turn, await turn.training(training.id))
        return
    token = question_token(training.id, question.id, training.progress.skipped)
    turn.expect_nothing()
    await turn.show(verdict_screen(turn.t, training.id, token, question, response, verdict, favorite=training.favorite))


# --- Typing ---------------------------------------------------------------------------------------------------


async def typed(turn: Turn, text: str, expected: Mapping[str, str]) -> None:
    """A message that was expected to be the answer to a question: to that one, whatever is asked meanwhile."""
    training = await turn.training(expected.get("training", ""))
    question = training.question
    if question is None or question.id != expected.get("question"):
        # It may have been answered by this very message, before a crash: then the verdict is the same.
        last = await turn.last_answer()
        if last is None or (last.training, last.question.id) != (training.id, expected.get("question")):
            await go_on(turn, notice=turn.t("This question is answered already."))
            return
        question, training = last.question, training.model_copy(update={"favorite": last.favorite})
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
    await _show_page(turn, training, meant.page)


async def press_reviewed(turn: Turn, meant: OfReviewed) -> None:
    """A button below a page of a review."""
    training = await turn.training(meant.training)
    if training.summary is None or meant.page > len(training.summary.questions):
        await go_on(turn)
        return
    question = training.summary.questions[meant.page - 1].question
    if meant.verb == "report":
        await ask_report(turn, training.subject, question, Review(training.id, meant.page))
        return
    await set_favorite(turn, training.subject, question, meant.verb == "star")
    await _show_page(turn, training, meant.page)


async def _show_page(turn: Turn, training: Training, page: int) -> None:
    assert training.summary is not None
    question = training.summary.questions[page - 1].question
    message = ShowFavoritesById(user=turn.user, questions=(question,), subject=training.subject)
    favorites = (await turn.ask(message, FavoritesById)).questions
    turn.expect_nothing()
    await turn.show(review_screen(turn.t, training, page, favorite=question in favorites))
