"""What Prometheus reads at /metrics. Labels are our own words and the names of registered callers; none is a patient's.

Worker processes share one folder of files, in which each counts for itself; whichever of them is asked adds up all.
"""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path

from flask import Flask, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from cdshooks.server.breaker import BreakerState
from cdshooks.server.calls import Call

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder of a service with several processes; `cdshooks serve` makes one."""

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 10.0)
_CALL_ROUTE = "/cds-services/<service_id>"


class Metrics:
    """The counters of one application, and what `rates` reads at each scrape."""

    def __init__(self, rates: Collector | None = None) -> None:
        shared = bool(os.environ.get(FOLDER))
        # The library settles this when it is first imported, which may be before the folder is known.
        values.ValueClass = values.MultiProcessValue() if shared else values.MutexValue  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._rates = rates
        if rates:
            self.registry.register(rates)
        # The library looks a counter up under a lock, each time; labels are few, and their counters stay.
        self._labelled = cache(lambda metric, *labels: metric.labels(*labels))
        of = ("hook", "client")
        self._calls = self._counter("calls", "Calls of a service.", *of, "outcome")
        self._car_t = self._counter("car_t_cards", "Cards for a recognised CAR-T.", *of, "product")
        self._stripped = self._counter("stripped_calls", "Order calls that came without any draft order.", *of)
        self._failed = self._counter("failure_cards", "Calls that our own code failed to check.", *of)
        self._fetches = self._counter("fetches", "Reads and searches of FHIR servers.", "client", "result")
        self._down = Gauge(
            "cdshooks_fhir_server_down",
            "1 while a FHIR server that did not answer is left alone.",
            ("server",),
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        self._decisions = self._counter("decisions", "Determinations by what became of their record.", *of, "result")
        self._feedback = self._counter("feedback", "Cards by feedback.", "client", "outcome")
        self._seconds = Histogram(
            "cdshooks_call_seconds", "Time to answer a call.", ("hook",), buckets=_SECONDS, registry=self.registry
        )
        self._last = Gauge(
            "cdshooks_last_fire_timestamp_seconds",
            "When a site's hook last fired, in seconds since 1970.",
            of,
            multiprocess_mode="max",
            registry=self.registry,
        )

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"cdshooks_{name}", says, labels, registry=self.registry)

    def count(self, call: Call) -> None:
        """Count a call that has ended."""
        of = self._labelled
        for outcome, number in call.feedback.items():
            of(self._feedback, call.client, outcome).inc(number)
        if call.route != _CALL_ROUTE:
            return
        of(self._calls, call.hook, call.client, call.outcome).inc()
        of(self._seconds, call.hook).observe(call.seconds)
        for product in call.products:
            of(self._car_t, call.hook, call.client, product).inc()
        for result, number in call.decisions.items():
            of(self._decisions, call.hook, call.client, result).inc(number)
        for result, number in call.fetches.items():
            of(self._fetches, call.client, result).inc(number)
        of(self._stripped, call.hook, call.client).inc(call.stripped)
        of(self._failed, call.hook, call.client).inc(call.failed)
        if call.status == 200:
            of(self._last, call.hook, call.client).set(time.time())

    def show_server(self, server: str, state: BreakerState) -> None:
        """Show whether a registered FHIR server is asked at present."""
        self._down.labels(server).set(state is not BreakerState.CLOSED)

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        if not os.environ.get(FOLDER):
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        if self._rates:
            together.register(self._rates)
        return generate_latest(together)


def forget_dead_workers() -> None:
    """Let go of what workers that are no more said of the present; what they counted stays."""
    for file in Path(os.environ[FOLDER]).glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


def add_metrics(app: Flask, metrics: Metrics) -> None:
    """Route /metrics."""

    @app.get("/metrics")
    def metrics_text() -> Response:
        return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)
