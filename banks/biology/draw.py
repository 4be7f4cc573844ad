"""Draws the pictures of this bank: run it to write `pictures/*.svg` anew.

Every picture is plain SVG without scripts, links or fonts of its own, so it can be shown anywhere.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

Point = tuple[float, float]

INK = "#222222"
GREY = "#888888"
PICTURES = Path(__file__).parent / "pictures"


def num(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def shape(tag: str, attributes: str, fill: str = "none", stroke: str = INK, width: float = 2, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<{tag} {attributes} fill="{fill}" stroke="{stroke}" stroke-width="{num(width)}"'
        f' stroke-linecap="round" stroke-linejoin="round"{dashes}/>'
    )


def circle(
    x: float, y: float, r: float, fill: str = "none", stroke: str = INK, width: float = 2, dash: str = ""
) -> str:
    return shape("circle", f'cx="{num(x)}" cy="{num(y)}" r="{num(r)}"', fill, stroke, width, dash)


def ellipse(x: float, y: float, rx: float, ry: float, fill: str = "none", stroke: str = INK) -> str:
    return shape("ellipse", f'cx="{num(x)}" cy="{num(y)}" rx="{num(rx)}" ry="{num(ry)}"', fill, stroke)


def box(
    x: float,
    y: float,
    w: float,
    h: float,
    fill: str = "none",
    r: float = 0,
    width: float = 2,
    stroke: str = INK,
) -> str:
    attributes = f'x="{num(x)}" y="{num(y)}" width="{num(w)}" height="{num(h)}" rx="{num(r)}"'
    return shape("rect", attributes, fill, stroke, width)


def path(d: str, fill: str = "none", stroke: str = INK, width: float = 2, dash: str = "") -> str:
    return shape("path", f'd="{d}"', fill, stroke, width, dash)


def line(a: Point, b: Point, stroke: str = INK, width: float = 2, dash: str = "") -> str:
    return path(f"M{num(a[0])} {num(a[1])}L{num(b[0])} {num(b[1])}", "none", stroke, width, dash)


def polyline(points: Iterable[Point], stroke: str = INK, width: float = 2) -> str:
    return path("M" + "L".join(f"{num(x)} {num(y)}" for x, y in points), "none", stroke, width)


def arrow(a: Point, b: Point, stroke: str = INK, width: float = 2.5) -> str:
    """A line from a to b with a head drawn as a triangle (SVG markers are not shown everywhere)."""
    angle = math.atan2(b[1] - a[1], b[0] - a[0])
    head = [(b[0] - 13 * math.cos(angle + turn), b[1] - 13 * math.sin(angle + turn)) for turn in (-0.4, 0.4)]
    triangle = "M" + "L".join(f"{num(x)} {num(y)}" for x, y in [b, *head]) + "Z"
    neck = (b[0] - 9 * math.cos(angle), b[1] - 9 * math.sin(angle))
    return line(a, neck, stroke, width) + path(triangle, stroke, stroke, 1)


def label(x: float, y: float, text: str, size: float = 18, anchor: str = "middle", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{num(x)}" y="{num(y)}" font-size="{num(size)}" text-anchor="{anchor}"'
        f' font-family="DejaVu Sans, Arial, sans-serif"{weight} fill="{INK}">{text}</text>'
    )


def badge(x: float, y: float, text: str) -> str:
    return circle(x, y, 16, "#ffffff") + label(x, y + 7, text, 19, bold=True)


def pointer(mark: Point, target: Point, text: str) -> str:
    """A letter in a circle with a line to the thing that it names."""
    return line(mark, target, INK, 1.5) + circle(*target, 3.5, INK) + badge(*mark, text)


def save(name: str, width: int, height: int, title: str, parts: Iterable[str]) -> None:
    body = "\n".join(parts)
    size = f'width="{width}" height="{height}"'
    (PICTURES / f"{name}.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size} role="img">\n'
        f"<title>{title}</title>\n"
        f'<rect {size} fill="#ffffff"/>\n{body}\n</svg>\n',
        encoding="utf-8",
    )


def arc(center: Point, r: float, start: float, end: float) -> list[Point]:
    """Points of a circular arc; angles in degrees, clockwise from the right as SVG counts them."""
    turns = [math.radians(start + (end - start) * step / 24) for step in range(25)]
    return [(center[0] + r * math.cos(turn), center[1] + r * math.sin(turn)) for turn in turns]


def animal_cell() -> None:
    parts = [ellipse(320, 215, 255, 180, "#fff6e0")]
    nucleus = (285.0, 230.0)
    for r in (82, 98, 114):
        parts.append(polyline(arc(nucleus, r, 125, 235), "#3f6fae", 4))
        parts += [circle(x, y, 2.6, INK, INK, 1) for x, y in arc(nucleus, r + 6, 125, 235)[::2]]
    parts += [circle(*nucleus, 66, "#d9c7ec"), circle(300, 245, 17, "#8d6bb5")]
    for step in range(4):
        y = 130 + step * 15
        parts.append(path(f"M395 {y}Q450 {y + 28} 505 {y}", "none", "#c07a1e", 6))
    parts += [circle(x, y, 7, "#f3cf94", "#c07a1e") for x, y in ((392, 205), (512, 196), (450, 222), (420, 218))]
    parts.append(ellipse(430, 300, 68, 34, "#f6b8a6"))
    ridges = "M374 300" + "".join(f"L{380 + 14 * i} {276 if i % 2 else 324}" for i in range(1, 7)) + "L484 300"
    parts.append(path(ridges, "none", "#a33b22", 3))
    parts += [box(318, 88, 40, 17, "#bfe0b4"), box(366, 76, 17, 40, "#bfe0b4")]
    parts += [line((318, 94), (358, 94), INK, 1), line((318, 99), (358, 99), INK, 1)]
    parts += [line((372, 76), (372, 116), INK, 1), line((377, 76), (377, 116), INK, 1)]
    parts += [
        pointer((600, 390), (462, 312), "А"),
        pointer((290, 425), (265, 262), "Б"),
        pointer((395, 20), (350, 97), "В"),
        pointer((600, 70), (470, 145), "Г"),
        pointer((40, 90), (190, 203), "Д"),
    ]
    save("animal-cell", 640, 450, "Схема животной клетки", parts)


def chromosome(x: float, y: float, size: float, colour: str) -> str:
    """Two sister chromatids joined in the middle."""
    legs = [((x - size * 0.45, y - s * size), (x + size * 0.45, y + s * size)) for s in (1, -1)]
    return "".join(line(a, b, colour, 5) for a, b in legs)


def mitosis() -> None:
    red, blue = "#c0392b", "#2561a8"
    cells: dict[str, Point] = {"1": (150, 120), "2": (450, 120), "3": (150, 340), "4": (450, 340)}
    parts: list[str] = []

    def spindle(x: float, y: float, rows: Iterable[float]) -> None:
        for row in rows:
            parts.append(path(f"M{x - 84} {y}Q{x} {y + row * 1.6} {x + 84} {y}", "none", GREY, 1.2))
        parts.extend(circle(x + side, y, 5, INK) for side in (-84, 84))

    x, y = cells["1"]  # anaphase: single chromatids are pulled to the poles
    parts.append(ellipse(x, y, 112, 80, "#f4f8ee"))
    spindle(x, y, (-56, -19, 19, 56))
    for side in (-1, 1):
        for row, size, colour in ((-42, 20, red), (-14, 11, blue), (14, 20, blue), (42, 11, red)):
            tip, bend = x + side * 50, x + side * (50 - size)
            d = f"M{num(bend)} {num(y + row - 8)}L{num(tip)} {num(y + row)}L{num(bend)} {num(y + row + 8)}"
            parts.append(path(d, "none", colour, 5))
    x, y = cells["2"]  # prophase: condensed chromosomes, the envelope falls apart
    parts += [ellipse(x, y, 112, 80, "#f4f8ee"), circle(x, y, 58, "#fffdf5", GREY, 2, "9 8")]
    parts += [circle(x - 84, y - 6, 5, INK), circle(x + 84, y + 6, 5, INK)]
    for dx, dy, size, colour in (
        (-25, -18, 20, red),
        (22, -24, 12, blue),
        (24, 20, 20, blue),
        (-18, 27, 12, red),
    ):
        parts.append(chromosome(x + dx, y + dy, size, colour))
    x, y = cells["3"]  # telophase: two nuclei, the cell is pinched in two
    halves = (
        f"M{x} {y - 26}C{x - 20} {y - 92} {x - 125} {y - 78} {x - 125} {y}S{x - 20} {y + 92} {x} {y + 26}"
        f"C{x + 20} {y + 92} {x + 125} {y + 78} {x + 125} {y}S{x + 20} {y - 92} {x} {y - 26}Z"
    )
    parts.append(path(halves, "#f4f8ee"))
    for side in (-66, 66):
        parts.append(circle(x + side, y, 36, "#fffdf5"))
        for row, size, colour in ((-18, 18, red), (-6, 10, blue), (7, 18, blue), (19, 10, red)):
            cx = x + side
            d = f"M{cx - size} {y + row}q{num(size / 2)} -8 {size} 0t{size} 0"
            parts.append(path(d, "none", colour, 2.5))
    x, y = cells["4"]  # metaphase: double chromosomes on the equator
    parts.append(ellipse(x, y, 112, 80, "#f4f8ee"))
    spindle(x, y, (-56, -19, 19, 56))
    for row, size, colour in ((-45, 17, red), (-15, 10, blue), (15, 10, red), (45, 17, blue)):
        parts.append(chromosome(x, y + row, size * 0.85, colour))
    parts += [badge(cx - 118, cy - 78, text) for text, (cx, cy) in cells.items()]
    save("mitosis", 600, 450, "Четыре клетки на разных фазах митоза", parts)


Scale = Callable[[float, float], Point]


def axes(x_title: str, y_title: str, x_ticks: dict[float, str], y_ticks: dict[float, str]) -> tuple[Scale, list[str]]:
    """A 600 by 400 plot: the scale that places a point, and the drawn axes with their grid."""
    x_low, x_high, y_high = min(x_ticks), max(x_ticks), max(y_ticks)

    def at(x: float, y: float) -> Point:
        return 80 + (x - x_low) / (x_high - x_low) * 480, 335 - y / y_high * 275

    parts: list[str] = []
    for x, text in x_ticks.items():
        parts.append(line(at(x, 0), at(x, y_high), "#dddddd", 1))
        parts.append(label(at(x, 0)[0], 357, text, 16))
    for y, text in y_ticks.items():
        parts.append(line(at(x_low, y), at(x_high, y), "#dddddd", 1))
        parts.append(label(70, at(x_low, y)[1] + 6, text, 16, "end"))
    parts += [arrow(at(x_low, 0), (582, 335)), arrow(at(x_low, 0), (80, 38))]
    parts += [label(572, 386, x_title, 17, "end"), label(20, 26, y_title, 17, "start")]
    return at, parts


def enzyme_temperature() -> None:
    at, parts = axes(
        "Температура, °C",
        "Скорость реакции, усл. ед.",
        {t: str(t) for t in range(0, 61, 10)},
        {v: str(v) for v in range(0, 15, 2)},
    )
    knots = [
        at(t, v)
        for t, v in (
            (0, 1),
            (10, 2),
            (20, 4),
            (30, 8),
            (35, 10.6),
            (40, 12),
            (44, 11),
            (48, 7.5),
            (52, 3.5),
            (56, 1),
            (60, 0),
        )
    ]
    around = [knots[0], *knots, knots[-1]]
    d = f"M{num(knots[0][0])} {num(knots[0][1])}"
    for before, a, b, after in zip(around, around[1:], around[2:], around[3:], strict=False):
        first = a[0] + (b[0] - before[0]) / 6, a[1] + (b[1] - before[1]) / 6
        second = b[0] - (after[0] - a[0]) / 6, b[1] - (after[1] - a[1]) / 6
        d += "C" + " ".join(f"{num(px)} {num(py)}" for px, py in (first, second, b))
    parts.append(path(d, "none", "#b03a2e", 3.5))
    parts += [circle(*at(t, v), 5, "#b03a2e") for t, v in ((10, 2), (20, 4), (30, 8), (40, 12))]
    save("enzyme-temperature", 600, 400, "Зависимость скорости реакции от температуры", parts)


def population_growth() -> None:
    at, parts = axes(
        "Время, годы",
        "Численность, особей",
        {t: str(t) for t in range(0, 21, 4)},
        {n: str(n) for n in range(0, 1201, 200)},
    )

    def size(t: float) -> float:
        return 1000 / (1 + 99 * math.exp(-0.575 * t))

    parts.append(line(at(0, 1000), at(20, 1000), GREY, 2, "8 6"))
    parts.append(polyline([at(t / 4, size(t / 4)) for t in range(81)], "#1e8449", 3.5))
    for share, text, dx, dy in (
        (0.1, "А", -6, -28),
        (0.5, "Б", -30, -12),
        (0.9, "В", 26, 26),
        (0.99, "Г", 0, 32),
    ):
        t = math.log(99 * share / (1 - share)) / 0.575
        x, y = at(t, 1000 * share)
        parts += [circle(x, y, 6, "#1e8449"), label(x + dx, y + dy + 6, text, 20, bold=True)]
    parts.append(label(at(1, 0)[0], at(0, 1000)[1] - 9, "K", 20, bold=True))
    save("population-growth", 600, 400, "Логистический рост популяции", parts)


def dna_content() -> None:
    at, parts = axes(
        "Время",
        "Количество ДНК в клетке",
        {0: "", 10: ""},
        {0: "0", 1: "c", 2: "2c", 3: "3c", 4: "4c", 5: ""},
    )
    steps = [(0.2, 2.0), (2, 2), (3.6, 4), (6, 4), (6, 2), (7.8, 2), (7.8, 1), (9.6, 1)]
    parts += [line(at(x, 0), at(x, 4.8), GREY, 1.2, "6 5") for x in (2, 3.6, 6, 7.8)]
    parts.append(polyline([at(x, y) for x, y in steps], "#6c3483", 4))
    for x, text in ((1.1, "I"), (2.8, "II"), (4.8, "III"), (6.9, "IV"), (8.7, "V")):
        parts.append(label(at(x, 0)[0], at(0, 4.45)[1], text, 20, bold=True))
    save("dna-content", 600, 400, "Изменение количества ДНК в клетке", parts)


def pedigree() -> None:
    parts: list[str] = []

    def person(x: float, y: float, number: str, woman: bool, affected: bool = False) -> None:
        fill = INK if affected else "#ffffff"
        parts.append(circle(x, y, 22, fill) if woman else box(x - 22, y - 22, 44, 44, fill))
        parts.append(label(x + 30, y + 38, number, 17))

    parts += [line((120, 70), (240, 70)), line((180, 70), (180, 135)), line((120, 135), (240, 135))]
    parts += [line((120, 135), (120, 190)), line((240, 135), (240, 190))]
    parts += [line((380, 70), (500, 70)), line((440, 70), (440, 135)), line((380, 135), (500, 135))]
    parts += [line((380, 135), (380, 190)), line((500, 135), (500, 190))]
    parts += [line((240, 190), (380, 190)), line((310, 190), (310, 300))]
    person(120, 70, "1", woman=False)
    person(240, 70, "2", woman=True)
    person(380, 70, "3", woman=False)
    person(500, 70, "4", woman=True, affected=True)
    person(120, 190, "1", woman=True, affected=True)
    person(240, 190, "2", woman=False)
    person(380, 190, "3", woman=True)
    person(500, 190, "4", woman=False)
    parts += [path("M310 285L338 313L310 341L282 313Z", "#ffffff"), label(310, 320, "?", 22, bold=True)]
    parts.append(label(352, 350, "1", 17))
    parts += [label(45, y, text, 20, bold=True) for y, text in ((77, "I"), (197, "II"), (320, "III"))]
    parts += [box(62, 388, 22, 22), circle(96, 399, 11), label(116, 405, "нет признака", 16, "start")]
    parts += [
        box(330, 388, 22, 22, INK),
        circle(364, 399, 11, INK),
        label(384, 405, "есть признак", 16, "start"),
    ]
    save("pedigree", 600, 430, "Родословная", parts)


def food_web() -> None:
    places: dict[str, Point] = {
        "злаки": (330, 425),
        "кузнечик": (180, 330),
        "полёвка": (490, 330),
        "лягушка": (90, 230),
        "ящерица": (245, 230),
        "лисица": (610, 230),
        "гадюка": (230, 125),
        "канюк": (400, 45),
    }
    eaten_by = [
        ("злаки", "кузнечик"),
        ("злаки", "полёвка"),
        ("кузнечик", "лягушка"),
        ("кузнечик", "ящерица"),
        ("лягушка", "гадюка"),
        ("ящерица", "гадюка"),
        ("полёвка", "гадюка"),
        ("полёвка", "канюк"),
        ("полёвка", "лисица"),
        ("гадюка", "канюк"),
        ("ящерица", "канюк"),
    ]
    parts: list[str] = []
    for food, eater in eaten_by:
        (x1, y1), (x2, y2) = places[food], places[eater]
        # Start and end where the line leaves the 130 by 44 boxes.
        reach = min(1.0, 65 / max(abs(x2 - x1), 1), 22 / abs(y2 - y1))
        dx, dy = (x2 - x1) * reach, (y2 - y1) * reach
        parts.append(arrow((x1 + dx, y1 + dy), (x2 - dx * 1.06, y2 - dy * 1.06)))
    for name, (x, y) in places.items():
        fill = "#dcefd0" if name == "злаки" else "#fbf3df"
        parts += [box(x - 65, y - 22, 130, 44, fill, 10), label(x, y + 7, name, 20)]
    save("food-web", 700, 460, "Пищевая сеть луга", parts)


def flower() -> None:
    parts = [path("M286 470L286 376L314 376L314 470Z", "#a9cf8e")]
    for side in (-1, 1):

        def at(x: float, y: float, side: int = side) -> str:
            return f"{num(300 + side * x)} {num(y)}"

        sepal = f"M{at(14, 385)}C{at(60, 395)} {at(105, 375)} {at(120, 325)}"
        sepal += f"C{at(85, 345)} {at(50, 355)} {at(26, 352)}Z"
        petal = f"M{at(26, 352)}C{at(110, 340)} {at(215, 240)} {at(205, 90)}"
        petal += f"C{at(140, 110)} {at(75, 230)} {at(26, 352)}Z"
        parts += [path(petal, "#f7c6d6"), path(sepal, "#a9cf8e")]
        parts.append(path(f"M{at(24, 348)}Q{at(75, 260)} {at(88, 170)}", "none", "#7a6a1a", 4))
        parts.append(ellipse(300 + side * 90, 150, 13, 27, "#f2d64b"))
    parts.append(path("M270 378L330 378L326 352L274 352Z", "#a9cf8e"))
    parts.append(
        path(
            "M290 130L290 240C255 262 248 330 280 362L320 362C352 330 345 262 310 240L310 130Z",
            "#cfe6b8",
        )
    )
    parts.append(path("M272 128Q300 98 328 128Q300 142 272 128Z", "#8fbf6b"))
    parts.append(path("M300 260C275 275 272 322 288 345L312 345C328 322 325 275 300 260Z", "#f7fbf2"))
    for x, y in ((291, 290), (309, 290), (291, 318), (309, 318)):
        parts.append(ellipse(x, y, 8, 11, "#ffffff"))
    parts += [
        pointer((540, 430), (395, 352), "1"),
        pointer((550, 80), (480, 180), "2"),
        pointer((140, 50), (207, 140), "3"),
        pointer((300, 40), (300, 120), "4"),
        pointer((545, 290), (309, 318), "5"),
        pointer((60, 300), (266, 285), "6"),
    ]
    save("flower", 600, 490, "Схема цветка в продольном разрезе", parts)


def heart() -> None:
    pale = "#f3e3df"
    parts = [
        path("M60 150L540 150L540 330C540 420 400 470 300 470C200 470 60 420 60 330Z", "#d9a79c"),
        box(112, 60, 56, 130, pale, 0),
        box(90, 165, 120, 90, pale, 14),  # vena cava, right atrium
        path("M90 290L285 290L285 448C190 440 90 400 90 330Z", pale),  # right ventricle
        box(228, 60, 54, 232, pale),  # pulmonary artery
        path("M318 290L500 290L500 335C500 395 400 436 318 436Z", pale),  # left ventricle
        box(390, 165, 120, 90, pale, 14),
        box(510, 190, 80, 44, pale),  # left atrium, pulmonary veins
        box(321, 60, 54, 232, pale),  # aorta
    ]
    # Openings between the parts: borders are painted over where blood passes.
    for x, y, w, h in (
        (114, 160, 52, 40),
        (125, 250, 50, 46),
        (425, 250, 50, 46),
        (230, 285, 50, 25),
        (323, 285, 50, 25),
        (500, 192, 20, 40),
    ):
        parts.append(box(x, y, w, h, pale, 0, 1, pale))
    for x, y, w, h in ((112, 54, 56, 10), (228, 54, 54, 10), (321, 54, 54, 10)):
        parts.append(box(x, y, w, h, "#ffffff", 0, 1, "#ffffff"))
    parts.append(box(586, 186, 12, 52, "#ffffff", 0, 1, "#ffffff"))
    parts += [line((x, 255), (x, 290)) for x in (125, 175, 425, 475)]
    parts += [
        arrow((140, 70), (140, 158)),
        arrow((150, 240), (150, 305)),
        arrow((450, 240), (450, 305)),
        arrow((255, 275), (255, 100)),
        arrow((348, 275), (348, 100)),
        arrow((582, 212), (515, 212)),
    ]
    parts += [
        badge(140, 30, "Г"),
        badge(255, 30, "А"),
        badge(348, 30, "Ж"),
        badge(570, 165, "Д"),
        badge(184, 212, "Е"),
        badge(190, 370, "З"),
        badge(416, 212, "Б"),
        badge(400, 360, "В"),
    ]
    parts += [
        label(60, 490, "правая сторона тела", 16, "start"),
        label(540, 490, "левая сторона тела", 16, "end"),
    ]
    save("heart", 600, 505, "Схема сердца млекопитающего", parts)


def cladogram() -> None:
    tips = {"лягушка": 80.0, "кошка": 190.0, "ящерица": 300.0, "крокодил": 410.0, "голубь": 520.0}
    xs = list(tips.values())
    parts = [label(x, 40, name, 18) for name, x in tips.items()]
    # Each split joins the next tip on the left to everything on its right.
    right_x, right_y = xs[-1], 55.0
    for x, y in zip(reversed(xs[:-1]), (130.0, 200.0, 270.0, 340.0), strict=True):
        parts += [line((right_x, right_y), (right_x, y), INK, 3), line((x, 55), (x, y), INK, 3)]
        middle = (x + right_x) / 2
        parts += [line((x, y), (right_x, y), INK, 3), circle(middle, y, 5, INK)]
        right_x, right_y = middle, y
    parts.append(line((right_x, right_y), (right_x, 375), INK, 3))
    save("cladogram", 600, 390, "Филогенетическое дерево пяти позвоночных", parts)


def age_pyramids() -> None:
    shapes = {"a": (62, 68, 72, 74, 66, 50), "b": (34, 46, 60, 76, 84, 70), "c": (120, 92, 70, 50, 32, 16)}
    for name, halves in shapes.items():
        parts = []
        for row, half in enumerate(halves):
            y = 215 - row * 36
            parts.append(box(160 - half, y, half, 36, "#a9c8e8"))
            parts.append(box(160, y, half, 36, "#f0b9c4"))
        parts += [arrow((22, 251), (22, 20)), label(32, 30, "возраст", 16, "start")]
        parts += [label(100, 276, "самцы", 16), label(220, 276, "самки", 16)]
        save(f"age-pyramid-{name}", 320, 290, "Возрастная пирамида", parts)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for draw in (
        animal_cell,
        mitosis,
        enzyme_temperature,
        population_growth,
        dna_content,
        pedigree,
        food_web,
        flower,
        heart,
        cladogram,
        age_pyramids,
    ):
        draw()


if __name__ == "__main__":
    main()
