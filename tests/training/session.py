"""A session run as its actor runs it: time first, then the command, then the reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from actors.training.rules import Context, decide, evolve, expire, initial
from actors.training.state import SessionState, TrainingState
from actors.training.views import reply
from protocols.messages import (
    AnyEvent,
    ExtendTime,
    FinishTraining,
    GiveAnswer,
    Message,
    Response,
    SessionCommand,
    ShowTraining,
    Skipped,
    SkipQuestion,
    StartTraining,
    Training,
    Verdict,
)
from tests.training.samples import MINUTE, SampleBank, right_response, wrong_response


@dataclass
class Session:
    """One user, 7, with a clock that the test sets and a journal of all events."""

    bank: SampleBank
    now: int = 1000 * MINUTE
    random: Random = field(default_factory=lambda: Random(1))
    journal: list[AnyEvent] = field(default_factory=list)
    state: SessionState = field(default_factory=lambda: initial(7))

    def ask(self, command: SessionCommand) -> Message:
        """The reply; raises the refusal, after the events of time were kept."""
        context = Context(self.now, self.bank, self.random)
        if not isinstance(command, ExtendTime):
            self._keep(expire(self.state, self.now))
        self._keep(decide(self.state, command, context))
        return reply(self.state, command, context)

    def _keep(self, events: tuple[AnyEvent, ...]) -> None:
        for event in events:
            self.journal.append(event)
            self.state = evolve(self.state, event)

    @property
    def training(self) -> TrainingState:
        assert self.state.training is not None
        return self.state.training

    @property
    def id(self) -> str:
        return f"7-{self.training.number}"

    def name(self, position: int) -> str:
        """The id of the question that stands there in the training."""
        return self.bank.question(self.training.questions[position]).id

    def start(self, **members: object) -> Training:
        command = StartTraining.model_validate({"user": 7, "subject": "sample", "size": 4, **members})
        answer = self.ask(command)
        assert isinstance(answer, Training)
        return answer

    def answer(self, position: int, right: bool = True, response: Response | None = None) -> Verdict:
        question = self.bank.question(self.training.questions[position])
        if response is None:
            response = right_response(question) if right else wrong_response(question)
        answer = self.ask(GiveAnswer(user=7, training=self.id, question=question.id, response=response))
        assert isinstance(answer, Verdict)
        return answer

    def skip(self, position: int) -> Skipped:
        answer = self.ask(SkipQuestion(user=7, training=self.id, question=self.name(position)))
        assert isinstance(answer, Skipped)
        return answer

    def show(self) -> Training:
        """The open training."""
        training = self.ask(ShowTraining(user=7))
        assert isinstance(training, Training)
        return training

    def finish(self) -> Training:
        answer = self.ask(FinishTraining(user=7, training=self.id))
        assert isinstance(answer, Training)
        return answer
