"""What Da Vinci CRD would have measured of a call (its CRD Metric Data), as far as it needs nothing of the chart.

Counts by kind of resource, codes of what was ordered, and the registry numbers of who asked; no name, no result, no id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cdshooks.engine.centers import is_npi, npi_in
from cdshooks.engine.chart import resource_concept
from cdshooks.engine.identity import split_reference
from cdshooks.engine.model import Order, Resource
from cdshooks.hooks.crd import CrdCall
from cdshooks.hooks.session import Session

_ROLE, _PRACTITIONER = "PractitionerRole", "Practitioner"
_KIND = re.compile(r"[A-Za-z]{1,40}")
_CODE = re.compile(r"[A-Za-z0-9.-]{1,40}")  # a code, and no sentence


def measures_of(session: Session, orders: Iterable[Order], crd: CrdCall | None) -> dict[str, Any]:
    """What is measured of one call, under the names of the guide's model; what is not known is left out."""
    ordered = list(orders)
    asker = _asker(session, ordered)
    measures = {
        "providerId": _npi(asker, session) or _npi(_resolved(session, asker, _PRACTITIONER.lower()), session),
        "groupId": _npi(_resolved(session, _role_of(session, asker), "organization"), session),
        "orderDetail": [detail for order in ordered if (detail := _codes(session, order))],
        "resources": list(_resources(session, ordered)),
        "cardType": crd.table.card_type if crd else "",
    }
    return {name: value for name, value in measures.items() if value}


def _asker(session: Session, orders: list[Order]) -> Resource | None:
    """Who fired the hook; where the call does not tell, who asks for the order."""
    requesters = [order.resource.get("requester") for order in orders]
    for reference in ({"reference": session.request.user_id}, *requesters):
        if (found := session.chart.resolve(reference)) is not None:
            return found
    return None


def _role_of(session: Session, asker: Resource | None) -> Resource | None:
    """The role in which somebody asks: the one that the call names, else their first that was sent."""
    if asker is None or asker.get("resourceType") == _ROLE:
        return asker
    return next((role for _, role in session.entries if _is_role_of(role, asker)), None)


def _is_role_of(role: Resource, asker: Resource) -> bool:
    who = role.get("practitioner") if role.get("resourceType") == _ROLE else None
    text = who.get("reference") if isinstance(who, Mapping) else None
    return isinstance(text, str) and split_reference(text)[1:] == (_PRACTITIONER, asker.get("id"))


def _resolved(session: Session, resource: Resource | None, member: str) -> Resource | None:
    """What a reference of a resource leads to; the reference itself where it carries an identifier alone."""
    reference = resource.get(member) if resource else None
    found = session.chart.resolve(reference, resource)
    return (
        found
        if found is not None or not isinstance(reference, Mapping)
        else {"identifier": reference.get("identifier")}
    )


def _npi(resource: Resource | None, session: Session) -> str:
    """The National Provider Identifier of a resource, where it is one: anything else is not kept."""
    number = npi_in(resource.get("identifier"), session.library.systems) if resource else None
    return number if number and is_npi(number) else ""


def _codes(session: Session, order: Order) -> dict[str, Any]:
    """The codes of one order in systems that the library lists; a site's own may say anything."""
    systems = session.library.systems
    coded = systems.distinct(resource_concept(order.resource, session.payload))
    known = [(system, code) for system, code in coded if systems.knows(system) and _CODE.fullmatch(code)]
    return {"coding": [{"system": systems.system(system).uri, "code": code} for system, code in known]} if known else {}


def _resources(session: Session, orders: list[Order]) -> Iterator[dict[str, Any]]:
    """How many resources of each kind were read beside the orders, and whether they came by prefetch."""
    ours = [order.resource for order in orders]
    counts = Counter(
        (str(resource["resourceType"]), not sent.fetched)
        for sent in session.delivery.sent.values()
        for _, resource in sent.entries
        if not any(resource is order for order in ours)
    )
    for (kind, prefetch), count in sorted(counts.items()):
        if _KIND.fullmatch(kind):
            yield {"type": kind, "count": count, "prefetch": prefetch}
