"""The chart: what the request carries of one patient, indexed once by kind and code.

"Not sent" is not "not in the chart": for each FHIR type the chart knows how completely it was read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from cdshooks.engine.codes import Coded, Systems
from cdshooks.engine.identity import Entry, Identity, contained, listed, split_reference, subject_of
from cdshooks.engine.model import LeftOut, Resource, Why
from cdshooks.engine.valuesets import Concept, ValueSet

MEDICATION_KINDS = ("MedicationRequest", "MedicationAdministration", "MedicationStatement", "MedicationDispense")
_CODE_FIELD = {
    "Condition": "code",
    "Observation": "code",
    "Procedure": "code",
    "DiagnosticReport": "code",
    "DocumentReference": "type",
    "ServiceRequest": "code",
    **dict.fromkeys(MEDICATION_KINDS, "medicationCodeableConcept"),
}
_CODINGS = (list, dict, type(None))
_PERSONS = ("Patient", "RelatedPerson", "Practitioner", "Person", "Group")


class Resolver(Protocol):
    """Whatever can find the resource that a Reference points to."""

    def resolve(self, reference: Any, within: Resource | None = None) -> Resource | None:
        """The resource, or None when the request does not carry it."""


class State(StrEnum):
    """How completely one FHIR type was read."""

    READ = "read"
    PARTIAL = "partial"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of one FHIR type, and in words why it was not read or that the sender said there is none."""

    state: State
    reason: str = ""


_ABSENT = Reading(State.ABSENT)


class Record(Struct, frozen=True):
    """A resource of the chart, or one component of an Observation, that may be evidence."""

    kind: str
    reference: str
    resource: Resource
    part: Mapping[str, Any] | None = None
    owned: bool | None = True
    codes: tuple[Coded, ...] | None = None

    @property
    def body(self) -> Mapping[str, Any]:
        """Where code and value stand: the component, else the resource."""
        return self.resource if self.part is None else self.part


