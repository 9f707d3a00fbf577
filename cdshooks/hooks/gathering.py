"""Making a call whole: what it did not carry is asked for in a few rounds, and only for CAR-T orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cdshooks.engine.chart import State, build_chart
from cdshooks.engine.identity import identify
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order
from cdshooks.hooks.coverage import select_policies
from cdshooks.hooks.discovery import MORE_PREFETCH, PREFETCH
from cdshooks.hooks.fetched import Fetch, Fetched, Query, hash_results
from cdshooks.hooks.focus import PATIENT_VIEW
from cdshooks.hooks.one_patient import another_patient
from cdshooks.hooks.orders import Payload
from cdshooks.hooks.prefetch import Delivery, read_prefetch
from cdshooks.hooks.request import Request
from cdshooks.hooks.wanted import ALWAYS, wanted_orders, wanted_references, wanted_searches

_ANSWERS = frozenset(kind for template in MORE_PREFETCH[PATIENT_VIEW].values() for kind in template.kinds)
_ANY = frozenset(kind for template in PREFETCH.values() for kind in template.kinds) | _ANSWERS
_SIGNER = frozenset({"PractitionerRole"})
_FURTHER = 2  # rounds after the first: an encounter leads to its provider, a role to its organization


@dataclass(repr=False)
class Gathering:
    """One call and what was fetched for it; without `fetch` it keeps to what was sent. Never printed."""

    request: Request
    payload: Payload
    library: Library
    fetch: Fetch | None = None
    results: dict[str, Fetched] = field(default_factory=dict)

    def sha256(self) -> str | None:
        """The hash of everything that was asked and came; None when nothing was asked."""
        return hash_results(self.results.values())

    def find_orders(self) -> None:
        """Read what tells whether there is a CAR-T order at all; for most calls that is nothing."""
        if self.fetch is not None and self.request.authorization_patient in (None, self.request.patient_id):
            self._ask(wanted_orders(self.request, self.payload, self.library))

    def complete(self, orders: list[Order]) -> Delivery:
        """What was sent and what was fetched for these orders; nothing is asked when there is another patient in it."""
        delivery = self._read()
        if self.fetch is None or not orders or self._mixed(delivery):
            return delivery
        asked = self._ask([*self._searches(orders, delivery), *self._references(orders, delivery)])
        for _ in range(_FURTHER):
            if asked:
                delivery = self._read()
                asked = self._ask(self._references(orders, delivery))
        return self._read() if asked else delivery

    def _searches(self, orders: list[Order], delivery: Delivery) -> list[Query]:
        if not [*wanted_searches(self.request, delivery, _ANY)]:
            return []  # as most often: no need to find out which policies there are
        needed = self._needed(orders, delivery)
        searches = [*wanted_searches(self.request, delivery, needed)]
        # The signer's roles help a letter, but are not worth a request of their own.
        return [*wanted_searches(self.request, delivery, needed | _SIGNER)] if searches else []

    def _references(self, orders: list[Order], delivery: Delivery) -> Iterator[Query]:
        return wanted_references(self.request, self.payload, orders, delivery.entries, self.library)

    def _read(self) -> Delivery:
        return read_prefetch(self.request, self.library.wording, self.results.values())

    def _mixed(self, delivery: Delivery) -> bool:
        identity = identify(self.request.patient_id, self.request.fhir_server, delivery.entries)
        return another_patient(self.request, identity, delivery, self.payload)

    def _needed(self, orders: list[Order], delivery: Delivery) -> frozenset[str]:
        """The kinds that the orders' policies read; of every policy that may apply while the payer is not known."""
        entries = [*self.payload.drafts, *delivery.entries]
        identity = identify(self.request.patient_id, self.request.fhir_server, entries)
        chart = build_chart(entries, identity, delivery.readings, self.library.systems)
        known = chart.reading("Coverage").state is State.READ
        policies = [
            policy
            for order in orders
            for policy in (
                [s.policy for s in select_policies(order, entries, chart, self.library)]
                if known
                else [p for p in self.library.policies if not p.products or order.product in p.products]
            )
        ]
        kinds = {kind for p in policies if p is not None for c in p.criteria for kind in c.kinds}
        return ALWAYS | kinds | (_ANSWERS if self.request.hook == PATIENT_VIEW else frozenset())

    def _ask(self, queries: Iterable[Query]) -> bool:
        """Ask what was not asked yet; False when there was nothing to ask."""
        new = {query.key: query for query in queries if query.key not in self.results}
        if not new or self.fetch is None:
            return False
        for result in self.fetch([*new.values()]):
            self.results[result.query.key] = result
            self.payload.add_fetched(result.pages)
        return True
