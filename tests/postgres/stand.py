"""What tests of accounts and figures stand on."""

import bson

from actors.bank import Bank
from protocols.messages import Subject, Topic
from storage.mongo.questions import Packed

NOON = 1_700_000_000_000_000 // 86_400_000_000 * 86_400_000_000 + 43_200_000_000  # 2023-11-14 12:00 UTC


class Clock:
    """Microseconds since 1970 that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


def small_bank() -> Bank:
    """Biology with the questions 1 (`b-1`, cells) and 2 (`b-2`, plants), and mathematics without any."""
    cells, plants = (
        Topic(slug="cells", title={"ru": "Клетка", "en": "Cells"}),
        Topic(slug="plants", title={"ru": "Растения"}),
    )
    bank = Bank()
    bank.update(
        [
            Subject(slug="biology", title={"ru": "Биология", "en": "Biology"}, topics=(cells, plants)),
            Subject(slug="mathematics", title={"ru": "Математика"}, topics=()),
        ],
        [_text_question(1, "cells"), _text_question(2, "plants")],
    )
    return bank


def _text_question(number: int, topic: str) -> Packed:
    id = f"b-{number}"
    content = {
        "id": id,
        "kind": "text",
        "topic": topic,
        "difficulty": 1,
        "text": f"Вопрос {number}?",
        "key": {"accept": ["да"]},
    }
    return Packed(number, "biology", id, topic, "text", 1, False, bson.encode(content))
