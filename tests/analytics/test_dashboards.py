"""The dashboards: as Grafana reads them, with the reports' own SQL and only metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.build import CLICKHOUSE, COLUMNS, DASHBOARDS, FOLDER, PROMETHEUS, SQL, built
from storage.clickhouse import reports
from tests.analytics.metrics import metrics

register_default_plugins()
PROVISIONING = Path(FOLDER).parent / "provisioning"
FILES = sorted(FOLDER.glob("*.json"))
# Functions and words of Prometheus' query language that the dashboards use.
PROMQL = {"sum", "by", "max", "rate", "increase", "histogram_quantile", "scalar", "topk"}


def read(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text())
    return loaded


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in FILES:
        for panel in read(file)["panels"]:
            yield file.stem, panel


PANELS = [pytest.param(uid, panel, id=f"{uid}-{panel['title'][:30]}") for uid, panel in panels()]


def test_the_six_dashboards_are_there_as_they_are_built() -> None:
    assert [file.stem for file in FILES] == sorted(DASHBOARDS)
    assert len(FILES) == 6
    for file in FILES:
        assert read(file) == built(file.stem), "run python -m grafana.build"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_follows_grafanas_schema(file: Path) -> None:
    """By Grafana's own models: what they do not know is lost when read and written again."""
    given = read(file)
    kept = json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder))
    assert lost(given, kept) == []


def test_the_check_against_the_schema_sees_what_is_not_in_it() -> None:
    wrong = read(FILES[0])
    wrong["panels"][0]["gridPosition"] = wrong["panels"][0].pop("gridPos")
    wrong["refreshing"] = "1m"
    kept = json.loads(json.dumps(Dashboard.from_json(wrong), cls=JSONEncoder))
    assert lost(wrong, kept) == ["/panels/0/gridPosition", "/refreshing"]


def lost(given: object, kept: object, path: str = "") -> list[str]:
    """The places of `given` that are not, or not so, in `kept`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            place
            for name, value in given.items()
            for place in (lost(value, kept[name], f"{path}/{name}") if name in kept else [f"{path}/{name}"])
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [
            place
            for number, pair in enumerate(zip(given, kept, strict=True))
            for place in lost(*pair, f"{path}/{number}")
        ]
    return [] if given == kept else [path]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_a_panel_asks_one_source_that_is_provisioned(uid: str, panel: dict[str, Any]) -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources" / "apo.yml").read_text())["datasources"]
    known = [{"type": one["type"], "uid": one["uid"]} for one in provisioned]
    assert known == [CLICKHOUSE, PROMETHEUS]
    assert panel["datasource"] in known
    assert panel["targets"]
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize(
    ("uid", "panel"),
    [one for one in PANELS if one.values[1]["datasource"] == CLICKHOUSE],  # type: ignore[index]  # values are ours
)
def test_a_panels_sql_is_a_report_which_is_tested_by_itself(uid: str, panel: dict[str, Any]) -> None:
    (target,) = panel["targets"]
    assert target["rawSql"] in reports.REPORTS.values()
    over_time = panel["type"] == "timeseries"
    assert (target["queryType"], target["format"]) == (("timeseries", 0) if over_time else ("table", 1))
    names = reports.columns(next(name for name, sql in reports.REPORTS.items() if sql == target["rawSql"]))
    assert not over_time or names[0] == "time"
    overridden = [one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]]
    assert set(overridden) <= set(names)


def test_every_report_is_on_a_dashboard() -> None:
    shown = {target.get("rawSql") for _, panel in panels() for target in panel["targets"]}
    assert {file.stem for file in SQL.glob("*.sql") if file.read_text() not in shown} == set()


@pytest.mark.parametrize(
    ("uid", "panel"),
    [one for one in PANELS if one.values[1]["datasource"] == PROMETHEUS],  # type: ignore[index]  # values are ours
)
def test_a_panel_asks_for_metrics_and_labels_that_there_are(uid: str, panel: dict[str, Any]) -> None:
    known = metrics()
    for target in panel["targets"]:
        asked = re.sub(r'"[^"]*"|\[[^\]]*\]', "", target["expr"])
        names = set(re.findall(r"\bapo_\w+", asked))
        assert names
        labels = {"le"}
        for name in names:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert base in known, f"{name} is not measured"
            labels |= set(known[base].labels)
        words = set(re.findall(r"\b[a-z_]+\b(?!\s*=~)", asked)) - names - PROMQL
        assert words <= labels
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_panels_lie_side_by_side(file: Path) -> None:
    found = read(file)["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells
        taken |= cells
    assert all(one["gridPos"]["y"] <= other["gridPos"]["y"] for one, other in pairwise(found))


def test_dashboards_are_provisioned_from_the_folder_that_is_mounted() -> None:
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "apo.yml").read_text())["providers"]
    compose = yaml.safe_load((FOLDER.parent.parent / "docker-compose.yml").read_text())
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose["services"]["grafana"]["volumes"]
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in compose["services"]["grafana"]["volumes"]
    assert provider["allowUiUpdates"] is False
