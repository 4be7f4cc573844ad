"""TeX formulas written in Unicode, for where there is only text: `x_1^2 \\le \\frac{1}{2}` is `x₁² ≤ 1/2`.

Understood is what school formulas are made of. For the rest there is some text all the same, marked as one that does
not do the formula justice, so that a picture can be shown instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

LONGEST = 2_000  # characters of one formula that are looked at
DEEPEST = 12  # groups inside groups
LONGEST_SCRIPT = 6  # of what has no small letters in Unicode and is written as x^(…)
LONGEST_ROOT = 16
LONGEST_BRACKETED = 24  # above or below a fraction's line


@dataclass(frozen=True, slots=True)
class Plain:
    """A formula as text. `faithful`: it reads as the formula does; otherwise a picture is better."""

    text: str
    faithful: bool


@lru_cache(4096)
def plain(formula: str) -> Plain:
    """`formula`, given without its dollar signs, in Unicode. Takes anything, and never fails."""
    if len(formula) > LONGEST:
        return Plain(formula, faithful=False)
    writer = _Writer(_TOKEN.findall(formula))
    text = writer.write()
    return Plain(text or formula, writer.faithful and bool(text))


_TOKEN = re.compile(r"\\(?:[a-zA-Z]+\*?|.)|\s+|.", re.DOTALL)

_DOTS = "⋯"  # between factors or summands
# What a piece is decides the spaces around it.
_Kind: TypeAlias = Literal["operand", "fraction", "function", "sign", "relation", "open", "close", "comma", "space"]


@dataclass(slots=True)
class _Piece:
    text: str
    kind: _Kind = "operand"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_LETTERS = _pairs(r"""
    \alpha α \beta β \gamma γ \delta δ \epsilon ε \varepsilon ε \zeta ζ \eta η \theta θ \vartheta ϑ \iota ι \kappa κ
    \lambda λ \mu μ \nu ν \xi ξ \pi π \varpi ϖ \rho ρ \varrho ϱ \sigma σ \varsigma ς \tau τ \upsilon υ \phi φ
    \varphi φ \chi χ \psi ψ \omega ω \Gamma Γ \Delta Δ \Theta Θ \Lambda Λ \Xi Ξ \Pi Π \Sigma Σ \Upsilon Υ \Phi Φ
    \Psi Ψ \Omega Ω \infty ∞ \partial ∂ \nabla ∇ \emptyset ∅ \varnothing ∅ \angle ∠ \measuredangle ∡ \triangle △
    \square □ \forall ∀ \exists ∃ \neg ¬ \lnot ¬ \ell ℓ \hbar ℏ \Re ℜ \Im ℑ \aleph ℵ \degree ° \ldots … \dots …
    \cdots ⋯ \dotsc … \dotsb ⋯ \ddots ⋱ \prime ′ \circ ∘ \bullet • \star ⋆ \% % \# # \& & \$ $ \_ _ \imath ı
    \jmath ȷ \checkmark ✓ \top ⊤ \bot ⊥ \therefore ∴ \because ∵ \copyright © \S § \P ¶ \dagger † \celsius °C
""")
_SIGNS = _pairs(r"""
    \cdot · \times × \div ÷ \pm ± \mp ∓ \ast ∗ \cup ∪ \cap ∩ \setminus ∖ \backslash ∖ \wedge ∧ \land ∧ \vee ∨ \lor ∨
    \oplus ⊕ \ominus ⊖ \otimes ⊗ \odot ⊙ \bmod mod
""")
_RELATIONS = _pairs(r"""
    \le ≤ \leq ≤ \leqslant ⩽ \ge ≥ \geq ≥ \geqslant ⩾ \ne ≠ \neq ≠ \equiv ≡ \approx ≈ \sim ∼ \simeq ≃ \cong ≅
    \propto ∝ \ll ≪ \gg ≫ \in ∈ \notin ∉ \ni ∋ \subset ⊂ \subseteq ⊆ \supset ⊃ \supseteq ⊇ \to → \rightarrow →
    \longrightarrow → \leftarrow ← \gets ← \leftrightarrow ↔ \Rightarrow ⇒ \implies ⇒ \Leftarrow ⇐
    \Leftrightarrow ⇔ \iff ⇔ \mapsto ↦ \uparrow ↑ \downarrow ↓ \rightleftharpoons ⇌ \leftrightarrows ⇆ \parallel ∥
    \perp ⊥ \mid ∣ \nmid ∤ \vdots ⋮ \colon : \lt < \gt >
