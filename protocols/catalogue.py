"""What the service says to people, in their languages: GNU gettext catalogues, read from their .po files at start.

The message ids are English sentences in the code, where the extractor finds them: `t("Next question")`,
`t.plural("{n} question", "{n} questions", n)`, and `mark("…")` for a constant that is said later by `t(CONSTANT)`.

After changing them, `python -m protocols.catalogue update` brings both catalogues along: English fills itself in, what
is new in Russian is left empty for a person to translate, what is no longer used is dropped.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import structlog
from babel import Locale, dates, numbers
from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

from protocols.messages import Language

HERE = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = get_args(Language)
WIRES = ("telegram", "web")  # those that speak with people
KEYWORDS = {"t": 1, "mark": 1, "plural": 2}  # and how many of the arguments are the message
LINE_WIDTH = 120

log = structlog.get_logger(__name__)


def mark(message: str) -> str:
    """`message` itself, found by the extractor: for constants, which have no language yet."""
    return message


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """All that is said in one language, with times of one zone. Call it with a message id and the values of its
    `{placeholders}`.

    Numbers among the values are written as the language writes them; what is no quantity (a year, a code) is given as a
    string. Values are never looked at for placeholders.
    """

    language: Language
    zone: ZoneInfo
    _translations: NullTranslations
    _locale: Locale

    def __call__(self, message: str, /, **values: object) -> str:
        """The translation; the message itself where there is none (which is logged). KeyError: a value is missing."""
        return self._filled(self._translations.gettext(message), values)

    def plural(self, one: str, many: str, n: int, /, **values: object) -> str:
        """The form for `n`, which is also the value of `{n}`."""
        return self._filled(self._translations.ngettext(one, many, n), {**values, "n": n})

    def number(self, value: float, digits: int = 2) -> str:
        """At most `digits` after the decimal sign: `0,5` in Russian."""
        if isinstance(value, int) and -1000 < value < 1000:
            return str(value)  # as nearly all are, and in every language; the locale takes a hundred times as long
        return str(
            numbers.format_decimal(round(value, digits) or 0, format="#,##0." + "#" * digits, locale=self._locale)
        )

    def percent(self, share: float) -> str:
        """A share of 1 in whole percent."""
        return str(numbers.format_percent(share, locale=self._locale))

    def day(self, day: date) -> str:
        """In short, and without the year."""
        return dates.format_skeleton("MMMd", day, locale=self._locale)

    def date(self, day: date) -> str:
        return dates.format_date(day, "d MMMM y", locale=self._locale)

    def moment(self, moment: datetime) -> str:
        """Day, hour and minute by the clocks of the zone, with its name and how far it is from UTC."""
        local = moment.astimezone(self.zone)
        offset = local.utcoffset()
        assert offset is not None
        minutes = round(offset.total_seconds() / 60)
        hours, rest = divmod(abs(minutes), 60)
        ahead = f"UTC{'−' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
        where = self.zone_name if self.zone_name == "UTC" else f"{self.zone_name}, {ahead}"
        return f"{dates.format_datetime(local, 'd MMMM y, HH:mm', tzinfo=self.zone, locale=self._locale)} ({where})"

    @property
    def zone_name(self) -> str:
        """The city whose clocks tell the time."""
        return str(dates.get_timezone_location(self.zone, locale=self._locale, return_city=True))

    def _filled(self, message: str, values: dict[str, object]) -> str:
        if not values and "}" not in message:
            return message
        return message.format_map(
            {
                name: self.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
                for name, value in values.items()
            }
        )


@cache
def texts(language: Language, zone: ZoneInfo) -> Texts:
    """The texts of a language, with times of `zone`; its catalogue is read once."""
    compiled = io.BytesIO()
    write_mo(compiled, read(language))
    compiled.seek(0)
    translations = GNUTranslations(compiled)
    translations.add_fallback(_Untranslated(language))
    return Texts(language, zone, translations, Locale.parse(language))


class _Untranslated(NullTranslations):
    """What a catalogue does not have is said in English, and logged once."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language
        self._told: set[str] = set()

    def gettext(self, message: str) -> str:
        self._tell(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self._tell(msgid1)
        return msgid1 if n == 1 else msgid2

    def _tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            log.warning("a message has no translation", language=self._language, message_id=message)


# --- The catalogues ------------------------------------------------------------------------------------------


def file_of(language: Language) -> Path:
    return HERE / "locales" / language / "LC_MESSAGES" / "apo.po"


def read(language: Language) -> Catalog:
    """The catalogue as its file has it. Raises PoFileError for one that is broken."""
    with file_of(language).open("rb") as file:
        return read_po(file, locale=language, domain="apo", abort_invalid=True)


class NotExtractable(Exception):
    """A message in the code that no extractor could find: where, and how it should be written."""


def extracted() -> Catalog:
    """All messages in the code of the wires that speak with people. Raises NotExtractable."""
    found = Catalog(project="apo", charset="utf-8")
    for wire in WIRES:
        for file in sorted((HERE / wire).rglob("*.py")):
            place = file.relative_to(HERE.parent).as_posix()
            for line, message in messages_in(file.read_text("utf-8"), place):
                found.add(message, locations=[(place, line)])
        for file in sorted((HERE / wire).rglob("*.html")):
            place = file.relative_to(HERE.parent).as_posix()
            for line, message in messages_in_template(file.read_text("utf-8"), place):
                found.add(message, locations=[(place, line)])
    return found


def messages_in(source: str, place: str) -> Iterator[tuple[int, str | tuple[str, str]]]:
    """The messages of one module with their lines. Babel's own extractor misses calls inside calls and f-strings."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        keyword = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = node.args[: KEYWORDS.get(keyword, 0)]
        if not given or (keyword == "t" and isinstance(given[0], ast.Name | ast.Attribute | ast.Subscript | ast.Call)):
            continue
        words = [word.value for word in given if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        if len(words) < KEYWORDS[keyword]:
            raise NotExtractable(f"{place}:{node.lineno}: {keyword}() takes a string, or a constant made by mark()")
        yield node.lineno, (words[0], words[1]) if keyword == "plural" else words[0]


def messages_in_template(source: str, place: str) -> Iterator[tuple[int, str | tuple[str, str]]]:
    """The messages of one template with their lines."""
    for call in Environment(autoescape=True).parse(source).find_all(nodes.Call):
        keyword = call.node.attr if isinstance(call.node, nodes.Getattr) else getattr(call.node, "name", "")
        given = call.args[: KEYWORDS.get(keyword, 0)]
        if not given or (keyword == "t" and not isinstance(given[0], nodes.Const)):
            continue
        words = [word.value for word in given if isinstance(word, nodes.Const)]
        if len(words) < KEYWORDS[keyword]:
            raise NotExtractable(f"{place}:{call.lineno}: {keyword}() takes strings")
        yield call.lineno, (words[0], words[1]) if keyword == "plural" else words[0]


def messages(catalogue: Catalog) -> Iterator[Message]:
    """Those of a catalogue without its header."""
    return (message for message in catalogue if message.id)


def update() -> dict[Language, int]:
    """Bring the files along with the code; how many messages of each language wait for a translation."""
    template = extracted()
    waiting: dict[Language, int] = {}
    for language in LANGUAGES:
        path = file_of(language)
        if path.exists():
            catalogue = read(language)
        else:
            catalogue = Catalog(locale=language, project="apo", charset="utf-8", fuzzy=False, header_comment="")
        template.creation_date = catalogue.creation_date  # of the file, which has not become another one
        catalogue.update(template, no_fuzzy_matching=True)
        for message in messages(catalogue):
            if language == "en":
                message.string = message.id
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            # Without lines and obsolete messages, and sorted: a change of the code is a small change of the file.
            write_po(file, catalogue, width=LINE_WIDTH, sort_output=True, ignore_obsolete=True, include_lineno=False)
        waiting[language] = sum(not is_translated(message) for message in messages(catalogue))
    return waiting


def is_translated(message: Message) -> bool:
    """Every form of it has a text, and no one has doubts about it."""
    forms = message.string if isinstance(message.string, list | tuple) else (message.string,)
    return all(forms) and not message.fuzzy


def main(arguments: list[str]) -> int:
    if arguments != ["update"]:
        sys.stderr.write("usage: python -m protocols.catalogue update\n")
        return 2
    for language, count in update().items():
        sys.stdout.write(f"{file_of(language).relative_to(HERE.parent)}: {count} to translate\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
