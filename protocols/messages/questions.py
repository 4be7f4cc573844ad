"""Questions and subjects: what a department writes and a student answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

import re2
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from protocols.messages.base import KINDS, Body, Finite, Kind, Language, Message, OwnId, Slug, Text, Weight

LARGEST_NUMBER = 2**53
DEEPEST_EXTRA = 10


def _kept_by_all(value: JsonValue, depth: int = DEEPEST_EXTRA) -> JsonValue:
    """Only what every database and every format keeps as it is."""
    if depth == 0:
        raise ValueError(f"is nested deeper than {DEEPEST_EXTRA}")
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ValueError(f"{value} is beyond 2**53, which not every program keeps exactly")
    if isinstance(value, dict):
        if any("\0" in name for name in value):
            raise ValueError("a name holds a NUL")
        for inner in value.values():
            _kept_by_all(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _kept_by_all(inner, depth - 1)
    return value


Extra = Annotated[dict[str, JsonValue], AfterValidator(_kept_by_all)]


class Choice(Message):
    """One thing to choose, order or match."""

    id: OwnId
    text: Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
    image: Text | None = None


ChoiceT = TypeVar("ChoiceT", bound=Choice)


class Option(Choice):
    """A choice of `single`, `multiple` or `order`; `weight` is its share of the score, `feedback` is told if chosen."""

    weight: Weight | None = None
    feedback: Text | None = None


class AcceptedText(Message):
    text: Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
    weight: Weight = 1.0
    feedback: Text | None = None


class TextKey(Message):
    """What a text answer may be; `pattern` is RE2, matched against the whole answer after it was made equal."""

    accept: Annotated[tuple[AcceptedText, ...], Field(max_length=200)] = ()
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    case_sensitive: bool = False

    @field_validator("accept", mode="before")
    @classmethod
    def _plain_strings(cls, value: object) -> object:
        if not isinstance(value, (list, tuple)):
            return value
        return [{"text": item} if isinstance(item, str) else item for item in value]

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            options = re2.Options()
            options.log_errors = False
            options.max_mem = 1 << 20
            try:
                re2.compile(value, options)
            except re2.error as error:
                reason = error.args[0].decode(errors="replace")
                raise ValueError(f"not a pattern that RE2 accepts: {value!r}: {reason}") from error
        return value

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.accept and self.pattern is None:
            raise ValueError("give at least one accepted answer in `accept`, or a `pattern`")
        return self


class NumberRange(Message):
    """Either `value` with `tolerance`, or the closed range from `min` to `max`."""

    value: Finite | None = None
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    min: Finite | None = None
    max: Finite | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.value is None) == (self.min is None and self.max is None):
            raise ValueError("give either `value` (and `tolerance`), or `min` and `max`")
        if self.value is None:
            if self.min is None or self.max is None:
                raise ValueError("a range needs both `min` and `max`")
            if self.min > self.max:
                raise ValueError(f"`min` {self.min} is above `max` {self.max}")
            if self.tolerance:
                raise ValueError("`tolerance` goes with `value`, not with a range")
        return self


class AcceptedNumber(NumberRange):
    weight: Weight = 1.0
    feedback: Text | None = None


class NumberKey(NumberRange):
    """One accepted number or range, or several of them with weights in `accept`."""

    accept: Annotated[tuple[AcceptedNumber, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.accept:
            if self.value is not None or self.min is not None or self.max is not None:
                raise ValueError("give either `accept`, or one `value` or range")
            return self
        NumberRange(value=self.value, tolerance=self.tolerance, min=self.min, max=self.max)
        return self


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(sorted(ids))


def _distinct(name: str, choices: Iterable[Choice]) -> set[str]:
    ids: set[str] = set()
    for choice in choices:
        if choice.id in ids:
            raise ValueError(f"{name}: the id {choice.id!r} stands twice")
        ids.add(choice.id)
    return ids


class QuestionBase(Message):
    """What all six kinds share. `id` is the department's own, unique in its subject."""

    id: OwnId
    topic: Slug
    difficulty: Annotated[int, Field(ge=1, le=5)]
    text: Body
    explanation: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")] = ""
    source: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] | None = None
    tags: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...], Field(max_length=50)
    ] = ()
    image: Text | None = None
    extra: Extra = Field(default_factory=dict)


Options = Annotated[tuple[Option, ...], Field(min_length=2, max_length=26)]


class SingleQuestion(QuestionBase):
    kind: Literal["single"] = "single"
    options: Options
    key: OwnId

    @model_validator(mode="after")
    def _key_names_an_option(self) -> Self:
        ids = _distinct("options", self.options)
        if self.key not in ids:
            raise ValueError(f"key: {self.key!r} is no option; the options are {_listed(ids)}")
        return self


