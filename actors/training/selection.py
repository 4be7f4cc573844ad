"""Which questions a training gets: an index of one subject, and a draw that costs the same in any bank."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from random import Random
from typing import NamedTuple, TypeAlias

from protocols.messages import KINDS, Filters, Kind

Numbers: TypeAlias = "array[int]"
"""Numbers of questions, 32 bits each, ascending; never changed once made."""

NO_NUMBERS: Numbers = array("I")

_DIFFICULTIES = 5
_CELLS = len(KINDS) * _DIFFICULTIES
_KIND_AT = {kind: place for place, kind in enumerate(KINDS)}


class History(NamedTuple):
    """What a student did before. A mistake is a question whose last answer was not wholly right."""

    seen: Numbers = NO_NUMBERS
    mistakes: Numbers = NO_NUMBERS
    favorites: Numbers = NO_NUMBERS


class Range(NamedTuple):
    """Positions in `SubjectIndex.numbers`: `start` belongs to it, `stop` does not."""

    start: int
    stop: int


class SubjectIndex:
    """The questions of a subject that may be drawn, laid out so that every filter is a few ranges.

    They stand ordered by topic, kind and difficulty, so a topic is one range, and so is a stretch of
    difficulties within a topic and kind. Immutable: make a new one when an import changed the bank. It takes
    about 12 bytes a question.
    """

    __slots__ = ("_ascending", "_positions", "_starts", "_topic_at", "numbers", "topics")

    def __init__(self, questions: Iterable[tuple[int, str, Kind, int]]) -> None:
        """`questions` are (number, topic, kind, difficulty 1 to 5) of each that is not archived."""
        cells: dict[str, list[Numbers]] = {}
        for number, topic, kind, difficulty in questions:
            of_topic = cells.get(topic)
            if of_topic is None:
                of_topic = cells[topic] = [array("I") for _ in range(_CELLS)]
            of_topic[_KIND_AT[kind] * _DIFFICULTIES + difficulty - 1].append(number)
        self.topics = tuple(sorted(cells))
        self._topic_at = {topic: place for place, topic in enumerate(self.topics)}
        self.numbers: Numbers = array("I")
        self._starts: Numbers = array("I", [0])
        for topic in self.topics:
            for cell in cells[topic]:
                self.numbers.extend(cell)
                self._starts.append(len(self.numbers))
        self._positions: Numbers = array("I", sorted(range(len(self.numbers)), key=self.numbers.__getitem__))
        self._ascending: Numbers = array("I", (self.numbers[position] for position in self._positions))

    def __len__(self) -> int:
        return len(self.numbers)

    def count(self, topic: str) -> int:
        """How many questions a topic has."""
        place = self._topic_at.get(topic)
        return 0 if place is None else self._starts[(place + 1) * _CELLS] - self._starts[place * _CELLS]

    def position(self, number: int) -> int | None:
        """Where a question stands in `numbers`; None if it is not in this subject, or archived."""
        place = bisect_left(self._ascending, number)
        if place < len(self._ascending) and self._ascending[place] == number:
            return self._positions[place]
        return None

    def ranges(self, filters: Filters) -> list[Range]:
        """What fits topics, kinds and difficulty: ascending, none empty. An empty list filters nothing."""
        if not filters.topics and not filters.kinds and filters.difficulty is None:
            return [Range(0, len(self.numbers))] if self.numbers else []
        places: Iterable[int] = range(len(self.topics))
        if filters.topics:
            places = sorted({self._topic_at[topic] for topic in filters.topics if topic in self._topic_at})
        return [
            Range(self._starts[first], self._starts[last])
            for place in places
            for first, last in _cells(place * _CELLS, filters)
            if self._starts[first] < self._starts[last]
        ]


def _cells(base: int, filters: Filters) -> Iterator[tuple[int, int]]:
    """The cells of one topic that fit, as first and one after the last."""
    difficulty = filters.difficulty
    low = 1 if difficulty is None or difficulty.min is None else difficulty.min
    high = _DIFFICULTIES if difficulty is None or difficulty.max is None else difficulty.max
    if not filters.kinds and low == 1 and high == _DIFFICULTIES:
        yield base, base + _CELLS
        return
    if low > high:
        return
    for kind in sorted({_KIND_AT[kind] for kind in filters.kinds or KINDS}):
        start = base + kind * _DIFFICULTIES
        yield start + low - 1, start + high


class _Pool:
    """What fits topics, kinds and difficulty, numbered from 0 to `total`, over all of its ranges."""

    __slots__ = ("_before", "_index", "_ranges", "total")

    def __init__(self, index: SubjectIndex, filters: Filters) -> None:
        self._index = index
        self._ranges = index.ranges(filters)
        self._before = list(accumulate((stop - start for start, stop in self._ranges), initial=0))
        self.total = self._before[-1]

    def __getitem__(self, rank: int) -> int:
        place = bisect_right(self._before, rank) - 1
        return self._index.numbers[self._ranges[place].start + rank - self._before[place]]

    def __contains__(self, number: int) -> bool:
        position = self._index.position(number)
        if position is None:
            return False
        place = bisect_right(self._ranges, position, key=_start) - 1
        return place >= 0 and position < self._ranges[place].stop

    def all(self) -> list[int]:
        return [number for start, stop in self._ranges for number in self._index.numbers[start:stop]]


def _start(of: Range) -> int:
    return of.start


def contains(numbers: Numbers, number: int) -> bool:
    """Whether a number is among ascending ones."""
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


def matching(index: SubjectIndex, filters: Filters, history: History) -> int:
    """How many questions fit the filters."""
    pool = _Pool(index, filters)
    if filters.only is None:
        return pool.total
    if filters.only == "unseen":
        return pool.total - sum(1 for number in history.seen if number in pool)
    return len(_own(pool, filters, history))


def without_each(index: SubjectIndex, filters: Filters, history: History) -> dict[str, int]:
    """For each filter that is set, how many questions fit the others."""
    return {
        name: matching(index, filters.model_copy(update={name: None}), history)
        for name in ("topics", "kinds", "difficulty", "only")
        if getattr(filters, name) is not None
    }


def draw(index: SubjectIndex, filters: Filters, history: History, size: int, random: Random) -> list[int]:
    """Up to `size` distinct questions that fit, in random order; fewer only where fewer fit.

    Without `only`, questions that the student has not seen are preferred. The time is of the order of `size`,
    of the student's own history and of the number of topics, never of the bank.
    """
    pool = _Pool(index, filters)
    if filters.only == "unseen":
        return _unseen(pool, history.seen, size, random)
    if filters.only is not None:
        own = _own(pool, filters, history)
        return random.sample(own, min(size, len(own)))
    return _preferring_unseen(pool, history.seen, size, random)


def _own(pool: _Pool, filters: Filters, history: History) -> list[int]:
    numbers = history.mistakes if filters.only == "mistakes" else history.favorites
    return [number for number in numbers if number in pool]


def _unseen(pool: _Pool, seen: Numbers, size: int, random: Random) -> list[int]:
    if pool.total > 4 * size:
        drawn, _ = _tries(pool, seen, size, random)
        if len(drawn) == size:
            return drawn
    # Nearly everything was seen, so the student's own history is of the order of what is left to go through.
    left = sorted(set(pool.all()).difference(seen))
    return random.sample(left, min(size, len(left)))


def _preferring_unseen(pool: _Pool, seen: Numbers, size: int, random: Random) -> list[int]:
    if pool.total <= 4 * size:
        numbers = pool.all()
        random.shuffle(numbers)
        numbers.sort(key=lambda number: contains(seen, number))
        drawn = numbers[:size]
    else:
        drawn, others = _tries(pool, seen, size, random)
        drawn += others[: size - len(drawn)]
        taken = set(drawn)
        while len(drawn) < size:  # at most a quarter of the pool is taken: this ends soon
            number = pool[int(random.random() * pool.total)]
            if number not in taken:
                taken.add(number)
                drawn.append(number)
    random.shuffle(drawn)
    return drawn


def _tries(pool: _Pool, seen: Numbers, size: int, random: Random) -> tuple[list[int], list[int]]:
    """Up to `size` unseen questions found in a bounded number of tries, and the seen ones met on the way."""
    unseen: list[int] = []
    others: list[int] = []
    taken: set[int] = set()
    for _ in range(8 * size + 32):
        number = pool[int(random.random() * pool.total)]
        if number in taken:
            continue
        taken.add(number)
        if contains(seen, number):
            others.append(number)
        else:
            unseen.append(number)
            if len(unseen) == size:
                break
    return unseen, others
