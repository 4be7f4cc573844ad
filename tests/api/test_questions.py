"""The bank as departments keep it: listed, shown, changed, archived."""

from __future__ import annotations

import json

import pytest

from tests.api.banks import QUESTIONS, RIGHT, Bank, answer, bank_file, begin, imported, train
from tests.api.client import Client, Json, paths_of

IDS = [question["id"] for question in QUESTIONS]


async def ids(editor: Client, query: str) -> list[str]:
    return [one["id"] for one in (await editor.get(f"/admin/questions?{query}"))["items"]]


async def test_a_question_is_shown_with_its_key_and_its_figures(editor: Client, student: Client, own: Bank) -> None:
    await train(student, own, {"single": "b"})
    shown = await editor.get(f"/admin/questions/single?subject={own.subject}")
    told = shown.pop("question")
    assert shown.pop("updated_at")
    assert shown == {
        "id": "single",
        "subject": own.subject,
        "kind": "single",
        "topic": "single",
        "difficulty": 1,
        "archived": False,
        "statistics": {"answered": 1, "correct": 1},
    }
    assert (told["key"], told["text"]) == ("b", "Question single")


async def test_questions_are_listed_page_by_page(editor: Client, own: Bank) -> None:
    pages, after = [], ""
    while True:
        page = await editor.get(f"/admin/questions?subject={own.subject}&limit=3{after}")
        pages.append([one["id"] for one in page["items"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert pages == [IDS[:3], IDS[3:6], IDS[6:]]


async def test_questions_are_listed_with_their_figures(editor: Client, student: Client, own: Bank) -> None:
    await train(student, own, {"single": "b", "multiple": ["b"]})
    listed = (await editor.get(f"/admin/questions?subject={own.subject}"))["items"]
    figures = {one["id"]: (one["statistics"]["answered"], one["statistics"]["correct"]) for one in listed}
    assert figures == dict.fromkeys(IDS, (0, 0)) | {"single": (1, 1), "multiple": (1, 0)}


async def test_questions_are_found_by_topic_kind_and_text(editor: Client, own: Bank) -> None:
    of_it = f"subject={own.subject}"
    assert await ids(editor, f"{of_it}&topic=order") == ["order"]
    assert await ids(editor, f"{of_it}&kind=multiple") == ["multiple", "weighted"]
    assert await ids(editor, f"{of_it}&search=question%20mat") == ["match"]
    assert await ids(editor, f"{of_it}&search=.*") == [], "what is looked for is text, not a pattern"
    assert await ids(editor, "subject=alchemy") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=!", "kind=essay", "topic=A B"])
async def test_a_list_that_is_asked_for_wrongly_is_422(editor: Client, query: str) -> None:
    told = await editor.refused(422, "GET", f"/admin/questions?{query}")
    assert paths_of(told) == {query.partition("=")[0]}


async def test_changing_a_question_changes_it_for_everybody_and_keeps_its_figures(
    editor: Client, student: Client, own: Bank
) -> None:
    await train(student, own, {"single": "b"})
    path = f"/admin/questions/single?subject={own.subject}"
    changed = await editor.ask("PATCH", path, {"text": "Which letter?", "key": "c", "difficulty": 4})
    assert (changed["difficulty"], changed["question"]["text"]) == (4, "Which letter?")
    assert changed["statistics"] == {"answered": 1, "correct": 1}
    training = await begin(student, own, filters={"difficulty": {"min": 4, "max": 4}})
    assert {training["question"]["id"]} <= {"single", "number", "range"}
    assert (await answer(student, training, "single", "c"))["verdict"] == "correct"


CHANGES: list[tuple[Json, str]] = [
    ({"key": "z"}, "key"),
    ({"difficulty": 9}, "difficulty"),
    ({"topic": "no-such"}, "topic"),
    ({"text": None}, "text"),
    ({"id": "other"}, "id"),
    ({"kind": "multiple"}, "kind"),
    ({"colour": "red"}, "colour"),
    ({"options": []}, "options"),
]


@pytest.mark.parametrize(("change", "path"), CHANGES)
async def test_a_change_that_makes_no_question_is_refused(editor: Client, walk: Bank, change: Json, path: str) -> None:
    question = f"/admin/questions/single?subject={walk.subject}"
    before = await editor.get(question)
    told = await editor.refused(422, "PATCH", question, change)
    assert path in paths_of(told)
    assert await editor.get(question) == before


async def test_an_archived_question_is_drawn_no_more_and_keeps_its_figures(
    editor: Client, student: Client, own: Bank
) -> None:
    await train(student, own, {"single": "b"})
    path = f"/admin/questions/single?subject={own.subject}"
    await editor.ask("DELETE", path, status=204)
    training = await begin(student, own)
    ended = await student.post(f"/trainings/{training['id']}/finish")
    assert {one["question"] for one in ended["summary"]["questions"]} == RIGHT.keys() - {"single"}
    kept = await editor.get(path)
    assert (kept["archived"], kept["statistics"]) == (True, {"answered": 1, "correct": 1})
    assert "single" not in await ids(editor, f"subject={own.subject}")
    assert "single" in await ids(editor, f"subject={own.subject}&archived=true")


async def test_a_training_that_holds_an_archived_question_goes_on(editor: Client, student: Client, own: Bank) -> None:
    training = await begin(student, own, "single")
    await editor.ask("DELETE", f"/admin/questions/single?subject={own.subject}", status=204)
    assert await student.get("/trainings/current") == training
    assert (await answer(student, training, "single", "b"))["verdict"] == "correct"
    assert await own.statistics("single") == {"answered": 1, "correct": 1}


async def test_an_archived_question_that_is_imported_again_is_back(editor: Client, student: Client, own: Bank) -> None:
    await editor.ask("DELETE", f"/admin/questions/single?subject={own.subject}", status=204)
    await imported(editor, bank_file(own.subject))
    assert (await begin(student, own, "single"))["question"]["id"] == "single"


async def test_subjects_tell_how_many_questions_can_be_drawn(editor: Client, guest: Client, own: Bank) -> None:
    async def counts() -> tuple[int, int]:
        listed = (await guest.get("/subjects"))["items"]
        (subject,) = [one for one in listed if one["slug"] == own.subject]
        (topic,) = [one for one in subject["topics"] if one["slug"] == "single"]
        return subject["questions"], topic["questions"]

    assert await counts() == (8, 1)
    await editor.ask("DELETE", f"/admin/questions/single?subject={own.subject}", status=204)
    assert await counts() == (7, 0)


async def test_an_unknown_question_is_404(editor: Client, walk: Bank) -> None:
    for query in (f"?subject={walk.subject}", "?subject=alchemy", ""):
        path = f"/admin/questions/no-such{query}"
        await editor.refused(404, "GET", path)
        await editor.refused(404, "PATCH", path, {"difficulty": 1})
        await editor.refused(404, "DELETE", path)


async def test_a_change_with_numbers_beyond_all_bounds_is_refused(walk: Bank) -> None:
    """Also where it is put on record."""
    change = json.dumps({"extra": {"year": 10**30, "\u0000": "\u0000"}}).encode()
    path = f"/admin/questions/single?subject={walk.subject}"
    refused = await walk.editor.call("PATCH", path, data=change, headers={"Content-Type": "application/json"})
    assert refused.status == 422
