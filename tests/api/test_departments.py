"""What departments do by calls: subjects declared, history looked up, reports answered."""

from __future__ import annotations

import orjson

from tests.api.banks import QUESTIONS, Bank, bank_file, imported, new_slug
from tests.api.client import Client, paths_of

PHYSICS = {"title": {"ru": "Физика", "en": "Physics"}, "topics": [{"slug": "optics", "title": "Оптика"}]}


async def test_a_declared_subject_takes_questions_at_once(editor: Client, guest: Client) -> None:
    slug = new_slug()
    made = await editor.post("/admin/subjects", PHYSICS | {"slug": slug}, status=201)
    assert made == await editor.get(f"/admin/subjects/{slug}")
    question = QUESTIONS[0] | {"topic": "optics", "text": "?"}
    assert (await imported(editor, {"subject": slug, "questions": [question]}))["added"] == 1
    titles = {subject["slug"]: subject["title"] for subject in (await guest.get("/subjects"))["items"]}
    assert titles[slug] == "Физика"
    await editor.refused(409, "POST", "/admin/subjects", PHYSICS | {"slug": slug})


async def test_a_subject_keeps_the_topics_and_kinds_that_questions_have(editor: Client, own: Bank) -> None:
    path = f"/admin/subjects/{own.subject}"
    told = await editor.refused(409, "PATCH", path, {"topics": [], "kinds": ["single"]})
    assert "order" in told["topics"]
    assert told["kinds"] == ["match", "multiple", "number", "order", "text"]
    await editor.ask("DELETE", f"/admin/questions/order?subject={own.subject}", status=204)
    changed = await editor.ask("PATCH", path, {"kinds": ["single", "multiple", "text", "number", "match"]})
    assert "order" not in changed["kinds"]


async def test_topics_with_one_slug_are_refused(editor: Client) -> None:
    topics = [{"slug": "a", "title": "A"}, {"slug": "a", "title": "B"}]
    told = await editor.refused(422, "POST", "/admin/subjects", PHYSICS | {"slug": new_slug(), "topics": topics})
    assert paths_of(told) == {"topics"}


async def test_an_own_field_that_must_be_given_is_asked_for(editor: Client, own: Bank) -> None:
    extra = {"year": {"type": "integer", "title": "Год", "required": True}}
    await editor.ask("PATCH", f"/admin/subjects/{own.subject}", {"extra": extra})
    path = f"/admin/questions/single?subject={own.subject}"
    assert "extra" in paths_of(await editor.refused(422, "PATCH", path, {"difficulty": 2}))
    changed = await editor.ask("PATCH", path, {"extra": {"year": 2026}})
    assert changed["question"]["extra"] == {"year": 2026}


async def test_history_tells_who_has_changed_what_and_how_it_was(editor: Client, own: Bank) -> None:
    question = f"?subject={own.subject}"
    await editor.ask("PATCH", f"/admin/questions/text{question}", {"difficulty": 5, "tags": ["new"]})
    await editor.ask("DELETE", f"/admin/questions/text{question}", status=204)
    await editor.ask("POST", f"/admin/questions/text/restore{question}", status=204)
    changed = bank_file(own.subject, [QUESTIONS[3] | {"difficulty": 5, "tags": ["new"], "text": "Иначе"}])
    await editor.upload("import", orjson.dumps(changed), name="again.json")
    history = (await editor.get(f"/admin/questions/text/history{question}"))["items"]
    assert [one["act"] for one in history] == ["imported", "restored", "archived", "changed", "imported"]
    assert {one["name"] for one in history} == {"Editor"}
    assert (history[0]["file"], history[0]["was"]) == ("again.json", {"text": "Question text"})
    assert history[3]["was"] == {"difficulty": 2, "tags": None}


async def test_importing_the_same_again_is_no_history(editor: Client, own: Bank) -> None:
    assert (await imported(editor, bank_file(own.subject)))["unchanged"] == len(QUESTIONS)
    history = await editor.get(f"/admin/questions/single/history?subject={own.subject}")
    assert len(history["items"]) == 1


async def test_a_large_import_writes_history_as_well(editor: Client) -> None:
    slug = new_slug()
    made = [QUESTIONS[0] | {"id": f"n{number}", "topic": "many"} for number in range(1500)]
    await imported(editor, bank_file(slug, made))
    await imported(editor, bank_file(slug, [one | {"difficulty": 3} for one in made]))
    history = (await editor.get(f"/admin/questions/n1499/history?subject={slug}"))["items"]
    assert [one["was"] for one in history] == [{"difficulty": 1}, {}]


async def test_an_export_of_nothing_comes_back_as_nothing(editor: Client) -> None:
    slug = new_slug()
    await editor.post("/admin/subjects", PHYSICS | {"slug": slug}, status=201)
    for format in ("yaml", "json"):
        answer = await editor.call("GET", f"/admin/bank/export?subject={slug}&format={format}")
        report = (await editor.upload("validate", answer.content)).json
        assert (report["subject"], report["total"], report["errors"]) == (slug, 0, [])


async def test_questions_are_found_by_their_difficulty(editor: Client, walk: Bank) -> None:
    found = await editor.get(f"/admin/questions?subject={walk.subject}&difficulty=5")
    assert [one["id"] for one in found["items"]] == ["order", "match"]


async def test_a_report_is_closed_once_and_its_answer_read_by_its_author_alone(
    editor: Client, student: Client, another_student: Client, own: Bank
) -> None:
    report = await student.post(f"/questions/single/reports?subject={own.subject}", {"text": "?"}, status=201)
    path = f"/admin/reports?subject={own.subject}&question=single"
    assert [one["id"] for one in (await editor.get(path))["items"]] == [report["id"]]
    closing = f"/admin/reports/{report['id']}/close"
    assert (await editor.post(closing, {"answer": "Спасибо"}))["answer"] == "Спасибо"
    await editor.refused(409, "POST", closing, {"answer": "Ещё раз"})
    assert (await editor.get(path))["items"] == []
    assert len((await editor.get(f"{path}&open=false"))["items"]) == 1
    assert [one["answer"] for one in (await student.get("/me/reports?unseen=true"))["items"]] == ["Спасибо"]
    await another_student.refused(404, "POST", f"/me/reports/{report['id']}/seen")
    await student.ask("POST", f"/me/reports/{report['id']}/seen", status=204)
    assert (await student.get("/me/reports?unseen=true"))["items"] == []
    assert [one["seen"] for one in (await student.get("/me/reports"))["items"]] == [True]
