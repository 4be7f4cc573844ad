"""The bank's texts as HTML: nothing in them becomes anything but text, styles and formulas."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.web.markup import html_of, inline_html

MARKUP = st.text(
    alphabet=st.sampled_from(list("ab<>&\"'*_`$\\{}[]()^/=:\n ")) | st.characters(codec="utf-8"), max_size=80
)
TEX = MARKUP.map(lambda text: f"${text}$")
HARMLESS = {"p", "br", "strong", "em", "code", "pre", "a", "span", "math"}
HARMLESS |= set(
    "mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover".split()  # noqa: SIM905
)
HARMLESS |= {"mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose"}


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed(html)
    return parser.found


@given(MARKUP | TEX)
def test_any_text_makes_harmless_elements_only(text: str) -> None:
    for tag, attributes in _elements(html_of(text)):
        assert tag in HARMLESS
        assert not any(name.startswith("on") or name in ("style", "src") for name in attributes)
        assert re.match("https?://", attributes.get("href") or "http://")


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**a** <b>", "<p><strong>a</strong> &lt;b&gt;</p>"),
        ("one\n\ntwo", "<p>one</p><p>two</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        (r"$\text{<script>}$", '<p><math display="inline"><mrow><mtext>&lt;script&gt;</mtext></mrow></math></p>'),
        (r"$\href{javascript:alert(1)}{x}$", None),
    ],
)
def test_what_is_made_of_it(source: str, html: str | None) -> None:
    made = str(html_of(source))
    assert "href" not in made
    assert html is None or made == html


def test_a_formula_that_is_wrong_is_shown_as_text() -> None:
    assert 'class="formula"' in html_of(r"$\foo{$")


def test_an_option_is_one_line() -> None:
    assert inline_html("a\n\nb") == "a<br>b"
