"""Pictures inside a text of Moodle, however broken that is."""

from __future__ import annotations

import pytest

from storage.banks.inline import take_pictures
from storage.banks.markup import TextFormat

LONG = 2_000_000  # characters: by the square of it, minutes


@pytest.mark.parametrize(
    ("format", "piece"),
    [
        ("html", "<img "),
        ("html", "<img src='"),
        ("markdown", "!["),
        ("markdown", "![x"),
        ("markdown", "![](data:image/"),
        ("markdown", "![]("),
        ("plain", "![](@@PLUGINFILE@@/x "),
    ],
)
def test_what_is_opened_again_and_again_and_never_closed_takes_no_longer_than_its_length(
    format: TextFormat, piece: str
) -> None:
    text = piece * (LONG // len(piece))
    assert take_pictures(text, format) == (text, [])


@pytest.mark.parametrize(
    ("format", "text", "left", "found"),
    [
        ("html", 'a <img src="@@PLUGINFILE@@/b%20c.png?time=1" alt="x"> d', "a  d", ["b c.png"]),
        ("html", "<IMG SRC = '@@PLUGINFILE@@/x.png'/><img", "<img", ["x.png"]),
        ("html", '<img src="https://example.org/x.png">', '<img src="https://example.org/x.png">', []),
        ("markdown", "![a [b](@@PLUGINFILE@@/x.png) c", " c", ["x.png"]),
        ("markdown", '![a]( <@@PLUGINFILE@@/x> "t") ![b](data:image/png,A)', " ", ["x", "data:image/png,A"]),
        ("markdown", "![ ![a](@@PLUGINFILE@@/x.png)", "", ["x.png"]),
        ("markdown", "![a\n![b](@@PLUGINFILE@@/x.png)", "![a\n", ["x.png"]),
        ("markdown", "![a](@@PLUGINFILE@@/x.png\n![b](@@PLUGINFILE@@/y.png)", "![a](@@PLUGINFILE@@/x.png\n", ["y.png"]),
        ("markdown", "![a](x.png) [b](@@PLUGINFILE@@/y.png)", "![a](x.png) [b](@@PLUGINFILE@@/y.png)", []),
        ("plain", "![](@@PLUGINFILE@@/x)<img src='@@PLUGINFILE@@/y'>", "<img src='@@PLUGINFILE@@/y'>", ["x"]),
    ],
)  # fmt: skip
def test_pictures_that_come_with_a_text_are_taken_out_of_it(
    format: TextFormat, text: str, left: str, found: list[str]
) -> None:
    assert take_pictures(text, format) == (left, found)
