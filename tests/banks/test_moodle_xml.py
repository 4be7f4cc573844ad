"""Moodle XML: each type and option that its documentation describes, and what is malformed or meant to do harm."""

import base64
from typing import Any

import pytest
import re2

from protocols.messages import EntryError
from storage.banks import BankFile, BankFileError, read
from storage.banks.check import check
from storage.banks.xml_tree import MAX_DEPTH

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
TEXT = '<questiontext format="html"><text><![CDATA[<p>What?</p>]]></text></questiontext>'


def quiz(*elements: str) -> BankFile:
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n' + "\n".join(elements) + "\n</quiz>\n"
    bank = read(text.encode())
    assert bank.format == "moodle-xml"
    return bank


def question(kind: str, *inner: str, text: str = TEXT) -> str:
    return f'<question type="{kind}"><name><text>Name</text></name>{text}{"".join(inner)}</question>'


def one(*elements: str) -> dict[str, Any]:
    bank = quiz(*elements)
    assert (bank.errors, bank.skipped, len(bank.entries)) == ([], [], 1)
    assert check(bank, None, "subject").errors == []
    return bank.entries[0].content


def error(*elements: str) -> EntryError:
    bank = quiz(*elements)
    assert (bank.entries, len(bank.errors)) == ([], 1)
    return bank.errors[0]


def answer(text: str, fraction: float | str = 0, feedback: str = "", more: str = "", format: str = "html") -> str:
    told = f'<feedback format="html"><text>{feedback}</text></feedback>'
    return f'<answer fraction="{fraction}" format="{format}"><text>{text}</text>{told}{more}</answer>'


def text_of(said: str, format: str = "html", files: str = "") -> str:
    return f'<questiontext format="{format}"><text><![CDATA[{said}]]></text>{files}</questiontext>'


def refusal(text: str) -> str:
    with pytest.raises(BankFileError) as caught:
        read(text.encode())
    return caught.value.message


# --- Kinds --------------------------------------------------------------------------------------------------


def test_multichoice_with_one_answer() -> None:
    found = one(question("multichoice", "<single>true</single>", answer("a"), answer("b", 100, "Yes"), answer("c")))
    assert (found["kind"], found["key"], found["text"]) == ("single", "b", "What?")
    assert found["options"] == [
        {"id": "a", "text": "a"},
        {"id": "b", "text": "b", "feedback": "Yes"},
        {"id": "c", "text": "c"},
    ]


def test_multichoice_with_one_answer_keeps_partial_fractions() -> None:
    found = one(question("multichoice", answer("a", 50), answer("b", "100.0000000"), answer("c", -33.33333)))
    assert (found["kind"], found["key"]) == ("single", "b")
    assert [option["weight"] for option in found["options"]] == [0.5, 1.0, -0.3333333]


def test_multichoice_with_several_answers() -> None:
    options = [answer("a", 50), answer("b", 50), answer("c", 0), answer("d", -50)]
    found = one(question("multichoice", "<single>false</single>", *options))
    assert (found["kind"], found["key"]) == ("multiple", ["a", "b"])
    assert [option["weight"] for option in found["options"]] == [0.5, 0.5, 0.0, -0.5]


def test_fractions_that_only_say_what_is_right_are_no_weights() -> None:
    found = one(question("multichoice", "<single>false</single>", answer("a", 50), answer("b", 50), answer("c", -50)))
    assert all("weight" not in option for option in found["options"])


def test_several_answers_of_which_one_is_right_stay_several() -> None:
    found = one(question("multichoice", "<single>false</single>", answer("a", 100), answer("b", -100)))
    assert (found["kind"], found["key"]) == ("multiple", ["a"])


@pytest.mark.parametrize("kind", ["multichoiceset", "oumultiresponse"])
def test_types_whose_fractions_only_mark_what_is_right(kind: str) -> None:
    found = one(question(kind, answer("a", 100), answer("b", 100), answer("c", 0)))
    assert (found["kind"], found["key"]) == ("multiple", ["a", "b"])


def test_fractions_in_elements_as_old_files_have_them() -> None:
    old = "<answer><text>a</text><fraction>100</fraction></answer><answer><text>b</text><fraction>0</fraction></answer>"
    assert one(question("multichoice", old))["key"] == "a"


@pytest.mark.parametrize("right", ["true", "false"])
def test_truefalse(right: str) -> None:
    wrong = "false" if right == "true" else "true"
    found = one(question("truefalse", answer(wrong, 0, "No"), answer(right, 100, "Yes")))
    assert (found["kind"], found["key"]) == ("single", right)
    assert {option["id"]: option["feedback"] for option in found["options"]} == {right: "Yes", wrong: "No"}


