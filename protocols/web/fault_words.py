"""What is wrong with a bank file, in the reader's language.

Those who read files say it in English, in the sentences below; a new one that is not here is told as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Final

from protocols.catalogue import Texts, mark

# As they are said, with names for what differs; what `{mend}` stands for is one of these as well.
_SENTENCES: Final = (
    mark("`{name}` is missing; {mend}"),
    mark("`kind` is missing; give one of {known}"),
    mark("add it"),
    mark("remove it"),
    mark("give the question or option an id that is its own in the subject"),
    mark("give one of single, multiple, text, number, order, match"),
    mark("give the slug of one of the subject's topics"),
    mark("give a number from 1 (easy) to 5 (hard)"),
    mark("write what is asked or offered"),
    mark("list what there is to choose from, each with `id` and `text`"),
    mark("list what is to be matched, each with `id` and `text`"),
    mark("list what can be matched with it, each with `id` and `text`"),
    mark("give the right answer"),
    mark("give a title as text, or one per language: {{ru: ..., en: ...}}"),
    mark("give a short name of lower-case Latin letters, digits, `-` and `_`"),
    mark("unknown field `{name}`; {mend}"),
    mark("unknown field {value}; {mend}"),
    mark("did you mean `{near}`?"),
    mark("known here: {known}"),
    mark("{value} is not text; write text here, in quotes if need be"),
    mark("{value} is not allowed here; {mend}"),
    mark("use lower-case Latin letters, digits, `-` and `_`, at most 64, a letter or digit first"),
    mark("an id has 1 to 100 characters and no spaces, `/`, `\\`, `?`, `#` or `%`"),
    mark("remove the NUL character"),
    mark("the text is empty; write at least {bound} character(s)"),
    mark("the text is longer than {bound} characters: {value}"),
    mark("{value} is not a whole number; write one, as 3"),
    mark("{value} is not a number; {mend}"),
    mark("{value} is not a finite number; write one, as 0.5"),
    mark("use a point, as 0.5"),
    mark("write one, as 0.5"),
    mark("write one, as 3.14"),
    mark("write one, as 3.14:0.01"),
    mark("write one, as 3.14, 3.14:0.01 or 3..4"),
    mark("write one, as 3.14, 3.14 ± 0.01 or 3..4"),
    mark("{value} is neither true nor false; write one of these"),
    mark("{value} is neither true nor false"),
    mark("{value} is too small; at least {bound}"),
    mark("{value} is too large; at most {bound}"),
    mark("`{name}` holds {count}; at least {bound} needed"),
    mark("`{name}` holds too many; at most {bound} allowed"),
    mark("{value} is not a list; write a list here, as [a, b]"),
    mark("{value} is not a mapping; write `name: value` pairs here"),
    mark("{value} is not known here; one of {known}"),
    mark("{value} is not allowed; one of {known}"),
    mark("a question must be a mapping with `id`, `kind`, `text` and so on, not {value}"),
    mark("{value} is no option; the options are {known}"),
    mark("{value} is not on the right; there are {known}"),
    mark("must name each option once: {known}"),
    mark("must match each of {known}"),
    mark("the id {value} stands twice"),
    mark("an option stands twice"),
    mark("the positive weights must add up to 1, or nobody can answer right"),
    mark("not a pattern that RE2 accepts: {value}"),
    mark("give at least one accepted answer in `accept`, or a `pattern`"),
    mark("give either `value` (and `tolerance`), or `min` and `max`"),
    mark("a range needs both `min` and `max`"),
    mark("`min` {value} is above `max` {bound}"),
    mark("`tolerance` goes with `value`, not with a range"),
    mark("give either `accept`, or one `value` or range"),
    mark("{value} is already the id of {place}; an id is its own in a subject"),
    mark("{value} is no topic of `{subject}`; use one of {known}, or add it to `topics`"),
    mark("{value} is no kind of question; {mend}"),
    mark("the subject `{subject}` has no questions of kind {name}; its kinds are {known}"),
    mark("{value} stands twice"),
    mark("`{name}` stands twice; keep one of them"),
    mark("`{name}` stands twice (first in {place})"),
    mark("an accepted answer is empty; write what is accepted"),
    mark(
        "the answer {value} with `*` has a weight of {percent}%, and only whole answers may have wildcards; write "
        "out what it accepts"
    ),
    mark("no right answer; give one of the answers a weight above 0"),
    mark("the weights of the right answers add up to {percent}%; they must give 100%"),
    mark("the best answer gives {percent}%; one must give 100%"),
    mark("the weight {value} is beyond 100 percent"),
    mark(
        "the file names no subject; add `subject: SLUG` at its top, or give one with it: `--subject SLUG` on the "
        "command line, `?subject=SLUG` over HTTP"
    ),
    mark("the file is for `{subject}`, but `{other}` was asked for; choose the one that is meant"),
    mark("the file is for `{subject}`, not for `{other}`"),
    mark("and {count} more errors"),
    mark("more than {bound} questions; split the file"),
    mark("more than {bound} values; split the file"),
    mark(
        "this is neither YAML with `questions:`, nor JSON, nor Moodle XML, nor GIFT with answers in {{...}}, nor "
        "Aiken with lines `ANSWER: A`: {value}"
    ),
    mark(
        "this is XML or HTML, and not Moodle XML, whose root is <quiz>; export the questions as that, or save them "
        "as YAML, JSON, GIFT or XLSX"
    ),
    mark("the file has {count} bytes; at most {bound} are read; split it"),
    mark("this is an XLSX workbook, not {name}; leave the format to be found, or say xlsx"),
    mark("this is no XLSX workbook; leave the format to be found, or save the file as XLSX"),
    mark("byte {at} (line {line}): the byte {value} is not {encoding} text ({why}); save the file as UTF-8"),
    mark("the control character {value} is not text; remove it, or save the file as UTF-8"),
    mark("the character {value} is not text; remove it"),
    mark("the file is empty; a bank file holds at least `questions:` with one question"),
    mark("the file is in Windows-1251 and not in UTF-8; look whether its letters are right"),
    mark("this is {mend}, which is not read here; save the questions as XLSX or as plain text"),
    mark("a PDF"),
    mark("a document in RTF"),
    mark("an old file of Excel or Word (XLS, DOC)"),
    mark("a RAR archive"),
    mark("a 7-Zip archive"),
    mark("a document of Word (DOCX)"),
    mark("a file of LibreOffice (ODS, ODT)"),
    mark("the ZIP holds more than {bound} files; split it"),
    mark("the ZIP unpacks to {size} MiB; at most {bound} MiB are unpacked; split it"),
    mark("the ZIP holds {value}, whose path leads out of its folder; pack the files again"),
    mark("the ZIP holds the symbolic link {value}; put the file itself in its place"),
    mark("{value} in the ZIP is encrypted; pack it without a password"),
    mark("{value} in the ZIP is packed by method {name}; use plain ZIP"),
    mark("{value} in the ZIP unpacks to {count} times its size; no bank file does that"),
    mark("the ZIP holds {count} bank files: {known}; put one into one ZIP"),
    mark("the ZIP holds no bank file (YAML, JSON, GIFT, Moodle XML, Aiken or XLSX); it holds {known}"),
    mark("the ZIP holds no bank file (YAML, JSON, GIFT, Moodle XML, Aiken or XLSX)"),
    mark("the ZIP is damaged: {why}; make it again"),
    mark("{value} in the ZIP is damaged: {why}; make it again"),
    mark("the ZIP holds another ZIP, {value}; unpack it first"),
    mark("the sheet reaches to row {row} and column {column}; delete what stands outside the table"),
    mark("no sheet has a row of headings with `kind`, `text` and `key`; begin with the template of the subject"),
    mark("this sheet has no row of headings with `kind`, `text` and `key`; it was not read"),
    mark("unknown column {value}, which was not read; {mend}"),
    mark("own fields of the subject are headed `extra.NAME`"),
    mark("the column `{name}` stands twice (first in {place}); keep one of them"),
    mark("the workbook cannot be read: {why}; save it again as XLSX"),
    mark("the workbook is damaged; save it again as XLSX"),
    mark(
        "the cell holds a date or time, {value}, as spreadsheets make of 1/2 or 1.2; format the cell as text and "
        "write it again"
    ),
    mark("{value} is the number of one option and the text of another; write the letter"),
    mark("write the number of one, its Latin letter or its text"),
    mark("{value} is no pair; write them as l1=r2, l2=r1"),
    mark("{value} is matched twice"),
    mark("{value} is no slug with a title; use lower-case Latin letters, digits, `-` and `_`"),
    mark("an example row of the template; to keep what you wrote in it, give it an id of your own"),
    mark("{value} has {count} bytes; at most {bound} are kept"),
    mark("{value} is none of PNG, JPEG, GIF, WebP and SVG"),
    mark("{value} is a data: URI without data"),
    mark("{value} is not valid base64: {why}"),
    mark(
        "{value} cannot be found: it did not come with the file; upload a ZIP of the file and its pictures, or "
        "give the picture as a data: URI"
    ),
    mark("{value} leads out of the folder of the bank file"),
    mark("{value} cannot be read: {why}"),
    mark("no explanation; students learn from it why the key is right"),
    mark("nobody chooses option {name}; is it too plainly wrong?"),
    mark("the same text as {place}"),
    mark("nearly the same text as {place}"),
    mark("in {count} of {total} questions the key is option {name}; was it filled in for all of them?"),
    mark("and {count} more questions have no explanation"),
    mark("and {count} more questions are nearly the same as another"),
    mark("the question has no answer; end it with a line `ANSWER: ` and the letter of the right option"),
    mark("{value} is no answer line; write it as `ANSWER: B`, in capital letters"),
    mark("{value} is no option; {mend}"),
    mark("write a Latin capital letter, `.` or `)`, a space and the text, as `A) first`"),
    mark("{value} is neither an option nor the answer; an option is one line"),
    mark("the question goes on in a second line, {value}; it must be all on one line"),
    mark("more than {bound} options"),
    mark("the option {name} stands where {other} belongs; letters go on from A without a gap"),
    mark("an answer without a question before it"),
    mark("an option without a question before it; write the question on one line above its options"),
    mark("{count} options; offer at least two, each on its line as `A) first`"),
    mark("{value} is no answer; write the Latin capital letter of one option, as `ANSWER: B`"),
    mark("there is no option {name}; the options are A to {last}"),
    mark("a description: there is nothing to answer"),
    mark("an essay: a machine cannot grade it"),
    mark("an embedded answer of Moodle's Cloze type, which GIFT cannot express; export the question as Moodle XML"),
    mark("the question has no text; write what is asked before the answers"),
    mark("only one choice; offer at least two, each after `=` or `~`"),
    mark("no right answer; put `=` before it, or give right answers weights, as ~%50%"),
    mark("no number after `#`; write one, as {{#3.14:0.01}} or {{#3..4}}"),
    mark("at least two pairs `=left -> right` are needed"),
    mark("{value} is no weight; write a percentage, as %50% or %-33.333%"),
    mark("the pair {value} has no `->`; write =left -> right"),
    mark("nothing stands after `->` in {value}; add it"),
    mark("longer than {bound} characters; is a closing `}}` or a blank line missing?"),
    mark("a closing `}}` without an opening `{{`; open the answers, or write `\\}}` for the sign"),
    mark("the opening `{{` is never closed; close the answers with `}}`, or write `\\{{` for the sign"),
    mark("a `{{` inside the answers; write `\\{{` for the sign"),
    mark("a second brace after the answers; separate questions by a blank line, or write `\\{{` or `\\}}`"),
    mark("the title that begins with `::` has no closing `::`; add it"),
    mark("the same question as in line {number}"),
    mark("a recording: a machine cannot grade it"),
    mark("its numbers are drawn anew for each student by a formula; write one variant as a numerical question"),
    mark("its numbers are drawn anew for each student by a formula; write one variant as numerical"),
    mark("its numbers are drawn anew for each student by a formula; write one variant as multiple choice"),
    mark("things are dragged onto a picture, and there is no kind of question for that"),
    mark("markers are dragged onto a picture, and there is no kind of question for that"),
    mark("it stands for a question drawn from a category; import that category itself"),
    mark("it is drawn from other short-answer questions; import those themselves"),
    mark("its type is missing in the Moodle that it comes from"),
    mark("it is hidden in Moodle, which means deleted, or an old version"),
    mark("Moodle's type {value} is none that a question here can be"),
    mark("<{name}> is unknown here; a quiz holds only <question>"),
    mark("the fraction {value} is beyond 100 percent"),
    mark("the fraction {value} is not a number; write a percentage"),
    mark("the question has no text; write what is asked in <questiontext>"),
    mark("{count} answers; offer at least two <answer>"),
    mark('no right answer; give one the fraction 100, as <answer fraction="100">'),
    mark("no right answer; give one of the answers a fraction above 0"),
    mark("no number is accepted; write one in an <answer>"),
    mark("at least two pairs are needed, each in a <subquestion>"),
    mark("no gap; write [[1]] where the first word belongs"),
    mark("the gap [[{name}]] has no word; there are {count}"),
    mark("at least two words must be offered"),
    mark('the question has no type; write <question type="multichoice">'),
    mark("one picture is shown here; of {count} the first was kept"),
    mark("the picture {value} is shown, but there is no <file> with it"),
    mark("the picture {value} is not valid base64: {why}"),
    mark("an <answer> without text; write what can be chosen"),
    mark("the unit is graded in Moodle and not asked for here; name it in the text"),
    mark("a <subquestion> without its <answer>"),
    mark("the <answer> of a <subquestion> is empty"),
    mark("pictures are not shown here; they were left out"),
    mark("its picture did not come with the file; it was left out"),
    mark("both answers are right; one must have the fraction 0"),
    mark("it has {count} gaps, and a question here asks one thing; split it"),
    mark("no gap that can be read; write it as {{1:SHORTANSWER:=answer}}"),
    mark("{value} is no kind of gap"),
    mark("only one choice in the gap; offer at least two"),
    mark("no right answer in the gap; put `=` before it"),
    mark("not XML: {mend}"),
    mark(
        "not XML: {mend}; XML knows only &amp; &lt; &gt; &quot; &apos;: put HTML into <![CDATA[...]]>, or write "
        "&#160; for &nbsp;"
    ),
    mark("not XML: {mend}; write &lt; and &amp; for < and &, or put HTML into <![CDATA[...]]>"),
    mark("not well-formed (invalid token)"),
    mark("undefined entity"),
    mark("mismatched tag"),
    mark("no element found"),
    mark("unclosed token"),
    mark("junk after document element"),
    mark(
        "a document type with entities or files of its own; no bank file needs one, and none is read: remove "
        "`<!DOCTYPE ...>`"
    ),
    mark("nested deeper than {bound} elements; no question needs that"),
    mark("more than {bound} elements in one question"),
    mark("the file's root is {value}, not <{name}>"),
    mark("not YAML: {why}"),
    mark("the file has no `questions`; a bank file holds `subject` and a list of `questions`"),
    mark("`questions` must be a list of questions"),
    mark("the name of a member must be plain text"),
    mark("the tag `{name}` is not allowed in a bank file; remove it"),
    mark("the alias `*{name}` stands for nothing known before it"),
    mark("aliases repeat too much; write the values out"),
    mark("a bank file is a mapping with `questions`, not a single value"),
    mark("a second document begins; put one bank into one file"),
    mark("nested deeper than {bound} levels; no question needs that"),
    mark("the number {value} is too large to be kept"),
    mark("the number {value} is beyond 64 bits; write it as text, in quotes"),
    mark("not JSON: {mend}; found {value}"),
    mark("not JSON: {mend}; found the end of the file"),
    mark("not JSON: in the value that begins here, {value} is no number; write a finite one"),
    mark("a bank file is an object with `questions`"),
    mark("the file goes on after its end; remove what follows, or put commas and brackets right"),
    mark('a name in double quotes belongs here, as in `"questions"`'),
    mark("a colon belongs after `{name}`"),
    mark("a comma or the closing `}}` belongs here"),
    mark("a comma or the closing `]` belongs after a question"),
    mark("nested too deeply; no question needs that"),
    mark("in `{name}`: {mend}"),
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """`literal` is the longest piece that is said without change: looked for first, for that is quick."""

    message: str
    form: re.Pattern[str]
    literal: str


def _compiled() -> Iterator[_Sentence]:
    for message in _SENTENCES:
        pieces = list(Formatter().parse(message))
        form = "".join(re.escape(piece) + (f"(?P<{name}>.+)" if name else "") for piece, name, _, _ in pieces)
        yield _Sentence(message, re.compile(form, re.DOTALL), max((piece for piece, *_ in pieces), key=len))


# A sentence that begins with a value could be the end of another one: it is tried after all that begin with a word.
_COMPILED: Final = sorted(_compiled(), key=lambda one: (one.message.startswith("{"), -len(one.message)))
_PLACE: Final = re.compile(r"^line (\d+)(?:, column (\d+))?|^file$")
LONGEST: Final = 2_000


@lru_cache(4_096)
def in_language(t: Texts, message: str) -> str:
    """The message as a person of this language reads it; `PLACE: MESSAGE` as well."""
    if t.language == "en" or len(message) > LONGEST:
        return message
    found = None if _PLACE.match(message) else _found(message)
    if found is not None:
        sentence, values = found
        if "mend" in values:
            values["mend"] = in_language(t, values["mend"])
        return t(sentence, **values)
    place, separator, rest = message.partition(": ")
    return f"{place_in_language(t, place)}{separator}{in_language(t, rest)}" if separator else message


def _found(message: str) -> tuple[str, dict[str, str]] | None:
    for one in _COMPILED:
        if one.literal in message:
            found = one.form.fullmatch(message)
            if found is not None:
                return one.message, found.groupdict()
    return None


@lru_cache(4_096)
def place_in_language(t: Texts, where: str) -> str:
    """Where it is in the file: a line is called so in each language, a cell or an id is what it is."""
    return _PLACE.sub(lambda found: _place(t, found), where)


def _place(t: Texts, found: re.Match[str]) -> str:
    if found[1] is None:
        return t("the whole file")
    if found[2] is None:
        return t("line {number}", number=found[1])
    return t("line {number}, column {column}", number=found[1], column=found[2])
