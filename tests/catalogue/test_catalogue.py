"""Both catalogues have every message of the code, whole; and what is said is right in both languages."""

import re
import string
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from babel.messages import Catalog
from structlog.testing import capture_logs

from protocols.catalogue import (
    LANGUAGES,
    NotExtractable,
    Texts,
    extracted,
    is_translated,
    messages,
    messages_in,
    read,
    texts,
)
from protocols.messages import Language

MOSCOW = ZoneInfo("Europe/Moscow")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def ids(found: Catalog) -> set[object]:
    return {message.id for message in messages(found)}


def forms(value: object) -> list[str]:
    return [str(form) for form in value] if isinstance(value, list | tuple) else [str(value)]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_the_messages_of_the_code_and_no_others(language: Language) -> None:
    assert ids(read(language)) == ids(extracted())
    assert not read(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated_and_beyond_doubt(language: Language) -> None:
    assert [message.id for message in messages(read(language)) if not is_translated(message)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_has_all_forms_of_its_language(language: Language) -> None:
    found = read(language)
    for message in messages(found):
        assert len(forms(message.string)) == (found.num_plurals if message.pluralizable else 1), message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_placeholders_of_their_messages(language: Language) -> None:
    for message in messages(read(language)):
        wanted = set().union(*map(placeholders, forms(message.id)))
        for form in forms(message.string):
            # A form for one may say "one" instead of the number.
            assert placeholders(form) | ({"n"} if message.pluralizable else set()) == wanted, message.id


def test_russian_is_russian() -> None:
    for message in messages(read("ru")):
        if re.search(r"[A-Za-z]{3}", re.sub(r"\{\w*\}|/\w+|https?:\S+", "", forms(message.id)[0])):
            assert all(CYRILLIC.search(form) for form in forms(message.string)), message.id


@pytest.mark.parametrize(
    ("n", "form"), [(0, 2), (1, 0), (2, 1), (5, 2), (11, 2), (21, 0), (101, 0), (111, 2), (112, 2), (122, 1)]
)
def test_russian_numbers_choose_their_form(n: int, form: int) -> None:
    found = read("ru")
    for message in messages(found):
        if message.pluralizable:
            one, many = forms(message.id)
            values = dict.fromkeys(set().union(*map(placeholders, (one, many))) - {"n"}, "…")
            wanted = forms(message.string)[form].format(n=n, **values)
            assert texts("ru", MOSCOW).plural(one, many, n, **values) == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_without_translation_is_said_in_english_and_logged_once(language: Language) -> None:
    texts.cache_clear()
    t = texts(language, MOSCOW)
    with capture_logs() as logged:
        said = [t("No {such} message", such="known") for _ in range(2)]
        counted = [t.plural("{n} unknown thing", "{n} unknown things", n) for n in (1, 2)]
    assert said == ["No known message"] * 2
    assert counted == ["1 unknown thing", "2 unknown things"]
    assert [entry["message_id"] for entry in logged] == ["No {such} message", "{n} unknown thing"]


def test_values_are_never_looked_at_for_placeholders() -> None:
    assert texts("ru", MOSCOW)("Hello, {name}, again!", name="{name} {0} {") == "Hello, {name} {0} {, again!"


@pytest.mark.parametrize(
    ("language", "number", "percent", "day", "short", "moment"),
    [
        ("ru", "1\u00a0234,5", "26\u00a0%", "4 марта 2026", "4 мар.", "4 марта 2026, 08:06 (Москва, UTC+3)"),
        ("en", "1,234.5", "26%", "4 March 2026", "Mar 4", "4 March 2026, 08:06 (Moscow, UTC+3)"),
    ],
)
def test_numbers_and_dates_are_written_as_the_language_does(
    language: Language, number: str, percent: str, day: str, short: str, moment: str
) -> None:
    t: Texts = texts(language, MOSCOW)
    assert t.number(1234.5) == number
    assert t("{score} points of some", score=1234.5) == f"{number} points of some"
    assert t.percent(0.257) == percent
    assert t.number(-0.004) == "0"
    assert t.date(date(2026, 3, 4)) == day
    assert t.day(date(2026, 3, 4)) == short
    assert t.moment(datetime(2026, 3, 4, 5, 6, tzinfo=UTC)) == moment


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("UTC", "4 March 2026, 23:06 (UTC)"),
        ("Europe/Berlin", "5 March 2026, 00:06 (Berlin, UTC+1)"),
        ("America/St_Johns", "4 March 2026, 19:36 (St. John’s, UTC−3:30)"),
    ],
)
def test_a_moment_is_told_in_the_zone_of_the_service_with_its_name(zone: str, moment: str) -> None:
    assert texts("en", ZoneInfo(zone)).moment(datetime(2026, 3, 4, 23, 6, tzinfo=UTC)) == moment


def test_messages_are_found_wherever_they_are_said() -> None:
    source = """
A = mark("Marked" " in two")
say(t("Outer {x}", x=t("Inner")), self.t(A), t(name), t(NAMES[0]), f"{t('In a string')}")
t.plural("{n} one", "{n} many", len(t("Counted")))
"""
    found = {message for _, message in messages_in(source, "a.py")}
    assert found == {"Marked in two", "Outer {x}", "Inner", "In a string", ("{n} one", "{n} many"), "Counted"}


@pytest.mark.parametrize(
    "call", ['t(f"Hello {name}")', 't("a" if x else "b")', 't("a" + x)', 't.plural(one, "many", n)']
)
def test_a_message_that_cannot_be_found_is_told_with_its_place(call: str) -> None:
    with pytest.raises(NotExtractable, match=r"a\.py:2"):
        list(messages_in(f"\n{call}", "a.py"))
