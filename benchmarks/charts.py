"""Charts of a wanted size, told by the builders of the stories: shuffled, dressed as an EHR sends them, half noise.

No padding: a larger chart has more records. The same code writes the same bytes every time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "fhir_fixtures"))

import story_charts as charts
import story_noise as noise
import story_parts as parts
from story_request import WELLCARE, bundle, prefetch

SIZES = {"15 KB": 15_000, "60 KB": 60_000, "500 KB": 500_000, "5 MB": 5_000_000}
WHO = "bench-1"
_LISINOPRIL = parts.local("Lisinopril 10 MG Oral Tablet")
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_MRN = {"system": "https://ehr.example.org/ids", "use": "usual"}

Resource = dict[str, Any]


def request_body(size: int, *, car_t: bool = True) -> bytes:
    """An order-sign call of about `size` bytes, as compact as EHRs send it; without CAR-T the order is for a pill."""
    order = charts.tecartus(WHO) if car_t else parts.medication_order(f"{WHO}-pill", WHO, _LISINOPRIL)
    frame, room = _sent([], order), 0
    records: list[Resource] = []
    room = size - len(frame)
    for record in _records():
        room -= len(_json(bundle([record], "x")["entry"][0])) + 1
        if room < 0:
            break
        records.append(record)
    return _sent(records, order)


def _sent(records: list[Resource], order: Resource) -> bytes:
    person = parts.patient(WHO, "Jordan", "1961-05-17", "male")
    plan = [_dressed(parts.coverage(WHO, *WELLCARE))]
    context = {"userId": "Practitioner/oncologist", "patientId": WHO, "encounterId": f"{WHO}-visit"}
    request = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": parts.SERVER,
        "context": context | {"draftOrders": bundle([order], "collection")},
        "prefetch": {"patient": person} | prefetch(WHO, [*plan, *records]),
    }
    return _json(request)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _records() -> Iterator[Resource]:
    """Without end: the story's own records first, then one that matters and one that does not, in turn."""
    yield from map(_dressed, [*charts.mcl(WHO), *charts.paperwork(WHO, "Tecartus", without=["marrow-biopsy"])])
    for turn in count():
        for relevant, irrelevant in zip(_relevant(turn), _irrelevant(turn), strict=False):
            yield _dressed(relevant)
            yield _dressed(irrelevant)


def _relevant(turn: int) -> Iterator[Resource]:
    """Records under codes that the rules look for: results, drugs, diagnoses, reports and notes of one round."""
    day = noise.days_ago(5 + turn)
    for code, name, low, high, unit in noise.LABS:
        value = noise.quantity(noise.number(WHO, code, turn, low=low, high=high), unit)
        lab = parts.concept((parts.LOINC, code, name), text=name.split(" [")[0])
        yield parts.observation(
            f"{WHO}-lab-{code}-{turn}", WHO, lab, day, valueQuantity=value, referenceRange=[_range(low, high, unit)]
        )
    if turn % 6 == 0:
        for test in parts.SEROLOGIES:
            yield parts.serology(test, WHO, noise.days_ago(120 + 9 * turn), suffix=f"-{turn}")
    for line in charts.MCL_DRUGS.strip().splitlines():
        name, rxcui, start, end = line.split()
        yield parts.medication(f"{WHO}-{name}-{turn}", WHO, charts.drug(rxcui, name), start, end)
    if turn % 4 == 0:
        code, name = noise.NOTES[1]
        yield parts.document(f"{WHO}-oncology-{turn}", WHO, parts.concept((parts.LOINC, code, name)), day, name)
        yield parts.condition(f"{WHO}-encounter-{turn}", WHO, charts.MCL, "relapse", str(day), "encounter-diagnosis")


def _irrelevant(turn: int) -> Iterator[Resource]:
    """As many records that no rule looks for: vital signs, old problems, pills, procedures, studies and notes."""
    who = f"{WHO}-{turn}"
    day = noise.days_ago(3 + turn)
    for index, (name, low, high, unit) in enumerate(noise.VITALS * 3):
        value = noise.quantity(noise.number(who, name, index, low=low, high=high), unit)
        id_ = f"{WHO}-vital-{turn}-{index}"
        yield parts.observation(id_, WHO, parts.local(name), day, "vital-signs", valueQuantity=value)
    for names, make in ((noise.PROBLEMS, _problem), (noise.MEDICINES, _pill), (noise.PROCEDURES, _procedure)):
        every = names.split(", ")
        for index in (2 * turn, 2 * turn + 1):
            name = every[index % len(every)]
            yield make(f"{index}", name, noise.days_ago(noise.number(who, name, index, low=200, high=2600)))
    code, name = noise.NOTES[turn % len(noise.NOTES)]
    yield parts.document(f"{WHO}-note-{turn}", WHO, parts.concept((parts.LOINC, code, name)), day, name)
    study = parts.concept(noise.IMAGING, text="Chest radiograph")
    yield parts.report(f"{WHO}-study-{turn}", WHO, study, day, "No acute finding.", "RAD")


def _problem(id_: str, name: str, day: Any) -> Resource:
    return parts.condition(f"{WHO}-problem-{id_}", WHO, parts.local(name), "resolved", str(day), "encounter-diagnosis")


def _pill(id_: str, name: str, day: Any) -> Resource:
    return parts.medication(f"{WHO}-pill-{id_}", WHO, parts.local(name), str(day))


def _procedure(id_: str, name: str, day: Any) -> Resource:
    return parts.procedure(f"{WHO}-procedure-{id_}", WHO, parts.local(name), day)


def _range(low: int, high: int, unit: str) -> Resource:
    return {
        "low": noise.quantity(low, unit),
        "high": noise.quantity(high, unit),
        "text": f"{low / 10} - {high / 10} {unit}",
    }


def _dressed(record: Resource) -> Resource:
    """The record with what every EHR adds: version, profile, identifier, visit, and a narrative of one line."""
    kind, id_ = record["resourceType"], record["id"]
    meta = record["meta"] | {
        "versionId": "1",
        "lastUpdated": "2026-11-20T22:14:31Z",
        "profile": [f"{_US_CORE}{kind.lower()}"],
    }
    code = record.get("code") or record.get("medicationCodeableConcept") or record.get("type") or {}
    words = code.get("text") or kind
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'
    visit = {} if kind in ("Coverage", "DocumentReference") else {"encounter": {"reference": f"Encounter/{WHO}-visit"}}
    return (
        record
        | {"meta": meta, "text": {"status": "generated", "div": narrative}}
        | {"identifier": [_MRN | {"value": f"{kind[:3].upper()}-{id_}"}]}
        | visit
    )
