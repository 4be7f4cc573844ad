"""What a department may want to know of a file that is right: warnings, which keep nothing from being imported."""

from __future__ import annotations

import re
import unicodedata
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from protocols.messages import AnyQuestion, EntryError, SingleQuestion

MOST_OF_A_SORT = 200
# From so many questions on, a key in one and the same place is no chance.
_ENOUGH, _NEARLY_ALL = 10, 0.9
_ALIKE = 0.8  # share of three-word pieces that two texts have in common
_COMPARED = 12  # texts in one bucket; more are not near each other but all alike
_WORD = re.compile(r"[^\W_]+")
_SIGN = re.compile(r"[-+*/=<>^√]")
_THIRDS = (-(2**63), -(2**63) // 3, 2**63 // 3)  # of the values that a hash can have
_MOST_MARKS = 200_000


class _Marks(dict[str, int]):
    """Words as numbers, the same at every time; words repeat."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_MARKS:
            self.clear()
        mark = self[word] = zlib.crc32(word.encode())
        return mark


_MARKS = _Marks()


def advise(checked: Sequence[tuple[str, AnyQuestion]]) -> list[EntryError]:
    """Warnings about the questions of a file, but for those that are `alike`."""
    return [*_same_place(checked), *_unexplained(checked)]


def _unexplained(checked: Sequence[tuple[str, AnyQuestion]]) -> list[EntryError]:
    places = [where for where, question in checked if not question.explanation]
    message = "no explanation; students learn from it why the key is right"
    return _bounded(
        [EntryError(where=where, path="explanation", message=message) for where in places[: MOST_OF_A_SORT + 1]],
        len(places),
        "have no explanation",
    )


def _same_place(checked: Sequence[tuple[str, AnyQuestion]]) -> list[EntryError]:
    places: Counter[int] = Counter()
    for _, question in checked:
        if isinstance(question, SingleQuestion) and len(question.options) > 2:
            places[next(at for at, option in enumerate(question.options) if option.id == question.key)] += 1
    total = places.total()
    if total < _ENOUGH:
        return []
    ((place, count),) = places.most_common(1)
    if count < _NEARLY_ALL * total:
        return []
    told = f"in {count} of {total} questions the key is option {place + 1}; was it filled in for all of them?"
    return [EntryError(where="file", path="key", message=told)]


# --- Nearly the same ------------------------------------------------------------------------------------------


def texts_of(question: Mapping[str, Any]) -> list[str]:
    """All that a student reads of a question as it is kept, which is what makes it this one and no other."""
    texts = [question["text"]]
    texts += [choice["text"] for side in ("left", "right") for choice in question.get(side, ())]
    texts += sorted(option["text"] for option in question.get("options", ()))
    if "image" in question:
        texts.append(question["image"])
    return texts


def alike(
    own: Iterable[tuple[str, Sequence[str]]], others: Iterable[tuple[str, Sequence[str]]] = ()
) -> list[EntryError]:
    """Warnings about questions that say nearly the same as one before them, or as one of the `others`.

    Of each it is given where it stands and its texts. In one pass: a text is compared with the few that share a bucket
    with it.
    """
    seen = _Seen()
    for where, texts in others:
        seen.add(_Signature(texts), where)
    found: list[EntryError] = []
    count = 0
    for where, texts in own:
        signature = _Signature(texts)
        near = seen.nearest(signature)
        seen.add(signature, where)
        if near is not None:
            count += 1
            if len(found) <= MOST_OF_A_SORT:
                how = "the same text as" if near[1] else "nearly the same text as"
                found.append(EntryError(where=where, path="text", message=f"{how} {near[0]}"))
    return _bounded(found, count, "are nearly the same as another")


class _Signature:
    """What of a text is compared: three-word pieces as hashes, and its numbers, which must be the same.

    `2 + 3` and `2 + 4` are different questions, however alike.
    """

    __slots__ = ("buckets", "pieces", "whole")

    def __init__(self, texts: Sequence[str]) -> None:
        said = unicodedata.normalize("NFKC", " ".join(texts)).lower().replace("ё", "е")
        # Signs make formulas different, too.
        words = _WORD.findall(said)
        signs = "".join(_SIGN.findall(said))
        numbers = zlib.crc32((" ".join(word for word in words if word[0].isdigit()) + signs).encode())
        marks = list(map(_MARKS.__getitem__, words))
        pieces = sorted(set(map(hash, zip(marks, marks[1:], marks[2:], strict=False)))) or [sum(marks)]
        self.whole = zlib.crc32(" ".join(words).encode(), numbers)
        self.pieces = array("q", pieces)
        # The least piece of each third of all that there can be, as likely to be the same as the texts are alike.
        self.buckets = [
            (at, numbers, pieces[bisect_left(pieces, bound) % len(pieces)]) for at, bound in enumerate(_THIRDS)
        ]

    def alike(self, other: _Signature) -> bool:
        mine, its = set(self.pieces), set(other.pieces)
        return len(mine & its) >= _ALIKE * len(mine | its)


class _Seen:
    def __init__(self) -> None:
        self._buckets: dict[tuple[int, int, int], list[tuple[str, _Signature]]] = {}
        self._wholes: dict[int, str] = {}

    def add(self, signature: _Signature, where: str) -> None:
        self._wholes.setdefault(signature.whole, where)
        for bucket in signature.buckets:
            held = self._buckets.setdefault(bucket, [])
            if len(held) < _COMPARED:
                held.append((where, signature))

    def nearest(self, signature: _Signature) -> tuple[str, bool] | None:
        """Where one like it stands, and whether it is just the same."""
        same = self._wholes.get(signature.whole)
        if same is not None:
            return same, True
        for bucket in signature.buckets:
            for where, other in self._buckets.get(bucket, ()):
                if signature.alike(other):
                    return where, False
        return None


def _bounded(found: list[EntryError], count: int, what: str) -> list[EntryError]:
    if len(found) <= MOST_OF_A_SORT:
        return found
    more = count - MOST_OF_A_SORT
    path = found[0].path
    return [*found[:MOST_OF_A_SORT], EntryError(where="file", path=path, message=f"and {more} more questions {what}")]
