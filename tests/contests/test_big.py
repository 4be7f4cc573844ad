"""The campaign of `tests.contests.big`, small enough for the suite."""

from __future__ import annotations

from pathlib import Path

from tests.contests.big import run


async def test_a_kill_takes_nobody_time_or_answers_and_the_places_are_what_the_journal_says(tmp_path: Path) -> None:
    report = await run(tmp_path, students=200)
    assert not report.faults, str(report)
    assert report.answers == 200 * 8
