"""The campaign of `tests.contests.big`, small enough for the suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contests.big import run


@pytest.mark.parametrize("students", [30, pytest.param(200, marks=pytest.mark.thorough)])
async def test_a_kill_takes_nobody_time_or_answers_and_the_places_are_what_the_journal_says(
    tmp_path: Path, students: int
) -> None:
    report = await run(tmp_path, students)
    assert not report.faults, str(report)
    assert report.answers == students * 8
