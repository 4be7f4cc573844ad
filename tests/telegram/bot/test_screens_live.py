"""Every screen on a phone, in both languages: nothing is left in the other language, and one message shows it all."""

from __future__ import annotations

import pytest

from actors.figures import FEWEST_IN_TOPIC
from tests.api.banks import QUESTIONS, Bank
from tests.telegram.bot.student import CYRILLIC, LATIN, begins, menu, newcomer, word
from tests.telegram.center import DataCenter
from tests.telegram.phone import Phone, Shown

# What a bank, a person or a name says, and is told as it is.
TOLD_AS_IS = (
    *("Проверка", "Because it is so", "Anna", "Русский", "English", "APO"),
    *(f"Question {one['id']}" for one in QUESTIONS),
    *(one["id"] for one in QUESTIONS),
)


def in_one_language(shown: Shown, language: str) -> None:
    """The texts of the screen and its buttons are in the language of the student."""
    said = [shown.text, *(button.text for row in shown.buttons for button in row)]
    for text in said:
        for known in TOLD_AS_IS:
            text = text.replace(known, "")
        text = "\n".join(line for line in text.splitlines() if "/" not in line)  # commands are the same in both
        foreign = (LATIN if language == "ru" else CYRILLIC).search(text)
        assert foreign is None, f"{foreign and foreign[0]!r} in {language}: {text}"


async def step(student: Phone, label: str, expected: str) -> Shown:
    """Press, and see a screen with this on it, in the student's language and in the one message."""
    await student.press(label)
    shown = await student.sees(lambda one: expected in str(one))
    in_one_language(shown, student.language)
    assert menu(student).id == shown.id
    return shown


SETUP = {
    "ru": [
        ("Настроить", "Тренировка: верный ответ виден сразу."),
        ("Экзамен", "Экзамен: 20 минут"),
        ("45 мин", "Экзамен: 45 минут"),
        ("20", "20 вопросов"),
        ("Трудные", "Сложность: трудные"),
        ("Только новые", "которых вы ещё не видели"),
        ("Виды", "Какие виды вопросов?"),
        ("число", "☑️ число"),
        ("Готово", "Виды: число"),
        ("Темы", "Какие темы?"),
        ("single", "☑️ single"),
        ("Готово", "Темы: single"),
        ("Начать", "ни один вопрос не подходит"),
        ("Сбросить", "10 вопросов"),
        ("Назад", "8 вопросов, 8 тем"),
    ],
    "en": [
        ("Set up", "Practice: you see at once what is right."),
        ("Exam", "Exam: 20 minutes"),
        ("45 min", "Exam: 45 minutes"),
        ("20", "20 questions"),
        ("Hard", "Difficulty: hard"),
        ("Only new", "that you have not seen"),
        ("Kinds", "Which kinds of questions?"),
        ("a number", "☑️ a number"),
        ("Ready", "Kinds: a number"),
        ("Topics", "Which topics?"),
        ("single", "☑️ single"),
        ("Ready", "Topics: single"),
        ("Start", "No question fits all of this"),
        ("Reset", "10 questions"),
        ("Back", "8 questions, 8 topics"),
    ],
}

TRAINING = {
    "ru": [
        ("☆", "★ В избранном"),
        ("★", "☆ В избранное"),
        ("☆", "★ В избранном"),
        ("Ошибка", "Что не так"),
        ("Назад", "Вопрос 1 из 1"),
        ("Закончить", "Без ответа остался 1 вопрос."),
        ("К вопросу", "Вопрос 1 из 1"),
        ("Меню", "Продолжить: Проверка, 0 из 1"),
        ("Продолжить", "Вопрос 1 из 1"),
        ("Закончить", "Закончить тренировку?"),
        ("Да, закончить", "Тренировка закончена"),
        ("Разобрать", "Без ответа"),
        ("★", "☆ В избранное"),
        ("☆", "★ В избранном"),
        ("Итоги", "Результат: 0"),
        ("Меню", "Чем займёмся?"),
        ("Избранное", "Избранное по какому предмету?"),
        ("Проверка", "Вопрос 1 из 1"),
        ("Меню", "Чем займёмся?"),
        ("Ошибки", "Ошибки по какому предмету?"),
        ("Математика", "Ошибок здесь нет."),
        ("Меню", "Чем займёмся?"),
    ],
    "en": [
        ("☆", "★ Favourite"),
        ("★", "☆ Favourite"),
        ("☆", "★ Favourite"),
        ("Mistake?", "What is wrong"),
        ("Back", "Question 1 of 1"),
        ("Finish", "1 question is not answered yet."),
        ("Back to the question", "Question 1 of 1"),
        ("Menu", "Go on: Проверка, 0 of 1"),
        ("Go on", "Question 1 of 1"),
        ("Finish", "Finish the training?"),
        ("Yes, finish", "The training is finished"),
        ("Go through", "No answer"),
        ("★", "☆ Favourite"),
        ("☆", "★ Favourite"),
        ("Results", "Result: 0"),
        ("Menu", "What shall we do?"),
        ("Favourites", "Favourite questions of which subject?"),
        ("Проверка", "Question 1 of 1"),
        ("Menu", "What shall we do?"),
        ("Mistakes", "Mistakes in which subject?"),
        ("Mathematics", "There are no mistakes to train here."),
        ("Menu", "What shall we do?"),
    ],
}

