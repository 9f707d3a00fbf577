"""Which draft orders are CAR-T orders, and of which product.

By any coding of the order's own concept, at any level; by name only as a last resort, and never where
a known code says that the order is something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Any

from cdshooks.engine.chart import MEDICATION_KINDS, Chart, Record, resource_concept
from cdshooks.engine.codes import Coded, coding_list, concept_texts
from cdshooks.engine.dates import Moment, Period, read_moment
from cdshooks.engine.identity import Entry, contained, listed, split_reference
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order, ProductId, Resource
from cdshooks.engine.products import WITH_STRENGTH, Product, ProductCode
from cdshooks.engine.valuesets import fold_words
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.prefetch import bundle_entries
from cdshooks.hooks.request import DraftEntry, Request

_SERVICE_KINDS = ("ServiceRequest", "ProcedureRequest")
ORDER_KINDS = (MEDICATION_KINDS[0], *_SERVICE_KINDS)
_NOT_AN_ORDER = ("stopped", "cancelled", "revoked", "entered-in-error")
_FAR = Period.parse("P1Y")
_BILLING_OPTIONS = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"


@dataclass
class Payload:
    """Resolves references within the signing session, then within prefetch, which it opens only if it must.

    `fetched` is what was read from the EHR's FHIR server in addition.
    """

    request: Request
    drafts: list[Entry] = field(default_factory=list)
    fetched: list[Entry] = field(default_factory=list)
    _prefetched: list[Entry] | None = None

    @classmethod
    def of(cls, request: Request) -> Payload:
        """The payload of a request."""
        return cls(request, [(entry.full_url, entry.resource) for entry in request.draft_orders])

    def resolve(self, reference: Any, within: Resource | None = None) -> Resource | None:
        """The resource that a Reference points to; None when the request does not carry it."""
        target = reference.get("reference") if isinstance(reference, Mapping) else None
        if not isinstance(target, str):
            return None
        if target.startswith("#"):
            return contained(target[1:], within)
        return _lookup(self.drafts, target) or _lookup(self._prefetch(), target) or _lookup(self.fetched, target)

    def add_fetched(self, pages: Iterable[Any]) -> None:
        """Let references find what is in these answers too."""
        self.fetched += [entry for page in pages for entry in _resources(page)]

    def remember_in(self, chart: Chart) -> None:
        """Let references of an order find the resources of its session too."""
        chart.remember(self.drafts)

    def services_beside(self, order: Order) -> tuple[Record, ...]:
        """The other services ordered in the session, as records; a ProcedureRequest is read like its successor."""
        return tuple(
            Record(_SERVICE_KINDS[0], f"{resource['resourceType']}/{resource.get('id', '')}", resource)
            for _, resource in self.drafts
            if resource is not order.resource and resource.get("resourceType") in _SERVICE_KINDS
        )

    def _prefetch(self) -> list[Entry]:
        if self._prefetched is None:
            values = [_quiet(self.request, key) for key in self.request.prefetch]
            self._prefetched = [entry for value in values for entry in _resources(value)]
        return self._prefetched


def _quiet(request: Request, key: str) -> Any:
    try:
        return request.prefetch_value(key)
    except RequestError:
        return None


def _resources(value: Any) -> Iterator[Entry]:
    if not isinstance(value, dict):
        return
    if value.get("resourceType") != "Bundle":
        yield None, value
        return
    yield from ((entry.get("fullUrl"), r) for entry, r in bundle_entries(value) if isinstance(r, dict))


def _lookup(entries: list[Entry], target: str) -> Resource | None:
    _, kind, identifier = split_reference(target)
    for full_url, resource in entries:
        if full_url == target or (resource.get("resourceType") == kind and resource.get("id") == identifier):
            return resource
    return None


def recognise_orders(
    entries: Iterable[DraftEntry], library: Library, as_of: date, zone: tzinfo, payload: Payload
) -> list[Order]:
    """Every CAR-T order among these of the session, in the order in which they were sent."""
    found = (_recognise(entry, number, library, as_of, zone, payload) for number, entry in enumerate(entries))
    return [order for order in found if order is not None]


def _recognise(
    entry: DraftEntry, number: int, library: Library, as_of: date, zone: tzinfo, payload: Payload
) -> Order | None:
    resource = entry.resource
    kind = resource.get("resourceType")
    medication = kind in MEDICATION_KINDS[:1]
    if not (medication or kind in _SERVICE_KINDS) or resource.get("doNotPerform") is True:
        return None
    if resource.get("status") in _NOT_AN_ORDER:
        return None
    concept = resource_concept(resource, payload)
    texts = [*concept_texts(concept), *_shown(resource)]
    identity = _identified(concept, texts, medication, library)
    if identity is None:
        return None
    service, source, notes = service_day(resource, as_of, zone, library)
    marks = [*texts, *_identifiers(resource)]
    traps = [t for t in library.products.trapped(texts) if t.product in ("", identity.product)]
    return Order(
        reference=f"{kind}/{resource['id']}"
        if resource.get("id")
        else entry.full_url or f"draftOrders.entry[{number}]",
        resource=resource,
        product=identity.product,
        recognized_by=identity.by,
        grade=identity.grade,
        kind=identity.kind,
        service_date=service,
        service_date_source=source,
        traps=tuple(t.says for t in traps if t.effect == "not-the-approved-product"),
        trial=library.products.is_trial(marks),
        notes=(*notes, *(t.says for t in traps if t.effect == "one-course")),
    )


def _identified(concept: Any, texts: list[str], medication: bool, library: Library) -> ProductIdentity | None:
    """What the order's own concept says; only where that tells no product, its billing codes as well."""
    own = identify_product(concept, texts, medication, library)
    billed = _billing_codes(concept)
    if not billed or (own and own.product) or _is_something_else(library.systems.codings(concept), library):
        return own
    return identify_product({"coding": [*coding_list(concept), *billed]}, texts, medication, library)


