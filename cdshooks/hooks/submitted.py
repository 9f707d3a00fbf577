"""The same gaps, overridden a few days ago as already submitted: the card says so and stands back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from cdshooks.engine.model import Determination, Order, Outcome, Result

_DAYS = 7
SETTLED = (Outcome.MET, Outcome.NOT_APPLICABLE)
_GAPS_ONLY = (Result.DOCUMENTATION_MISSING, Result.COULD_NOT_CHECK)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A card of the same patient that was overridden as already submitted, and the local day on which it was."""

    order: str
    product: str
    policy_id: str
    gaps: tuple[str, ...]
    on: date


def open_gaps(determination: Determination) -> tuple[str, ...]:
    """Every criterion that is not settled, with its outcome, sorted: ``hiv=stale``."""
    return tuple(sorted(f"{f.criterion}={f.outcome.value}" for f in determination.findings if f.outcome not in SETTLED))


def submitted_on(
    found: Determination, order: Order, policy_id: str, as_of: date, submitted: Iterable[Submitted]
) -> date | None:
    """The last day, from `as_of` back to seven days before, on which the very gaps of now were overridden so.

    The order or its product, the policy and every open criterion with its outcome must be the same. None where
    the chart contradicts a criterion: what is refused is no gap, and is not made quieter.
    """
    every = [*submitted]
    gaps = open_gaps(found) if every else ()
    days = [
        past.on
        for past in every
        if past.policy_id == policy_id
        and past.gaps == gaps
        and (past.order == order.reference or past.product == str(order.product or "-"))
        and as_of - timedelta(days=_DAYS) <= past.on <= as_of
    ]
    return max(days, default=None)


def may_stand_back(found: Determination) -> bool:
    """True for a determination that has gaps and nothing that the chart contradicts."""
    return found.outcome in _GAPS_ONLY and any([f.outcome not in SETTLED for f in found.findings])
