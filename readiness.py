"""What `/readyz` tells: which engines are away or late, and what goes on all the same."""

from __future__ import annotations

from collections.abc import Mapping

from actors.relay import Gauge
from protocols.http.application import Readiness

LATE = {
    "read models": "trainings go on, results and leaderboards are late",
    "counters": "trainings go on, counters of questions are late",
    "activity": "trainings go on, analytics are late",
    "rollups": "trainings go on, analytics are late",
}
MONGO_AWAY = "trainings go on, counters of questions are late and the bank cannot be changed"
TELEGRAM_AWAY = "the pages and the API go on"


def readiness(
    *,
    head: int,
    journal: str | None,
    held: str | None,
    mongo: str | None,
    gauges: Mapping[str, Gauge],
    telegram: Mapping[str, str | None],
) -> Readiness:
    """How it is, of what keeps each part (None: nothing).

    `head` is the last position of the journal; `held` is why nothing is accepted though that would. `gauges` are those
    of the relays and of the rollups, by name; `telegram` has the bot, by name, where there is one.
    """
    down = journal or held

    def told(problem: str | None, works: str) -> str:
        if problem is None:
            return "ok"
        return problem if down else f"{problem}; {works}"

    def late(*names: str) -> str:
        for name in names:
            # A relay that cannot read the journal does not know how the place is where it carries it.
            knows = journal is None or name == "rollups"
            problem = gauges[name].trouble(head) if knows else gauges[name].behind(head)
            if problem is not None:
                return told(problem, LATE[name])
        return "ok"

    parts = {
        "postgres": down or late("read models"),
        "mongo": late("counters") if mongo is None else told(mongo, MONGO_AWAY),
        "clickhouse": late("activity", "rollups"),
    } | {name: told(problem, TELEGRAM_AWAY) for name, problem in telegram.items()}
    degraded = any(part != "ok" for part in parts.values())
    return Readiness(status="down" if down else "degraded" if degraded else "ok", parts=parts)
