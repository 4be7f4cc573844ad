"""How good questions are and how the service is used, over HTTP, from answers that were just given."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from tests.analytics.test_metrics import listed
from tests.api.banks import Bank, train
from tests.api.client import Client

# Of each training, what is answered: who answers the others right, chooses a where b is the key.
STRONG = {"multiple": ["a", "c"], "number": 0.5, "single": "a"}
WEAK = {"multiple": ["b"], "number": 7, "single": "b"}


async def answered(guest: Client, bank: Bank, times: int) -> None:
    student = await guest.register()
    for _ in range(times):
        await train(student, bank, STRONG)
        await train(student, bank, WEAK)


async def test_a_planted_wrong_key_is_seen_and_told_in_plain_words(guest: Client, editor: Client, own: Bank) -> None:
    await answered(guest, own, 27)
    found = await editor.get(f"/admin/questions/single/quality?subject={own.subject}")
    assert (found["id"], found["subject"], found["kind"]) == ("single", own.subject, "single")
    assert (found["answers"], found["correct"], found["pairs"]) == (54, 27, 54)
    assert found["facility"] == pytest.approx(0.5)
    assert found["discrimination"] == pytest.approx(-1)
    assert (found["strong"], found["weak"]) == (27, 27)
    shares = {one["id"]: (one["key"], one["strong"], one["weak"]) for one in found["choices"]}
    assert shares == {"a": (False, 1, 0), "b": (True, 0, 1), "c": (False, 0, 0), "d": (False, 0, 0)}
    (flag,) = found["flags"]
    assert (flag["flag"], flag["choice"]) == ("key", "a")
    assert flag["reason"] == "Более сильные ученики выбирают a: верен ли ключ?"
    assert found["median_seconds"] >= 0

    listed_ones = await editor.get(f"/admin/subjects/{own.subject}/quality?flagged=true")
    assert (listed_ones["answered"], listed_ones["flagged"]) == (3, 1)
    assert listed_ones["items"] == [found]


async def test_options_that_nobody_chooses_are_told(guest: Client, editor: Client, own: Bank) -> None:
    await answered(guest, own, 40)
    found = await editor.get(f"/admin/questions/single/quality?subject={own.subject}")
    assert [one["choice"] for one in found["flags"] if one["flag"] == "unchosen"] == ["c", "d"]
    assert found["flags"][-1]["reason"] == "Вариант d не выбирает никто: не слишком ли он явно неверен?"


async def test_the_spreadsheet_of_questions_has_the_figures_and_the_reasons(
    guest: Client, admin: Client, own: Bank
) -> None:
    await answered(guest, own, 27)
    await admin.get(f"/admin/questions/single/quality?subject={own.subject}")  # when this is told, they have arrived
    workbook = await admin.call("GET", "/admin/exports/questions.xlsx?language=en")
    assert workbook.status == 200
    head, *rows = CalamineWorkbook.from_filelike(BytesIO(workbook.content)).get_sheet_by_index(0).to_python()
    found = {row[1]: dict(zip(head, row, strict=True)) for row in rows if row[0] == own.subject}
    assert found["single"]["Mean score"] == 0.5
    assert found["single"]["Correlation with the rest"] == pytest.approx(-1)
    assert found["single"]["by answers"] == 54
    assert found["single"]["What to look at"] == "Stronger students choose a: is the key right?"
    assert found["order"]["Mean score"] == found["order"]["What to look at"] == ""


async def test_the_questions_of_a_subject_come_in_pages(guest: Client, editor: Client, own: Bank) -> None:
    await answered(guest, own, 1)
    first = await editor.get(f"/admin/subjects/{own.subject}/quality?limit=2")
    rest = await editor.get(f"/admin/subjects/{own.subject}/quality?limit=2&after={first['next']}")
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert {one["id"] for one in first["items"] + rest["items"]} == {"single", "multiple", "number"}
    assert all(one["flags"] == [] for one in first["items"])


async def test_a_question_that_nobody_answered_has_no_figures(editor: Client, own: Bank) -> None:
    found = await editor.get(f"/admin/questions/order/quality?subject={own.subject}&since=2026-01-01")
    assert (found["answers"], found["facility"], found["discrimination"], found["flags"]) == (0, None, None, [])


async def test_what_there_is_not_has_no_quality(editor: Client) -> None:
    await editor.refused(404, "GET", "/admin/questions/no-such-question/quality")
    await editor.refused(404, "GET", "/admin/subjects/no-such-subject/quality")


async def test_quality_is_for_editors_and_analytics_for_administrators(
    student: Client, editor: Client, own: Bank
) -> None:
    await student.refused(403, "GET", f"/admin/questions/single/quality?subject={own.subject}")
    await student.refused(403, "GET", f"/admin/subjects/{own.subject}/quality")
    await editor.refused(403, "GET", "/admin/analytics")


async def test_the_reports_of_the_dashboards_have_what_was_just_done(guest: Client, admin: Client, own: Bank) -> None:
    await answered(guest, own, 1)
    told = await admin.get("/admin/analytics?days=7")
    assert told["since"] < told["until"]
    topics = told["reports"]["learning_topics"]
    assert topics["columns"] == ["subject", "topic", "given", "share", "score", "seconds"]
    single = next(row for row in topics["rows"] if row[:2] == [own.subject, "single"])
    assert single[2:5] == [2, 0.5, 0.5]
    assert told["reports"]["students_now"]["rows"][0][0] >= 1


async def test_the_service_tells_no_metric_that_is_not_in_the_list(guest: Client) -> None:
    told = (await guest.page("/metrics")).content.decode()
    names = set(re.findall(r"^# TYPE (apo_\w+) (?:counter|gauge|histogram)$", told, re.MULTILINE))
    names = {name for name in names if not name.endswith("_created")}
    assert names
    assert names <= listed().keys()