""")
_OPENING = _pairs(r"\{ { \langle ⟨ \lfloor ⌊ \lceil ⌈ \lbrace { \lbrack [")
_CLOSING = _pairs(r"\} } \rangle ⟩ \rfloor ⌋ \rceil ⌉ \rbrace } \rbrack ]")
_BARS = _pairs(r"\| ‖ \vert | \lvert | \rvert | \Vert ‖ \lVert ‖ \rVert ‖")
_FUNCTIONS = _names(r"""
    \sin \cos \tan \tg \cot \ctg \sec \csc \arcsin \arccos \arctan \arctg \arcctg \sinh \cosh \tanh \sh \ch \log \lg
    \ln \exp \max \min \gcd \deg \det \dim \arg \ker \sup \inf \lim
    """)
_LARGE = _pairs(r"\sum ∑ \prod ∏ \int ∫ \iint ∬ \oint ∮ \bigcup ⋃ \bigcap ⋂ \bigvee ⋁ \bigwedge ⋀")
_SPACES = _pairs(r"\, 1 \: 1 \; 1 \> 1 \quad 2 \qquad 4 \! 0 ~ 1") | {"\\ ": "1", "\\\n": "1"}
_UPRIGHT = _names(
    r"\mathrm \mathit \mathbf \boldsymbol \bm \mathsf \mathtt \mathcal \mathscr \mathfrak \operatorname \rm \bf \it"
)
_TEXT = _names(r"\text \textrm \textit \textbf \texttt \mbox \textnormal \hbox")
_IGNORED = _names(r"""
    \left \right \middle \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl \biggr \Biggl \Biggr \displaystyle
    \textstyle \scriptstyle \limits \nolimits \nonumber \relax
    """)
# A mark above one letter.
_ACCENTS = _pairs(
    "\\vec \u20d7 \\overrightarrow \u20d7 \\hat \u0302 \\widehat \u0302 \\bar \u0304 \\overline \u0305 "
    "\\tilde \u0303 \\widetilde \u0303 \\dot \u0307 \\ddot \u0308 \\underline \u0332 \\acute \u0301"
)
_LINE_ABOVE = "\u0305"
_DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))

_SUPERSCRIPTS = str.maketrans(
    "0123456789+−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθφχ∘°′∗*н",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿᵠᵡ°°′**ᵸ",
)
_SUBSCRIPTS = str.maketrans("0123456789+−=(),aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎,ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ")

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?%?|\d+!")
# A factor that stays together below a fraction's line without brackets: one scripted letter, a few plain ones, a root.
_ONE_FACTOR = re.compile(r"√?(?:[^\W\d_]{1,3}|[^\W\d_])[⁰-₎ⁱ²³¹ᵃ-ᶿₐ-ₜ′]*(?:_\w+)?|√\d+|[^\W\d_]?\([^()]*\)")
_HAS_SIGN = re.compile(r"[-+−±∓=<>≤≥≠≈≡→/:;,]")


class _Writer:
    """Reads tokens from left to right, once."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self.faithful = True

    def write(self) -> str:
        parts = []
        while self._at < len(self._tokens):
            parts.append(self._sequence())
            if self._at < len(self._tokens):  # a bracket that nothing has opened
                self.faithful = False
                self._at += 1
        return " ".join("".join(parts).split(" ")).strip()

    def _sequence(self, end: str = "}", *, tight: bool = False) -> str:
        """What stands up to `end` or the end of all, which is left to be read."""
        pieces: list[_Piece] = []
        while (lexeme := self._peek()) is not None and lexeme not in ("}", end):
            self._at += 1
            if lexeme in ("^", "_"):
                self._script(lexeme, pieces)
            elif lexeme == "'":
                self._attach("′", pieces)
            elif (piece := self._piece(lexeme)) is not None:
                pieces.append(piece)
        return _joined(pieces, tight=tight)

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _piece(self, lexeme: str) -> _Piece | None:
        if lexeme.isspace() or lexeme in _IGNORED:
            if lexeme in (r"\left", r"\right", r"\middle") and self._peek() == ".":
                self._at += 1
            return None
        if lexeme == "{":
            self._at -= 1
            inner = self._argument()
            return _Piece(inner, "fraction" if "/" in inner else "operand") if inner else None
        for kind, signs in _BY_KIND:
            if lexeme in signs:
                return _Piece(signs[lexeme], kind)
        if lexeme in _SPACES:
            return _Piece("\u00a0" * int(_SPACES[lexeme]), "space") if lexeme != r"\!" else None
        if lexeme.startswith("\\"):
            return self._command(lexeme)
        return _Piece(lexeme)

    def _command(self, lexeme: str) -> _Piece:
        if lexeme in (r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"):
            return self._fraction()
        if lexeme == r"\sqrt":
            return self._root()
        if lexeme in _FUNCTIONS:
            if lexeme in (r"\lim", r"\max", r"\min", r"\sup", r"\inf") and self._peek_visible() == "_":
                self.faithful = False
            return _Piece(lexeme[1:], "function")
        if lexeme in _LARGE:
            self.faithful = self.faithful and self._peek_visible() not in ("_", "^", r"\limits")
            return _Piece(_LARGE[lexeme], "function")
        if lexeme in _TEXT:
            return _Piece(self._literal())
        if lexeme in _UPRIGHT:
            return _Piece(self._argument(tight=lexeme == r"\operatorname"))
        if lexeme == r"\mathbb":
            return _Piece("".join(_double_struck(letter) for letter in self._argument()))
        if lexeme in _ACCENTS:
            return self._accent(_ACCENTS[lexeme])
        if lexeme == r"\pmod":
            return _Piece(f"\u00a0(mod\u00a0{self._argument()})")
        if lexeme == r"\ce":
            return _Piece(_chemistry(self._literal()))
        self.faithful = False
        if lexeme in (r"\binom", r"\dbinom", r"\tbinom"):
            return _Piece(f"C({self._argument()}, {self._argument()})")
        if lexeme in (r"\begin", r"\end"):
            self._literal()
            return _Piece("(", "open") if lexeme == r"\begin" else _Piece(")", "close")
        if lexeme == r"\\":
            return _Piece(";", "comma")
        return _Piece(lexeme)

    def _peek_visible(self) -> str | None:
        while (lexeme := self._peek()) is not None and lexeme.isspace():
            self._at += 1
        return lexeme

    def _argument(self, *, tight: bool = False) -> str:
        """A group, or the one lexeme that stands for it."""
        lexeme = self._peek_visible()
        if lexeme is None or lexeme == "}":
            self.faithful = False
            return ""
        self._at += 1
        if self._depth >= DEEPEST:
            self.faithful = False
            return lexeme
        self._depth += 1
        if lexeme == "{":
            inner = self._sequence(tight=tight)
            if self._peek() is None:
                self.faithful = False
            self._at += 1
        else:
            piece = self._piece(lexeme)
            inner = piece.text if piece is not None else ""
        self._depth -= 1
        return inner

    def _literal(self) -> str:
        """A group as it is written, without its brackets."""
        if self._peek_visible() != "{":
            return self._argument()
        level = 0
        parts: list[str] = []
        while (lexeme := self._peek()) is not None:
            self._at += 1
            level += (lexeme == "{") - (lexeme == "}")
            if level == 0:
                return "".join(parts)
            if lexeme not in ("{", "}"):
                parts.append(
                    lexeme[1:] if len(lexeme) == 2 and not lexeme[1].isalpha() and lexeme[0] == "\\" else lexeme
                )
        self.faithful = False
        return "".join(parts)

    def _script(self, sign: str, pieces: list[_Piece]) -> None:
        inner = self._argument(tight=True)
        table = _SUPERSCRIPTS if sign == "^" else _SUBSCRIPTS
        if inner and all(ord(letter) in table for letter in inner):
            self._attach(inner.translate(table), pieces)
        elif inner:
            flat = not re.search(r"[/√^_(⁰-₎²³¹]", inner)
            self.faithful = self.faithful and flat and len(inner) <= LONGEST_SCRIPT
            said = inner if inner.isalnum() else f"({inner})"
            self._attach(sign + said, pieces)

    def _attach(self, text: str, pieces: list[_Piece]) -> None:
        if pieces and pieces[-1].kind in ("operand", "function", "close"):
            pieces[-1].text += text
        elif pieces and pieces[-1].kind == "fraction":
            pieces[-1] = _Piece(f"({pieces[-1].text}){text}")
        else:
            pieces.append(_Piece(text))

    def _fraction(self) -> _Piece:
        above, below = self._argument(), self._argument()
        # A fraction in a fraction, and long expressions, are a puzzle on one line.
        if "/" in above + below or max(len(above), len(below)) > LONGEST_BRACKETED or not (above and below):
            self.faithful = False
        if _HAS_SIGN.search(above) and not _NUMBER.fullmatch(above):
            above = f"({above})"
        if not (_NUMBER.fullmatch(below) or _ONE_FACTOR.fullmatch(below)):
            below = f"({below})"
        return _Piece(f"{above}/{below}", "fraction")

    def _root(self) -> _Piece:
        degree = ""
        if self._peek_visible() == "[" and self._depth < DEEPEST:
            self._at += 1
            self._depth += 1
            degree = self._sequence("]", tight=True)
            self._depth -= 1
            if self._peek() == "]":
                self._at += 1
            else:
                self.faithful = False
        inner = self._argument()
        if "/" in inner or "√" in inner or len(inner) > LONGEST_ROOT or not inner:
            self.faithful = False
        if not (_NUMBER.fullmatch(inner) or _ONE_FACTOR.fullmatch(inner)) or "√" in inner:
            inner = f"({inner})"
        if not all(ord(letter) in _SUPERSCRIPTS for letter in degree):
            self.faithful = False
            return _Piece(f"root({degree}, {inner})")
        return _Piece(degree.translate(_SUPERSCRIPTS) + "√" + inner)

    def _accent(self, mark: str) -> _Piece:
        inner = self._argument()
        if len(inner) > 1 and not (mark == _LINE_ABOVE and inner.isalnum()):
            self.faithful = False
        return _Piece("".join(letter + mark if letter.isalnum() else letter for letter in inner))


_PLAIN_SIGNS = {"+": "+", "-": "−", "−": "−", "*": "∗", "·": "·", "×": "×", "±": "±"}
_PLAIN_RELATIONS = {sign: sign for sign in "=<>:≤≥≠≈≡→⇒⇔∈"} | {"&": " "}
_BY_KIND: tuple[tuple[_Kind, dict[str, str]], ...] = (
    ("operand", _LETTERS),
    ("sign", _SIGNS | _PLAIN_SIGNS),
    ("relation", _RELATIONS | _PLAIN_RELATIONS),
    ("open", _OPENING | {"(": "(", "[": "["}),
    ("close", _CLOSING | {")": ")", "]": "]", "!": "!"}),
    ("operand", _BARS),
    ("comma", {",": ",", ";": ";"}),
)


def _joined(pieces: list[_Piece], *, tight: bool) -> str:
    """The pieces with the spaces that TeX would give them; `tight`: none, as in a script."""
    parts: list[str] = []
    before: _Piece | None = None
    for at, piece in enumerate(pieces):
        after = pieces[at + 1] if at + 1 < len(pieces) else None
        text = piece.text
        if tight:
            parts.append(text.strip("\u00a0"))
            continue
        if piece.kind == "relation":
            text = f" {text.strip()} " if text.strip() else "\u00a0"
        elif piece.kind == "sign" and before is not None and before.kind not in ("open", "sign", "relation", "comma"):
            text = f" {text} "
        elif piece.text == _DOTS:
            text = " … " if _is_factor(before) or (before is not None and before.kind == "close") else "…"
        elif piece.kind == "comma" and after is not None and after.kind != "space":
            text += " "
        elif piece.kind == "fraction":
            # A factor beside it would seem to belong below the line, a number before it to what is above.
            if _is_factor(after) or (before is not None and before.kind == "fraction"):
                text = f"({text})"
            elif before is not None and before.kind == "operand" and before.text[-1:].isalnum():
                text = f"\u00a0{text}" if before.text[-1].isdigit() else f"({text})"
        elif _needs_gap(before, piece):
            text = f"\u00a0{text}"
        parts.append(text)
        before = piece
    return re.sub(r"[ ]{2,}", " ", "".join(parts)).strip(" \u00a0")


def _is_factor(piece: _Piece | None) -> bool:
    """Whether it multiplies what is beside it, by standing there."""
    return piece is not None and piece.text != _DOTS and piece.kind in ("operand", "function", "open", "fraction")


def _needs_gap(before: _Piece | None, piece: _Piece) -> bool:
    if before is None:
        return False
    if before.kind == "function":
        return piece.kind in ("operand", "function", "fraction")
    return piece.kind == "function" and before.kind in ("operand", "close", "fraction")


def _double_struck(letter: str) -> str:
    if letter in _DOUBLE_STRUCK:
        return _DOUBLE_STRUCK[letter]
    return chr(0x1D538 + ord(letter) - ord("A")) if "A" <= letter <= "Z" else letter


def _chemistry(text: str) -> str:
    r"""The usual of mhchem's \ce: `2H2 + O2 -> 2H2O`, `SO4^2-`."""
    text = text.replace("<=>", "⇌").replace("<->", "↔").replace("->", "→").replace("-->", "→")
    text = re.sub(r"\^\{?(\d*[-+])\}?", lambda found: found[1].replace("-", "−").translate(_SUPERSCRIPTS), text)
    return re.sub(r"(?<=[A-Za-z)\]])_?\{?(\d+)\}?", lambda found: found[1].translate(_SUBSCRIPTS), text)
