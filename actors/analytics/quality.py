"""How good a question is, as classical test theory measures it. Pure functions of sums over its answers.

Every answer in a finished training is a pair: `x`, its score, and `y`, the mean score of all other answers of the same
training, which says how strong the student was that day. From these:

- facility: the mean of `x`. Interval: Wilson (1927), which holds for scores between 0 and 1, too: their variance is at
  most that of zeros and ones with the same mean.
- discrimination: Pearson's correlation of `x` and `y`; where `x` is 0 or 1 this is the point-biserial correlation
  with the rest of the training. Interval: Fisher's z transformation.
- choices: which options were chosen by the stronger and by the weaker students, each as near to 27 % of all as the
  twentieths allow in which `y` is counted (Kelley, 1939, on why 27 %).

Intervals cover 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import atanh, inf, sqrt, tanh
from typing import Final, Literal, TypeAlias

from storage.question_sums import QuestionSums

Z: Final = 1.959963984540054  # the normal distribution has 95 % between -Z and Z
GROUP_SHARE: Final = 0.27

# Below this nothing is flagged: chance alone makes any figure of them.
FEWEST_ANSWERS: Final = 50
GIVEN_AWAY: Final = 0.95
UNSOLVED: Final = 0.05
CHANCE_BAND: Final = 0.07
UNCHOSEN: Final = 0.05  # a wrong option that fewer choose does nothing (Haladyna and Downing, 1993)
NO_DISCRIMINATION: Final = 0.1
NEGATIVE: Final = -0.05  # what lies between this and nought, chance makes of a question that is only guessed
# Options that differ by chance between the groups are many: for them the bound is further out.
CHOICE_Z: Final = 3.29

Flag: TypeAlias = Literal["key", "second_key", "giveaway", "unsolved", "guessed", "indifferent", "unchosen"]


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Choice:
    """How often an option was chosen: by all, and which share of the stronger and of the weaker students did."""

    id: str
    key: bool
    chosen: int
    strong: float | None
    weak: float | None


@dataclass(frozen=True, slots=True)
class Remark:
    """A flag; `choice` is the option that it is about."""

    flag: Flag
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of one question; None where there are too few answers to compute one at all.

    `pairs` is how many answers discrimination rests on; times are in seconds, `quartiles` are their spread.
    """

    answers: int
    correct: int
    facility: float | None
    facility_interval: Interval | None
    pairs: int
    discrimination: float | None
    discrimination_interval: Interval | None
    median: float | None
    quartiles: Interval | None
    strong: int
    weak: int
    choices: tuple[Choice, ...]
    remarks: tuple[Remark, ...]


def assess(sums: QuestionSums, options: Sequence[str], key: Sequence[str]) -> Quality:
    """The figures of a question with these options (none: nothing is chosen from) and these right ones."""
    facility = sums.score / sums.answers if sums.answers else None
    around_facility = wilson(facility, sums.answers) if facility is not None else None
    discrimination = pearson(sums.pairs, sums.x, sums.xx, sums.y, sums.yy, sums.xy)
    around_discrimination = fisher(discrimination, sums.pairs) if discrimination is not None else None
    strong, weak = groups(sums.strengths)
    many_strong = sum(sums.strengths[one] for one in strong)
    many_weak = sum(sums.strengths[one] for one in weak)
    choices = tuple(
        Choice(
            id=option,
            key=option in key,
            chosen=sum(counts.values()),
            strong=_share(counts, strong, many_strong),
            weak=_share(counts, weak, many_weak),
        )
        for option in options
        for counts in (sums.choices.get(option, {}),)
    )
    quality = Quality(
        answers=sums.answers,
        correct=sums.correct,
        facility=facility,
        facility_interval=around_facility,
        pairs=sums.pairs,
        discrimination=discrimination,
        discrimination_interval=around_discrimination,
        median=quantile(sums.seconds, 0.5),
        quartiles=_quartiles(sums.seconds),
        strong=many_strong,
        weak=many_weak,
        choices=choices,
        remarks=(),
    )
    return replace(quality, remarks=remarks(quality))


def pearson(n: int, x: float, xx: float, y: float, yy: float, xy: float) -> float | None:
    """The correlation of `n` pairs, given by their sums; None if one side does not vary, or there are under three."""
    if n < 3:
        return None
    across, along, both = xx - x * x / n, yy - y * y / n, xy - x * y / n
    # What rounding leaves of a sum of squares that is nought.
    if across <= 1e-12 * n or along <= 1e-12 * n:
        return None
    return max(-1.0, min(1.0, both / sqrt(across * along)))


