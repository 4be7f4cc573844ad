"""Whatever cannot be done is told as problem+json, and nothing that a client sends is a 500."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from protocols import messages as m
from tests.http_wire.stand import Client

API = "/api/v1"
ANSWERS = f"{API}/trainings/7-1/answers"
REFUSALS = [
    m.Unauthenticated("no"),
    m.Forbidden("no"),
    m.NotFound("no"),
    m.Conflict("no", filters={"topics": 3}),
    m.TooLarge("no"),
    m.Invalid("no", (m.FieldError(path="response", message="choose an option"),)),
    m.TooMany("no", retry_after=30),
    m.Unavailable("no", retry_after=2),
]


# `Any`: members of a JSON document.
def problem(response: aiohttp.ClientResponse, body: bytes, status: int) -> dict[str, Any]:
    assert response.status == status, body
    assert response.headers["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = json.loads(body)
    assert told["status"] == status
    assert {"type", "title", "detail"} <= told.keys()
    return told


def part(name: str, content: bytes) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--b--\r\n"


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
async def test_each_refusal_is_a_problem(client: Client, refusal: m.Refusal) -> None:
    client.router.replies[m.GiveAnswer] = refusal
    response, body = await client.call("POST", ANSWERS, json={"question": "q", "response": "b"})
    told = problem(response, body, refusal.status)
    assert told["detail"] == "no"
    assert told.items() >= refusal.details.items()
    assert ("Retry-After" in response.headers) == (refusal.status in (429, 503))
    assert ("WWW-Authenticate" in response.headers) == (refusal.status == 401)
    if isinstance(refusal, m.Invalid):
        assert told["errors"] == [{"path": "response", "message": "choose an option"}]


async def test_an_unforeseen_failure_tells_an_incident_and_nothing_else(client: Client) -> None:
    client.router.replies[m.GiveAnswer] = RuntimeError("the password of the database is swordfish")
    response, body = await client.call("POST", ANSWERS, json={"question": "q", "response": "b"})
    assert problem(response, body, 500)["incident"]
    assert b"swordfish" not in body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"question": "\\ud800", "response": "b"}',
        b'{"question": "q", "response": NaN}',
        b'{"question": "q", "response": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
    ids=["empty", "cut", "not utf-8", "half a surrogate pair", "nan", "nested"],
)
async def test_what_is_not_json_is_400(client: Client, body: bytes) -> None:
    response, told = await client.call("POST", ANSWERS, data=body)
    problem(response, told, 400)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("[]", None),
        ('{"response": "b"}', "question"),
        ('{"question": "q"}', "response"),
        ('{"question": "q", "response": null}', "response"),
        ('{"question": "q", "response": true}', "response"),
        ('{"question": "q", "response": [1]}', "response.0"),
        (f'{{"question": "q", "response": {"9" * 4000}}}', "response"),
        ('{"question": "q", "response": 1e999}', "response"),
        ('{"question": "q", "response": "b", "user": 8}', "user"),
        ('{"question": "q", "response": "b", "platform": "web"}', "platform"),
    ],
)
async def test_what_does_not_validate_is_422_with_its_place(client: Client, body: str, path: str | None) -> None:
    response, told = await client.call("POST", ANSWERS, data=body)
    errors = problem(response, told, 422)["errors"]
    assert path is None or path in [error["path"] for error in errors]
    assert client.router.asked == []


@pytest.mark.parametrize("body", [{"notifications": 0}, {"grade": "9"}, {"grade": 9.5}, {"name": 5}])
async def test_nothing_is_taken_for_something_like_it(client: Client, body: dict[str, object]) -> None:
    response, told = await client.call("PATCH", f"{API}/me", json=body)
    assert problem(response, told, 422)["errors"][0]["path"] in body


async def test_a_rule_about_the_whole_names_its_field(client: Client) -> None:
    response, told = await client.call("POST", f"{API}/trainings", json={"subject": "biology", "mode": "exam"})
    assert [error["path"] for error in problem(response, told, 422)["errors"]] == ["minutes"]


async def test_a_password_is_never_repeated(client: Client) -> None:
    body = {"login": "!", "password": "swordfish", "name": "A", "more": "swordfish"}
    response, told = await client.call("POST", f"{API}/users", token=None, json=body)
    problem(response, told, 422)
    assert b"swordfish" not in told


@pytest.mark.parametrize(
    "query",
    ["days=0", "days=1.0", "days=x", "days=1_0", "days=99999999999999999999999", "days=1&days=2", "nope=1",
     "subject=%00"],
)  # fmt: skip
async def test_a_query_is_read_strictly(client: Client, query: str) -> None:
    response, told = await client.call("GET", f"{API}/me/statistics?{query}")
    problem(response, told, 422)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ", "Basic YTpi", "Bearer unknown", "Bearer пароль"])
async def test_no_token_or_a_wrong_one_is_401(client: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response, told = await client.call("GET", f"{API}/me", token=None, headers=headers)
    problem(response, told, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_the_scheme_of_a_token_may_be_in_any_case(client: Client) -> None:
    response, _ = await client.call("GET", f"{API}/me", token=None, headers={"Authorization": "bearer student-token"})
    assert response.status == 200


async def test_a_student_may_not_upload_and_is_told_before_sending(client: Client) -> None:
    response, told = await client.call("POST", f"{API}/admin/bank/import", data=b"x" * 100_000)
    problem(response, told, 403)
    assert client.router.asked == []


@pytest.mark.parametrize("path", ["/nowhere", f"{API}/nowhere", f"{API}/trainings/7-1/answers/more"])
async def test_an_unknown_path_is_404(client: Client, path: str) -> None:
    response, told = await client.call("GET", path)
    problem(response, told, 404)


@pytest.mark.parametrize("path", [f"{API}/trainings/%00", f"{API}/trainings/a%0Ab", f"{API}/subjects/%D0%AF/schema"])
async def test_what_can_be_no_id_is_404(client: Client, path: str) -> None:
    response, told = await client.call("GET", path)
    problem(response, told, 404)


async def test_an_unknown_method_is_405_with_what_is_allowed(client: Client) -> None:
    response, told = await client.call("PUT", f"{API}/me")
    problem(response, told, 405)
    assert response.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"


async def test_options_tells_what_is_allowed(client: Client) -> None:
    response, told = await client.call("OPTIONS", f"{API}/users")
    assert (response.status, told, response.headers["Allow"]) == (204, b"", "OPTIONS, POST")
    response, told = await client.call("OPTIONS", f"{API}/nowhere")
    problem(response, told, 404)


async def test_a_long_body_is_413(client: Client) -> None:
    response, told = await client.call("POST", ANSWERS, data=b'"' + b"x" * 70_000 + b'"')
    problem(response, told, 413)


async def test_a_body_without_a_length_is_counted_too(client: Client) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 10_000

    response, told = await client.call("POST", ANSWERS, data=endless())
    problem(response, told, 413)


@pytest.mark.parametrize("known_length", [True, False])
async def test_a_bank_over_the_limit_is_413(client: Client, known_length: bool) -> None:
    frame = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'

    async def long() -> Any:
        yield frame
        for _ in range(40):
            yield b"x" * (1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    if known_length:
        headers["Content-Length"] = str(len(frame) + (40 << 20))
    response, told = await client.call(
        "POST", f"{API}/admin/bank/validate", token="editor-token", data=long(), headers=headers
    )
    problem(response, told, 413)
    assert client.router.asked == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=b", b"not multipart", 400),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 422),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken header\r\n\r\nx\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", part("subject", b"\xff"), 400),
        ("multipart/form-data; boundary=b", part("nope", b"x"), 422),
    ],
)
async def test_a_broken_upload_is_refused(client: Client, content_type: str, body: bytes, status: int) -> None:
    response, told = await client.call(
        "POST",
        f"{API}/admin/bank/validate",
        token="editor-token",
        data=body,
        headers={"Content-Type": content_type},
    )
    problem(response, told, status)
    assert b"400, message" not in told, "aiohttp's words are not for clients"


async def test_what_is_not_http_is_a_problem_too(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("line", [b"OPTIONS *", b"CONNECT example.org:443"])
async def test_what_is_no_path_is_a_404_in_the_same_form(client: Client, line: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"application/problem+json" in head


async def test_an_unknown_expectation_is_417(client: Client) -> None:
    response, told = await client.call("POST", ANSWERS, json={}, headers={"Expect": "miracles"})
    problem(response, told, 417)


async def test_a_client_that_leaves_does_not_harm_the_next(client: Client) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", client.port)
    lines = [
        f"POST {ANSWERS} HTTP/1.1",
        "Host: x",
        "Authorization: Bearer student-token",
        "Content-Length: 100",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + b'{"question"')
    await writer.drain()
    writer.transport.abort()
    response, _ = await client.call("GET", f"{API}/me")
    assert response.status == 200
