"""The feedback page: for whoever keeps a policy, how often each of its criteria was open and what became of the cards.

Numbers alone: no patient, no clinician, no comment. Reasons that are not ours are counted together, for an EHR may
send any words as a code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Flask, render_template, request

from cdshooks.engine.library import Library
from cdshooks.engine.model import CriterionId
from cdshooks.hooks.errors import RequestError
from cdshooks.server.feedback_rates import NO_REASON, OTHER, FeedbackRates, Rate, feedback_rates, reasons_of
from cdshooks.server.record_tables import start_of
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
        try:
            with open_store().reading() as connection:
                rates = feedback_rates(connection, start_of(since))
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
    ours = library.wording.override_reasons
    words = {OTHER: "A reason that is not ours", NO_REASON: "No coded reason", **ours}
    for code, cards in reasons_of(rates, whole.policy, ours).items():
        reason = "" if code == OTHER else code
        yield _share(Rate(whole.policy, cards, 0, cards, reason=reason), whole, words[code])


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
