"""What a claim will need later: the product's own code of the service date, and a day to count to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from msgspec.structs import replace

from cdshooks.engine.chart import resource_concept
from cdshooks.engine.codes import Coded
from cdshooks.engine.dates import Period
from cdshooks.engine.evidence import Context
from cdshooks.engine.model import Reminder
from cdshooks.engine.products import Product, ProductCode
from cdshooks.engine.wording import Wording

_CLAIM_CODES = "HCPCS"


def claim_reminders(reminder: Reminder, context: Context, wording: Wording) -> Iterator[Reminder]:
    """The reminder with its blanks filled for this order, and after it what is wrong with a claim code on the order.

    `unassigned_code` is the code for a product that has none of its own; a reminder without it names no code.
    """
    due = Period.parse(reminder.due).after(context.service_date) if reminder.due else ""
    code = _own_code(reminder.unassigned_code, context, wording) if reminder.unassigned_code else ""
    yield replace(reminder, text=reminder.text.format(due=due, product_code=code))
    if reminder.unassigned_code:
        yield from (
            Reminder(reminder.cite, text, only_for_this_order=True) for text in _expired_codes(context, wording)
        )


def claim_code(product: Product, service_date: date) -> ProductCode | None:
    """The product's claim code on that day: the first on file whose days hold; None while it has none."""
    return next((c for c in product.codes if c.kind == _CLAIM_CODES and c.span.holds(service_date)), None)


def _own_code(unassigned: str, context: Context, wording: Wording) -> str:
    product, day = context.product, context.service_date
    if product is None or product.approved is None or not product.approved.holds(day):
        return wording.say("claim.not_approved")
    code = claim_code(product, day)
    if code is None:
        return wording.say("claim.unassigned", code=unassigned, product=product.brand)
    key = "claim.code" if code.span.start else "claim.code_start_unknown"
    return wording.say(key, code=code.coded[1], product=product.brand)


def _expired_codes(context: Context, wording: Wording) -> Iterator[str]:
    """A sentence for each claim code on the order that is the product's, but not on the service date.

    One that is another product's never comes here: an order that names two products has no determination.
    """
    product, day = context.product, context.service_date
    if product is None:
        return
    right = claim_code(product, day)
    for coded in dict.fromkeys(_order_codes(context)):
        own = [code for code in product.codes if code.coded == coded and code.kind == _CLAIM_CODES]
        if own and not any(code.span.holds(day) for code in own):
            told = right.coded[1] if right else wording.say("claim.none")
            yield wording.say("claim.expired", code=coded[1], right=told, date=day)


def _order_codes(context: Context) -> list[Coded]:
    return context.chart.systems.codings(resource_concept(context.order.resource, context.chart))
