"""The columns of a question bank in a spreadsheet: their names in both languages, and what they mean.

One row is one question. What a kind of question has several of, stands in numbered columns: `option 1`, `option 2`
and, where they are needed, `option 1 id`, `option 1 weight`, `option 1 feedback`, `option 1 image`; `left 1` and
`right 1` are what is to be matched. A subject's own fields stand in `extra.NAME`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from protocols.messages import Kind

MOST_CHOICES = 26
EXAMPLE = "example-"  # ids of the rows that a template shows how it is done with


@dataclass(frozen=True)
class Column:
    name: str
    russian: str
    ru: str
    en: str
    width: int = 14

    @property
    def heading(self) -> str:
        return f"{self.name} / {self.russian}"


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            "id",
            "код",
            "Свой код вопроса, единственный в предмете. При повторной загрузке вопрос с этим кодом обновляется.",
            "Your own id of the question, unique in the subject. Imported again, the question with this id is updated.",
        ),
        Column(
            "kind",
            "вид",
            "single — один ответ, multiple — несколько, text — слово, number — число, order — порядок, match — пары.",
            "single: one answer; multiple: several; text: a word; number; order: put in order; match: pairs.",
            10,
        ),
        Column(
            "topic",
            "тема",
            "Код темы или её название; все темы — на листе subject.",
            "A topic, see the sheet `subject`.",
        ),
        Column("difficulty", "сложность", "От 1 (легко) до 5 (трудно).", "From 1 (easy) to 5 (hard).", 11),
        Column(
            "text",
            "вопрос",
            "Что спрашивается. Формулы — в знаках доллара: $x^2$. Выделение: *курсив*, **жирный**.",
            "What is asked. Formulas between dollar signs: $x^2$. Emphasis: *italic*, **bold**.",
            50,
        ),
        Column(
            "image",
            "рисунок",
            "Имя файла рисунка, который лежит рядом в том же ZIP.",
            "File name of a picture that lies beside this file in the same ZIP.",
        ),
        Column(
            "key",
            "ответ",
            "single: буква варианта (b), его номер или текст; multiple: буквы (a, c); text: принимаемые ответы, каждый "
            "с новой строки; number: 3,14 или 3,14 ± 0,01 или 3..4; order: пусто, если варианты уже в верном порядке, "
            "иначе b, a, c; "
            "match: пусто, если пары стоят под одним номером, иначе l1=r2, l2=r1.",
            "single: letter of the option (b), its number or text; multiple: letters (a, c); text: accepted answers, "
            "one a line; number: 3.14 or 3.14 ± 0.01 or 3..4; order: empty if the options stand in the right order, "
            "else b, a, c; "
            "match: empty if pairs have the same number, else l1=r2, l2=r1.",
            20,
        ),
        Column("explanation", "пояснение", "Показывается после ответа.", "Shown after the answer.", 40),
        Column("source", "источник", "Откуда вопрос.", "Where the question comes from."),
        Column("tags", "метки", "Слова через запятую.", "Words, separated by commas."),
        Column("errors", "ошибки", "Не читается: здесь пишет проверка.", "Not read: the check writes here.", 40),
    )
}
CHOICES: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            "option",
            "вариант",
            "Вариант ответа; первый — a, второй — b и так далее. Столбцов вариантов может быть до 26.",
            "An option; the first is a, the second b, and so on. There may be up to 26 such columns.",
            22,
        ),
        Column(
            "left",
            "слева",
            "Только для match: к чему подбирается пара.",
            "Only for match: what is to be matched.",
            18,
        ),
        Column(
            "right",
            "справа",
            "Только для match: что подбирается. Лишние варианты — под номерами без пары слева.",
            "Only for match: what it is matched with. What is left over has a number without a left one.",
            18,
        ),
    )
}
# What people write for the kinds besides their names: as the pages and the column's own help call them.
KINDS: dict[str, Kind] = {
    "один ответ": "single",
    "один": "single",
    "несколько ответов": "multiple",
    "несколько": "multiple",
    "слово": "text",
    "число": "number",
    "порядок": "order",
    "по порядку": "order",
    "пары": "match",
    "найти пары": "match",
}
PARTS: dict[str, str] = {"id": "код", "weight": "вес", "feedback": "отзыв", "image": "рисунок"}

_NUMBERED = re.compile(r"(\w+) ?([0-9]{1,2})(?: (\w+))?")
_RUSSIAN = {column.russian: name for name, column in (COLUMNS | CHOICES).items()}
_RUSSIAN_PARTS = {russian: name for name, russian in PARTS.items()}
_EXTRA = re.compile(r"extra\.(\S{1,64})")


def name_of(heading: str) -> str | None:
    """The column that a heading names, in English, Russian or as both of them; None if it is none."""
    for said in heading.split("/"):
        name = " ".join(said.split()).lower()
        if name in COLUMNS:
            return name
        if name in _RUSSIAN and _RUSSIAN[name] in COLUMNS:
            return _RUSSIAN[name]
        if _EXTRA.fullmatch(name):
            return name
        numbered = _numbered(name)
        if numbered is not None:
            return numbered
    return None


def _numbered(name: str) -> str | None:
    found = _NUMBERED.fullmatch(name)
    if found is None or not 1 <= int(found[2]) <= MOST_CHOICES:
        return None
    side = _RUSSIAN.get(found[1], found[1])
    if side not in CHOICES:
        return None
    if found[3] is None:
        return f"{side} {int(found[2])}"
    part = _RUSSIAN_PARTS.get(found[3], found[3])
    if part not in PARTS or (part in ("weight", "feedback") and side != "option"):
        return None
    return f"{side} {int(found[2])} {part}"


def heading_of(name: str, title: str = "") -> str:
    """The heading of a column, in both languages; `title` is that of an own field."""
    if name in COLUMNS:
        return COLUMNS[name].heading
    if name.startswith("extra."):
        return f"{name} / {title.replace('/', ' ')}" if title else name
    side, place, *part = name.split()
    russian = " ".join([CHOICES[side].russian, place, *(PARTS[one] for one in part)])
    return f"{name} / {russian}"


def nearest(heading: str) -> str:
    """What somebody may have meant by a heading that is unknown."""
    names = [*COLUMNS, *_RUSSIAN, *(f"{side} 1" for side in CHOICES)]
    said = " ".join(heading.split("/")[0].split()).lower()
    near = difflib.get_close_matches(said, names, n=1, cutoff=0.7)
    return f"did you mean `{near[0]}`?" if near else "own fields of the subject are headed `extra.NAME`"
