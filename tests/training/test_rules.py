"""What commands do to a session."""

from __future__ import annotations

import pytest

from actors.training.rules import MOST_FAVORITES, Context, decide, evolve, expire, initial
from actors.training.selection import NO_NUMBERS
from actors.training.state import numbers
from protocols.messages import (
    Conflict,
    Done,
    EraseSession,
    Favorites,
    FavoriteSet,
    FinishTraining,
    GiveAnswer,
    Invalid,
    LastAnswer,
    NotFound,
    Progress,
    QuestionAnswered,
    SetFavorite,
    ShowFavorites,
    ShowLastAnswer,
    ShowTraining,
    SkipQuestion,
    StartTraining,
    Training,
    TrainingFinished,
    TrainingStarted,
)
from tests.training.samples import MINUTE, sample_bank
from tests.training.session import Session


@pytest.fixture
def session() -> Session:
    return Session(sample_bank(30))


def test_a_training_starts_with_its_first_question(session: Session) -> None:
    training = session.start()
    assert (training.id, training.status, training.size) == ("7-1", "open", 4)
    assert training.question is not None
    assert training.question.id == session.name(0)
    assert training.progress == Progress(answered=0, correct=0, skipped=0, left=4)
    assert (training.deadline, training.summary, training.finished_at) == (None, None, None)


def test_an_unknown_subject_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound, match="alchemy"):
        session.start(subject="alchemy")


def test_an_unknown_topic_is_refused_with_the_known_ones(session: Session) -> None:
    with pytest.raises(Conflict) as refused:
        session.start(filters={"topics": ["topic-1", "phlogiston"], "kinds": ["single"]})
    assert "topic-0, topic-1, topic-2" in refused.value.detail
    assert refused.value.details == {
        "without": {"topics": 5, "kinds": 10},
        "errors": [{"path": "filters.topics.1", "message": refused.value.detail}],
    }


def test_filters_that_nothing_matches_tell_how_many_do_without_each(session: Session) -> None:
    session.start()
    before = session.state
    # Numbers 1, 7, 13, … are of the second kind, and of the topic 1.
    with pytest.raises(Conflict) as refused:
        session.start(filters={"topics": ["topic-0"], "kinds": ["multiple"], "difficulty": {"max": 4}})
    assert refused.value.details == {"without": {"topics": 4, "kinds": 8, "difficulty": 0}}
    assert session.state == before


def test_fewer_questions_than_asked_for_make_a_smaller_training(session: Session) -> None:
    assert session.start(size=200).size == 30


def test_starting_another_training_finishes_the_open_one(session: Session) -> None:
    session.start()
    session.answer(0)
    training = session.start()
    assert training.id == "7-2"
    finished = session.journal[-2]
    assert isinstance(finished, TrainingFinished)
    assert (finished.training, finished.reason) == ("7-1", "replaced")
    assert isinstance(session.journal[-1], TrainingStarted)


def test_what_was_answered_in_the_replaced_training_counts_as_seen(session: Session) -> None:
    session.start(size=29)
    for position in range(28):
        session.answer(position)
    session.start(filters={"only": "unseen"}, size=30)
    assert len(session.training.questions) == 2


def test_an_answer_gets_its_verdict_and_the_next_question(session: Session) -> None:
    session.start()
    verdict = session.answer(0)
    assert (verdict.score, verdict.verdict) == (1, "correct")
    assert verdict.key is not None
    assert verdict.next is not None
    assert verdict.next.id == session.name(1)
    assert verdict.progress == Progress(answered=1, correct=1, skipped=0, left=3)


def test_a_wrong_answer_is_told_as_wrong(session: Session) -> None:
    session.start()
    verdict = session.answer(0, right=False)
    assert (verdict.score, verdict.verdict) == (0, "wrong")
    assert verdict.progress.correct == 0


