"""Which payer, and which of its policies, an order is to be checked against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from cdshooks.engine.chart import Chart
from cdshooks.engine.codes import coding_list, concept_texts
from cdshooks.engine.dates import Moment, narrowed, read_moment
from cdshooks.engine.identity import Entry, listed, split_reference
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order, Resource
from cdshooks.engine.payers import Payer, PayerMatch, recognise
from cdshooks.engine.policy import Policy
from cdshooks.engine.records import clip
from cdshooks.engine.valuesets import fold_words

LABEL = "fda/label"
_INACTIVE = ("cancelled", "draft", "entered-in-error")


@dataclass(frozen=True, slots=True)
class Selection:
    """A policy to apply. Without a version on file for the day `policy` is None and `policy_id` is set.

    `payer_name` is the payer as the request names it (chart text); `unread` when it could not be read, `lapsed` when it
    could, but no coverage is active on the service date. `coverage` is the reference of the coverage, "" where it has
    no id; `active` is False where it lapsed before the service date.
    """

    policy: Policy | None
    policy_id: str
    payer: Payer | None = None
    payer_name: str = ""
    notes: tuple[str, ...] = ()
    unread: bool = False
    lapsed: bool = False
    coverage: str = ""
    active: bool = True

    @property
    def no_payer(self) -> str:
        """Why no payer's criteria were looked at: `payer_unread` or `no_coverage`; "" where they were."""
        return ("no_coverage" if self.lapsed else "payer_unread") if self.unread else ""


@dataclass(frozen=True, slots=True)
class _Coverage:
    """One coverage; `disputed_by` says how another of the same payer gives its period."""

    resource: Resource
    match: PayerMatch | None
    name: str
    active: bool
    disputed_by: str = ""


def select_policies(order: Order, entries: list[Entry], chart: Chart, library: Library) -> list[Selection]:
    """The policies for an order, primary coverage first; the FDA label when no payer can be told."""
    day = order.service_date
    coverages = sorted(_coverages(order, entries, chart, library), key=_benefit_order)
    selections: list[Selection] = []
    assumed = _order_assumed(coverages)
    for coverage in coverages:
        for selection in _selections(coverage, order, assumed, library):
            if not any((s.policy_id, s.payer_name) == (selection.policy_id, selection.payer_name) for s in selections):
                own = _reference(coverage.resource, entries)
                selections.append(replace(selection, coverage=own, active=coverage.active))
    if not selections:
        lapsed, own = _lapsed(order, entries, chart, library), one_coverage(order, entries, chart)
        says = _lapsed_words(lapsed, day, chart, library) if lapsed else library.wording.say("payer.unread")
        active = own not in [_reference(coverage.resource, entries) for coverage in lapsed]
        label = library.in_force(LABEL, day)
        none = Selection(label, LABEL, notes=(says,), unread=True, lapsed=bool(lapsed), coverage=own, active=active)
        return [none]
    return selections


def one_coverage(order: Order, entries: list[Entry], chart: Chart) -> str:
    """The reference of the coverage of an order, whether its payer can be read or not; "" where there is not one."""
    named = [chart.resolve(reference, order.resource) for reference in listed(order.resource.get("insurance"))]
    if any(resource is not None and _is_owned(resource, chart) is False for resource in named):
        return ""
    sent = {
        _reference(resource, entries)
        for _, resource in entries
        if resource.get("resourceType") == "Coverage" and resource.get("status") not in _INACTIVE
        if _is_owned(resource, chart) is True
    }
    return coverage_named(order, chart.identity.bases) or (sent.pop() if len(sent) == 1 else "")


def coverage_named(order: Order, bases: frozenset[str]) -> str:
    """The reference of the first coverage that an order names on a server of these bases; "" where it names none."""
    for reference in listed(order.resource.get("insurance")):
        text = reference.get("reference") if isinstance(reference, Mapping) else None
        base, kind, identifier = split_reference(text) if isinstance(text, str) else ("", "", "")
        if kind == "Coverage" and identifier and base in ("", *bases):
            return f"Coverage/{identifier}"
    return ""


def _reference(coverage: Resource, entries: list[Entry]) -> str:
    """The reference of a coverage that was sent; "" for one without an id, or that the order contains."""
    sent = any(resource is coverage for _, resource in entries)
    return f"Coverage/{coverage['id']}" if sent and isinstance(coverage.get("id"), str) and coverage["id"] else ""


