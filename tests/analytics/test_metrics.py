"""The list of metrics is that of the code."""

from __future__ import annotations

import re

from tests.analytics.metrics import ROOT, metrics

ROW = re.compile(r"^\| `(apo_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", re.MULTILINE)


def listed() -> dict[str, tuple[str, tuple[str, ...], str]]:
    text = (ROOT / "docs" / "metrics.md").read_text()
    return {name: (kind, tuple(re.findall(r"`(\w+)`", labels)), told) for name, kind, labels, told in ROW.findall(text)}


def test_every_metric_of_the_code_is_in_the_list() -> None:
    expected = {name: (one.kind, one.labels, one.text.rstrip(".")) for name, one in metrics().items()}
    assert len(expected) >= 25
    assert listed() == expected
