"""What came in during a visit of the demo EHR: records for the chart, rows for the roster of treatment centers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.centers import Facility, RosterRow, read_roster
from cdshooks.engine.chart import build_chart
from cdshooks.engine.identity import identify
from cdshooks.engine.model import Order
from cdshooks.engine.templates import filled
from cdshooks.hooks.order_center import center_of
from cdshooks.hooks.orders import Payload
from cdshooks.hooks.prefetch import read_prefetch
from cdshooks.hooks.request import Request
from cdshooks.server.site import Site

_ROSTER = "roster"


@dataclass(frozen=True, slots=True)
class Arrived:
    """Records and roster rows that came in."""

    chart: tuple[Mapping[str, Any], ...] = ()
    rows: tuple[RosterRow, ...] = ()


def arrived(orders: Mapping[str, Order], request: Request, site: Site) -> Arrived:
    """What came in for suggestions, each for the order that its card was about."""
    made = [one for name, order in orders.items() for one in _made(name, order, request, site)]
    rows = [one[_ROSTER] for one in made if _ROSTER in one]
    return Arrived(
        chart=tuple(one for one in made if _ROSTER not in one),
        rows=tuple(read_roster({"rows": rows, "synthetic": True, "source": "the demo"})),
    )


def _made(name: str, order: Order, request: Request, site: Site) -> Iterator[Mapping[str, Any]]:
    center, product = _center(order, request, site), site.library.products.by_id[str(order.product)]
    words = {
        "patient": f"Patient/{request.patient_id}",
        "today": site.today().isoformat(),
        "product": product.brand,
        "product_id": str(product.id),
        "service": order.service_date.isoformat(),
        "facility": center.name if center else "",
        "npi": (center.npi if center else "") or "",
    }
    named = [template for template in site.arrivals[name] if center or _ROSTER not in template]
    yield from filled(named, words)


def _center(order: Order, request: Request, site: Site) -> Facility | None:
    """The treatment center that an order names."""
    delivery = read_prefetch(request, site.library.wording, ())
    identity = identify(request.patient_id, request.fhir_server, delivery.entries)
    chart = build_chart(delivery.entries, identity, delivery.readings, site.library.systems, site.options.zone)
    return center_of(order, Payload.of(request), chart, site.library, site.options.default_facility)
