"""What plans have answered about CAR-T requests: denials and authorizations among the ClaimResponses of a chart.

The product stands in the item answered, or in the request's item of the same number; the verdict is the item's
review action code, else the answer's. Only without such a code are the answer's own words read, and what they
say is then "reads as a denial", never more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from cdshooks.engine.appeals import AnswerSets
from cdshooks.engine.chart import Chart, resource_concept
from cdshooks.engine.codes import concept_texts
from cdshooks.engine.dates import Moment, read_moment
from cdshooks.engine.identity import Entry, listed
from cdshooks.engine.library import Library
from cdshooks.engine.model import ProductId, Resource
from cdshooks.hooks.payer_names import payer_words
from cdshooks.hooks.request import Request

ANSWER = "ClaimResponse"
_REQUEST = "Claim"
_REVIEW_CODE = "reviewActionCode"
_REASON_CODE = "reasonCode"
_PERIODS = ("itemPreAuthPeriod", "preAuthPeriod")
_SERVICE_DATES = ("itemRequestedServiceDate", "requestedServiceDate")


class Verdict(StrEnum):
    """What an answer comes to; `NEITHER` where its review action is another one (pended, modified, cancelled)."""

    CERTIFIED = "certified"
    DENIED = "denied"
    READS_AS_DENIED = "reads as denied"
    NEITHER = "neither"


_WORST_FIRST = (Verdict.DENIED, Verdict.READS_AS_DENIED, Verdict.NEITHER, Verdict.CERTIFIED)


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """One plan's answer about one CAR-T product; `product` is None when it names only a CAR-T service."""

    reference: str
    resource: Resource
    request: Resource | None
    product: ProductId | None
    verdict: Verdict
    told_by: str
    day: Moment | None
    use: str
    authorization: str
    spans: tuple[Moment, ...]
    payer_words: tuple[str, ...] = ()
    asked: tuple[Mapping[str, Any], ...] = ()
    reason_texts: tuple[str, ...] = ()

    @property
    def denies(self) -> bool:
        """True for a denial, coded or read in its words."""
        return self.verdict in (Verdict.DENIED, Verdict.READS_AS_DENIED)

    def covers(self, service_date: date) -> bool:
        """True when the answer says that it holds on the service date."""
        return any(span.first <= service_date <= span.last for span in self.spans)


@dataclass(frozen=True, slots=True)
class _Line:
    """One item of an answer with what was asked under its number."""

    answered: Mapping[str, Any]
    asked: tuple[Mapping[str, Any], ...]


def may_hold_answers(request: Request) -> bool:
    """Whether prefetch speaks of a plan's answer at all; nothing is decoded to find out."""
    return any(ANSWER.encode() in bytes(raw) for raw in request.prefetch.values())


def read_plan_answers(entries: Iterable[Entry], chart: Chart, library: Library, as_of: date) -> Iterator[PlanAnswer]:
    """Every answer about a CAR-T of this patient with a review action or a denial, oldest first; undated ones last."""
    if library.answer_sets is None:
        return
    found = {}
    for full_url, resource in entries:
        if resource.get("resourceType") == ANSWER and _is_answer(resource, chart, as_of):
            reference = f"{ANSWER}/{resource['id']}" if resource.get("id") else full_url or ANSWER
            for answer in _read(reference, resource, chart, library, library.answer_sets):
                found[answer.reference, answer.product] = answer
    yield from sorted(found.values(), key=lambda a: (a.day.first if a.day else date.max, a.reference))


def _is_answer(resource: Resource, chart: Chart, as_of: date) -> bool:
    """True for an answer that stands, is surely about our patient, is not in the future and not confidential."""
    day = read_moment(resource.get("created"), chart.zone)
    return (
        resource.get("status", "active") == "active"
        and chart.identity.owns(resource.get("patient"), resource) is True
        and not (day and day.first > as_of)
        and not chart.systems.is_labelled(resource)
    )


