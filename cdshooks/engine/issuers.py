"""Who issued a record: the laboratory or the author that it names, by display or by the resource it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.model import Resource

_FIELDS = (
    "performer",
    "resultsInterpreter",
    "author",
    "authenticator",
    "asserter",
    "recorder",
    "custodian",
    "requester",
    "informationSource",
)
_RESULTS = ("Observation", "DiagnosticReport")
_ROLE, _ORGANIZATION = "PractitionerRole", "Organization"
_STAFF = ("Practitioner", _ROLE)
_FAMILY = ("Patient", "RelatedPerson")  # their names are nobody's business here


class Issuer(Struct, frozen=True):
    """A laboratory or an author by name; chart text, not yet escaped."""

    name: str
    laboratory: bool = False


def issuer_of(record: Record, chart: Chart) -> Issuer | None:
    """The laboratory of a result or report, else the person behind it; the author of any other record.

    A result that names nobody is the work of the laboratory of the report that lists it.
    """
    named = list(_named(record.resource, chart))
    if record.kind not in _RESULTS:
        return Issuer(named[0][0]) if named else None
    laboratory = _laboratory(named) or _reporting(record, chart)
    if laboratory:
        return Issuer(laboratory, laboratory=True)
    return Issuer(named[0][0]) if named else None


def _laboratory(named: list[tuple[str, str]]) -> str | None:
    """The first name that is an organization's, or of which nothing says that it is a person's."""
    return next((name for name, kind in named if kind not in _STAFF), None)


def _reporting(record: Record, chart: Chart) -> str | None:
    if chart.reports_of is None:  # worked out once per chart
        chart.reports_of = dict(_listed_results(chart))
    report = chart.reports_of.get(record.reference)
    return _laboratory(list(_named(report, chart))) if report else None


def _listed_results(chart: Chart) -> Iterator[tuple[str, Resource]]:
    """Each result that a report of this patient lists, with the report."""
    for report in chart.all_of_kind("DiagnosticReport"):
        for item in listed(report.resource.get("result")):
            target = item.get("reference") if isinstance(item, dict) else None
            if isinstance(target, str):
                yield "/".join(split_reference(target)[1:]), report.resource


def _named(resource: Resource, chart: Chart) -> Iterator[tuple[str, str]]:
    """(name, kind) of everyone whom a record names as its issuer; a role names its organization after the person."""
    for field in (name for name in _FIELDS if name in resource):
        for item in listed(resource[field]):
            if not isinstance(item, dict):
                continue
            yield from _of_reference(item.get("actor", item), resource, chart)
            if "onBehalfOf" in item:
                yield from _of_reference(item["onBehalfOf"], resource, chart)


def _of_reference(reference: Any, within: Resource, chart: Chart) -> Iterator[tuple[str, str]]:
    if not isinstance(reference, dict):
        return
    target = chart.resolve(reference, within) or {}
    kind = _kind(reference, target)
    if kind in _FAMILY:
        return
    display = reference.get("display")
    name = display if isinstance(display, str) and display.strip() else _own_name(target)
    if name:
        yield name, kind
    if target.get("resourceType") == _ROLE:
        yield from _of_reference(target.get("practitioner"), target, chart) if not name else ()
        yield from _of_reference(target.get("organization"), target, chart)


def _kind(reference: Mapping[str, Any], target: Resource) -> str:
    """The type of what a reference points to; "" when nothing tells it."""
    told = target.get("resourceType") or reference.get("type")
    if isinstance(told, str):
        return told.rsplit("/", 1)[-1]
    text = reference.get("reference")
    return split_reference(text)[1] if isinstance(text, str) else ""


def _own_name(target: Resource) -> str | None:
    """An organization's name, or a person's as text or in parts."""
    name = target.get("name")
    if isinstance(name, str):
        return name.strip() or None
    for human in listed(name):
        if isinstance(human, dict):
            parts = [human.get("text")] if human.get("text") else [*listed(human.get("given")), human.get("family")]
            return " ".join(part for part in parts if isinstance(part, str)).strip() or None
    return None
