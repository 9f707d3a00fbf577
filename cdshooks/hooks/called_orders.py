"""The orders that a call is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from cdshooks.engine.codes import concept_texts
from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order
from cdshooks.hooks.focus import ORDER_DISPATCH, ORDER_SELECT, names
from cdshooks.hooks.orders import Payload
from cdshooks.hooks.request import DraftEntry, Request


def called_orders(request: Request, payload: Payload) -> tuple[DraftEntry, ...]:
    """The orders to look at: all drafts; of order-select the selected ones; of order-dispatch those it names.

    An order that is dispatched is read from prefetch and is then part of the payload, as a draft would be.
    """
    if request.hook == ORDER_SELECT:
        chosen = request.focus.selections
        return tuple(e for e in request.draft_orders if any(names(r, e.full_url, e.resource) for r in chosen))
    if request.hook != ORDER_DISPATCH:
        return request.draft_orders
    found = [payload.resolve({"reference": reference}) for reference in request.focus.dispatched]
    entries = tuple(DraftEntry(None, resource) for resource in found if resource is not None)
    payload.drafts += [(entry.full_url, entry.resource) for entry in entries]
    return entries


def unsent_orders(request: Request, library: Library, as_of: date, payload: Payload) -> Iterator[Order]:
    """The dispatched orders that were not sent, where their task tells that they are CAR-T orders."""
    for reference in request.focus.dispatched:
        if payload.resolve({"reference": reference}) is not None:
            continue
        for words in _told_by_tasks(reference, request):
            hits = library.products.coded(library.systems.codings(words))
            named = library.products.named(concept_texts(words))
            ids = {product.id for product, _ in hits} | {product.id for product, _ in named}
            if ids:
                by = library.wording.say("order.by_task")
                yield Order(reference, {}, ids.pop() if len(ids) == 1 else None, by, "text", "text", as_of, None)
                break


def _told_by_tasks(reference: str, request: Request) -> Iterator[Any]:
    """What the tasks that ask for an order say that it is: their code, and the display of their reference."""
    _, kind, identifier = split_reference(reference)
    for task in request.focus.tasks:
        for target in [*listed(task.get("focus")), *listed(task.get("basedOn"))]:
            if not isinstance(target, Mapping) or not isinstance(target.get("reference"), str):
                continue
            if split_reference(target["reference"])[1:] == (kind, identifier):
                yield {"text": target.get("display")}
                yield task.get("code")
