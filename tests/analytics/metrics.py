"""Every metric that the code makes, found in the code."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "HistogramMetricFamily": "histogram"}


@dataclass(frozen=True)
class Metric:
    kind: str
    text: str
    labels: tuple[str, ...]


@cache
def metrics() -> dict[str, Metric]:
    """By name: calls of Prometheus' classes with a name that begins with `apo_`."""
    found = {}
    for folder in ("actors", "protocols", "storage", "."):
        for file in (ROOT / folder).glob("*.py" if folder == "." else "**/*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                metric = _metric(node)
                if metric is not None:
                    found[metric[0]] = metric[1]
    return found


def _metric(node: ast.AST) -> tuple[str, Metric] | None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
        return None
    given = [_value(argument) for argument in node.args]
    if not (given and isinstance(given[0], str) and given[0].startswith("apo_")):
        return None
    named = {one.arg: _value(one.value) for one in node.keywords}
    labels = named.get("labels") or named.get("labelnames") or (given[2] if len(given) > 2 else ())
    assert isinstance(labels, list | tuple)
    return given[0], Metric(KINDS[node.func.id], str(given[1]), tuple(map(str, labels)))


def _value(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
