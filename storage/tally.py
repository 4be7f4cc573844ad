"""What is counted in the journal and kept in MongoDB."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a question was answered, and how often rightly, in a span of the journal."""

    question: int
    answered: int
    correct: int
