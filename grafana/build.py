"""Writes the dashboards: `python -m grafana.build`. Their SQL is that of storage/clickhouse/sql, word for word.

The form is Grafana's dashboard model: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

SQL: Final = Path(__file__).parent.parent / "storage" / "clickhouse" / "sql"
FOLDER: Final = Path(__file__).with_name("dashboards")
CLICKHOUSE: Final = {"type": "grafana-clickhouse-datasource", "uid": "clickhouse"}
PROMETHEUS: Final = {"type": "prometheus", "uid": "prometheus"}
COLUMNS: Final = 24  # that a dashboard is wide
Kind = Literal["timeseries", "table", "stat", "barchart", "piechart", "heatmap"]


@dataclass(frozen=True)
class Panel:
    """`report` names a file of SQL, or `queries` are Prometheus', each with what its line is called.

    `per_column` gives single columns a unit, or hides them: {"share": "percentunit"}.
    """

    title: str
    kind: Kind
    report: str = ""
    queries: Sequence[tuple[str, str]] = ()
    unit: str = "short"
    width: int = 12
    height: int = 8
    note: str = ""
    stacked: bool = False
    bars: bool = False
    per_column: Mapping[str, str] = field(default_factory=dict)


def rate(metric: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({metric}[$__rate_interval]))"


def at_quantile(share: float, metric: str, by: str = "") -> str:
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', f'le, {by}' if by else 'le')})"


SHARE: Final = {"share": "percentunit"}
QUALITY: Final = {"facility": "percentunit", "low": "none", "high": "none", "discrimination": "none"}
FACILITY: Final = {"facility": "percentunit", "low": "percentunit", "high": "percentunit"}

DASHBOARDS: Final[dict[str, tuple[str, str, tuple[Panel, ...]]]] = {
    # uid: title, range of time, panels
    "apo-service": (
        "Service",
        "now-6h",
        (
            Panel("Requests a second, by status", "timeseries", queries=[
                (rate("apo_http_request_seconds_count", "status"), "{{status}}")], unit="reqps", stacked=True),
            Panel("Time of a request", "timeseries", queries=[
                (at_quantile(0.5, "apo_http_request_seconds"), "median"),
                (at_quantile(0.95, "apo_http_request_seconds"), "95 %"),
                (at_quantile(0.99, "apo_http_request_seconds"), "99 %")], unit="s"),
            Panel("The slowest routes (95 %)", "timeseries", queries=[
                (f"topk(8, {at_quantile(0.95, 'apo_http_request_seconds', 'route')})", "{{route}}")], unit="s"),
            Panel("Refused for want of room, and failures", "timeseries", queries=[
                (rate("apo_mailbox_full_total"), "mailbox full"),
                (rate("apo_sessions_poisoned_total"), "sessions ended by a failed commit"),
                (rate("apo_sessions_failed_total"), "sessions that did not start"),
                (rate('apo_http_request_seconds_count{status=~"5.."}'), "answers 5xx")], unit="cps"),
            Panel("Mailbox of the commit: commands that wait", "timeseries", queries=[
                ("sum(apo_commits_waiting)", "waiting")], width=8),
            Panel("Sessions alive", "timeseries", queries=[("sum(apo_sessions)", "sessions")], width=8),
            Panel("Events committed a second", "timeseries", queries=[
                (rate("apo_group_events_sum"), "events")], unit="cps", width=8),
            Panel("Time of a commit", "timeseries", queries=[
                (at_quantile(0.5, "apo_commit_seconds"), "median"),
                (at_quantile(0.99, "apo_commit_seconds"), "99 %")], unit="s", width=8),
            Panel("Events in a commit group", "timeseries", queries=[
                (at_quantile(0.5, "apo_group_events"), "median"),
                (at_quantile(0.99, "apo_group_events"), "99 %")], width=8),
            Panel("Events that relays are behind", "timeseries", queries=[
                ("scalar(max(apo_journal_position)) - max by (relay) (apo_relay_position)", "{{relay}}")], width=8),
            Panel("Steps of relays that failed, and events parked", "timeseries", queries=[
                (rate("apo_relay_errors_total", "relay"), "{{relay}}: failed"),
                ("sum by (relay) (apo_relay_parked_total)", "{{relay}}: parked")], width=8),
            Panel("Telegram: updates a second", "timeseries", queries=[
                (rate("apo_telegram_updates_total", "outcome"), "{{outcome}}")], unit="cps", stacked=True, width=8),
            Panel("Telegram: messages that wait", "timeseries", queries=[
                ("sum by (priority) (apo_telegram_messages_waiting)", "{{priority}}")], width=8),
            Panel("Lines of the log that were dropped", "timeseries", queries=[
                (rate("apo_log_lines_dropped_total"), "dropped")], unit="cps", width=8),
            Panel("Lines of the log, by hour", "timeseries", report="service_log_levels", bars=True, stacked=True),
            Panel("The last warnings and errors", "table", report="service_troubles"),
        ),
    ),
    "apo-students": (
        "Students",
        "now-90d",
        (
            Panel("Active on the last day, in 7 days, in 30 days", "stat", report="students_now", width=24, height=4),
            Panel("Active by day", "timeseries", report="students_daily"),
            Panel("Active by week", "timeseries", report="students_weekly", bars=True),
            Panel("Active by month", "timeseries", report="students_monthly", bars=True),
            Panel("New by day", "timeseries", report="students_new", bars=True,
                  note="By the day of the first training."),
            Panel("Retention", "table", report="students_retention",
                  note="How many of those whose first training was in one week train in the weeks after."),
            Panel("Platforms", "barchart", report="students_platforms", width=6),
            Panel("Hours of the day (UTC)", "barchart", report="students_hours", width=6),
        ),
    ),
    "apo-learning": (
        "Learning",
        "now-90d",
        (
            Panel("Answers by day and subject", "timeseries", report="learning_answers", stacked=True),
            Panel("Share of right answers", "timeseries", report="learning_right", unit="percentunit"),
            Panel("Answers by week and topic", "timeseries", report="learning_topics_answers", stacked=True,
                  note="The twelve topics that most is answered in."),
            Panel("Share of right answers by week and topic", "timeseries", report="learning_topics_right",
                  unit="percentunit", note="The twelve topics that most is answered in."),
            Panel("Time to answer", "timeseries", report="learning_seconds", unit="s"),
            Panel("Trainings", "timeseries", report="learning_trainings"),
            Panel("Topics", "table", report="learning_topics", width=24, height=12,
                  per_column=SHARE | {"score": "percentunit", "seconds": "s"}),
        ),
    ),
    "apo-questions": (
        "Questions",
        "now-1y",
        (
            Panel("Broken: look at the key first where discrimination is below zero", "table",
                  report="questions_broken", width=24, height=10, per_column=QUALITY,
                  note="The whole interval of the correlation with the rest of the training is below 0.1."),
            Panel("The hardest", "table", report="questions_hardest", height=10, per_column=FACILITY),
            Panel("The easiest", "table", report="questions_easiest", height=10, per_column=FACILITY),
            Panel("Questions by their mean score", "barchart", report="questions_facility", width=24),
        ),
    ),
    "apo-contests": (
        "Contests",
        "now-1y",
        (
            Panel("Contests", "table", report="contests", width=24, height=10, per_column=SHARE),
            Panel("Results by tenths", "table", report="contests_scores", width=24, per_column=SHARE),
        ),
    ),
    "apo-broadcasts": (
        "Broadcasts",
        "now-24h",
        (
            Panel("Sent, failed, blocked: in the range", "stat", queries=[
                ("sum by (outcome) (increase(apo_broadcast_messages_total[$__range]))", "{{outcome}}")], height=6),
            Panel("Buttons pressed: in the range", "stat", queries=[
                ("sum by (subject) (increase(apo_broadcast_clicks_total[$__range]))", "{{subject}}")], height=6),
            Panel("Messages a second", "timeseries", queries=[
                (rate("apo_broadcast_messages_total", "outcome"), "{{outcome}}"),
                ("sum(apo_broadcast_rate)", "rate")], unit="cps"),
            Panel("Still to be sent", "timeseries", queries=[("sum(apo_broadcast_left)", "left")]),
            Panel("Times that Telegram asked to wait", "timeseries", queries=[
                ("sum(increase(apo_broadcast_floods_total[$__rate_interval]))", "waits")], bars=True),
        ),
    ),
}  # fmt: skip


def sql(report: str) -> str:
    return (SQL / f"{report}.sql").read_text()


def built(uid: str) -> dict[str, Any]:
    """The dashboard of this uid, as Grafana reads it."""
    title, since, panels = DASHBOARDS[uid]
    return {
        "uid": uid,
        "title": f"APO: {title}",
        "tags": ["apo"],
        "timezone": "utc",
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": 41,
        "time": {"from": since, "to": "now"},
        "refresh": "1m" if since.endswith("h") else "15m",
        "panels": _placed(panels),
    }


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """From left to right, in rows as high as the highest of their panels."""
    placed, x, y, high = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y, high = 0, y + high, 0
        placed.append(_panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x, high = x + panel.width, max(high, panel.height)
    return placed


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "drawStyle": "bars" if panel.bars else "line",
            "fillOpacity": 70 if panel.bars else 20 if panel.stacked else 0,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "showPoints": "auto",
        }
    overrides = [
        {"matcher": {"id": "byName", "options": column}, "properties": [{"id": "unit", "value": unit}]}
        for column, unit in panel.per_column.items()
    ]
    options: dict[str, Any] = {}
    if panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        **({"description": panel.note} if panel.note else {}),
        "datasource": CLICKHOUSE if panel.report else PROMETHEUS,
        "gridPos": place,
        "targets": [_of_report(panel)] if panel.report else _of_queries(panel),
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
        **({"transformations": _across(panel)} if panel.report == "students_retention" else {}),
    }


def _of_report(panel: Panel) -> dict[str, Any]:
    over_time = panel.kind == "timeseries"
    return {
        "refId": "A",
        "datasource": CLICKHOUSE,
        "editorType": "sql",
        "queryType": "timeseries" if over_time else "table",
        "format": 0 if over_time else 1,
        "rawSql": sql(panel.report),
    }


def _of_queries(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": PROMETHEUS,
            "editorMode": "code",
            "expr": query,
            "legendFormat": legend,
            "range": panel.kind == "timeseries",
            "instant": panel.kind != "timeseries",
        }
        for number, (query, legend) in enumerate(panel.queries)
    ]


def _across(panel: Panel) -> list[dict[str, Any]]:
    """A row for each cohort, a column for each week after."""
    options = {"rowField": "cohort", "columnField": "weeks_later", "valueField": "students"}
    return [{"id": "groupingToMatrix", "options": options}]


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for uid in DASHBOARDS:
        (FOLDER / f"{uid}.json").write_text(json.dumps(built(uid), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
