"""Dashboards do not scan history: the benchmark, with a twenty-fifth of its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.analytics import MOST_SHARE, measure

# It looks at twelve weeks, which here are all there are, and in the benchmark an eighth.
OF_WEEKS = "students_retention"


@pytest.mark.thorough
async def test_every_report_reads_a_small_part_of_what_a_scan_reads(tmp_path: Path) -> None:
    scan, found = await measure(2_000_000, tmp_path)
    assert scan == 2_000_000
    assert len(found) > 30
    assert [one for one in found if one.share > MOST_SHARE and one.report != OF_WEEKS] == []
    assert [one for one in found if one.share > 2 * MOST_SHARE] == []