def _read(reference: str, resource: Resource, chart: Chart, library: Library, sets: AnswerSets) -> Iterator[PlanAnswer]:
    request = chart.resolve(resource.get("request"), resource)
    if request is not None and not _is_request(request, chart):
        request = None
    verdicts: dict[ProductId | None, list[tuple[Verdict, str, _Line]]] = {}
    for line in _lines(resource, request):
        if told := _verdict(line, resource, chart, sets):
            for product in _products(line, chart, library):
                verdicts.setdefault(product, []).append((*told, line))
    if not verdicts and (told := _by_words(resource, sets)):
        for named_product, _ in library.products.named(_words(resource)):
            verdicts[named_product.id] = [(*told, _Line({}, ()))]
    named = {product: lines for product, lines in verdicts.items() if product is not None} or verdicts
    for product, lines in named.items():
        verdict, by, line = min(lines, key=lambda item: _WORST_FIRST.index(item[0]))
        yield PlanAnswer(
            reference=reference,
            resource=resource,
            request=request,
            product=product,
            verdict=verdict,
            told_by=by,
            day=_notice_day(resource.get("created"), chart),
            use=str(resource.get("use") or (request or {}).get("use") or ""),
            authorization=_authorization(line, resource),
            spans=tuple(_spans(line, resource, chart)),
            payer_words=_payer_words(resource, request, chart),
            asked=line.asked,
            reason_texts=tuple(_reason_texts(line, resource)),
        )


def _notice_day(created: Any, chart: Chart) -> Moment | None:
    """The day of an answer, here or where it was written: the earlier one, for days are counted from it."""
    local = read_moment(created, chart.zone)
    written = read_moment(created[:10], chart.zone) if local and isinstance(created, str) else None
    return min(local, written, key=lambda day: day.first) if local and written else local


def _payer_words(resource: Resource, request: Resource | None, chart: Chart) -> tuple[str, ...]:
    """Who answered, and under which coverage of this patient, in words."""
    words = [*payer_words(resource, chart)]
    for side in (resource, request or {}):
        for insurance in listed(side.get("insurance")):
            reference = insurance.get("coverage") if isinstance(insurance, Mapping) else None
            coverage = chart.resolve(reference, side)
            if coverage is not None and chart.identity.owns(coverage.get("beneficiary")) is True:
                words += payer_words(coverage, chart)
            elif isinstance(reference, Mapping) and isinstance(reference.get("display"), str):
                words.append(reference["display"])
    return tuple(dict.fromkeys(words))


def _is_request(request: Resource, chart: Chart) -> bool:
    return request.get("resourceType") == _REQUEST and chart.identity.owns(request.get("patient"), request) is True


def _lines(resource: Resource, request: Resource | None) -> list[_Line]:
    """Each item of an answer beside the item asked; an answer without items answers the whole request."""
    asked = [item for item in listed((request or {}).get("item")) if isinstance(item, Mapping)]
    lines = [
        _Line(item, tuple(a for a in asked if a.get("sequence") == item.get("itemSequence")))
        for item in listed(resource.get("item"))
        if isinstance(item, Mapping)
    ]
    lines += [_Line(item, (item,)) for item in listed(resource.get("addItem")) if isinstance(item, Mapping)]
    return lines or [_Line({}, (item,)) for item in asked]


def _products(line: _Line, chart: Chart, library: Library) -> set[ProductId | None]:
    """The CAR-T products of a line; {None} for a CAR-T service without a product."""
    concepts = [concept for item in (line.answered, *line.asked) for concept in _concepts(item, chart)]
    codes = [coded for concept in concepts for coded in library.systems.codings(concept)]
    texts = [text for concept in concepts for text in concept_texts(concept)]
    found = library.products.identified(codes, texts)
    if not found and any(library.service_codes.find(coded) for coded in codes):
        return {None}
    return {*found}


def _concepts(item: Mapping[str, Any], chart: Chart) -> Iterator[Any]:
    """What an item is for: its own code, that of the order it stands for, or one inside an extension."""
    yield item.get("productOrService")
    for extension in extensions_of(item):
        if _name(extension).startswith("productOrService"):
            yield extension.get("valueCodeableConcept")
        order = chart.resolve(extension.get("valueReference"))
        if order is not None:
            yield resource_concept(order, chart)