def wilson(share: float, n: int) -> Interval:
    """Wilson's interval of a share out of `n`."""
    spread = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    middle = share + Z * Z / (2 * n)
    scale = 1 + Z * Z / n
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def fisher(correlation: float, n: int) -> Interval | None:
    """Fisher's interval of a correlation of `n` pairs; None if they are under four."""
    if n < 4:
        return None
    if abs(correlation) >= 1:
        return Interval(correlation, correlation)
    middle, spread = atanh(correlation), Z / sqrt(n - 3)
    return Interval(tanh(middle - spread), tanh(middle + spread))


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The quantile of what is counted in whole steps, interpolated inside the step as for even spacing."""
    total = sum(counts.values())
    if total == 0:
        return None
    wanted = share * total
    before = 0
    for step in sorted(counts):
        if before + counts[step] >= wanted:
            return step + (wanted - before) / counts[step]
        before += counts[step]
    raise AssertionError("no step holds what is less than the total")


def _quartiles(counts: Mapping[int, int]) -> Interval | None:
    low, high = quantile(counts, 0.25), quantile(counts, 0.75)
    return None if low is None or high is None else Interval(low, high)


def groups(strengths: Mapping[int, int]) -> tuple[frozenset[int], frozenset[int]]:
    """The twentieths of the stronger and of the weaker students; none where all are alike."""
    total = sum(strengths.values())
    steps = sorted(step for step, count in strengths.items() if count)
    weak = _nearest(steps, strengths, total)
    strong = _nearest(steps[::-1], strengths, total)
    return (strong, weak) if not strong & weak else (frozenset(), frozenset())


def _nearest(steps: Sequence[int], strengths: Mapping[int, int], total: int) -> frozenset[int]:
    """So many of the first steps as come nearest to the share of a group, one at least."""
    taken, best, nearest = 0, 0, inf
    for number, step in enumerate(steps, 1):
        taken += strengths[step]
        distance = abs(taken - GROUP_SHARE * total)
        if distance < nearest:
            best, nearest = number, distance
    return frozenset(steps[:best])


def _share(counts: Mapping[int, int], group: frozenset[int], size: int) -> float | None:
    return sum(counts.get(step, 0) for step in group) / size if size else None


def remarks(quality: Quality) -> tuple[Remark, ...]:
    """What should be looked at. Each rests on a whole interval, so that chance alone seldom makes one."""
    facility, around = quality.facility, quality.facility_interval
    if quality.answers < FEWEST_ANSWERS or facility is None or around is None:
        return ()
    found = _suspects(quality)
    slope = quality.discrimination_interval
    if slope is not None and slope.high < NEGATIVE and not found:
        found.append(Remark("key"))
    if around.low >= GIVEN_AWAY:
        found.append(Remark("giveaway"))
    if around.high <= UNSOLVED:
        found.append(Remark("unsolved"))
    if not found and slope is not None and slope.high < NO_DISCRIMINATION:
        keys = sum(choice.key for choice in quality.choices)
        at_chance = keys == 1 and abs(facility - 1 / len(quality.choices)) <= CHANCE_BAND
        found.append(Remark("guessed" if at_chance else "indifferent"))
    if around.low < GIVEN_AWAY and quality.pairs and wilson(0, quality.pairs).high <= UNCHOSEN:
        found += [Remark("unchosen", choice.id) for choice in quality.choices if not choice.chosen and not choice.key]
    return tuple(found)


def _suspects(quality: Quality) -> list[Remark]:
    """Wrong options that the stronger students choose more often than the weaker ones, and often indeed."""
    strongest_key = max((choice.strong or 0 for choice in quality.choices if choice.key), default=0)
    found: list[Remark] = []
    for choice in sorted(quality.choices, key=lambda one: -(one.strong or 0)):
        if choice.key or choice.strong is None or choice.weak is None:
            continue
        noise = sqrt(
            choice.strong * (1 - choice.strong) / quality.strong + choice.weak * (1 - choice.weak) / quality.weak
        )
        if choice.strong - choice.weak <= max(CHOICE_Z * noise, 0.05):
            continue
        if choice.strong > strongest_key:
            found.append(Remark("key", choice.id))
        elif choice.strong > strongest_key / 2:
            found.append(Remark("second_key", choice.id))
    return found
