"""Which payer, and which of its policies, an order is to be checked against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from cdshooks.engine.chart import Chart, State
from cdshooks.engine.dates import Moment, narrowed, read_moment
from cdshooks.engine.identity import Entry, listed, split_reference
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order, Resource
from cdshooks.engine.payers import Payer, PayerMatch, recognise
from cdshooks.engine.policy import Policy
from cdshooks.engine.records import clip
from cdshooks.engine.valuesets import fold_words
from cdshooks.hooks.payer_names import payer_classes, payer_identifiers, payer_words

LABEL = "fda/label"
_UNSURE = ("draft", "entered-in-error")
_INACTIVE = ("cancelled", *_UNSURE)


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
    """One coverage; `words` name its payer, the first of them on a card. `active`: in force on the service date.

    `disputed_by` says how another of the same payer gives its period; `others` names those that are in force where it
    is not; `chosen_for` is a key of the wording for what to know where the order names no coverage that stands.
    """

    resource: Resource
    match: PayerMatch | None
    words: tuple[str, ...]
    active: bool
    disputed_by: str = ""
    others: str = ""
    chosen_for: str = ""

    @property
    def name(self) -> str:
        """The payer as the coverage names it."""
        return clip(self.words[0])


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
        lapsed = _lapsed(order, entries, chart, library)
        own = one_coverage(order, entries, chart) or _only(lapsed, entries, chart)
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
    sent = {_reference(resource, entries) for resource in _own(entries, chart)}
    return coverage_named(order, chart.identity.bases) or (sent.pop() if len(sent) == 1 else "")


def _only(lapsed: list[_Coverage], entries: list[Entry], chart: Chart) -> str:
    """The reference of the patient's one coverage where no other stands; "" where there are several."""
    return _reference(lapsed[0].resource, entries) if len(lapsed) == 1 and _is_owned(lapsed[0].resource, chart) else ""


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
    """The coverages that were read and are not in force on the service date."""
    sent = [r for _, r in entries if r.get("resourceType") == "Coverage" and r.get("status") not in _UNSURE]
    read = [_owned(resource, order.service_date, chart, library) for resource in _once(sent)]
    return [coverage for coverage in read if coverage and not coverage.active]


def _lapsed_words(lapsed: list[_Coverage], day: date, chart: Chart, library: Library) -> str:
    """What to say of them."""
    say = library.wording.say
    named = [say("payer.lapsed_one", payer=c.name, period=_bound(c, day, chart, library)) for c in lapsed]
    return say("payer.lapsed", date=day, coverages="; ".join(dict.fromkeys(named)))


def _bound(coverage: _Coverage, day: date, chart: Chart, library: Library) -> str:
    """Why a coverage leaves the day out: its status, or a bound of its period."""
    if not _holds(coverage.resource):
        return library.wording.say("payer.lapsed_marked", status=coverage.resource["status"])
    period = _period(coverage.resource, chart)
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


def _is_medicaid(coverage: _Coverage) -> bool:
    """True for a plan of the program that pays last, known to the library or by its own words."""
    if coverage.match and coverage.match.payer.program:
        return "medicaid" in coverage.match.payer.program
    return fold_words("medicaid") in fold_words(" / ".join(coverage.words))


def _selections(coverage: _Coverage, order: Order, assumed: bool, library: Library) -> Iterator[Selection]:
    say, match, day = library.wording.say, coverage.match, order.service_date
    notes = (
        *((say(coverage.chosen_for),) if coverage.chosen_for else ()),
        *(() if coverage.active else (say("payer.inactive", date=day),)),
        *((say("payer.others_active", payers=coverage.others),) if coverage.others else ()),
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
    """The coverages that the order names and that stand, else every one that is active on the service date."""
    references = listed(order.resource.get("insurance"))
    named = [chart.resolve(reference, order.resource) for reference in references]
    every = [r for _, r in entries if r.get("resourceType") == "Coverage"]
    chosen = [r for r in named if r is not None and r.get("resourceType") == "Coverage"]
    standing = [r for r in _once(chosen, every) if _holds(r)]
    read = [c for resource in standing if (c := _owned(resource, order.service_date, chart, library))]
    active = [c for c in read if c.active]
    if any(_holds(resource) for resource in chosen):
        own = [c for c in read if any(c.resource is resource for resource in chosen)]
        others = ", ".join(dict.fromkeys(c.name for c in active if c not in own))
        return [replace(_beside(c, read, chart), others="" if c.active else others) for c in own]
    why = _why_active(bool(chosen), bool(references), chart)
    return [replace(_beside(c, read, chart), chosen_for=why) for c in active]


def _why_active(chosen: bool, named: bool, chart: Chart) -> str:
    """What to say where no coverage of the order stands and those in force are used, as a key of the wording."""
    if chosen or named:
        return "payer.insurance_cancelled" if chosen else "payer.insurance_not_sent"
    reading = chart.readings.get("Coverage")
    return "payer.not_all" if reading is not None and reading.state in (State.PARTIAL, State.FAILED) else ""


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
        elsewhere = other is not coverage and not other.active and _payer_of(other) == _payer_of(coverage)
        if elsewhere and narrowed([own, theirs]):
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
    texts = payer_words(resource, chart)
    if not texts:
        return None
    match = recognise(library.payers, texts, payer_identifiers(resource, chart), payer_classes(resource), day)
    return _Coverage(resource, match, texts, _holds(resource) and _spans(resource, day, chart))


def _holds(resource: Resource) -> bool:
    """False for a coverage that is cancelled, a draft or an error."""
    return resource.get("status") not in _INACTIVE


def _spans(resource: Resource, day: date, chart: Chart) -> bool:
    period = _period(resource, chart)
    return period.first <= day <= period.last


def coverages_of(entries: Iterable[Entry], chart: Chart) -> list[tuple[str, ...]]:
    """The words of each coverage of this patient that is in force or does not say."""
    return [words for resource in _own(entries, chart) if (words := payer_words(resource, chart))]


def _own(entries: Iterable[Entry], chart: Chart) -> Iterator[Resource]:
    """The coverages of this patient that are in force or do not say."""
    for _, resource in entries:
        if resource.get("resourceType") == "Coverage" and _holds(resource) and _is_owned(resource, chart) is True:
            yield resource
