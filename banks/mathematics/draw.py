"""Draws the pictures of the mathematics bank: plain SVG, no scripts, no outside references.

Run `python banks/mathematics/draw.py` after changing a drawing; it rewrites the files in `pictures/`.
Each function below returns the shapes of one picture, in user units of a canvas 600 wide.
"""

from collections.abc import Iterable, Iterator
from html import escape
from math import cos, hypot, radians, sin
from pathlib import Path

Point = tuple[float, float]

INK = "#1b2733"
BLUE = "#1f5fa8"
RED = "#b3261e"
PALE = "#dbe8f6"
GRID = "#c3ccd6"


def line(a: Point, b: Point, colour: str = INK, width: float = 3, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="9 7"' if dashed else ""
    return (
        f'<line x1="{a[0]:g}" y1="{a[1]:g}" x2="{b[0]:g}" y2="{b[1]:g}" '
        f'stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round"{dash}/>'
    )


def circle(centre: Point, radius: float, fill: str = "none", colour: str = INK, width: float = 3) -> str:
    return (
        f'<circle cx="{centre[0]:g}" cy="{centre[1]:g}" r="{radius:g}" '
        f'fill="{fill}" stroke="{colour}" stroke-width="{width:g}"/>'
    )


def dot(centre: Point, radius: float = 6, colour: str = INK) -> str:
    return circle(centre, radius, fill=colour, colour=colour, width=0)


def path(points: Iterable[Point], fill: str = "none", colour: str = INK, closed: bool = True) -> str:
    tag = "polygon" if closed else "polyline"
    listed = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<{tag} points="{listed}" fill="{fill}" stroke="{colour}" stroke-width="3" stroke-linejoin="round"/>'


def label(at: Point, text: str, size: float = 26, colour: str = INK) -> str:
    """Text whose middle is at the point."""
    return (
        f'<text x="{at[0]:g}" y="{at[1] + size * 0.35:g}" text-anchor="middle" '
        f'font-family="sans-serif" font-size="{size:g}" fill="{colour}">{escape(text)}</text>'
    )


def between(a: Point, b: Point, share: float) -> Point:
    """The point that lies this share of the way from a to b."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)


def arrow(a: Point, b: Point, gap: float) -> Iterator[str]:
    """An arrow from a to b that stops short of both ends by the gap."""
    length = hypot(b[0] - a[0], b[1] - a[1])
    start, tip = between(a, b, gap / length), between(a, b, 1 - gap / length)
    ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    neck = (tip[0] - 16 * ux, tip[1] - 16 * uy)
    yield line(start, neck)
    yield path([tip, (neck[0] - 7 * uy, neck[1] + 7 * ux), (neck[0] + 7 * uy, neck[1] - 7 * ux)], fill=INK)


def vertices(places: dict[str, Point], radius: float = 24) -> Iterator[str]:
    for name, at in places.items():
        yield circle(at, radius, fill=PALE, colour=BLUE)
        yield label(at, name)


def triangle_median() -> Iterator[str]:
    a, b, c = (70.0, 350.0), (220.0, 60.0), (530.0, 350.0)
    m = between(a, c, 1 / 2)
    k = between(b, m, 1 / 2)
    far = between(b, c, 1 / 3)  # where the line AK meets BC
    yield path([k, far, c, m], fill=PALE, colour="none")
    yield path([a, b, c])
    yield line(b, m, BLUE)
    yield line(a, far, BLUE)
    for at in (a, b, c, m, k, far):
        yield dot(at)
    yield label((48, 368), "A")
    yield label((212, 32), "B")
    yield label((554, 368), "C")
    yield label((m[0], 382), "M")
    yield label((k[0] - 24, k[1] - 14), "K")
    yield label((far[0] + 20, far[1] - 18), "L")


def inscribed_angle() -> Iterator[str]:
    centre, radius = (300.0, 220.0), 170.0

    def on(degrees: float) -> Point:
        return (centre[0] + radius * cos(radians(degrees)), centre[1] - radius * sin(radians(degrees)))

    a, c, b, d = on(180), on(0), on(70), on(120)
    yield circle(centre, radius)
    yield line(a, c)
    yield path([a, b, c], closed=False)
    yield path([a, d, b], colour=BLUE, closed=False)
    for at in (a, b, c, d, centre):
        yield dot(at)
    yield path([(a[0] + 62 * cos(radians(t)), a[1] - 62 * sin(radians(t))) for t in range(36)], closed=False)
    yield label((a[0] + 88, a[1] - 27), "35°", 22)
    yield label((a[0] - 24, a[1]), "A")
    yield label((c[0] + 24, c[1]), "C")
    yield label((b[0] + 10, b[1] - 26), "B")
    yield label((d[0] - 12, d[1] - 24), "D")
    yield label((d[0] + 12, d[1] + 36), "?", 26, RED)
    yield label((centre[0], centre[1] + 30), "O")


def piecewise() -> Iterator[str]:
    unit, origin = 54.0, (300.0, 280.0)

    def at(x: float, y: float) -> Point:
        return (origin[0] + unit * x, origin[1] - unit * y)

    for x in range(-5, 6):
        yield line(at(x, -3), at(x, 5), GRID, 1)
    for y in range(-3, 6):
        yield line(at(-5, y), at(5, y), GRID, 1)
    yield from arrow(at(-5, 0), at(5.3, 0), 0)
    yield from arrow(at(0, -3), at(0, 5.1), 0)
    for x in (-4, -3, -2, -1, 1, 2, 3, 4):
        yield label((at(x, 0)[0] + (13 if x == 3 else 0), at(x, 0)[1] + 18), str(x).replace("-", "−"), 18)
    for y in (-2, -1, 1, 2, 3, 4):
        yield label((at(0, y)[0] - 18, at(0, y)[1]), str(y).replace("-", "−"), 18)
    yield label((at(5.3, 0)[0] - 6, at(0, 0)[1] - 18), "x", 22)
    yield label((at(0, 0)[0] - 18, at(0, 5)[1] + 2), "y", 22)
    corners = [at(-4, 0), at(-2, 4), at(1, -2), at(4, 1)]
    yield path(corners, colour=RED, closed=False)
    for corner in corners:
        yield dot(corner, 6, RED)


def grid_polygon() -> Iterator[str]:
    unit = 62.0

    def at(x: float, y: float) -> Point:
        return (52 + unit * x, 424 - unit * y)

    for x in range(9):
        yield line(at(x, 0), at(x, 6), GRID, 1.5)
    for y in range(7):
        yield line(at(0, y), at(8, y), GRID, 1.5)
    corners = [at(x, y) for x, y in ((1, 1), (7, 2), (5, 3), (6, 5), (3, 4), (1, 5))]
    yield path(corners, fill=PALE, colour=BLUE)
    for x in range(9):
        for y in range(7):
            yield dot(at(x, y), 3)
    for corner in corners:
        yield dot(corner, 6, BLUE)


def lattice_paths() -> Iterator[str]:
    unit = 88.0

    def at(x: float, y: float) -> Point:
        return (80 + unit * x, 400 - unit * y)

    for column in range(6):
        yield line(at(column, 0), at(column, 4), INK, 2)
    for row in range(5):
        yield line(at(0, row), at(5, row), INK, 2)
    yield dot(at(0, 0), 9, BLUE)
    yield dot(at(5, 4), 9, BLUE)
    yield label((50, 412), "S", 28, BLUE)
    yield label((550, 40), "T", 28, BLUE)
    x, y = at(2, 2)
    yield circle((x, y), 20, fill="#ffffff", colour=RED)
    yield line((x - 11, y - 11), (x + 11, y + 11), RED, 4)
    yield line((x - 11, y + 11), (x + 11, y - 11), RED, 4)


def house_graph() -> Iterator[str]:
    places: dict[str, Point] = {
        "A": (90, 200),
        "B": (300, 200),
        "C": (510, 200),
        "D": (510, 380),
        "E": (300, 380),
        "F": (90, 380),
        "G": (300, 50),
    }
    for a, b in ("AB", "BC", "CD", "DE", "EF", "FA", "BE", "AG", "GC"):
        yield line(places[a], places[b])
    yield from vertices(places)


def weighted_graph() -> Iterator[str]:
    places: dict[str, Point] = {
        "A": (50, 200),
        "B": (200, 60),
        "C": (400, 60),
        "D": (200, 340),
        "E": (400, 340),
        "F": (550, 200),
    }
    weights = {"AB": 4, "AD": 2, "BD": 1, "BC": 6, "BE": 3, "DE": 7, "CE": 2, "CF": 2, "EF": 5}
    for pair, weight in weights.items():
        a, b = places[pair[0]], places[pair[1]]
        yield line(a, b)
        middle = between(a, b, 1 / 2)
        yield circle(middle, 17, fill="#ffffff", width=0)
        yield label(middle, str(weight), 24, RED)
    yield from vertices(places)


def tree() -> Iterator[str]:
    places: dict[str, Point] = {
        "1": (60, 60),
        "2": (60, 240),
        "4": (180, 150),
        "6": (320, 150),
        "3": (320, 280),
        "5": (440, 150),
        "7": (550, 60),
    }
    for a, b in ("14", "24", "46", "36", "56", "57"):
        yield line(places[a], places[b])
    yield from vertices(places)


def order_graph() -> Iterator[str]:
    places: dict[str, Point] = {
        "A": (190, 60),
        "B": (410, 60),
        "C": (540, 200),
        "D": (410, 340),
        "E": (190, 340),
        "F": (60, 200),
    }
    for a, b in ("FA", "AE", "EB", "BD", "DC", "FE", "AB", "ED", "BC"):
        yield from arrow(places[a], places[b], 28)
    yield from vertices(places)


def net(cells: dict[Point, str], unit: float, corner: Point) -> Iterator[str]:
    """Unit squares by column and row, each with what is written on it."""
    for (x, y), text in cells.items():
        left, top = corner[0] + unit * x, corner[1] + unit * y
        yield path(
            [(left, top), (left + unit, top), (left + unit, top + unit), (left, top + unit)],
            fill=PALE,
            colour=BLUE,
        )
        if text:
            yield label((left + unit / 2, top + unit / 2), text, 40)


def cube_net() -> Iterator[str]:
    cells: dict[Point, str] = {(0, 0): "6", (1, 0): "1", (1, 1): "3", (2, 1): "5", (3, 1): "2", (2, 2): "4"}
    yield from net(cells, 110, (80, 30))


def blank_net(*cells: Point) -> Iterator[str]:
    width = 1 + max(x for x, _ in cells)
    height = 1 + max(y for _, y in cells)
    yield from net(dict.fromkeys(cells, ""), 100, (300 - 50 * width, 220 - 50 * height))


def clubs() -> Iterator[str]:
    for at, colour in (((235.0, 170.0), BLUE), ((365.0, 170.0), RED), ((300.0, 280.0), INK)):
        yield circle(at, 120, colour=colour, width=4)
    yield label((95, 30), "шахматы", 24, BLUE)
    yield label((95, 62), "17", 24, BLUE)
    yield label((492, 30), "робототехника", 24, RED)
    yield label((492, 62), "14", 24, RED)
    yield label((470, 380), "астрономия", 24)
    yield label((470, 412), "12", 24)


def svg(shapes: Iterable[str], height: int) -> str:
    body = "\n".join(f"  {shape}" for shape in shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 {height}" width="600" height="{height}">\n'
        f'  <rect width="600" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def main() -> None:
    pictures = {
        "triangle-median": svg(triangle_median(), 410),
        "inscribed-angle": svg(inscribed_angle(), 420),
        "piecewise": svg(piecewise(), 460),
        "grid-polygon": svg(grid_polygon(), 450),
        "lattice-paths": svg(lattice_paths(), 440),
        "house-graph": svg(house_graph(), 430),
        "weighted-graph": svg(weighted_graph(), 400),
        "tree": svg(tree(), 330),
        "order-graph": svg(order_graph(), 400),
        "cube-net": svg(cube_net(), 390),
        "net-1": svg(blank_net((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)), 440),
        "net-2": svg(blank_net((0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (4, 1)), 440),
        "net-3": svg(blank_net((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (2, 1)), 440),
        "net-4": svg(blank_net((0, 1), (1, 1), (2, 1), (3, 1), (1, 0), (3, 2)), 440),
        "clubs": svg(clubs(), 430),
    }
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    for name, text in pictures.items():
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
