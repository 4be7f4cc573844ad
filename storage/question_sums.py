"""What is added up of the answers to one question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QuestionSums:
    """Sums over the answers to one question in finished trainings.

    `x` is the score of an answer, `y` the mean score of all others in its training. `answers`, `correct` and `score`
    are over all answers, `x` to `xy` over the `pairs`: those that are not alone in their training. `seconds` counts
    answers by whole seconds, `strengths` the pairs by twentieths of `y`, and `choices` does so for each option that
    was chosen.
    """

    answers: int
    correct: int
    score: float
    pairs: int
    x: float
    xx: float
    y: float
    yy: float
    xy: float
    seconds: Mapping[int, int]
    strengths: Mapping[int, int]
    choices: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
