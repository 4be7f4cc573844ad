"""A contest over HTTP, from its plan to its places."""

from __future__ import annotations

from tests.api.banks import Bank
from tests.api.client import Client
from tests.contests.school import answered, begun, board, planned


async def test_a_contest_from_its_plan_to_its_places(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject)
    assert contest["state"] == "running"
    assert contest["id"] in [one["id"] for one in (await student.get("/contests"))["items"]]

    joined = await student.post(f"/contests/{contest['id']}/join")
    assert joined["joined"] is True

    best, second = await begun(student, contest), await begun(another, contest)
    assert (best["mode"], best["size"], best["contest"]) == ("exam", 4, contest["id"])
    await answered(another, second, right=1)
    await answered(student, best, right=3)

    told = await board(student, contest)
    assert [(one["place"], one["name"], one["score"]) for one in told["items"]] == [(1, "Anna", 3), (2, "Boris", 1)]
    assert told["own"] == told["items"][0]
