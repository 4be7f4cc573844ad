"""HTTP becomes messages, replies become HTTP."""

from __future__ import annotations

import json

import aiohttp
import pytest

from protocols import messages as m
from protocols.http import Readiness
from tests.http_wire.stand import SKETCH, Client

API = "/api/v1"
ANSWER = {"question": "angles-1", "response": "b"}


async def test_an_answer_becomes_a_command_of_the_tokens_user(client: Client) -> None:
    response, body = await client.call("POST", f"{API}/trainings/7-1/answers", json=ANSWER)
    assert response.status == 200
    assert json.loads(body)["verdict"] == "correct"
    assert client.router.asked == [m.GiveAnswer(user=7, training="7-1", question="angles-1", response="b")]


async def test_a_training_is_created_at_a_location(client: Client) -> None:
    response, _ = await client.call("POST", f"{API}/trainings", json={"subject": "mathematics"})
    assert (response.status, response.headers["Location"]) == (201, f"{API}/trainings/7-1")


async def test_what_is_done_answers_204_without_a_body(client: Client) -> None:
    response, body = await client.call("PUT", f"{API}/me/favorites/angles-1?subject=mathematics")
    assert (response.status, body) == (204, b"")
    assert client.router.asked == [m.SetFavoriteById(user=7, question="angles-1", subject="mathematics", favorite=True)]


async def test_closing_a_token_closes_the_one_that_was_used(client: Client) -> None:
    await client.call("DELETE", f"{API}/tokens/current")
    (message,) = client.router.asked
    assert isinstance(message, m.CloseToken)
    assert message.token.get_secret_value() == "student-token"


async def test_an_explicit_null_is_told_from_a_missing_field(client: Client) -> None:
    await client.call("PATCH", f"{API}/me", json={"grade": None})
    (message,) = client.router.asked
    assert message.model_fields_set == {"user", "grade"}


async def test_a_whole_number_may_be_written_with_a_point(client: Client) -> None:
    response, _ = await client.call("PATCH", f"{API}/me", data=b'{"grade": 9.0}')
    assert response.status == 200
    assert client.router.asked == [m.ChangeProfile(user=7, grade=9)]


async def test_signing_in_tells_the_address(client: Client) -> None:
    body = {"login": "anna", "password": "correct horse"}
    response, _ = await client.call("POST", f"{API}/tokens", token=None, json=body)
    (message,) = client.router.asked
    assert isinstance(message, m.OpenToken)
    assert (response.status, message.address) == (201, "127.0.0.1")


async def test_an_empty_query_value_means_not_given(client: Client) -> None:
    response, _ = await client.call("GET", f"{API}/me/statistics?subject=&days=")
    assert response.status == 200
    assert client.router.asked == [m.ShowStatistics(user=7)]


async def test_a_bank_upload_becomes_one_message(client: Client) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"subject: mathematics", filename="bank.yaml")
    form.add_field("format", "yaml")
    response, _ = await client.call("POST", f"{API}/admin/bank/import?partial=true", token="editor-token", data=form)
    assert response.status == 200
    assert client.router.asked == [
        m.ImportBank(user=7, content=b"subject: mathematics", name="bank.yaml", format="yaml", partial=True)
    ]


async def test_a_picture_is_kept_forever_and_cannot_run_scripts(client: Client) -> None:
    response, body = await client.call("GET", f"{API}/files/abc", token=None)
    assert body == SKETCH.content
    assert response.headers["Content-Type"] == "image/svg+xml"
    assert "immutable" in response.headers["Cache-Control"]
    policy = response.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy


async def test_personal_data_is_not_stored_by_caches(client: Client) -> None:
    response, _ = await client.call("GET", f"{API}/me")
    assert response.headers["Cache-Control"] == "no-store"


async def test_the_root_leads_to_the_docs(client: Client) -> None:
    response, _ = await client.call("GET", "/", token=None)
    assert (response.status, response.headers["Location"]) == (302, "/api/docs")


async def test_the_docs_need_no_script_and_no_other_host(client: Client) -> None:
    response, body = await client.call("GET", "/api/docs", token=None)
    page = body.decode()
    assert response.status == 200
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert "<script" not in page
    assert 'src="http' not in page


@pytest.mark.parametrize(("status", "code"), [("ok", 200), ("degraded", 200), ("down", 503)])
async def test_readiness_names_each_part(client: Client, status: str, code: int) -> None:
    client.readiness = Readiness.model_validate({"status": status, "parts": {"postgres": "no connection"}})
    response, body = await client.call("GET", "/readyz", token=None)
    assert response.status == code
    assert json.loads(body) == {"status": status, "parts": {"postgres": "no connection"}}


async def test_metrics_count_requests_by_route_and_status(client: Client) -> None:
    await client.call("POST", f"{API}/trainings/7-1/answers", json=ANSWER)
    _, body = await client.call("GET", "/metrics", token=None)
    labels = 'method="POST",route="/api/v1/trainings/{training}/answers",status="200"'
    assert f"apo_http_request_seconds_count{{{labels}}} 1.0" in body.decode()
