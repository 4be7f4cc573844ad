"""What buttons bring back when they are pressed: small values, and the at most 64 bytes that carry them.

Telegram hands on whatever a client sends, so these bytes say only what somebody wants, never who they are: that is told
by Telegram beside them. Nothing in them is kept anywhere else, so a keyboard works for as long as it is on a screen.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal, TypeAlias, get_args

LONGEST: Final = 64
REMEMBERED: Final = 4_096  # of what is made again and again
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
"""Each stands for a place in a list of choices, of which no question has more than 26."""

Place = Literal[
    "menu",
    "subjects",
    "continue",
    "favorites",
    "mistakes",
    "statistics",
    "boards",
    "contests",
    "settings",
    "help",
    "name",
    "grade",
    "language",
    "link",
    "export",
    "erase",
    "erase-again",
    "erase-now",
    "broadcast",
]
Setting = Literal["language", "grade", "name", "notify", "days"]
SubjectVerb = Literal[
    "open",
    "quick",
    "favorites",
    "mistakes",
    "board",
    "setup",
    "size",
    "mode",
    "minutes",
    "topics",
    "topic",
    "kinds",
    "kind",
    "levels",
    "level",
    "only",
    "reset",
    "start",
    "weakest",
    "announced",
]
QuestionVerb = Literal["show", "pick", "done", "skip", "star", "unstar", "report", "finish", "finish-now"]
ReviewedVerb = Literal["star", "unstar", "report"]
ContestVerb = Literal["open", "join", "start"]
BroadcastVerb = Literal[
    "open", "rewrite", "everyone", "grade", "subject", "active", "start", "pause", "resume", "cancel"
]


@dataclass(frozen=True, slots=True)
class Go:
    """Open a screen."""

    place: Place


@dataclass(frozen=True, slots=True)
class Choose:
    """Set something of the profile, or of what is shown, to `value`."""

    setting: Setting
    value: str


@dataclass(frozen=True, slots=True)
class OfSubject:
    """Something about the subject that `token` stands for."""

    verb: SubjectVerb
    token: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class OfQuestion:
    """Something about the question that is being asked, if it is still the one that `token` stands for.

    `picked` is the response so far, in letters: what is ticked, the order so far, or the partner of each on the left.
    """

    verb: QuestionVerb
    token: str
    picked: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """Page `page` of a finished training: 0 is its summary, then its questions from 1."""

    training: str
    page: int = 0


@dataclass(frozen=True, slots=True)
class OfReviewed:
    """Something about the question on a page of a finished training's review."""

    verb: ReviewedVerb
    training: str
    page: int


@dataclass(frozen=True, slots=True)
class OfBroadcast:
    """Something about a mass message, which only an administrator can do."""

    verb: BroadcastVerb
    broadcast: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class OfContest:
    """Something about a contest."""

    verb: ContestVerb
    contest: int


Pressable: TypeAlias = Go | Choose | OfSubject | OfQuestion | Review | OfReviewed | OfBroadcast | OfContest

_TOKEN = r"([A-Za-z0-9_-]{8})"  # noqa: S105 no password
_FORMS: Final = {
    "g": re.compile(r"g:([a-z-]+)"),
    "c": re.compile(r"c:([a-z]+):([a-z0-9-]{0,8})"),
    "s": re.compile(rf"s:([a-z]+):{_TOKEN}:([A-Za-z0-9._-]{{0,32}})"),
    "q": re.compile(rf"q:([a-z-]+):{_TOKEN}:([a-z]{{0,26}})"),
    "b": re.compile(r"b:([a-z]+):([1-9][0-9]{0,17}):([A-Za-z0-9_-]{0,8})"),
    "o": re.compile(r"o:([a-z]+):([1-9][0-9]{0,17})"),
    "v": re.compile(r"v:([a-z]+):([1-9][0-9]{0,2}):([^\x00-\x20]+)"),
    "r": re.compile(r"r:(0|[1-9][0-9]{0,2}):([^\x00-\x20]+)"),
}
_PLACES: Final[dict[str, Place]] = {name: name for name in get_args(Place)}
_SETTINGS: Final[dict[str, Setting]] = {name: name for name in get_args(Setting)}
_SUBJECT_VERBS: Final[dict[str, SubjectVerb]] = {name: name for name in get_args(SubjectVerb)}
_QUESTION_VERBS: Final[dict[str, QuestionVerb]] = {name: name for name in get_args(QuestionVerb)}
_BROADCAST_VERBS: Final[dict[str, BroadcastVerb]] = {name: name for name in get_args(BroadcastVerb)}
_CONTEST_VERBS: Final[dict[str, ContestVerb]] = {name: name for name in get_args(ContestVerb)}
_REVIEWED_VERBS: Final[dict[str, ReviewedVerb]] = {name: name for name in get_args(ReviewedVerb)}


