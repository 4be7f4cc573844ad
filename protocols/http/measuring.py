"""Counts and times requests for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class _Counted:
    """The requests of one route that had one status: how many by bucket, and their seconds in all."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0


class Requests(Collector):
    """One histogram for all calls; its count is the number of requests.

    Counted in a list, and told when Prometheus asks: its own histogram takes a lock twice for every request.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counted: dict[tuple[str, str, str], _Counted] = {}
        registry.register(self)

    def of(self, method: str, route: str) -> Callable[[int, float], None]:
        """What notes the status and seconds of each request of one route; finding the labels costs once."""
        by_status: dict[int, _Counted] = {}

        def observe(status: int, seconds: float) -> None:
            counted = by_status.get(status)
            if counted is None:
                counted = self._counted.setdefault((method, route, str(status)), _Counted())
                by_status[status] = counted
            counted.counts[bisect_left(BUCKETS, seconds)] += 1
            counted.seconds += seconds

        return observe

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "apo_http_request_seconds",
            "Time from a request's head to its answer, in seconds.",
            labels=("method", "route", "status"),
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for labels, counted in self._counted.items():
            family.add_metric(labels, list(zip(bounds, accumulate(counted.counts), strict=True)), counted.seconds)
        yield family
