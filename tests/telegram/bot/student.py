"""What students do again and again."""

from __future__ import annotations

import re

from tests.api.banks import Bank
from tests.telegram.center import DataCenter
from tests.telegram.phone import Button, Phone, Shown

WORDS = {
    "ru": {
        "Start": "Начать",
        "Set up": "Настроить",
        "Topics": "Темы",
        "Ready": "Готово",
        "Done": "Готово",
        "Next": "Дальше",
        "Results": "Итоги",
        "Menu": "Меню",
        "Subjects": "Предметы",
        "Not at school": "Не в школе",
        "Exam": "Экзамен",
        "Reset": "Сбросить",
        "Skip": "Пропустить",
        "Finish": "Закончить",
        "Yes": "Да",
        "Go on": "Продолжить",
        "Start a new one": "Начать новую",
    },
    "en": {},
}


def word(student: Phone, english: str) -> str:
    """What an English word of a button is called on this phone."""
    return WORDS[student.language].get(english, english)


async def newcomer(center: DataCenter, name: str = "Анна", language: str = "ru", *, link: str = "") -> Phone:
    """A student who has got through the beginning, and is in the menu, or where the link leads."""
    student = center.user(name, language=language)
    student.write("/start" + (f" subject_{link}" if link else ""))
    await student.press({"ru": "Русский", "en": "English"}[language])
    await student.press(name)
    await student.press("9")
    await student.sees(lambda shown: bool(shown.button(word(student, "Menu" if link else "Subjects"))))
    return student


async def press(student: Phone, english: str) -> None:
    await student.press(word(student, english))


async def begins(student: Phone, bank: Bank, *topics: str, exam: bool = False) -> Shown:
    """Start a training on these topics by the buttons; what is on the screen then."""
    student.write(f"/start subject_{bank.subject}")
    await press(student, "Set up")
    await press(student, "Reset")
    if exam:
        await press(student, "Exam")
    await press(student, "Topics")
    for topic in topics:
        await student.press(f"◻️ {topic} · 1")
    await press(student, "Ready")
    await press(student, "Start")
    answer = student.find(lambda shown: bool(shown.button(word(student, "Start a new one"))))
    if answer is not None:
        await press(student, "Start a new one")
    return await student.sees(lambda shown: bool(shown.button(word(student, "Finish"))))


def menu(student: Phone) -> Shown:
    """The one message with a keyboard."""
    living = [shown for shown in student.chat if shown.buttons]
    assert len(living) == 1, student.as_text()
    return living[0]


async def one_message(student: Phone) -> None:
    """Until the bot has one message in the chat, and no more."""
    await student.until(lambda: len([shown for shown in student.chat if shown.from_bot]) == 1, what="a single message")


def labels(shown: Shown) -> list[str]:
    return [button.text for row in shown.buttons for button in row]


def button_of(shown: Shown, text: str) -> Button:
    button = shown.button(text)
    assert button is not None, f"no {text!r} among {labels(shown)}"
    return button


CYRILLIC, LATIN = re.compile("[А-Яа-яЁё]"), re.compile("[A-Za-z]{3,}")
