"""What to ask the EHR's FHIR server for, where the call itself fell short. Nothing is asked here.

The searches are those of discovery, filled with the patient's id; references are read one by one. An id that
cannot stand in an address as it is written is not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cdshooks.engine.chart import State
from cdshooks.engine.codes import concept_texts
from cdshooks.engine.identity import Entry, listed, split_reference
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order, Resource
from cdshooks.engine.valuesets import fold_words
from cdshooks.hooks.called_orders import called_orders
from cdshooks.hooks.discovery import prefetch_of
from cdshooks.hooks.fetched import Query, next_link
from cdshooks.hooks.orders import ORDER_KINDS, Payload
from cdshooks.hooks.prefetch import Delivery, unsent_medications
from cdshooks.hooks.request import Request

PAGE_SIZE = 250
ALWAYS = frozenset({"Patient", "Coverage"})
"""Whose chart it is and who pays: needed before any policy can be chosen."""

PLACES = ("Organization", "Location", "PractitionerRole")
_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._-]+")
_KIND = re.compile(r"[A-Z][A-Za-z]+")


def wanted_searches(request: Request, delivery: Delivery, needed: frozenset[str]) -> Iterator[Query]:
    """Each search of discovery whose kinds are needed and were not read; from its next page on, where it has one."""
    for key, template in prefetch_of(request.hook).items():
        short = [kind for kind in template.kinds if kind in needed and not _is_read(delivery, kind)]
        if not short:
            continue
        link = next_link(request.prefetch_value(key)) if _continues(delivery, key) else None
        url = link or _filled(template.query, request)
        if url:
            yield Query(key, url, template.kinds, continues=link is not None)


def wanted_orders(request: Request, payload: Payload, library: Library) -> Iterator[Query]:
    """What must be read before it can be told whether an order is one of ours.

    A dispatched order that was not sent; the Medication of an order that no word or code names, or whose words
    name one of ours. Words that name something else are taken at that.
    """
    for reference in request.focus.dispatched:
        if payload.resolve({"reference": reference}) is None:
            yield from _read(reference, ORDER_KINDS)
    called = called_orders(request, replace(payload, drafts=[*payload.drafts]))
    orders = [(order.full_url, order.resource) for order in called if order.resource.get("resourceType") in ORDER_KINDS]
    yield from _medications(orders, payload, library)


def wanted_references(
    request: Request, payload: Payload, orders: list[Order], entries: list[Entry], library: Library
) -> Iterator[Query]:
    """What the orders and the chart refer to and nothing brought: the center, the payer, and medications."""
    centers = [text for order in orders for text in _centers(order.resource)]
    encounter = f"Encounter/{request.encounter_id}" if request.encounter_id else None
    told = payload.resolve({"reference": encounter}) or {}
    payors = [text for _, resource in entries for text in _payors(resource)]
    chosen = [request.focus.performer] if request.focus.performer else []
    for reference in [*chosen, *centers, *_references([told.get("serviceProvider")]), *payors]:
        found = payload.resolve({"reference": reference})
        if found is None:
            yield from _read(reference, PLACES)
        elif found.get("resourceType") == "PractitionerRole":
            yield from _unread(_references([found.get("organization")]), payload)
        elif found.get("resourceType") == "Location":
            yield from _unread(_references([found.get("managingOrganization")]), payload)
    if encounter and not told and not centers:
        yield from _read(encounter, ("Encounter",))
    yield from _medications(entries, payload, library)


def _medications(entries: list[Entry], payload: Payload, library: Library) -> Iterator[Query]:
    for _, reference, display in unsent_medications(entries):
        if payload.resolve({"reference": reference}) is None and (not display or _is_ours(display, library)):
            yield from _read(reference, ("Medication",))


def _unread(references: Iterable[str], payload: Payload) -> Iterator[Query]:
    for reference in references:
        if payload.resolve({"reference": reference}) is None:
            yield from _read(reference, PLACES)


def _centers(order: Resource) -> Iterator[str]:
    """Every reference of an order that may lead to its treatment center."""
    dispense = order.get("dispenseRequest")
    performers = [*listed(order.get("performer"))]
    performers += listed(dispense.get("performer")) if isinstance(dispense, Mapping) else []
    yield from _references([*performers, *listed(order.get("locationReference"))])


def _payors(resource: Resource) -> Iterator[str]:
    """The payers that a coverage names only by reference."""
    if resource.get("resourceType") == "Coverage":
        named = [*listed(resource.get("payor")), *listed(resource.get("insurer"))]
        yield from _references(item for item in named if isinstance(item, Mapping) and not item.get("display"))


def _references(items: Iterable[Any]) -> Iterator[str]:
    for item in items:
        target = item.get("reference") if isinstance(item, Mapping) else None
        if isinstance(target, str):
            yield target


def _is_ours(words: str, library: Library) -> bool:
    folded = "".join(map(fold_words, concept_texts({"text": words})))
    return bool(library.products.named_in(folded) or library.products.class_named_in(folded))


def _is_read(delivery: Delivery, kind: str) -> bool:
    reading = delivery.readings.get(kind)
    return reading is not None and reading.state is State.READ


def _continues(delivery: Delivery, key: str) -> bool:
    """True when all that a key lacks are its next pages."""
    sent = delivery.sent.get(key)
    return sent is not None and sent.cut_short


def _filled(template: str, request: Request) -> str | None:
    """A template of discovery with its tokens filled; None where one has no value that can stand in an address."""
    user = split_reference(request.user_id or "")
    tokens = {
        "{{context.patientId}}": request.patient_id,
        "{{userPractitionerId}}": user[2] if user[1] == "Practitioner" else "",
    }
    for token, value in tokens.items():
        if token in template:
            if not _ID.fullmatch(value):
                return None
            template = template.replace(token, value)
    return f"{template}&_count={PAGE_SIZE}" if "?" in template else template


def _read(reference: str, kinds: Iterable[str]) -> Iterator[Query]:
    """The read of a reference to one of `kinds`: relative as Type/id, absolute as it stands."""
    base, kind, identifier = split_reference(reference)
    if not (_KIND.fullmatch(kind) and _ID.fullmatch(identifier) and kind in kinds):
        return
    yield Query(f"{kind}/{identifier}", f"{base}/{kind}/{identifier}" if base else f"{kind}/{identifier}", (kind,))
