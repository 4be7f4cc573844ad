"""Why something was not done. Each says which value was wrong, where, and how to mend it; each changed nothing."""

from __future__ import annotations

from typing import ClassVar

from pydantic import JsonValue

from protocols.messages.base import Message


class FieldError(Message):
    """`path` is dotted, as in `filters.topics.0`; empty for the whole."""

    path: str
    message: str


class Refusal(Exception):
    """The base of them all. `details` are further members that a client may read, besides the sentence."""

    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(self, detail: str, **details: JsonValue) -> None:
        super().__init__(detail)
        self.detail = detail
        self.details = details


class Unauthenticated(Refusal):
    status, title = 401, "No valid token"


class Forbidden(Refusal):
    status, title = 403, "Not allowed"


class NotFound(Refusal):
    status, title = 404, "Not found"


class Conflict(Refusal):
    status, title = 409, "In conflict with what is kept"


class TooLarge(Refusal):
    status, title = 413, "Too large"


class Invalid(Refusal):
    """What was sent does not validate; `errors` name each place."""

    status, title = 422, "Does not validate"

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = (), **details: JsonValue) -> None:
        super().__init__(detail, **details)
        self.errors = errors


class TooMany(Refusal):
    """`retry_after` is in whole seconds."""

    status, title = 429, "Too many requests"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(Refusal):
    """Nothing was acknowledged; sending the same again after `retry_after` seconds is safe."""

    status, title = 503, "Cannot accept now"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
