"""A student's statistics as a picture of 800 by 640 points, SVG or PNG: the same figures, the same bytes.

Run as `python -m actors.picture` it answers requests, one JSON document in a line each, with `+` or `-`, the
length in four bytes (big-endian), and the picture or why there is none; texts (`actors.text_picture`) are drawn
likewise. See `actors.drawing`, which asks.
"""

import io
import resource
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

import matplotlib as mpl
import orjson
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from actors.text_picture import draw_text
from protocols.messages import DayFigures, Figures, Language, Statistics, Theme

mpl.rcParams.update(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib and has Cyrillic letters
        "font.size": 10,
        "text.parse_math": False,  # a title may well have a dollar sign in it
        "svg.hashsalt": "apo",
        "svg.fonttype": "path",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


class Palette(NamedTuple):
    paper: str
    ink: str
    quiet: str
    edge: str
    track: str
    correct: str
    other: str


PALETTES: Final[dict[Theme, Palette]] = {
    "light": Palette("#ffffff", "#23272f", "#59606d", "#c3c7ce", "#edf0f4", "#2a9d6f", "#c9d1dc"),
    "dark": Palette("#1d2128", "#e8eaee", "#a5adb9", "#3a414c", "#2a303a", "#3fbf8a", "#56606f"),
}
HEIGHT, CALENDAR = 5.0, 1.4  # inches of a hundred points
MOST_WEEKS = 53
MOST_BARS = 40
MOST_MEMORY = 2 * 1024**3  # bytes of address space of the drawing process
FEWEST_DAYS = 14
PERIODS = (1, 7, 30, 92)  # days in a bar
MOST_ROWS = 6
ROW = 0.054  # of the height
LONGEST_TITLE = 29

WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "title": "Моя статистика",
        "answered": "ответов",
        "correct": "верно",
        "trainings": "тренировок",
        "streak": "дней подряд",
        "1": "Ответы по дням",
        "7": "Ответы по неделям",
        "30": "Ответы за каждые 30 дней",
        "92": "Ответы за каждые 92 дня",
        "right": "верно",
        "other": "неверно или частично",
        "subjects": "Верных ответов по предметам",
        "topics": "Верных ответов по темам",
        "calendar": "Последний год, день за днём",
        "none": "Пока нет данных",
        "hint": "Ответьте на несколько вопросов, и здесь появятся графики",
    },
    "en": {
        "title": "My statistics",
        "answered": "answers",
        "correct": "correct",
        "trainings": "trainings",
        "streak": "days in a row",
        "1": "Answers by day",
        "7": "Answers by week",
        "30": "Answers in every 30 days",
        "92": "Answers in every 92 days",
        "right": "correct",
        "other": "wrong or partial",
        "subjects": "Correct answers by subject",
        "topics": "Correct answers by topic",
        "calendar": "The last year, day by day",
        "none": "No data yet",
        "hint": "Answer a few questions, and charts will appear here",
    },
}


def draw(
    statistics: Statistics,
    language: Language,
    format: Literal["svg", "png"],
    days: int | None,
    today: date,
    theme: Theme = "light",
) -> bytes:
    """The picture. `days` is how far back the statistics go (None: to the beginning)."""
    words, palette = WORDS[language], PALETTES[theme]
    with mpl.rc_context(
        {
            "axes.facecolor": palette.paper,
            "axes.edgecolor": palette.edge,
            "text.color": palette.ink,
            "axes.labelcolor": palette.ink,
            "xtick.color": palette.quiet,
            "ytick.color": palette.quiet,
        }
    ):
        figure = Figure(figsize=(8, HEIGHT + CALENDAR), dpi=100, facecolor=palette.paper)
        grid = figure.add_gridspec(2, 1, height_ratios=(HEIGHT, CALENDAR))
        top, bottom = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
        top.set_facecolor(palette.paper)
        bottom.set_facecolor(palette.paper)
        top.text(0.035, 0.925, words["title"], fontsize=17, fontweight="bold", va="center")
        _draw_totals(top, statistics, words, palette)
        if statistics.totals.answered:
            above = _draw_shares(top, statistics, words, palette)
            _draw_days(top, statistics.by_day, words, days, today, above, palette)
            _draw_calendar(bottom, statistics.by_day, words, today, palette)
        else:
            top.text(0.5, 0.45, words["none"], fontsize=20, ha="center", color=palette.quiet)
            top.text(0.5, 0.375, words["hint"], fontsize=11, ha="center", color=palette.quiet)
        file = io.BytesIO()
        nameless = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
        figure.savefig(file, format=format, metadata=nameless)
    return file.getvalue()


def _draw_calendar(
    figure: SubFigure, by_day: Sequence[DayFigures], words: dict[str, str], today: date, palette: Palette
) -> None:
    """A square for each day of the last year, in columns of weeks: the more answers, the stronger its colour."""
    answered = {day.day: day.answered for day in by_day}
    monday = today - timedelta(days=today.weekday())
    most = max(answered.values())
    axes = figure.add_axes((0.035, 0.1, 0.935, 0.66))
    for week in range(MOST_WEEKS):
        for weekday in range(7):
            day = monday - timedelta(weeks=MOST_WEEKS - 1 - week) + timedelta(days=weekday)
            if day > today:
                continue
            count = answered.get(day, 0)
            square = Rectangle((week, 6 - weekday), 0.82, 0.82, facecolor=palette.track, linewidth=0)
            axes.add_patch(square)
            if count:
                # Few answers are seen, too: a quarter of the colour at least.
                strength = 0.25 + 0.75 * count / most
                axes.add_patch(
                    Rectangle((week, 6 - weekday), 0.82, 0.82, facecolor=palette.correct, alpha=strength, linewidth=0)
                )
    axes.set_xlim(0, MOST_WEEKS)
    axes.set_ylim(0, 7)
    axes.set_aspect("equal", anchor="W")
    axes.set_axis_off()
    figure.text(0.035, 0.84, words["calendar"], fontsize=10.5, fontweight="bold")


