"""Refusals and mistakes as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import web
from multidict import CIMultiDict
from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from protocols.messages import FieldError, Invalid, Refusal, TooMany, Unauthenticated, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
SERVER: Final = "apo"

TITLES: Final[Mapping[int, str]] = {
    400: "Cannot be read",
    401: "No valid token",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Sent too slowly",
    409: "In conflict with what is kept",
    413: "Too large",
    415: "Media type not supported",
    417: "Expectation not supported",
    422: "Does not validate",
    429: "Too many requests",
    500: "Unforeseen failure",
    503: "Cannot accept now",
}


class Unreadable(Refusal):
    """What was sent is not even JSON, not multipart, or not HTTP."""

    status, title = 400, TITLES[400]


class TooSlow(Refusal):
    status, title = 408, TITLES[408]


class WrongMediaType(Refusal):
    status, title = 415, TITLES[415]


def problem(
    status: int,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    details: Mapping[str, JsonValue] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An answer that says what is wrong. `type` leads to its explanation on the docs page."""
    members: dict[str, JsonValue] = dict(details or {})
    members |= {
        "type": f"/api/docs#problem-{status}",
        "title": TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail,
    }
    listed: list[JsonValue] = [error.model_dump() for error in errors]
    if listed:
        members["errors"] = listed
    prepared = CIMultiDict(
        {
            "Content-Type": MEDIA_TYPE,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Server": SERVER,
        }
    )
    prepared.update(headers or {})
    # A sentence may quote what a client sent in a path, and that may hold half of a surrogate pair.
    body = json.dumps(members, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return web.Response(status=status, body=body, headers=prepared)


def of_refusal(refusal: Refusal) -> web.Response:
    headers: dict[str, str] = {}
    if isinstance(refusal, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="apo"'
    if isinstance(refusal, (TooMany, Unavailable)):
        headers["Retry-After"] = str(max(1, refusal.retry_after))
    errors = refusal.errors if isinstance(refusal, Invalid) else ()
    answer = problem(refusal.status, refusal.detail, errors=errors, details=refusal.details, headers=headers)
    if isinstance(refusal, TooSlow):
        answer.force_close()
    return answer


def field_errors(error: ValidationError, sent: object) -> list[FieldError]:
    """What pydantic found, by the places of `sent`.

    Where a value may take several forms, pydantic names each form that did not fit; here they are one error.
    """
    found: dict[str, list[str]] = {}
    items = error.errors(include_url=False, include_input=False, include_context=False)
    for item in items:
        if item["type"] == "too_short" and any(_is_within(other, item) for other in items):
            continue  # pydantic counts only the elements that are right
        path, message = _path(item, sent), _sentence(item["msg"])
        if not path and isinstance(sent, Mapping):
            # A validator of the whole names the field that it is about: `minutes: an exam needs …`.
            field, colon, rest = message.partition(": ")
            if colon and field.isidentifier():
                path, message = field, rest
        messages = found.setdefault(path, [])
        if message not in messages:
            messages.append(message)
    return [FieldError(path=path, message="; or: ".join(messages)) for path, messages in found.items()]


def _is_within(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    return len(inner["loc"]) > len(outer["loc"]) and inner["loc"][: len(outer["loc"])] == outer["loc"]


def _path(item: ErrorDetails, sent: object) -> str:
    """The dotted place in what was sent; pydantic's names for the forms of a union are left out."""
    parts: list[str] = []
    here = sent
    last = len(item["loc"]) - 1
    for index, part in enumerate(item["loc"]):
        if isinstance(here, Mapping):
            known, inner = part in here, here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            known, inner = part < len(here), here[part] if part < len(here) else None
        else:
            known, inner = False, None
        if known or (index == last and item["type"] == "missing"):
            parts.append(str(part))
            here = inner
    return ".".join(parts)


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    message = re.sub(
        r"^(?:Tuple|List|Set|Frozenset) should (.*?)(?: after validation.*)?$", r"Array should \1", message
    )
    return message[:1].upper() + message[1:] if message.startswith("input ") else message
