"""What the coverage-information extension of Da Vinci CRD may hold, in the two versions that are answered.

Pure checks of one extension: the writer asks them before it sends anything, and tests ask them of everything that was
sent. Source: the extension's definition and its invariants crd-ci-q1 to q9 in 2.2.1, q1 to q5 in 2.0.1. Where an
invariant's words and its expression differ, both are asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

URL = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MANY = 999


@dataclass(frozen=True, slots=True)
class Part:
    """One sub-extension: the value that it has, how often it may stand, and its codes where they are bound."""

    value: str
    least: int = 0
    most: int = 1
    codes: frozenset[str] = frozenset()


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEWER: Mapping[str, Part] = {
    "coverage": Part("valueReference", 1),
    "covered": Part("valueCode", 1, 1, _codes("covered not-covered conditional indeterminate")),
    "pa-needed": Part("valueCode", 0, 1, _codes("no-auth auth-needed satisfied performpa conditional indeterminate")),
    "doc-needed": Part("valueCode", 0, _MANY, _codes("clinical admin patient conditional indeterminate")),
    "doc-purpose": Part("valueCode", 0, _MANY, _codes("withpa withclaim withorder retain-doc OTH")),
    "info-needed": Part("valueCode", 0, _MANY, _codes("performer location timeframe contract-window detail-code OTH")),
    "billingCode": Part("valueCoding", 0, _MANY),
    "reason": Part("valueCodeableConcept", 0, _MANY),
    "dependency": Part("valueReference", 0, _MANY),
    "questionnaire": Part("valueCanonical", 0, _MANY),
    "date": Part("valueDate", 1),
    "coverage-assertion-id": Part("valueString", 1),
    "satisfied-pa-id": Part("valueString"),
    "expiry-date": Part("valueDate"),
}
_OLDER: Mapping[str, Part] = {
    **{name: part for name, part in _NEWER.items() if name != "expiry-date"},
    "covered": Part("valueCode", 1, 1, _NEWER["covered"].codes - {"indeterminate"}),
    "pa-needed": Part("valueCode", 0, 1, _NEWER["pa-needed"].codes - {"indeterminate"}),
    "doc-needed": Part("valueCode", 0, 1, _codes("clinical admin both conditional")),
    "info-needed": Part("valueCode", 0, _MANY, _NEWER["info-needed"].codes - {"detail-code"}),
}
PARTS: Mapping[str, Mapping[str, Part]] = {"2.0": _OLDER, "2.2": _NEWER}


def coverage_departures(extension: Mapping[str, Any], version: str) -> Iterator[str]:
    """What in a coverage-information extension is not as one version has it, a sentence each."""
    parts = PARTS[version]
    if extension.get("url") != URL or any(key.startswith("value") for key in extension):
        yield "it is no coverage-information extension, or has a value of its own"
    held = _held(extension)
    for name in held.keys() - parts.keys():
        yield f"{name}: there is no such part in {version}"
    for name, part in parts.items():
        yield from _part_departures(name, part, held.get(name, []))
    yield from _older_invariants(held)
    if version == "2.2":
        yield from _newer_invariants(held)


def _held(extension: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    held: dict[str, list[Mapping[str, Any]]] = {}
    for inner in extension.get("extension", ()):
        held.setdefault(str(inner.get("url")), []).append(inner)
    return held


def _part_departures(name: str, part: Part, found: list[Mapping[str, Any]]) -> Iterator[str]:
    if not part.least <= len(found) <= part.most:
        yield f"{name}: stands {len(found)} times, not {part.least} to {part.most}"
    for inner in found:
        value = inner.get(part.value)
        if set(inner) != {"url", part.value} or not value:
            yield f"{name}: has no {part.value}, or more than that"
        elif part.codes and value not in part.codes:
            yield f"{name}: {value} is none of its codes"
        elif part.value == "valueDate" and not _DAY.fullmatch(str(value)):
            yield f"{name}: is no day"
        elif part.value == "valueReference" and not value.get("reference"):
            yield f"{name}: refers to nothing"


def _older_invariants(held: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[str]:
    """q1 to q5, which both versions have."""
    covered, needed = _values(held, "covered"), _values(held, "pa-needed")
    conditional = "conditional" in [*covered, *needed, *_values(held, "doc-needed")]
    if "questionnaire" in held and "doc-needed" not in held:
        yield "q1: a questionnaire without doc-needed"
    if ("not-covered" in covered) == bool(needed):
        yield "q2: pa-needed stands exactly where covered is not not-covered"
    if conditional != ("info-needed" in held):
        yield "q3: info-needed stands exactly where something is conditional"
    if {"satisfied", "no-auth"} & {*needed} and "withpa" in _values(held, "doc-purpose"):
        yield "q4: documentation for an authorization that is not needed any more"
    if ("satisfied" in needed) != ("satisfied-pa-id" in held):
        yield "q5: satisfied-pa-id stands exactly where pa-needed is satisfied"


def _newer_invariants(held: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[str]:
    """q6 to q9, which 2.2 adds."""
    reasons = [inner.get("valueCodeableConcept", {}) for inner in held.get("reason", ())]
    said = [code for name in ("covered", "pa-needed", "doc-needed") for code in _values(held, name)]
    if "OTH" in _values(held, "info-needed") and not reasons:
        yield "q6: other information is needed and no reason says which"
    if any(not reason.get("coding") and not reason.get("text") for reason in reasons):
        yield "q7: a reason without a code and without words"
    if "doc-purpose" in held and not reasons:
        yield "q8: a purpose of documentation without a reason"
    if "indeterminate" in said and not reasons:
        yield "q9: indeterminate without a reason"


def _values(held: Mapping[str, list[Mapping[str, Any]]], name: str) -> list[str]:
    return [str(inner.get("valueCode")) for inner in held.get(name, ())]