def _is_owned(coverage: Resource, chart: Chart) -> bool | None:
    return chart.identity.owns(coverage.get("beneficiary") or coverage.get("subscriber"))


def _lapsed(order: Order, entries: list[Entry], chart: Chart, library: Library) -> list[_Coverage]:
    """The coverages that were read and are not active on the service date."""
    every = [r for _, r in entries if r.get("resourceType") == "Coverage"]
    read = [_owned(resource, order.service_date, chart, library) for resource in _once(every)]
    return [coverage for coverage in read if coverage and not coverage.active]


def _lapsed_words(lapsed: list[_Coverage], day: date, chart: Chart, library: Library) -> str:
    """What to say of them."""
    say = library.wording.say
    periods = [(coverage.name, _period(coverage.resource, chart)) for coverage in lapsed]
    named = [say("payer.lapsed_one", payer=name, period=_bound(period, day, library)) for name, period in periods]
    return say("payer.lapsed", date=day, coverages="; ".join(dict.fromkeys(named)))


def _bound(period: Moment, day: date, library: Library) -> str:
    """The bound of a period that leaves the day out."""
    if period.last < day:
        return library.wording.say("payer.lapsed_to", date=period.last)
    return library.wording.say("payer.lapsed_from", date=period.first)


def _stands(policy: Policy, day: date, says: str) -> bool:
    """True when the policy's own standing already says what the payer's name gives cause to say."""
    standing = policy.standing(day)
    return not says or (standing is not None and says in standing.says)


def _order_assumed(coverages: list[_Coverage]) -> bool:
    """True when several coverages give no order of benefits and one of them is Medicaid."""
    unsaid = [c for c in coverages if not isinstance(c.resource.get("order"), int)]
    return len(coverages) > 1 and any(_is_medicaid(coverage) for coverage in unsaid)


def _insurance_unsent(order: Order, coverage: _Coverage) -> bool:
    """True when the order names a coverage and another one is used, because the named one was not sent."""
    named = [r.get("reference", "") for r in listed(order.resource.get("insurance")) if isinstance(r, Mapping)]
    ids = {split_reference(str(reference))[2].removeprefix("#") for reference in named}
    return bool(ids) and str(coverage.resource.get("id")) not in ids


def _is_medicaid(coverage: _Coverage) -> bool:
    return bool(coverage.match and "medicaid" in coverage.match.payer.program)


def _selections(coverage: _Coverage, order: Order, assumed: bool, library: Library) -> Iterator[Selection]:
    say, match, day = library.wording.say, coverage.match, order.service_date
    unsent = _insurance_unsent(order, coverage)
    notes = (
        *((say("payer.insurance_not_sent"),) if unsent else ()),
        *(() if coverage.active else (say("payer.inactive", date=day),)),
        *((say("payer.periods", period=coverage.disputed_by, date=day),) if coverage.disputed_by else ()),
        *((say("payer.order_assumed"),) if assumed else ()),
    )
    if match is None:
        note = say("payer.unknown", payer=coverage.name)
        yield Selection(library.in_force(LABEL, day), LABEL, None, coverage.name, (note, *notes))
        return
    for policy_id in match.payer.policies:
        policy = library.in_force(policy_id, day)
        products = {product for version in library.versions(policy_id) for product in version.products}
        if products and order.product not in products:
            note = say("payer.other_product", payer=match.payer.short)
            yield Selection(library.in_force(LABEL, day), LABEL, match.payer, match.payer.name, (note, *notes))
            continue
        said = match.says if policy and not _stands(policy, day, match.says) else ""
        missing = () if policy else (say("payer.no_version", payer=match.payer.short, date=day),)
        yield Selection(policy, policy_id, match.payer, match.payer.name, (*missing, *([said] if said else []), *notes))


def _benefit_order(coverage: _Coverage) -> tuple[int, bool, str]:
    order = coverage.resource.get("order")
    return (order if isinstance(order, int) else 99, _is_medicaid(coverage), str(coverage.resource.get("id")))


def _coverages(order: Order, entries: list[Entry], chart: Chart, library: Library) -> list[_Coverage]:
    """The coverages that the order names, else every one that is active on the service date."""
    named = [chart.resolve(reference, order.resource) for reference in listed(order.resource.get("insurance"))]
    every = [r for _, r in entries if r.get("resourceType") == "Coverage"]
    chosen = [r for r in named if r is not None and r.get("resourceType") == "Coverage"]
    every_read = [c for resource in _once(chosen, every) if (c := _owned(resource, order.service_date, chart, library))]
    read = [c for c in every_read if not chosen or any(c.resource is resource for resource in chosen)]
    return [_beside(c, every_read, chart) for c in read if chosen or c.active]