def test_an_answer_is_an_event_with_all_that_figures_need(session: Session) -> None:
    session.start()
    session.now += 2_500_000
    session.answer(0)
    event = session.journal[-1]
    assert isinstance(event, QuestionAnswered)
    question = session.bank.question(event.question)
    assert (event.training, event.subject, event.topic, event.kind) == (
        "7-1",
        "sample",
        question.topic,
        question.kind,
    )
    assert (event.at, event.seconds, event.score) == (session.now, 2.5, 1)


def test_seconds_are_never_negative_nor_more_than_an_hour(session: Session) -> None:
    session.start()
    session.now -= MINUTE
    session.answer(0)
    session.now += 24 * 60 * MINUTE
    session.answer(1)
    assert [answer.seconds for answer in session.training.answers] == [0, 3600]


def test_seconds_count_from_the_last_step(session: Session) -> None:
    session.start()
    session.now += 10_000_000
    session.skip(0)
    session.now += 3_000_000
    session.answer(1)
    session.now += 4_000_000
    session.answer(2)
    assert [answer.seconds for answer in session.training.answers] == [3, 4]


def test_the_same_answer_again_gets_the_same_verdict_and_no_event(session: Session) -> None:
    session.start()
    first = session.answer(0)
    events = len(session.journal)
    assert session.answer(0) == first
    assert len(session.journal) == events


def test_the_same_number_written_in_another_way_is_the_same_answer(session: Session) -> None:
    session.start(filters={"kinds": ["number"]})
    first = session.answer(0, response="0,50")
    assert session.answer(0, response=0.5) == first


def test_another_answer_to_an_answered_question_conflicts(session: Session) -> None:
    session.start()
    session.answer(0)
    with pytest.raises(Conflict, match="has another answer"):
        session.answer(0, right=False)


def test_the_last_answer_completes_the_training(session: Session) -> None:
    session.start()
    for position in range(3):
        session.answer(position)
    last = session.answer(3)
    assert last.next is None
    finished = session.journal[-1]
    assert isinstance(finished, TrainingFinished)
    assert finished.reason == "complete"
    assert session.answer(3) == last


def test_no_more_answers_are_taken_once_finished(session: Session) -> None:
    session.start()
    session.answer(0)
    session.finish()
    assert session.answer(0).verdict == "correct"
    with pytest.raises(Conflict, match="is finished"):
        session.answer(1)
    with pytest.raises(Conflict, match="is finished"):
        session.skip(1)


def test_an_answer_of_another_kind_is_refused_and_changes_nothing(session: Session) -> None:
    session.start(filters={"kinds": ["single"]})
    before = session.state
    with pytest.raises(Invalid):
        session.answer(0, response=["a"])
    assert session.state == before


def test_any_open_question_may_be_answered(session: Session) -> None:
    session.start()
    session.answer(2)
    following = session.answer(3).next
    assert following is not None
    assert following.id == session.name(0)


def test_questions_outside_the_training_are_refused(session: Session) -> None:
    session.start()
    outside = next(number for number in session.bank.questions if number not in session.training.questions)
    for name in (session.bank.question(outside).id, "nobody"):
        with pytest.raises(Conflict, match=name):
            session.ask(GiveAnswer(user=7, training="7-1", question=name, response="a"))
        with pytest.raises(Conflict, match=name):
            session.ask(SkipQuestion(user=7, training="7-1", question=name))


@pytest.mark.parametrize(
    "training", ["7-2", "8-1", "7-01", "7-", "7", "", "x", "7-1 ", "7-١", "7--1", "7-" + "9" * 5000]
)
def test_other_trainings_are_not_found(session: Session, training: str) -> None:
    session.start()
    for command in (
        GiveAnswer(user=7, training=training, question="q1", response="a"),
        SkipQuestion(user=7, training=training, question="q1"),
        FinishTraining(user=7, training=training),
        ShowTraining(user=7, training=training),
    ):
        with pytest.raises(NotFound):
            session.ask(command)