def test_shortanswer_with_fractions_and_feedback() -> None:
    found = one(question("shortanswer", "<usecase>0</usecase>", answer("Paris", 100), answer("Lutetia", 50, "Once")))
    assert found["kind"] == "text"
    assert found["key"] == {"accept": [{"text": "Paris"}, {"text": "Lutetia", "weight": 0.5, "feedback": "Once"}]}


def test_shortanswer_that_tells_cases_apart() -> None:
    found = one(question("shortanswer", "<usecase>1</usecase>", answer("pH", 100)))
    assert found["key"]["case_sensitive"] is True


def test_shortanswer_with_wildcards() -> None:
    found = one(question("shortanswer", answer("mito*ia", 100), answer("2\\*2 (x)*", 100), answer("*", 0, "No")))
    pattern = re2.compile(found["key"]["pattern"])
    assert pattern.fullmatch("mitochondria")
    assert pattern.fullmatch("2*2 (x) = 4")
    assert not pattern.fullmatch("2x2 (x)")


def test_numerical_with_several_answers_and_tolerances() -> None:
    found = one(
        question(
            "numerical",
            answer("3.14", 100, more="<tolerance>0.01</tolerance>"),
            answer("3", 50, "Rough", more="<tolerance>0</tolerance>"),
            answer("*", 0, "No"),
        )
    )
    assert found["kind"] == "number"
    assert found["key"] == {
        "accept": [{"value": 3.14, "tolerance": 0.01}, {"value": 3, "weight": 0.5, "feedback": "Rough"}]
    }


def test_numerical_with_one_answer_and_a_decimal_comma() -> None:
    found = one(question("numerical", answer("1,5", 100, more="<tolerance>0,1</tolerance>")))
    assert found["key"] == {"value": 1.5, "tolerance": 0.1}


def test_a_graded_unit_is_warned_of() -> None:
    units = "<unitgradingtype>1</unitgradingtype><units><unit><unit_name>m</unit_name></unit></units>"
    bank = quiz(question("numerical", answer("5", 100), units))
    assert ["unit" in warning.message for warning in bank.warnings] == [True]


def subquestion(left: str, right: str) -> str:
    return f'<subquestion format="html"><text>{left}</text><answer><text>{right}</text></answer></subquestion>'


@pytest.mark.parametrize("kind", ["matching", "match", "ddmatch"])
def test_matching_with_what_is_left_over_and_what_repeats(kind: str) -> None:
    pairs = [subquestion("frog", "amphibian"), subquestion("newt", "amphibian"), subquestion("cat", "mammal")]
    found = one(question(kind, *pairs, subquestion("", "insect")))
    assert found["kind"] == "match"
    assert [choice["text"] for choice in found["left"]] == ["frog", "newt", "cat"]
    assert [choice["text"] for choice in found["right"]] == ["amphibian", "mammal", "insect"]
    assert found["key"] == {"l1": "r1", "l2": "r1", "l3": "r2"}


def test_ordering_takes_its_order_from_the_fractions() -> None:
    found = one(question("ordering", answer("third", 3), answer("first", 1), answer("second", 2)))
    assert (found["kind"], found["key"]) == ("order", ["b", "c", "a"])


def word(text: str, group: int = 1, name: str = "selectoption") -> str:
    return f"<{name}><text>{text}</text><group>{group}</group></{name}>"


@pytest.mark.parametrize("name", ["selectoption", "dragbox"])
def test_gaps_in_a_text_become_numbered_places_to_match(name: str) -> None:
    kind = "gapselect" if name == "selectoption" else "ddwtos"
    words = [word("cat", 1, name), word("sat", 1, name), word("mat", 1, name), word("dog", 2, name)]
    found = one(question(kind, *words, text=text_of("The [[1]] sat on the [[3]].")))
    assert (found["kind"], found["text"]) == ("match", "The (1) _____ sat on the (2) _____.")
    assert [choice["text"] for choice in found["right"]] == ["cat", "sat", "mat"]
    assert found["key"] == {"l1": "a", "l2": "c"}


def test_a_single_gap_is_a_choice() -> None:
    found = one(question("gapselect", word("cat"), word("dog"), text=text_of("The [[2]] barks.")))
    assert (found["kind"], found["key"], found["text"]) == ("single", "b", "The _____ barks.")


