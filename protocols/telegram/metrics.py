"""What Prometheus is told about Telegram."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CONNECTED = Gauge("apo_telegram_connected", "1 while there is a session with Telegram")
CONNECTIONS = Counter("apo_telegram_connections_total", "Sessions with Telegram that were begun")
UPDATES = Counter("apo_telegram_updates_total", "What people did, by what became of it", ["outcome"])
for outcome in ("handled", "failed", "again", "repeated", "dropped"):
    UPDATES.labels(outcome)  # from nought on: Prometheus takes no notice of a first one that comes with its counter
CLICKS = Counter(
    "apo_broadcast_clicks_total",
    "Presses of buttons of mass messages that begin a training, by its subject",
    ["subject"],
)
DIFFERENCES = Counter("apo_telegram_differences_total", "Times that Telegram was asked what was missed")
WAITING = Gauge("apo_telegram_updates_waiting", "Updates that were taken and are not handled yet")
CALLS = Histogram(
    "apo_telegram_call_seconds",
    "Time from a call of Telegram to its answer, in seconds",
    ["outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
HANDLING = Histogram(
    "apo_telegram_handling_seconds",
    "Time from an update's arrival until it was handled, in seconds",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
QUEUED = Gauge("apo_telegram_messages_waiting", "New messages that wait for Telegram's limits", ["priority"])