def test_an_older_training_of_ones_own_is_known_to_be_finished(session: Session) -> None:
    session.start()
    session.start()
    with pytest.raises(Conflict, match="another was started"):
        session.ask(GiveAnswer(user=7, training="7-1", question="q1", response="a"))
    with pytest.raises(NotFound):
        session.ask(ShowTraining(user=7, training="7-1"))


def test_a_skipped_question_comes_back_at_the_end(session: Session) -> None:
    session.start()
    skipped = session.skip(0)
    assert skipped.next is not None
    assert skipped.next.id == session.name(1)
    assert skipped.progress == Progress(answered=0, correct=0, skipped=1, left=4)
    session.answer(1)
    session.answer(2)
    last = session.answer(3)
    assert last.next is not None
    assert last.next.id == session.name(0)
    assert session.answer(0).progress == Progress(answered=4, correct=4, skipped=0, left=0)
    assert not session.training.open


def test_skipped_questions_come_back_in_the_order_of_skipping(session: Session) -> None:
    session.start()
    session.skip(2)
    session.skip(0)
    session.answer(1)
    following = session.answer(3).next
    assert following is not None
    assert following.id == session.name(2)


def test_a_question_comes_back_only_once(session: Session) -> None:
    session.start(size=2)
    session.skip(0)
    session.answer(1)
    skipped = session.skip(0)
    assert skipped.next is None
    assert skipped.progress == Progress(answered=1, correct=1, skipped=1, left=0)
    assert not session.training.open


def test_a_skip_sent_again_does_nothing_more(session: Session) -> None:
    session.start()
    first = session.skip(0)
    assert session.skip(0) == first
    for position in (1, 2, 3):
        session.answer(position)
    last = session.skip(0)
    assert session.skip(0) == last
    assert len(session.journal) == 1 + 1 + 3 + 2


def test_a_question_skipped_for_good_may_still_be_answered_while_others_are_open(session: Session) -> None:
    session.start(size=2)
    session.skip(0)
    session.skip(1)
    session.skip(0)
    assert session.answer(0).progress == Progress(answered=1, correct=1, skipped=1, left=1)
    assert session.training.open


def test_an_answered_question_cannot_be_skipped(session: Session) -> None:
    session.start()
    session.answer(0)
    with pytest.raises(Conflict, match="is answered"):
        session.skip(0)


def test_finishing_twice_is_finishing_once(session: Session) -> None:
    session.start()
    session.answer(0)
    first = session.finish()
    session.now += MINUTE
    assert session.finish() == first
    assert first.status == "finished"
    assert first.question is None
    assert first.summary is not None
    assert (first.summary.answered, first.summary.unanswered, first.summary.share) == (1, 3, 0.25)


def test_showing_changes_nothing(session: Session) -> None:
    with pytest.raises(NotFound, match="no training is open"):
        session.ask(ShowTraining(user=7))
    started = session.start()
    assert session.ask(ShowTraining(user=7)) == session.ask(ShowTraining(user=7, training="7-1")) == started
    finished = session.finish()
    assert session.ask(ShowTraining(user=7, training="7-1")) == finished
    with pytest.raises(NotFound, match="no training is open"):
        session.ask(ShowTraining(user=7))
    assert len(session.journal) == 2


def test_an_exam_says_nothing_until_it_is_over(session: Session) -> None:
    training = session.start(mode="exam", minutes=5, size=2)
    assert training.deadline is not None
    assert (training.deadline - training.started_at).total_seconds() == 300
    assert training.progress.correct is None
    verdict = session.answer(0)
    told = (verdict.score, verdict.verdict, verdict.key, verdict.explanation, verdict.feedback)
    assert told == (None, None, None, None, None)
    assert verdict.progress.correct is None
    last = session.answer(1, right=False)
    assert (last.score, last.verdict, last.key) == (None, None, None)
    assert session.answer(1, right=False) == last
    over = session.finish()
    assert over.progress.correct == 1
    assert over.summary is not None
    assert [one.verdict for one in over.summary.questions] == ["correct", "wrong"]


