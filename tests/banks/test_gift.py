"""Moodle GIFT, feature by feature as its documentation has them, and as files in the wild have it."""

from textwrap import dedent
from typing import Any

import pytest
import re2

from protocols.messages import BankFormat, EntryError
from storage.banks import BankFile, read
from storage.banks.check import check


def gift(text: str) -> BankFile:
    return read(dedent(text).encode(), format="gift")


def valid(text: str) -> list[dict[str, Any]]:
    """The questions of a file that has neither errors nor skipped parts, checked as any question is."""
    bank = gift(text)
    assert (bank.errors, bank.skipped) == ([], [])
    assert check(bank, None, "subject").errors == []
    return [entry.content for entry in bank.entries]


def one(text: str) -> dict[str, Any]:
    questions = valid(text)
    assert len(questions) == 1
    return questions[0]


def error(text: str) -> EntryError:
    bank = gift(text)
    assert (bank.entries, len(bank.errors)) == ([], 1)
    return bank.errors[0]


def options(question: dict[str, Any]) -> list[tuple[str, str]]:
    return [(option["id"], option["text"]) for option in question["options"]]


# --- Kinds --------------------------------------------------------------------------------------------------


def test_one_right_choice_makes_a_single_question() -> None:
    question = one("Who's buried in Grant's tomb?{~Grant ~Jefferson =no one}")
    assert question["kind"] == "single"
    assert question["text"] == "Who's buried in Grant's tomb?"
    assert options(question) == [("a", "Grant"), ("b", "Jefferson"), ("c", "no one")]
    assert question["key"] == "c"
    assert (question["topic"], question["difficulty"]) == ("general", 3)


def test_several_right_choices_make_a_multiple_question() -> None:
    question = one("Чётные? {=2 ~3 =4 ~5}")
    assert (question["kind"], question["key"]) == ("multiple", ["a", "c"])
    assert all("weight" not in option for option in question["options"])


def test_answers_within_a_sentence_leave_a_gap() -> None:
    question = one("Grant is {~buried =entombed ~living} in Grant's tomb.")
    assert question["text"] == "Grant is _____ in Grant's tomb."
    assert one("Two plus two equals {=four =4}.")["text"] == "Two plus two equals _____."


def test_weights_without_a_right_sign_make_a_multiple_question_with_weights() -> None:
    question = one("Two people? {~%-50%No one ~%50%Grant ~%50%Grant's wife ~%-100%All ~None}")
    assert (question["kind"], question["key"]) == ("multiple", ["b", "c"])
    assert [option["weight"] for option in question["options"]] == [-0.5, 0.5, 0.5, -1.0, 0.0]


def test_thirds_add_up_to_a_whole() -> None:
    question = one("Q {~%33.33333%a ~%33.33333%b ~%33.33333%c ~%-33.333%d}")
    assert [option["weight"] for option in question["options"]] == [0.3333333, 0.3333333, 0.3333333, -0.33333]


def test_a_partial_choice_beside_a_right_one_keeps_its_weight() -> None:
    question = one("Difficult. {~wrong ~%50%half credit =full credit}")
    assert (question["kind"], question["key"]) == ("single", "c")
    assert [option["weight"] for option in question["options"]] == [0.0, 0.5, 1.0]


def test_right_signs_may_carry_percentages_too() -> None:
    question = one("Q {=%100%a =%0%b ~%50%c}")
    assert (question["kind"], question["key"]) == ("single", "a")
    assert [option["weight"] for option in question["options"]] == [1.0, 0.0, 0.5]


def test_whole_answers_beside_partial_ones_share_the_score() -> None:
    question = one("Q {=a =b ~%50%c ~%-50%d}")
    assert (question["kind"], question["key"]) == ("multiple", ["a", "b", "c"])
    assert [option["weight"] for option in question["options"]] == pytest.approx([0.4, 0.4, 0.2, -0.5])


