"""The registry as a FHIR R4 Bundle: one Organization per facility, one OrganizationAffiliation per row.

What FHIR has no element for stands in extensions of our own. In a Bundle from elsewhere they are missing;
whoever imports it says it instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

import msgspec

from cdshooks.engine.centers import RosterRow, npi_in
from cdshooks.engine.codes import Systems, coding_list
from cdshooks.engine.dates import read_moment
from cdshooks.engine.identity import contained, listed, split_reference
from cdshooks.engine.library import Library
from cdshooks.engine.model import Resource
from cdshooks.engine.products import Product
from cdshooks.hooks.prefetch import continues
from cdshooks.server.roster_rows import FileError, Reading, Refusal, RowCheck, cells_of

ORGANIZATION = "Organization"
AFFILIATION = "OrganizationAffiliation"
PRODUCT = "urn:cdshooks:product"
TOLD = ("evidence_kind", "evidence_url", "checked_on", "checked_by")
_EXTENSIONS = {
    "evidence_kind": "valueCode",
    "evidence_url": "valueUri",
    "checked_on": "valueDate",
    "checked_by": "valueString",
    "rems_enrolled_from": "valueDate",
    "rems_enrolled_to": "valueDate",
    "staff_trained_on": "valueDate",
    "fact_accredited_until": "valueDate",
}


class _Refused(Exception):
    """An affiliation that is no row, and why: the words of a Refusal after its place."""


def read_bundle(data: bytes, check: RowCheck, library: Library, told: Mapping[str, str]) -> Reading:
    """Every affiliation of a Bundle with a CAR-T; `told` says what it does not. Raises FileError."""
    entries = _entries(data)
    organizations = dict(_organizations(entries))
    reading = Reading(notes=list(_notes(entries)))
    for place, _, resource in entries:
        if resource.get("resourceType") != AFFILIATION:
            continue
        try:
            for cells in _rows(resource, organizations, library, check):
                check.add(reading, f"{place} ({cells['product']})", {**told, **cells})
        except _Refused as why:
            reading.refusals.append(Refusal(place, *why.args))
    return reading


def write_bundle(rows: Iterable[RosterRow], library: Library) -> str:
    """The rows as a Bundle that `read_bundle` takes."""
    rows = list(rows)
    facilities = {(row.npi, row.facility_name): row for row in rows}
    ids = {key: f"{key[0]}-{number}" for number, key in enumerate(facilities, start=1)}
    made = [_organization(ids[key], row) for key, row in facilities.items()]
    made += [_affiliation(row, ids[row.npi, row.facility_name], library) for row in rows]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [_entry(resource) for resource in made]}
    if not made:
        del bundle["entry"]
    return msgspec.json.format(msgspec.json.encode(bundle), indent=2).decode()


Placed = tuple[str, str | None, Resource]


def _entries(data: bytes) -> list[Placed]:
    """Each entry's place, fullUrl and resource."""
    try:
        bundle = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FileError(f"the JSON cannot be read: {error}. Write a FHIR Bundle; nothing was read.") from error
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise FileError("this is no FHIR Bundle. Write a Bundle of Organization and OrganizationAffiliation.")
    if continues(bundle):
        raise FileError("the Bundle is one page of several. Put all pages into one Bundle; nothing was read.")
    found = [(f"entry[{n}]", entry) for n, entry in enumerate(listed(bundle.get("entry"))) if isinstance(entry, dict)]
    return [
        (place, entry.get("fullUrl"), entry["resource"])
        for place, entry in found
        if isinstance(entry.get("resource"), dict)
    ]


def _organizations(entries: Iterable[Placed]) -> Iterator[tuple[str, Resource]]:
    for _, full_url, resource in entries:
        if resource.get("resourceType") == ORGANIZATION:
            if isinstance(full_url, str):
                yield full_url, resource
            if isinstance(resource.get("id"), str):
                yield f"{ORGANIZATION}/{resource['id']}", resource


def _notes(entries: Iterable[Placed]) -> Iterator[str]:
    for place, _, resource in entries:
        kind = resource.get("resourceType")
        if kind not in (ORGANIZATION, AFFILIATION):
            yield f"{place}: {kind} is not read; only Organization and OrganizationAffiliation are"


def _rows(
    affiliation: Resource, organizations: Mapping[str, Resource], library: Library, check: RowCheck
) -> Iterator[dict[str, str]]:
    """The cells of each product that an affiliation names. Raises _Refused."""
    if affiliation.get("active") is False:
        raise _Refused("active", "false", "the affiliation is not in use", "an active one, or leave it out")
    reference = affiliation.get("participatingOrganization")
    facility = _resolved(reference, affiliation, organizations)
    if facility.get("active") is False:
        raise _Refused("Organization.active", "false", "the organization is not in use", "an active one")
    name = facility.get("name") or (reference.get("display") if isinstance(reference, dict) else "")
    cells = {
        "facility_name": str(name or ""),
        "npi": npi_in(facility.get("identifier"), library.systems) or "",
        "valid_until": _last_day(affiliation.get("period"), check),
        **_extensions(affiliation),
    }
    for product in _products(affiliation, library):
        yield {**cells, "product": product}


