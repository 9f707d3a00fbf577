"""The chart of the demo EHR: who the patient is, and the records of a story's request as rows to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cdshooks.engine.identity import listed
from cdshooks.hooks.prefetch import bundle_entries

_SECTIONS = {
    "Problems": ("Condition",),
    "Treatment": ("MedicationRequest", "MedicationAdministration", "MedicationStatement", "Procedure"),
    "Results": ("Observation", "DiagnosticReport"),
    "Documents": ("DocumentReference",),
    "Answers of plans": ("ClaimResponse",),
}
_DAYS = (
    *("effectiveDateTime", "performedDateTime", "onsetDateTime", "recordedDate", "authoredOn", "date", "created"),
    *("effectivePeriod", "performedPeriod", "onsetPeriod"),
)
_WORDS = ("code", "medicationCodeableConcept", "medicationReference", "type", "description", "disposition")


@dataclass(frozen=True, slots=True)
class Row:
    """One record: what it is, its day as written, what it says; `new` when it came in during the visit."""

    text: str
    day: str
    value: str
    new: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Records of one kind, the newest first."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Banner:
    """The head of a chart; what the request does not say is ""."""

    name: str
    born: str
    gender: str
    number: str
    payers: tuple[str, ...]


def banner(body: Mapping[str, Any]) -> Banner:
    """Who the chart is of, and who pays."""
    resources = list(_resources(body))
    patient = next((r for r in resources if r.get("resourceType") == "Patient"), {})
    name = _first(patient.get("name"))
    identifier = _first(patient.get("identifier"))
    payers = (_payer(r) for r in resources if r.get("resourceType") == "Coverage")
    return Banner(
        name=f"{name.get('family', '')}, {' '.join(map(str, listed(name.get('given'))))}".strip(", ") or "Not sent",
        born=str(patient.get("birthDate", "")),
        gender=str(patient.get("gender", "")),
        number=str(identifier.get("value", "")),
        payers=tuple(dict.fromkeys(payer for payer in payers if payer)),
    )


def chart(body: Mapping[str, Any]) -> list[Section]:
    """The sections of a request's prefetch that have anything in them."""
    resources = list(_resources(body))
    sections = [
        Section(title, tuple(sorted((_row(r) for r in resources if r.get("resourceType") in kinds), key=_newest_first)))
        for title, kinds in _SECTIONS.items()
    ]
    return [section for section in sections if section.rows]


def words(resource: Mapping[str, Any]) -> str:
    """What a record is of, in its own words."""
    for name in _WORDS:
        if text := _text(resource.get(name)):
            return text
    return str(resource.get("resourceType", ""))


def day_of(resource: Mapping[str, Any]) -> str:
    """The day of a record as it is written; "" without one."""
    for name in _DAYS:
        found = resource.get(name)
        found = found.get("start") if isinstance(found, dict) else found
        if isinstance(found, str):
            return found[:10]
    return ""


def _resources(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for value in body["prefetch"].values():
        if not isinstance(value, dict):
            continue
        found = [r for _, r in bundle_entries(value)] if value.get("resourceType") == "Bundle" else [value]
        yield from (resource for resource in found if isinstance(resource, dict))


def _row(resource: Mapping[str, Any]) -> Row:
    new = str(resource.get("id", "")).startswith("arrived-")
    return Row(words(resource), day_of(resource), _value(resource), new)


def _newest_first(row: Row) -> tuple[bool, int, str]:
    try:
        return not row.new, -date.fromisoformat(row.day).toordinal(), row.text
    except ValueError:
        return not row.new, 0, row.text


def _value(resource: Mapping[str, Any]) -> str:
    quantity = resource.get("valueQuantity")
    if isinstance(quantity, dict):
        return f"{quantity.get('value', '')} {quantity.get('unit', '')}".strip()
    for name in ("valueCodeableConcept", "valueString", "clinicalStatus", "conclusion", "outcome"):
        if text := _text(resource.get(name)):
            return text
    return ""


def _text(found: Any) -> str:
    """The words of a string, a CodeableConcept or a Reference."""
    if isinstance(found, str):
        return found
    concept = _first(found)
    coding = _first(concept.get("coding"))
    said = (concept.get("text"), concept.get("display"), coding.get("display"), coding.get("code"))
    return next((text for text in said if isinstance(text, str) and text), "")


def _payer(coverage: Mapping[str, Any]) -> str:
    payor = _first(coverage.get("payor"))
    named = (r.get("name") for r in listed(coverage.get("contained")) if isinstance(r, dict))
    return str(payor.get("display") or next(filter(None, named), ""))


def _first(found: Any) -> Mapping[str, Any]:
    one = next(iter(listed(found)), None)
    return one if isinstance(one, Mapping) else {}
