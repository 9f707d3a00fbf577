"""Request + library + day → response and determinations. Pure: no clock, no network, no store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, tzinfo
from typing import Any
from uuid import UUID, uuid5

from cdshooks.engine.centers import Facility, RosterRow, find_facility, match_center
from cdshooks.engine.chart import Chart, Record, build_chart
from cdshooks.engine.determine import determine
from cdshooks.engine.evidence import Context
from cdshooks.engine.identity import Identity, identify
from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination, Order, Resource, Result
from cdshooks.hooks.cards import Topic, worst_first, write_card
from cdshooks.hooks.coverage import LABEL, Selection, select_policies
from cdshooks.hooks.detail import Subject, write_detail
from cdshooks.hooks.determination_json import determination_json, policy_json
from cdshooks.hooks.orders import Payload, recognise_orders
from cdshooks.hooks.prefetch import Delivery, read_prefetch
from cdshooks.hooks.request import Request
from cdshooks.hooks.suggestions import Blanks, suggest
from cdshooks.hooks.summary import LONGEST, summarise
from cdshooks.hooks.text import clean, shortened

NAMESPACE = UUID("6f1c2c5e-3b77-5d0a-9d51-2f0f4ab2f3f1")


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What a site may set: its time zone, the centre used when an order names none, and its own roster.

    `rosters` stands in for the library's, and `rosters_hash` for the difference that it makes to an answer.
    """

    zone: tzinfo = UTC
    default_facility: str | None = None
    suggestions: bool = True
    rosters: tuple[RosterRow, ...] | None = None
    rosters_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Determined:
    """One determination and what it was made of, for explanations and for the record."""

    order: Order
    policy_id: str
    policy_version: str
    payer: str
    determination: Determination
    card: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The response body, the determinations behind its cards, and the type of a failure of ours."""

    body: dict[str, Any]
    determinations: tuple[Determined, ...] = ()
    failure: str | None = None


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


def answer(request: Request, library: Library, as_of: date, options: ServiceOptions | None = None) -> Answer:
    """Answer one order-sign call for the local day `as_of`.

    No CAR-T among the orders: no card, and prefetch is not read. A failure of ours after a CAR-T was
    recognised is a card that says so, never an empty answer that looks like "nothing missing".
    """
    options = options or ServiceOptions()
    payload = Payload.of(request)
    orders = recognise_orders(request, library, as_of, options.zone, payload)
    if not orders:
        return Answer({"cards": []})
    try:
        return _answer(request, library, as_of, options, payload, orders)
    except Exception as error:  # whatever breaks, the clinician must be told that nothing was checked
        card = _plain_card("failure", orders[0], request, library, as_of, info=True)
        return Answer({"cards": [card]}, failure=_where(error))


def _where(error: BaseException) -> str:
    """The type and place of a failure, without any of its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


def _answer(
    request: Request,
    library: Library,
    as_of: date,
    options: ServiceOptions,
    payload: Payload,
    orders: list[Order],
) -> Answer:
    delivery = read_prefetch(request, library.wording)
    entries = [*payload.drafts, *delivery.entries]
    identity = identify(request.patient_id, request.fhir_server, delivery.entries)
    if _mismatch(request, identity, delivery, payload):
        return Answer({"cards": [_plain_card("mismatch", orders[0], request, library, as_of)]})
    chart = build_chart(delivery.entries, identity, delivery.readings, library.systems, options.zone)
    session = _Session(request, library, as_of, options, payload, delivery, chart)
    determined: list[Determined] = []
    cards: list[dict[str, Any]] = []
    for order in orders:
        if order.product is None:
            cards.append(_plain_card("untold", order, request, library, as_of))
            continue
        for selection in select_policies(order, entries, _with_drafts(chart, payload), library):
            made = _determined(session, order, selection)
            determined.append(made)
            cards.append(made.card)
    return Answer({"cards": worst_first(cards, library.wording)}, tuple(determined))


def _with_drafts(chart: Chart, payload: Payload) -> Chart:
    """The chart for resolving references of an order: its session's resources are found too."""
    for full_url, resource in payload.drafts:
        chart.remember(full_url, resource)
    return chart


def _mismatch(request: Request, identity: Identity, delivery: Delivery, payload: Payload) -> bool:
    """True when the token, an order or the Patient sent names someone else than the session."""
    if request.authorization_patient not in (None, request.patient_id):
        return True
    if identity.contradictory:
        return True
    sent = {patient for patients in delivery.patients.values() for patient in patients}
    if any(patient != request.patient_id for patient in delivery.patients.get("patient", [])):
        return True
    if sent and request.patient_id not in sent:
        return True
    orders = (resource for _, resource in payload.drafts)
    return any(identity.owns(resource.get("subject"), resource) is False for resource in orders)


