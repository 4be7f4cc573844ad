"""Replies are written, and messages made, by faster ways than pydantic's: both must agree with it."""

import pytest
from prometheus_client import CollectorRegistry

from protocols.http.measuring import Requests
from protocols.http.writing import json_of
from protocols.messages import GiveAnswer, Message, Progress, ShownChoice, ShownQuestion, Skipped, Verdict

QUESTION = ShownQuestion(
    id="q-1",
    subject="biology",
    topic="cells",
    kind="single",
    difficulty=2,
    text='Что на рисунке? "A"\n\u2028$x<y$',
    options=(ShownChoice(id="a", text="Ядро"), ShownChoice(id="b", text="Вакуоль", image="42")),
)
PROGRESS = Progress(answered=1, correct=None, skipped=0, left=2)


@pytest.mark.parametrize(
    "key", ["a", ["a", "b"], {"a": "b"}, {"value": 0.5, "tolerance": 1e-9}, {"min": -3, "max": 1e300}]
)
@pytest.mark.parametrize("following", [QUESTION, None], ids=["more", "last"])
def test_a_verdict_is_written_as_pydantic_writes_it(key: object, following: ShownQuestion | None) -> None:
    verdict = Verdict(
        question="q-0",
        score=1 / 3,
        verdict="partial",
        key=key,
        explanation="Потому что.",
        next=following,
        progress=PROGRESS,
    )
    written = [json_of(verdict), json_of(verdict)]  # the second with what was kept of the first
    assert written == [verdict.model_dump_json().encode()] * 2


def test_a_skip_is_written_as_pydantic_writes_it() -> None:
    skipped = Skipped(next=QUESTION, progress=PROGRESS)
    assert json_of(skipped) == skipped.model_dump_json().encode()


def test_a_message_made_on_trust_equals_the_validated_one() -> None:
    fields = {"user": 1, "platform": "http", "training": "1-1", "question": "q-1", "response": ["a"]}
    trusted: Message = GiveAnswer.trusted(**fields)
    validated = GiveAnswer.model_validate(fields)
    assert trusted == validated
    assert (trusted.model_dump_json(), trusted.model_fields_set) == (
        validated.model_dump_json(),
        validated.model_fields_set,
    )


def test_requests_are_counted_in_the_bucket_that_their_time_belongs_to() -> None:
    registry = CollectorRegistry()
    observe = Requests(registry).of("GET", "/x")
    for seconds in (0.001, 0.0011, 9.0):
        observe(200, seconds)

    def count(bound: str) -> float | None:
        labels = {"method": "GET", "route": "/x", "status": "200", "le": bound}
        return registry.get_sample_value("apo_http_request_seconds_bucket", labels)

    assert [count("0.0005"), count("0.001"), count("0.0025"), count("5.0"), count("+Inf")] == [0, 1, 2, 2, 3]