def _billing_codes(concept: Any) -> list[Any]:
    """The likely billing codes that a client of Da Vinci CRD sends with a concept (ext-billing-options)."""
    extensions = listed(concept.get("extension")) if isinstance(concept, Mapping) else []
    options = [e for e in extensions if isinstance(e, Mapping) and e.get("url") == _BILLING_OPTIONS]
    return [coding for option in options for coding in coding_list(option.get("valueCodeableConcept"))]


@dataclass(frozen=True, slots=True)
class ProductIdentity:
    """What a concept says of the product: None when it says CAR-T but not which."""

    product: ProductId | None
    by: str
    grade: str
    kind: str


def identify_product(concept: Any, texts: list[str], medication: bool, library: Library) -> ProductIdentity | None:
    """The CAR-T product of a concept and its texts; None when it is no CAR-T at all."""
    products, say = library.products, library.wording.say
    codes = list(library.systems.codings(concept))
    folded = "".join(map(fold_words, texts))
    hits, named = products.coded(codes), products.named_in(folded)
    service = next((coded for coded in codes if _is_car_t_service(coded, library)), None)
    unclassified = any(coded in products.unclassified for coded in codes)
    ids = {product.id for product, _ in hits} | {product.id for product, _ in named}
    if hits:
        if len(ids) > 1:
            return ProductIdentity(None, say("order.two_products"), "A", "")
        product, code = _best(hits)
        return ProductIdentity(product.id, _by_code(code.coded, library), code.grade, code.kind)
    if medication and _is_something_else(codes, library):
        return None
    if not medication and service is None and not unclassified:
        return None
    if len(ids) == 1:
        by = say("order.by_text", name=named[0][1])
        return ProductIdentity(named[0][0].id, by, "text", "text")
    if ids:
        return ProductIdentity(None, say("order.two_products"), "text", "text")
    if service is not None:
        return ProductIdentity(None, _by_code(service, library), "B", "")
    if word := products.class_named_in(folded):
        return ProductIdentity(None, say("order.by_text", name=word), "text", "text")
    return None


def _shown(resource: Resource) -> list[str]:
    """What the order's list shows for a referenced medication: the display of the reference."""
    reference = resource.get("medicationReference")
    display = reference.get("display") if isinstance(reference, Mapping) else None
    return [display] if isinstance(display, str) else []


def _best(hits: list[tuple[Product, ProductCode]]) -> tuple[Product, ProductCode]:
    """The code that says most: grade A and form-with-strength first, then as they were sent."""
    return min(hits, key=lambda hit: (hit[1].grade != "A", hit[1].kind not in WITH_STRENGTH))


def _by_code(coded: Coded, library: Library) -> str:
    return f"{library.systems.label(coded[0])} {coded[1]}"


def _is_car_t_service(coded: Coded, library: Library) -> bool:
    return library.service_codes.find(coded) is not None


def _is_something_else(codes: list[Coded], library: Library) -> bool:
    if any(coded in library.products.not_car_t for coded in codes):
        return True
    return any(library.other_codes.find(coded) for coded in codes)


def service_day(
    resource: Resource, as_of: date, zone: tzinfo, library: Library
) -> tuple[date, str | None, tuple[str, ...]]:
    """The planned day of infusion, where the order gives it, and what is to be said about it.

    ServiceRequest: occurrence dateTime, Period start, first Timing event. MedicationRequest: first timing
    event of the dosage, else the start of its bounds. Without one: `as_of`.
    """
    say = library.wording.say
    for where, value in _day_values(resource):
        moment: Moment | None = read_moment(value, zone)
        if moment is None:
            continue
        notes = []
        if not moment.exact:
            notes.append(say("order.imprecise_day", given=moment))
        if moment.first < as_of:
            notes.append(say("order.past_day", date=moment.first))
        if moment.first > _FAR.after(as_of):
            notes.append(say("order.far_day", date=moment.first))
        return moment.first, where, tuple(notes)
    return as_of, None, (say("order.no_day", date=as_of),)


def _day_values(resource: Resource) -> Iterator[tuple[str, Any]]:
    yield "occurrenceDateTime", resource.get("occurrenceDateTime")
    for name in ("occurrencePeriod", "occurrenceTiming"):
        yield from _timing_values(name, resource.get(name))
    for dosage in listed(resource.get("dosageInstruction")):
        if isinstance(dosage, Mapping):
            yield from _timing_values("dosageInstruction.timing", dosage.get("timing"))


def _timing_values(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return
    yield f"{name}.start", value.get("start")
    for event in listed(value.get("event"))[:1]:
        yield f"{name}.event", event
    repeat = value.get("repeat")
    bounds = repeat.get("boundsPeriod") if isinstance(repeat, Mapping) else None
    if isinstance(bounds, Mapping):
        yield f"{name}.repeat.boundsPeriod.start", bounds.get("start")


def _identifiers(resource: Resource) -> list[str]:
    values = [i.get("value") for i in listed(resource.get("identifier")) if isinstance(i, Mapping)]
    return [value for value in values if isinstance(value, str)]
