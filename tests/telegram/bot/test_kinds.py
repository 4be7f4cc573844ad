"""Every kind of question, answered on the phone right, wrong and partly, in both languages."""

from __future__ import annotations

import pytest

from tests.api.banks import Bank
from tests.telegram.bot.student import begins, button_of, menu, newcomer, word
from tests.telegram.center import DataCenter
from tests.telegram.phone import Button, Phone

RIGHT = {"ru": "✅ Верно!", "en": "✅ Right!"}
WRONG = {"ru": "❌ Неверно", "en": "❌ Not right"}
PARTLY = {"ru": "🟡 Верно частично", "en": "🟡 Partly right"}

# The question, what is tapped (or, after `>`, typed), the verdict, and what stands below it.
CASES: list[tuple[str, str, dict[str, str], str]] = [
    ("single", "B", RIGHT, "B"),
    ("single", "A", WRONG, "B"),
    ("multiple", "A C Done", RIGHT, ";"),
    ("multiple", "B Done", WRONG, "A; C"),
    ("multiple", "A Done", PARTLY, "A; C"),
    ("weighted", "A Done", PARTLY, "A; C"),
    ("text", "> ёлка   ЗЕЛЁНАЯ", RIGHT, "ёлка ЗЕЛЁНАЯ"),
    ("text", "> дуб", WRONG, "Ёлка зелёная"),
    ("text", "> ель", PARTLY, "Ёлка зелёная"),
    ("number", "> 0,55", RIGHT, "0,55"),
    ("number", "> 7", WRONG, "± 0"),
    ("range", "> -2", RIGHT, "-2"),
    ("range", "> 4", WRONG, "−2"),
    ("order", "D C B A Done", RIGHT, "D → C → B → A"),
    ("order", "A B C D Done", WRONG, "D → C → B → A"),
    ("order", "D C A B Done", PARTLY, "D → C → B → A"),
    ("match", "w x y z Done", RIGHT, "1 — w"),
    ("match", "x w z y Done", WRONG, "1 — w"),
    ("match", "w x z y Done", PARTLY, "3 — y"),
]


def choice(student: Phone, name: str) -> Button:
    """The button of a choice, ticked or not; or the one that ends them."""
    if name == "Done":
        return button_of(menu(student), word(student, "Done"))
    found = [
        button for row in menu(student).buttons for button in row if button.text in (name, f"◻️ {name}", f"☑️ {name}")
    ]
    assert len(found) == 1, student.as_text()
    return found[0]


@pytest.mark.parametrize(
    ("question", "doing", "verdict", "told", "language"),
    # Each in one language, all kinds in both: right in one, wrong in the other, and so on.
    [(*case, ("ru", "en")[number % 2]) for number, case in enumerate(CASES)],
)
async def test_answers(
    center: DataCenter, bank: Bank, question: str, doing: str, verdict: dict[str, str], told: str, language: str
) -> None:
    student = await newcomer(center, "Anna", language, link=bank.subject)
    shown = await begins(student, bank, question)
    assert f"Question {question}" in shown.text
    if doing.startswith("> "):
        student.write(doing[2:])
    else:
        for tap in doing.split():
            await student.press(choice(student, tap))
    seen = await student.sees(verdict[language])
    assert told in seen.text
    assert "Because it is so: 2 + 2 = 4." in seen.text
    assert menu(student).id == seen.id, "one message shows it all"
    await student.press(word(student, "Results"))
    summary = await student.sees("🏁")
    assert {"✅": "100", "❌": "0"}.get(verdict[language][0], "") in summary.text
