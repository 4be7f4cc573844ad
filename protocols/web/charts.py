"""Small charts as SVG inside a page. Their colours are in the style sheet, so they follow the reader's theme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, log10
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 440
HEIGHT: Final = 170
LEFT: Final = 48  # room for the numbers of the scale
BELOW: Final = 22
ABOVE: Final = 14
MOST_APART: Final = 100  # points: more run into each other in any case


def columns(points: Sequence[tuple[str, float]], told: str, written: Callable[[float], str]) -> Markup:
    """A column for each point; `told` is what it says to those who do not see it, `written` writes a value."""
    top = _round_above(max((value for _, value in points), default=0))
    step = (WIDTH - LEFT) / max(len(points), 1)
    gap = 0.12 if len(points) <= MOST_APART else 0.0
    marks = [
        Markup(
            '<rect class="mark" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}: {}</title></rect>'
        ).format(
            LEFT + (number + gap) * step,
            _y(value, top),
            step * (1 - 2 * gap),
            HEIGHT - BELOW - _y(value, top),
            name,
            written(value),
        )
        for number, (name, value) in enumerate(points)
    ]
    return _chart(marks, points, top, told, written)


def line(points: Sequence[tuple[str, float]], told: str, written: Callable[[float], str], top: float) -> Markup:
    """A line through the points, up to a scale that ends at `top`."""
    step = (WIDTH - LEFT) / max(len(points), 1)
    places = [(LEFT + (number + 0.5) * step, _y(value, top)) for number, (_, value) in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = [Markup('<polyline class="line" points="{}"/>').format(path)]
    marks += [
        Markup('<circle class="mark" cx="{:.1f}" cy="{:.1f}" r="2.5"><title>{}: {}</title></circle>').format(
            x, y, name, written(value)
        )
        for (x, y), (name, value) in zip(places, points, strict=True)
        if len(points) <= MOST_APART
    ]
    return _chart(marks, points, top, told, written)


def _round_above(value: float) -> float:
    """Where a scale for values up to this one ends, so that its half is a round number, too."""
    if value <= 2:
        return 2
    size = 10.0 ** floor(log10(value))
    tops = (step * size for step in (1, 2, 3, 4, 5, 6, 8, 10))
    return next(top for top in tops if top >= value and top % 2 == 0)


def _y(value: float, top: float) -> float:
    return ABOVE + (HEIGHT - ABOVE - BELOW) * (1 - value / top)


def _chart(
    marks: Sequence[Markup],
    points: Sequence[tuple[str, float]],
    top: float,
    told: str,
    written: Callable[[float], str],
) -> Markup:
    grid = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(LEFT, WIDTH, y, y)
        + Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(LEFT - 6, y + 4, written(value))
        for value in (0, top / 2, top)
        for y in (_y(value, top),)
    ]
    step = (WIDTH - LEFT) / max(len(points), 1)
    shown = sorted({0, len(points) // 2, len(points) - 1}) if points else []
    names = []
    for number in shown:
        x, side = LEFT + (number + 0.5) * step, "middle"
        if len(points) > 3:  # the first and the last would not fit in the middle of so narrow columns
            x, side = {0: (float(LEFT), "start"), len(points) - 1: (float(WIDTH), "end")}.get(number, (x, side))
        text = Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
        names.append(text.format(x, HEIGHT - 6, side, points[number][0]))
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, escape(told), Markup("").join([*grid, *marks, *names])
    )
