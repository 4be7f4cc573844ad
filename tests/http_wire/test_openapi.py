"""The document and the server say the same."""

from __future__ import annotations

import json

import jsonschema_rs

from protocols.http.openapi import document
from protocols.http.route import BASE
from protocols.http.routes import ROUTES
from tests.http_wire.stand import Client


async def test_the_document_is_served(client: Client) -> None:
    response, body = await client.call("GET", f"{BASE}/openapi.json", token=None)
    assert response.headers["Content-Type"].startswith("application/json")
    assert json.loads(body) == document()


def test_every_call_of_the_table_is_in_the_document() -> None:
    written = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert written == {(route.method, BASE + route.path) for route in ROUTES}


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere() -> None:
    whole = document()
    for name in whole["components"]["schemas"]:
        jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": whole["components"]})


def test_operation_ids_differ() -> None:
    ids = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids) == len(ROUTES)


def test_a_call_needs_a_token_if_and_only_if_the_document_says_so() -> None:
    whole = document()
    for route in ROUTES:
        operation = whole["paths"][BASE + route.path][route.method.lower()]
        assert bool(operation["security"]) == route.needs_token
        assert ("403" in operation["responses"]) == route.needs_token


def test_examples_validate() -> None:
    whole = document()
    for path in whole["paths"].values():
        for operation in path.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                schema = content["schema"] | {"components": whole["components"]}
                assert jsonschema_rs.validator_for(schema).is_valid(content["example"]), operation["operationId"]
