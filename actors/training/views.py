"""Replies: what a student is shown of a state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from math import fsum
from typing import Final

from pydantic import JsonValue

from actors.training.grading import grade, verdict_of
from actors.training.rules import Bank, Context, contest_training, own_training
from actors.training.selection import contains
from actors.training.state import UNTOUCHED, Answer, SessionState, TrainingState, training_id
from protocols.messages import (
    AcceptedNumber,
    AcceptedText,
    AnyQuestion,
    Choice,
    ContestTaken,
    Done,
    Favorites,
    FinishTraining,
    GiveAnswer,
    Invalid,
    JoinInto,
    LastAnswer,
    MatchQuestion,
    Message,
    MultipleQuestion,
    NumberKey,
    NumberRange,
    Option,
    OrderQuestion,
    Progress,
    Reviewed,
    SessionCommand,
    SessionMemory,
    ShowFavorites,
    ShowLastAnswer,
    ShownChoice,
    ShownQuestion,
    ShowTraining,
    SingleQuestion,
    Skipped,
    SkipQuestion,
    StartTraining,
    Summary,
    TakeContest,
    TextKey,
    Training,
    Verdict,
)

WITH_OPTIONS: Final = (SingleQuestion, MultipleQuestion, OrderQuestion)
_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_64 = (1 << 64) - 1


def reply(state: SessionState, command: SessionCommand, context: Context) -> Message:
    """The answer to a command that was decided and whose events are in the state."""
    match command:
        case GiveAnswer():
            return verdict(state, command, context.bank)
        case SkipQuestion():
            training = own_training(state, command.training)
            return Skipped(next=shown_now(training, context.bank), progress=progress(training))
        case StartTraining() | FinishTraining() | ShowTraining():
            assert state.training is not None
            return training_view(state, state.training, context)
        case ShowFavorites():
            return Favorites(questions=tuple(one for one in command.questions if contains(state.favorites, one)))
        case ShowLastAnswer():
            return last_answer(state, context.bank)
        case TakeContest():
            taken = contest_training(state, command.contest)
            assert taken is not None
            if state.training is None or taken != training_id(state.user, state.training.number):
                return ContestTaken(training=taken)
            return training_view(state, state.training, context)
        case JoinInto():
            return SessionMemory(
                trainings=state.trainings,
                seen=tuple(state.seen),
                mistakes=tuple(state.mistakes),
                favorites=tuple(state.favorites),
                contests=state.contests,
            )
    return Done()


def training_view(state: SessionState, training: TrainingState, context: Context) -> Training:
    """A training with its current question while it is open, with its summary once it is finished and may be told."""
    contest, bank, position = training.contest, context.bank, training.current()
    results_at = None if contest is None else contest.results_at
    told = results_at is None or context.now >= results_at
    return Training.trusted(
        id=training_id(state.user, training.number),
        subject=training.subject,
        mode=training.mode,
        size=len(training.questions),
        status="open" if training.open else "finished",
        started_at=moment(training.started_at),
        finished_at=None if training.finished_at is None else moment(training.finished_at),
        deadline=None if training.deadline is None else moment(training.deadline),
        progress=progress(training, told),
        question=shown_now(training, bank),
        summary=None if training.open or not told else summary(training.questions, training.answers, bank),
        contest=None if contest is None else contest.id,
        extended_seconds=0.0 if contest is None else contest.extended / _SECOND,
        results_at=None if results_at is None else moment(results_at),
        favorite=position is not None and contains(state.favorites, training.questions[position]),
    )


def last_answer(state: SessionState, bank: Bank) -> LastAnswer:
    """The answer that was given last, and what became of it."""
    training = state.training
    assert training is not None
    number = training.answers[-1].question
    question = bank.question(number)
    return LastAnswer(
        training=training_id(state.user, training.number),
        subject=training.subject,
        question=shown(question, number, training.subject, training.seed),
        response=training.answers[-1].response,
        verdict=_verdict(training, number, question.id, bank),
        favorite=contains(state.favorites, number),
    )


def verdict(state: SessionState, command: GiveAnswer, bank: Bank) -> Verdict:
    """What became of an answer that is in the state; in an exam only that it was taken."""
    training = state.training
    assert training is not None
    return _verdict(training, bank.find(command.question, training.subject), command.question, bank)


def _verdict(training: TrainingState, number: int, id: str, bank: Bank) -> Verdict:
    following, so_far = shown_now(training, bank), progress(training)
    if training.mode == "exam":
        return Verdict.trusted(
            question=id,
            score=None,
            verdict=None,
            key=None,
            explanation=None,
            feedback=None,
            next=following,
            progress=so_far,
        )
    answer = training.answer(number)
    assert answer is not None
    question = bank.question(number)
    return Verdict.trusted(
        question=id,
        score=answer.score,
        verdict=verdict_of(answer.score),
        key=key_of(question),
        explanation=question.explanation,
        feedback=_feedback(question, answer),
        next=following,
        progress=so_far,
    )


def _feedback(question: AnyQuestion, answer: Answer) -> str | None:
    if question.kind == "order" or question.kind == "match":
        return None
    parts: Sequence[Option | AcceptedText | AcceptedNumber]
    parts = question.key.accept if question.kind == "text" or question.kind == "number" else question.options
    if not any([part.feedback for part in parts]):  # most have none: that saves grading once more
        return None
    try:
        return grade(question, answer.response).feedback
    except Invalid:  # the question was changed since, and what was given no longer fits it
        return None


def progress(training: TrainingState, told: bool = False) -> Progress:
    """`told`: the results of its contest are no secret any more."""
    answered, untouched = len(training.answers), training.marks.count(UNTOUCHED)
    return Progress.trusted(
        answered=answered,
        correct=None if training.mode == "exam" and _is_secret(training, told) else training.correct,
        skipped=len(training.questions) - answered - untouched,
        left=untouched + len(training.skipped),
    )


def _is_secret(training: TrainingState, told: bool) -> bool:
    return training.open or (training.contest is not None and training.contest.results_at is not None and not told)


def summary(questions: Sequence[int], answers: Iterable[Answer], bank: Bank) -> Summary:
    """The review of a finished training: its questions by number in their order, with what was answered."""
    given = {answer.question: answer for answer in answers}
    reviewed = tuple(_reviewed(bank.question(number), given.get(number)) for number in questions)
    verdicts = [one.verdict for one in reviewed]
    score = fsum(answer.score for answer in given.values())
    return Summary(
        answered=len(given),
        correct=verdicts.count("correct"),
        partial=verdicts.count("partial"),
        wrong=verdicts.count("wrong"),
        unanswered=verdicts.count(None),
        score=score,
        share=score / len(questions),
        seconds=fsum(answer.seconds for answer in given.values()),
        questions=reviewed,
    )


def _reviewed(question: AnyQuestion, answer: Answer | None) -> Reviewed:
    return Reviewed(
        question=question.id,
        topic=question.topic,
        kind=question.kind,
        text=question.text,
        image=question.image,
        options=_choices(question.options) if isinstance(question, WITH_OPTIONS) else None,
        left=_choices(question.left) if isinstance(question, MatchQuestion) else None,
        right=_choices(question.right) if isinstance(question, MatchQuestion) else None,
        response=None if answer is None else answer.response,
        score=None if answer is None else answer.score,
        verdict=None if answer is None else verdict_of(answer.score),
        key=key_of(question),
        explanation=question.explanation,
    )


def shown_now(training: TrainingState, bank: Bank) -> ShownQuestion | None:
    """The question that the student is at; None in a finished training."""
    position = training.current()
    if position is None:
        return None
    number = training.questions[position]
    return shown(bank.question(number), number, training.subject, training.seed)


def shown(question: AnyQuestion, number: int, subject: str, seed: int) -> ShownQuestion:
    """A question without its key, its choices in the order that belongs to this training's seed."""
    choices: Sequence[Choice] = ()
    if question.kind == "match":
        choices = question.right
    elif question.kind != "text" and question.kind != "number":
        choices = question.options
    order = order_of(len(choices), seed, number)
    key = (id(question), order)
    known = _shown.get(key)
    # An id may be used again when the question has gone.
    if known is not None and known[0] is question:
        return known[1]
    view = _show(question, subject, [choices[place] for place in order])
    if len(_shown) >= MOST_SHOWN:
        _shown.clear()
    _shown[key] = (question, view)
    return view


