"""The reference at `/api/docs`: one page made from the OpenAPI document. No script, no outside host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any, Final

from protocols.http.problems import TITLES

# `Any`: parts of the OpenAPI document, which is JSON.
Json = dict[str, Any]

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
STYLE: Final = files("protocols.http").joinpath("docs.css").read_bytes()

EXPLAINED: Final = {
    400: "The body is not JSON, not multipart, or the request is not well-formed HTTP.",
    401: "Send <code>Authorization: Bearer &lt;token&gt;</code> with a valid token.",
    403: "The account is blocked, or its role does not suffice.",
    404: "What the path names is unknown, or not yours.",
    405: "The path does not know the method; <code>Allow</code> lists those that it knows.",
    408: "The body came too slowly. Send it again.",
    409: "The request is right in itself, but does not go with what is kept. Nothing was changed.",
    413: "JSON bodies have at most 64 KiB, with a picture 14 MiB; bank files 32 MiB.",
    415: "A bank file is sent as <code>multipart/form-data</code>.",
    417: "The only expectation that can be met is <code>100-continue</code>.",
    422: "<code>errors</code> names each place that does not validate, and why. Nothing was changed.",
    429: "Wait for as many seconds as <code>Retry-After</code> says.",
    500: "A mistake of ours. Tell us its <code>incident</code>.",
    503: "Nothing was accepted. Sending the same again after <code>Retry-After</code> seconds is safe.",
}


def page(document: Json) -> str:
    """The whole page as HTML."""
    schemas = document["components"]["schemas"]
    tags = [tag["name"] for tag in document["tags"]]
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    menu, sections = [], []
    for tag in tags:
        own = [one for one in operations if tag in one[2]["tags"]]
        anchor = _anchor(tag)
        calls = "".join(
            f'<li><a href="#{operation["operationId"]}">{_call(method, path)}</a>' for method, path, operation in own
        )
        menu.append(f'<h2><a href="#{anchor}">{escape(tag)}</a></h2><ul>{calls}</ul>')
        body = "".join(_operation(method, path, operation, schemas) for method, path, operation in own)
        sections.append(f'<section id="{anchor}"><h2>{escape(tag)}</h2>{body}</section>')
    menu.append('<h2><a href="#problems">Problems</a></h2><h2><a href="#schemas">Schemas</a></h2>')
    links = "".join(menu)
    problems = "".join(
        f'<dt id="problem-{status}"><b>{status}</b> {escape(title)}</dt><dd>{EXPLAINED[status]}</dd>'
        for status, title in TITLES.items()
    )
    models = "".join(_schema(name, schema) for name, schema in sorted(schemas.items()))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>APO: the REST API</title>
<link rel="stylesheet" href="/api/docs/style.css">
</head>
<body>
<nav class="narrow" aria-label="Calls"><details><summary>All calls</summary>{links}</details></nav>
<nav class="wide" aria-label="Calls">{links}</nav>
<main>
<h1>APO: the REST API</h1>
<p>{_text(document["info"]["description"])}</p>
<p>The same for programs: <a href="/api/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<h2>From nothing to a verdict</h2>
<pre>{escape(FIRST_STEPS)}</pre>
{"".join(sections)}
<section id="problems"><h2>Problems</h2><dl>{problems}</dl></section>
<section id="schemas"><h2>Schemas</h2>{models}</section>
</main>
</body>
</html>
"""


KINDS: Final = {"integer": "whole number", "boolean": "true or false"}
FIRST_STEPS: Final = """API=http://127.0.0.1:8080/api/v1
JSON='Content-Type: application/json'
curl -H "$JSON" $API/users -d '{"login": "anna", "password": "correct horse", "name": "Anna"}'
curl -H "$JSON" $API/tokens -d '{"login": "anna", "password": "correct horse"}'
TOKEN=...           # "token" of the answer
curl $API/subjects
curl -H "$JSON" -H "Authorization: Bearer $TOKEN" $API/trainings -d '{"subject": "mathematics"}'
TRAINING=...        # "id" of the answer; the question stands in "question"
curl -H "$JSON" -H "Authorization: Bearer $TOKEN" $API/trainings/$TRAINING/answers \\
  -d '{"question": "...", "response": "..."}'"""


