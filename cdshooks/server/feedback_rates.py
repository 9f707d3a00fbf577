"""How cards fare: how many were shown, accepted and overridden, by policy, criterion and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Subquery, func, select

from cdshooks.engine.model import Outcome
from cdshooks.server.record_tables import ANSWERS, DECISIONS, FEEDBACK

NO_REASON = "(no coded reason)"
OTHER = "(a reason that is not ours)"
_LACKING = (Outcome.MISSING, Outcome.STALE)


@dataclass(frozen=True, slots=True)
class Rate:
    """Cards that were shown, and how many of them were accepted and overridden; one may be both, or neither.

    `criterion` is set where only cards are counted on which it was open, and `reason` where only overrides for it.
    """

    policy: str
    cards: int
    accepted: int
    overridden: int
    criterion: str = ""
    reason: str = ""

    @property
    def acceptance(self) -> float:
        """The share of cards that were accepted, from 0 to 1."""
        return self.accepted / self.cards if self.cards else 0.0

    @property
    def override(self) -> float:
        """The share of cards that were overridden, from 0 to 1."""
        return self.overridden / self.cards if self.cards else 0.0


@dataclass(frozen=True, slots=True)
class FeedbackRates:
    """The rates by policy, by policy and criterion, by policy and reason; and feedback on cards that nobody knows.

    `lacking` says by policy and criterion on how many cards its document was missing or stale.
    """

    policies: tuple[Rate, ...]
    criteria: tuple[Rate, ...]
    reasons: tuple[Rate, ...]
    unknown: int
    lacking: Mapping[tuple[str, str], int] = field(default_factory=dict)


def feedback_rates(connection: Connection, since: str = "", policy: str | None = None) -> FeedbackRates:
    """The rates of the cards that were first answered since a moment (as stored); shadow calls showed none.

    A card that could decide nothing is counted under the policy "".
    """
    shown = _shown(since, policy)
    cards, outcomes = _counted(connection, shown), _outcomes(connection, shown)
    by_policy = _rates(cards, outcomes, lambda policy_id, gaps: [(policy_id, "")])
    by_criterion = _rates(cards, outcomes, _criteria)
    reasons = {rate.policy: rate.cards for rate in by_policy}
    return FeedbackRates(
        tuple(by_policy),
        tuple(by_criterion),
        tuple(_reasons(connection, shown, reasons)),
        _unknown(connection, since),
        _lacking(cards),
    )


_Key = tuple[str, str]


def reasons_of(rates: FeedbackRates, policy: str, ours: Collection[str]) -> dict[str, int]:
    """How often each reason was given for a policy's cards: our codes, NO_REASON, and all others together as OTHER.

    An EHR may send any words as a code, so those that are not ours are told to nobody.
    """
    counted: Counter[str] = Counter()
    for rate in rates.reasons:
        if rate.policy == policy:
            counted[rate.reason if rate.reason == NO_REASON or rate.reason in ours else OTHER] += rate.overridden
    return dict(counted)


def _shown(since: str, policy: str | None) -> Subquery:
    """Each card that a clinician may have seen, once, with its policy and open criteria."""
    same = (ANSWERS.c.decision == DECISIONS.c.id) & (ANSWERS.c.content_sha256 == DECISIONS.c.content_sha256)
    asked = (
        select(DECISIONS.c.id, DECISIONS.c.client, DECISIONS.c.policy, DECISIONS.c.gaps)
        .join(ANSWERS, same)
        .where(ANSWERS.c.shown, DECISIONS.c.made_at >= since)
        .distinct()
    )
    return (asked if policy is None else asked.where(DECISIONS.c.policy == policy)).subquery()


def _counted(connection: Connection, shown: Subquery) -> dict[_Key, int]:
    asked = select(shown.c.policy, shown.c.gaps, func.count()).group_by(shown.c.policy, shown.c.gaps)
    return {(policy, gaps): count for policy, gaps, count in connection.execute(asked)}


def _outcomes(connection: Connection, shown: Subquery) -> dict[tuple[str, str, str], int]:
    """How many cards of each policy and set of open criteria met with an outcome, at least once."""
    one = (
        select(shown.c.id, shown.c.client, shown.c.policy, shown.c.gaps, FEEDBACK.c.outcome)
        .join(FEEDBACK, (FEEDBACK.c.decision == shown.c.id) & (FEEDBACK.c.client == shown.c.client))
        .distinct()
        .subquery()
    )
    by = (one.c.policy, one.c.gaps, one.c.outcome)
    return {(policy, gaps, outcome): n for policy, gaps, outcome, n in connection.execute(_count_by(by))}


def _count_by(columns: Iterable[Any]) -> Any:
    listed = list(columns)
    return select(*listed, func.count()).group_by(*listed)


def _lacking(cards: Mapping[_Key, int]) -> Counter[_Key]:
    """On how many cards each criterion was missing or stale."""
    found: Counter[_Key] = Counter()
    for (policy, gaps), count in cards.items():
        for criterion, _, outcome in (gap.partition("=") for gap in gaps.split()):
            if outcome in _LACKING:
                found[policy, criterion] += count
    return found


def _criteria(policy: str, gaps: str) -> list[_Key]:
    return [(policy, gap.partition("=")[0]) for gap in gaps.split()]


def _rates(cards: dict[_Key, int], outcomes: dict[tuple[str, str, str], int], keys: Any) -> list[Rate]:
    counts: dict[_Key, Counter[str]] = {}
    for (policy, gaps), count in cards.items():
        for key in keys(policy, gaps):
            found = counts.setdefault(key, Counter())
            found["cards"] += count
            for outcome in ("accepted", "overridden"):
                found[outcome] += outcomes.get((policy, gaps, outcome), 0)
    return [
        Rate(policy, found["cards"], found["accepted"], found["overridden"], criterion)
        for (policy, criterion), found in sorted(counts.items())
    ]


def _reasons(connection: Connection, shown: Subquery, cards: dict[str, int]) -> Iterator[Rate]:
    """On how many cards each reason was given, per policy; a card may be overridden for several."""
    asked = (
        select(shown.c.id, shown.c.client, shown.c.policy, FEEDBACK.c.reasons)
        .join(FEEDBACK, (FEEDBACK.c.decision == shown.c.id) & (FEEDBACK.c.client == shown.c.client))
        .where(FEEDBACK.c.outcome == "overridden")
        .distinct()
    )
    given = {
        (card, client, policy, code)
        for card, client, policy, reasons in connection.execute(asked)
        for code in [reason["code"] for reason in msgspec.json.decode(reasons)] or [NO_REASON]
    }
    counts = Counter((policy, code) for _, _, policy, code in given)
    for (policy, code), count in sorted(counts.items()):
        yield Rate(policy, cards[policy], 0, count, reason=code)


def _unknown(connection: Connection, since: str) -> int:
    asked = select(func.count()).where(FEEDBACK.c.decision.is_(None), FEEDBACK.c.received_at >= since)
    return int(connection.execute(asked.select_from(FEEDBACK)).scalar() or 0)
