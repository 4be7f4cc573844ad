"""A text with formulas as a PNG that is pleasant to read on a phone: 800 by at most 2000 points, two pixels each."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import FrameType

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch

from actors import mathtext
from protocols import formulas, markdown
from protocols.markdown import Piece

DPI = 200
WIDTH, NARROWEST, HIGHEST = 1600, 800, 4000  # pixels
MARGIN = 64
SIZES = (20.0, 16.5, 13.5)  # points: the largest with which all fits
LEADING = 0.32  # of the size, between lines
PARAGRAPH = 0.55
LONGEST_WORD = 100  # letters, more than a line has; measuring takes their square
MOST_FORMULAS = 150
FORMULA_SECONDS = 1.0  # and all together not much more: after one such, the others are written as text
INK, LINK, CODE_BACK = "#23272f", "#1f6fb2", "#eef1f5"


class _TooSlow(Exception):
    pass


class _Full(Exception):
    """More lines than can be in the picture: there is no use in setting the rest."""


@dataclass(frozen=True, slots=True)
class _Box:
    """Something that stands on a line: a word, or a formula. Lengths in pixels."""

    text: str
    font: FontProperties
    math: bool = False
    color: str = INK
    back: bool = False
    gap: float = 0.0  # before it, unless it begins the line; 0: it may not be parted from what is before it
    width: float = 0.0
    above: float = 0.0
    below: float = 0.0


def draw_text(source: str) -> bytes:
    """The picture of a text in the safe subset of Markdown; a formula that cannot be drawn is written in Unicode."""
    pieces = markdown.parse(source)
    for size in SIZES:
        lines = _Setter(size).lines(pieces)
        height = _height(lines, size)
        if height <= HIGHEST:
            break
    else:
        lines = _shortened(lines, size)
        height = _height(lines, size)
    longest = max((_width(line) for line in lines), default=0.0)
    width = min(max(longest + 2 * MARGIN, NARROWEST), WIDTH)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    down = float(MARGIN)
    for line in lines:
        above, below = _extent(line, size)
        down += above
        right = float(MARGIN)
        for number, box in enumerate(line):
            right += box.gap if number else 0.0
            _draw(figure, box, right / width, 1 - down / height, width, height)
            right += box.width
        down += below
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _draw(figure: Figure, box: _Box, x: float, y: float, width: float, height: float) -> None:
    if box.back:
        size = (box.width / width, (box.above + box.below) / height)
        corner = (x, y - box.below / height)
        figure.add_artist(FancyBboxPatch(corner, *size, "square,pad=0", facecolor=CODE_BACK, edgecolor="none"))
    text = f"${box.text}$" if box.math else box.text
    figure.text(x, y, text, fontproperties=box.font, color=box.color, va="baseline", parse_math=box.math)


class _Setter:
    """Breaks pieces into lines of one size of type."""

    def __init__(self, size: float) -> None:
        self._size = size
        self._pixels = size * DPI / 72
        # A canvas of any size: only to measure.
        self._renderer = FigureCanvasAgg(Figure(figsize=(1, 1), dpi=DPI)).get_renderer()  # type: ignore[no-untyped-call]
        # Every other one at least is a line of letters.
        self._most_lines = HIGHEST / (self._pixels * (1.02 + LEADING + PARAGRAPH) / 2)
        self._room = WIDTH - 2 * MARGIN
        self._lines: list[list[_Box]] = [[]]
        self._gap = 0.0
        self._formulas = 0
        self._slow = False

    def lines(self, pieces: tuple[Piece, ...]) -> list[list[_Box]]:
        """The lines; one without boxes parts paragraphs."""
        with suppress(_Full):
            self._set(pieces)
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        return self._lines

    def _set(self, pieces: tuple[Piece, ...]) -> None:
        for piece in pieces:
            if piece.kind == "formula":
                self._formula(piece)
            elif piece.kind == "display":
                self._break()
                self._formula(piece)
                self._break()
            elif piece.kind == "pre":
                for number, line in enumerate(piece.text.expandtabs(4).split("\n")):
                    if number:
                        self._break()
                    self._words(replace(piece, text=line.replace(" ", "\u00a0")))
            else:
                self._words(piece)

    def _break(self) -> None:
        if self._lines[-1]:
            self._lines.append([])
            self._end_when_full()
        self._gap = 0.0

    def _end_when_full(self) -> None:
        if len(self._lines) > self._most_lines:
            raise _Full

    def _words(self, piece: Piece) -> None:
        font = FontProperties(
            family="DejaVu Sans Mono" if piece.kind in ("code", "pre") else "DejaVu Sans",
            weight="bold" if piece.bold else "normal",
            style="italic" if piece.italic else "normal",
            size=self._size,
        )
        box = _Box("", font, color=LINK if piece.link else INK, back=piece.kind == "code")
        for number, line in enumerate(piece.text.split("\n")):
            if number:
                blank = number > 1 and not self._lines[-1]
                self._break()
                if blank and len(self._lines) > 1 and self._lines[-2]:
                    self._lines.append([])
            for place, word in enumerate(line.split(" ")):
                if place:
                    self._gap = self._pixels * 0.32
                if word:
                    self._word(replace(box, text=word))

    def _word(self, box: _Box) -> None:
        rest = box.text
        while rest:
            part = self._measured(replace(box, text=rest[:LONGEST_WORD]))
            if part.width > self._room:
                fitting = max(1, int(len(part.text) * self._room / part.width) - 1)
                part = self._measured(replace(box, text=rest[:fitting]))
            self._place(part)
            rest = rest[len(part.text) :]
            if rest:
                self._break()

    def _formula(self, piece: Piece) -> None:
        self._formulas += 1
        font = FontProperties(family="DejaVu Sans", math_fontfamily="dejavusans", size=self._size)
        try:
            if self._slow or self._formulas > MOST_FORMULAS:
                raise mathtext.NotDrawable("too many")
            with _at_most(FORMULA_SECONDS):
                tex = mathtext.rewritten(piece.text)
                boxes = [self._measured(_Box(tex, font, math=True))]
                if boxes[0].width > self._room:
                    boxes = [self._measured(_Box(part, font, math=True)) for part in mathtext.parts(tex)]
                for box in boxes:
                    if box.width > self._room:
                        raise mathtext.NotDrawable("too wide")
        except _TooSlow:
            self._slow = True
            self._written(piece)
        except (mathtext.NotDrawable, ValueError, RecursionError):  # ValueError: what mathtext cannot read
            self._written(piece)
        else:
            for number, box in enumerate(boxes):
                if number:
                    self._gap = self._pixels * 0.2
                self._place(box)

    def _written(self, piece: Piece) -> None:
        self._words(replace(piece, kind="text", text=formulas.plain(piece.text).text.replace("\n", " ")))

    def _measured(self, box: _Box) -> _Box:
        text = f"${box.text}$" if box.math else box.text
        width, height, below = self._renderer.get_text_width_height_descent(text, box.font, box.math)
        if box.back:  # as high as any letter, not as those that happen to be in it
            height, below = self._pixels * 1.1, self._pixels * 0.26
        return replace(box, width=width, above=height - below, below=below)

    def _place(self, box: _Box) -> None:
        line = self._lines[-1]
        box = replace(box, gap=self._gap)
        self._gap = 0.0
        if not line or _width(line) + box.gap + box.width <= self._room:
            line.append(box)
            return
        # What may not be parted from it comes along to the next line, if that leaves something here.
        start = len(line)
        if not box.gap:
            while start > 0 and not line[start - 1].gap:
                start -= 1
            start -= 1
            if start <= 0 or _width(line[start:]) + box.width > self._room:
                start = len(line)
        self._lines.append([*line[start:], box])
        del line[start:]
        self._end_when_full()


def _width(line: list[_Box]) -> float:
    return sum(box.width + (box.gap if number else 0.0) for number, box in enumerate(line))


def _extent(line: list[_Box], size: float) -> tuple[float, float]:
    """How far a line reaches above and below where its letters stand, with the space to its neighbours."""
    pixels = size * DPI / 72
    if not line:
        return pixels * PARAGRAPH, 0.0
    above = max(pixels * 0.78, *(box.above for box in line), 0.0)
    below = max(pixels * 0.24, *(box.below for box in line), 0.0)
    return above + pixels * LEADING / 2, below + pixels * LEADING / 2


def _height(lines: list[list[_Box]], size: float) -> float:
    return 2 * MARGIN + sum(sum(_extent(line, size)) for line in lines)


def _shortened(lines: list[list[_Box]], size: float) -> list[list[_Box]]:
    kept = list(lines)
    more = [_Box("…", FontProperties(family="DejaVu Sans", size=size), width=size * DPI / 72)]
    while kept and _height([*kept, more], size) > HIGHEST:
        kept.pop()
    return [*kept, more]


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raises _TooSlow in what takes longer. Only on the main thread, which a drawing process has."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
