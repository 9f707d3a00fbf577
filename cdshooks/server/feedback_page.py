"""The feedback page: for whoever keeps a policy, how often each of its criteria was open and what became of the cards.

Numbers alone: no patient, no clinician, no comment. Reasons that are not ours are counted together, for an EHR may
send any words as a code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flask import Flask, render_template, request

from cdshooks.engine.library import Library
from cdshooks.engine.model import CriterionId
from cdshooks.hooks.errors import RequestError
from cdshooks.server.feedback_rates import NO_REASON, FeedbackRates, Rate, feedback_rates
from cdshooks.server.record_tables import stamp
from cdshooks.server.site import Site
from cdshooks.server.store import Store, StoreError

PATH = "/feedback"
_DAYS = 90


@dataclass(frozen=True, slots=True)
class Share:
    """A line of a table: its words, how many cards, and the share that they are of the policy's cards.

    Of a criterion `lacking` are those on which its document was missing or stale, and `share` is theirs.
    """

    text: str
    id: str
    cards: int
    lacking: int
    share: float
    accepted: int
    overridden: int


@dataclass(frozen=True, slots=True)
class PolicyFeedback:
    """What became of the cards of one policy; `asked` are the criteria that only a person can judge."""

    id: str
    title: str
    rate: Rate
    criteria: tuple[Share, ...]
    asked: tuple[Share, ...]
    reasons: tuple[Share, ...]


def add_feedback_page(app: Flask, site: Site, open_store: Callable[[], Store]) -> None:
    """Route the page; who may see it is settled at the door."""

    @app.get(PATH)
    def feedback_page() -> str:
        since = _day(request.args.get("since", "")) or site.today() - timedelta(days=_DAYS)
        moment = stamp(datetime.combine(since, time(), UTC))
        try:
            with open_store().reading() as connection:
                rates = feedback_rates(connection, moment)
        except StoreError:
            raise RequestError(503, "transient", "the store cannot be read at present; try again later") from None
        policies = list(by_policy(rates, site.library))
        return render_template(
            "feedback.html", notice=site.settings.notice, since=since, policies=policies, unknown=rates.unknown
        )


def by_policy(rates: FeedbackRates, library: Library) -> Iterator[PolicyFeedback]:
    """The rates of each policy, its criteria by how often they were open, its reasons by how often they were given."""
    for whole in rates.policies:
        versions = library.versions(whole.policy)
        known = {criterion.id: criterion for policy in versions for criterion in policy.criteria}
        shares: dict[bool, list[Share]] = {True: [], False: []}
        for rate in rates.criteria:
            if rate.policy == whole.policy:
                found = known.get(CriterionId(rate.criterion))
                text = found.label if found else rate.criterion
                shares[found is None or found.check is not None].append(
                    _share(rate, whole, text, rates.lacking.get((rate.policy, rate.criterion), 0))
                )
        yield PolicyFeedback(
            id=whole.policy,
            title=versions[-1].title if versions else "Cards that could decide nothing",
            rate=whole,
            criteria=_sorted(shares[True]),
            asked=_sorted(shares[False]),
            reasons=_sorted(_reasons(rates, whole, library)),
        )


def _reasons(rates: FeedbackRates, whole: Rate, library: Library) -> Iterator[Share]:
    ours = {"": "A reason that is not ours", NO_REASON: "No coded reason", **library.wording.override_reasons}
    counted: Counter[str] = Counter()
    for rate in rates.reasons:
        if rate.policy == whole.policy:
            counted[rate.reason if rate.reason in ours else ""] += rate.overridden
    for code, cards in counted.items():
        yield _share(Rate(whole.policy, cards, 0, cards, reason=code), whole, ours[code])


def _share(rate: Rate, whole: Rate, text: str, lacking: int | None = None) -> Share:
    counted = rate.cards if lacking is None else lacking
    of_all = counted / whole.cards if whole.cards else 0.0
    return Share(text, rate.criterion, rate.cards, counted, of_all, rate.accepted, rate.overridden)


def _sorted(shares: Iterable[Share]) -> tuple[Share, ...]:
    return tuple(sorted(shares, key=lambda share: (-share.lacking, -share.cards, share.text)))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
