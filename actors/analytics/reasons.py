"""Flags of questions in plain words."""

from __future__ import annotations

from typing import Final

from actors.analytics.quality import Flag, Remark
from protocols.messages import Language

# With an option that it is about, where there is one.
_ABOUT_CHOICE: Final[dict[Flag, dict[Language, str]]] = {
    "key": {
        "ru": "Более сильные ученики выбирают {choice}: верен ли ключ?",
        "en": "Stronger students choose {choice}: is the key right?",
    },
    "second_key": {
        "ru": "Более сильные ученики часто выбирают {choice}: не верен ли и этот вариант?",
        "en": "Stronger students often choose {choice}: is that right, too?",
    },
    "unchosen": {
        "ru": "Вариант {choice} не выбирает никто: не слишком ли он явно неверен?",
        "en": "Nobody chooses {choice}: is it too plainly wrong?",
    },
}
_REASONS: Final[dict[Flag, dict[Language, str]]] = {
    "key": {
        "ru": "Более сильные ученики отвечают хуже более слабых: верен ли ключ, понятен ли текст?",
        "en": "Stronger students do worse than weaker ones: is the key right, is the text clear?",
    },
    "second_key": {
        "ru": "Более сильные ученики часто выбирают другой вариант: не верен ли и он?",
        "en": "Stronger students often choose another option: is that right, too?",
    },
    "unchosen": {
        "ru": "Один из вариантов не выбирает никто: не слишком ли он явно неверен?",
        "en": "Nobody chooses one of the options: is it too plainly wrong?",
    },
    "giveaway": {
        "ru": "Отвечают верно почти все: не выдаёт ли вопрос свой ответ?",
        "en": "Nearly everybody answers right: does the question give its answer away?",
    },
    "unsolved": {
        "ru": "Верно не отвечает почти никто: верен ли ключ, было ли этому где научиться?",
        "en": "Nearly nobody answers right: is the key right, and was there a way to learn this?",
    },
    "guessed": {
        "ru": "Верных ответов столько, сколько дал бы случай, и сильные отвечают не лучше слабых: вопрос угадывают.",
        "en": "As many answers are right as by chance, and the strong do no better than the weak: it is guessed.",
    },
    "indifferent": {
        "ru": "Сильные отвечают не лучше слабых: вопрос не отличает знающих от незнающих.",
        "en": "The strong do no better than the weak: the question does not tell who knows from who does not.",
    },
}


def reason(remark: Remark, language: Language) -> str:
    """Why a question is flagged, as a sentence."""
    if remark.choice is not None and remark.flag in _ABOUT_CHOICE:
        return _ABOUT_CHOICE[remark.flag][language].format(choice=remark.choice)
    return _REASONS[remark.flag][language]
