"""Students who answer by a model, and what a question looks like then."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np

from actors.analytics.quality import Quality, assess
from storage.question_sums import QuestionSums

OPTIONS: Final = "abcd"
WRONG_KEY, GIVEAWAY, GUESSED = 0, 1, 2  # the questions that are planted


@dataclass(frozen=True)
class Given:
    """One answer: its score, the mean score of the rest of the training, and what was chosen."""

    x: float
    y: float
    chosen: str


def answers(seed: int, *, students: int, questions: int, size: int) -> tuple[dict[int, list[Given]], dict[int, str]]:
    """Answers by question, and the keys. Sound questions follow the model with two parameters and some guessing."""
    chance = np.random.default_rng(seed)
    ability = chance.normal(size=students)
    hardness, slope = chance.uniform(-2, 2, questions), chance.uniform(0.7, 1.7, questions)
    right = chance.integers(0, 4, questions)
    key = right.copy()
    key[WRONG_KEY] = (right[WRONG_KEY] + 1) % 4
    found: dict[int, list[Given]] = defaultdict(list)
    for student in range(students):
        drawn = chance.choice(questions, size, replace=False)
        known = 0.2 + 0.8 / (1 + np.exp(-slope[drawn] * (ability[student] - hardness[drawn])))
        known = np.where(drawn == GIVEAWAY, 0.99, known)
        chosen = np.where(chance.random(size) < known, right[drawn], (right[drawn] + chance.integers(1, 4, size)) % 4)
        chosen = np.where(drawn == GUESSED, chance.integers(0, 4, size), chosen)
        scores = (chosen == key[drawn]).astype(float)
        for question, score, choice in zip(drawn, scores, chosen, strict=True):
            rest = (scores.sum() - score) / (size - 1)
            found[int(question)].append(Given(float(score), float(rest), OPTIONS[choice]))
    return found, {question: OPTIONS[one] for question, one in enumerate(key)}


def sums_of(given: list[Given]) -> QuestionSums:
    """Added up as the rollups do."""
    strengths = Counter(int(one.y * 20 + 1e-9) for one in given)
    choices: dict[str, Counter[int]] = defaultdict(Counter)
    for one in given:
        choices[one.chosen][int(one.y * 20 + 1e-9)] += 1
    return QuestionSums(
        answers=len(given),
        correct=sum(one.x == 1 for one in given),
        score=sum(one.x for one in given),
        pairs=len(given),
        x=sum(one.x for one in given),
        xx=sum(one.x**2 for one in given),
        y=sum(one.y for one in given),
        yy=sum(one.y**2 for one in given),
        xy=sum(one.x * one.y for one in given),
        seconds={},
        strengths=strengths,
        choices=choices,
    )


def assessed(seed: int, *, students: int, questions: int, size: int) -> dict[int, Quality]:
    """The quality of each question, of which the first three are planted."""
    found, keys = answers(seed, students=students, questions=questions, size=size)
    return {question: assess(sums_of(given), OPTIONS, keys[question]) for question, given in found.items()}