@lru_cache(REMEMBERED)
def encode(value: Pressable) -> bytes:
    """The data of a button. Raises ValueError for what is too long, and for values that no button can bring back."""
    data = _written(value)
    if len(data) > LONGEST:
        raise ValueError(f"{value} takes {len(data)} bytes; a button holds {LONGEST}")
    if decode(data) != value:
        raise ValueError(f"{value} would not come back as it is")
    return data


def decode(data: bytes) -> Pressable | None:
    """What a button meant; None: it is none of ours. Never raises."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    form = _FORMS.get(text[:1])
    found = form.fullmatch(text) if form is not None and len(data) <= LONGEST else None
    return None if found is None else _read(text[0], found)


def _written(value: Pressable) -> bytes:
    match value:
        case Go(place):
            text = f"g:{place}"
        case Choose(setting, chosen):
            text = f"c:{setting}:{chosen}"
        case OfSubject(verb, token, chosen):
            text = f"s:{verb}:{token}:{chosen}"
        case OfQuestion(verb, token, picked):
            text = f"q:{verb}:{token}:{picked}"
        case OfBroadcast(verb, broadcast, chosen):
            text = f"b:{verb}:{broadcast}:{chosen}"
        case OfContest(verb, contest):
            text = f"o:{verb}:{contest}"
        case OfReviewed(verb, training, page):
            text = f"v:{verb}:{page}:{training}"
        case Review(training, page):
            text = f"r:{page}:{training}"
    return text.encode("utf-8", "surrogatepass")  # what is no text does not come back


def _read(letter: str, found: re.Match[str]) -> Pressable | None:
    match letter:
        case "g":
            place = _PLACES.get(found[1])
            return None if place is None else Go(place)
        case "c":
            setting = _SETTINGS.get(found[1])
            return None if setting is None else Choose(setting, found[2])
        case "s":
            of_subject = _SUBJECT_VERBS.get(found[1])
            return None if of_subject is None else OfSubject(of_subject, found[2], found[3])
        case "q":
            of_question = _QUESTION_VERBS.get(found[1])
            return None if of_question is None else OfQuestion(of_question, found[2], found[3])
        case "v":
            of_reviewed = _REVIEWED_VERBS.get(found[1])
            return None if of_reviewed is None else OfReviewed(of_reviewed, found[3], int(found[2]))
        case "b":
            of_broadcast = _BROADCAST_VERBS.get(found[1])
            return None if of_broadcast is None else OfBroadcast(of_broadcast, int(found[2]), found[3])
        case "o":
            of_contest = _CONTEST_VERBS.get(found[1])
            return None if of_contest is None else OfContest(of_contest, int(found[2]))
    return Review(found[2], int(found[1]))


def token(*parts: object) -> str:
    """Eight letters that stand for these parts: two that a student meets have the same once in 2⁴⁸."""
    return urlsafe_b64encode(sha256("\0".join(map(str, parts)).encode()).digest()[:6]).decode()


@lru_cache(REMEMBERED)
def subject_token(slug: str) -> str:
    return token("subject", slug)


@lru_cache(REMEMBERED)  # each of a question's buttons holds it, and each press is compared with it
def question_token(training: str, question: str, skipped: int) -> str:
    """Stands for a question as it is asked now: when it comes back after being skipped, it is another."""
    return token("question", training, question, skipped)


def begin_subject(slug: str, broadcast: int | None) -> bytes:
    """The data of a button that begins a training in a subject, below this mass message."""
    return encode(OfSubject("announced", subject_token(slug), "" if broadcast is None else str(broadcast)))
