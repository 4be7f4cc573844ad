"""The words that every message is made of."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Kind: TypeAlias = Literal["single", "multiple", "text", "number", "order", "match"]
Mode: TypeAlias = Literal["practice", "exam"]
Role: TypeAlias = Literal["student", "editor", "admin"]
Language: TypeAlias = Literal["ru", "en"]
Platform: TypeAlias = Literal["http", "web", "telegram"]
VerdictName: TypeAlias = Literal["correct", "partial", "wrong"]

KINDS: tuple[Kind, ...] = ("single", "multiple", "text", "number", "order", "match")
ROLES: tuple[Role, ...] = ("student", "editor", "admin")

# NUL cannot be stored by PostgreSQL, and a lone surrogate by nothing at all: neither is text.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
# A department's own id of a question or an option: anything that can stand in a path.
OwnId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20/\\?#%\x7f]{1,100}$")]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}$")]
Password = Annotated[str, StringConstraints(min_length=8, max_length=200, pattern=r"^[^\x00]*$")]
# Without what cannot be seen, or turns round what stands beside it.
PersonName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]*$",
    ),
]
Grade = Annotated[int, Field(ge=1, le=12)]
UserNumber = Annotated[int, Field(ge=1, lt=2**63)]  # as a database can hold it
Body = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=r"^[^\x00]*$")]
Weight = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Message(BaseModel):
    """A frozen value; a field that nobody knows is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=1_000_000)

    _all_fields: ClassVar[set[str]] = set()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        cls._all_fields = set(cls.model_fields)

    @classmethod
    def trusted(cls, /, **fields: object) -> Self:
        """Make it of all its fields, which are right already: to validate them again takes three times as long.

        For what the rules themselves computed and what a wire has validated; a test compares both ways.
        """
        message = object.__new__(cls)
        object.__setattr__(message, "__dict__", fields)
        _set_fields_set(message, cls._all_fields)
        _set_extra(message, None)
        _set_private(message, None)
        return message


# The slots of a model, without the detour by its `__setattr__`, which refuses because it is frozen.
_set_fields_set = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


class Command(Message):
    """Something a user asks for. `user` is the one who asks; `least_role` is what they must be."""

    least_role: ClassVar[Role] = "student"
    user: int


class Done(Message):
    """It is so, and there is nothing to tell."""