def unmixed(question: AnyQuestion, subject: str) -> ShownQuestion:
    """A question without its key, its choices in the order of the bank; but not in that which is asked for."""
    choices: Sequence[Choice] = ()
    if question.kind == "match":
        choices = question.right
    elif question.kind != "text" and question.kind != "number":
        choices = question.options
    return _show(question, subject, list(choices))


# Of the many trainings that show a question, those that show its choices in the same order share what they show.
_shown: dict[tuple[int, tuple[int, ...]], tuple[AnyQuestion, ShownQuestion]] = {}
MOST_SHOWN: Final = 20_000


def _show(question: AnyQuestion, subject: str, mixed: list[Choice]) -> ShownQuestion:
    options = left = right = None
    if question.kind == "match":
        left, right = _choices(question.left), _choices(mixed)
    elif mixed:
        if question.kind == "order" and all(
            choice.id == name for choice, name in zip(mixed, question.key, strict=True)
        ):
            mixed = mixed[1:] + mixed[:1]  # what is asked for must not stand there by chance
        options = _choices(mixed)
    return ShownQuestion.trusted(
        id=question.id,
        subject=subject,
        topic=question.topic,
        kind=question.kind,
        difficulty=question.difficulty,
        text=question.text,
        image=question.image,
        options=options,
        left=left,
        right=right,
    )


