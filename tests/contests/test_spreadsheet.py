"""The results of a contest as a spreadsheet."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from python_calamine import CalamineWorkbook

from tests.api.banks import Bank
from tests.api.client import Client
from tests.commands.house import House
from tests.contests.school import answered, begun, planned


async def test_the_results_are_a_spreadsheet_by_place(
    admin: Client, guest: Client, student: Client, walk: Bank
) -> None:
    formula = await guest.register(name="=1+1", grade=9)
    contest = await planned(admin, walk.subject)
    await answered(student, await begun(student, contest), right=3)
    await answered(formula, await begun(formula, contest), right=4)
    sent = await admin.call("GET", f"/admin/exports/contests/{contest['id']}.xlsx?language=en")
    assert sent.status == 200
    assert f"contest-{contest['id']}.xlsx" in sent.headers["Content-Disposition"]
    heading, *rows = CalamineWorkbook.from_filelike(io.BytesIO(sent.content)).get_sheet_by_index(0).to_python()
    at = {name: place for place, name in enumerate(heading)}
    shown = [(row[at["Place"]], row[at["Name"]], row[at["Score"]], row[at["Questions"]]) for row in rows]
    assert shown == [(1, "=1+1", 4, 4), (2, "Anna", 3, 4)]


async def test_a_spreadsheet_of_a_contest_is_for_administrators_and_of_one_that_is_there(
    admin: Client, student: Client
) -> None:
    await admin.refused(404, "GET", "/admin/exports/contests/999999.xlsx")
    await admin.refused(404, "GET", "/admin/exports/contests/all.xlsx")
    await student.refused(403, "GET", "/admin/exports/contests/1.xlsx")


async def test_the_command_line_writes_the_results_too(
    admin: Client, student: Client, walk: Bank, tmp_path: Path
) -> None:
    contest = await planned(admin, walk.subject)
    await answered(student, await begun(student, contest), right=2)
    await student.get(f"/contests/{contest['id']}/leaderboard")  # waits until the journal is carried onward
    house = House(admin.service.folder / "data")
    file = tmp_path / "places.xlsx"
    number = str(contest["id"])
    done = await asyncio.to_thread(house.run, "export", "contest", file, "--contest", number, "--language", "en")
    assert (done.status, done.out) == (0, f"{file}: 1 row\n"), done.said
    (row,) = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()[1:]
    assert row[0] == 1
    for more, why in ((["--contest", "999999"], "no contest 999999"), ([], "--contest ID")):
        done = await asyncio.to_thread(house.run, "export", "contest", file, *more)
        assert done.status == 1
        assert why in done.err