def test_an_exam_ends_at_its_deadline_however_late_that_is_noticed(session: Session) -> None:
    session.start(mode="exam", minutes=5)
    deadline = session.now + 5 * MINUTE
    session.now = deadline - 1
    session.answer(0)
    session.now = deadline + 60 * MINUTE
    with pytest.raises(Conflict, match="is finished"):
        session.answer(1)
    finished = session.journal[-1]
    assert isinstance(finished, TrainingFinished)
    assert (finished.at, finished.reason) == (deadline, "time")
    shown = session.ask(ShowTraining(user=7, training="7-1"))
    assert isinstance(shown, Training)
    assert shown.finished_at == shown.deadline


def test_at_the_deadline_itself_the_exam_is_over(session: Session) -> None:
    session.start(mode="exam", minutes=1)
    assert expire(session.state, session.now + MINUTE - 1) == ()
    assert len(expire(session.state, session.now + MINUTE)) == 1
    session.finish()
    assert expire(session.state, session.now + MINUTE) == ()


def test_a_practice_never_expires(session: Session) -> None:
    session.start()
    assert expire(session.state, session.now + 10**6 * MINUTE) == ()


def test_the_answer_to_an_overdue_exam_may_be_sent_again(session: Session) -> None:
    session.start(mode="exam", minutes=5)
    session.answer(0)
    session.now += 6 * MINUTE
    assert session.answer(0).progress.answered == 1


def test_mistakes_are_the_questions_whose_last_answer_was_not_right(session: Session) -> None:
    session.start(size=2)
    wrong = session.training.questions[0]
    session.answer(0, right=False)
    session.answer(1)
    assert list(session.state.mistakes) == [wrong]
    session.start(filters={"only": "mistakes"})
    assert list(session.training.questions) == [wrong]
    session.answer(0)
    assert session.state.mistakes is NO_NUMBERS


def test_unseen_means_neither_answered_nor_skipped(session: Session) -> None:
    session.start(size=3)
    touched = set(session.training.questions[:2])
    session.answer(0)
    session.skip(1)
    session.finish()
    training = session.start(size=200, filters={"only": "unseen"})
    assert training.size == 28
    assert not touched & set(session.training.questions)


def test_favorites_are_a_set(session: Session) -> None:
    for question, favorite in ((5, True), (3, True), (5, True), (9, False), (3, False)):
        assert session.ask(SetFavorite(user=7, question=question, favorite=favorite)) == Done()
    assert list(session.state.favorites) == [5]
    assert len(session.journal) == 3
    session.start(filters={"only": "favorites"})
    assert list(session.training.questions) == [5]


def test_a_training_tells_whether_the_question_that_is_asked_is_a_favorite(session: Session) -> None:
    session.start()
    now, later = session.training.questions[:2]
    session.ask(SetFavorite(user=7, question=now, favorite=True))
    assert session.show().favorite
    session.ask(SetFavorite(user=7, question=now, favorite=False))
    session.ask(SetFavorite(user=7, question=later, favorite=True))
    assert not session.show().favorite
    session.answer(0)
    assert session.show().favorite


def test_the_last_answer_is_told_with_the_verdict_that_it_got(session: Session) -> None:
    session.start()
    session.answer(0)
    told = session.answer(1, right=False)
    session.ask(SetFavorite(user=7, question=session.training.questions[1], favorite=True))
    last = session.ask(ShowLastAnswer(user=7))
    assert isinstance(last, LastAnswer)
    assert (last.training, last.question.id, last.verdict) == (session.id, session.name(1), told)
    assert (last.response, last.favorite) == (session.training.answers[-1].response, True)