class MultipleQuestion(QuestionBase):
    kind: Literal["multiple"] = "multiple"
    options: Options
    key: Annotated[tuple[OwnId, ...], Field(min_length=1, max_length=26)]

    @model_validator(mode="after")
    def _key_names_options(self) -> Self:
        ids = _distinct("options", self.options)
        for chosen in self.key:
            if chosen not in ids:
                raise ValueError(f"key: {chosen!r} is no option; the options are {_listed(ids)}")
        if len(set(self.key)) != len(self.key):
            raise ValueError("key: an option stands twice")
        weights = [option.weight for option in self.options if option.weight is not None]
        if weights and sum(weight for weight in weights if weight > 0) < 0.999:
            raise ValueError("options: the positive weights must add up to 1, or nobody can answer right")
        return self


class TextQuestion(QuestionBase):
    kind: Literal["text"] = "text"
    key: TextKey


class NumberQuestion(QuestionBase):
    kind: Literal["number"] = "number"
    key: NumberKey


class OrderQuestion(QuestionBase):
    kind: Literal["order"] = "order"
    options: Options
    key: tuple[OwnId, ...]

    @model_validator(mode="after")
    def _key_orders_every_option(self) -> Self:
        ids = _distinct("options", self.options)
        if len(self.key) != len(ids) or set(self.key) != ids:
            raise ValueError(f"key: must name each option once: {_listed(ids)}")
        return self


class MatchQuestion(QuestionBase):
    kind: Literal["match"] = "match"
    left: Annotated[tuple[Choice, ...], Field(min_length=1, max_length=26)]
    right: Annotated[tuple[Choice, ...], Field(min_length=1, max_length=26)]
    key: dict[OwnId, OwnId]

    @model_validator(mode="after")
    def _key_matches_every_left(self) -> Self:
        left, right = _distinct("left", self.left), _distinct("right", self.right)
        if set(self.key) != left:
            raise ValueError(f"key: must match each of {_listed(left)}")
        for name in self.key.values():
            if name not in right:
                raise ValueError(f"key: {name!r} is not on the right; there are {_listed(right)}")
        return self


Question: TypeAlias = Annotated[
    SingleQuestion | MultipleQuestion | TextQuestion | NumberQuestion | OrderQuestion | MatchQuestion,
    Field(discriminator="kind"),
]
AnyQuestion: TypeAlias = (
    SingleQuestion | MultipleQuestion | TextQuestion | NumberQuestion | OrderQuestion | MatchQuestion
)


def images_of(question: AnyQuestion) -> list[str]:
    """Every image that a question names, its own first."""
    choices: Iterable[Choice] = ()
    if isinstance(question, MatchQuestion):
        choices = chain(question.left, question.right)
    elif isinstance(question, (SingleQuestion, MultipleQuestion, OrderQuestion)):
        choices = question.options
    return [image for image in (question.image, *(choice.image for choice in choices)) if image is not None]


def with_images(question: AnyQuestion, names: Mapping[str, str]) -> AnyQuestion:
    """The same question with each image that `names` holds called by its new name."""
    if not names:
        return question

    def renamed(choice: ChoiceT) -> ChoiceT:
        return choice.model_copy(update={"image": names.get(choice.image or "", choice.image)})

    update: dict[str, object] = {"image": names.get(question.image or "", question.image)}
    if isinstance(question, MatchQuestion):
        update |= {"left": tuple(map(renamed, question.left)), "right": tuple(map(renamed, question.right))}
    elif isinstance(question, (SingleQuestion, MultipleQuestion, OrderQuestion)):
        update["options"] = tuple(map(renamed, question.options))
    return question.model_copy(update=update)


def _title(value: object) -> object:
    return {"ru": value} if isinstance(value, str) else value


_A_TITLE: dict[str, JsonValue] = {"type": "string", "minLength": 1, "maxLength": 200}
Title: TypeAlias = Annotated[
    dict[Language, Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]],
    Field(min_length=1),
    BeforeValidator(_title),
    WithJsonSchema(
        {
            "anyOf": [
                _A_TITLE,
                {
                    "type": "object",
                    "properties": {"ru": _A_TITLE, "en": _A_TITLE},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        }
    ),
]


class Titled(Message):
    """`title` is a string, or one per language: `{ru: …, en: …}`."""

    title: Title

    def title_in(self, language: Language) -> str:
        return self.title.get(language) or next(iter(self.title.values()))


class Topic(Titled):
    slug: Slug


class OwnField(Titled):
    """A field that a subject's questions carry in `extra`."""

    type: Literal["string", "integer", "number", "boolean"]
    required: bool = False
    enum: Annotated[tuple[str | int | float, ...], Field(min_length=1, max_length=200)] | None = None
    minimum: Finite | None = None
    maximum: Finite | None = None


class Subject(Titled):
    """A subject as data: adding one needs no code. `extra` is None where any own field is welcome."""

    slug: Slug
    topics: Annotated[tuple[Topic, ...], Field(max_length=500)]
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = KINDS
    extra: dict[Slug, OwnField] | None = None

    @model_validator(mode="after")
    def _distinct_topics(self) -> Self:
        slugs = [topic.slug for topic in self.topics]
        for slug in slugs:
            if slugs.count(slug) > 1:
                raise ValueError(f"topics: {slug!r} stands twice")
        return self