def _choices(choices: Iterable[Choice]) -> tuple[ShownChoice, ...]:
    return tuple([ShownChoice.trusted(id=choice.id, text=choice.text, image=choice.image) for choice in choices])


def order_of(count: int, seed: int, number: int) -> tuple[int, ...]:
    """An order of `count` things that depends on seed and number only."""
    bits = _mixed_bits(seed << 32 ^ number)
    if count <= _FEW:
        orders = _ORDERS[count]
        return orders[bits % len(orders)]
    # Fisher and Yates' shuffle; 128 bits hold the 26! orders of the longest list many times over.
    bits = bits << 64 | _mixed_bits(~(seed << 32 ^ number))
    mixed = list(range(count))
    for last in range(count - 1, 0, -1):
        bits, other = divmod(bits, last + 1)
        mixed[last], mixed[other] = mixed[other], mixed[last]
    return tuple(mixed)


_FEW: Final = 6
_ORDERS: Final = [tuple(permutations(range(count))) for count in range(_FEW + 1)]


def _mixed_bits(value: int) -> int:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014), which makes near values far."""
    value = value + 0x9E3779B97F4A7C15 & _64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _64
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _64
    return value ^ value >> 31


def key_of(question: AnyQuestion) -> JsonValue:
    """The key as in a bank file, without feedback."""
    if question.kind == "single":
        return question.key
    if question.kind == "multiple" or question.kind == "order":
        return list(question.key)
    if question.kind == "match":
        return dict(question.key)
    if question.kind == "text":
        return _text_key(question.key)
    return _number_key(question.key)


def _text_key(key: TextKey) -> JsonValue:
    shown: dict[str, JsonValue] = {
        "accept": [one.text if one.weight == 1 else {"text": one.text, "weight": one.weight} for one in key.accept]
    }
    if key.pattern is not None:
        shown["pattern"] = key.pattern
    if key.case_sensitive:
        shown["case_sensitive"] = True
    return shown


def _number_key(key: NumberKey) -> JsonValue:
    if not key.accept:
        return _range(key)
    return {"accept": [_range(one) if one.weight == 1 else _range(one) | {"weight": one.weight} for one in key.accept]}


def _range(accepted: NumberRange) -> dict[str, JsonValue]:
    if accepted.value is None:
        return {"min": accepted.min, "max": accepted.max}
    if accepted.tolerance:
        return {"value": accepted.value, "tolerance": accepted.tolerance}
    return {"value": accepted.value}


def moment(microseconds: int) -> datetime:
    """A time in UTC, from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)