def _resolved(reference: Any, within: Resource, organizations: Mapping[str, Resource]) -> Resource:
    target = reference.get("reference") if isinstance(reference, dict) else None
    if isinstance(target, str):
        if target.startswith("#"):
            found = contained(target[1:], within)
        else:
            _, kind, identifier = split_reference(target)
            found = organizations.get(target) or organizations.get(f"{kind}/{identifier}")
        if found:
            return found
    if isinstance(reference, dict) and reference.get("identifier"):
        return {"identifier": [reference["identifier"]], "name": reference.get("display")}
    raise _Refused(
        "participatingOrganization", str(target or ""), "the Bundle has no such Organization", "it into the Bundle"
    )


def _last_day(period: Any, check: RowCheck) -> str:
    """The last day of a period, blank where it has none. Raises _Refused when it cannot be read."""
    if period is None:
        return ""
    if not isinstance(period, dict):
        raise _Refused("period", str(period)[:80], "it is no Period", "start and end as days")
    days = {}
    for name in ("start", "end"):
        days[name] = read_moment(period.get(name), UTC)
        if days[name] is None and period.get(name) is not None:
            raise _Refused(f"period.{name}", str(period[name])[:80], "it is no date", "a day as 2026-11-21")
    start, end = days["start"], days["end"]
    if start and start.last > check.today:
        raise _Refused("period.start", str(start), "it is in the future", "it when the period has begun")
    return end.last.isoformat() if end else ""


def _extensions(affiliation: Resource) -> dict[str, str]:
    found = {}
    for extension in listed(affiliation.get("extension")):
        if isinstance(extension, dict):
            column = str(extension.get("url")).removeprefix("urn:cdshooks:").replace("-", "_")
            value = extension.get(_EXTENSIONS.get(column, ""))
            if isinstance(value, str):
                found[column] = value
    return found


def _products(affiliation: Resource, library: Library) -> Iterator[str]:
    """The products of the codes, one for each concept. Raises _Refused where there is none, or two in one."""
    found: list[str] = []
    for concept in (*listed(affiliation.get("code")), *listed(affiliation.get("specialty"))):
        coded = library.systems.codings(concept)
        own = {code for system, code in coded if system == PRODUCT and code in library.products.by_id}
        ids = own | {str(product.id) for product, _ in library.products.coded(coded)}
        if len(ids) > 1:
            raise _Refused("code", ", ".join(sorted(ids)), "one concept has the codes of two products", "one product")
        found += ids
    if not found:
        codes = [str(c.get("code")) for c in coding_list(listed(affiliation.get("code"))) if isinstance(c, dict)]
        raise _Refused("code", ", ".join(codes)[:80], "no code of a product of the library", "an RxNorm or HCPCS code")
    yield from dict.fromkeys(found)


def _entry(resource: Resource) -> Resource:
    return {"fullUrl": f"urn:cdshooks:{resource['resourceType']}:{resource['id']}", "resource": resource}


def _organization(id_: str, row: RosterRow) -> Resource:
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": row.npi}
    return {"resourceType": ORGANIZATION, "id": id_, "identifier": [npi], "name": row.facility_name}


def _affiliation(row: RosterRow, facility: str, library: Library) -> Resource:
    cells = cells_of(row)
    said = [
        {"url": f"urn:cdshooks:{column.replace('_', '-')}", kind: cells[column]}
        for column, kind in _EXTENSIONS.items()
        if cells[column]
    ]
    period = {"period": {"end": cells["valid_until"]}} if row.valid_until else {}
    return {
        "resourceType": AFFILIATION,
        "id": f"{facility}-{row.product}",
        "extension": said,
        "participatingOrganization": {"reference": f"{ORGANIZATION}/{facility}", "display": row.facility_name},
        "code": [{"coding": list(_codings(library.products.by_id.get(row.product), row.product, library.systems))}],
        **period,
    }


def _codings(product: Product | None, id_: str, systems: Systems) -> Iterator[Resource]:
    """Our own id of the product, and the first code of the library that is fit to decide."""
    yield {"system": PRODUCT, "code": id_}
    code = next((code for code in product.codes if code.grade == "A"), None) if product else None
    if code:
        yield {"system": systems.system(code.coded[0]).uri, "code": code.coded[1]}