def _operation(method: str, path: str, operation: Json, schemas: Json) -> str:
    parts = [
        f'<article id="{operation["operationId"]}"><h3>{_call(method, path)}</h3>',
        f"<p>{escape(operation['summary'])}{'' if operation['security'] else ' <i>no token needed</i>'}</p>",
    ]
    if "description" in operation:
        parts.append(f"<p>{_text(operation['description'])}</p>")
    if "parameters" in operation:
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code> <small>{one['in']}</small></td>"
            f"<td>{_type(one['schema'])}</td></tr>"
            for one in operation["parameters"]
        )
        parts.append(f"<h4>Parameters</h4><table>{rows}</table>")
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h4>Body <small>{media}</small></h4>{_body(content['schema'], schemas)}")
    parts.append(f"<details><summary>Example</summary><pre>{escape(_curl(method, path, operation))}</pre></details>")
    rows = "".join(_response(status, response) for status, response in operation["responses"].items())
    parts.append(f"<h4>Answers</h4><table>{rows}</table></article>")
    return "".join(parts)


def _response(status: str, response: Json) -> str:
    if "$ref" in response or status >= "400":
        title = response.get("description", TITLES[int(status)])
        return f'<tr><td><a href="#problem-{status}">{status}</a></td><td>{escape(title)}</td></tr>'
    forms = [
        f"{_type(content['schema'])} <small>{media}</small>" for media, content in response.get("content", {}).items()
    ]
    return f"<tr><td>{status}</td><td>{'<br>'.join(forms) or escape(response['description'])}</td></tr>"


def _body(schema: Json, schemas: Json) -> str:
    if "$ref" not in schema:
        return f"<p>{_type(schema)}</p>"
    return _fields(schemas[_name(schema["$ref"])])


def _fields(schema: Json) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code>{'' if name in required else ' <small>optional</small>'}</td>"
        f"<td>{_type(field)}{_described(field)}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<table>{rows}</table>" if rows else f"<p>{_type(schema)}</p>"


def _schema(name: str, schema: Json) -> str:
    about = f"<p>{_text(schema['description'])}</p>" if "description" in schema else ""
    return f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>{about}{_fields(schema)}</article>'


def _described(field: Json) -> str:
    return f"<br><small>{_text(field['description'])}</small>" if "description" in field else ""


def _type(schema: Json) -> str:
    """A type in words: `whole number, 1 to 200, default 10`."""
    return ", ".join(_words(schema)) or "any JSON value"


def _words(schema: Json) -> Iterator[str]:
    if "$ref" in schema:
        name = escape(_name(schema["$ref"]))
        yield f'<a href="#schema-{name}">{name}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            yield " or ".join(_type(form) for form in schema[key])
    if "enum" in schema:
        yield " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    elif "const" in schema:
        yield f"<code>{escape(json.dumps(schema['const']))}</code>"
    elif schema.get("type") == "array":
        yield f"list of {_type(schema['items']) if 'items' in schema else 'anything'}"
    elif "type" in schema:
        kind = KINDS.get(schema["type"], str(schema["type"]))
        yield f"{kind} <small>{schema['format']}</small>" if "format" in schema else kind
    low = schema.get("minimum", schema.get("minLength", schema.get("minItems")))
    high = schema.get("maximum", schema.get("maxLength", schema.get("maxItems")))
    unit = " long" if "maxLength" in schema or "minLength" in schema else ""
    if low is not None and high is not None:
        yield f"{low:,} to {high:,}{unit}"
    elif low is not None:
        yield f"at least {low:,}{unit}"
    elif high is not None:
        yield f"at most {high:,}{unit}"
    if "pattern" in schema and schema["pattern"] != r"^[^\x00]*$":
        yield f"<code>{escape(schema['pattern'])}</code>"
    if schema.get("default") not in (None, [], {}):
        yield f"default <code>{escape(json.dumps(schema['default']))}</code>"


def _curl(method: str, path: str, operation: Json) -> str:
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media == "multipart/form-data":
            parts.append("-F file=@bank.yaml")
        else:
            example = json.dumps(content.get("example", {}), ensure_ascii=False)
            parts.append(f"-H 'Content-Type: {media}' -d '{example}'")
    parts.append("$API" + path.removeprefix("/api/v1").replace("{", "$").replace("}", ""))
    return " \\\n  ".join(parts)


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]


def _anchor(tag: str) -> str:
    return "tag-" + tag.lower().replace(" ", "-")


def _call(method: str, path: str) -> str:
    """A long path may break after its slashes."""
    broken = escape(path).replace("/", "/<wbr>")
    return f'<b class="{method.lower()}">{method}</b> <code>{broken}</code>'


def _text(text: str) -> str:
    """Plain text where `…` is code, as in the descriptions of the document."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