def test_the_last_answer_of_an_exam_tells_no_verdict(session: Session) -> None:
    session.start(mode="exam", minutes=5)
    session.answer(0)
    last = session.ask(ShowLastAnswer(user=7))
    assert isinstance(last, LastAnswer)
    assert (last.verdict.verdict, last.verdict.key) == (None, None)


def test_before_anything_is_answered_there_is_no_last_answer(session: Session) -> None:
    with pytest.raises(NotFound):
        session.ask(ShowLastAnswer(user=7))
    session.start()
    with pytest.raises(NotFound):
        session.ask(ShowLastAnswer(user=7))


def test_which_questions_are_favorites_is_told_for_all_at_once(session: Session) -> None:
    for number in (5, 7, 9):
        session.ask(SetFavorite(user=7, question=number, favorite=True))
    assert session.ask(ShowFavorites(user=7, questions=(9, 6, 5))) == Favorites(questions=(9, 5))
    assert session.ask(ShowFavorites(user=7, questions=())) == Favorites(questions=())


def test_an_unknown_question_is_no_favorite(session: Session) -> None:
    with pytest.raises(NotFound):
        session.ask(SetFavorite(user=7, question=31, favorite=True))


def test_favorites_have_a_bound(session: Session) -> None:
    session.state = session.state._replace(favorites=numbers(range(100, 100 + MOST_FAVORITES)))
    with pytest.raises(Conflict, match=str(MOST_FAVORITES)):
        session.ask(SetFavorite(user=7, question=5, favorite=True))
    assert session.ask(SetFavorite(user=7, question=100, favorite=False)) == Done()
    assert session.ask(SetFavorite(user=7, question=5, favorite=True)) == Done()


def test_an_erased_session_forgets_all_and_takes_nothing_more(session: Session) -> None:
    session.start()
    session.answer(0)
    session.ask(SetFavorite(user=7, question=5, favorite=True))
    assert session.ask(EraseSession(user=7)) == Done()
    assert session.state == initial(7)._replace(trainings=1, erased=True)
    events = len(session.journal)
    assert session.ask(EraseSession(user=7)) == Done()
    for command in (
        ShowTraining(user=7),
        FinishTraining(user=7, training="7-1"),
        StartTraining(user=7, subject="sample"),
        SetFavorite(user=7, question=5, favorite=True),
    ):
        with pytest.raises(NotFound, match="erased"):
            session.ask(command)
    assert len(session.journal) == events


def test_a_changed_question_still_repeats_the_verdict_that_was_given(session: Session) -> None:
    session.start(filters={"kinds": ["single"]})
    first = session.answer(0)
    number = session.training.questions[0]
    question = session.bank.questions[number]
    session.bank.questions[number] = question.model_copy(update={"key": "d"})
    again = session.answer(0, response="b")
    assert (again.score, again.verdict) == (first.score, first.verdict)


def test_an_answer_that_no_longer_fits_its_question_is_kept_as_it_was(session: Session) -> None:
    session.start(filters={"kinds": ["single"]})
    session.answer(0)
    number = session.training.questions[0]
    question = session.bank.questions[number]
    assert question.kind == "single"
    options = tuple(option for option in question.options if option.id != "b")
    session.bank.questions[number] = question.model_copy(update={"key": "d", "options": options})
    with pytest.raises(Conflict):
        session.answer(0, response="a")
    assert session.answer(0, response="b").verdict == "correct"


def test_deciding_changes_nothing_by_itself(session: Session) -> None:
    session.start()
    before = session.state
    command = GiveAnswer(user=7, training="7-1", question="nobody", response="a")
    context = Context(session.now, session.bank, session.random)
    with pytest.raises(Conflict):
        decide(before, command, context)
    decide(before, SetFavorite(user=7, question=1, favorite=True), context)
    evolve(before, FavoriteSet(at=1, question=1, favorite=True))
    assert session.state == before
    assert list(before.favorites) == []
