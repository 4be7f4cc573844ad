"""TeX as matplotlib's mathtext can read it: what it knows under another name, or only with brackets, is written so.

Environments become stacks: a matrix its columns side by side, cases a brace before its rows.
"""

from __future__ import annotations

import re

LONGEST = 600
DEEPEST = 8

_TOKEN = re.compile(r"\\(?:[a-zA-Z]+\*?|.)|\s+|.", re.DOTALL)
_RENAMED = {
    r"\le": r"\leq ", r"\ge": r"\geq ", r"\&": "&", "\\\n": r"\ ",
    r"\lt": "<", r"\gt": ">", r"\implies": r"\Rightarrow ", r"\iff": r"\Leftrightarrow ",
    r"\gets": r"\leftarrow ", r"\land": r"\wedge ", r"\lor": r"\vee ", r"\lnot": r"\neg ", r"\lvert": "|",
    r"\rvert": "|", r"\lVert": r"\|", r"\rVert": r"\|", r"\bmod": r"\;\mathrm{mod}\;", r"\displaystyle": "",
    r"\textstyle": "", r"\limits": "", r"\nolimits": "", r"\middle": "", r"\square": r"\mathrm{□}",
    r"\celsius": r"^\circ\mathrm{C}",
    r"\textbf": r"\mathbf", r"\textit": r"\mathit", r"\textrm": r"\mathrm", r"\mbox": r"\text", r"\bm": r"\mathbf",
    r"\boldsymbol": r"\mathbf", r"\dotsc": r"\ldots ", r"\dotsb": r"\cdots ",
} | {
    rf"\{size}{side}": "" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")
} | {
    rf"\{name}": rf"\operatorname{{{name}}}" for name in ("tg", "ctg", "arctg", "arcctg", "sh", "ch", "th")
}  # fmt: skip
_ARGUMENTS = {
    r"\frac": 2, r"\dfrac": 2, r"\tfrac": 2, r"\cfrac": 2, r"\binom": 2, r"\dbinom": 2, r"\tbinom": 2, r"\sqrt": 1,
    r"\overline": 1, r"\mathbb": 1, r"\mathrm": 1, r"\mathbf": 1, r"\mathit": 1, r"\mathcal": 1, r"\operatorname": 1,
}  # fmt: skip
_NAMES = {r"\tfrac": r"\frac", r"\cfrac": r"\dfrac", r"\dbinom": r"\binom", r"\tbinom": r"\binom"}
_BRACKETS = {
    "matrix": (".", "."), "array": (".", "."), "aligned": (".", "."), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"),
    "Bmatrix": (r"\{", r"\}"), "vmatrix": ("|", "|"), "Vmatrix": (r"\|", r"\|"), "cases": (r"\{", "."),
}  # fmt: skip
_RELATION = re.compile(r"[=<>≤≥≠≈→]|\\(?:le|ge|ne|leq|geq|neq|approx|equiv|to|rightarrow|Rightarrow|Leftrightarrow)\b")


class NotDrawable(Exception):
    """A formula that is too long or too deep, or that is not whole."""


def rewritten(formula: str) -> str:
    """`formula` for mathtext, without dollar signs. Raises NotDrawable; what mathtext does not know stays as it is."""
    if len(formula) > LONGEST:
        raise NotDrawable("too long")
    writer = _Rewriter(_TOKEN.findall(formula))
    text = writer.sequence(0)
    if writer.tokens:
        raise NotDrawable("a bracket that nothing has opened")
    return text


def parts(formula: str) -> list[str]:
    """A long formula in pieces that may stand on lines of their own: each relation outside of brackets begins one."""
    found = [""]
    depth = 0
    for lexeme in _TOKEN.findall(formula):
        depth += (lexeme in ("{", r"\left", "(", "[")) - (lexeme in ("}", r"\right", ")", "]"))
        if depth == 0 and _RELATION.fullmatch(lexeme):
            found.append("")
        found[-1] += lexeme
    return [part for part in found if part.strip()]


class _Rewriter:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]

    def sequence(self, depth: int) -> str:
        """Up to a closing bracket, which is left, or to the end."""
        if depth > DEEPEST:
            raise NotDrawable("too deep")
        written: list[str] = []
        while self.tokens and self.tokens[-1] not in ("}", r"\end"):
            written.append(self._one(self.tokens.pop(), depth))
        return "".join(written)

    def _one(self, lexeme: str, depth: int) -> str:
        if lexeme == "{":
            return "{" + self._closed(depth) + "}"
        if lexeme in _ARGUMENTS:
            name = _NAMES.get(lexeme, lexeme)
            if name == r"\frac" and lexeme == name and depth == 0:
                name = r"\dfrac"  # as large as what is beside it
            degree = self._degree() if name == r"\sqrt" else ""
            return name + degree + "".join("{" + self._argument(depth) + "}" for _ in range(_ARGUMENTS[lexeme]))
        if lexeme == r"\pmod":
            return r"\;(\mathrm{mod}\;" + self._argument(depth) + ")"
        if lexeme == r"\begin":
            return self._environment(depth)
        if lexeme == r"\left" and self.tokens and self.tokens[-1] in (r"\lvert", r"\rvert"):
            self.tokens[-1] = "|"
        return _RENAMED.get(lexeme, lexeme)

    def _closed(self, depth: int) -> str:
        inner = self.sequence(depth + 1)
        if not self.tokens or self.tokens.pop() != "}":
            raise NotDrawable("a bracket is not closed")
        return inner

    def _argument(self, depth: int) -> str:
        while self.tokens and self.tokens[-1].isspace():
            self.tokens.pop()
        if not self.tokens or self.tokens[-1] in ("}", r"\end"):
            raise NotDrawable("an argument is missing")
        lexeme = self.tokens.pop()
        return self._closed(depth) if lexeme == "{" else self._one(lexeme, depth + 1)

    def _degree(self) -> str:
        if not self.tokens or self.tokens[-1] != "[":
            return ""
        taken: list[str] = []
        while self.tokens and (not taken or taken[-1] != "]"):
            taken.append(self.tokens.pop())
        return "".join(taken)

    def _environment(self, depth: int) -> str:
        name = self._word()
        if name == "array":
            self._word()  # how columns are aligned
        if name.rstrip("*") not in _BRACKETS:
            raise NotDrawable(f"no environment {name}")
        rows: list[list[str]] = [[]]
        cell: list[str] = []
        while True:
            if not self.tokens:
                raise NotDrawable("an environment is not closed")
            lexeme = self.tokens.pop()
            if lexeme in ("&", r"\\", r"\end"):
                rows[-1].append("".join(cell))
                cell = []
                if lexeme == r"\end":
                    break
                if lexeme == r"\\":
                    rows.append([])
            else:
                if depth >= DEEPEST:
                    raise NotDrawable("too deep")
                cell.append(self._one(lexeme, depth + 1))
        if self._word() != name:
            raise NotDrawable("environments cross")
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        width = max(map(len, rows), default=0)
        columns = (
            r"\substack{" + r" \\ ".join(row[at] if at < len(row) and row[at].strip() else r"\;" for row in rows) + "}"
            for at in range(width)
        )
        begin, end = _BRACKETS[name.rstrip("*")]
        return rf"\left{begin}" + r"\;\;".join(columns) + rf"\right{end}"

    def _word(self) -> str:
        if not self.tokens or self.tokens.pop() != "{":
            raise NotDrawable("a name is missing")
        taken: list[str] = []
        while self.tokens and (lexeme := self.tokens.pop()) != "}":
            taken.append(lexeme)
        return "".join(taken)
