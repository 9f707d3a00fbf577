"""An authorization already on file: the order's card becomes one quiet line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cdshooks.engine.library import Library
from cdshooks.engine.model import Order
from cdshooks.engine.payers import recognise
from cdshooks.engine.records import clip
from cdshooks.engine.valuesets import fold_words
from cdshooks.hooks.coverage import Selection
from cdshooks.hooks.plan_answers import PlanAnswer, Verdict
from cdshooks.hooks.standing_answers import is_surely_later
from cdshooks.hooks.summary import LONGEST
from cdshooks.hooks.text import clean, shortened

_DROPPED = ("suggestions", "selectionBehavior", "links")
_LONGEST_NUMBER = 40


def authorization_on_file(
    order: Order, selection: Selection, answers: Iterable[PlanAnswer], library: Library, *, alone: bool
) -> PlanAnswer | None:
    """The plan's answer that authorizes this order for this payer; None when none is on file.

    It must name the product, hold on the service date, carry a number, and be surely later than every other answer:
    a denial, or one that is neither.
    `alone`: no other coverage pays, so an answer that names no payer is this payer's.
    """
    about = [a for a in answers if a.product == order.product and same_payer(a, selection, order, library, alone)]
    others = [answer for answer in about if answer.verdict is not Verdict.CERTIFIED]
    certified = [a for a in about if a.verdict is Verdict.CERTIFIED and a.authorization]
    held = [a for a in certified if a.covers(order.service_date) and all(is_surely_later(a, other) for other in others)]
    return held[-1] if held else None


def same_payer(answer: PlanAnswer, selection: Selection, order: Order, library: Library, alone: bool) -> bool:
    """Whether an answer is of the payer of a selection; one that names no payer is, where there is no other."""
    words = answer.payer_words
    if not words:
        return alone
    if selection.payer is None:
        return fold_words(selection.payer_name) in fold_words(" / ".join(words))
    match = recognise(library.payers, words, (), (), order.service_date)
    return match is not None and match.payer.id == selection.payer.id


def authorized_card(card: dict[str, Any], answer: PlanAnswer, order: Order, library: Library) -> dict[str, Any]:
    """The quiet card in place of `card`, for an order that is authorized."""
    say = library.wording.say
    blanks = {
        "product": library.products.by_id[str(order.product)].brand,
        "number": shortened(clean(answer.authorization), _LONGEST_NUMBER),
        "date": answer.day or say("appeal.no_date"),
        "service_date": order.service_date,
        "reference": clean(clip(answer.reference)),
    }
    kept = {key: value for key, value in card.items() if key not in _DROPPED}
    return kept | {
        "summary": shortened(say("authorization.summary", **blanks), LONGEST),
        "detail": f"{say('authorization.detail', **blanks)} {say('detail.disclaimer')}",
        "indicator": "info",
    }
