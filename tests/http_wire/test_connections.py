"""What a client sees of a connection: answers are begun when the service starts, and must still be whole HTTP."""

from __future__ import annotations

import asyncio
import json

from protocols import messages as m
from tests.http_wire.stand import Client

BODY = b'{"question": "angles-1", "response": "b"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
TOKEN = b"Authorization: Bearer student-token\r\n"
ANSWERS = b"/api/v1/trainings/7-1/answers"


async def sent(client: Client, raw: bytes, *, until_closed: bool = True) -> bytes:
    """What comes back for these bytes, until the service closes the connection or nothing more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(raw)
    told = b""
    try:
        async with asyncio.timeout(5.0 if until_closed else 0.5):
            while chunk := await reader.read(65_536):
                told += chunk
    except TimeoutError:
        assert not until_closed, "the connection was left open"
    writer.close()
    return told


async def test_an_answer_has_its_length_its_date_and_its_type(client: Client) -> None:
    response, body = await client.call("POST", ANSWERS.decode(), data=BODY)
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers["Content-Type"] == "application/json"
    assert "GMT" in response.headers["Date"]
    assert m.Verdict.model_validate_json(body).score == 1.0


async def test_a_connection_is_kept_and_requests_sent_ahead_are_answered_in_turn(client: Client) -> None:
    one = b"POST %b HTTP/1.1\r\nHost: apo\r\n%b%b\r\n%b" % (ANSWERS, TOKEN, LENGTH, BODY)
    told = await sent(client, one * 3, until_closed=False)
    assert told.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert len(client.router.asked) == 3


async def test_head_tells_what_get_would_without_its_body(client: Client) -> None:
    request = b"%b /api/v1/me HTTP/1.1\r\nHost: apo\r\n" + TOKEN + b"\r\n"
    told = await sent(client, request % b"HEAD" + request % b"GET", until_closed=False)
    first, second, body = told.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert sorted(first.splitlines()) == sorted(second.splitlines())
    assert b"Content-Length: %d\r\n" % len(body) in first


async def test_a_client_that_asks_for_it_has_its_connection_closed(client: Client) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: apo\r\nConnection: close\r\n" % ANSWERS
    told = await sent(client, head + TOKEN + LENGTH + b"\r\n" + BODY)
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in told
    assert json.loads(told.partition(b"\r\n\r\n")[2])["verdict"] == "correct"


async def test_a_client_of_http_1_0_is_answered_in_its_own_words(client: Client) -> None:
    told = await sent(client, b"POST %b HTTP/1.0\r\n" % ANSWERS + TOKEN + LENGTH + b"\r\n" + BODY)
    assert told.startswith(b"HTTP/1.0 200 OK\r\n")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["verdict"] == "correct"


async def test_an_escaped_path_is_decoded(client: Client) -> None:
    response, _ = await client.call("POST", "/api/v1/trainings/7%2D1/answers", data=BODY)
    assert response.status == 200
    asked = client.router.asked[0]
    assert isinstance(asked, m.GiveAnswer)
    assert asked.training == "7-1"


async def test_a_fixed_part_of_a_path_hides_no_variable_one(client: Client) -> None:
    response, _ = await client.call("POST", "/api/v1/trainings/current/answers", data=BODY)
    assert response.status == 200
    asked = client.router.asked[0]
    assert isinstance(asked, m.GiveAnswer)
    assert asked.training == "current"


async def test_a_path_with_a_part_too_many_or_an_empty_one_is_not_there(client: Client) -> None:
    for path in ("/api/v1/trainings/", "/api/v1//trainings", "/api/v1/trainings/7-1/answers/", "/api/v1/me/x"):
        response, _ = await client.call("POST", path, data=BODY)
        assert response.status == 404, path


async def test_braces_in_a_path_are_only_a_strange_name(client: Client) -> None:
    told = await sent(
        client, b"GET /api/v1/trainings/{} HTTP/1.1\r\nHost: apo\r\nConnection: close\r\n" + TOKEN + b"\r\n"
    )
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.router.asked == [m.ShowTrainingById(user=7, training="{}")]


async def test_a_client_that_leaves_before_its_answer_harms_nobody(client: Client) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: apo\r\n" % ANSWERS
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(head + TOKEN + LENGTH + b"\r\n" + BODY)
        writer.transport.abort()
    response, _ = await client.call("POST", ANSWERS.decode(), data=BODY)
    assert response.status == 200
