"""One order under one policy: its determination, and the card that tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

from cdshooks.engine.counting import infusion_day
from cdshooks.engine.determine import determine
from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination, Order, Result
from cdshooks.engine.policy import Policy
from cdshooks.hooks.answered import Determined
from cdshooks.hooks.cards import Topic, write_card
from cdshooks.hooks.coverage import Selection
from cdshooks.hooks.decision_id import decision_id
from cdshooks.hooks.detail import Subject, said_first, write_detail
from cdshooks.hooks.determination_json import determination_json, policy_json
from cdshooks.hooks.session import Session, context_of
from cdshooks.hooks.submitted import may_stand_back, submitted_on
from cdshooks.hooks.suggestions import Blanks, requester_of, suggest
from cdshooks.hooks.summary import LONGEST, summarise
from cdshooks.hooks.text import clean, shortened


def determined(session: Session, order: Order, selection: Selection) -> Determined:
    """Determine one order under one policy and write its card."""
    library, policy = session.library, selection.policy
    if policy is None:
        return _no_version(session, order, selection)
    context = context_of(session, order)
    product = context.product.brand if context.product else ""
    found = _settled(determine(policy, context, library.wording), selection)
    submitted = _submitted(session, order, policy.id, found)
    decision = _decision_of(session, order, policy.id, selection.payer_name, submitted)
    payer = _payer_short(selection, policy.short) if policy.may_refuse else policy.short
    told = said_first(policy, submitted, session.as_of, library.wording)
    notes = (*told, *selection.notes, *order.notes)
    subject = Subject(product, payer, order, policy, notes, bool(context.product and context.product.rems))
    day, prescriber = infusion_day(context), requester_of(order.resource)
    blanks = Blanks(session.request.patient_id, product, payer, session.as_of, day, prescriber)
    card = write_card(
        decision,
        _summary(found, product, payer, policy, selection, order, library),
        write_detail(found, subject, library.wording),
        Topic(policy.publisher, policy.id, product),
        determination_json(
            decision, library.hash, order, session.as_of, policy_json(policy, order.service_date), found, submitted
        ),
        library.wording,
        suggestions=suggest(found, library, blanks, decision) if session.options.suggestions else None,
        policy=policy,
        info=found.outcome is Result.READY or submitted is not None,
    )
    return Determined(order, policy.id, policy.version, payer, found, card, selection)


def _summary(
    found: Determination, product: str, payer: str, policy: Policy, selection: Selection, order: Order, library: Library
) -> str:
    standing = policy.standing(order.service_date)
    return summarise(
        found,
        product,
        payer,
        library.wording,
        unconfirmed=bool(standing and standing.is_ == "unconfirmed"),
        label_only=policy.authority == "fda-label",
        of_plan=policy.authority == "payer-policy",
        no_payer=selection.no_payer,
    )


def _settled(found: Determination, selection: Selection) -> Determination:
    """Where the payer could not be read, nothing is complete."""
    if selection.unread and found.outcome in (Result.READY, Result.DOCUMENTATION_MISSING):
        return replace(found, outcome=Result.COULD_NOT_CHECK)
    return found


def _payer_short(selection: Selection, policy_short: str) -> str:
    if selection.payer is not None:
        return selection.payer.short
    return shortened(clean(selection.payer_name), 40) or policy_short


def _no_version(session: Session, order: Order, selection: Selection) -> Determined:
    library, say = session.library, session.library.wording.say
    decision = decision_id(
        session.request, library, session.as_of, order.reference, selection.policy_id, selection.payer_name
    )
    product = library.products.by_id[str(order.product)].brand
    payer = _payer_short(selection, selection.policy_id)
    found = Determination(Result.COULD_NOT_CHECK, ())
    detail = "\n\n".join([*(clean(n) for n in (*selection.notes, *order.notes)), say("detail.disclaimer")])
    card = write_card(
        decision,
        shortened(say("summary.no_version", product=product, payer=payer), LONGEST),
        detail,
        Topic(payer, selection.policy_id, product),
        determination_json(decision, library.hash, order, session.as_of, {"id": selection.policy_id}, found),
        library.wording,
    )
    return Determined(order, selection.policy_id, "", payer, found, card, selection)


def _submitted(session: Session, order: Order, policy_id: str, found: Determination) -> date | None:
    """When these gaps were overridden as already submitted; asked only where that makes the card stand back."""
    if not may_stand_back(found):
        return None
    return submitted_on(found, order, policy_id, session.as_of, session.options.submitted())


def _decision_of(session: Session, order: Order, policy_id: str, payer: str, submitted: date | None) -> UUID:
    """The id of a determination, which rests on the rosters and on what was submitted too."""
    own = session.options.rosters_hash
    who = f"{payer}|{own}" if own else payer
    who = f"{who}|submitted {submitted}" if submitted else who
    return decision_id(session.request, session.library, session.as_of, order.reference, policy_id, who)
