"""A question bank of any size, for measuring: plausible in length and in the mix of kinds, right in its keys."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import TypeAdapter

from protocols.messages import KINDS, AnyQuestion, Question, Response, Subject, Topic

TOPICS = ("cells", "plants", "animals", "people", "places")
QUESTION: TypeAdapter[AnyQuestion] = TypeAdapter(Question)

_TEXT = (
    "Исследователь наблюдал за образцом номер {n} в течение двух недель и записывал показания прибора каждые "
    "шесть часов. Какой вывод следует из его записей, если условия опыта не менялись?"
)
_WHY = (
    "Показания росли, пока в среде хватало вещества, и остановились, когда его не стало; остальные объяснения "
    "противоречат записям первых дней. Подробный разбор: образец {n}, таблица наблюдений."
)
_OPTIONS = [
    {"id": "a", "text": "Процесс прекратился, потому что вещество израсходовано"},
    {"id": "b", "text": "Процесс замедлился из-за падения температуры в опыте"},
    {"id": "c", "text": "Прибор был неисправен с самого начала наблюдений"},
    {"id": "d", "text": "Скорость процесса не зависит от количества вещества"},
]
_KEYS: dict[str, dict[str, object]] = {
    "single": {"options": _OPTIONS, "key": "a"},
    "multiple": {"options": _OPTIONS, "key": ["a", "c"]},
    "text": {"key": {"accept": ["митохондрия"]}},
    "number": {"key": {"value": 0.5, "tolerance": 0.01}},
    "order": {"options": _OPTIONS, "key": ["b", "a", "d", "c"]},
    "match": {"left": _OPTIONS[:3], "right": _OPTIONS, "key": {"a": "b", "b": "a", "c": "d"}},
}
RIGHT: dict[str, Response] = {
    "single": "a",
    "multiple": ["a", "c"],
    "text": "Митохондрия",
    "number": "0,5",
    "order": ["b", "a", "d", "c"],
    "match": {"a": "b", "b": "a", "c": "d"},
}
WRONG: dict[str, Response] = {
    "single": "b",
    "multiple": ["b"],
    "text": "хлоропласт",
    "number": 7,
    "order": ["c", "d", "a", "b"],
    "match": {"a": "a"},
}


def subject(slug: str) -> Subject:
    """A subject with a few topics."""
    return Subject(slug=slug, title={"ru": slug}, topics=tuple(Topic(slug=t, title={"ru": t}) for t in TOPICS))


def questions(count: int) -> Iterator[AnyQuestion]:
    """`count` questions, the six kinds in turn."""
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        yield QUESTION.validate_python(
            {
                "id": f"q-{n}",
                "kind": kind,
                "topic": TOPICS[n % len(TOPICS)],
                "difficulty": n % 5 + 1,
                "text": _TEXT.format(n=n),
                "explanation": _WHY.format(n=n),
                **_KEYS[kind],
            }
        )
