"""What a command does: `decide` says what happens, `evolve` what it changes. Both are pure.

Whoever runs them first lets time have its say, and journals that whatever becomes of the command:

    for event in expire(state, now): state = evolve(state, event)
    for event in decide(state, command, context): state = evolve(state, event)
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, insort
from collections.abc import Iterable
from random import Random
from typing import Final, NamedTuple, Protocol

from pydantic import JsonValue

from actors.training.grading import canonical, grade, verdict_of
from actors.training.selection import History, Numbers, SubjectIndex, contains, draw, without_each
from actors.training.state import (
    ANSWERED,
    DROPPED,
    SKIPPED,
    UNTOUCHED,
    Answer,
    Contest,
    Reason,
    SessionState,
    TrainingState,
    Untold,
    initial,
    numbers,
    training_id,
)
from protocols.messages import (
    AccountJoined,
    AnyEvent,
    AnyQuestion,
    Conflict,
    EraseSession,
    ExtendTime,
    FavoriteSet,
    FinishTraining,
    GiveAnswer,
    Invalid,
    JoinInto,
    Kind,
    NotFound,
    QuestionAnswered,
    QuestionSkipped,
    ResultsTold,
    SessionCommand,
    SessionErased,
    SessionLeft,
    SetFavorite,
    ShowFavorites,
    ShowLastAnswer,
    ShowTraining,
    SkipQuestion,
    StartTraining,
    Subject,
    TakeContest,
    TakeOver,
    TimeExtended,
    TrainingFinished,
    TrainingStarted,
    Unavailable,
)

MOST_FAVORITES: Final = 10_000
LONGEST_SECONDS: Final = 3600.0
"""Who comes back to a question the next day has not thought about it all night."""

_SECOND: Final = 1_000_000
_ORDINAL: Final = re.compile(r"[1-9][0-9]{0,8}")
_MARKS: Final = tuple(bytes([mark]) for mark in range(4))

__all__ = ["Bank", "Context", "Place", "decide", "evolve", "expire", "initial"]


class Place(Protocol):
    """Where a question stands in the bank."""

    @property
    def subject(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def difficulty(self) -> int: ...
    @property
    def id(self) -> str: ...


class Bank(Protocol):
    """The questions, in memory. `question` and `place` raise `KeyError`, `find` raises `NotFound`.

    Archived questions are found by all but `index`: a training that holds them goes on.
    """

    def subject(self, slug: str, /) -> Subject | None: ...
    def question(self, number: int, /) -> AnyQuestion: ...
    def place(self, number: int, /) -> Place: ...
    def find(self, id: str, subject: str | None, /) -> int: ...
    def index(self, subject: str, /) -> SubjectIndex: ...


class Context(NamedTuple):
    """What the rules may know of the world. `now` is in microseconds since 1970."""

    now: int
    bank: Bank
    random: Random


def expire(state: SessionState, now: int) -> tuple[AnyEvent, ...]:
    """What time has brought: an exam ends at its deadline, however late that is noticed, and results are told."""
    training = state.training
    if training is not None and training.deadline is not None and training.open and now >= training.deadline:
        ended = _finished(state, training, training.deadline, "time")
        return ended, *_told(evolve(state, ended), now)
    return _told(state, now) if state.untold else ()


def _told(state: SessionState, now: int) -> tuple[AnyEvent, ...]:
    return tuple([ResultsTold(at=now, training=one.training) for one in state.untold if now >= one.results_at])


def decide(state: SessionState, command: SessionCommand, context: Context) -> tuple[AnyEvent, ...]:
    """What happens because of a command; nothing when it is so already. A `Refusal` changed nothing."""
    if state.erased or state.joined_into is not None:
        return _afterwards(state, command, context)
    match command:
        case GiveAnswer():
            return _answer(state, command, context)
        case SkipQuestion():
            return _skip(state, command, context)
        case StartTraining():
            return _start(state, command, context)
        case FinishTraining():
            training = own_training(state, command.training)
            return (_finished(state, training, context.now, "student"),) if training.open else ()
        case ShowTraining():
            return _show(state, command)
        case ShowLastAnswer():
            if state.training is None or not state.training.answers:
                raise NotFound("nothing was answered in the last training")
            return ()
        case ShowFavorites():
            return ()
        case SetFavorite():
            return _favorite(state, command, context)
        case EraseSession():
            return (SessionErased(at=context.now),)
        case JoinInto():
            return _join(state, command, context)
        case TakeOver():
            return _take_over(state, command, context)
        case TakeContest():
            return _take_contest(state, command, context)
        case ExtendTime():
            return _extend(state, command, context)
    raise TypeError(f"no rule for {type(command).__name__}")


def _afterwards(state: SessionState, command: SessionCommand, context: Context) -> tuple[AnyEvent, ...]:
    """What is still possible when the user was erased, or has become part of another."""
    if isinstance(command, ExtendTime):
        return ()
    if isinstance(command, EraseSession):
        return () if state.erased else (SessionErased(at=context.now),)
    if state.erased:
        raise NotFound("the account was erased, and its trainings with it")
    if not isinstance(command, JoinInto):
        raise Unavailable("This account is being joined with another. Please try again.")
    if command.into != state.joined_into:
        raise Conflict("this account has become part of another already")
    return ()


def _show(state: SessionState, command: ShowTraining) -> tuple[AnyEvent, ...]:
    training = state.training
    if command.training is None:
        if training is None or not training.open:
            raise NotFound("no training is open")
    elif training is None or command.training != training_id(state.user, training.number):
        raise NotFound(f"this session does not remember a training {command.training!r}")
    return ()


def own_training(state: SessionState, name: str) -> TrainingState:
    """The training that the session remembers. Raises `Conflict` for an older one, else `NotFound`."""
    training = state.training
    if training is not None and name == training_id(state.user, training.number):
        return training
    owner, _, number = name.partition("-")
    if owner == str(state.user) and _ORDINAL.fullmatch(number) and int(number) <= state.trainings:
        raise Conflict(f"the training {name!r} is finished, and another was started since")
    raise NotFound(f"there is no training {name!r}")


def _finished(state: SessionState, training: TrainingState, at: int, reason: Reason) -> TrainingFinished:
    return TrainingFinished(at=at, training=training_id(state.user, training.number), reason=reason)


def _start(state: SessionState, command: StartTraining, context: Context) -> tuple[AnyEvent, ...]:
    before = state.training
    if command.request is not None and before is not None and command.request == before.request:
        if (command.subject, command.mode) != (before.subject, before.mode):
            raise Conflict(
                f"the same key has started a training in {before.subject!r}, mode {before.mode!r}: "
                "another one needs a key of its own"
            )
        return ()
    _refuse_during_contest(state, context.now)
    subject = context.bank.subject(command.subject)
    if subject is None:
        raise NotFound(f"there is no subject {command.subject!r}")
    index = context.bank.index(command.subject)
    _check_topics(command, index, state.history, {topic.slug for topic in subject.topics}.union(index.topics))

    events: tuple[AnyEvent, ...] = ()
    if state.training is not None and state.training.open:
        events = (_finished(state, state.training, context.now, "replaced"),)
        state = evolve(state, events[0])  # what was answered in it counts as seen already
    questions = draw(index, command.filters, state.history, command.size, context.random)
    if not questions:
        raise _nothing_matches(command, index, state.history)
    deadline = None if command.minutes is None else context.now + command.minutes * 60 * _SECOND
    started = TrainingStarted(
        at=context.now,
        training=training_id(state.user, state.trainings + 1),
        subject=command.subject,
        mode=command.mode,
        questions=tuple(questions),
        seed=context.random.getrandbits(32),
        deadline=deadline,
        platform=command.platform,
        request=command.request,
    )
    return (*events, started)


def _check_topics(command: StartTraining, index: SubjectIndex, history: History, known: set[str]) -> None:
    wrong = {
        f"filters.topics.{place}": (
            f"{command.subject!r} has no topic {topic!r}; its topics are {', '.join(sorted(known))}"
        )
        for place, topic in enumerate(command.filters.topics or ())
        if topic not in known
    }
    if wrong:
        without: dict[str, JsonValue] = dict(without_each(index, command.filters, history))
        errors: list[JsonValue] = [{"path": path, "message": message} for path, message in wrong.items()]
        raise Conflict(next(iter(wrong.values())), without=without, errors=errors)


def _nothing_matches(command: StartTraining, index: SubjectIndex, history: History) -> Conflict:
    without = without_each(index, command.filters, history)
    if not without:
        return Conflict(f"the subject {command.subject!r} has no questions yet", without={})
    counts = ", ".join(f"{count} without {name!r}" for name, count in without.items())
    return Conflict(f"no question matches all filters; {counts}", without=dict(without))


def _refuse_during_contest(state: SessionState, now: int) -> None:
    """A contest is taken part in once: its training ends by its last answer, by its time, or on purpose."""
    training = state.training
    if training is None or training.contest is None or not training.open:
        return
    assert training.deadline is not None, "a contest has an end"
    seconds = max(0, training.deadline - now) // _SECOND
    raise Conflict(
        f"a contest is being taken part in, and {seconds} s of it are left: finish its training first",
        contest=training.contest.id,
        training=training_id(state.user, training.number),
        remaining_seconds=seconds,
    )


def contest_training(state: SessionState, contest: int) -> str | None:
    """The id of the training by which a contest was taken part in."""
    return next((training for taken, training in state.contests if taken == contest), None)


def _take_contest(state: SessionState, command: TakeContest, context: Context) -> tuple[AnyEvent, ...]:
    if contest_training(state, command.contest) is not None:
        return ()
    now = context.now
    if now < command.starts_at:
        seconds = -(-(command.starts_at - now) // _SECOND)
        raise Conflict(f"the contest begins in {seconds} s", starts_in_seconds=seconds)
    if now >= command.ends_at:
        raise Conflict("the contest is over")
    _refuse_during_contest(state, now)
    questions = command.questions
    if questions is None:
        # Not what this student has seen or not: all shall be alike.
        index = context.bank.index(command.subject)
        questions = tuple(draw(index, command.filters, History(), command.size, context.random))
        if not questions:
            raise Conflict("no question fits this contest any more; tell an administrator")
    events: tuple[AnyEvent, ...] = ()
    if state.training is not None and state.training.open:
        events = (_finished(state, state.training, now, "replaced"),)
    started = TrainingStarted(
        at=now,
        training=training_id(state.user, state.trainings + 1),
        subject=command.subject,
        mode="exam",
        questions=questions,
        seed=context.random.getrandbits(32),
        deadline=min(now + command.minutes * 60 * _SECOND, command.ends_at),
        platform=command.platform,
        contest=command.contest,
        results_at=command.ends_at if command.hidden else None,
    )
    return (*events, started)


def _extend(state: SessionState, command: ExtendTime, context: Context) -> tuple[AnyEvent, ...]:
    training = state.training
    deadline, extended, results_at = None, 0, None
    if (
        training is not None
        and training.contest is not None
        and command.training == training_id(state.user, training.number)
        and training.open
    ):
        assert training.deadline is not None, "a contest has an end"
        if command.outage <= training.contest.outage:
            return ()
        deadline, extended, results_at = training.deadline, training.contest.extended, training.contest.results_at
        if deadline > command.began:  # else its time was up before
            given = max(0, command.ended - max(command.began, training.started_at))
            deadline, extended = deadline + given, extended + given
        if results_at is not None:
            results_at = max(results_at, command.ends_at)
    else:
        untold = next((one for one in state.untold if one.training == command.training), None)
        if untold is None or untold.results_at >= command.ends_at:
            return ()
        results_at = command.ends_at
    extension = TimeExtended(
        at=context.now,
        training=command.training,
        outage=command.outage,
        deadline=deadline,
        results_at=results_at,
        extended=extended,
    )
    return (extension,)


def _answer(state: SessionState, command: GiveAnswer, context: Context) -> tuple[AnyEvent, ...]:
    training = own_training(state, command.training)
    number, position = located(training, command.question, context.bank)
    question = context.bank.question(number)
    if training.marks[position] == ANSWERED:
        if _says_the_same(training, question, number, command):
            return ()
        raise Conflict(f"the question {command.question!r} has another answer already; the first one counts")
    if not training.open:
        raise Conflict(f"the training {command.training!r} is finished; no more answers are taken")
    score = grade(question, command.response).score
    now = context.now
    answered = QuestionAnswered.trusted(
        at=now,
        type="answered",
        training=command.training,
        question=number,
        subject=training.subject,
        topic=question.topic,
        kind=question.kind,
        response=command.response,
        score=score,
        seconds=min(max(0.0, (now - training.touched_at) / _SECOND), LONGEST_SECONDS),
        platform=command.platform,
    )
    if training.left - (training.marks[position] != DROPPED) > 0:
        return (answered,)
    return answered, _finished(state, training, now, "complete")


def _says_the_same(training: TrainingState, question: AnyQuestion, number: int, command: GiveAnswer) -> bool:
    given = training.answer(number)
    assert given is not None
    if given.response == command.response:
        return True
    again = canonical(question, command.response)
    try:
        return again == canonical(question, given.response)
    except Invalid:  # the question was changed since, and what was given no longer fits it
        return False


def _skip(state: SessionState, command: SkipQuestion, context: Context) -> tuple[AnyEvent, ...]:
    """What waits its turn, or is out, is skipped already: only when it has come back does it go for good.

    So a skip that is sent again, because its reply was lost, does nothing more.
    """
    training = own_training(state, command.training)
    number, position = located(training, command.question, context.bank)
    mark = training.marks[position]
    if mark == ANSWERED:
        raise Conflict(f"the question {command.question!r} is answered; it cannot be skipped")
    if mark == DROPPED:
        return ()
    if not training.open:
        raise Conflict(f"the training {command.training!r} is finished; nothing is left to skip")
    if mark == SKIPPED and training.current() != position:
        return ()
    skipped = QuestionSkipped(at=context.now, training=command.training, question=number)
    if mark == UNTOUCHED or training.left > 1:
        return (skipped,)
    return skipped, _finished(state, training, context.now, "complete")


def located(training: TrainingState, id: str, bank: Bank) -> tuple[int, int]:
    """The bank's number of a question and its position in the training.

    Raises `Conflict` where it is not part of the training: what is not found would be the training itself.
    """
    try:
        number = bank.find(id, training.subject)
    except NotFound:
        position = None
    else:
        position = training.position(number)
    if position is None:
        raise Conflict(f"the question {id!r} is not part of this training")
    return number, position


def _favorite(state: SessionState, command: SetFavorite, context: Context) -> tuple[AnyEvent, ...]:
    if contains(state.favorites, command.question) == command.favorite:
        return ()
    if command.favorite:
        try:
            context.bank.place(command.question)
        except KeyError as error:
            raise NotFound(f"there is no question with the number {command.question}") from error
        if len(state.favorites) >= MOST_FAVORITES:
            raise Conflict(f"there are {MOST_FAVORITES} favourites already; remove one first")
    return (FavoriteSet(at=context.now, question=command.question, favorite=command.favorite),)


def _join(state: SessionState, command: JoinInto, context: Context) -> tuple[AnyEvent, ...]:
    if command.into == state.user:
        raise Conflict("an account cannot be joined with itself")
    _refuse_during_contest(state, context.now)
    left = SessionLeft(at=context.now, into=command.into)
    if state.training is not None and state.training.open:
        return _finished(state, state.training, context.now, "joined"), left
    return (left,)


def _take_over(state: SessionState, command: TakeOver, context: Context) -> tuple[AnyEvent, ...]:
    if command.source == state.user:
        raise Conflict("an account cannot be joined with itself")
    if command.source in state.joined:
        return ()
    joined = AccountJoined(at=context.now, source=command.source, after=state.trainings, memory=command.memory)
    return (joined,)


def evolve(state: SessionState, event: AnyEvent) -> SessionState:
    """The state after an event. Events come in their order, each once."""
    # By the tag, not by the class, which pydantic compares much slower.
    if event.type == "answered":
        return _with_training(state, _after_answer(_the_training(state), event))
    if event.type == "skipped":
        return _with_training(state, _after_skip(_the_training(state), event))
    if event.type == "started":
        return _after_start(state, event)
    if event.type == "finished":
        return _after_finish(state, _the_training(state), event)
    if event.type == "favorite":
        change = _added if event.favorite else _removed
        return state._replace(favorites=change(state.favorites, (event.question,)))
    if event.type == "extended":
        return _after_extension(state, event)
    if event.type == "told":
        return _after_telling(state, event)
    if event.type == "left":
        return state._replace(training=None, joined_into=event.into)
    if event.type == "joined":
        return _after_join(state, event)
    return initial(state.user)._replace(trainings=state.trainings, erased=True)


def _the_training(state: SessionState) -> TrainingState:
    assert state.training is not None, "a training starts before anything happens in it"
    return state.training


def _with_training(state: SessionState, training: TrainingState) -> SessionState:
    # Spelled out, as below: _replace costs several times as much, and every answer comes by here.
    return SessionState(
        state.user,
        state.trainings,
        training,
        state.seen,
        state.mistakes,
        state.favorites,
        state.erased,
        state.joined_into,
        state.joined,
        state.contests,
        state.untold,
    )


def _after_start(state: SessionState, event: TrainingStarted) -> SessionState:
    training = TrainingState(
        number=state.trainings + 1,
        subject=sys.intern(event.subject),
        mode=event.mode,
        questions=numbers(event.questions),
        seed=event.seed,
        started_at=event.at,
        deadline=event.deadline,
        touched_at=event.at,
        marks=bytes(len(event.questions)),
        request=event.request,
    )
    if event.contest is not None:
        training = training._replace(contest=Contest(event.contest, event.results_at))
        state = state._replace(contests=(*state.contests, (event.contest, event.training)))
    return state._replace(trainings=state.trainings + 1, training=training)


def _after_answer(before: TrainingState, event: QuestionAnswered) -> TrainingState:
    position = before.questions.index(event.question)
    score = event.score
    return TrainingState(
        before.number,
        before.subject,
        before.mode,
        before.questions,
        before.seed,
        before.started_at,
        before.deadline,
        event.at,
        _marked(before.marks, position, ANSWERED),
        before.skipped.replace(bytes((position,)), b"") if before.skipped else b"",
        (*before.answers, Answer(event.question, event.response, score, event.seconds)),
        before.correct + (verdict_of(score) == "correct"),
        request=before.request,
        contest=before.contest,
    )


def _after_skip(before: TrainingState, event: QuestionSkipped) -> TrainingState:
    position = before.questions.index(event.question)
    first = before.marks[position] == UNTOUCHED
    waiting = before.skipped.replace(bytes((position,)), b"")
    return before._replace(
        touched_at=event.at,
        marks=_marked(before.marks, position, SKIPPED if first else DROPPED),
        skipped=waiting + bytes((position,)) if first else waiting,
    )


def _after_finish(state: SessionState, training: TrainingState, event: TrainingFinished) -> SessionState:
    right = [answer.question for answer in training.answers if verdict_of(answer.score) == "correct"]
    not_right = [answer.question for answer in training.answers if verdict_of(answer.score) != "correct"]
    seen = [number for number, mark in zip(training.questions, training.marks, strict=True) if mark != UNTOUCHED]
    state = state._replace(
        training=training._replace(finished_at=event.at, reason=event.reason), seen=_added(state.seen, seen)
    )
    if training.contest is not None and training.contest.results_at is not None:
        # One's mistakes would tell what the contest does not tell yet.
        untold = Untold(event.training, training.contest.results_at, tuple(right), tuple(not_right))
        return state._replace(untold=(*state.untold, untold))
    return state._replace(mistakes=_added(_removed(state.mistakes, right), not_right))


def _after_extension(state: SessionState, event: TimeExtended) -> SessionState:
    training = state.training
    if event.deadline is not None:
        assert training is not None and training.contest is not None and training.deadline is not None  # noqa: PT018
        given = event.deadline - training.deadline
        contest = training.contest._replace(results_at=event.results_at, outage=event.outage, extended=event.extended)
        return _with_training(
            state,
            training._replace(deadline=event.deadline, touched_at=training.touched_at + given, contest=contest),
        )
    assert event.results_at is not None
    results_at = event.results_at
    if training is not None and event.training == training_id(state.user, training.number):
        assert training.contest is not None
        training = training._replace(contest=training.contest._replace(results_at=results_at))
    untold = tuple(
        one._replace(results_at=results_at) if one.training == event.training else one for one in state.untold
    )
    return state._replace(training=training, untold=untold)


def _after_telling(state: SessionState, event: ResultsTold) -> SessionState:
    told = next(one for one in state.untold if one.training == event.training)
    return state._replace(
        untold=tuple(one for one in state.untold if one is not told),
        mistakes=_added(_removed(state.mistakes, told.right), told.wrong),
    )


def _after_join(state: SessionState, event: AccountJoined) -> SessionState:
    """What either has seen or likes was seen and is liked; what either got wrong is a mistake until it is got right."""
    memory = event.memory
    return state._replace(
        trainings=state.trainings + memory.trainings,
        seen=_added(state.seen, memory.seen),
        mistakes=_added(state.mistakes, memory.mistakes),
        favorites=_added(state.favorites, memory.favorites),
        joined=(*state.joined, event.source),
        contests=(*state.contests, *(one for one in memory.contests if contest_training(state, one[0]) is None)),
    )


def _marked(marks: bytes, position: int, mark: int) -> bytes:
    return marks[:position] + _MARKS[mark] + marks[position + 1 :]


def _added(ascending: Numbers, new: Iterable[int]) -> Numbers:
    missing = [number for number in new if not contains(ascending, number)]
    if not missing:
        return ascending
    changed = ascending[:]
    for number in missing:
        insort(changed, number)
    return changed


def _removed(ascending: Numbers, old: Iterable[int]) -> Numbers:
    present = [number for number in old if contains(ascending, number)]
    if not present:
        return ascending
    changed = ascending[:]
    for number in present:
        del changed[bisect_left(changed, number)]
    return numbers(changed)
