"""A training in practice: its course, skipping, sending again, and what belongs to whom."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.api.banks import EXPLANATION, RIGHT, WRONG, Bank, answer, bank_file, begin, imported, train
from tests.api.client import Client, Json


async def skip(student: Client, training: Json, question: str) -> Json:
    return await student.post(f"/trainings/{training['id']}/skip", {"question": question})


async def finish(student: Client, training: Json) -> Json:
    return await student.post(f"/trainings/{training['id']}/finish")


async def test_a_new_training_shows_its_first_question(student: Client, walk: Bank) -> None:
    training = await begin(student, walk)
    assert training["subject"] == walk.subject
    assert training["mode"] == "practice"
    assert training["status"] == "open"
    assert training["size"] == 8, "the whole subject, which is smaller than the 10 of the default"
    assert training["finished_at"] is None
    assert training["summary"] is None
    assert training["question"]["id"] in RIGHT
    assert training["progress"] == {"answered": 0, "correct": 0, "skipped": 0, "left": 8}
    assert datetime.fromisoformat(training["started_at"]).utcoffset() is not None


async def test_a_training_has_ten_questions_unless_told_otherwise(student: Client) -> None:
    training = await student.post("/trainings", {"subject": "mathematics"}, status=201)
    assert training["size"] == 10


async def test_a_new_training_tells_where_it_is(student: Client, walk: Bank) -> None:
    made = await student.call("POST", "/trainings", {"subject": walk.subject})
    assert made.status == 201
    assert made.headers["Location"].endswith(f"/api/v1/trainings/{made.json['id']}")


async def test_a_whole_training(student: Client, walk: Bank) -> None:
    training = await begin(student, walk)
    shown = training["question"]
    answered = 0
    while shown is not None:
        verdict = await answer(student, training, shown["id"], RIGHT[shown["id"]])
        answered += 1
        assert verdict["progress"] == {
            "answered": answered,
            "correct": answered,
            "skipped": 0,
            "left": 8 - answered,
        }
        shown = verdict["next"]
    assert answered == 8
    ended = await student.get(f"/trainings/{training['id']}")
    assert ended["status"] == "finished"
    assert ended["question"] is None
    assert ended["finished_at"] >= ended["started_at"]
    assert {one["question"] for one in ended["summary"]["questions"]} == RIGHT.keys()


async def test_every_question_is_asked_once(student: Client, walk: Bank) -> None:
    training = await begin(student, walk)
    asked = []
    shown = training["question"]
    while shown is not None:
        asked.append(shown["id"])
        shown = (await answer(student, training, shown["id"], WRONG[shown["id"]]))["next"]
    assert sorted(asked) == sorted(RIGHT)


async def test_the_summary_reviews_each_question(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single", "multiple", "order", "match")
    await answer(student, training, "single", "b")
    await answer(student, training, "multiple", ["a"])
    await answer(student, training, "order", ["a", "b", "c", "d"])
    ended = await finish(student, training)
    summary = ended["summary"]
    reviewed = {one["question"]: one for one in summary.pop("questions")}
    seconds = summary.pop("seconds")
    assert 0 <= seconds < 60
    assert summary == {
        "answered": 3,
        "correct": 1,
        "partial": 1,
        "wrong": 1,
        "unanswered": 1,
        "score": 1.5,
        "share": 0.375,
    }
    shown = reviewed["multiple"]
    assert {option["id"] for option in shown.pop("options")} == set("abcd")
    assert shown == {
        "question": "multiple",
        "topic": "multiple",
        "kind": "multiple",
        "text": "Question multiple",
        "response": ["a"],
        "score": 0.5,
        "verdict": "partial",
        "key": ["a", "c"],
        "explanation": EXPLANATION,
        "image": None,
        "left": None,
        "right": None,
    }
    assert (reviewed["match"]["response"], reviewed["match"]["score"], reviewed["match"]["verdict"]) == (
        None,
        None,
        None,
    )


async def test_questions_may_be_answered_in_any_order(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single", "number")
    other = ({"single", "number"} - {training["question"]["id"]}).pop()
    verdict = await answer(student, training, other, RIGHT[other])
    assert verdict["next"] == training["question"]


async def test_the_open_training_is_found_without_its_id(student: Client, walk: Bank) -> None:
    training = await begin(student, walk)
    assert await student.get("/trainings/current") == training
    assert await student.get(f"/trainings/{training['id']}") == training


async def test_no_open_training_is_404(student: Client, walk: Bank) -> None:
    await student.refused(404, "GET", "/trainings/current")
    await train(student, walk, {"single": "b"})
    await student.refused(404, "GET", "/trainings/current")


async def test_starting_another_training_finishes_the_open_one(student: Client, walk: Bank) -> None:
    first = await begin(student, walk, "single", "number")
    await answer(student, first, "single", "b")
    second = await begin(student, walk, "text")
    ended = await student.get(f"/trainings/{first['id']}")
    assert ended["status"] == "finished"
    assert (ended["summary"]["answered"], ended["summary"]["unanswered"]) == (1, 1)
    assert (await student.get("/trainings/current"))["id"] == second["id"]


async def test_the_same_start_sent_again_is_the_same_training(student: Client, walk: Bank) -> None:
    body, key = {"subject": walk.subject}, {"Idempotency-Key": "0b5f-1"}
    first, again = [await student.call("POST", "/trainings", body, headers=key) for _ in range(2)]
    assert (again.status, again.json, again.headers["Location"]) == (201, first.json, first.headers["Location"])
    await student.refused(409, "POST", "/trainings", body | {"mode": "exam", "minutes": 5}, headers=key)
    other = await student.call("POST", "/trainings", body, headers={"Idempotency-Key": "0b5f-2"})
    assert other.json["id"] != first.json["id"]


@pytest.mark.parametrize("key", ["", "x" * 65, "two words", "ключ"])
async def test_a_key_that_is_none_is_refused(student: Client, walk: Bank, key: str) -> None:
    answer = await student.call("POST", "/trainings", {"subject": walk.subject}, headers={"Idempotency-Key": key})
    assert answer.status == 422
    assert "Idempotency-Key" in answer.json["detail"]


async def test_a_training_that_cannot_start_leaves_the_open_one_alone(student: Client, walk: Bank) -> None:
    training = await begin(student, walk)
    await student.refused(409, "POST", "/trainings", {"subject": walk.subject, "filters": {"only": "mistakes"}})
    assert await student.get("/trainings/current") == training


async def test_finishing_twice_is_the_same_as_once(student: Client, walk: Bank) -> None:
    training = await begin(student, walk)
    assert await finish(student, training) == await finish(student, training)


async def test_options_are_shuffled_per_training_and_stable_within_it(student: Client, walk: Bank) -> None:
    orders = set()
    for _ in range(12):
        training = await begin(student, walk, "single")
        again = await student.get("/trainings/current")
        assert again["question"] == training["question"]
        orders.add("".join(option["id"] for option in training["question"]["options"]))
    assert len(orders) > 1, "twelve times the same order happens once in 24 to the 11th"


async def test_what_is_to_be_ordered_is_never_shown_in_its_order(student: Client, editor: Client) -> None:
    bank = Bank("two-to-order", editor)
    two = [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]
    question = {"id": "two", "kind": "order", "difficulty": 1, "options": two, "key": ["a", "b"]}
    await imported(editor, bank_file(bank.subject, [question]))
    for _ in range(8):
        shown = (await begin(student, bank))["question"]
        assert [option["id"] for option in shown["options"]] == ["b", "a"]


async def test_the_same_response_again_gets_the_same_verdict(student: Client, own: Bank) -> None:
    training = await begin(student, own, "single", "multiple")
    first = await answer(student, training, "multiple", ["a", "b"])
    assert await answer(student, training, "multiple", ["a", "b"]) == first
    assert await answer(student, training, "multiple", ["b", "a"]) == first, "it says the same"
    assert await own.statistics("multiple") == {"answered": 1, "correct": 0}


async def test_the_last_response_again_gets_the_same_verdict_though_all_is_over(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single")
    first = await answer(student, training, "single", "b")
    assert first["next"] is None
    assert await answer(student, training, "single", "b") == first


async def test_another_response_to_an_answered_question_is_409(student: Client, own: Bank) -> None:
    training = await begin(student, own, "single", "number")
    await answer(student, training, "single", "a")
    before = await student.get("/trainings/current")
    body = {"question": "single", "response": "b"}
    await student.refused(409, "POST", f"/trainings/{training['id']}/answers", body)
    assert await student.get("/trainings/current") == before
    assert await own.statistics("single") == {"answered": 1, "correct": 0}


async def test_an_answer_after_the_end_is_409(student: Client, own: Bank) -> None:
    training = await begin(student, own, "single")
    ended = await finish(student, training)
    body = {"question": "single", "response": "b"}
    await student.refused(409, "POST", f"/trainings/{training['id']}/answers", body)
    await student.refused(409, "POST", f"/trainings/{training['id']}/skip", {"question": "single"})
    assert await student.get(f"/trainings/{training['id']}") == ended
    assert await own.statistics("single") == {"answered": 0, "correct": 0}


async def test_an_answer_to_a_training_before_the_last_is_409(student: Client, walk: Bank) -> None:
    first = await begin(student, walk, "single")
    await begin(student, walk, "single")
    body = {"question": "single", "response": "b"}
    await student.refused(409, "POST", f"/trainings/{first['id']}/answers", body)


async def test_a_skipped_question_comes_back_at_the_end_once(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single", "number")
    first = training["question"]["id"]
    second = ({"single", "number"} - {first}).pop()
    skipped = await skip(student, training, first)
    assert skipped["next"]["id"] == second
    assert skipped["progress"] == {"answered": 0, "correct": 0, "skipped": 1, "left": 2}
    verdict = await answer(student, training, second, RIGHT[second])
    assert verdict["next"] == training["question"], "it comes back, as it was"
    gone = await skip(student, training, first)
    assert gone["next"] is None
    ended = await student.get(f"/trainings/{training['id']}")
    assert ended["status"] == "finished"
    assert ended["summary"]["unanswered"] == 1


async def test_a_skipped_question_can_be_answered_when_it_comes_back(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single")
    assert (await skip(student, training, "single"))["next"]["id"] == "single"
    verdict = await answer(student, training, "single", "b")
    assert verdict["progress"] == {"answered": 1, "correct": 1, "skipped": 0, "left": 0}


async def test_a_skip_that_is_sent_again_does_nothing_more(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single", "number", "text")
    first = training["question"]["id"]
    assert await skip(student, training, first) == await skip(student, training, first)


async def test_an_answered_question_cannot_be_skipped(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single", "number")
    await answer(student, training, "single", "b")
    await student.refused(409, "POST", f"/trainings/{training['id']}/skip", {"question": "single"})


async def test_a_question_that_is_not_part_of_the_training_is_409(student: Client, walk: Bank) -> None:
    training = await begin(student, walk, "single")
    path = f"/trainings/{training['id']}"
    for question in ("number", "no-such", "alg-001"):
        await student.refused(409, "POST", f"{path}/answers", {"question": question, "response": "b"})
        await student.refused(409, "POST", f"{path}/skip", {"question": question})
    assert await student.get("/trainings/current") == training


async def test_somebody_elses_training_is_404_as_if_there_were_none(
    student: Client, another_student: Client, walk: Bank
) -> None:
    training = await begin(student, walk, "single")
    path = f"/trainings/{training['id']}"
    await another_student.refused(404, "GET", path)
    await another_student.refused(404, "POST", f"{path}/answers", {"question": "single", "response": "b"})
    await another_student.refused(404, "POST", f"{path}/skip", {"question": "single"})
    await another_student.refused(404, "POST", f"{path}/finish")
    assert await student.get(path) == training


async def test_an_unknown_training_is_404(student: Client) -> None:
    for name in ("nothing", f"{student.id}-1", f"{student.id}-0", "1-1-1", "%2e%2e"):
        await student.refused(404, "GET", f"/trainings/{name}")
        await student.refused(404, "POST", f"/trainings/{name}/finish")


async def test_past_trainings_are_listed_newest_first_page_by_page(student: Client, walk: Bank) -> None:
    made = [(await train(student, walk, {"single": "b"}))["id"] for _ in range(5)]
    pages, after = [], ""
    while True:
        page = await student.get(f"/trainings?limit=2{after}")
        pages.append([training["id"] for training in page["items"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]


async def test_the_list_tells_of_each_training_what_it_tells_itself(student: Client, walk: Bank) -> None:
    training = await train(student, walk, {"single": "b", "number": 7})
    (listed,) = (await student.get("/trainings"))["items"]
    listed["summary"].pop("questions")
    training["summary"].pop("questions")
    assert listed["summary"].pop("seconds") == training["summary"].pop("seconds")
    assert listed == training
