"""A card that can decide nothing and says why."""

from __future__ import annotations

from datetime import date
from typing import Any

from cdshooks.engine.library import Library
from cdshooks.engine.model import Order
from cdshooks.hooks.cards import Topic, write_card
from cdshooks.hooks.decision_id import decision_id
from cdshooks.hooks.determination_json import determination_json
from cdshooks.hooks.request import Request
from cdshooks.hooks.text import clean


def plain_card(
    key: str, order: Order, request: Request, library: Library, as_of: date, *, info: bool = False
) -> dict[str, Any]:
    """The card whose sentences stand under `key` in the library's wording."""
    say = library.wording.say
    decision = decision_id(request, library, as_of, order.reference, key)
    brand = library.products.by_id[str(order.product)].brand if order.product else ""
    detail = f"{say(f'detail.{key}', by=clean(order.recognized_by))}\n\n{say('detail.disclaimer')}"
    found = determination_json(decision, library.hash, order, as_of, None, None)
    topic = Topic(say("source.label"), key, brand)
    return write_card(decision, say(f"summary.{key}"), detail, topic, found, library.wording, info=info)