def _verdict(line: _Line, resource: Resource, chart: Chart, sets: AnswerSets) -> tuple[Verdict, str] | None:
    """What the review action says, item before whole; a code of another system is none, and words are read."""
    codes = [*_review_codes(line.answered, chart)] or [*_review_codes(_without_items(resource), chart)]
    systems = {coded[0] for coded in (*sets.not_certified.concepts, *sets.certified.concepts)}
    known = [coded for coded in codes if coded[0] in systems]
    for coded in known:
        if sets.not_certified.find(coded):
            return Verdict.DENIED, coded[1]
        if sets.certified.find(coded):
            return Verdict.CERTIFIED, coded[1]
    return (Verdict.NEITHER, known[0][1]) if known else _by_words(resource, sets)


def _by_words(resource: Resource, sets: AnswerSets) -> tuple[Verdict, str] | None:
    words = _words(resource)
    if any(sets.not_denied_words.mentions(text) for text in words):
        return None
    found = next((phrase for text in words if (phrase := sets.denied_words.mentions(text))), None)
    return (Verdict.READS_AS_DENIED, found) if found else None


def _words(resource: Resource) -> list[str]:
    notes = [note.get("text") for note in listed(resource.get("processNote")) if isinstance(note, Mapping)]
    return [text for text in (resource.get("outcome"), resource.get("disposition"), *notes) if isinstance(text, str)]


def _reason_texts(line: _Line, resource: Resource) -> Iterator[str]:
    """Every text in which an answer gives its reason: its own words, its errors, and the reasons of its item."""
    yield from _words(resource)
    concepts = [error.get("code") for error in listed(resource.get("error")) if isinstance(error, Mapping)]
    for element in (line.answered, _without_items(resource)):
        adjudications = [a for a in listed(element.get("adjudication")) if isinstance(a, Mapping)]
        concepts += [adjudication.get("reason") for adjudication in adjudications]
        concepts += [e.get("valueCodeableConcept") for e in extensions_of(element) if _name(e) == _REASON_CODE]
    yield from (text for concept in concepts for text in concept_texts(concept))


def _without_items(resource: Resource) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key in ("extension", "adjudication")}


def _review_codes(element: Mapping[str, Any], chart: Chart) -> Iterator[tuple[str, str]]:
    for extension in extensions_of(element):
        if _name(extension) == _REVIEW_CODE:
            yield from chart.systems.codings(extension.get("valueCodeableConcept"))


def extensions_of(element: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every extension of an element, of its adjudications, and inside other extensions."""
    inside = [*listed(element.get("extension")), *listed(element.get("modifierExtension"))]
    for extension in inside if depth < 4 else ():
        if isinstance(extension, Mapping):
            yield extension
            yield from extensions_of(extension, depth + 1)
    for adjudication in listed(element.get("adjudication")):
        if isinstance(adjudication, Mapping):
            yield from extensions_of(adjudication, depth)


def _name(extension: Mapping[str, Any]) -> str:
    """The last word of an extension's url, with or without the prefix that some guides give it."""
    return str(extension.get("url", "")).rsplit("/", 1)[-1].removeprefix("extension-")


def _authorization(line: _Line, resource: Resource) -> str:
    """The number under which the plan has certified the request; "" when it gives none."""
    numbers = [e.get("valueString") for e in extensions_of(line.answered) if _name(e) == "number"]
    return next((text for text in (resource.get("preAuthRef"), *numbers) if isinstance(text, str) and text.strip()), "")


def _spans(line: _Line, resource: Resource, chart: Chart) -> list[Moment]:
    """The days for which the answer holds: its authorization period, else the dates that were asked for."""
    named = [(_name(e), e.get("valuePeriod") or e.get("valueDate")) for e in extensions_of(line.answered)]
    periods = [resource.get("preAuthPeriod"), *(value for name, value in named if name in _PERIODS)]
    if not any(periods):
        periods = [value for name, value in named if name in _SERVICE_DATES]
        periods += [item.get(key) for item in line.asked for key in ("servicedDate", "servicedPeriod")]
    return [span for value in periods if (span := _span(value, chart))]


def _span(value: Any, chart: Chart) -> Moment | None:
    if not isinstance(value, Mapping):
        return read_moment(value, chart.zone)
    start, end = read_moment(value.get("start"), chart.zone), read_moment(value.get("end"), chart.zone)
    if start is None and end is None:
        return None
    return Moment(start.first if start else date.min, end.last if end else date.max)
