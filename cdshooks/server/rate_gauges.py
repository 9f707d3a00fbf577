"""How cards fare, as gauges at /metrics: read from the store, at most once a minute.

A reason's label is a code of ours; any other that a clinician's EHR sent is counted as ``other``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cdshooks.server.feedback_rates import NO_REASON, OTHER, FeedbackRates, feedback_rates, reasons_of
from cdshooks.server.record_tables import stamp
from cdshooks.server.store import Store, StoreError

DAYS = 30
_FRESH_SECONDS = 60
_LABELS = {NO_REASON: "none", OTHER: "other"}


class RateGauges(Collector):
    """Cards first shown in the last 30 days, and the shares of them that were accepted and overridden.

    While the store cannot be read there are none of these gauges, rather than old ones.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        reasons: Collection[str],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_store = open_store
        self._reasons = reasons
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._rates: FeedbackRates | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The gauges without any value: registering them asks nothing of the store."""
        return iter(_families())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, each policy with an empty criterion and reason as a whole."""
        cards, accepted, overridden = _families()
        rates = self._current() or FeedbackRates((), (), (), 0)
        for rate in [*rates.policies, *rates.criteria]:
            cards.add_metric([rate.policy, rate.criterion], rate.cards)
            accepted.add_metric([rate.policy, rate.criterion], rate.acceptance)
            overridden.add_metric([rate.policy, rate.criterion, ""], rate.override)
        for whole in rates.policies:
            for reason, count in reasons_of(rates, whole.policy, self._reasons).items():
                share = min(count / whole.cards, 1.0)  # a card may have several that are not ours
                overridden.add_metric([whole.policy, "", _LABELS.get(reason, reason)], share)
        yield from (cards, accepted, overridden)

    def _current(self) -> FeedbackRates | None:
        with self._lock:
            if self._read_at is None or self._clock() - self._read_at >= _FRESH_SECONDS:
                self._read_at, self._rates = self._clock(), self._read()
            return self._rates

    def _read(self) -> FeedbackRates | None:
        since = stamp(self._now() - timedelta(days=DAYS))
        try:
            with self._open_store().reading() as connection:
                return feedback_rates(connection, since)
        except StoreError:
            return None


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    of = f"cards first shown in the last {DAYS} days"
    by = ["policy", "criterion"]
    return (
        GaugeMetricFamily("cdshooks_shown_cards", f"The {of}, and those on which a criterion was open.", labels=by),
        GaugeMetricFamily("cdshooks_accepted_ratio", f"The share of {of} that were accepted.", labels=by),
        GaugeMetricFamily(
            "cdshooks_overridden_ratio", f"The share of {of} that were overridden.", labels=[*by, "reason"]
        ),
    )
