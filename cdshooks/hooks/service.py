"""Request + library + day → response and determinations. Pure: no clock, no network, no store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from cdshooks.engine.centers import RosterRow, match_center
from cdshooks.engine.chart import Chart, build_chart
from cdshooks.engine.counting import infusion_day
from cdshooks.engine.determine import determine
from cdshooks.engine.evidence import Context
from cdshooks.engine.identity import Entry, fold_base, identify
from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination, Order, Result
from cdshooks.engine.policy import Policy
from cdshooks.hooks.answered import Answer, Determined, ServiceOptions
from cdshooks.hooks.appeal_card import appeal_cards
from cdshooks.hooks.authorization import authorization_on_file, authorized_card
from cdshooks.hooks.called_orders import called_orders, unsent_orders
from cdshooks.hooks.cards import Topic, write_card
from cdshooks.hooks.coverage import LABEL, Selection, coverage_named, one_coverage, select_policies
from cdshooks.hooks.crd import Told, annotated, spoken, spoken_of_failure
from cdshooks.hooks.decision_id import decision_id
from cdshooks.hooks.decision_record import evidence_hashes
from cdshooks.hooks.denied_request import Holder
from cdshooks.hooks.detail import Subject, said_first, write_detail
from cdshooks.hooks.determination_json import determination_json, policy_json
from cdshooks.hooks.errors import place_of
from cdshooks.hooks.fetched import Fetch
from cdshooks.hooks.fhir_version import is_stu3
from cdshooks.hooks.focus import PATIENT_VIEW
from cdshooks.hooks.gathering import Gathering
from cdshooks.hooks.one_patient import another_patient
from cdshooks.hooks.order_center import center_of
from cdshooks.hooks.orders import Payload, recognise_orders
from cdshooks.hooks.plain_card import plain_card
from cdshooks.hooks.plan_answers import PlanAnswer, may_hold_answers, read_plan_answers
from cdshooks.hooks.prefetch import Delivery
from cdshooks.hooks.request import Request
from cdshooks.hooks.submitted import may_stand_back, submitted_on
from cdshooks.hooks.suggestions import Blanks, requester_of, suggest
from cdshooks.hooks.summary import LONGEST, summarise
from cdshooks.hooks.text import clean, shortened


@dataclass(frozen=True, slots=True)
class _Session:
    """Everything that one request's cards have in common."""

    request: Request
    library: Library
    as_of: date
    options: ServiceOptions
    payload: Payload
    delivery: Delivery
    chart: Chart
    answers: tuple[PlanAnswer, ...] = ()

    @property
    def entries(self) -> list[Entry]:
        """Every resource of the call, the drafts first."""
        return [*self.payload.drafts, *self.delivery.entries]


def answer(
    request: Request, library: Library, as_of: date, options: ServiceOptions | None = None, fetch: Fetch | None = None
) -> Answer:
    """Answer one call of any of our hooks for the local day `as_of`; `fetch` reads what the call does not carry.

    No CAR-T among the orders: no card, and prefetch is not read (patient-view: unless a plan's answer may be in
    it). Nor one for a call in FHIR STU3. A failure of ours after a CAR-T was recognised is a card that says so,
    never an empty answer that looks like "nothing missing".
    """
    if is_stu3(request):
        return Answer({"cards": []})
    options = options or ServiceOptions()
    payload = Payload.of(request)
    gathering = Gathering(request, payload, library, fetch)
    gathering.find_orders()
    called = replace(request, draft_orders=called_orders(request, payload))
    orders = recognise_orders(called, library, as_of, options.zone, payload)
    orders += unsent_orders(request, library, as_of, payload)
    if not orders and not (request.hook == PATIENT_VIEW and may_hold_answers(request)):
        return Answer({"cards": []}, fetched_sha256=gathering.sha256())
    try:
        return _answer(gathering, as_of, options, orders)
    except Exception as error:  # whatever breaks, the clinician must be told that nothing was checked
        told = [_failed(order, request, library, as_of) for order in orders]
        said = spoken_of_failure(told, request, library, as_of, options)
        return Answer(said.body(said.cards[:1]), failure=place_of(error), fetched_sha256=gathering.sha256())


def _answer(gathering: Gathering, as_of: date, options: ServiceOptions, orders: list[Order]) -> Answer:
    library, wanted = gathering.library, [order for order in orders if not _needs_words(order)]
    session = _session(gathering, wanted, as_of, options)
    if session and gathering.fetch and session.request.hook == PATIENT_VIEW:
        denied = _holder(session, orders).denied_orders(session.answers)
        session = _session(gathering, [*wanted, *denied], as_of, options)
    if session is None:
        request = replace(gathering.request, fetched_sha256=gathering.sha256())
        cards = [plain_card("mismatch", order, request, library, as_of) for order in orders[:1]]
        return Answer({"cards": cards}, fetched_sha256=request.fetched_sha256)
    determined = [made for order in orders for made in _of_order(session, order)]
    told = [*map(Told.of, determined), *(_untold(session, order) for order in orders if _needs_words(order))]
    said = spoken(told, session.request, library, as_of, options)
    made = annotated(determined, said.cards)
    hashes = evidence_hashes(session.chart, (one.determination for one in made))
    body = said.body([*said.cards, *_appeals(session, orders)])
    fetched = session.request.fetched_sha256
    return Answer(body, made, None, hashes, fetched, session.chart.patient, said.unusable)