@pytest.mark.parametrize(
    ("gap", "kind", "key"),
    [
        (
            "{1:SHORTANSWER:=Berlin#Yes~%50%Bonn~*#No}",
            "text",
            {"accept": [{"text": "Berlin", "feedback": "Yes"}, {"text": "Bonn", "weight": 0.5}]},
        ),
        ("{:SAC:=pH}", "text", {"accept": [{"text": "pH"}], "case_sensitive": True}),
        (
            "{2:NUMERICAL:=23.8:0.1~%50%23.8:2}",
            "number",
            {"accept": [{"value": 23.8, "tolerance": 0.1}, {"value": 23.8, "tolerance": 2, "weight": 0.5}]},
        ),
        ("{1:MULTICHOICE:California~=Arizona#Yes~Utah}", "single", "b"),
        ("{1:MULTIRESPONSE:=a~=b~c}", "multiple", ["a", "b"]),
    ],
)  # fmt: skip
def test_a_cloze_with_one_gap(gap: str, kind: str, key: object) -> None:
    found = one(question("cloze", text=text_of(f"<p>Fill in: {gap} here.</p>")))
    assert (found["kind"], found["text"], found["key"]) == (kind, "Fill in: _____ here.", key)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("essay", "essay"),
        ("description", "nothing to answer"),
        ("calculated", "formula"),
        ("calculatedsimple", "formula"),
        ("calculatedmulti", "formula"),
        ("ddimageortext", "picture"),
        ("ddmarker", "picture"),
        ("random", "category"),
        ("randomsamatch", "drawn from other"),
        ("coderunner", "'coderunner' is none"),
    ],
)
def test_what_no_kind_can_hold_is_skipped_with_its_reason(kind: str, why: str) -> None:
    bank = quiz(question(kind))
    assert (bank.entries, bank.errors) == ([], [])
    assert why in bank.skipped[0].reason


def test_a_cloze_with_several_gaps_is_skipped() -> None:
    bank = quiz(question("multianswer", text=text_of("{1:SA:=a} and {1:SA:=b}")))
    assert "2 gaps" in bank.skipped[0].reason


def test_a_hidden_question_is_skipped() -> None:
    assert "hidden" in quiz(question("truefalse", answer("true", 100), "<hidden>1</hidden>")).skipped[0].reason


# --- What all types share -----------------------------------------------------------------------------------


def test_category_idnumber_tags_and_general_feedback() -> None:
    category = '<question type="category"><category><text>$course$/top/Biology/The cell</text></category></question>'
    more = "<idnumber>cell 7</idnumber><generalfeedback><text>Because.</text></generalfeedback>"
    tags = "".join(f"<tag><text>{tag}</text></tag>" for tag in ("easy", "difficulty:5", "extra.year:2024"))
    tags = f"<tags>{tags}</tags>"
    bank = quiz(category, question("truefalse", answer("true", 100), more, tags))
    content = bank.entries[0].content
    assert (content["id"], content["topic"], content["explanation"]) == ("cell-7", "the-cell", "Because.")
    assert (content["tags"], content["difficulty"], content["extra"]) == (["easy"], 5, {"year": 2024})
    assert [topic.title_in("ru") for topic in bank.topics] == ["The cell"]


def test_penalties_marks_hints_and_combined_feedback_are_left_out() -> None:
    more = "<defaultgrade>5</defaultgrade><penalty>0.3</penalty><hint><text>Think</text></hint>"
    feedback = "<correctfeedback><text>Well done</text></correctfeedback><shownumcorrect/>"
    found = one(question("truefalse", answer("true", 100), more, feedback))
    assert set(found) == {"id", "topic", "difficulty", "text", "kind", "options", "key"}


def test_html_is_cleaned_to_the_safe_subset() -> None:
    html = (
        "<p>A <b>bold</b>, <em>slanted</em> H<sub>2</sub>O, <code>x = 1</code></p><ul><li>one</li><li>two</li></ul>"
        "<script>alert(1)</script><p onclick='x()'>\\(a^2\\) and $$b$$</p>"
    )
    found = one(question("truefalse", answer("true", 100), text=text_of(html)))
    assert found["text"] == ("A **bold**, *slanted* H$_2$O, `x = 1`\n\n- one\n- two\n\n$a^2$ and $b$")


def test_html_written_with_entities_is_the_same_as_in_cdata() -> None:
    escaped = "<questiontext><text>&lt;p&gt;a &amp;lt; b&lt;/p&gt;</text></questiontext>"
    assert one(question("truefalse", answer("true", 100), text=escaped))["text"] == "a < b"


