"""Any sequence of commands: the invariants hold, and the journal alone gives the same state."""

from __future__ import annotations

from functools import reduce

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.training.rules import evolve, initial
from actors.training.state import ANSWERED, from_bytes, to_bytes
from protocols.messages import (
    KINDS,
    Conflict,
    EraseSession,
    FinishTraining,
    GiveAnswer,
    Invalid,
    JoinInto,
    NotFound,
    QuestionAnswered,
    Refusal,
    SessionCommand,
    SessionMemory,
    SetFavorite,
    ShowTraining,
    SkipQuestion,
    StartTraining,
    TakeOver,
    Training,
    TrainingFinished,
    TrainingStarted,
    Unavailable,
)
from tests.training.samples import MINUTE, right_response, sample_bank, wrong_response
from tests.training.session import Session

BANK = sample_bank(24)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "topics": st.lists(st.sampled_from(["topic-0", "topic-1", "topic-2", "gone"]), max_size=2),
        "kinds": st.lists(st.sampled_from(KINDS), max_size=2),
        "difficulty": st.fixed_dictionaries({"min": st.integers(1, 5)}),
        "only": st.sampled_from(["unseen", "mistakes", "favorites"]),
    },
)
MODES = st.one_of(
    st.just({"mode": "practice"}),
    st.fixed_dictionaries({"mode": st.just("exam"), "minutes": st.integers(1, 3)}),
)
SOME = st.lists(st.integers(1, 26), max_size=6).map(lambda numbers: tuple(sorted(set(numbers))))
MEMORIES = st.builds(SessionMemory, trainings=st.integers(0, 3), seen=SOME, mistakes=SOME, favorites=SOME)
RESPONSES = st.one_of(
    st.sampled_from(["right", "wrong"]),
    st.sampled_from(["a", "b", "0,3", 0.25, 7, ["a", "c"], [], ["a", "b", "c", "d"], {"1": "a"}, {}]),
)


