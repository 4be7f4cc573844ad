"""A student's statistics as a picture of 800 by 760 points, SVG or PNG: the same figures, the same bytes.

Run as `python -m actors.picture` it answers requests, one JSON document in a line each, with `+` or `-`, the
length in four bytes (big-endian), and the picture or why there is none; texts (`actors.text_picture`) are drawn
likewise. See `actors.drawing`, which asks.
"""

import io
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

import matplotlib as mpl
import orjson
from babel import Locale, dates, numbers
from matplotlib.axes import Axes
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
HEIGHT, CALENDAR = 6.0, 1.6  # inches of a hundred points
MOST_MEMORY = 2 * 1024**3  # bytes of address space of the drawing process
WEEKS = 53
MOST_BARS = 40
FEWEST_DAYS = 14
MOST_TOLD = 21  # bars whose share is written beside them
MOST_ROWS = 6
ROW = 0.045  # of the height
LONGEST_TITLE = 27
STRENGTHS = (0.25, 0.5, 0.75, 1.0)  # of the colour; few answers are seen, too

Period: TypeAlias = Literal["day", "week", "month", "quarter", "year"]
# The most days that such a period has, by which one comes from its beginning into the next one.
PERIODS: Final[dict[Period, int]] = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}

WORDS: Final[dict[Language, dict[str, str]]] = {
    "ru": {
        "title": "Моя статистика",
        "correct": "верно",
        "day": "Ответы по дням",
        "week": "Ответы по неделям",
        "month": "Ответы по месяцам",
        "quarter": "Ответы по кварталам",
        "year": "Ответы по годам",
        "other": "неверно или частично",
        "share": "Доля верных ответов",
        "subjects": "Верные ответы по предметам",
        "topics": "Верные ответы по темам",
        "calendar": "Последний год, день за днём",
        "less": "меньше",
        "more": "больше ответов",
        "none": "Пока нет данных",
        "hint": "Ответьте на несколько вопросов, и здесь появятся графики",
    },
    "en": {
        "title": "My statistics",
        "correct": "correct",
        "day": "Answers by day",
        "week": "Answers by week",
        "month": "Answers by month",
        "quarter": "Answers by quarter",
        "year": "Answers by year",
        "other": "wrong or partial",
        "share": "Share of correct answers",
        "subjects": "Correct answers by subject",
        "topics": "Correct answers by topic",
        "calendar": "The last year, day by day",
        "less": "fewer",
        "more": "more answers",
        "none": "No data yet",
        "hint": "Answer a few questions, and charts will appear here",
    },
}
# By the forms that a language has for counts.
COUNTED: Final[dict[Language, dict[str, dict[str, str]]]] = {
    "ru": {
        "answers": {"one": "ответ", "few": "ответа", "many": "ответов"},
        "trainings": {"one": "тренировка", "few": "тренировки", "many": "тренировок"},
        "streak": {"one": "день подряд", "few": "дня подряд", "many": "дней подряд"},
    },
    "en": {
        "answers": {"one": "answer", "other": "answers"},
        "trainings": {"one": "training", "other": "trainings"},
        "streak": {"one": "day in a row", "other": "days in a row"},
    },
}


def draw(
    statistics: Statistics,
    calendar: Mapping[date, int],
    language: Language,
    format: Literal["svg", "png"],
    days: int | None,
    today: date,
    theme: Theme = "light",
) -> bytes:
    """The picture. `days` is how far back the statistics go (None: to the beginning), `calendar` has the answers of
    each day of the last year, however far that is.
    """
    palette = PALETTES[theme]
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
        words = WORDS[language]
        top.text(0.035, 0.935, words["title"], fontsize=17, fontweight="bold", va="center")
        _draw_totals(top, statistics, language, palette)
        if statistics.totals.answered:
            above = _draw_shares(top, statistics, language, palette)
            _draw_time(top, statistics.by_day, language, days, today, above, palette)
            _draw_calendar(bottom, calendar, language, today, palette)
        else:
            top.text(0.5, 0.45, words["none"], fontsize=20, ha="center", color=palette.quiet)
            top.text(0.5, 0.375, words["hint"], fontsize=11, ha="center", color=palette.quiet)
        file = io.BytesIO()
        nameless = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
        figure.savefig(file, format=format, metadata=nameless)
    return file.getvalue()