def _session(gathering: Gathering, orders: list[Order], as_of: date, options: ServiceOptions) -> _Session | None:
    """What was sent, with what could be fetched for these orders; None where it is of another patient."""
    library, payload = gathering.library, gathering.payload
    delivery = gathering.complete(orders)
    request = replace(gathering.request, fetched_sha256=gathering.sha256())
    identity = identify(request.patient_id, request.fhir_server, delivery.entries)
    if another_patient(request, identity, delivery, payload):
        return None
    chart = build_chart(delivery.entries, identity, delivery.readings, library.systems, options.zone)
    payload.remember_in(chart)
    answers = tuple(read_plan_answers(delivery.entries, chart, library, as_of))
    return _Session(request, library, as_of, options, payload, delivery, chart, answers)


def _of_order(session: _Session, order: Order) -> Iterator[Determined]:
    """One order under each of its policies; one that the plan has certified already is a single line, or nothing."""
    library = session.library
    selections = [] if _needs_words(order) else select_policies(order, session.entries, session.chart, library)
    for selection in selections:
        made = _determined(session, order, selection)
        on_file = authorization_on_file(order, selection, session.answers, library, alone=len(selections) == 1)
        if on_file is None:
            yield made
        elif session.request.hook != PATIENT_VIEW:
            card = authorized_card(made.card, on_file, order, library)
            yield replace(made, card=card, authorization=on_file.authorization)


def _needs_words(order: Order) -> bool:
    """True for an order that cannot be checked: its product is not told, or it was not sent."""
    return order.product is None or not order.resource


def _failed(order: Order, request: Request, library: Library, as_of: date) -> Told:
    card = plain_card("failure", order, request, library, as_of, info=True)
    own = frozenset({fold_base(request.fhir_server)} if request.fhir_server else ())
    return Told(order, card, "failure", coverage_named(order, own))


def _untold(session: _Session, order: Order) -> Told:
    key = "untold" if order.resource else "unsent"
    card = plain_card(key, order, session.request, session.library, session.as_of)
    return Told(order, card, "untold", one_coverage(order, session.entries, session.chart))


def _appeals(session: _Session, orders: list[Order]) -> list[dict[str, Any]]:
    """patient-view: a card for each denial in the chart, with the denied request held against the plan's policy."""
    if session.request.hook != PATIENT_VIEW:
        return []
    request, library, chart, as_of = session.request, session.library, session.chart, session.as_of

    def decide(reference: str) -> UUID:
        return decision_id(request, library, as_of, reference, "appeal", session.options.rosters_hash or "")

    hold = _holder(session, orders).hold
    return appeal_cards(session.answers, session.delivery.entries, chart, library, as_of, decide, hold)


def _holder(session: _Session, orders: list[Order]) -> Holder:
    """What holds a denied request against a policy; only patient-view speaks of denials."""
    zone, context_of = session.options.zone, partial(_context, session)
    parts = (session.payload, orders, session.entries, session.chart, session.library)
    return Holder(*parts, session.as_of, zone, context_of)


def _determined(session: _Session, order: Order, selection: Selection) -> Determined:
    """Determine one order under one policy and write its card."""
    library, policy = session.library, selection.policy
    context = _context(session, order)
    product = context.product.brand if context.product else ""
    if policy is None:
        return _no_version(session, order, selection)
    found = _found(determine(policy, context, library.wording), selection)
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


def _found(found: Determination, selection: Selection) -> Determination:
    """Where the payer could not be read, nothing is complete."""
    if selection.unread and found.outcome in (Result.READY, Result.DOCUMENTATION_MISSING):
        return replace(found, outcome=Result.COULD_NOT_CHECK)
    return found


def _payer_short(selection: Selection, policy_short: str) -> str:
    if selection.payer is not None:
        return selection.payer.short
    return shortened(clean(selection.payer_name), 40) or policy_short


def _no_version(session: _Session, order: Order, selection: Selection) -> Determined:
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


def _context(session: _Session, order: Order) -> Context:
    request, library, chart = session.request, session.library, session.chart
    product = library.products.by_id.get(str(order.product))
    facility = center_of(order, session.payload, chart, library, session.options.default_facility)
    return Context(
        chart=chart,
        order=order,
        product=product,
        center=match_center(facility, str(order.product), _rosters(session), session.as_of),
        as_of=session.as_of,
        service_date=order.service_date,
        session=session.payload.services_beside(order),
        encounter=request.encounter_id,
    )


def _rosters(session: _Session) -> tuple[RosterRow, ...]:
    own = session.options.rosters
    return session.library.rosters if own is None else own


def _submitted(session: _Session, order: Order, policy_id: str, found: Determination) -> date | None:
    """When these gaps were overridden as already submitted; asked only where that makes the card stand back."""
    if not may_stand_back(found):
        return None
    return submitted_on(found, order, policy_id, session.as_of, session.options.submitted())


def _decision_of(session: _Session, order: Order, policy_id: str, payer: str, submitted: date | None) -> UUID:
    """The id of a determination, which rests on the rosters and on what was submitted too."""
    own = session.options.rosters_hash
    who = f"{payer}|{own}" if own else payer
    who = f"{who}|submitted {submitted}" if submitted else who
    return decision_id(session.request, session.library, session.as_of, order.reference, policy_id, who)


__all__ = ["LABEL", "Answer", "Determined", "ServiceOptions", "answer"]
