"""Places, ties, and what is not told before the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.api.banks import RIGHT, WRONG, Bank
from tests.api.client import Client, Json, connect
from tests.contests.school import answered, begun, board, planned

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def have_done(
    admin: Client, contest: Json, done: Sequence[tuple[str, Sequence[float], float | None, float]]
) -> None:
    """Rows as the relay writes them, for new users: name, scores, seconds from start to end (None: open), extended."""
    connection = await connect(admin.service)
    try:
        for name, scores, seconds, extended in done:
            user = await connection.fetchval("INSERT INTO users (name) VALUES ($1) RETURNING id", name)
            training = f"{user}-1"
            await connection.execute(
                """INSERT INTO trainings (id, user_id, number, subject, mode, questions, started_at, deadline,
                                          finished_at, contest, extended)
                   VALUES ($1, $2, 1, $3, 'exam', '{1,2,3,4}', $4, $5, $6, $7, $8)""",
                training,
                user,
                contest["subject"],
                START,
                datetime.now(UTC) + timedelta(hours=1),
                None if seconds is None else START + timedelta(seconds=seconds),
                contest["id"],
                extended,
            )
            await connection.executemany(
                """INSERT INTO answers (training, question, user_id, subject, topic, kind, score, seconds, at)
                   VALUES ($1, $2, $3, 'x', 'x', 'single', $4, 1, now())""",
                [(training, number, user, score) for number, score in enumerate(scores)],
            )
    finally:
        await connection.close()


def places(told: Json) -> list[tuple[int | None, str]]:
    return [(one["place"], one["name"]) for one in told["items"]]


async def test_the_score_decides_then_the_seconds_and_equals_share_a_place(admin: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    await have_done(
        admin,
        contest,
        [
            ("Slow", [1, 1, 0], 900.0, 0),
            ("Best", [1, 1, 0.5], 1700.0, 0),
            ("Quick", [1, 1], 600.0, 0),
            ("As quick", [1, 0.5, 0.5], 600.9, 0),
            ("Next", [1], 10.0, 0),
        ],
    )
    assert places(await board(admin, contest)) == [
        (1, "Best"),
        (2, "As quick"),
        (2, "Quick"),
        (4, "Slow"),
        (5, "Next"),
    ]


async def test_sums_that_differ_by_rounding_only_are_equal(admin: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    await have_done(admin, contest, [("A", [0.1, 0.2, 0.3], 60, 0), ("B", [0.3, 0.2, 0.1], 60, 0)])
    assert places(await board(admin, contest)) == [(1, "A"), (1, "B")]


async def test_time_that_an_outage_took_was_not_used(admin: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    await have_done(admin, contest, [("Undisturbed", [1], 100, 0), ("Interrupted", [1], 150, 60)])
    told = await board(admin, contest)
    assert places(told) == [(1, "Interrupted"), (2, "Undisturbed")]
    assert [one["seconds"] for one in told["items"]] == [90, 100]


async def test_who_is_not_done_has_no_place_and_no_score_yet(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    await have_done(admin, contest, [("Done", [0, 0], 100, 0)])
    training = await begun(student, contest)
    await student.post(f"/trainings/{training['id']}/answers", {"question": "single", "response": RIGHT["single"]})
    told = await board(student, contest)
    assert places(told) == [(1, "Done"), (None, "Anna")]
    assert told["own"] == {"place": None, "name": "Anna", "score": None, "answered": 1, "seconds": None}
    assert told["final"] is False


async def test_a_long_leaderboard_comes_in_pages(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject)
    await have_done(admin, contest, [(f"N{number}", [1], 100 + number, 0) for number in range(5)])
    path = f"/contests/{contest['id']}/leaderboard?limit=2"
    names, after = [], ""
    while after is not None:
        page = await student.get(path + (f"&after={after}" if after else ""))
        names += [one["name"] for one in page["items"]]
        after = page["next"]
    assert names == ["N0", "N1", "N2", "N3", "N4"]


async def test_hidden_results_are_told_to_nobody_before_the_end(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject, results_hidden=True)
    training = await begun(student, contest)
    before = await student.get("/me/statistics")
    for place, question in enumerate(contest["questions"]):
        response = RIGHT[question] if place < 3 else WRONG[question]
        verdict = await student.post(
            f"/trainings/{training['id']}/answers", {"question": question, "response": response}
        )
        assert (verdict["score"], verdict["progress"]["correct"]) == (None, None)

    own = await student.get(f"/trainings/{training['id']}")
    assert (own["status"], own["summary"], own["progress"]["correct"]) == ("finished", None, None)
    assert own["results_at"] == contest["ends_at"]
    assert await begun(student, contest) == own
    (listed,) = (await student.get("/trainings"))["items"]
    assert (listed["summary"], listed["progress"]["correct"]) == (None, None)
    assert await student.get("/me/statistics") == before | {"trainings": 1}
    kept = await student.get("/me/export")
    assert {answer["score"] for answer in kept["answers"]} == {None}
    for one in (student, another):
        told = await board(one, contest)
        assert (told["hidden"], told["items"], told["own"]) == (True, [], None)
    assert places(await board(admin, contest)) == [(1, "Anna")]
    # What one got wrong is no secret's place either.
    await student.post("/trainings", {"subject": walk.subject}, status=201)
    assert (await student.get(f"/trainings/{training['id']}"))["summary"] is None
    mistakes = {"subject": walk.subject, "filters": {"only": "mistakes"}}
    await student.refused(409, "POST", "/trainings", mistakes)


async def test_after_the_end_hidden_results_are_told(admin: Client, student: Client, walk: Bank) -> None:
    contest = await planned(admin, walk.subject, results_hidden=True, lasts=3)
    training = await begun(student, contest)
    await answered(student, training, right=3)
    while (told := await board(student, contest))["hidden"]:
        pass
    assert (told["final"], places(told), told["own"]["score"]) == (True, [(1, "Anna")], 3)
    own = await student.get(f"/trainings/{training['id']}")
    assert (own["summary"]["score"], own["progress"]["correct"]) == (3, 3)
    assert (await student.get("/me/statistics"))["totals"]["correct"] == 3
    again = await student.post("/trainings", {"subject": walk.subject, "filters": {"only": "mistakes"}}, status=201)
    assert (again["size"], again["question"]["id"]) == (1, "number")


async def test_results_that_are_not_hidden_are_told_when_one_is_done(
    admin: Client, student: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject)
    training = await begun(student, contest)
    await answered(student, training, right=2)
    own = await student.get(f"/trainings/{training['id']}")
    assert (own["summary"]["score"], own["results_at"]) == (2, None)


async def test_erasing_an_account_takes_it_off_the_leaderboard(
    admin: Client, student: Client, another: Client, walk: Bank
) -> None:
    contest = await planned(admin, walk.subject)
    for one in (student, another):
        await answered(one, await begun(one, contest), right=1)
    await student.ask("DELETE", "/me", {"password": "correct horse battery"}, status=204)
    assert places(await board(another, contest)) == [(1, "Boris")]
