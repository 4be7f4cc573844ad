"""A subject, which is data, compiled to pydantic models and published as JSON Schema."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, create_model
from pydantic_core import PydanticCustomError

from protocols.messages import (
    AnyQuestion,
    Kind,
    MatchQuestion,
    MultipleQuestion,
    NumberQuestion,
    OrderQuestion,
    OwnField,
    QuestionBase,
    SingleQuestion,
    Slug,
    Subject,
    TextQuestion,
)

BASES: Mapping[Kind, type[AnyQuestion]] = MappingProxyType(
    {
        "single": SingleQuestion,
        "multiple": MultipleQuestion,
        "text": TextQuestion,
        "number": NumberQuestion,
        "order": OrderQuestion,
        "match": MatchQuestion,
    }
)

LARGEST = 2**53  # of whole numbers: all formats and programs keep these exactly
_SCALARS: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}

_DESCRIPTIONS = {
    "id": "The department's own id. Of a question: unique in the subject, the same at every import.",
    "kind": "How the question is answered.",
    "difficulty": "1 is easy, 5 is hard.",
    "text": "A safe subset of Markdown, with formulas as $...$.",
    "explanation": "Told after the answer; Markdown and $...$ formulas.",
    "source": "Where the question comes from.",
    "tags": "Words to find the question by.",
    "image": "A picture: a path beside the bank file, a data: URI, or the id of a stored file.",
    "options": "What there is to choose from or to put in order.",
    "left": "What is to be matched.",
    "right": "What it can be matched with; some may be left over.",
    "key": "The right answer.",
    "extra": "The subject's own fields.",
    "weight": "Share of the score, from -1 to 1; where the question has weights at all.",
    "feedback": "Told to a student who gave this answer.",
    "accept": "Answers that are accepted; in `text` questions a plain string will do.",
    "pattern": "An RE2 pattern that the whole answer may match instead.",
    "case_sensitive": "Whether upper and lower case are told apart.",
    "tolerance": "How far from `value` is still right.",
}


def question_models(subject: Subject) -> Mapping[Kind, type[QuestionBase]]:
    """For each kind that the subject allows, the model of its questions.

    The topic is one of the subject's, and `extra` is a model of its own fields. Compiled once per subject.
    """
    return _compiled(subject.model_dump_json())[0]


def question_model(subject: Subject) -> TypeAdapter[QuestionBase]:
    """One question of the subject, of any allowed kind. Compiled once per subject."""
    return _compiled(subject.model_dump_json())[1]


def json_schema(subject: Subject) -> dict[str, JsonValue]:
    """The JSON Schema (2020-12) of one question of the subject, as it stands in a bank file."""
    schema: dict[str, Any] = question_model(subject).json_schema()
    for definition in schema.get("$defs", {}).values():
        _describe(definition)
    _describe(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{subject.title_in('ru')}: one question",
        "description": f"A question in the bank of the subject `{subject.slug}`.",
        **{name: part for name, part in schema.items() if name not in ("title", "description")},
    }


@lru_cache(maxsize=64)
def _compiled(declared: str) -> tuple[Mapping[Kind, type[QuestionBase]], TypeAdapter[QuestionBase]]:
    # A subject holds mappings and so cannot be a key of the cache; its JSON can.
    subject = Subject.model_validate_json(declared)
    fields: dict[str, Any] = {"topic": (_topic(subject), ...)}
    if subject.extra is not None:
        own = _own_fields(subject.extra)
        if any(field.required for field in subject.extra.values()):
            fields["extra"] = (own, ...)
        else:
            fields["extra"] = (own, Field(default_factory=own))
    models: dict[Kind, type[QuestionBase]] = {}
    for kind in subject.kinds:
        base = BASES[kind]
        members: dict[str, Any] = {"kind": (Literal[kind], ...), **fields}
        models[kind] = create_model(base.__name__, __base__=base, __doc__=f"A question of kind {kind}.", **members)
    # The union is made at run time, which the type checker cannot follow.
    union: Any = reduce(operator.or_, models.values())
    if len(models) > 1:
        union = Annotated[union, Field(discriminator="kind")]
    return MappingProxyType(models), TypeAdapter(union)


def _topic(subject: Subject) -> Any:
    titles = {topic.slug: topic.title_in("ru") for topic in subject.topics}

    def one_of_its_topics(slug: str) -> str:
        if slug not in titles:
            raise PydanticCustomError(
                "topic",
                "{wrong} is no topic of `{subject}`; use one of {known}, or add it to `topics`",
                {"wrong": repr(slug), "subject": subject.slug, "known": ", ".join(titles) or "(none yet)"},
            )
        return slug

    choices: list[JsonValue] = [{"const": slug, "title": title} for slug, title in titles.items()]
    listed = Field(description="One of the subject's topics.", json_schema_extra={"oneOf": choices} if choices else {})
    return Annotated[Slug, AfterValidator(one_of_its_topics), listed]


def _own_fields(declared: Mapping[str, OwnField]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, own in declared.items():
        title = own.title_in("ru")
        if own.enum is not None:
            value: Any = Annotated[_SCALARS[own.type], AfterValidator(_one_of(own.enum))]
            listed = Field(title=title, json_schema_extra={"enum": list(own.enum)})
        else:
            value = _SCALARS[own.type]
            listed = Field(title=title)
        if own.type == "integer":
            low = -LARGEST if own.minimum is None else max(own.minimum, -LARGEST)
            high = LARGEST if own.maximum is None else min(own.maximum, LARGEST)
            value = Annotated[value, Field(ge=low, le=high)]
        elif own.type == "number":
            value = Annotated[value, Field(ge=own.minimum, le=own.maximum, allow_inf_nan=False)]
        elif own.type == "string":
            value = Annotated[value, Field(max_length=1000)]
        # A field of a model may not begin with an underscore or shadow a method: the name goes by an alias.
        attribute = f"own_{len(fields)}"
        if own.required:
            fields[attribute] = (Annotated[value, listed, Field(alias=name)], ...)
        else:
            fields[attribute] = (Annotated[value | None, listed, Field(alias=name)], None)
    config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
    return create_model("Extra", __config__=config, __doc__="The subject's own fields.", **fields)


def _one_of(allowed: tuple[str | int | float, ...]) -> Any:
    def one_of(value: object) -> object:
        if value not in allowed:
            raise PydanticCustomError(
                "own_enum",
                "{wrong} is not allowed; one of {known}",
                {"wrong": repr(value), "known": ", ".join(str(item) for item in allowed)},
            )
        return value

    return one_of


def _describe(definition: dict[str, Any]) -> None:
    for name, member in definition.get("properties", {}).items():
        if name in _DESCRIPTIONS and "description" not in member:
            member["description"] = _DESCRIPTIONS[name]
    accept = definition.get("properties", {}).get("accept")
    if accept is not None and "case_sensitive" in definition["properties"]:
        accept["items"] = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 4096}, accept["items"]]}