def test_a_percentage_with_a_decimal_comma_is_understood() -> None:
    question = one("Q {~%33,5%a ~%66,5%b}")
    assert [option["weight"] for option in question["options"]] == [0.335, 0.665]


@pytest.mark.parametrize("word", ["T", "TRUE", "True", "true"])
def test_true_makes_a_single_question(word: str) -> None:
    question = one(f"The sun rises in the east.{{{word}}}")
    assert (question["kind"], question["key"]) == ("single", "true")
    assert options(question) == [("true", "Верно"), ("false", "Неверно")]


@pytest.mark.parametrize("word", ["F", "FALSE"])
def test_false_makes_a_single_question(word: str) -> None:
    assert one(f"Grant is buried in Grant's tomb.{{ {word} }}")["key"] == "false"


def test_true_and_false_have_feedback_for_wrong_and_for_right() -> None:
    question = one("Q {TRUE#that was wrong#that was right####in general}")
    assert [option.get("feedback") for option in question["options"]] == ["that was right", "that was wrong"]
    assert question["explanation"] == "in general"
    question = one("Q {F#only for the wrong}")
    assert [option.get("feedback") for option in question["options"]] == ["only for the wrong", None]


def test_short_answers_make_a_text_question() -> None:
    question = one("Who? {=no one#excellent answer! =%75%nobody#nearly =%0%Grant}")
    assert question["kind"] == "text"
    assert question["key"] == {
        "accept": [
            {"text": "no one", "feedback": "excellent answer!"},
            {"text": "nobody", "weight": 0.75, "feedback": "nearly"},
            {"text": "Grant", "weight": 0.0},
        ]
    }


def test_a_short_answer_may_stand_without_its_sign() -> None:
    assert one("Two plus two? {four}")["key"] == {"accept": [{"text": "four"}]}


def test_a_star_in_a_short_answer_stands_for_anything() -> None:
    key = one(r"Who? {=*Grant (U.S.)* =a*b =5\*3 =%0%*#no}")["key"]
    assert key["accept"] == [{"text": "5*3"}]
    for answer, right in (
        ("Ulysses Grant (U.S.) I", True),
        ("axxb", True),
        ("Grant", False),
        ("axxbc", False),
    ):
        assert bool(re2.fullmatch(key["pattern"], answer)) is right


@pytest.mark.parametrize(
    ("answers", "key"),
    [
        ("#1822", {"value": 1822}),
        ("#1822:5", {"value": 1822, "tolerance": 5}),
        ("#3.1415:0.0005", {"value": 3.1415, "tolerance": 0.0005}),
        ("#3.141..3.142", {"min": 3.141, "max": 3.142}),
        ("#-5..-1", {"min": -5, "max": -1}),
        ("# .5", {"value": 0.5}),
        ("#1.6e-19:1e-21", {"value": 1.6e-19, "tolerance": 1e-21}),
        ("#−3", {"value": -3}),
        ("#=5:0", {"value": 5, "tolerance": 0}),
        ("#3\n~#wrong for all", {"value": 3}),
    ],
)
def test_numbers_have_a_tolerance_or_a_range(answers: str, key: dict[str, Any]) -> None:
    question = one(f"Q {{{answers}}}")
    assert (question["kind"], question["key"]) == ("number", key)


def test_several_numbers_have_weights_and_feedback() -> None:
    question = one("""
        When was Ulysses S. Grant born? {#
            =1822:0      #Correct!
            =%50%1822:2  #You get 50% credit
                         for being close.
            =*#no}
        """)
    assert question["key"] == {
        "accept": [
            {"value": 1822, "tolerance": 0, "feedback": "Correct!"},
            {
                "value": 1822,
                "tolerance": 2,
                "weight": 0.5,
                "feedback": "You get 50% credit\nfor being close.",
            },
        ]
    }


