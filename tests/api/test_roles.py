"""Who may do what."""

from __future__ import annotations

import orjson
import pytest

from tests.api.banks import Bank, bank_file, new_slug
from tests.api.client import PASSWORD, Client, connect, problem

FOR_EDITORS = [
    ("GET", "/admin/questions"),
    ("GET", "/admin/questions/alg-001"),
    ("PATCH", "/admin/questions/alg-001"),
    ("DELETE", "/admin/questions/alg-001"),
    ("POST", "/admin/bank/validate"),
    ("POST", "/admin/bank/import"),
]


@pytest.mark.parametrize(("method", "path"), FOR_EDITORS)
async def test_a_student_may_not_look_after_the_bank(
    student: Client, guest: Client, editor: Client, method: str, path: str
) -> None:
    before = await editor.get("/admin/questions/alg-001")
    await student.refused(403, method, path, {"difficulty": 5} if method in ("PATCH", "POST") else None)
    await guest.refused(401, method, path)
    assert await editor.get("/admin/questions/alg-001") == before


async def test_a_student_may_not_import_by_a_whole_upload_either(student: Client) -> None:
    slug = new_slug()
    problem(await student.upload("import", orjson.dumps(bank_file(slug))), 403)
    assert slug not in [subject["slug"] for subject in (await student.get("/subjects"))["items"]]


async def test_an_admin_may_do_what_an_editor_may(admin: Client, walk: Bank) -> None:
    listed = await admin.get(f"/admin/questions?subject={walk.subject}")
    assert len(listed["items"]) == 8


async def test_an_editor_trains_like_everybody(editor: Client, walk: Bank) -> None:
    training = await editor.post("/trainings", {"subject": walk.subject}, status=201)
    assert training["status"] == "open"


async def test_a_blocked_user_comes_in_neither_by_a_token_nor_by_the_password(student: Client, guest: Client) -> None:
    connection = await connect(student.service)
    try:
        await connection.execute("UPDATE users SET blocked = true WHERE id = $1", student.id)
    finally:
        await connection.close()
    for method, path in (("GET", "/me"), ("GET", "/trainings/current"), ("GET", "/me/export")):
        assert (await student.call(method, path)).status in (401, 403)
    await guest.refused(403, "POST", "/tokens", {"login": student.login, "password": PASSWORD})


async def test_subjects_and_pictures_need_no_account(guest: Client) -> None:
    slugs = [subject["slug"] for subject in (await guest.get("/subjects"))["items"]]
    assert {"mathematics", "biology"} <= set(slugs)
