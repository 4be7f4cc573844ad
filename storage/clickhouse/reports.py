"""The reports of `sql/`: the very queries of the dashboards, for a page of one's own.

They are written with macros of Grafana's ClickHouse data source, which are put in here as that does it:
https://github.com/grafana/clickhouse-datasource#macros
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from storage.clickhouse.engine import ClickHouse, Value

REPORTS: Final = {file.stem: file.read_text() for file in sorted(Path(__file__).with_name("sql").glob("*.sql"))}
_ALIAS = re.compile(r"(?:\bAS )?(\w+)$")
_MACRO = re.compile(r"\$__(\w+)(?:\(([^)]*)\))?")


class UnknownMacro(ValueError):
    """A report has a macro that is not put in here."""


def expand(sql: str, start: datetime, end: datetime) -> str:
    """The query for a range of time, both ends included. Raises UnknownMacro."""

    def put_in(found: re.Match[str]) -> str:
        name, column = found.groups()
        match name:
            case "fromTime":
                return _moment(start)
            case "toTime":
                return _moment(end)
            case "timeFilter":
                return f"{column} >= {_moment(start)} AND {column} <= {_moment(end)}"
            case "dateFilter":
                return f"{column} >= {_day(start)} AND {column} <= {_day(end)}"
        raise UnknownMacro(found[0])

    return _MACRO.sub(put_in, sql)


def _moment(time: datetime) -> str:
    return f"toDateTime({int(time.timestamp())})"


def _day(time: datetime) -> str:
    return f"toDate('{time.astimezone(UTC):%Y-%m-%d}')"


def columns(report: str) -> tuple[str, ...]:
    """The names of a report's columns: what it selects outside of all brackets, up to its first FROM."""
    query = "\n".join(line for line in REPORTS[report].splitlines() if not line.startswith("--"))
    depth, names, one = 0, [], ""
    for piece in re.split(r"([(),]|\bFROM\b)", query.removeprefix("SELECT")):
        depth += (piece == "(") - (piece == ")")
        if depth == 0 and piece in (",", "FROM"):
            names.append(one)
            one = ""
            if piece == "FROM":
                break
        else:
            one += piece
    return tuple(found[1] for name in names if (found := _ALIAS.search(name.strip())))


async def run(clickhouse: ClickHouse, report: str, start: datetime, end: datetime) -> list[tuple[Value, ...]]:
    """The rows of a report; times and days as strings, in UTC. Raises ClickHouseError."""
    rows = await clickhouse.query(expand(REPORTS[report], start, end))
    return [tuple(map(_plain, row)) for row in rows]


def _plain(value: object) -> Value:
    # The server's driver makes times of its own of what the engine inside tells as strings.
    match value:
        case int() | float() | str():
            return value
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)
