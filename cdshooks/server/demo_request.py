"""The call that the demo EHR makes: a story's request with the order as the visitor wrote it and what came in since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cdshooks.engine.centers import RosterRow
from cdshooks.engine.codes import Coded
from cdshooks.engine.model import Order
from cdshooks.engine.products import WITH_STRENGTH, Product
from cdshooks.hooks.discovery import service_of
from cdshooks.hooks.orders import Payload, recognise_orders
from cdshooks.hooks.request import Request, read_request
from cdshooks.server.demo_arrivals import arrived
from cdshooks.server.demo_visit import Visit
from cdshooks.server.site import Site

DRAFTS = "draftOrders"
_MEDICATION = ("medicationCodeableConcept", "medicationReference")
_DAYS = ("occurrencePeriod", "occurrenceTiming")


@dataclass(frozen=True)
class DemoRequest:
    """A call of a service, and the CAR-T order in it: the one that `product` and `service` of a visit change.

    `rows` came into the roster of treatment centers since.
    """

    service_id: str
    body: dict[str, Any]
    order: Order | None
    rows: tuple[RosterRow, ...] = ()

    def written(self) -> bytes:
        """The body as it is sent."""
        return json.dumps(self.body, ensure_ascii=False).encode()

    @property
    def drafts(self) -> list[dict[str, Any]]:
        """The draft orders on the screen; what orders refer to, such as a Medication, is not one."""
        entries = self.body["context"].get(DRAFTS, {}).get("entry", [])
        return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] != "Medication"]


def demo_request(visit: Visit, site: Site) -> DemoRequest:
    """The call that a visit makes when it signs."""
    body = json.loads(site.stories[visit.story].told_on(site.today()))
    order = _car_t_order(body, site)
    drafts = DemoRequest("", body, order).drafts
    target = next((draft for draft in drafts if order and draft["id"] in order.reference), (*drafts, None)[0])
    if target is not None and visit.product:
        _prescribe(target, site.library.products.by_id[visit.product], site)
    if target is not None and visit.service:
        _plan(target, visit.service)
    rows = _carry_out(body, visit, site) if visit.added or visit.arrived else ()
    return DemoRequest(service_of(body["hook"]), body, _car_t_order(body, site), rows)


def suggestion_id(label: str, site: Site) -> str:
    """The id of the suggestion with a label; "" for one that the library does not know."""
    return next((name for name, template in site.library.suggestions.items() if template["label"] == label), "")


def _car_t_order(body: Mapping[str, Any], site: Site) -> Order | None:
    service_id = service_of(body["hook"])
    request = read_request(json.dumps(body).encode(), service_id, body["hook"])
    payload = Payload.of(request)
    found = recognise_orders(request.draft_orders, site.library, site.today(), site.options.zone, payload)
    return found[0] if found else None


def _prescribe(draft: dict[str, Any], product: Product, site: Site) -> None:
    """Make a draft an order for a product, by the code that says most of it."""
    medication = any(name in draft for name in _MEDICATION)
    concept: dict[str, Any] = {"text": f"{product.brand} ({product.generic})"}
    if coded := _coded(product, medication, site):
        system = site.library.systems.system(coded[0])
        concept["coding"] = [{"system": system.uri, "code": coded[1], "display": product.brand}]
    for name in (*_MEDICATION, "code"):
        draft.pop(name, None)
    draft[_MEDICATION[0] if medication else "code"] = concept
    for dosage in draft.get("dosageInstruction", []):
        dosage["text"] = "Single intravenous infusion"


def _coded(product: Product, medication: bool, site: Site) -> Coded | None:
    """The code of a product as a medication, or as a service; a service without its own is a CAR-T's in general."""
    codes = sorted(product.codes, key=lambda code: (code.span.end is not None, code.grade != "A"))
    own = next((code.coded for code in codes if (code.kind in WITH_STRENGTH) == medication), None)
    in_general = (coded for some in site.library.service_sets for coded in some.concepts)
    return own if own or medication else next(in_general, None)


def _plan(draft: dict[str, Any], day: date) -> None:
    """Put the infusion of a draft on a day."""
    if draft["resourceType"] != "MedicationRequest":
        for name in _DAYS:
            draft.pop(name, None)
        draft["occurrenceDateTime"] = day.isoformat()
        return
    dosages = draft.setdefault("dosageInstruction", [{}])
    dosages[0]["timing"] = {"event": [day.isoformat()]}


def _carry_out(body: dict[str, Any], visit: Visit, site: Site) -> tuple[RosterRow, ...]:
    """Put the drafts of accepted suggestions among the orders, and what has come in into the chart and the roster."""
    request = read_request(json.dumps(body).encode(), service_of(body["hook"]), body["hook"])
    suggested = _suggested(request, site)
    drafts = [_with_id(suggested[name][0], name) for name in visit.added if name in suggested]
    come = arrived({name: suggested[name][1] for name in visit.arrived if name in suggested}, request, site)
    orders, chart = _parted(drafts, DRAFTS in body["context"])
    body["context"].get(DRAFTS, {}).get("entry", []).extend({"resource": draft} for draft in orders)
    entries = [{"resource": resource} for resource in (*chart, *come.chart)]
    if entries:
        body["prefetch"]["since"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return come.rows


def _suggested(request: Request, site: Site) -> dict[str, tuple[dict[str, Any], Order]]:
    """By suggestion: the resource that the card suggests, and the order that the card is about."""
    answered = site.answer(request, site.library, site.today(), site.options_now(), None)
    orders = {made.card["uuid"]: made.order for made in answered.determinations}
    suggested: dict[str, tuple[dict[str, Any], Order]] = {}
    for card in answered.body["cards"]:
        for suggestion in card.get("suggestions", []):
            name = suggestion_id(suggestion["label"], site)
            suggested[name] = (suggestion["actions"][0]["resource"], orders[card["uuid"]])
    return suggested


def _with_id(resource: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**resource, "id": f"added-{name}"}


def _parted(drafts: list[dict[str, Any]], on_screen: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Drafts that are orders and stand among the others, and those that go to the chart, as a Task does."""
    orders = [draft for draft in drafts if on_screen and draft["resourceType"] != "Task"]
    return orders, [draft for draft in drafts if draft not in orders]