def _draw_totals(figure: SubFigure, statistics: Statistics, words: dict[str, str], palette: Palette) -> None:
    totals = statistics.totals
    cells = (
        (f"{totals.answered}", words["answered"]),
        (_percent(totals), words["correct"]),
        (f"{statistics.trainings}", words["trainings"]),
        (f"{statistics.streak.current}", words["streak"]),
    )
    for number, (value, label) in enumerate(cells):
        x = 0.465 + number * 0.143
        figure.text(x, 0.945, value, fontsize=15, fontweight="bold", ha="center", va="center")
        figure.text(x, 0.895, label, fontsize=9, ha="center", va="center", color=palette.quiet)


def _draw_days(
    figure: SubFigure,
    by_day: Sequence[DayFigures],
    words: dict[str, str],
    days: int | None,
    today: date,
    bottom: float,
    palette: Palette,
) -> None:
    """A bar for each day or longer period, in what room there is above `bottom`."""
    first = by_day[0].day if days is None else today - timedelta(days=days - 1)
    today = max(today, by_day[-1].day)
    span = max((today - first).days + 1, FEWEST_DAYS)
    period = next((period for period in PERIODS if span <= period * MOST_BARS), PERIODS[-1])
    bars = -(-span // period)
    correct, other = [0] * bars, [0] * bars
    for day in by_day:
        bar = bars - 1 - (today - day.day).days // period
        correct[bar] += day.correct
        other[bar] += day.answered - day.correct
    axes = figure.add_axes((0.075, bottom, 0.895, 0.795 - bottom))
    places = range(bars)
    axes.bar(places, correct, color=palette.correct, width=0.72, label=words["right"])
    axes.bar(places, other, bottom=correct, color=palette.other, width=0.72, label=words["other"])
    for place in places:
        answered = correct[place] + other[place]
        if answered and bars <= FEWEST_DAYS * 1.5:
            share = f"{100 * correct[place] / answered:.0f}%"
            axes.annotate(
                share,
                (place, answered),
                (0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=palette.quiet,
            )
    step = -(-bars // 10)
    ticks = list(places)[::-1][::step]
    labels = [today - timedelta(days=(bars - 1 - tick) * period + period - 1) for tick in ticks]
    pattern = "%d.%m" if span <= 300 else "%d.%m.%y"
    axes.set_xticks(ticks, [label.strftime(pattern) for label in labels], fontsize=8.5)
    axes.set_xlim(-0.6, bars - 0.4)
    axes.set_ylim(0, max(map(sum, zip(correct, other, strict=True))) * 1.12)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.grid(axis="y", color=palette.track)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    figure.text(0.035, 0.815, words[str(period)], fontsize=10.5, fontweight="bold")
    axes.legend(loc="lower right", bbox_to_anchor=(1.005, 0.985), ncols=2, frameon=False, fontsize=9, handlelength=0.9)


def _draw_shares(figure: SubFigure, statistics: Statistics, words: dict[str, str], palette: Palette) -> float:
    """A row for each subject; for each topic where there is but one subject. Returns where the room above
    begins.
    """
    rows: Sequence[tuple[str, Figures]]
    if len(statistics.by_subject) > 1:
        rows, head = [(one.title, one) for one in statistics.by_subject], words["subjects"]
    else:
        rows, head = [(one.title, one) for one in statistics.by_topic], words["topics"]
    rows = sorted(rows, key=lambda row: (-row[1].answered, row[0]))[:MOST_ROWS]
    shares = [100 * figures.correct / figures.answered for _, figures in rows]
    height = ROW * len(rows)
    axes = figure.add_axes((0.31, 0.035, 0.5, height))
    places = range(len(rows))
    axes.barh(places, [100] * len(rows), color=palette.track, height=0.56)
    axes.barh(places, shares, color=palette.correct, height=0.56)
    for place, (_, figures) in enumerate(rows):
        label = f"{_percent(figures)}  ({figures.correct}/{figures.answered})"
        axes.text(101.5, place, label, va="center", fontsize=9)
    axes.set_yticks(places, [_short(title) for title, _ in rows], fontsize=9.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    figure.text(0.035, 0.06 + height, head, fontsize=10.5, fontweight="bold")
    return 0.15 + height


def _percent(figures: Figures) -> str:
    return f"{100 * figures.correct / figures.answered:.0f}%" if figures.answered else "–"


def _short(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


def answer(line: bytes) -> bytes:
    """The reply to one request. Whatever goes wrong is told in it: the one who asks raises it."""
    try:
        request = orjson.loads(line)
        if request["kind"] == "text":
            content = draw_text(request["text"])
        else:
            content = draw(
                Statistics.model_validate(request["statistics"]),
                request["language"],
                request["format"],
                request["days"],
                date.fromisoformat(request["today"]),
                request["theme"],
            )
        sign = b"+"
    except Exception as error:
        content, sign = repr(error).encode(), b"-"
    return sign + len(content).to_bytes(4) + content


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))  # a formula may ask for a very wide picture
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(answer(line))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
