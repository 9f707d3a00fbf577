"""The request behind a denial, held against the plan's policy as the chart stands today.

The order is the draft of the session that names the product, else the order that the plan's answer or its request
refers to, else what the request itself asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from typing import Any

from cdshooks.engine.chart import Chart
from cdshooks.engine.determine import determine
from cdshooks.engine.evidence import Context
from cdshooks.engine.identity import Entry, listed
from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination, Order, Resource
from cdshooks.engine.policy import Policy
from cdshooks.hooks.authorization import same_payer
from cdshooks.hooks.coverage import Selection, select_policies
from cdshooks.hooks.orders import Payload, recognise_orders
from cdshooks.hooks.plan_answers import PlanAnswer, extensions_of
from cdshooks.hooks.request import DraftEntry

_LABEL_ONLY = "fda-label"


@dataclass(frozen=True, slots=True)
class Held:
    """A denied request under the plan's policy; without `determination`, `why_not` is a key of the wording."""

    order: Order | None = None
    policy: Policy | None = None
    determination: Determination | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Holder:
    """What holding a denied request against a policy needs of a call; `recognise` reads a resource as an order."""

    payload: Payload
    orders: list[Order]
    entries: list[Entry]
    chart: Chart
    library: Library
    as_of: date
    zone: tzinfo
    context_of: Callable[[Order], Context]

    def hold(self, answer: PlanAnswer) -> Held:
        """The findings of today about what the answer denied, or why there are none."""
        if answer.product is None:
            return Held(why_not="no_product")
        order = self._order(answer)
        selections = select_policies(order, self.entries, self.chart, self.library)
        alone = len(selections) == 1
        selection = next((s for s in selections if same_payer(answer, s, order, self.library, alone)), None)
        if why_not := _why_not(selection):
            return Held(order, why_not=why_not)
        assert selection is not None and selection.policy is not None
        found = determine(selection.policy, self.context_of(order), self.library.wording)
        return Held(order, selection.policy, found)

    def denied_orders(self, answers: Iterable[PlanAnswer]) -> list[Order]:
        """The order behind each denial that names its product."""
        return [self._order(a) for a in answers if a.denies and a.product is not None]

    def _order(self, answer: PlanAnswer) -> Order:
        named = (self._recognised(resource) for resource in self._named_by(answer))
        found = [*self.orders, *(order for order in named if order is not None)]
        return next((o for o in found if o.product == answer.product and o.resource), None) or self._asked(answer)

    def _recognised(self, resource: Resource) -> Order | None:
        """A resource read as a CAR-T order."""
        found = recognise_orders([DraftEntry(None, resource)], self.library, self.as_of, self.zone, self.payload)
        return next(iter(found), None)

    def _named_by(self, answer: PlanAnswer) -> Iterator[Resource]:
        """The orders of this patient to which the answer's request refers."""
        references = [e.get("valueReference") for item in answer.asked for e in extensions_of(item)]
        references += [(answer.request or {}).get("prescription")]
        for reference in references:
            resource = self.chart.resolve(reference, answer.request)
            if resource is not None and self.chart.identity.owns(resource.get("subject"), resource) is True:
                yield resource

    def _asked(self, answer: PlanAnswer) -> Order:
        """What the plan was asked for, read as an order; its product is the one that the answer is about."""
        resource = _as_service(answer)
        order = self._recognised(resource)
        if order is None or order.product != answer.product:
            day = _first_day(answer)
            order = Order(
                reference=answer.reference,
                resource=resource,
                product=answer.product,
                recognized_by=answer.reference,
                grade="text",
                kind="",
                service_date=day or self.as_of,
                service_date_source="occurrenceDateTime" if day else None,
            )
        return replace(order, reference=answer.reference)


def _why_not(selection: Selection | None) -> str:
    if selection is None or selection.unread:
        return "no_payer"
    if selection.policy is None:
        return "no_version"
    return "no_policy" if selection.policy.authority == _LABEL_ONLY else ""


def _as_service(answer: PlanAnswer) -> Resource:
    """The request as a service ordered: what, for whom, by when, where, and under which coverage."""
    request, day = answer.request or {}, _first_day(answer)
    concepts = (item.get("productOrService") for item in answer.asked)
    made = {
        "resourceType": "ServiceRequest",
        "contained": request.get("contained"),
        "status": "active",
        "intent": "order",
        "subject": answer.resource.get("patient"),
        "code": next((concept for concept in concepts if isinstance(concept, Mapping)), None),
        "occurrenceDateTime": day.isoformat() if day else None,
        "performer": listed(request.get("provider")),
        "insurance": [*_coverages(request), *_coverages(answer.resource)],
    }
    return {key: value for key, value in made.items() if value}


def _coverages(resource: Mapping[str, Any]) -> Iterable[Any]:
    items = [item for item in listed(resource.get("insurance")) if isinstance(item, Mapping)]
    return [item["coverage"] for item in items if isinstance(item.get("coverage"), Mapping)]


def _first_day(answer: PlanAnswer) -> date | None:
    """The first day for which the service was asked."""
    return min((span.first for span in answer.spans if span.first != date.min), default=None)
