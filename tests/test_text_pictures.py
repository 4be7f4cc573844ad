"""Pictures of texts with formulas: whatever the text is, there is one, in bounds and in time."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

from actors import mathtext
from actors.drawing import Drawing
from actors.text_picture import HIGHEST, NARROWEST, WIDTH, draw_text
from protocols import markdown
from protocols.messages import DrawText

BANKS = Path(__file__).parents[1] / "banks"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
SNIPPETS = (
    *(
        "\\frac",
        "\\sqrt",
        "\\sqrt[",
        "\\binom{",
        "\\begin{cases}",
        "\\end{cases}",
        "\\left(",
        "\\right)",
        "\\pmod",
        "\\\\",
    ),
    *("{", "}", "[", "]", "^", "_", "&", "x", "1", " ", "ё", "😀", "\\foo", "\\text{", "%", "\\", "=", "'", "#"),
)
HOSTILE = [
    "$" + r"\frac{" * 60 + "x" + "}{y}" * 60 + "$",
    "$" + "{" * 500 + "$",
    "$" + r"\sqrt[" * 150 + "$",
    "$" + r"\begin{cases}" * 40 + "$",
    "$" + "x+" * 299 + "x$",
    r"$\hspace{1e9}x$ $\kern 1e9 x$ $\genfrac{(}{)}{1e9}{0}{a}{b}$",
    "$x^2$ " * 3000,
    "ж" * 20_000,
    "\n\n".join("x" * 20_000),
    "```\n" + "\n" * 19_000,
    "\x00\ud7ff\u202e\ufffe $\x00$",
]


@pytest.fixture
async def drawing() -> AsyncIterator[Drawing]:
    drawing = Drawing()
    yield drawing
    await drawing.close()


def size_of(picture: bytes) -> tuple[int, int]:
    assert picture[:8] == SIGNATURE
    width, height = struct.unpack(">II", picture[16:24])
    assert NARROWEST <= width <= WIDTH
    assert height <= HIGHEST
    return width, height


def readable(formula: str) -> bool:
    try:
        MathTextParser("agg").parse(f"${mathtext.rewritten(formula)}$", 100, FontProperties(size=10))
    except (mathtext.NotDrawable, ValueError):
        return False
    return True


def test_a_longer_text_makes_a_higher_picture() -> None:
    narrow, low = size_of(draw_text("$x$"))
    wide, high = size_of(draw_text("Слово за словом и формула $x^2$ в строке. " * 5))
    assert narrow == NARROWEST
    assert narrow < wide
    assert low < high


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac12 + \tfrac{1}{2}",
        r"\sqrt2",
        r"a \equiv b \pmod{7}",
        r"\tg x \implies \ctg x",
        r"\begin{cases} x + y = 5 \\ 2x - y = 1 \end{cases}",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        r"\begin{array}{cc}1&2\\3&\end{array}",
        r"\binom nk \dbinom{n}{k}",
        r"\left\lvert x \right\rvert \bigl( y \bigr)",
        r"\displaystyle \sum\limits_{i=1}^n i",
        r"24\ \mathrm{мм}, \text{если } x > 0",
    ],
)
def test_formulas_are_written_so_that_they_can_be_drawn(formula: str) -> None:
    assert readable(formula)


def test_every_formula_of_the_demo_banks_can_be_drawn() -> None:
    seen = set()
    for file in sorted(BANKS.glob("*/questions.yaml")):
        for question in yaml.safe_load(file.read_text("utf-8"))["questions"]:
            choices = [str(choice.get("text", "")) for choice in question.get("options", ())]
            for text in (question["text"], question.get("explanation", ""), *choices):
                seen |= {piece.text for piece in markdown.parse(text) if piece.kind in ("formula", "display")}
    assert len(seen) > 300
    assert [formula for formula in seen if not readable(formula)] == []


@pytest.mark.parametrize("formula", [r"\foo{x}", r"\frac{1", "}", r"\begin{x}\end{x}", "{" * 100, "x" * 5000])
def test_a_formula_that_cannot_be_drawn_is_written(formula: str) -> None:
    assert not readable(formula)
    size_of(draw_text(f"It is ${formula}$ here"))


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from(SNIPPETS), max_size=30).map(lambda some: f"${''.join(some)}$")
    )
)
def test_any_text_has_a_picture(text: str) -> None:
    size_of(draw_text(text))


async def test_hostile_texts_are_drawn_too_and_others_still_get_their_pictures(drawing: Drawing) -> None:
    for text in HOSTILE:
        size_of((await drawing.text(DrawText(text=text[:20_000]))).content)
    file = await drawing.text(DrawText(text="$x^2$"))
    assert file.media_type == "image/png"
    assert file.content == draw_text("$x^2$")


async def test_the_same_text_is_drawn_once(drawing: Drawing) -> None:
    message = DrawText(text=r"One $\frac{1}{2}$")
    files = await asyncio.gather(*(drawing.text(message) for _ in range(20)))
    assert all(file is files[0] for file in files)


async def test_a_drawing_process_that_died_is_replaced(drawing: Drawing) -> None:
    await drawing.text(DrawText(text="before"))
    process = drawing._process
    assert process is not None
    process.kill()
    await process.wait()
    size_of((await drawing.text(DrawText(text="after"))).content)


def test_a_formula_that_takes_too_long_is_written_and_those_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def endless(formula: str) -> str:
        asked.append(formula)
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(mathtext, "rewritten", endless)
    monkeypatch.setattr("actors.text_picture.FORMULA_SECONDS", 0.05)
    size_of(draw_text("$a$ $b$ $c$"))
    assert asked == ["a"]
