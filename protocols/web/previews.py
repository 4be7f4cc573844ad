"""A question as students see it: on a page, and as the bot would show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from protocols import messages as m
from protocols.catalogue import Texts
from protocols.telegram.screens.question import Asking, question_screen
from protocols.telegram.screens.screen import Screen
from protocols.web.markup import telegram_html


@dataclass(frozen=True, slots=True)
class Look:
    """`text`, `keys` and `images` are the bot's message: images by their addresses. `pictures` is where the pictures
    of the question are.
    """

    shown: m.ShownQuestion
    key: object
    explanation: str
    pictures: str
    text: Markup
    keys: tuple[tuple[str, ...], ...]
    images: tuple[str, ...]


def look(t: Texts, preview: m.Preview, topics: dict[str, str], *, pictures: str, drawn: str, now: datetime) -> Look:
    """`topics` are titles by slug; below `drawn` are the pictures that the bot draws, by their numbers."""
    screen = bot_screen(t, preview, topics, now)
    images = tuple(
        f"{pictures}/{picture.file}" if isinstance(picture, m.ShowFile) else f"{drawn}/{number}"
        for number, picture in enumerate(screen.pictures)
    )
    return Look(
        shown=preview.shown,
        key=preview.key,
        explanation=preview.explanation,
        pictures=pictures,
        text=telegram_html(screen.styled.text, screen.styled.entities),
        keys=tuple(tuple(key.text for key in row) for row in screen.keyboard),
        images=images,
    )


def bot_screen(t: Texts, preview: m.Preview, topics: dict[str, str], now: datetime) -> Screen:
    """As the first and only question of a training."""
    shown = preview.shown
    training = m.Training(
        id="preview",
        subject=shown.subject,
        mode="practice",
        size=1,
        status="open",
        started_at=now,
        finished_at=None,
        deadline=None,
        progress=m.Progress(answered=0, correct=0, skipped=0, left=1),
        question=shown,
        summary=None,
    )
    return question_screen(t, Asking(training, shown, topics.get(shown.topic, shown.topic)), now)
