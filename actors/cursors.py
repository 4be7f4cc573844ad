"""The `after` of lists in the order of a number."""

from __future__ import annotations

from protocols.messages import FieldError, Invalid


def number(cursor: str | None) -> int | None:
    """Raises Invalid on a cursor that is none."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        problem = "It is not a `next` of this list"
        raise Invalid(f"The query does not validate: after: {problem}", (FieldError(path="after", message=problem),))
    return int(cursor)