ABOUT_ME = {
    "ru": [
        ("Статистика", "За это время пока ничего."),
        ("Меню", "Чем займёмся?"),
        ("Лидеры", "Лидеры по какому предмету?"),
        ("Математика", "Лидеры: Математика"),
        ("Неделя", "• Неделя"),
        ("Предмет", "Быстрый старт"),
        ("Меню", "Чем займёмся?"),
        ("Помощь", "/settings"),
        ("Меню", "Чем займёмся?"),
        ("Настройки", "Уведомления: включены"),
        ("Выключить", "Уведомления: выключены"),
        ("Класс", "В каком вы классе?"),
        ("Не в школе", "Класс: не в школе"),
        ("Имя", "Как вас зовут?"),
        ("Anna", "Имя: Anna"),
        ("Объединить", "Получите код"),
        ("Настройки", "Язык: Русский"),
        ("Удалить всё", "Отменить это нельзя."),
        ("Да, дальше", "Точно?"),
        ("Нет, оставить", "Уведомления"),
    ],
    "en": [
        ("Statistics", "Nothing in this time yet."),
        ("Menu", "What shall we do?"),
        ("Leaders", "Leaders in which subject?"),
        ("Mathematics", "Leaders: Mathematics"),
        ("Week", "• Week"),
        ("Subject", "Quick start"),
        ("Menu", "What shall we do?"),
        ("Help", "/settings"),
        ("Menu", "What shall we do?"),
        ("Settings", "Notifications: on"),
        ("Switch", "Notifications: off"),
        ("Grade", "Which grade are you in?"),
        ("Not at school", "Grade: not at school"),
        ("Name", "What is your name?"),
        ("Anna", "Name: Anna"),
        ("Join", "Ask for a code"),
        ("Settings", "Language: English"),
        ("Erase all", "It cannot be undone."),
        ("Yes, go on", "Really?"),
        ("No, keep it", "Notifications"),
    ],
}

LANGUAGES = pytest.mark.parametrize("language", ["ru", "en"])


@LANGUAGES
async def test_a_training_is_set_up(center: DataCenter, bank: Bank, language: str) -> None:
    student = await newcomer(center, "Anna", language, link=bank.subject)
    for label, expected in SETUP[language]:
        await step(student, label, expected)


@LANGUAGES
async def test_around_a_question(center: DataCenter, bank: Bank, language: str) -> None:
    student = await newcomer(center, "Anna", language)
    await begins(student, bank, "single")
    for label, expected in TRAINING[language]:
        if label == "Проверка":  # each run of the tests has subjects of this title
            await student.press(next(b for row in menu(student).buttons for b in row if b.text == label))
            in_one_language(await student.sees(expected), language)
        else:
            await step(student, label, expected)


@LANGUAGES
async def test_around_the_profile(center: DataCenter, bank: Bank, language: str) -> None:
    student = await newcomer(center, "Anna", language)
    for label, expected in ABOUT_ME[language]:
        await step(student, label, expected)


@LANGUAGES
async def test_statistics_are_a_picture_with_a_caption(center: DataCenter, bank: Bank, language: str) -> None:
    student = await newcomer(center, "Anna", language, link=bank.subject)
    await begins(student, bank, "single")
    await student.press("B")
    student.write("/statistics")
    shown = await student.sees({"ru": "1 ответ", "en": "1 answer"}[language])
    assert shown.photo is not None
    assert shown.photo.startswith(b"\x89PNG")
    in_one_language(shown, language)
    back = await step(student, word(student, "Menu"), {"ru": "Чем займёмся?", "en": "What shall we do?"}[language])
    assert back.photo is None


async def test_a_weak_topic_is_trained_by_its_button(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center, "Anna", "en", link=bank.subject)
    for _ in range(FEWEST_IN_TOPIC):
        await begins(student, bank, "single")
        await student.press("A")
        await student.sees("Your answer: A")
    student.write("/statistics")
    await student.sees("Topics to work on: single")
    await student.press("Train: single")
    shown = await student.sees("Question single")
    await student.press("Skip")
    student.write("/statistics")
    await student.sees("Topics to work on: single")
    await student.press("Train: single")
    await student.sees("Start a new training?")
    await student.press("Start a new one")
    assert await student.sees("Question single") != shown


@LANGUAGES
async def test_an_exam_tells_its_answers_at_the_end(center: DataCenter, bank: Bank, language: str) -> None:
    student = await newcomer(center, "Anna", language, link=bank.subject)
    shown = await begins(student, bank, "single", "text", exam=True)
    assert "⏳" in shown.text
    for _ in range(2):
        if "Question single" in shown.text:
            await student.press("B")
        else:
            student.write("дуб")
        shown = await student.sees(lambda one: bool(one.buttons))
        assert "✅" not in shown.text or "🏁" in shown.text
    summary = await student.sees("🏁")
    assert {"ru": "1 из 2 баллов", "en": "1 of 2 points"}[language] in summary.text
    in_one_language(summary, language)


@LANGUAGES
async def test_commands_are_registered(center: DataCenter, bank: Bank, language: str) -> None:
    commands = center.commands(language)
    assert set(commands) == {"menu", "subjects", "continue", "statistics", "settings", "link", "help", "cancel"}
    for description in commands.values():
        assert (LATIN if language == "ru" else CYRILLIC).search(description) is None


async def test_who_speaks_another_language_has_commands_too(center: DataCenter, bank: Bank) -> None:
    assert center.commands("") == center.commands("en")


async def test_the_language_changes_at_once(center: DataCenter, bank: Bank) -> None:
    student = await newcomer(center, "Anna", "ru")
    student.write("/settings")
    await student.press("Язык")
    await student.press("English")
    in_one_language(await student.sees("Language: English"), "en")
