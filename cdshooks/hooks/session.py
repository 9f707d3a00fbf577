"""Everything that the cards of one call have in common, and what each criterion of an order is asked with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cdshooks.engine.centers import RosterRow, match_center
from cdshooks.engine.chart import Chart
from cdshooks.engine.evidence import Context
from cdshooks.engine.identity import Entry
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order
from cdshooks.hooks.answered import ServiceOptions
from cdshooks.hooks.order_center import center_of
from cdshooks.hooks.orders import Payload
from cdshooks.hooks.plan_answers import PlanAnswer
from cdshooks.hooks.prefetch import Delivery
from cdshooks.hooks.request import Request


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that one request's cards have in common."""

    request: Request
    library: Library
    as_of: date
    options: ServiceOptions
    payload: Payload
    delivery: Delivery
    chart: Chart
    answers: tuple[PlanAnswer, ...] = ()

    @property
    def entries(self) -> list[Entry]:
        """Every resource of the call, the drafts first."""
        return [*self.payload.drafts, *self.delivery.entries]


def context_of(session: Session, order: Order) -> Context:
    """What the criteria of a policy are asked about: the chart, one order, its product and its center."""
    request, library, chart = session.request, session.library, session.chart
    product = library.products.by_id.get(str(order.product))
    facility = center_of(order, session.payload, chart, library, session.options.default_facility)
    return Context(
        chart=chart,
        order=order,
        product=product,
        center=match_center(facility, str(order.product), _rosters(session), session.as_of),
        as_of=session.as_of,
        service_date=order.service_date,
        session=session.payload.services_beside(order),
        encounter=request.encounter_id,
    )


def _rosters(session: Session) -> tuple[RosterRow, ...]:
    own = session.options.rosters
    return session.library.rosters if own is None else own
