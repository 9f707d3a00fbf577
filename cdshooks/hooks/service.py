"""Request + library + day → response and determinations. Pure: no clock, no network, no store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from cdshooks.engine.chart import build_chart
from cdshooks.engine.identity import fold_base, identify
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order
from cdshooks.hooks.answered import Answer, Determined, ServiceOptions
from cdshooks.hooks.appeal_card import appeal_cards
from cdshooks.hooks.authorization import authorization_on_file, authorized_card
from cdshooks.hooks.call_measures import measures_of
from cdshooks.hooks.called_orders import called_orders, unsent_orders
from cdshooks.hooks.coverage import coverage_named, one_coverage, select_policies
from cdshooks.hooks.crd import Told, annotated, spoken, spoken_of_failure
from cdshooks.hooks.decision_id import decision_id
from cdshooks.hooks.decision_record import evidence_hashes
from cdshooks.hooks.denied_request import Holder
from cdshooks.hooks.errors import place_of
from cdshooks.hooks.fetched import Fetch
from cdshooks.hooks.fhir_version import is_stu3
from cdshooks.hooks.focus import PATIENT_VIEW
from cdshooks.hooks.gathering import Gathering
from cdshooks.hooks.one_patient import another_patient
from cdshooks.hooks.orders import Payload, recognise_orders
from cdshooks.hooks.plain_card import plain_card
from cdshooks.hooks.plan_answers import may_hold_answers, read_plan_answers
from cdshooks.hooks.policy_card import determined
from cdshooks.hooks.request import Request
from cdshooks.hooks.session import Session, context_of


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
    orders = recognise_orders(called_orders(request, payload), library, as_of, options.zone, payload)
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
    results = [made for order in orders for made in _of_order(session, order)]
    told = [*map(Told.of, results), *(_untold(session, order) for order in orders if _needs_words(order))]
    said = spoken(told, session.request, library, as_of, options)
    made = annotated(results, said.cards)
    hashes = evidence_hashes(session.chart, (one.determination for one in made))
    body = said.body([*said.cards, *_appeals(session, orders)])
    fetched, measures = session.request.fetched_sha256, measures_of(session, orders, said.call)
    return Answer(body, made, None, hashes, fetched, session.chart.patient, said.unusable, measures)


def _session(gathering: Gathering, orders: list[Order], as_of: date, options: ServiceOptions) -> Session | None:
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
    return Session(request, library, as_of, options, payload, delivery, chart, answers)


def _of_order(session: Session, order: Order) -> Iterator[Determined]:
    """One order under each of its policies; one that the plan has certified already is a single line, or nothing."""
    library = session.library
    selections = [] if _needs_words(order) else select_policies(order, session.entries, session.chart, library)
    for selection in selections:
        made = determined(session, order, selection)
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


def _untold(session: Session, order: Order) -> Told:
    key = "untold" if order.resource else "unsent"
    card = plain_card(key, order, session.request, session.library, session.as_of)
    return Told(order, card, "untold", one_coverage(order, session.entries, session.chart))


def _appeals(session: Session, orders: list[Order]) -> list[dict[str, Any]]:
    """patient-view: a card for each denial in the chart, with the denied request held against the plan's policy."""
    if session.request.hook != PATIENT_VIEW:
        return []
    request, library, chart, as_of = session.request, session.library, session.chart, session.as_of

    def decide(reference: str) -> UUID:
        return decision_id(request, library, as_of, reference, "appeal", session.options.rosters_hash or "")

    hold = _holder(session, orders).hold
    return appeal_cards(session.answers, session.delivery.entries, chart, library, as_of, decide, hold)


def _holder(session: Session, orders: list[Order]) -> Holder:
    """What holds a denied request against a policy; only patient-view speaks of denials."""
    zone, asked_with = session.options.zone, partial(context_of, session)
    parts = (session.payload, orders, session.entries, session.chart, session.library)
    return Holder(*parts, session.as_of, zone, asked_with)


__all__ = ["Answer", "Determined", "ServiceOptions", "answer"]
