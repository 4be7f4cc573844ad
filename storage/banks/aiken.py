"""Reading Aiken, Moodle's simplest format: https://docs.moodle.org/en/Aiken_format.

A question is one line, its options the lines after it, each with a capital letter and `.` or `)` and a space, and the
line `ANSWER: B` ends it. The letters go on from A without a gap. Nothing else belongs into such a file but blank lines.
"""

from __future__ import annotations

import re

from pydantic import JsonValue

from protocols.messages import EntryError, SkippedEntry
from storage.banks.file import MAX_QUESTIONS, BankFile, BankFileError, place, shown
from storage.banks.markup import to_markdown
from storage.banks.naming import GENERAL, Unnamed, named
from storage.banks.slugs import digest

_OPTION = re.compile(r"([A-Z])[.)][ \t]+(\S.*)")
_ANSWER = re.compile(r"ANSWER:[ \t]*(\S.*)?")
# What was meant for one of the two, and is not.
_NEARLY_OPTION = re.compile(r"(?:[a-zа-яё][.)]|[A-ZА-ЯЁ][.)])(?:\s|\S)", re.DOTALL)
_OPTION_LINE = re.compile(r"^[A-Z][.)][ \t]", re.MULTILINE)
_ANSWER_LINE = re.compile(r"^[ \t]*answer[ \t]*:", re.MULTILINE | re.IGNORECASE)
_RUSSIAN_OPTION_LINE = re.compile(r"^[A-ZА-Яа-я][.)][ \t]", re.MULTILINE)
_RUSSIAN_ANSWER_LINE = re.compile(r"^[ \t]*(?:answer|ответ)[ \t]*:[ \t]*[A-ZА-Я][ \t]*$", re.MULTILINE | re.IGNORECASE)
_NEARLY_ANSWER = re.compile(r"\s*(?:answer|ответ)\s*:?", re.IGNORECASE)
_MOST_OPTIONS = 26


def looks_like_aiken(text: str) -> bool:
    """Whether there is an option and, after it, a line with the answer; reading tells if that is in small letters, or
    in Russian ones.
    """
    return _follows(_ANSWER_LINE, _OPTION_LINE, text) or _follows(_RUSSIAN_ANSWER_LINE, _RUSSIAN_OPTION_LINE, text)


def _follows(answer_line: re.Pattern[str], option_line: re.Pattern[str], text: str) -> bool:
    option = option_line.search(text)
    # After the first option only: if no answer follows that one, none follows any other.
    return option is not None and answer_line.search(text, option.end()) is not None


def read_aiken(text: str) -> BankFile:
    """The questions of an Aiken file. A malformed one is an error, and reading goes on after its answer."""
    read: list[Unnamed] = []
    errors: list[EntryError] = []
    skipped: list[SkippedEntry] = []
    one = _Draft()
    for line, written in enumerate(text.split("\n"), 1):
        if one.is_left_by(written):
            _end(one, errors)
            one = _Draft()
        fault = one.take(line, written)
        if fault is not None and not one.faulty:
            errors.append(EntryError(where=place(line, None), path=fault[0], message=fault[1]))
            one.faulty = True
        if one.ended:
            if not one.faulty:
                if len(read) >= MAX_QUESTIONS:
                    raise BankFileError(f"line {line}: more than {MAX_QUESTIONS} questions; split the file")
                read.append(one.question())
            one = _Draft()
    _end(one, errors)
    return BankFile(
        format="aiken",
        topics=[GENERAL],
        entries=named(read, skipped, "aiken"),
        skipped=skipped,
        errors=errors,
        derived=True,
    )


def _end(one: _Draft, errors: list[EntryError]) -> None:
    """What is told of a question that ends without its answer."""
    if one.line and not one.faulty:
        message = "the question has no answer; end it with a line `ANSWER: ` and the letter of the right option"
        errors.append(EntryError(where=place(one.line, None), path="key", message=message))


class _Draft:
    """A question while its lines come."""

    def __init__(self) -> None:
        self.line = 0
        self.faulty = False
        self.ended = False
        self._text = ""
        self._options: list[str] = []
        self._key = ""
        self._blank = False

    def is_left_by(self, written: str) -> bool:
        """Whether the line begins another question: below the options and a blank line."""
        known = (_ANSWER, _OPTION, _NEARLY_ANSWER, _NEARLY_OPTION)
        return (
            self._blank
            and bool(self._options)
            and bool(written.strip())
            and not any(form.match(written.strip()) for form in known)
        )

    def take(self, line: int, written: str) -> tuple[str, str] | None:
        """Takes the next line; returns what is wrong with it: path and sentence."""
        stripped = written.strip()
        self._blank = not stripped
        if not stripped:
            return None
        answer = _ANSWER.fullmatch(stripped)
        if answer is not None:
            self.ended = True
            return self._take_answer(answer[1] or "")
        if not self.line:
            self.line, self._text = line, stripped
            if _OPTION.fullmatch(stripped):
                return (
                    "text",
                    "an option without a question before it; write the question on one line above its options",
                )
            return None
        option = _OPTION.fullmatch(stripped)
        if option is not None:
            return self._take_option(option[1], option[2])
        if _NEARLY_ANSWER.match(stripped):
            return "key", f"{shown(stripped[:40])} is no answer line; write it as `ANSWER: B`, in capital letters"
        if _NEARLY_OPTION.match(stripped):
            mend = "write a Latin capital letter, `.` or `)`, a space and the text, as `A) first`"
            return "options", f"{shown(stripped[:40])} is no option; {mend}"
        if self._options:
            return "options", f"{shown(stripped[:40])} is neither an option nor the answer; an option is one line"
        return "text", f"the question goes on in a second line, {shown(stripped[:40])}; it must be all on one line"

    def _take_option(self, name: str, text: str) -> tuple[str, str] | None:
        expected = chr(ord("A") + len(self._options))
        if len(self._options) == _MOST_OPTIONS:
            return "options", f"more than {_MOST_OPTIONS} options"
        self._options.append(text)
        if name != expected:
            return "options", f"the option {name} stands where {expected} belongs; letters go on from A without a gap"
        return None

    def _take_answer(self, key: str) -> tuple[str, str] | None:
        if not self.line:
            self.line = -1
            return "text", "an answer without a question before it"
        if len(self._options) < 2:
            return "options", f"{len(self._options)} options; offer at least two, each on its line as `A) first`"
        if re.fullmatch(r"[A-Z]", key) is None:
            return (
                "key",
                f"{shown(key[:40])} is no answer; write the Latin capital letter of one option, as `ANSWER: B`",
            )
        if ord(key) - ord("A") >= len(self._options):
            last = chr(ord("A") + len(self._options) - 1)
            return "key", f"there is no option {key}; the options are A to {last}"
        self._key = key
        return None

    def question(self) -> Unnamed:
        options: list[JsonValue] = [
            {"id": chr(ord("a") + at), "text": to_markdown(text, "plain")} for at, text in enumerate(self._options)
        ]
        content = "\n".join([self._text, *self._options, self._key])
        question: dict[str, JsonValue] = {
            "kind": "single",
            "text": to_markdown(self._text, "plain"),
            "options": options,
            "key": self._key.lower(),
        }
        return Unnamed(self.line, "", digest(content), None, GENERAL.slug, question)
