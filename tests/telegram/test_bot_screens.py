"""Screens by themselves: what stands on them, and that Telegram takes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from protocols.catalogue import LANGUAGES, texts
from protocols.messages import (
    Audience,
    Broadcast,
    BroadcastState,
    DrawText,
    Kind,
    Language,
    Progress,
    Reviewed,
    ShowFile,
    ShownChoice,
    ShownQuestion,
    ShownSubject,
    ShownTopic,
    Summary,
    Training,
    Verdict,
)
from protocols.telegram.callbacks import OfQuestion, OfSubject, decode, subject_token
from protocols.telegram.markup import utf16_len
from protocols.telegram.screens.broadcast import cancel_screen, progress_screen
from protocols.telegram.screens.menu import help_screen, menu_screen
from protocols.telegram.screens.question import Asking, answer_of, is_partial, question_screen
from protocols.telegram.screens.screen import Screen
from protocols.telegram.screens.setup import Setup, changed, nothing_screen, setup_of, setup_screen, topics_screen
from protocols.telegram.screens.subjects import subject_screen
from protocols.telegram.screens.verdict import review_screen, summary_screen, verdict_screen
from protocols.telegram.screens.words import in_words, key_in_words, plain
from protocols.telegram.values import Key

BANKS = Path(__file__).resolve().parents[2] / "banks"
MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RU, EN = texts("ru", MOSCOW), texts("en", MOSCOW)
TOKEN = "AAAAAAAA"


def choices(*texts: str) -> tuple[ShownChoice, ...]:
    return tuple(ShownChoice(id=f"id-{place}", text=text) for place, text in enumerate(texts))


def question(kind: Kind, **more: object) -> ShownQuestion:
    values: dict[str, object] = {
        "id": "q-1",
        "subject": "biology",
        "topic": "cells",
        "kind": kind,
        "difficulty": 3,
        "text": "What is **it**?",
    }
    if kind in ("single", "multiple", "order"):
        values["options"] = choices("Oak", "Elm", "Pine", "Fir")
    if kind == "match":
        values["left"], values["right"] = choices("cat", "dog"), choices("meows", "barks", "sings")
    return ShownQuestion.model_validate(values | more)


def training(asked: ShownQuestion | None, **more: object) -> Training:
    values: dict[str, object] = {
        "id": "17-3",
        "subject": "biology",
        "mode": "practice",
        "size": 10,
        "status": "open",
        "started_at": NOW,
        "finished_at": None,
        "deadline": None,
        "progress": Progress(answered=2, correct=1, skipped=0, left=8),
        "question": asked,
        "summary": None,
    }
    return Training.model_validate(values | more)


def asking(asked: ShownQuestion, picked: str = "", **more: object) -> Asking:
    return Asking(training(asked, **more), asked, "Cells", picked)


def keys(screen: Screen) -> Iterator[Key]:
    for row in screen.keyboard:
        yield from row


def button(screen: Screen, label: str) -> Key:
    found = [one for one in keys(screen) if label in one.text]
    assert len(found) == 1, f"{label!r} is on {len(found)} of {[one.text for one in keys(screen)]}"
    return found[0]


def tapped(asked: ShownQuestion, *labels: str) -> OfQuestion:
    """What a student who taps these buttons one after the other means in the end."""
    meant = OfQuestion("show", "")
    for label in labels:
        screen = question_screen(EN, asking(asked, meant.picked), NOW)
        data = button(screen, label).data
        assert data is not None
        pressed = decode(data)
        assert isinstance(pressed, OfQuestion)
        meant = pressed
    return meant


def assert_taken(screen: Screen) -> None:
    """Within all that Telegram allows."""
    assert utf16_len(screen.styled.text) <= (1024 if screen.pictures else 4096)
    assert screen.styled.text.strip()
    assert len(list(keys(screen))) <= 100
    for row in screen.keyboard:
        assert 1 <= len(row) <= 8
    for one in keys(screen):
        assert one.text.strip()
        assert one.data is not None
        assert len(one.data) <= 64


# --- Tapping --------------------------------------------------------------------------------------------------


def test_single_is_answered_by_one_tap() -> None:
    asked = question("single")
    meant = tapped(asked, "Elm")
    assert meant.verb == "done"
    assert answer_of(asked, meant.picked) == "id-1"


def test_multiple_is_ticked_and_unticked_until_done() -> None:
    asked = question("multiple")
    meant = tapped(asked, "Pine", "Oak", "Pine", "Fir", "Done")
    assert answer_of(asked, meant.picked) == ["id-0", "id-3"]


def test_order_is_tapped_in_turn_with_undo() -> None:
    asked = question("order")
    meant = tapped(asked, "Fir", "Oak", "Undo", "Elm", "Pine", "Oak", "Done")
    assert answer_of(asked, meant.picked) == ["id-3", "id-1", "id-2", "id-0"]


def test_what_is_placed_in_an_order_keeps_its_place_on_the_keyboard() -> None:
    asked = question("order")
    before, after = (question_screen(EN, asking(asked, picked), NOW) for picked in ("", "b"))
    assert [one.text for one in keys(after)][:4] == ["Oak", "1 · Elm", "Pine", "Fir"]
    assert len(before.keyboard[0]) == len(after.keyboard[0])
    assert tapped(asked, "Elm", "1 · Elm").picked == "b"


def test_pairs_may_share_a_partner_and_can_be_begun_again() -> None:
    asked = question("match")
    meant = tapped(asked, "sings", "From the beginning", "barks", "barks", "Done")
    assert answer_of(asked, meant.picked) == {"id-0": "id-1", "id-1": "id-1"}


@pytest.mark.parametrize("kind", ["text", "number"])
def test_typed_answers_have_no_buttons_but_the_common_ones(kind: Kind) -> None:
    screen = question_screen(EN, asking(question(kind)), NOW)
    assert [one.text for one in keys(screen)] == ["⏭ Skip", "🏁 Finish", "☆ Favourite", "⚠️ Mistake?", "☰ Menu"]


@pytest.mark.parametrize(
    ("kind", "picked"),
    [
        ("single", "z"),
        ("single", ""),
        ("single", "ab"),
        ("multiple", ""),
        ("multiple", "aa"),
        ("multiple", "ax"),
        ("order", "abc"),
        ("order", "abca"),
        ("match", "a"),
        ("match", "abc"),
        ("match", "az"),
        ("text", "a"),
    ],
)
def test_forged_picks_are_no_answer(kind: Kind, picked: str) -> None:
    assert answer_of(question(kind), picked) is None


@pytest.mark.parametrize(("kind", "picked"), [("single", "a"), ("order", "aa"), ("match", "aaa"), ("number", "a")])
def test_forged_picks_are_nothing_to_show(kind: Kind, picked: str) -> None:
    assert not is_partial(question(kind), picked)


# --- How a question looks -------------------------------------------------------------------------------------


def test_long_options_are_listed_by_letters() -> None:
    asked = question("single", options=choices("A rather long sentence, for a button", "Short"))
    for t, letters in ((RU, "АБ"), (EN, "AB")):
        screen = question_screen(t, asking(asked), NOW)
        assert [one.text for one in keys(screen)][:2] == list(letters)
        assert f"{letters[0]}. A rather long sentence" in screen.styled.text


def test_a_formula_that_is_no_text_is_drawn_with_the_options() -> None:
    hard = r"$\sum_{k=1}^{n} \frac{k^2+1}{\sqrt{k^3+2k}}$"
    asked = question("single", text=f"What is {hard}?", options=choices(hard, "$2$"))
    screen = question_screen(EN, asking(asked), NOW)
    (drawn,) = screen.pictures
    assert isinstance(drawn, DrawText)
    assert hard in drawn.text
    assert "What is" not in screen.styled.text
    assert screen.otherwise is not None
    assert "What is" in screen.otherwise.text


def test_a_picture_of_the_question_stands_above_its_text() -> None:
    screen = question_screen(EN, asking(question("single", image="f" * 64)), NOW)
    assert screen.pictures == (ShowFile(file="f" * 64),)
    assert "What is it?" in screen.styled.text


def test_pictures_of_options_are_shown_with_their_letters() -> None:
    pictured = (ShownChoice(id="x", text="", image="1" * 64), ShownChoice(id="y", text="", image="2" * 64))
    screen = question_screen(EN, asking(question("single", options=pictured)), NOW)
    assert [one.file for one in screen.pictures if isinstance(one, ShowFile)] == ["1" * 64, "2" * 64]
    assert [one.text for one in keys(screen)][:2] == ["A", "B"]


def test_an_exam_tells_how_much_time_is_left() -> None:
    exam = asking(question("single"), mode="exam", deadline=NOW + timedelta(minutes=4, seconds=1))
    assert "5 минут" in question_screen(RU, exam, NOW).styled.text
    assert "less than a minute" in question_screen(EN, exam, NOW + timedelta(minutes=4)).styled.text


def test_questions_that_were_skipped_are_told_as_such_when_they_come_back() -> None:
    again = asking(question("single"), progress=Progress(answered=8, correct=8, skipped=2, left=2))
    assert "Пропущенные раньше, осталось 2" in question_screen(RU, again, NOW).styled.text


def bank_questions() -> Iterator[ShownQuestion]:
    for file in sorted(BANKS.glob("*/questions.yaml")):
        content = yaml.safe_load(file.read_text("utf-8"))
        for one in content["questions"]:
            shown = {name: one[name] for name in ("id", "topic", "kind", "difficulty", "text", "image") if name in one}
            for name in ("options", "left", "right"):
                if name in one:
                    shown[name] = [{"id": c["id"], "text": c["text"], "image": c.get("image")} for c in one[name]]
            yield ShownQuestion.model_validate(shown | {"subject": content["subject"]})


@pytest.mark.parametrize("language", LANGUAGES)
def test_telegram_takes_every_question_of_the_demo_banks(language: Language) -> None:
    shown = list(bank_questions())
    assert len(shown) > 100
    for asked in shown:
        choices_there = len(asked.right or asked.options or ())
        picked = "abcdefghijklmnopqrstuvwxyz"[: min(choices_there, len(asked.left or asked.options or ()))]
        for so_far in ("", picked if asked.kind in ("multiple", "order", "match") else ""):
            assert_taken(question_screen(texts(language, MOSCOW), asking(asked, so_far), NOW))


@pytest.mark.parametrize("kind", ["single", "multiple", "order", "match"])
def test_telegram_takes_the_largest_question(kind: Kind) -> None:
    many = choices(*(f"{place} {'long ' * 40}" for place in range(26)))
    more = {"left": many, "right": many} if kind == "match" else {"options": many}
    asked = question(kind, id="я" * 100, text="word " * 3000, **more)
    picked = "" if kind == "single" else "abcdefghijklmnopqrstuvwxyz"
    assert_taken(question_screen(RU, asking(asked, picked), NOW, "notice"))


# --- Verdicts -------------------------------------------------------------------------------------------------


def verdict(**more: object) -> Verdict:
    values: dict[str, object] = {
        "question": "q-1",
        "score": 0.0,
        "verdict": "wrong",
        "key": "id-1",
        "explanation": "Because it *is* so.",
        "next": question("single"),
        "progress": Progress(answered=3, correct=1, skipped=0, left=7),
    }
    return Verdict.model_validate(values | more)


def test_a_wrong_answer_is_told_with_the_right_one_in_words() -> None:
    screen = verdict_screen(EN, "17-3", TOKEN, question("single"), "id-0", verdict(), favorite=False)
    for expected in ("❌ Not right", "Your answer: Oak", "Right answer: Elm", "Because it is so.", "7 questions left"):
        assert expected in screen.styled.text
    assert "id-" not in screen.styled.text


def test_a_right_answer_does_not_tell_the_key_again() -> None:
    right = verdict(score=1.0, verdict="correct")
    screen = verdict_screen(RU, "17-3", TOKEN, question("single"), "id-1", right, favorite=False)
    assert "✅ Верно!" in screen.styled.text
    assert "Верный ответ" not in screen.styled.text


def test_a_partly_right_answer_tells_its_share() -> None:
    partly = verdict(score=0.5, verdict="partial", key=["id-0", "id-1"])
    screen = verdict_screen(RU, "17-3", TOKEN, question("multiple"), ["id-0"], partly, favorite=False)
    assert "🟡 Верно частично: 50" in screen.styled.text
    assert "Верный ответ: Oak; Elm" in screen.styled.text


def test_what_was_typed_is_never_markup() -> None:
    typed = "**x** [y](https://example.org) $z$ <b> `c` \\* _d_"
    asked = question("text")
    told = verdict(key={"accept": ["*star*"]}, explanation="")
    screen = verdict_screen(EN, "17-3", TOKEN, asked, typed, told, favorite=False)
    assert f"Your answer: {typed}" in screen.styled.text
    assert "Right answer: *star*" in screen.styled.text
    assert {entity.type for entity in screen.styled.entities} == {"bold"}


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ({"value": 0.5}, "0,5"),
        ({"value": -2, "tolerance": 0.1}, "−2 ± 0,1"),
        ({"min": -2, "max": 3.5}, "от −2 до 3,5"),
        ({"accept": [{"value": 1}, {"value": 2, "weight": 0.5}]}, "1"),
    ],
)
def test_keys_of_numbers_are_told_in_words(key: object, told: str) -> None:
    assert plain(key_in_words(RU, question("number"), key)) == told


def test_orders_and_pairs_are_told_in_words() -> None:
    assert plain(in_words(EN, question("order"), ["id-3", "id-0", "id-1", "id-2"])) == "Fir → Oak → Elm → Pine"
    assert plain(in_words(EN, question("match"), {"id-0": "id-2"})) == "cat — sings"


def test_what_no_longer_fits_a_changed_question_is_told_as_it_is() -> None:
    assert plain(in_words(EN, question("single"), "gone_1")) == "gone_1"
    assert plain(in_words(EN, question("multiple"), {"odd": 1})) == "nothing"


def test_a_verdict_that_is_long_keeps_the_answer_and_is_taken() -> None:
    long = verdict(explanation="word " * 3000)
    for image in (None, "f" * 64):
        screen = verdict_screen(EN, "17-3", TOKEN, question("single", image=image), "id-0", long, favorite=False)
        assert_taken(screen)
        assert "Right answer: Elm" in screen.styled.text


def test_the_picture_stays_below_the_verdict_where_its_words_fit() -> None:
    screen = verdict_screen(EN, "17-3", TOKEN, question("single", image="f" * 64), "id-0", verdict(), favorite=False)
    assert screen.pictures == (ShowFile(file="f" * 64),)


# --- The end --------------------------------------------------------------------------------------------------


def finished() -> Training:
    reviewed = Reviewed(
        question="q-1",
        topic="cells",
        kind="single",
        text="What is it?",
        options=choices("Oak", "Elm"),
        response="id-0",
        score=0.0,
        verdict="wrong",
        key="id-1",
        explanation="So it is.",
    )
    unanswered = reviewed.model_copy(update={"response": None, "score": None, "verdict": None})
    summary = Summary(
        answered=1,
        correct=0,
        partial=0,
        wrong=1,
        unanswered=1,
        score=0.0,
        share=0.0,
        seconds=75.0,
        questions=(reviewed, unanswered),
    )
    return training(None, status="finished", size=2, finished_at=NOW, summary=summary)


def test_the_summary_tells_the_share_and_leads_on() -> None:
    screen = summary_screen(RU, "Биология", finished())
    for expected in ("Биология", "Результат: 0", "0 из 2 баллов", "1 мин 15 с", "неверно: 1", "без ответа: 1"):
        assert expected in screen.styled.text
    assert [one.text for one in keys(screen)] == [
        "🔎 Разобрать вопросы",
        "♻️ Тренировать ошибки",
        "🔁 Ещё раз",
        "☰ Меню",
    ]


def test_the_review_goes_round() -> None:
    first, last = [review_screen(EN, finished(), page, favorite=page == 2) for page in (1, 2)]
    assert "Your answer: Oak" in first.styled.text
    assert "No answer" in last.styled.text
    assert button(first, "›").data == button(last, "2/2").data
    assert button(last, "›").data == button(first, "1/2").data


def test_in_a_review_the_star_is_lit_for_a_favourite() -> None:
    unlit, lit = [review_screen(EN, finished(), 1, favorite=favorite) for favorite in (False, True)]
    assert (button(unlit, "☆").data, button(lit, "★").data) == (b"v:star:1:17-3", b"v:unstar:1:17-3")


# --- Putting a training together ------------------------------------------------------------------------------

SUBJECT = ShownSubject(
    slug="biology",
    title="Biology",
    questions=40,
    topics=tuple(ShownTopic(slug=f"t-{n}", title=f"Topic {n}", questions=2) for n in range(20)),
)


def chosen(screen: Screen, setup: Setup, label: str) -> Setup:
    data = button(screen, label).data
    assert data is not None
    meant = decode(data)
    assert isinstance(meant, OfSubject)
    return changed(setup, SUBJECT, meant.verb, meant.value)


def test_a_setup_is_put_together_by_presses() -> None:
    setup = Setup("biology")
    for label in ("20", "Exam", "45 min", "Hard", "Only new"):
        setup = chosen(setup_screen(EN, SUBJECT, setup), setup, label)
    for label in ("Topic 9", "Topic 8", "Topic 9"):
        setup = chosen(topics_screen(EN, SUBJECT, setup, 1), setup, label)
    assert setup == Setup("biology", 20, "exam", 45, ("t-8",), (), "hard", True)
    assert_taken(setup_screen(RU, SUBJECT, setup))


def test_the_same_press_again_changes_nothing_more() -> None:
    setup = Setup("biology")
    screen = topics_screen(EN, SUBJECT, setup, 0)
    once = chosen(screen, setup, "Topic 3")
    assert chosen(screen, once, "Topic 3") == once


@pytest.mark.parametrize(
    ("verb", "value"), [("size", "7"), ("minutes", "²"), ("level", "x"), ("topic", "zzzz.1.0"), ("kind", "essay.1")]
)
def test_forged_choices_change_nothing(verb: str, value: str) -> None:
    setup = Setup("biology", 20)
    meant = decode(f"s:{verb}:AAAAAAAA:{value}".encode())
    assert meant is None or (isinstance(meant, OfSubject) and changed(setup, SUBJECT, meant.verb, value) == setup)


def test_what_is_kept_of_another_subject_or_version_is_left() -> None:
    assert setup_of({"subject": "chemistry", "size": 50}, "biology") == Setup("biology")
    assert setup_of({"subject": "biology", "speed": 1}, "biology") == Setup("biology")
    assert setup_of(None, "biology") == Setup("biology")
    assert setup_of({"subject": "biology", "size": 50}, "biology") == Setup("biology", 50)


def test_nothing_that_fits_is_told_with_what_would() -> None:
    screen = nothing_screen(RU, SUBJECT, {"topics": 21, "only": 1})
    assert "любая тема: 21 вопрос\n" in screen.styled.text
    assert "не только новые: 1 вопрос" in screen.styled.text


def refused(state: BroadcastState) -> Broadcast:
    """A mass message that was paused because Telegram took it for nobody."""
    return Broadcast(
        id=7,
        state=state,
        text="Hello",
        buttons=(),
        image=False,
        audience=Audience(),
        recipients=100,
        sent=0,
        failed=11,
        blocked=0,
        left=89,
        rate=None,
        eta=None,
        reasons={"BUTTON_URL_INVALID": 10, "declined": 1},
        problem="BUTTON_URL_INVALID",
        created_at=NOW,
        start_at=None,
        started_at=NOW,
        finished_at=None,
    )


def test_a_mass_message_that_telegram_refuses_tells_why_and_what_to_do() -> None:
    screen = progress_screen(RU, refused("paused"))
    assert "BUTTON_URL_INVALID: 10; отключили рассылки: 1" in screen.styled.text
    assert "Telegram не принимает это сообщение, кому бы оно ни шло: BUTTON_URL_INVALID." in screen.styled.text
    assert "её получат и те, для кого она не была принята. Или отмените её и напишите заново." in screen.styled.text
    assert [key.text for row in screen.keyboard for key in row][:2] == ["▶️ Продолжить", "✖️ Отменить"]


def test_many_of_one_reason_are_told_as_large_numbers_are_written() -> None:
    many = refused("paused").model_copy(update={"reasons": {"declined": 12_345}})
    assert "отключили рассылки: 12\u00a0345" in progress_screen(RU, many).styled.text


def test_once_it_is_cancelled_it_tells_why_and_nothing_is_left_to_do() -> None:
    text = progress_screen(EN, refused("cancelled")).styled.text
    assert "Telegram refuses this message, whomever it is to: BUTTON_URL_INVALID." in text
    assert "Cancel it" not in text


@pytest.mark.parametrize(
    ("left", "told"),
    [(1, "1 человек ещё не получил её"), (3, "3 человека ещё не получили её"), (89, "89 человек ещё не получили её")],
)
def test_before_a_mass_message_is_cancelled_it_is_told_who_will_not_get_it(left: int, told: str) -> None:
    assert told in cancel_screen(RU, refused("paused").model_copy(update={"left": left})).styled.text


@pytest.mark.parametrize(("questions", "told"), [(74, "10 вопросов"), (8, "8 вопросов"), (1, "1 вопрос")])
def test_a_quick_start_promises_no_more_questions_than_there_are(questions: int, told: str) -> None:
    screen = subject_screen(RU, SUBJECT.model_copy(update={"questions": questions}))
    assert button(screen, "Быстрый старт").text == f"▶️ Быстрый старт: {told}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_telegram_takes_menu_and_help(language: Language) -> None:
    t = texts(language, MOSCOW)
    assert_taken(menu_screen(t, "A" * 100, training(question("single")), "T" * 200))
    assert_taken(help_screen(t))


def test_subject_tokens_fit_any_slug() -> None:
    assert len(subject_token("s" * 64)) == 8
