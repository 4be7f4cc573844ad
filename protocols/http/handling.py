"""Makes the one handler of each route, when the service starts.

The handler is flat on purpose: a request with a body that came with its head reaches the router without
a task, a middleware or a second validation.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final, Protocol

import structlog
from aiohttp import web
from multidict import CIMultiDict
from pydantic import SecretStr, ValidationError
from pydantic_core import to_json

from protocols.http import problems, reading
from protocols.http.begun import Begun
from protocols.http.dispatching import PATH
from protocols.http.downloads import downloading
from protocols.http.inputs import QueryReader, can_name_something
from protocols.http.measuring import Requests
from protocols.http.route import BASE, Route
from protocols.http.streaming import Streams
from protocols.http.writing import json_of
from protocols.messages import (
    ROLES,
    Authenticate,
    Caller,
    Command,
    Download,
    File,
    Forbidden,
    Invalid,
    Message,
    NotFound,
    Refusal,
    Skipped,
    TooLarge,
    Unavailable,
    Verdict,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

UPLOADS_AT_ONCE: Final = 2
# A picture of the bank may be SVG from anywhere: it may draw, and nothing else.
FILE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

_log = structlog.get_logger("apo.http")
_level = logging.getLogger("apo.http")


class Router(Protocol):
    """All that this wire knows of the service."""

    async def ask(self, message: Message, /) -> Message:
        """The reply to a message. Raises a `Refusal`."""
        ...

    def caller(self, token: str, /) -> Caller | None:
        """Whom a token stands for, if that is in memory; None: ask `Authenticate`."""
        ...


def make(
    route: Route,
    router: Router,
    requests: Requests,
    uploads: asyncio.Semaphore,
    streams: Streams,
    address_of: Callable[[web.Request], str],
) -> Handler:
    """The handler of one route. `uploads` bounds how many files are held in memory at once."""
    ask, known = router.ask, router.caller
    needs_token, needs_address = route.needs_token, "address" in route.message.model_fields
    role = route.message.least_role if issubclass(route.message, Command) else "student"
    allowed_roles = frozenset(ROLES[ROLES.index(role) :])
    head = _head_reader(route)
    body = _body_reader(route)
    closes_token = "token" in route.fixed
    takes_key = "request" in route.message.model_fields
    validate = _maker(route)
    respond = _responder(route)
    observe = requests.of(route.method, BASE + route.path)
    until, as_json = route.stream_until, route.reply.__pydantic_serializer__.to_json if route.reply else None

    async def answer(request: web.Request) -> web.StreamResponse:
        values: dict[str, object] = {}
        if needs_token:
            header = request.headers.get("Authorization")
            token = header[7:] if header is not None and header[:7] == "Bearer " else reading.bearer(header)
            caller = known(token)
            if caller is None:
                token = reading.bearer(header)
                caller = await _identify(ask, token)
            if caller.role not in allowed_roles:
                # Before the body is read: who may not upload shall not fill the memory.
                raise Forbidden(f"this call is for the role {role!r}, and yours is {caller.role!r}")
            values["user"] = caller.user
        if needs_address:
            values["address"] = address_of(request)
        if takes_key and (key := request.headers.get(reading.IDEMPOTENCY_KEY)) is not None:
            values["request"] = reading.idempotency_key(key)
        head(request, values)
        if body is not None:
            content = request.content
            if content.is_eof():
                body(reading.arrived(content), values)
            elif route.body_limit == reading.JSON_LIMIT:
                body(await reading.slow_body(content), values)
            else:
                async with admitted(uploads):
                    body(await reading.slow_body(content, route.body_limit), values)
        if closes_token:
            values["token"] = SecretStr(token)
        if until is not None and as_json is not None:
            message = _message(validate, values, route)

            async def ask_again() -> Message:
                if known(token) is None:
                    await _identify(ask, token)
                return await ask(message)

            return await streams.answer(request, ask_again, as_json, until)
        if not route.upload:
            return respond(await ask(_message(validate, values, route)))
        async with admitted(uploads):
            values |= await reading.upload(request)
            return respond(await ask(_message(validate, values, route)))

    return guarded(answer, observe)


@asynccontextmanager
async def admitted(uploads: asyncio.Semaphore) -> AsyncIterator[None]:
    """Raises `Unavailable` rather than let large bodies wait in memory."""
    if uploads.locked():
        raise Unavailable("other files are being uploaded; try again soon", retry_after=5)
    async with uploads:
        yield


def guarded(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], observe: Callable[[int, float], None]
) -> Handler:
    """Turns whatever `answer` raises into a problem, and notes status and time."""

    async def handle(request: web.Request) -> web.StreamResponse:
        started = perf_counter()
        response: web.StreamResponse
        try:
            response = await answer(request)
        except Refusal as refusal:
            response = problems.of_refusal(refusal)
        except web.RequestPayloadError as error:
            response = problems.of_refusal(problems.Unreadable(f"the body is not well-formed HTTP: {error}"))
        except ConnectionError:
            # The client left; aiohttp closes the connection and nobody is there to be told.
            raise
        except Exception:
            incident = secrets.token_hex(8)
            _log.exception("request failed", incident=incident, method=request.method, path=request.path)
            response = problems.problem(
                500,
                "something failed here that should not; tell us the incident",
                details={"incident": incident},
            )
        seconds = perf_counter() - started
        observe(response.status, seconds)
        if _level.isEnabledFor(logging.DEBUG):
            _log.debug(
                "request",
                method=request.method,
                path=request.path,
                status=response.status,
                milliseconds=round(seconds * 1000, 3),
            )
        return response

    return handle


async def _identify(ask: Callable[[Message], Awaitable[Message]], token: str) -> Caller:
    caller = await ask(Authenticate(token=SecretStr(token)))
    if not isinstance(caller, Caller):
        raise TypeError(f"the reply to Authenticate is a {type(caller).__name__}, not a Caller")
    return caller


def _head_reader(route: Route) -> Callable[[web.Request, dict[str, object]], None]:
    """Fills in what `fixed`, the path and the query give. Raises `NotFound`, `Invalid`."""
    path_fields, fixed = route.path_fields, dict(route.fixed)
    model = route.query_model
    query = QueryReader(model) if model else None
    narrowed = model if route.narrow else None

    def read(request: web.Request, values: dict[str, object]) -> None:
        if fixed:
            values |= fixed
        if path_fields:
            match = request[PATH]
            for name in path_fields:
                value = match[name]
                if not can_name_something(value):
                    raise NotFound(f"there is no such {name}")
                values[name] = value
        if query is not None:
            given, errors = query.read(request.query.items())
            if errors:
                raise Invalid("the query does not validate", tuple(errors))
            if narrowed is not None:
                _message(narrowed.__pydantic_validator__.validate_python, given, route)
            values |= given
        elif request.rel_url.raw_query_string:
            raise Invalid("this call takes no query parameters")

    return read


def _body_reader(route: Route) -> Callable[[bytes, dict[str, object]], None] | None:
    """Fills in what a JSON body gives; None where none is taken.

    Raises `Unreadable`, `TooLarge`, `Invalid`.
    """
    model = route.body_model
    if model is None:
        return None
    whole_body, limit = route.whole_body, route.body_limit
    validate = model.__pydantic_validator__.validate_json

    def read(raw: bytes, values: dict[str, object]) -> None:
        if whole_body is not None:
            values[whole_body] = reading.json_object(raw)
            return
        if len(raw) > limit:
            raise TooLarge(f"the body is longer than {limit} bytes")
        # The message alone would take 0 for false and "5" for 5, and let a client give fields such as `user`.
        try:
            given = validate(raw, strict=True)
        except ValidationError:
            body = reading.whole_numbers(reading.json_object(raw, limit))
            try:
                given = validate(to_json(body), strict=True)
            except ValidationError as error:
                raise _invalid(error, body, route) from None
        found = vars(given)
        for name in given.model_fields_set:
            values[name] = found[name]

    return read


def _maker(route: Route) -> Callable[[dict[str, object]], Message]:
    """Makes the message of what head and body gave, validating it once more where that can still fail."""
    message = route.message
    fields = message.model_fields
    given = {"user", *route.path_fields, *route.body_fields}
    rest = fields.keys() - given
    if (
        rest == {"platform"}
        and not message.__pydantic_decorators__.model_validators
        and not any(field.metadata for name, field in fields.items() if name in route.path_fields)
        and all(fields[name].is_required() for name in given)
    ):
        platform = fields["platform"].default
        return lambda values: message.trusted(platform=platform, **values)
    return message.__pydantic_validator__.validate_python


def _message(validate: Callable[[dict[str, object]], Message], values: dict[str, object], route: Route) -> Message:
    """Raises `NotFound` where the path itself cannot be, `Invalid` where anything else does not validate."""
    try:
        return validate(values)
    except ValidationError as error:
        raise _invalid(error, values, route) from None


def _invalid(error: ValidationError, sent: dict[str, object], route: Route) -> Refusal:
    found = problems.field_errors(error, sent)
    for one in found:
        if one.path in route.path_fields:
            return NotFound(f"there is no such {one.path}")
    return Invalid("what was sent does not validate", tuple(found))


def _responder(route: Route) -> Callable[[Message], web.StreamResponse]:
    """Makes a reply an answer; the headers that never change are prepared once."""
    status, location, expected = route.status, route.location, route.reply
    headers = CIMultiDict(
        {"X-Content-Type-Options": "nosniff", "Cache-Control": route.cache, "Server": problems.SERVER}
    )
    if expected is None:
        return lambda reply: web.Response(status=status, headers=headers)
    if expected is File:
        headers["Content-Security-Policy"] = FILE_POLICY

        def file(reply: Message) -> web.Response:
            if not isinstance(reply, File):
                raise TypeError(f"the reply to {route.message.__name__} is a {type(reply).__name__}, not a File")
            return web.Response(body=reply.content, status=status, headers=headers, content_type=reply.media_type)

        return file

    if expected is Download:
        headers["Content-Security-Policy"] = FILE_POLICY
        return lambda reply: downloading(reply, headers)

    headers["Content-Type"] = "application/json"
    # Reaching for the serializer itself spares model_dump_json's keyword handling, a third of its time.
    serialize = json_of if expected is Verdict or expected is Skipped else expected.__pydantic_serializer__.to_json

    if location is None:
        begun = Begun(status, headers)
        return lambda reply: begun.response(serialize(reply))

    def created(reply: Message) -> web.StreamResponse:
        response = web.Response(body=serialize(reply), status=status, headers=headers)
        response.headers["Location"] = location.format_map(vars(reply))
        return response

    return created
