"""Which of the plans' answers stand: by product and payer, the newest first, and never a yes where it is in doubt.

Two payers answer for themselves: what one certifies takes no denial of the other away. A yes counts as the newer
answer only where its day is surely the later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from cdshooks.engine.payers import Payer, recognise
from cdshooks.engine.valuesets import fold_words
from cdshooks.hooks.plan_answers import PlanAnswer, Verdict


@dataclass(frozen=True, slots=True)
class StandingDenial:
    """The newest denial of one product by one payer, how many came before it, and a yes that may be as new."""

    answer: PlanAnswer
    earlier: int
    beside: PlanAnswer | None = None


def standing_denials(answers: Iterable[PlanAnswer], payers: Iterable[Payer], as_of: date) -> list[StandingDenial]:
    """The denials that no later yes of the same payer has taken back, in the order of their products and payers."""
    known = tuple(payers)
    found = (_standing(group) for group in _grouped([*answers], lambda a: _payer_key(a, known, as_of)))
    return [denial for denial in found if denial is not None]


def is_surely_later(one: PlanAnswer, other: PlanAnswer) -> bool:
    """Whether an answer is of a later day than another, whichever day each may be of; False where one has none."""
    return one.day is not None and other.day is not None and one.day.first > other.day.last


def _grouped(answers: list[PlanAnswer], payer_of: Callable[[PlanAnswer], str]) -> list[list[PlanAnswer]]:
    """The answers of each product and payer; one that names no payer goes with the only one there is."""
    groups: dict[tuple[str, str], list[PlanAnswer]] = {}
    for answer in answers:
        groups.setdefault((str(answer.product or ""), payer_of(answer)), []).append(answer)
    for product, payer in [key for key in groups if not key[1]]:
        named = [key for key in groups if key[0] == product and key[1]]
        if len(named) == 1:
            groups[named[0]] += groups.pop((product, payer))
    return [*groups.values()]


def _payer_key(answer: PlanAnswer, payers: tuple[Payer, ...], as_of: date) -> str:
    match = recognise(payers, answer.payer_words, (), (), as_of)
    return match.payer.id if match else next(map(fold_words, answer.payer_words), "").strip()


def _standing(group: list[PlanAnswer]) -> StandingDenial | None:
    denials = sorted((a for a in group if a.denies), key=_age)
    if not denials:
        return None
    last = denials[-1]
    later = [a for a in group if a.verdict is Verdict.CERTIFIED and not is_surely_later(last, a)]
    if any(is_surely_later(answer, last) for answer in later):
        return None
    return StandingDenial(last, len(denials) - 1, later[-1] if later else None)


def _age(answer: PlanAnswer) -> tuple[date, str]:
    """Oldest first; an undated answer is no newer than a dated one, from which days can be counted."""
    return answer.day.first if answer.day else date.min, answer.reference