def _once(*lists: list[Resource]) -> list[Resource]:
    """Each resource once, though two lists may hold it."""
    return list({id(resource): resource for resources in lists for resource in resources}.values())


def _owned(resource: Resource, day: date, chart: Chart, library: Library) -> _Coverage | None:
    """One coverage; None for another patient's, and for one that cannot be read."""
    return None if _is_owned(resource, chart) is False else _read(resource, day, chart, library)


def _beside(coverage: _Coverage, every: list[_Coverage], chart: Chart) -> _Coverage:
    """The coverage with the period of another of the same payer that overlaps its own and leaves the day out."""
    own = _period(coverage.resource, chart)
    for other in every:
        theirs = _period(other.resource, chart)
        if not other.active and _payer_of(other) == _payer_of(coverage) and narrowed([own, theirs]):
            return replace(coverage, disputed_by=str(theirs))
    return coverage


def _payer_of(coverage: _Coverage) -> str:
    return coverage.match.payer.id if coverage.match else fold_words(coverage.name)


def _period(resource: Resource, chart: Chart) -> Moment:
    """The days of a coverage's period; where it gives no bound, the first or the last day there is."""
    given = resource.get("period")
    period = given if isinstance(given, Mapping) else {}
    start, end = (read_moment(period.get(bound), chart.zone) for bound in ("start", "end"))
    return Moment(start.first if start else date.min, end.last if end else date.max)


def _read(resource: Resource, day: date, chart: Chart, library: Library) -> _Coverage | None:
    """One coverage; None when it names no payer that a person could read."""
    if resource.get("status") in _INACTIVE:
        return None
    texts = list(_texts(resource, chart))
    if not texts:
        return None
    match = recognise(library.payers, texts, _identifiers(resource, chart), _classes(resource), day)
    return _Coverage(resource, match, clip(texts[0]), _active(resource, day, chart))


def _active(resource: Resource, day: date, chart: Chart) -> bool:
    period = _period(resource, chart)
    return period.first <= day <= period.last


def _payors(resource: Resource, chart: Chart) -> Iterator[tuple[Mapping[str, Any], Resource | None]]:
    for reference in [*listed(resource.get("payor")), *listed(resource.get("insurer"))]:
        if isinstance(reference, Mapping):
            yield reference, chart.resolve(reference, resource)


def payer_words(resource: Resource, chart: Chart) -> tuple[str, ...]:
    """Every text in which a coverage, or a plan's answer, names the payer or the plan."""
    return tuple(_texts(resource, chart))


def coverages_of(entries: Iterable[Entry], chart: Chart) -> list[tuple[str, ...]]:
    """The words of each coverage of this patient that is in force or does not say."""
    return [
        words
        for _, resource in entries
        if resource.get("resourceType") == "Coverage" and resource.get("status") not in _INACTIVE
        if _is_owned(resource, chart) is True
        if (words := payer_words(resource, chart))
    ]


def _texts(resource: Resource, chart: Chart) -> Iterator[str]:
    """Every text in which a coverage names its payer or plan, the payer's own name first."""
    for reference, target in _payors(resource, chart):
        for text in ((target or {}).get("name"), reference.get("display")):
            if isinstance(text, str) and text.strip():
                yield text
    for item in listed(resource.get("class")):
        if isinstance(item, Mapping):
            yield from (item[k] for k in ("name", "value") if isinstance(item.get(k), str) and item[k].strip())
    yield from concept_texts(resource.get("type"))


def _classes(resource: Resource) -> Iterator[tuple[str, str]]:
    """(type, value) of every class of a coverage."""
    for item in listed(resource.get("class")):
        if isinstance(item, Mapping) and isinstance(item.get("value"), str):
            codes = [c.get("code") for c in coding_list(item.get("type")) if isinstance(c, Mapping)]
            yield from ((str(code), item["value"]) for code in codes or [""])


def _identifiers(resource: Resource, chart: Chart) -> Iterator[tuple[str, str]]:
    for reference, target in _payors(resource, chart):
        for item in [*listed(reference.get("identifier")), *listed((target or {}).get("identifier"))]:
            if isinstance(item, Mapping) and isinstance(item.get("system"), str) and item.get("value"):
                yield item["system"], str(item["value"]).strip()