class AnySession(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.session = Session(BANK)
        self.favorites: set[int] = set()
        self.taken: list[tuple[int, SessionMemory]] = []  # how long the journal was after it, and what was taken

    def ask(self, command: SessionCommand) -> bool:
        """Whether it was accepted. If not, at most the end of an overdue exam was kept, nothing else."""
        before, known = self.session.state, len(self.session.journal)
        try:
            self.session.ask(command)
        except Refusal as refusal:
            left = self.session.state.joined_into is not None
            assert isinstance(refusal, (NotFound, Conflict, Invalid, *([Unavailable] if left else [])))  # noqa: PT017
            new = self.session.journal[known:]
            assert all(isinstance(event, TrainingFinished) and event.reason == "time" for event in new)
            assert new or self.session.state == before
            return False
        return True

    @rule(microseconds=st.integers(0, 2 * MINUTE))
    def wait(self, microseconds: int) -> None:
        self.session.now += microseconds

    @rule(size=st.integers(1, 8), mode=MODES, filters=FILTERS, request=st.sampled_from([None, "a", "b"]))
    def start(self, size: int, mode: dict[str, object], filters: dict[str, object], request: str | None) -> None:
        members = {"user": 7, "subject": "sample", "size": size, "filters": filters, "request": request, **mode}
        command = StartTraining.model_validate(members)
        if self.ask(command) and request is not None:
            # Sent again at once, it starts nothing.
            known, name = len(self.session.journal), self.session.id
            assert self.ask(command)
            assert (len(self.session.journal), self.session.id) == (known, name)

    @precondition(lambda self: self.session.state.training is not None)
    @rule(at=st.integers(0, 7), response=RESPONSES)
    def answer(self, at: int, response: object) -> None:
        training = self.session.training
        question = BANK.question(training.questions[at % len(training.questions)])
        given = (
            right_response(question)
            if response == "right"
            else wrong_response(question)
            if response == "wrong"
            else response
        )
        command = {"user": 7, "training": self.session.id, "question": question.id, "response": given}
        if self.ask(GiveAnswer.model_validate(command)):
            # Sent again at once, it changes nothing and gets the same verdict.
            known = len(self.session.journal)
            verdicts = [self.session.ask(GiveAnswer.model_validate(command)) for _ in range(2)]
            assert verdicts[0] == verdicts[1]
            assert len(self.session.journal) == known

    @precondition(lambda self: self.session.state.training is not None)
    @rule(at=st.integers(0, 7))
    def skip(self, at: int) -> None:
        position = at % len(self.session.training.questions)
        self.ask(SkipQuestion(user=7, training=self.session.id, question=self.session.name(position)))

    @precondition(lambda self: self.session.state.training is not None and self.session.training.open)
    @rule()
    def skip_current(self) -> None:
        position = self.session.training.current()
        assert position is not None
        self.ask(SkipQuestion(user=7, training=self.session.id, question=self.session.name(position)))

    @rule(number=st.integers(0, 4))
    def finish(self, number: int) -> None:
        self.ask(FinishTraining(user=7, training=f"7-{number}"))

    @rule(named=st.booleans())
    def show(self, named: bool) -> None:
        self.ask(ShowTraining(user=7, training="7-1" if named else None))

    @rule(question=st.integers(1, 26), favorite=st.booleans())
    def set_favorite(self, question: int, favorite: bool) -> None:
        if self.ask(SetFavorite(user=7, question=question, favorite=favorite)):
            (self.favorites.add if favorite else self.favorites.discard)(question)

    @rule(source=st.integers(1, 3), memory=MEMORIES)
    def take_over(self, source: int, memory: SessionMemory) -> None:
        new = source not in self.session.state.joined
        if self.ask(TakeOver(user=7, source=source, memory=memory)) and new:
            self.favorites.update(memory.favorites)
            self.taken.append((len(self.session.journal), memory))

    @precondition(lambda self: len(self.session.journal) > 20)
    @rule(into=st.integers(8, 9))
    def leave(self, into: int) -> None:
        if self.ask(JoinInto(user=7, into=into)):
            state = self.session.state
            assert state.joined_into == into
            known = len(self.session.journal)
            memory = self.session.ask(JoinInto(user=7, into=into))
            assert memory == SessionMemory(
                trainings=state.trainings,
                seen=tuple(state.seen),
                mistakes=tuple(state.mistakes),
                favorites=tuple(state.favorites),
            )
            assert len(self.session.journal) == known

    @precondition(lambda self: len(self.session.journal) > 20)
    @rule()
    def erase(self) -> None:
        self.ask(EraseSession(user=7))
        self.favorites.clear()
        assert self.session.state.erased

    @invariant()
    def counts_agree(self) -> None:
        training = self.session.state.training
        if training is None:
            return
        size, answered = len(training.questions), len(training.answers)
        waiting, dropped = len(training.skipped), training.marks.count(2)
        assert len(training.marks) == len(set(training.questions)) == size
        assert training.marks.count(ANSWERED) == answered == len({one.question for one in training.answers})
        assert training.marks.count(1) == waiting == len(set(training.skipped))
        assert answered + training.left + dropped == size
        assert training.correct == sum(1 for one in training.answers if one.score > 1 - 1e-9)
        assert training.open == (training.finished_at is None)

    @invariant()
    def what_is_shown_agrees(self) -> None:
        training = self.session.state.training
        if training is None:
            return
        shown = self.session.ask(ShowTraining(user=7, training=self.session.id))
        assert isinstance(shown, Training)
        training = self.session.training
        progress = shown.progress
        assert progress.answered == len(training.answers)
        assert progress.left == training.left
        assert progress.skipped == training.marks.count(1) + training.marks.count(2)
        assert (progress.correct is None) == (training.mode == "exam" and training.open)
        if training.open:
            assert training.left > 0
            assert shown.question is not None
            position = training.current()
            assert position is not None
            assert training.marks[position] < 2
            assert shown.summary is None
        else:
            assert shown.question is None
            summary = shown.summary
            assert summary is not None
            assert summary.correct + summary.partial + summary.wrong == summary.answered == progress.answered
            assert summary.answered + summary.unanswered == shown.size == len(summary.questions)
            assert 0 <= summary.share <= 1

    @invariant()
    def the_journal_tells_a_story(self) -> None:
        open_training, answered = None, set()
        for event in self.session.journal:
            if isinstance(event, TrainingStarted):
                assert open_training is None
                open_training = event.training
            elif isinstance(event, TrainingFinished):
                assert open_training == event.training
                open_training = None
            elif isinstance(event, QuestionAnswered):
                assert open_training == event.training
                assert 0 <= event.score <= 1
                assert event.seconds >= 0
                assert (event.training, event.question) not in answered
                answered.add((event.training, event.question))

    @invariant()
    def favorites_are_a_set(self) -> None:
        assert list(self.session.state.favorites) == sorted(self.favorites)

    @invariant()
    def the_last_answers_make_the_mistakes(self) -> None:
        state = self.session.state
        if state.erased or (state.training is not None and state.training.open):
            return
        # What others brought along counts as wrong from the moment it came, if not from before.
        last: dict[int, bool] = {}
        taken = dict(self.taken)
        answered: dict[str, dict[int, bool]] = {}
        for length, event in enumerate(self.session.journal, start=1):
            if event.type == "answered":
                answered.setdefault(event.training, {})[event.question] = event.score > 1 - 1e-9
            elif event.type == "finished":  # a training is taken into the memory as a whole
                last |= answered.pop(event.training, {})
            elif event.type == "joined":
                last |= dict.fromkeys(taken[length].mistakes, False)
        assert list(state.mistakes) == sorted(number for number, right in last.items() if not right)
        assert set(state.seen) >= set(last) - {number for _, memory in self.taken for number in memory.mistakes}
        assert set(state.seen) >= {number for _, memory in self.taken for number in memory.seen}
        assert list(state.seen) == sorted(set(state.seen))

    @invariant()
    def replaying_the_journal_gives_the_state(self) -> None:
        assert reduce(evolve, self.session.journal, initial(7)) == self.session.state

    @invariant()
    def a_snapshot_gives_the_state(self) -> None:
        assert from_bytes(to_bytes(self.session.state)) == self.session.state


TestAnySession = AnySession.TestCase
TestAnySession.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