def _draw_totals(figure: SubFigure, statistics: Statistics, language: Language, palette: Palette) -> None:
    totals = statistics.totals
    cells = (
        (_number(totals.answered, language), counted("answers", totals.answered, language)),
        (_percent(totals, language), WORDS[language]["correct"]),
        (_number(statistics.trainings, language), counted("trainings", statistics.trainings, language)),
        (_number(statistics.streak.current, language), counted("streak", statistics.streak.current, language)),
    )
    for number, (value, label) in enumerate(cells):
        x = 0.465 + number * 0.143
        figure.text(x, 0.951, value, fontsize=15, fontweight="bold", ha="center", va="center")
        figure.text(x, 0.909, label, fontsize=9, ha="center", va="center", color=palette.quiet)


@dataclass
class _Bar:
    """What was answered in the period that begins on the day `first`."""

    first: date
    correct: int = 0
    other: int = 0


def _bars(by_day: Sequence[DayFigures], first: date, last: date) -> tuple[Period, list[_Bar]]:
    """The shortest periods of which not too many are between two days."""
    first = min(first, last - timedelta(days=FEWEST_DAYS - 1))
    for period, longest in PERIODS.items():
        bars = [_Bar(_beginning(first, period))]
        while (following := _beginning(bars[-1].first + timedelta(days=longest), period)) <= last:
            bars.append(_Bar(following))
        if len(bars) <= MOST_BARS:
            break
    found = {bar.first: bar for bar in bars}
    for day in by_day:
        bar = found[_beginning(day.day, period)]
        bar.correct += day.correct
        bar.other += day.answered - day.correct
    return period, bars


def _beginning(day: date, period: Period) -> date:
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)


def _draw_time(
    figure: SubFigure,
    by_day: Sequence[DayFigures],
    language: Language,
    days: int | None,
    today: date,
    bottom: float,
    palette: Palette,
) -> None:
    """The share of right answers over time, and below it, above `bottom`, a bar for each day or longer period."""
    words = WORDS[language]
    first = by_day[0].day if days is None else today - timedelta(days=days - 1)
    period, bars = _bars(by_day, first, max(today, by_day[-1].day))
    places = range(len(bars))
    _draw_share(figure, bars, language, palette)
    axes = figure.add_axes((0.075, bottom, 0.895, 0.59 - bottom))
    correct, other = [bar.correct for bar in bars], [bar.other for bar in bars]
    axes.bar(places, correct, color=palette.correct, width=0.72, label=words["correct"])
    axes.bar(places, other, bottom=correct, color=palette.other, width=0.72, label=words["other"])
    ticks = list(places)[:: -(-len(bars) // 10)]
    axes.set_xticks(ticks, [_told(bars[tick].first, period, language) for tick in ticks], fontsize=8.5)
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.set_ylim(0, max(map(sum, zip(correct, other, strict=True))) * 1.05)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: _number(round(value), language))
    _bare(axes, palette)
    figure.text(0.035, 0.612, words[period], fontsize=10.5, fontweight="bold")
    axes.legend(loc="lower right", bbox_to_anchor=(1.005, 0.985), ncols=2, frameon=False, fontsize=9, handlelength=0.9)


def _draw_share(figure: SubFigure, bars: Sequence[_Bar], language: Language, palette: Palette) -> None:
    axes = figure.add_axes((0.075, 0.665, 0.895, 0.135))
    told = [
        (place, bar.correct / (bar.correct + bar.other)) for place, bar in enumerate(bars) if bar.correct + bar.other
    ]
    axes.plot(*zip(*told, strict=True), color=palette.correct, marker="o", markersize=3.5, linewidth=1.5, clip_on=False)
    for place, share in told if len(bars) <= MOST_TOLD else ():
        below = share > 0.8  # or it would stand in the heading
        axes.annotate(
            numbers.format_percent(share, locale=language),
            (place, share),
            (0, -5 if below else 5),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=8,
            color=palette.quiet,
        )
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([0, 0.5, 1])
    axes.yaxis.set_major_formatter(lambda value, _: numbers.format_percent(value, locale=language))
    _bare(axes, palette)
    figure.text(0.035, 0.83, WORDS[language]["share"], fontsize=10.5, fontweight="bold")


def _bare(axes: Axes, palette: Palette) -> None:
    axes.grid(axis="y", color=palette.track)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelsize=8.5)
    axes.spines["left"].set_visible(False)


