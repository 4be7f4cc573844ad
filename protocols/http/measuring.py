"""Counts and times requests for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Requests:
    """One histogram for all calls; its count is the number of requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "apo_http_request_seconds",
            "Time from a request's head to its answer, in seconds.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=registry,
        )

    def of(self, method: str, route: str) -> Callable[[int, float], None]:
        """What notes the status and seconds of each request of one route; finding the labels costs once."""
        observers: dict[int, Callable[[float], None]] = {}

        def observe(status: int, seconds: float) -> None:
            observer = observers.get(status)
            if observer is None:
                observer = observers[status] = self._seconds.labels(method, route, str(status)).observe
            observer(seconds)

        return observe
