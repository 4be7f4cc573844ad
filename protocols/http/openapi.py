"""The OpenAPI 3.1 document, made from the table of routes and the pydantic models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema, models_json_schema

from protocols.http.problems import MEDIA_TYPE, TITLES
from protocols.http.reading import IDEMPOTENCY_KEY, KEY_FORM
from protocols.http.route import BASE, Route
from protocols.http.routes import ROUTES
from protocols.messages import AnyQuestion, BankFormat, Download, File, Message, Slug

# `Any`: parts of a JSON document that goes out as it is.
Json = dict[str, Any]

VERSION: Final = "1"
SECURITY: Final = "token"
REF: Final = "#/components/schemas/{model}"

Mode = Literal["validation", "serialization"]
Wanted = tuple[type[BaseModel], Mode]
Refs = Mapping[Wanted, Json]


class Place(BaseModel):
    """One thing that is wrong: a dotted path into what was sent, and a sentence."""

    path: str
    message: str


class Problem(BaseModel):
    """RFC 9457. Further members may say more about this very case."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Place] = Field(default=[], description="Only where something does not validate.")


def _no_default(schema: Json) -> None:
    schema.pop("default")


class BankUpload(BaseModel):
    """A bank file, and what its name and content do not tell."""

    model_config = ConfigDict(extra="forbid")

    file: bytes = Field(json_schema_extra={"format": "binary"}, description="At most 32 MiB.")
    subject: Slug | SkipJsonSchema[None] = Field(default=None, json_schema_extra=_no_default)
    format: BankFormat | SkipJsonSchema[None] = Field(default=None, json_schema_extra=_no_default)


@cache
def document() -> Json:
    """The whole document; equal tables give equal documents."""
    wanted: dict[Wanted, None] = {
        (Problem, "validation"): None,
        (BankUpload, "validation"): None,
    }
    bodies = [None if route.whole_body else route.body_model for route in ROUTES]
    for route, body in zip(ROUTES, bodies, strict=True):
        if body is not None:
            wanted[body, "validation"] = None
        if route.reply not in (None, File, Download):
            wanted[route.reply, "serialization"] = None
    made, definitions = models_json_schema(list(wanted), ref_template=REF)
    refs: Refs = {key: made[key] for key in wanted}
    schemas: Json = definitions["$defs"]
    _sharpen(schemas)
    paths: Json = {}
    for route, body in zip(ROUTES, bodies, strict=True):
        schema = _members_of_a_question() if body is None else refs[body, "validation"]
        if body is not None:
            schemas[body.__name__].update(route.body_rule)
        paths.setdefault(BASE + route.path, {})[route.method.lower()] = _operation(route, schema, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "APO, a test trainer for school olympiads",
            "version": VERSION,
            "description": (
                "Open an account, get a token, start a training, answer its questions. Errors are "
                "`application/problem+json`. Lists are `{items, next}`: ask again with `after` = `next`. "
                "A method that a path does not know is refused with 405 and `Allow`."
            ),
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in ROUTES)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {f"Problem{status}": _problem(status) for status in TITLES},
            "securitySchemes": {
                SECURITY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The `token` that `POST /tokens` gives.",
                }
            },
        },
    }


def _sharpen(schema: object) -> None:
    """Takes out the length that bounds every string of a message, as no body can be so long; and says of
    maps what pydantic checks but does not write: that all their keys are of the pattern."""
    if isinstance(schema, dict):
        if schema.get("maxLength") == Message.model_config.get("str_max_length"):
            del schema["maxLength"]
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _sharpen(part)


def _members_of_a_question() -> Json:
    """The body that changes a question; which values fit depends on the question, and on its subject."""
    names = {name for kind in get_args(AnyQuestion) for name in kind.model_fields}
    return {
        "type": "object",
        "properties": dict.fromkeys(sorted(names), True),
        "additionalProperties": False,
    }


def _operation(route: Route, body: Json, refs: Refs) -> Json:
    operation: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "security": [{SECURITY: []}] if route.needs_token else [],
        "responses": _responses(route, refs),
    }
    if route.note:
        operation["description"] = route.note
    parameters = list(_parameters(route))
    if parameters:
        operation["parameters"] = parameters
    content = _content(route, body, refs)
    if content is not None:
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _operation_id(route: Route) -> str:
    words = [part.strip("{}").replace(".", "_") for part in route.path.split("/") if part]
    return "_".join([route.method.lower(), *words])


def _parameters(route: Route) -> Iterator[Json]:
    fields = route.message.model_json_schema()["properties"]
    for name in route.path_fields:
        bounded = {"minLength": 1, "maxLength": 200} | _plain(fields[name])
        yield {"name": name, "in": "path", "required": True, "schema": bounded}
    if "request" in route.message.model_fields:
        yield {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": KEY_FORM},
            "description": "Sent again with the same key, a request does nothing: it tells what the first made.",
        }
    model = route.query_model
    if model is None:
        return
    schema: Json = model.model_json_schema()
    for name, field in schema["properties"].items():
        required = name in schema.get("required", [])
        parameter: Json = {"name": name, "in": "query", "required": required, "schema": _plain(field)}
        if not required:
            parameter["allowEmptyValue"] = True
            parameter["description"] = "Empty means not given."
        yield parameter


def _plain(schema: Json) -> Json:
    """A schema of one value in a URL: no title, and no null, which cannot be written there."""
    plain = {key: value for key, value in schema.items() if key not in ("title", "anyOf")}
    for form in schema.get("anyOf", ()):
        if form.get("type") != "null":
            plain |= form
    _sharpen(plain)
    if plain.get("default", "") is None:
        del plain["default"]
    return plain


def _content(route: Route, body: Json, refs: Refs) -> Json | None:
    if route.upload:
        return {"multipart/form-data": {"schema": refs[BankUpload, "validation"]}}
    if not route.body_fields:
        return None
    media: Json = {"schema": body}
    if route.example is not None:
        media["example"] = route.example
    return {"application/json": media}


def _responses(route: Route, refs: Refs) -> Json:
    done: Json = {"description": {201: "Made", 204: "Done"}.get(route.status, "Here it is")}
    if route.reply in (File, Download):
        done["content"] = {media: {"schema": _file_schema(media)} for media in route.media}
    elif route.stream_until is not None:
        # What is in each event's `data`, OpenAPI 3.1 cannot say.
        done["content"] = {media: {"schema": {"type": "string"}} for media in route.media}
    elif route.reply is not None:
        done["content"] = {"application/json": {"schema": refs[route.reply, "serialization"]}}
    if route.location is not None:
        done["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    responses: Json = {str(route.status): done}
    for status in sorted(_refusals(route)):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    if route.conflict is not None:
        responses["409"] = _problem(409) | {"description": route.conflict}
    if route.missing is not None:
        responses["404"] = _problem(404) | {"description": route.missing}
    return dict(sorted(responses.items()))


def _refusals(route: Route) -> Iterator[int]:
    yield from (400, 422, 429, 503)
    if route.needs_token:
        yield from (401, 403)
    if route.path_fields:
        yield 404
    if route.body_fields or route.upload:
        yield from (408, 413)
    if route.upload:
        yield from (404, 415)
    if route.path == "/tokens":
        yield 401


def _file_schema(media: str) -> Json:
    return {} if media in ("application/json", "application/yaml") else {"type": "string", "format": "binary"}


def _problem(status: int) -> Json:
    response: Json = {
        "description": TITLES[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
    }
    header = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}.get(status)
    if header is not None:
        kind = "integer" if header == "Retry-After" else "string"
        response["headers"] = {header: {"required": True, "schema": {"type": kind}}}
    return response
