"""What is told of the engines that are away or late."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from actors.relay import MOST_BEHIND, Gauge
from protocols.http.application import Readiness
from readiness import readiness

HEAD = MOST_BEHIND + 7


def told(
    journal: str | None = None,
    held: str | None = None,
    mongo: str | None = None,
    telegram: Mapping[str, str | None] | None = None,
    away: Mapping[str, str] | None = None,
    late: str = "",
) -> Readiness:
    """`away`: what keeps some relays; `late`: the one that is far behind."""
    gauges = {name: Gauge(name) for name in ("read models", "counters", "activity", "rollups")}
    for gauge in gauges.values():
        gauge.problem = (away or {}).get(gauge.name)
        gauge.position = 5 if gauge.name == late else HEAD
    return readiness(head=HEAD, journal=journal, held=held, mongo=mongo, gauges=gauges, telegram=telegram or {})


def not_ok(wrong: Readiness) -> dict[str, str]:
    return {name: part for name, part in wrong.parts.items() if part != "ok"}


def test_where_nothing_is_wrong_all_are_named() -> None:
    well = told(telegram={"telegram": None})
    assert (well.status, set(well.parts)) == ("ok", {"postgres", "mongo", "clickhouse", "telegram"})
    assert not_ok(well) == {}


@pytest.mark.parametrize(
    ("wrong", "part", "said"),
    [
        (told(mongo="refused"), "mongo", "refused; trainings go on, counters of questions are late and the bank"),
        (told(away={"counters": "odd"}), "mongo", "odd; trainings go on, counters of questions are late"),
        (told(away={"activity": "away"}), "clickhouse", "away; trainings go on, analytics are late"),
        (told(late="rollups"), "clickhouse", f"{MOST_BEHIND + 2} events behind; trainings go on"),
        (told(late="read models"), "postgres", "trainings go on, results and leaderboards are late"),
        (told(telegram={"telegram": "wrong token"}), "telegram", "wrong token; the pages and the API go on"),
    ],
)
def test_what_is_away_or_late_is_told_with_what_goes_on(wrong: Readiness, part: str, said: str) -> None:
    assert wrong.status == "degraded"
    assert not_ok(wrong).keys() == {part}
    assert said in wrong.parts[part]


def test_without_postgresql_the_others_that_are_away_or_late_are_named_as_well() -> None:
    wrong = told(journal="closed", mongo="refused", away={"rollups": "gone"}, telegram={"telegram": "offline"})
    assert wrong.status == "down"
    assert not_ok(wrong) == {"postgres": "closed", "mongo": "refused", "clickhouse": "gone", "telegram": "offline"}
    assert not_ok(told(journal="closed", late="counters"))["mongo"] == f"{MOST_BEHIND + 2} events behind"


def test_what_keeps_relays_from_the_journal_is_not_blamed_on_where_they_go() -> None:
    wrong = told(journal="closed", away={"read models": "closed", "counters": "closed", "activity": "closed"})
    assert not_ok(wrong) == {"postgres": "closed"}


def test_while_nothing_is_accepted_for_another_reason_that_is_told() -> None:
    wrong = told(held="the time of an outage is being given back", away={"activity": "away"})
    assert wrong.status == "down"
    assert not_ok(wrong) == {"postgres": "the time of an outage is being given back", "clickhouse": "away"}
