"""What a call takes besides its path, as pydantic models derived from its message."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, StringConstraints, WithJsonSchema, create_model

from protocols.messages import FieldError, Message

# All lists are in the order of a number; its form is told, so that the document says what is a cursor.
Cursor = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")]
Search = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


def _decoded(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("Input should be a string of base64")  # noqa: TRY004  # pydantic takes no TypeError
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError as error:
        raise ValueError(f"Input should be base64: {error}") from None


Base64 = Annotated[bytes, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"})]

# At most as long as the longest 64-bit number: int() of more digits costs time and fits no field.
LONGEST_INTEGER: Final = 20


def derive(message: type[Message], suffix: str, names: Iterable[str], narrow: Mapping[str, Any]) -> type[BaseModel]:
    """The fields `names` of a message as a model of their own; `narrow` gives some a tighter type.

    `Any`: pydantic's own type for an annotation that is only known at run time.
    """
    fields: dict[str, Any] = {}
    for name in names:
        field = message.model_fields[name]
        if name not in narrow:
            fields[name] = (field.annotation, field)
        elif field.is_required():
            fields[name] = (narrow[name], ...)
        else:
            fields[name] = (narrow[name] | None, field.default)
    return create_model(f"{message.__name__}{suffix}", __base__=Message, **fields)


class QueryReader:
    """Reads a query string strictly: each name known and given once; an empty value means not given."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._names = frozenset(model.model_fields)
        properties = model.model_json_schema()["properties"]
        self._integers = frozenset(name for name in properties if "integer" in _types(properties[name]))
        self._booleans = frozenset(name for name in properties if "boolean" in _types(properties[name]))

    def read(self, pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, object], list[FieldError]]:
        values: dict[str, object] = {}
        errors: list[FieldError] = []
        seen: set[str] = set()
        for name, text in pairs:
            if name not in self._names:
                known = ", ".join(sorted(self._names))
                errors.append(FieldError(path=name, message=f"No such parameter; there are: {known}"))
            elif name in seen:
                errors.append(FieldError(path=name, message="Given more than once"))
            elif text:
                try:
                    values[name] = self._value(name, text)
                except ValueError as error:
                    errors.append(FieldError(path=name, message=str(error)))
            seen.add(name)
        return values, errors

    def _value(self, name: str, text: str) -> object:
        if name in self._integers:
            digits = text.removeprefix("-")
            if not (digits.isascii() and digits.isdigit() and len(text) <= LONGEST_INTEGER):
                raise ValueError("Input should be a whole number")
            return int(text)
        if name in self._booleans:
            if text not in ("true", "false"):
                raise ValueError("Input should be true or false")
            return text == "true"
        if "\x00" in text or not _is_text(text):
            raise ValueError("Input should be text without NUL and half surrogates")
        return text


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types of a schema. `Any`: a JSON Schema as pydantic makes it."""
    return {form.get("type", "") for form in schema.get("anyOf", [schema])}


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def can_name_something(text: str) -> bool:
    """Whether a part of a path can be an id at all; what cannot is unknown, and goes no further."""
    return len(text) <= 200 and text.isprintable()
