"""What the service tells of itself, and what it answers to what it does not know."""

from __future__ import annotations

import asyncio
import re

import jsonschema_rs
import pytest

from protocols.messages import KINDS
from tests.api.banks import Bank, train
from tests.api.client import Client

SOON = 20.0


async def test_it_is_alive(guest: Client) -> None:
    assert (await guest.page("/healthz")).status == 200


async def test_it_can_accept_and_names_its_parts(guest: Client) -> None:
    ready = await guest.page("/readyz")
    async with asyncio.timeout(SOON):
        while "not begun yet" in str(ready.json["parts"]):  # right after the start
            await asyncio.sleep(0.1)
            ready = await guest.page("/readyz")
    assert ready.status == 200
    assert ready.json["status"] == "ok"
    assert set(ready.json["parts"].values()) == {"ok"}
    assert any("postgres" in part for part in ready.json["parts"])


async def test_it_tells_prometheus_what_it_does(guest: Client, student: Client, walk: Bank) -> None:
    await train(student, walk, {"single": "b"})
    told = await guest.page("/metrics")
    assert told.status == 200
    assert told.headers["Content-Type"].startswith("text/plain")
    line = r'^apo_http_request_seconds_count\{.*/trainings/\{training\}/answers".*\} (\S+)$'
    counted = re.findall(line, told.content.decode(), re.MULTILINE)
    assert sum(map(float, counted)) >= 1


async def test_metrics_name_nobody(guest: Client, student: Client, walk: Bank) -> None:
    training = await train(student, walk, {"single": "b"})
    told = (await guest.page("/metrics")).content.decode()
    assert student.login not in told
    assert f'"{training["id"]}"' not in told


async def test_the_front_door_is_the_pages(guest: Client) -> None:
    answer = await guest.page("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b'href="/register"' in answer.content


async def test_the_documentation_needs_no_outside_host(guest: Client) -> None:
    page = await guest.page("/api/docs")
    text = page.content.decode()
    for address in re.findall(r"""(?:src|href|action)\s*=\s*["']([^"']*)["']|url\(([^)]*)\)""", text):
        assert not re.match(r"\s*['\"]?(?:[a-z]+:)?//", "".join(address)), address
    for path in re.findall(r"""(?:src|href)="(/[^"#]*)""", text):
        assert (await guest.page(path)).status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_the_documentation_shows_every_call(guest: Client) -> None:
    text = (await guest.page("/api/docs")).content.decode()
    for path in (await guest.get("/openapi.json"))["paths"]:
        assert path in re.sub("<[^>]*>", "", text)


async def test_the_document_is_openapi_3_1(guest: Client) -> None:
    document = await guest.get("/openapi.json")
    assert document["openapi"].startswith("3.1.")
    for name in document["components"]["schemas"]:
        reference = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema_rs.validator_for(reference)
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["responses"]


CONTRACT = """
POST /users · POST /tokens · DELETE /tokens/current · GET /me · PATCH /me · DELETE /me · GET /me/export
POST /me/link · GET /subjects · GET /subjects/{} /schema · POST /trainings · GET /trainings
GET /trainings/{} · GET /trainings/current · POST /trainings/{} /answers · POST /trainings/{} /skip
POST /trainings/{} /finish · PUT /me/favorites/{} · DELETE /me/favorites/{} · POST /questions/{} /reports
GET /me/statistics · GET /me/statistics.svg · GET /me/statistics.png · GET /subjects/{} /leaderboard
GET /files/{} · POST /admin/bank/validate · POST /admin/bank/import · GET /admin/questions
GET /admin/questions/{} · PATCH /admin/questions/{} · DELETE /admin/questions/{}
"""


async def test_every_call_of_the_contract_is_in_the_document(guest: Client) -> None:
    document = await guest.get("/openapi.json")
    written = {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path.removeprefix('/api/v1'))}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    promised = {call.strip().replace("{} /", "{}/") for call in re.split("[·\n]", CONTRACT) if call.strip()}
    assert promised <= written


async def test_the_demo_bank_has_two_subjects_of_all_kinds(guest: Client, editor: Client) -> None:
    for subject in (await guest.get("/subjects"))["items"]:
        if subject["slug"] in ("mathematics", "biology"):
            assert subject["questions"] >= 40
            assert sum(topic["questions"] for topic in subject["topics"]) == subject["questions"]
            for kind in KINDS:
                query = f"subject={subject['slug']}&kind={kind}&limit=1"
                assert (await editor.get(f"/admin/questions?{query}"))["items"]


@pytest.mark.parametrize("path", ["/", "/nothing", "/users/1", "/../../nothing", "/../../etc/passwd", "/me/"])
async def test_an_unknown_path_is_404(guest: Client, path: str) -> None:
    await guest.refused(404, "GET", path)


async def test_a_method_that_a_path_does_not_know_is_405_and_says_which_it_knows(guest: Client) -> None:
    answer = await guest.call("DELETE", "/users")
    assert answer.status == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.json["status"] == 405


CALLS_WITH_A_BODY = [
    ("POST", "/users"),
    ("POST", "/tokens"),
    ("PATCH", "/me"),
    ("DELETE", "/me"),
    ("POST", "/trainings"),
    ("POST", "/trainings/1-1/answers"),
    ("POST", "/trainings/1-1/skip"),
    ("POST", "/questions/alg-001/reports"),
]

NOT_JSON = {
    "nothing": b"",
    "truncated": b'{"login": "ann',
    "a word": b"hello",
    "not UTF-8": b'{"login": "\xff\xfe"}',
    "NaN": b'{"grade": NaN}',
    "half a surrogate pair": b'{"login": "\\ud800"}',
    "two documents": b"{}{}",
    "bottomless": b'{"a":' * 10_000,
}


@pytest.mark.parametrize(("method", "path"), CALLS_WITH_A_BODY)
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_not_json_is_400(student: Client, method: str, path: str, body: bytes) -> None:
    await student.refused(400, method, path, data=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(("method", "path"), CALLS_WITH_A_BODY)
@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"', b"true"])
async def test_json_that_is_no_object_is_422(student: Client, method: str, path: str, body: bytes) -> None:
    await student.refused(422, method, path, data=body)


@pytest.mark.parametrize(("method", "path"), CALLS_WITH_A_BODY)
async def test_a_body_longer_than_any_call_needs_is_413(student: Client, method: str, path: str) -> None:
    await student.refused(413, method, path, data=b'{"a": "' + b"x" * 1_000_000 + b'"}')


async def test_a_list_is_asked_for_in_pages_of_one_to_a_hundred(student: Client) -> None:
    for limit in ("0", "101", "-1", "ten", "1.5", "9" * 30):
        told = await student.refused(422, "GET", f"/trainings?limit={limit}")
        assert [error["path"] for error in told["errors"]] == ["limit"]
    assert (await student.get("/trainings?limit=100")) == {"items": [], "next": None}


async def test_a_cursor_that_no_list_gave_is_422(student: Client) -> None:
    for cursor in ("x", "0", "-1", "MQ==", "%00", "9" * 300):
        told = await student.refused(422, "GET", f"/trainings?after={cursor}")
        assert [error["path"] for error in told["errors"]] == ["after"]
