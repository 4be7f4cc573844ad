"""What the actors measure of themselves, in Prometheus form."""

from prometheus_client import Counter, Gauge, Histogram

COMMIT_SECONDS = Histogram(
    "apo_commit_seconds",
    "Time to commit one group of events",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
GROUP_EVENTS = Histogram(
    "apo_group_events", "Events committed in one transaction", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
)
COMMITS_WAITING = Gauge("apo_commits_waiting", "Commands whose events wait to be committed, and sessions to be loaded")
POISONED = Counter("apo_sessions_poisoned_total", "Sessions ended because their events could not be committed")
SESSIONS = Gauge("apo_sessions", "Session actors alive")
STARTED = Counter("apo_sessions_started_total", "Session actors started")
PASSIVATED = Counter("apo_sessions_passivated_total", "Session actors passivated")
FAILED = Counter("apo_sessions_failed_total", "Session actors that could not be started")
MAILBOX_FULL = Counter("apo_mailbox_full_total", "Commands refused because a mailbox was full")
RELAY_POSITION = Gauge("apo_relay_position", "Position of the journal that a relay has reached", ["relay"])
RELAY_ERRORS = Counter("apo_relay_errors_total", "Steps of a relay that failed and are tried again", ["relay"])
PARKED = Counter("apo_relay_parked_total", "Events that a relay was refused for good", ["relay"])
JOURNAL_POSITION = Gauge("apo_journal_position", "Position of the last committed event")
LOG_LINES_SHIPPED = Counter("apo_log_lines_shipped_total", "Lines of the log that were stored in ClickHouse")
LOG_LINES_DROPPED = Counter("apo_log_lines_dropped_total", "Lines of the log that found no room or were given up")
BROADCAST_MESSAGES = Counter("apo_broadcast_messages_total", "Mass messages by what became of them", ["outcome"])
for outcome in ("sent", "failed", "blocked"):
    BROADCAST_MESSAGES.labels(outcome)  # there from the start, at 0: else Prometheus misses the first ones counted
BROADCAST_RATE = Gauge("apo_broadcast_rate", "Mass messages a second, over the last seconds")
BROADCAST_LEFT = Gauge("apo_broadcast_left", "Messages of running broadcasts that are still to be sent")
BROADCAST_FLOODS = Counter("apo_broadcast_floods_total", "Times that Telegram asked broadcasts to wait")