def test_pairs_make_a_match_question() -> None:
    question = one("Match. {=Canada -> Ottawa =Italy->Rome\n =Japan  -> Tokyo ####Capitals}")
    assert question["kind"] == "match"
    assert [(side["id"], side["text"]) for side in question["left"]] == [
        ("l1", "Canada"),
        ("l2", "Italy"),
        ("l3", "Japan"),
    ]
    assert [side["text"] for side in question["right"]] == ["Ottawa", "Rome", "Tokyo"]
    assert question["key"] == {"l1": "r1", "l2": "r2", "l3": "r3"}
    assert question["explanation"] == "Capitals"


def test_the_same_right_side_is_offered_once_and_extra_ones_have_no_left() -> None:
    question = one("Match. {=cat -> meat =dog -> meat =cow -> grass = -> stones}")
    assert [side["text"] for side in question["right"]] == ["meat", "grass", "stones"]
    assert question["key"] == {"l1": "r1", "l2": "r1", "l3": "r2"}


def test_an_arrow_in_a_choice_does_not_make_a_match() -> None:
    question = one("Q {=a -> b ~b -> a}")
    assert options(question) == [("a", "a -> b"), ("b", "b -> a")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Write about yourself. {}", "essay"), ("Q { ####look}", "essay"), ("Read this first.", "description")],
)
def test_what_a_machine_cannot_grade_is_skipped(text: str, reason: str) -> None:
    bank = gift(f"// a comment\n{text}\n")
    assert (bank.entries, bank.errors) == ([], [])
    assert bank.skipped[0].where == "line 2"
    assert reason in bank.skipped[0].reason


# --- Options of the format ----------------------------------------------------------------------------------


def test_comments_are_not_part_of_a_question() -> None:
    question = one("""
        // before
        Q {
          // within
          =a // not a comment
          ~b
        }
        // after
        """)
    assert question["text"] == "Q"
    assert options(question) == [("a", "a // not a comment"), ("b", "b")]


def test_feedback_of_choices_and_general_feedback() -> None:
    question = one("Q {~wrong #because 1 =right #Very good! ####In general: this.}")
    assert [option["feedback"] for option in question["options"]] == ["because 1", "Very good!"]
    assert question["explanation"] == "In general: this."


def test_escaped_signs_are_signs() -> None:
    question = one(r"""
        ::Signs\: all::
        Which is \{no\} sign\: \~, \=, \#? {
           ~ \~     # \~ is.
           ~ \= 2 + 2
           ~ \{\}
           = \\     # Correct\: \\ is not.
        }
        """)
    assert question["text"] == "Which is {no} sign: ~, =, #?"
    assert options(question) == [("a", "~"), ("b", "= 2 + 2"), ("c", "{}"), ("d", "\\")]
    assert question["options"][3]["feedback"] == "Correct: \\ is not."
    assert question["id"] == "signs-all"


def test_an_escaped_n_breaks_the_line() -> None:
    assert one(r"one\ntwo\n\nthree {=a}")["text"] == "one  \ntwo\n\nthree"
    assert one(r"[markdown]one\ntwo {=a}")["text"] == "one\ntwo"


def test_formats_of_question_answers_and_feedback() -> None:
    question = one(
        "[html]<p>Is <b>x</b> &lt; 5 &amp; <i>y</i>?</p>{=[plain]<b>*yes*</b>#[markdown]**ok** ~no <i>way</i>"
        "####[moodle]a<br>b}"
    )
    assert question["text"] == "Is **x** < 5 & *y*?"
    assert options(question) == [("a", "<b>\\*yes\\*</b>"), ("b", "no *way*")]
    assert question["options"][0]["feedback"] == "**ok**"
    assert question["explanation"] == "a  \nb"
    assert one("[markdown]Who is **Grant**?{=a}")["text"] == "Who is **Grant**?"
    assert one("[1] is a footnote {=a}")["text"] == "[1] is a footnote"


def test_categories_become_topics() -> None:
    bank = gift("""
        Before {T}

        $CATEGORY: $course$/top/По умолчанию для курса/Строение клетки

        ::A::First {T}

        ::B::Second {T}

        $CATEGORY: tom/dick/a//b & c
        ::C::Third {T}

        $CATEGORY: $course$/top

        ::D::Fourth {T}

        $CATEGORY: 植物

        ::E::Fifth {T}
        """)
    assert [(topic.slug, topic.title_in("ru")) for topic in bank.topics[:3]] == [
        ("general", "Общее"),
        ("stroenie-kletki", "Строение клетки"),
        ("a-b-c", "a/b & c"),
    ]
    assert bank.topics[3].slug.startswith("topic-")
    assert [entry.content["topic"] for entry in bank.entries[:5]] == [
        "general",
        "stroenie-kletki",
        "stroenie-kletki",
        "a-b-c",
        "general",
    ]
    assert check(bank, None, "x").errors == []


def test_ids_and_tags_are_noted_in_comments() -> None:
    question = one(r"""
        // question: 123  name: Q [id:cell 01/a] [tag:клетка]
        // [tag:b\]c] [tag:клетка]
        ::Title::Q {T}
        """)
    assert question["id"] == "cell-01-a"
    assert question["tags"] == ["клетка", "b]c"]


def test_a_title_of_its_own_makes_the_id_and_a_shared_one_does_not() -> None:
    questions = valid("::Ядро Клетки::Q {T}\n\n::Same::A {T}\n\n::Same::B {T}\n\nC {T}\n")
    ids = [question["id"] for question in questions]
    assert ids[0] == "yadro-kletki"
    assert len(set(ids)) == 4
    assert all(own_id.startswith("gift-") for own_id in ids[1:])


def test_importing_again_gives_the_same_ids_wherever_the_question_stands() -> None:
    first = valid("A {T}\n\nB {=1 =2}\n")
    again = valid("// moved\n\nB   {=1\n =2}\n\n\nA {T}\n")
    assert [question["id"] for question in again] == [question["id"] for question in reversed(first)]


def test_the_same_question_twice_is_skipped_once() -> None:
    bank = gift("A {T}\n\nB {F}\n\nA {T}\n")
    assert len(bank.entries) == 2
    assert "same question as in line 1" in bank.skipped[0].reason


# --- Formulas and markup ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"\\(x^2 \= 4\\)", "$x^2 = 4$"),
        (r"\(x^2 = 4\)", "$x^2 = 4$"),
        (r"$$\\frac\{1\}\{2\}$$", r"$\frac{1}{2}$"),
        (r"$$\frac{1}{2} \neq \nu$$", r"$\frac{1}{2} \neq \nu$"),
        (r"\(a \neq b\)", r"$a \neq b$"),
        (r"\\[a_1 &lt; b*c*d\\]", r"$a_1 < b*c*d$"),
        ("$x$ and $5, $6", r"$x$ and \$5, \$6"),
        ("5*3*2 and _a_ and snake_case", r"5\*3\*2 and \_a\_ and snake_case"),
        ("H<sub>2</sub>O, x<sup>10</sup>", "H$_2$O, x$^{10}$"),
        ("a&nbsp;&#171;b&#187;", "a\xa0«b»"),
        ("<script>alert(1)</script>a<style>p {}</style>".replace("{}", r"\{\}"), "a"),
        ("x<y and z>w", "x<y and z>w"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<code>a*b</code> <!-- no --> c", "`a*b`  c"),
        ('<img src="x.png" alt="a cell"> <span style="color:#f00">red</span>', "a cell red"),
    ],
)
def test_formulas_and_html_become_safe_markdown(text: str, shown: str) -> None:
    assert one(f"{text} {{=a}}")["text"] == shown


