"""Charts inside pages: what stands beside their scales."""

from __future__ import annotations

import re

import pytest

from protocols.web import charts


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        (0, ["0", "1", "2"]),
        (1, ["0", "1", "2"]),
        (3, ["0", "2", "4"]),
        (37, ["0", "20", "40"]),
        (254, ["0", "150", "300"]),
        (401, ["0", "250", "500"]),
    ],
)
def test_a_scale_ends_above_the_highest_column_and_has_round_numbers(most: int, scale: list[str]) -> None:
    drawn = charts.columns([("", 0), ("", most)], "told", lambda value: f"{value:g}")
    assert re.findall(r'text-anchor="end">(\d+)<', drawn) == scale


def test_a_chart_of_nothing_has_a_scale() -> None:
    assert ">2<" in charts.columns([], "told", lambda value: f"{value:g}")