@dataclass
class Chart:
    """One patient's records, found by kind and code; built once per request and not changed after."""

    identity: Identity
    readings: Mapping[str, Reading]
    systems: Systems
    zone: tzinfo = UTC
    left_out: list[LeftOut] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    _index: dict[str, dict[Coded, list[Record]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    _all: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    _uncoded: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    _by_reference: dict[tuple[str, str], Resource] = field(default_factory=dict)
    _by_url: dict[str, Resource] = field(default_factory=dict)
    worked_out: dict[tuple[Any, int], tuple[Record, Any]] = field(default_factory=dict)
    reports_of: dict[str, Resource] | None = None

    @property
    def patient(self) -> Resource | None:
        """The Patient resource of the request, if it carries the right one."""
        return self.identity.patient

    def reading(self, kind: str) -> Reading:
        """How completely `kind` was read; absent when the request says nothing of it."""
        if kind in self.unreadable:
            return Reading(State.PARTIAL, self.unreadable[kind])
        return self.readings.get(kind) or _ABSENT

    def unread(self, kinds: Iterable[str]) -> str | None:
        """Why an absence among `kinds` cannot be claimed; None when all were read completely."""
        reasons = [reading.reason or kind for kind in kinds if (reading := self.reading(kind)).state is not State.READ]
        return "; ".join(dict.fromkeys(reasons)) if reasons else None

    def said_none(self, kinds: Iterable[str]) -> str:
        """What the sender itself said of kinds that it answered with nothing."""
        return "; ".join(dict.fromkeys(r.reason for kind in kinds if (r := self.reading(kind)).reason))

    def find(self, kinds: Iterable[str], value_set: ValueSet) -> list[tuple[Record, Concept]]:
        """Each record whose code is in the set, once, with the concept that may do most."""
        found: list[tuple[Record, Concept]] = []
        for kind in kinds:
            codes = self._index.get(kind)
            if not codes:
                continue
            hits: dict[int, tuple[Record, Concept]] = {}
            for coded, concept in value_set.held_of(codes):
                for record in codes[coded]:
                    best = hits.get(id(record))
                    if best is None or (concept.decides and not best[1].decides):
                        hits[id(record)] = (record, concept)
            found += hits.values()
        return found

    def all_of_kind(self, kind: str) -> list[Record]:
        """Every record of one kind, whatever its code."""
        return self._all.get(kind, [])

    def uncoded(self, kind: str) -> list[Record]:
        """The records of one kind that carry no code of a system that the library knows."""
        return self._uncoded.get(kind, [])

    def codes_of(self, record: Record) -> list[Coded]:
        """Every canonical code of a record."""
        return list(record.codes) if record.codes is not None else self.systems.codings(concept_of(record, self))

    def remember(self, entries: Iterable[Entry]) -> None:
        """Let references find resources; the first one of an id or a url stays."""
        for full_url, resource in entries:
            kind, identifier = resource.get("resourceType"), resource.get("id")
            if isinstance(kind, str) and isinstance(identifier, str):
                self._by_reference.setdefault((kind, identifier), resource)
            if full_url:
                self._by_url.setdefault(full_url, resource)

    def resources(self, kind: str) -> list[Resource]:
        """Every resource of one kind that references can find, by id."""
        return [self._by_reference[key] for key in sorted(self._by_reference) if key[0] == kind]

    def resolve(self, reference: Any, within: Resource | None = None) -> Resource | None:
        """The resource a Reference points to: contained, by fullUrl, or by type and id unless another server's."""
        target = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(target, str):
            return None
        if target.startswith("#"):
            return contained(target[1:], within)
        if target in self._by_url:
            return self._by_url[target]
        base, kind, identifier = split_reference(target)
        return self._by_reference.get((kind, identifier)) if self.identity.may_hold(base) else None


def build_chart(
    entries: Iterable[Entry],
    identity: Identity,
    readings: Mapping[str, Reading],
    systems: Systems,
    zone: tzinfo = UTC,
) -> Chart:
    """Index the entries of a request; records of other patients are counted and left out."""
    chart = Chart(identity, readings, systems, zone)
    unique = _unique(entries)
    chart.remember(unique)
    for full_url, resource in unique:
        _index(chart, full_url, resource)
    chart.left_out.sort(key=lambda left: left.reference)
    return chart


def _unique(entries: Iterable[Entry]) -> list[Entry]:
    """Each resource once, in an order that does not depend on the order in which they were sent."""
    chosen: dict[tuple[str, str], Entry] = {}
    anonymous: list[Entry] = []
    for entry in entries:
        identifier = entry[1].get("id")
        if not isinstance(identifier, str):
            anonymous.append(entry)
            continue
        key = (entry[1]["resourceType"], identifier)
        other = chosen.get(key)
        if other is None or (other[1] != entry[1] and _later(entry[1], other[1])):
            chosen[key] = entry
    return [*chosen.values(), *anonymous]


def _later(one: Resource, other: Resource) -> bool:
    """Of two versions of one resource, the later; a stable choice when neither says."""

    def key(resource: Resource) -> tuple[str, str]:
        meta = resource.get("meta")
        updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
        return str(updated or ""), json.dumps(resource, sort_keys=True, default=str)

    return key(one) > key(other)


def _index(chart: Chart, full_url: str | None, resource: Resource) -> None:
    kind = resource["resourceType"]
    field_name = _CODE_FIELD.get(kind)
    if field_name is None:
        return
    owned = chart.identity.owns(subject_of(resource), resource)
    identifier = resource.get("id")
    reference = f"{kind}/{identifier}" if isinstance(identifier, str) else (full_url or f"{kind} without id")
    of_others = ("focus" in resource or "specimen" in resource) and _about_someone_else(chart, kind, resource)
    if owned is False or of_others:
        chart.left_out.append(LeftOut(kind if chart.systems.is_labelled(resource) else reference, Why.ANOTHER_PATIENT))
        return
    concept = medication_concept(resource, chart) if kind in MEDICATION_KINDS else resource.get(field_name)
    if not _readable(concept):
        chart.left_out.append(LeftOut(kind if chart.systems.is_labelled(resource) else reference, Why.UNREADABLE))
        chart.unreadable[kind] = f"{kind}: an entry could not be read"
        return
    own = chart.systems.distinct(concept)
    record = Record(kind, reference, resource, None, owned, own)
    chart._all[kind].append(record)
    codes = chart._index[kind]
    uncoded = True
    for coded in own:
        codes[coded].append(record)
        uncoded = uncoded and not chart.systems.knows(coded[0])
    if uncoded:
        chart._uncoded[kind].append(record)
    if kind == "Observation" and resource.get("component"):
        for part in listed(resource["component"]):
            if isinstance(part, dict):
                component = Record(kind, reference, resource, part, owned)
                for coded in set(chart.systems.codings(part.get("code"))):
                    codes[coded].append(component)


def _readable(concept: Any) -> bool:
    """False for something that stands where a CodeableConcept belongs and is none."""
    if isinstance(concept, dict):
        return isinstance(concept.get("coding"), _CODINGS)
    return concept is None or isinstance(concept, list)


def _about_someone_else(chart: Chart, kind: str, resource: Resource) -> bool:
    """True when the focus of a result, or the specimen's subject, is another person, such as a donor."""
    persons = [focus for focus in listed(resource.get("focus")) if kind == "Observation"]
    specimens = (chart.resolve(reference, resource) for reference in listed(resource.get("specimen")))
    persons += [specimen.get("subject") for specimen in specimens if specimen]
    named = [p for p in persons if isinstance(p, dict) and split_reference(str(p.get("reference")))[1] in _PERSONS]
    return any(chart.identity.owns(person, resource) is not True for person in named)


def concept_of(record: Record, chart: Chart) -> Any:
    """The CodeableConcept that says what a record is about, wherever its kind keeps it."""
    return record.part.get("code") if record.part is not None else resource_concept(record.resource, chart)


def resource_concept(resource: Resource, chart: Resolver) -> Any:
    """The CodeableConcept that says what a resource, such as an order, is for or about."""
    kind = resource.get("resourceType")
    return (
        medication_concept(resource, chart)
        if kind in MEDICATION_KINDS
        else resource.get(_CODE_FIELD.get(str(kind), "code"))
    )


def medication_concept(resource: Resource, chart: Resolver) -> Any:
    """The medication's concept: inline, or that of the Medication it refers to, else the reference's words."""
    inline = resource.get("medicationCodeableConcept")
    if inline:
        return inline
    modern = resource.get("medication")
    nested = modern if isinstance(modern, dict) else {}
    if nested.get("concept"):
        return nested["concept"]
    reference = resource.get("medicationReference") or nested.get("reference") or {}
    if isinstance(reference, str):
        reference = {"reference": reference}
    medication = chart.resolve(reference, resource)
    if medication is not None and (medication.get("code") or medication.get("ingredient")):
        return medication.get("code") or [
            item.get("itemCodeableConcept") for item in listed(medication["ingredient"]) if isinstance(item, dict)
        ]
    display = reference.get("display") if isinstance(reference, dict) else None
    return {"text": display} if isinstance(display, str) else None
