"""Treatment centres: which facility the order names, and what the roster says of it for the product.

A roster row is evidence of what was listed on the day it was checked. No row means "not verified",
never "not authorized".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cdshooks.engine.codes import Systems
from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.model import Resource
from cdshooks.engine.products import Span, day
from cdshooks.engine.valuesets import fold_words

NPI = "npi"
_PLACES = ("Organization", "Location", "HealthcareService")
Resolve = Callable[[Any, Resource], Resource | None]


@dataclass(frozen=True, slots=True)
class Facility:
    """The treatment centre as the request names it; `how` says where it was found.

    One that is only referred to, and was not `sent`, has its reference for a name.
    """

    name: str
    npi: str | None
    how: str
    sent: bool = True


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One facility and product of a roster."""

    facility_name: str
    npi: str
    product: str
    evidence_kind: str
    evidence_url: str
    checked_on: date
    checked_by: str
    valid_until: date | None
    rems_enrolled: Span | None
    staff_trained_on: date | None
    fact_accredited_until: date | None
    synthetic: bool
    source: str


@dataclass(frozen=True, slots=True)
class CenterMatch:
    """What is known of the order's centre for the order's product; `others` are rows as fresh as `row`."""

    facility: Facility | None = None
    row: RosterRow | None = None
    others: tuple[RosterRow, ...] = ()

    @property
    def rows(self) -> tuple[RosterRow, ...]:
        """Every row that was checked last."""
        return (self.row, *self.others) if self.row else ()


def read_roster(data: Mapping[str, Any]) -> list[RosterRow]:
    """Read one roster file (already schema-checked)."""
    return [_row(row, data) for row in data.get("rows", [])]


def _row(row: Mapping[str, Any], roster: Mapping[str, Any]) -> RosterRow:
    enrolled = row.get("rems_enrolled_from")
    return RosterRow(
        facility_name=row["facility_name"],
        npi=str(row.get("npi", "")),
        product=row["product"],
        evidence_kind=row["evidence_kind"],
        evidence_url=row.get("evidence_url", ""),
        checked_on=date.fromisoformat(row["checked_on"]),
        checked_by=row.get("checked_by", ""),
        valid_until=day(row.get("valid_until")),
        rems_enrolled=Span(day(enrolled), day(row.get("rems_enrolled_to"))) if enrolled else None,
        staff_trained_on=day(row.get("staff_trained_on")),
        fact_accredited_until=day(row.get("fact_accredited_until")),
        synthetic=roster.get("synthetic") is True,
        source=roster.get("source", ""),
    )


def rows_to_match(
    library: Iterable[RosterRow], registry: Iterable[RosterRow], *, synthetic: bool
) -> tuple[RosterRow, ...]:
    """The registry's rows, and the library's for every facility and product of which the registry says nothing.

    Made-up rows are left out unless `synthetic`: they are for demos and tests.
    """
    kept = [row for row in registry if synthetic or not row.synthetic]
    said = {(row.product, row.npi) for row in kept} | {(row.product, fold_words(row.facility_name)) for row in kept}
    others = (row for row in library if synthetic or not row.synthetic)
    # The name tells only where a row of the library gives no NPI: a namesake is not the facility.
    return (*(row for row in others if (row.product, row.npi or fold_words(row.facility_name)) not in said), *kept)


def is_npi(text: str) -> bool:
    """Luhn's check over the card issuer prefix 80840 and the ten digits. Source: CMS, NPI check digit."""
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        return False
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed("80840" + text)))
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def match_center(facility: Facility | None, product: str | None, rows: Iterable[RosterRow], as_of: date) -> CenterMatch:
    """The newest row for facility and product: by NPI, else by exact name; none that was checked after `as_of`."""
    if facility is None or product is None:
        return CenterMatch(facility)
    known = [row for row in rows if row.product == product and row.checked_on <= as_of]
    by_npi = [row for row in known if facility.npi and row.npi == facility.npi]
    name = fold_words(facility.name)
    by_name = [row for row in known if name.strip() and fold_words(row.facility_name) == name]
    candidates = by_npi or ([] if facility.npi and _listed_otherwise(facility, by_name) else by_name)
    best = max(candidates, key=lambda row: (row.checked_on, row.valid_until or date.min), default=None)
    if best is None:
        return CenterMatch(facility)
    as_fresh = [row for row in candidates if row.checked_on == best.checked_on and row is not best]
    return CenterMatch(facility, best, tuple(as_fresh))


def _listed_otherwise(facility: Facility, rows: list[RosterRow]) -> bool:
    """True when the rows of that name carry another NPI: a namesake is not the facility."""
    return any(row.npi and row.npi != facility.npi for row in rows)


def find_facility(order: Resource, encounter: Resource | None, resolve: Resolve, systems: Systems) -> Facility | None:
    """The centre an order names: its performer, its location, else the encounter's service provider."""
    dispense = order.get("dispenseRequest")
    performers = [*listed(order.get("performer"))]
    if isinstance(dispense, Mapping):
        performers += listed(dispense.get("performer"))
    places = [
        *(("performer of the order", item) for item in performers),
        *(("location of the order", item) for item in listed(order.get("locationReference"))),
    ]
    if encounter is not None:
        places.append(("service provider of the encounter", encounter.get("serviceProvider")))
    for how, reference in places:
        if facility := _facility(reference, how, order, resolve, systems):
            return facility
    named = [*listed(order.get("performer")), *listed(order.get("locationReference"))]
    unsent = next(filter(None, (_unsent(reference, order, resolve) for reference in named)), "")
    return Facility(unsent, None, places[0][0], sent=False) if unsent else None


def _unsent(reference: Any, within: Resource, resolve: Resolve) -> str:
    """The reference to a place that the call does not carry; "" for any other."""
    if isinstance(reference, Mapping) and isinstance(reference.get("actor"), Mapping):
        reference = reference["actor"]
    target = reference.get("reference") if isinstance(reference, Mapping) else None
    place = isinstance(target, str) and split_reference(target)[1] in _PLACES
    return str(target) if place and resolve(reference, within) is None else ""


def _facility(reference: Any, how: str, within: Resource, resolve: Resolve, systems: Systems) -> Facility | None:
    if not isinstance(reference, Mapping):
        return None
    if isinstance(reference.get("actor"), Mapping):
        reference = reference["actor"]
    target = resolve(reference, within)
    kind = target.get("resourceType") if target else None
    if target and kind == "PractitionerRole":
        return _facility(target.get("organization"), how, target, resolve, systems)
    if target and kind == "Location" and not npi_in(target.get("identifier"), systems):
        managed = _facility(target.get("managingOrganization"), how, target, resolve, systems)
        if managed:
            return managed
    if kind in ("Practitioner", "Patient", "RelatedPerson", "Device"):
        return None
    words = str(reference.get("reference") or "")
    if target is None and words.split("/")[-2:-1] in (["Practitioner"], ["PractitionerRole"]):
        return None
    npi = npi_in((target or {}).get("identifier"), systems) or npi_in(reference.get("identifier"), systems)
    name = (target or {}).get("name") or reference.get("display") or ""
    return Facility(str(name), npi, how) if npi or (isinstance(name, str) and name.strip()) else None


def npi_in(identifiers: Any, systems: Systems) -> str | None:
    """The value of the first identifier that is an NPI, as written."""
    for item in listed(identifiers):
        if isinstance(item, Mapping) and isinstance(item.get("system"), str) and item.get("value"):
            if systems.system(item["system"]).id == NPI:
                return str(item["value"]).strip()
    return None