# --- Files in the wild --------------------------------------------------------------------------------------


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    text = "// c\n::A::Q {\n=a\n~b\n}\n\nB {T}\n"
    plain = read(text.encode(), format="gift")
    assert read(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), format="gift") == plain
    assert len(plain.entries) == 2


def test_blank_lines_inside_the_braces_do_not_end_a_question() -> None:
    question = one("Q {\n\n=a\n\n~b\n\n}\n")
    assert len(question["options"]) == 2


def test_questions_with_titles_need_no_blank_line_between() -> None:
    assert [question["id"] for question in valid("::A::a {T}\n::B::b {F}\n// c\n::C::c {\n=1\n}\n")] == [
        "a",
        "b",
        "c",
    ]


def test_a_right_sign_after_a_wrong_one_is_right() -> None:
    question = one("Q {~=a ~b}")
    assert (question["kind"], question["key"]) == ("single", "a")


def test_bare_signs_in_links_attributes_and_entities_are_no_signs_of_gift() -> None:
    question = one("""
        [html]See <a href="http://x.y/?a=b#c">this</a> {
        =http://x.y/~me/?a=b&c=d
        ~it&#39;s
        ~<span style="color: #fff">x</span>
        }
        """)
    assert question["text"] == "See this"
    assert options(question) == [("a", "http://x.y/~me/?a=b&c=d"), ("b", "it's"), ("c", "x")]


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("Q {=a", "", "the opening `{` is never closed"),
        ("Q =a}", "", "a closing `}` without an opening `{`"),
        ("::Q {T}", "", "no closing `::`"),
        ("Q {=a {b} =c}", "", "a `{` inside the answers"),
        ("Q {=a} and {=b}", "", "a second brace after the answers"),
        ("{=a}", "text", "the question has no text"),
        ("Q {~a}", "options", "only one choice"),
        ("Q {~a ~b}", "key", "no right answer"),
        ("Q {~%50%a ~%40%b}", "options", "add up to 90%"),
        ("Q {~%150%a ~b}", "key", "beyond 100 percent"),
        ("Q {~%5O%a =b}", "key", "'%5O%' is no weight"),
        ("Q {#3,14}", "key", "'3,14' is not a number; write 3.14"),
        ("Q {#3:a}", "key", "'a' is not a number"),
        ("Q {#}", "key", "no number after `#`"),
        ("Q {#=%50%3}", "key", "the best answer gives 50%"),
        ("Q {=%50%a}", "key", "the best answer gives 50%"),
        ("Q {=%50%a* =b}", "key", "only whole answers may have wildcards"),
        ("Q {= =}", "key", "the best answer gives 0%"),
        ("Q {=a -> b =c}", "key", "the pair 'c' has no `->`"),
        ("Q {=a -> =c -> d}", "right", "nothing stands after `->`"),
        ("Q {=a -> b}", "left", "at least two pairs"),
        ("Q {1:MULTICHOICE:=a~b}", "key", "Cloze"),
        ("Q {:SA:=a}", "key", "Cloze"),
        ("Q {" + "=a " * 30_000 + "}", "", "longer than 65536 characters"),
    ],
)
def test_a_malformed_question_names_its_line_and_does_not_spoil_the_next(text: str, path: str, told: str) -> None:
    bank = gift(f"First {{T}}\n\n{text}\n\nLast {{F}}\n")
    assert [entry.content["text"] for entry in bank.entries] == ["First", "Last"]
    assert [(error.where, error.path) for error in bank.errors] == [("line 3", path)]
    assert told in bank.errors[0].message


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("::Q::a {T}", "gift"),
        ("// c\nQ {=a}", "gift"),
        ("$CATEGORY: x\n\nQ {T}", "gift"),
        ("Какой ответ? {\n=a\n~b\n}", "gift"),
        ("// questions:\nquestions: which? {T}", "gift"),
        ("questions:\n- {id: a}", "yaml"),
        ("# c\n---\nsubject: x\nquestions: []", "yaml"),
        ('{"questions": []}', "json"),
        (' [\n {"id": "a"}]', "json"),
    ],
)
def test_the_format_is_found_by_the_content(text: str, format: BankFormat) -> None:
    assert read(text.encode(), name="bank.txt").format == format
