"""Departments take questions home and bring them back: exports, templates, workbooks with errors, ZIPs."""

from __future__ import annotations

import io
import zipfile
from typing import get_args

import pytest
from python_calamine import CalamineWorkbook

from protocols.messages import ExportFormat
from tests.api.banks import Bank, bank_file, imported, new_slug
from tests.api.client import Client, Json, problem
from tests.api.test_bank_files import ONE, png

FORMATS = get_args(ExportFormat)
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def rows(workbook: bytes, sheet: str = "questions") -> list[list[Json]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_name(sheet).to_python()


@pytest.mark.parametrize("format", FORMATS)
async def test_what_is_exported_is_unchanged_when_it_is_imported(editor: Client, own: Bank, format: str) -> None:
    answer = await editor.call("GET", f"/admin/bank/export?subject={own.subject}&format={format}")
    assert answer.status == 200, answer.content
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{own.subject}.')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = await editor.upload("import?partial=true", answer.content, name="some.bin", subject=own.subject)
    assert again.status == 200, again.content
    report = again.json
    assert report["format"] == format
    lost = int(answer.headers["Export-Warnings"])
    assert (lost == 0) == (format != "gift")
    assert report["added"] == 0
    if format != "gift":
        assert (report["updated"], report["unchanged"]) == (0, 8)


async def test_a_selection_is_exported(editor: Client, own: Bank) -> None:
    found = {"kind=number": ["number", "range"], "topic=text": ["text"], "search=question%20or": ["order"]}
    for query, ids in found.items():
        answer = await editor.call("GET", f"/admin/bank/export?subject={own.subject}&format=json&{query}")
        assert [one["id"] for one in answer.json["questions"]] == ids


async def test_an_export_with_pictures_is_a_zip_that_is_imported_as_it_is(editor: Client) -> None:
    slug = new_slug()
    picture = "data:image/png," + "".join(f"%{byte:02x}" for byte in png())
    await imported(editor, bank_file(slug, [ONE | {"image": picture}]))
    answer = await editor.call("GET", f"/admin/bank/export?subject={slug}&format=xlsx")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert png() in [archive.read(name) for name in archive.namelist()]
    again = (await editor.upload("import", answer.content)).json
    assert (again["format"], again["inside"], again["unchanged"]) == ("xlsx", f"{slug}.xlsx", 1)


async def test_a_template_has_the_fields_of_its_subject(editor: Client) -> None:
    answer = await editor.call("GET", "/admin/subjects/biology/template.xlsx")
    assert (answer.status, answer.headers["Content-Type"]) == (200, WORKBOOK)
    heads = [str(head).split(" / ")[0] for head in rows(answer.content)[0]]
    assert "text" in heads
    assert any(head.startswith("extra.") for head in heads)
    report = (await editor.upload("validate", answer.content, name="mine.bin")).json
    assert (report["subject"], report["format"], report["valid"], report["errors"]) == ("biology", "xlsx", 0, [])
    await editor.refused(404, "GET", "/admin/subjects/alchemy/template.xlsx")
    await editor.refused(404, "GET", "/admin/bank/export?subject=alchemy")
    await editor.refused(422, "GET", "/admin/bank/export?subject=biology&format=docx")


async def test_errors_come_back_beside_the_cells_of_the_department_s_own_workbook(editor: Client, own: Bank) -> None:
    answer = await editor.call("GET", f"/admin/bank/export?subject={own.subject}&format=xlsx&kind=single")
    (head, question) = rows(answer.content)[:2]
    spoilt = answer.content
    report = (await editor.upload("validate", spoilt)).json
    assert report["errors"] == []
    names = [str(one).split(" / ")[0] for one in head]
    assert question[names.index("key")] == "b"
    marked = await editor.upload("errors.xlsx", spoilt)
    assert (marked.status, marked.headers["Content-Type"]) == (200, WORKBOOK)
    assert rows(marked.content)[0][-1] == "errors / ошибки"
    again = (await editor.upload("validate", marked.content)).json
    assert (again["unchanged"], again["errors"], again["warnings"]) == (1, [], [])
    other = await editor.upload("errors.xlsx", b"subject: x\nquestions: []\n")
    assert "only be written into an XLSX workbook" in problem(other, 422)["detail"]


async def test_students_may_not_take_the_bank_home(student: Client) -> None:
    for path in ("/admin/bank/export?subject=biology", "/admin/subjects/biology/template.xlsx"):
        await student.refused(403, "GET", path)


async def test_warnings_and_harmless_scripts(editor: Client) -> None:
    slug = new_slug()
    script = "<script>alert(1)</script>What?"
    report = await imported(editor, bank_file(slug, [ONE | {"text": script, "explanation": ""}]))
    assert [warning["path"] for warning in report["warnings"]] == ["explanation"]
    answer = await editor.call("GET", f"/admin/bank/export?subject={slug}&format=moodle-xml")
    assert b"<script>" not in answer.content
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_an_upload_of_a_hundred_megabytes_is_refused(editor: Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="bank.xlsx"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    await editor.refused(413, "POST", "/admin/bank/import", data=part + b"PK\3\4" * (25 << 20), headers=headers)
