"""What a training is drawn from."""

from __future__ import annotations

import pytest

from tests.api.banks import RIGHT, Bank, begin, train
from tests.api.client import Client, Json, paths_of


async def drawn(student: Client, bank: Bank, **body: Json) -> set[str]:
    """The questions of a whole training."""
    training = await begin(student, bank, **body)
    ended = await student.post(f"/trainings/{training['id']}/finish")
    return {one["question"] for one in ended["summary"]["questions"]}


FILTERS: list[tuple[Json, set[str]]] = [
    ({}, set(RIGHT)),
    ({"topics": ["text"]}, {"text"}),
    ({"topics": ["text", "order"]}, {"text", "order"}),
    ({"kinds": ["multiple"]}, {"multiple", "weighted"}),
    ({"kinds": ["number", "match"]}, {"number", "range", "match"}),
    ({"difficulty": {"min": 5}}, {"order", "match"}),
    ({"difficulty": {"max": 1}}, {"single"}),
    ({"difficulty": {"min": 2, "max": 3}}, {"multiple", "weighted", "text"}),
    ({"kinds": ["multiple"], "difficulty": {"max": 2}}, {"multiple"}),
    ({"only": "unseen"}, set(RIGHT)),
]


@pytest.mark.parametrize(("filters", "questions"), FILTERS)
async def test_a_filter_lets_through(student: Client, walk: Bank, filters: Json, questions: set[str]) -> None:
    assert await drawn(student, walk, filters=filters) == questions


async def test_size_says_how_many_are_drawn(student: Client, walk: Bank) -> None:
    assert len(await drawn(student, walk, size=3)) == 3


async def test_unseen_are_those_that_were_neither_answered_nor_skipped(student: Client, walk: Bank) -> None:
    await train(student, walk, {"single": "b", "number": 7})
    training = await begin(student, walk, "text", "order")
    await student.post(f"/trainings/{training['id']}/skip", {"question": training["question"]["id"]})
    unseen = await drawn(student, walk, filters={"only": "unseen"})
    assert unseen == RIGHT.keys() - {"single", "number", training["question"]["id"]}


async def test_mistakes_are_those_whose_last_answer_was_not_right(student: Client, walk: Bank) -> None:
    await train(student, walk, {"single": "a", "multiple": ["a"], "number": 7, "text": "ёлка зелёная"})
    assert await drawn(student, walk, filters={"only": "mistakes"}) == {"single", "multiple", "number"}
    await train(student, walk, {"number": 0.5, "text": "дуб"})
    assert await drawn(student, walk, filters={"only": "mistakes"}) == {"single", "multiple", "text"}


async def test_favorites_are_those_that_were_kept_and_not_dropped(student: Client, walk: Bank) -> None:
    for question in ("single", "order", "match"):
        await student.ask("PUT", f"/me/favorites/{question}?subject={walk.subject}", status=204)
    await student.ask("DELETE", f"/me/favorites/order?subject={walk.subject}", status=204)
    assert await drawn(student, walk, filters={"only": "favorites"}) == {"single", "match"}


async def test_keeping_and_dropping_a_favourite_twice_is_as_once(student: Client, walk: Bank) -> None:
    path = f"/me/favorites/single?subject={walk.subject}"
    for method in ("PUT", "PUT", "DELETE", "DELETE"):
        await student.ask(method, path, status=204)
    await student.refused(409, "POST", "/trainings", {"subject": walk.subject, "filters": {"only": "favorites"}})


async def test_favourites_are_of_one_student(student: Client, another_student: Client, walk: Bank) -> None:
    await student.ask("PUT", f"/me/favorites/single?subject={walk.subject}", status=204)
    await another_student.refused(
        409, "POST", "/trainings", {"subject": walk.subject, "filters": {"only": "favorites"}}
    )


async def test_an_id_of_two_subjects_needs_the_subject(student: Client, walk: Bank, own: Bank) -> None:
    told = await student.refused(409, "PUT", "/me/favorites/single")
    assert {walk.subject, own.subject} <= set(told["subjects"])


async def test_an_unknown_favourite_is_404(student: Client, walk: Bank) -> None:
    await student.refused(404, "PUT", f"/me/favorites/no-such?subject={walk.subject}")
    await student.refused(404, "PUT", "/me/favorites/single?subject=no-such")
    await student.refused(404, "DELETE", "/me/favorites/no-such")


async def test_when_nothing_matches_it_is_told_how_many_do_without_each_filter(student: Client, walk: Bank) -> None:
    filters = {"topics": ["text", "order"], "kinds": ["single", "text"], "difficulty": {"min": 5}}
    told = await student.refused(409, "POST", "/trainings", {"subject": walk.subject, "filters": filters})
    assert told["without"] == {"topics": 0, "kinds": 1, "difficulty": 1}
    for name, count in told["without"].items():
        rest = {key: value for key, value in filters.items() if key != name}
        assert count == (len(await drawn(student, walk, filters=rest)) if count else 0)


async def test_no_mistakes_yet_is_told_with_how_many_there_are_besides(student: Client, walk: Bank) -> None:
    body = {"subject": walk.subject, "filters": {"only": "mistakes", "kinds": ["multiple"]}}
    told = await student.refused(409, "POST", "/trainings", body)
    assert told["without"] == {"only": 2, "kinds": 0}


async def test_a_topic_that_the_subject_does_not_have_is_named_beside_those_it_has(student: Client, walk: Bank) -> None:
    filters = {"topics": ["text", "alchemy"], "kinds": ["text"]}
    told = await student.refused(409, "POST", "/trainings", {"subject": walk.subject, "filters": filters})
    assert told["without"] == {"topics": 1, "kinds": 1}
    assert paths_of(told) == {"filters.topics.1"}
    assert "weighted" in told["detail"]


WRONG_STARTS: list[tuple[Json, str]] = [
    ({"size": 0}, "size"),
    ({"size": 201}, "size"),
    ({"size": "many"}, "size"),
    ({"size": 2.5}, "size"),
    ({"mode": "race"}, "mode"),
    ({"filters": {"topics": "text"}}, "filters.topics"),
    ({"filters": {"kinds": ["single", "essay"]}}, "filters.kinds.1"),
    ({"filters": {"difficulty": {"min": 0}}}, "filters.difficulty.min"),
    ({"filters": {"difficulty": {"max": 6}}}, "filters.difficulty.max"),
    ({"filters": {"difficulty": 3}}, "filters.difficulty"),
    ({"filters": {"only": "hard"}}, "filters.only"),
    ({"filters": {"colour": "red"}}, "filters.colour"),
    ({"filters": []}, "filters"),
    ({"user": 1}, "user"),
    ({"platform": "telegram"}, "platform"),
]


@pytest.mark.parametrize(("body", "path"), WRONG_STARTS)
async def test_a_start_out_of_range_is_422_and_names_the_place(
    student: Client, walk: Bank, body: Json, path: str
) -> None:
    told = await student.refused(422, "POST", "/trainings", {"subject": walk.subject} | body)
    assert paths_of(told) == {path}
    await student.refused(404, "GET", "/trainings/current")


async def test_an_unknown_subject_is_404(student: Client) -> None:
    await student.refused(404, "POST", "/trainings", {"subject": "alchemy"})
