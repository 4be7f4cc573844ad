"""Aiken as Moodle documents it: what is right becomes `single` questions, what is not is named by line and reason."""

from textwrap import dedent
from typing import Any

import pytest

from protocols.messages import EntryError
from storage.banks import BankFile, BankFileError, format_of, read
from storage.banks.check import check

DOCUMENTED = """\
    What is the correct answer to this question?
    A. Is it this one?
    B. Maybe this answer?
    C. Possibly this one?
    D. Must be this one!
    ANSWER: D

    Which LMS has the most quiz import formats?
    A) Moodle
    B) ATutor
    C) Claroline
    D) Blackboard
    E) WebCT
    F) Ilias
    ANSWER: A
    """


def aiken(text: str) -> BankFile:
    return read(dedent(text).encode(), subject="subject")


def questions(text: str) -> list[dict[str, Any]]:
    bank = aiken(text)
    assert bank.format == "aiken"
    assert (bank.errors, bank.skipped) == ([], [])
    assert check(bank, None, "subject").errors == []
    return [entry.content for entry in bank.entries]


def error(text: str) -> EntryError:
    bank = read(dedent(text).encode(), format="aiken")
    assert (bank.entries, len(bank.errors)) == ([], 1)
    return bank.errors[0]


def test_letters_with_a_period_and_with_a_bracket() -> None:
    first, second = questions(DOCUMENTED)
    assert (first["kind"], first["key"], len(first["options"])) == ("single", "d", 4)
    assert first["text"] == "What is the correct answer to this question?"
    assert second["key"] == "a"
    assert [option["text"] for option in second["options"]][:2] == ["Moodle", "ATutor"]
    assert [option["id"] for option in second["options"]] == list("abcdef")


def test_ids_are_the_same_when_the_file_is_read_again_and_lines_are_told() -> None:
    once, again = aiken(DOCUMENTED), aiken("\n\n" + dedent(DOCUMENTED))
    assert [entry.content["id"] for entry in once.entries] == [entry.content["id"] for entry in again.entries]
    assert [entry.where.split(",")[0] for entry in once.entries] == ["line 1", "line 8"]


def test_questions_may_follow_without_a_blank_line_and_lines_end_as_on_windows() -> None:
    text = "Q1\r\nA. a\r\nB. b\r\nANSWER: B\r\nQ2\r\nA) a\r\nB) b\r\nANSWER: A\r\n"
    assert [entry.content["key"] for entry in read(text.encode()).entries] == ["b", "a"]


def test_signs_of_markdown_and_html_mean_themselves() -> None:
    (question,) = questions("Is *p a pointer & <b> a tag?\nA. yes_it_is\nB. a*b*c\nANSWER: A\n")
    assert question["text"] == r"Is \*p a pointer & <b> a tag?"
    assert question["options"][1]["text"] == r"a\*b\*c"


def test_cyrillic_text_with_a_byte_order_mark() -> None:
    bank = read("\ufeffСколько?\nA. Два\nB. Три\nANSWER: B\n".encode())
    assert (bank.format, bank.entries[0].content["text"]) == ("aiken", "Сколько?")


def test_braces_and_words_of_other_formats_do_not_confuse() -> None:
    (question,) = questions("Find $\\frac{1}{2}$ of title: 4\nA. 2\nB. {=1 ~2}\nANSWER: A\n")
    assert question["options"][1]["text"] == "{=1 ~2}"


@pytest.mark.parametrize(
    ("text", "line", "path", "told"),
    [
        ("Q\ngoes on\nA. a\nB. b\nANSWER: A\n", 2, "text", "must be all on one line"),
        ("Q\nA. a\nB. b\n", 1, "key", "has no answer"),
        ("Q\nA. a\nB. b\nANSWER: C\n", 4, "key", "no option C; the options are A to B"),
        ("Q\nA. a\nB. b\nANSWER: a\n", 4, "key", "capital letter"),
        ("Q\nA. a\nB. b\nANSWER:\n", 4, "key", "is no answer"),
        ("Q\nA. a\nB. b\nANSWER: A, B\n", 4, "key", "of one option"),
        ("Q\nA. a\nB. b\nAnswer: A\nANSWER: A\n", 4, "key", "in capital letters"),
        ("Q\nA. a\nB. b\nanswer: A\n", 4, "key", "in capital letters"),
        ("Q\nA. a\nANSWER: A\n", 3, "options", "at least two"),
        ("Q\nANSWER: A\n", 2, "options", "0 options"),
        ("Q\nA. a\nC. c\nANSWER: A\n", 3, "options", "C stands where B belongs"),
        ("Q\na) a\nB) b\nANSWER: A\n", 2, "options", "is no option"),
        ("Q\nA.a\nB. b\nANSWER: A\n", 2, "options", "a space and the text"),
        ("Q\nА. а\nB. b\nANSWER: A\n", 2, "options", "Latin capital letter"),
        ("A. a\nB. b\nANSWER: A\n", 1, "text", "without a question before it"),
        ("Q\nA. a\nstray\nB. b\nANSWER: A\n", 3, "options", "neither an option nor the answer"),
        ("ANSWER: A\n", 1, "text", "without a question"),
    ],
)
def test_what_is_malformed_is_named_by_line_and_reason(text: str, line: int, path: str, told: str) -> None:
    found = error(text)
    assert (found.where, found.path) == (f"line {line}", path)
    assert told in found.message


def test_a_malformed_question_does_not_spoil_those_after_it() -> None:
    bank = aiken("Bad\nA. a\nANSWER: A\n\nGood\nA. a\nB. b\nANSWER: B\n")
    assert [fault.where for fault in bank.errors] == ["line 3"]
    assert [entry.content["text"] for entry in bank.entries] == ["Good"]


def test_a_question_without_an_answer_does_not_take_the_next_one_along() -> None:
    bank = aiken("Bad\nA. a\nB. b\n\nGood\nA. a\nB. b\nANSWER: B\n")
    assert [(fault.where, fault.path) for fault in bank.errors] == [("line 1", "key")]
    assert [entry.content["text"] for entry in bank.entries] == ["Good"]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("Вопрос?\nА. да\nБ. нет\nANSWER: А\n", 2, "Latin capital letter"),
        ("Вопрос?\nа) да\nб) нет\nОтвет: а\n", 2, "Latin capital letter"),
        ("Вопрос?\nA. да\nB. нет\nОТВЕТ: A\n", 4, "write it as `ANSWER: B`"),
        ("Вопрос?\nA. да\nB. нет\nANSWER: В\n", 4, "Latin capital letter"),
    ],
)
def test_russian_letters_are_told_of(text: str, line: int, told: str) -> None:
    bank = read(text.encode(), subject="s")
    assert bank.format == "aiken"
    assert bank.errors[0].where == f"line {line}"
    assert told in bank.errors[0].message


def test_gift_that_speaks_of_an_answer_stays_gift() -> None:
    assert format_of("Что верно?\nа) раз\nб) два\nОтвет: {=а}\n") == "gift"


def test_a_long_list_without_an_answer_is_soon_known_not_to_be_aiken() -> None:
    with pytest.raises(BankFileError, match="nor Aiken"):
        format_of("A. one of many\n" * 300_000)


def test_the_same_question_twice_is_taken_once() -> None:
    one = "Q\nA. a\nB. b\nANSWER: A\n"
    bank = aiken(one + one)
    assert len(bank.entries) == 1
    assert "the same question as in line 1" in bank.skipped[0].reason