@pytest.mark.parametrize(
    ("format", "text"), [("markdown", "*a* <b>"), ("plain_text", r"\*a\* <b>"), ("html", r"\*a\*")]
)
def test_the_format_of_a_text_is_heeded(format: str, text: str) -> None:
    found = one(question("truefalse", answer("true", 100), text=text_of("*a* <b>", format)))
    assert found["text"] == text


def test_embedded_files_are_the_pictures_of_question_and_options() -> None:
    file = f'<file name="a b.png" path="/" encoding="base64">{PIXEL[:30]}\n{PIXEL[30:]}</file>'
    options = (
        f'<answer fraction="100"><text><![CDATA[<img src="@@PLUGINFILE@@/a%20b.png">]]></text>{file}</answer>'
        '<answer fraction="0"><text>none</text></answer>'
    )
    text = text_of('Look: <img src="@@PLUGINFILE@@/a%20b.png" alt="a dot">', files=file)
    bank = quiz(question("multichoice", options, text=text))
    content: Any = bank.entries[0].content
    assert content["text"] == "Look:"
    assert bank.pictures[content["image"]] == base64.b64decode(PIXEL)
    assert bank.pictures[content["options"][0]["image"]] == base64.b64decode(PIXEL)


def test_a_picture_within_the_html_is_one_too() -> None:
    bank = quiz(
        question("truefalse", answer("true", 100), text=text_of(f'<img src="data:image/png;base64,{PIXEL}"> A?'))
    )
    content: Any = bank.entries[0].content
    assert bank.pictures[content["image"]] == base64.b64decode(PIXEL)


def test_the_picture_that_old_files_have_beside_the_text_comes_along() -> None:
    kept = f"<image>a.png</image><image_base64>\n{PIXEL[:40]}\n{PIXEL[40:]}\n</image_base64>"
    bank = quiz(question("truefalse", answer("true", 100), kept))
    content: Any = bank.entries[0].content
    assert bank.pictures[content["image"]] == base64.b64decode(PIXEL)
    lost = quiz(question("truefalse", answer("true", 100), "<image>http://x.example/a.png</image>"))
    assert "image" not in lost.entries[0].content
    assert "did not come with the file" in lost.warnings[0].message


def test_pictures_beyond_the_first_are_warned_of() -> None:
    file = f'<file name="a.png" path="/" encoding="base64">{PIXEL}</file>'
    text = text_of('<img src="@@PLUGINFILE@@/a.png"><img src="@@PLUGINFILE@@/a.png">', files=file)
    assert "of 2 the first" in quiz(question("truefalse", answer("true", 100), text=text)).warnings[0].message


def test_a_picture_from_elsewhere_leaves_its_description() -> None:
    found = one(
        question("truefalse", answer("true", 100), text=text_of('<img src="http://x.example/a.png" alt="a map">'))
    )
    assert (found["text"], "image" in found) == ("a map", False)


def test_a_question_without_an_own_id_keeps_its_id_when_read_again() -> None:
    elements = [question("truefalse", answer("true", 100)), question("truefalse", answer("false", 100))]
    first, again = quiz(*elements), quiz("", *elements)
    assert [entry.content["id"] for entry in first.entries] == [entry.content["id"] for entry in again.entries]
    assert len({entry.content["id"] for entry in first.entries}) == 2


def test_a_byte_order_mark_and_utf_16() -> None:
    text = f'<?xml version="1.0" encoding="UTF-8"?><quiz>{question("truefalse", answer("true", 100))}</quiz>'
    assert len(read(b"\xef\xbb\xbf" + text.encode()).entries) == 1
    assert len(read(text.encode("utf-16")).entries) == 1


SEVERAL = "<single>false</single>"


