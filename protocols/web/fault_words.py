"""What is wrong with a bank file, in the reader's language.

Those who read files say it in English, by many sentences; the frequent ones are known here by their form, and what is
not known is told as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from protocols.catalogue import Texts, mark

_FORMS: Final[tuple[tuple[str, str], ...]] = (
    (r"`(?P<name>[^`]+)` is missing(?:;.*)?", mark("`{name}` is missing; add it")),
    (
        r"unknown field `(?P<name>[^`]*)`; did you mean `(?P<near>[^`]+)`\?",
        mark("unknown field `{name}`; did you mean `{near}`?"),
    ),
    (r"unknown field `(?P<name>[^`]*)`;.*", mark("unknown field `{name}`; remove it")),
    (r"(?P<value>.+) is not text; .*", mark("{value} is not text; write text here")),
    (r"(?P<value>.+) is not a whole number; .*", mark("{value} is not a whole number; write one, as 3")),
    (r"(?P<value>.+) is not a (?:finite )?number; .*", mark("{value} is not a number; write one, as 0.5")),
    (r"(?P<value>.+) is neither true nor false; .*", mark("{value} is neither true nor false; write one of these")),
    (r"(?P<value>.+) is too small; at least (?P<bound>.+)", mark("{value} is too small; at least {bound}")),
    (r"(?P<value>.+) is too large; at most (?P<bound>.+)", mark("{value} is too large; at most {bound}")),
    (r"the text is empty; .*", mark("the text is empty; write something")),
    (r"the text is longer than (?P<bound>\d+) characters: .*", mark("the text is longer than {bound} characters")),
    (
        r"`(?P<name>[^`]*)` holds (?P<count>\d+); at least (?P<bound>\d+) needed",
        mark("`{name}` holds {count}; at least {bound} are needed"),
    ),
    (
        r"`(?P<name>[^`]*)` holds too many; at most (?P<bound>\d+) allowed",
        mark("`{name}` holds too many; at most {bound} are allowed"),
    ),
    (r"(?P<value>.+) is not a list; .*", mark("{value} is not a list; write one, as [a, b]")),
    (
        r"(?P<value>.+) is no option; the options are (?P<known>.+)",
        mark("{value} is no option; the options are {known}"),
    ),
    (
        r"(?P<value>.+) is not on the right; there are (?P<known>.+)",
        mark("{value} is not on the right; there are {known}"),
    ),
    (r"must name each option once: (?P<known>.+)", mark("it must name each option once: {known}")),
    (r"must match each of (?P<known>.+)", mark("it must match each of {known}")),
    (r"the id (?P<value>.+) stands twice", mark("the id {value} stands twice")),
    (r"(?P<value>.+) is already the id of (?P<place>.+); an id .*", mark("{value} is already the id of {place}")),
    (
        r"(?P<value>.+) is no topic of `(?P<subject>[^`]+)`; use one of (?P<known>.+), or add it to `topics`",
        mark("{value} is no topic of `{subject}`; its topics are {known}"),
    ),
    (r"(?P<value>.+) is no kind of question; .*", mark("{value} is no kind of question")),
    (
        r"the subject `(?P<subject>[^`]+)` has no questions of kind (?P<name>\w+); its kinds are (?P<known>.+)",
        mark("the subject `{subject}` has no questions of kind {name}; its kinds are {known}"),
    ),
    (r"(?P<value>.+) is not allowed; one of (?P<known>.+)", mark("{value} is not allowed; one of {known}")),
    (r"(?P<value>.+) is not allowed here; .*", mark("{value} is not allowed here")),
    (r"(?P<value>.+) is not known here; one of (?P<known>.+)", mark("{value} is not known here; one of {known}")),
    (r"the file names no subject; .*", mark("the file names no subject; choose one when you send it")),
    (
        r"the file is for `(?P<subject>[^`]+)`, but `(?P<other>[^`]+)` was asked for; .*",
        mark("the file is for `{subject}`, but `{other}` was chosen"),
    ),
    (r"no explanation; .*", mark("no explanation; students learn from it why the key is right")),
    (
        r"nobody chooses option (?P<name>.+); is it too plainly wrong\?",
        mark("nobody chooses option {name}; is it too plainly wrong?"),
    ),
    (r"the same text as (?P<place>.+)", mark("the same text as {place}")),
    (r"nearly the same text as (?P<place>.+)", mark("nearly the same text as {place}")),
    (
        r"in (?P<count>\d+) of (?P<total>\d+) questions the key is option (?P<name>\d+); .*",
        mark("in {count} of {total} questions the key is option {name}; was it filled in for all of them?"),
    ),
    (r"and (?P<count>\d+) more errors", mark("and {count} more errors")),
    (r"and (?P<count>\d+) more questions have no explanation", mark("and {count} more questions have no explanation")),
    (
        r"and (?P<count>\d+) more questions are nearly the same as another",
        mark("and {count} more questions are nearly the same as another"),
    ),
)
_COMPILED: Final = tuple((re.compile(form, re.DOTALL), said) for form, said in _FORMS)
_LINE: Final = re.compile(r"^line (\d+)")
LONGEST: Final = 2_000


@lru_cache(4_096)
def in_language(t: Texts, message: str) -> str:
    """The message as a person of this language reads it."""
    if t.language == "en" or len(message) > LONGEST:
        return message
    for form, said in _COMPILED:
        found = form.fullmatch(message)
        if found is not None:
            return t(said, **found.groupdict())
    return message


@lru_cache(4_096)
def place_in_language(t: Texts, where: str) -> str:
    """Where it is in the file: a line is called so in each language, a cell or an id is what it is."""
    return _LINE.sub(lambda found: t("line {number}", number=found[1]), where)
