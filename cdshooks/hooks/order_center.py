"""The treatment center of an order: the one the call chose, else the one the order names, else the site's default."""

from __future__ import annotations

from collections.abc import Mapping

from cdshooks.engine.centers import Facility, find_facility
from cdshooks.engine.chart import Chart
from cdshooks.engine.identity import listed
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order, Resource
from cdshooks.hooks.orders import Payload
from cdshooks.hooks.request import Request

_CHOSEN = "performer chosen for the order"
_DEFAULT = "the site's default"


def center_of(order: Order, payload: Payload, chart: Chart, library: Library, default: str | None) -> Facility | None:
    """The center to look up for an order; None when nothing names one. `default` is the site's own NPI."""
    request = payload.request
    if chosen := _chosen(request, order.resource, payload, library):
        return chosen
    named = find_facility(order.resource, _encounter(request, chart), payload.resolve, library.systems)
    return named or (Facility("", default, _DEFAULT) if default else None)


def _encounter(request: Request, chart: Chart) -> Resource | None:
    if request.encounter_id is None:
        return None
    encounter = chart.resolve({"reference": f"Encounter/{request.encounter_id}"})
    if encounter is None or chart.identity.owns(encounter.get("subject"), encounter) is False:
        return None
    return encounter


def _chosen(request: Request, order: Resource, payload: Payload, library: Library) -> Facility | None:
    """The center that order-dispatch chose; None for the other hooks.

    One that was not sent keeps the name that the order or its task gives it, else its reference.
    """
    performer = request.focus.performer
    if performer is None:
        return None
    owners = [task.get("owner") for task in request.focus.tasks]
    spoken = [r for r in [*listed(order.get("performer")), *owners] if isinstance(r, Mapping)]
    same = [r for r in spoken if r.get("reference") == performer]
    asked = {"performer": [{"reference": performer}, *same]}
    found = find_facility(asked, None, payload.resolve, library.systems)
    if found:
        return Facility(found.name, found.npi, _CHOSEN, found.sent)
    return Facility(performer, None, _CHOSEN, payload.resolve({"reference": performer}, None) is not None)