# --- What is malformed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("element", "path", "told"),
    [
        (question("multichoice", answer("a", 100)), "options", "at least two"),
        (question("multichoice", answer("a", 50), answer("b")), "key", "gives 50%"),
        (question("multichoice", answer("a", 100), answer("")), "options.1", "without text"),
        (question("multichoice", answer("a", "much"), answer("b")), "key", "'much' is not a number"),
        (question("multichoice", answer("a", 101), answer("b")), "key", "beyond 100"),
        (question("multichoice", SEVERAL, answer("a", 30), answer("b", 30)), "options", "add up to 60%"),
        (question("multichoice", SEVERAL, answer("a"), answer("b")), "key", "no right answer"),
        (question("truefalse", answer("yes", 100)), "options", "neither true nor false"),
        (question("truefalse", answer("true"), answer("false")), "key", "no right answer"),
        (question("truefalse", answer("true", 100), answer("false", 100)), "key", "both answers are right"),
        (question("shortanswer", answer("", 100)), "key", "empty"),
        (question("shortanswer", answer("a", 90)), "key", "gives 90%"),
        (question("shortanswer", answer("a*", 50), answer("b", 100)), "key", "wildcards"),
        (question("numerical", answer("three", 100)), "key", "'three' is not a number"),
        (question("numerical"), "key", "no number is accepted"),
        (question("matching", subquestion("a", "b")), "left", "two pairs"),
        (question("matching", "<subquestion><text>a</text></subquestion>"), "left.0", "without its <answer>"),
        (question("gapselect", word("a"), word("b")), "text", "no gap"),
        (question("gapselect", word("a"), text=text_of("[[7]]")), "text", "the gap [[7]] has no word"),
        (question("cloze", text=text_of("no gap")), "text", "no gap that can be read"),
        (question("truefalse", answer("true", 100), text=""), "", ""),
        (question("truefalse", text=text_of('<img src="@@PLUGINFILE@@/x.png">')), "text", "no <file>"),
        ('<question><questiontext><text>a</text></questiontext></question>', "kind", "has no type"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_named_by_line_and_reason(element: str, path: str, told: str) -> None:
    if not told:  # its name will do for a text
        assert one(element)["text"] == "Name"
        return
    found = error(element)
    assert (found.where, found.path) == ("line 3", path)
    assert told in found.message


def test_a_question_without_any_text_is_an_error() -> None:
    assert "no text" in error('<question type="truefalse"/>').message


def test_a_picture_that_is_no_base64_is_an_error() -> None:
    file = '<file name="a.png" path="/" encoding="base64">§§§</file>'
    text = text_of('<img src="@@PLUGINFILE@@/a.png">', files=file)
    assert "not valid base64" in error(question("truefalse", answer("true", 100), text=text)).message


def test_the_declaration_may_stand_below_an_empty_line() -> None:
    head = '\n\n<?xml version="1.0" encoding="windows-1251"?>\n'
    (entry,) = read(f"{head}<quiz>{question('truefalse', answer('true', 100))}</quiz>".encode(), subject="s").entries
    assert entry.where.startswith("line 4")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<quiz>\n<question>\n</quiz>", "line 3, column 3: not XML: mismatched tag"),
        ("<quiz>\n<question type='essay'>a & b</question></quiz>", "line 2"),
        ("<quiz>\n&nbsp;</quiz>", "CDATA"),
        ("<quiz>\n<question", "line 2"),
        ("<quiz/>\n<quiz/>", "line 2"),
    ],
)
def test_what_is_not_xml_is_refused_with_the_line_and_the_mend(text: str, told: str) -> None:
    assert told in refusal(text)


def test_other_xml_is_told_what_it_is_not() -> None:
    assert "not Moodle XML" in refusal("<assessment/>")


# --- What is meant to do harm -------------------------------------------------------------------------------

BOMB = '<!DOCTYPE quiz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    "head",
    [
        BOMB,
        '<!DOCTYPE quiz [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE quiz SYSTEM "http://127.0.0.1:1/quiz.dtd">',
        '<!DOCTYPE quiz [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p"> %p;]>',
    ],
)
def test_entities_and_what_lies_elsewhere_are_refused_with_a_sentence(head: str) -> None:
    text = f'<?xml version="1.0"?>\n{head}\n<quiz><question type="essay">&a;</question></quiz>'
    with pytest.raises(BankFileError, match="document type"):
        read(text.encode(), format="moodle-xml")
    assert refusal(text)


def test_deep_nesting_is_refused_with_the_line() -> None:
    assert "line 1: nested deeper" in refusal("<quiz>" + "<a>" * 100_000)
    assert f"than {MAX_DEPTH} elements" in refusal("<quiz>" + "<a>" * MAX_DEPTH)


def test_a_flood_of_elements_in_one_question_is_refused() -> None:
    assert "elements in one question" in refusal("<quiz><question>" + "<a/>" * 30_000 + "</question></quiz>")


def test_a_script_in_names_and_texts_is_text() -> None:
    script = "&lt;script&gt;alert(1)&lt;/script&gt;"
    text = text_of("<script>alert(1)</script>Q?<img src=x onerror=alert(1)>")
    inner = f"<name><text>{script}</text></name>{text}{answer('true', 100)}"
    found = one(f'<question type="truefalse">{inner}</question>')
    assert found["text"] == "Q?"
    assert "<" not in found["id"]