def _told(first: date, period: Period, language: Language) -> str:
    if period in ("day", "week"):
        return dates.format_skeleton("MMMd", first, locale=language)
    return str(first.year) if period == "year" else dates.format_date(first, "LLL yyyy", locale=language)


def _draw_shares(figure: SubFigure, statistics: Statistics, language: Language, palette: Palette) -> float:
    """A row for each subject; for each topic where there is but one subject. Returns where the room above
    begins.
    """
    rows: Sequence[tuple[str, Figures]]
    if len(statistics.by_subject) > 1:
        rows, head = [(one.title, one) for one in statistics.by_subject], WORDS[language]["subjects"]
    else:
        rows, head = [(one.title, one) for one in statistics.by_topic], WORDS[language]["topics"]
    rows = sorted(rows, key=lambda row: (-row[1].answered, row[0]))[:MOST_ROWS]
    shares = [100 * figures.correct / figures.answered for _, figures in rows]
    height = ROW * len(rows)
    axes = figure.add_axes((0.31, 0.03, 0.48, height))
    places = range(len(rows))
    axes.barh(places, [100] * len(rows), color=palette.track, height=0.56)
    axes.barh(places, shares, color=palette.correct, height=0.56)
    for place, (_, figures) in enumerate(rows):
        counts = f"{_number(figures.correct, language)}/{_number(figures.answered, language)}"
        axes.text(101.5, place, f"{_percent(figures, language)}  ({counts})", va="center", fontsize=9)
    axes.set_yticks(places, [_short(title) for title, _ in rows], fontsize=9.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    figure.text(0.035, 0.05 + height, head, fontsize=10.5, fontweight="bold")
    return 0.125 + height


def _draw_calendar(
    figure: SubFigure, answered: Mapping[date, int], language: Language, today: date, palette: Palette
) -> None:
    """A square for each day of the last year, in columns of weeks: the more answers, the stronger its colour."""
    first = today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    most = max(answered.values(), default=0)
    axes = figure.add_axes((0.035, 0.05, 0.935, 0.73))
    month = first.month
    for number in range((today - first).days + 1):
        day = first + timedelta(days=number)
        week, weekday = divmod(number, 7)
        count = answered.get(day, 0)
        _square(axes, week, 6 - weekday, STRENGTHS[0] + (1 - STRENGTHS[0]) * count / most if count else 0, palette)
        if day.day == 1 and day.month != month and week < WEEKS - 2:  # above the week that it begins in
            axes.text(week, 7.25, dates.format_date(day, "LLL", locale=language), fontsize=8, color=palette.quiet)
            month = day.month
    for weekday in (0, 2, 4):
        name = dates.get_day_names("abbreviated", "stand-alone", language)[weekday]
        axes.text(-0.5, 6.41 - weekday, name, fontsize=8, color=palette.quiet, ha="right", va="center")
    words = WORDS[language]
    for place, strength in enumerate((0.0, *STRENGTHS)):
        _square(axes, WEEKS - 13.5 + place, 8.55, strength, palette)
    for x, name, side in ((WEEKS - 14, words["less"], "right"), (WEEKS - 8.2, words["more"], "left")):
        axes.text(x, 8.96, name, fontsize=8, color=palette.quiet, ha=side, va="center")
    axes.set_xlim(-2.5, WEEKS)
    axes.set_ylim(0, 8)
    axes.set_aspect("equal", anchor="W")
    axes.set_axis_off()
    figure.text(0.035, 0.875, words["calendar"], fontsize=10.5, fontweight="bold")


def _square(axes: Axes, x: float, y: float, strength: float, palette: Palette) -> None:
    """With so much of the colour, from none to 1."""
    for color, alpha in ((palette.track, 1.0), (palette.correct, strength)):
        if alpha:
            square = Rectangle((x, y), 0.82, 0.82, facecolor=color, alpha=alpha, linewidth=0, clip_on=False)
            axes.add_patch(square)


def _number(value: int, language: Language) -> str:
    return numbers.format_decimal(value, locale=language)


def counted(what: str, count: int, language: Language) -> str:
    return COUNTED[language][what][Locale.parse(language).plural_form(count)]


def _percent(figures: Figures, language: Language) -> str:
    return numbers.format_percent(figures.correct / figures.answered, locale=language) if figures.answered else "–"


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
                {date.fromisoformat(day): answered for day, answered in request["calendar"].items()},
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