def _determined(session: _Session, order: Order, selection: Selection) -> Determined:
    """Determine one order under one policy and write its card."""
    library, policy = session.library, selection.policy
    context = _context(session, order)
    if policy is None:
        return _no_version(session, order, selection)
    found = determine(policy, context, library.wording)
    if selection.unread and found.outcome in (Result.READY, Result.DOCUMENTATION_MISSING):
        found = replace(found, outcome=Result.COULD_NOT_CHECK)
    decision = _decision_of(session, order, policy.id, selection.payer_name)
    product = context.product.brand if context.product else ""
    payer = _payer_short(selection, policy.short) if policy.may_refuse else policy.short
    standing = policy.standing(order.service_date)
    summary = summarise(
        found,
        product,
        payer,
        library.wording,
        unconfirmed=bool(standing and standing.is_ == "unconfirmed"),
        label_only=policy.authority == "fda-label",
        payer_unread=selection.unread,
    )
    subject = Subject(
        product, payer, order, policy, (*selection.notes, *order.notes), bool(context.product and context.product.rems)
    )
    blanks = Blanks(session.request.patient_id, product, payer, session.as_of)
    card = write_card(
        decision,
        summary,
        write_detail(found, subject, library.wording),
        Topic(policy.publisher, policy.id, product),
        determination_json(
            decision, library.hash, order, session.as_of, policy_json(policy, order.service_date), found
        ),
        library.wording,
        suggestions=suggest(found, library, blanks, decision) if session.options.suggestions else None,
        policy=policy,
        info=found.outcome is Result.READY,
    )
    return Determined(order, policy.id, policy.version, payer, found, card)


def _payer_short(selection: Selection, policy_short: str) -> str:
    if selection.payer is not None:
        return selection.payer.short
    return shortened(clean(selection.payer_name), 40) or policy_short


def _no_version(session: _Session, order: Order, selection: Selection) -> Determined:
    library, say = session.library, session.library.wording.say
    decision = _decision(
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
    return Determined(order, selection.policy_id, "", payer, found, card)


def _context(session: _Session, order: Order) -> Context:
    request, library, chart = session.request, session.library, session.chart
    product = library.products.by_id.get(str(order.product))
    encounter = _encounter(request, chart)
    facility = find_facility(order.resource, encounter, session.payload.resolve, library.systems)
    if facility is None and session.options.default_facility:
        facility = Facility("", session.options.default_facility, "the site's default")
    return Context(
        chart=chart,
        order=order,
        product=product,
        center=match_center(facility, str(order.product), _rosters(session), session.as_of),
        as_of=session.as_of,
        service_date=order.service_date,
        session=tuple(_session_records(session, order)),
        encounter=request.encounter_id,
    )


def _rosters(session: _Session) -> tuple[RosterRow, ...]:
    own = session.options.rosters
    return session.library.rosters if own is None else own


def _encounter(request: Request, chart: Chart) -> Resource | None:
    if request.encounter_id is None:
        return None
    encounter = chart.resolve({"reference": f"Encounter/{request.encounter_id}"})
    if encounter is None or chart.identity.owns(encounter.get("subject"), encounter) is False:
        return None
    return encounter


def _session_records(session: _Session, order: Order) -> list[Record]:
    """The other orders of the signing session, as records."""
    return [
        Record(resource["resourceType"], f"{resource['resourceType']}/{resource.get('id', '')}", resource)
        for _, resource in session.payload.drafts
        if resource is not order.resource and resource.get("resourceType") == "ServiceRequest"
    ]


def _decision_of(session: _Session, order: Order, policy_id: str, payer: str) -> UUID:
    """The id of a determination, which rests on the rosters too."""
    own = session.options.rosters_hash
    who = f"{payer}|{own}" if own else payer
    return _decision(session.request, session.library, session.as_of, order.reference, policy_id, who)


def _decision(request: Request, library: Library, as_of: date, order: str, policy_id: str, payer: str = "") -> UUID:
    """The same request, day and library give the same id; hookInstance is not part of it."""
    parts = [request.service_id, as_of.isoformat(), library.hash, request.body_sha256, order, policy_id, payer]
    return uuid5(NAMESPACE, "|".join(parts))


def _plain_card(
    key: str, order: Order, request: Request, library: Library, as_of: date, *, info: bool = False
) -> dict[str, Any]:
    """A card that can decide nothing and says why."""
    say = library.wording.say
    decision = _decision(request, library, as_of, order.reference, key)
    brand = library.products.by_id[str(order.product)].brand if order.product else ""
    detail = f"{say(f'detail.{key}', by=clean(order.recognized_by))}\n\n{say('detail.disclaimer')}"
    found = determination_json(decision, library.hash, order, as_of, None, None)
    topic = Topic(say("source.label"), key, brand)
    return write_card(decision, say(f"summary.{key}"), detail, topic, found, library.wording, info=info)


__all__ = ["LABEL", "Answer", "Determined", "ServiceOptions", "answer"]
