"""A dossier as a FHIR R4 collection Bundle: a Composition of the criteria map, and the answers to its Questionnaire.

The records themselves stay in the EHR; sections refer to them by the references under which it sent them. It is
meant for others too, so it says nothing of sensitive records, not even how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from cdshooks.hooks.blocks import capital
from cdshooks.hooks.dossier import Dossier
from cdshooks.hooks.dossier_view import rows
from cdshooks.hooks.questionnaire import narrative
from cdshooks.hooks.questionnaire_response import Form, Said, prefilled_response, reference_to


def dossier_bundle(dossier: Dossier, id_: str, made_at: str, form: Form, said: Sequence[Said] = ()) -> dict[str, Any]:
    """The Bundle; the same dossier and entries give the same one."""
    number = UUID(id_)
    device = _entry(number, "device", _device())
    author = {"reference": device["fullUrl"]}
    composition = _entry(number, "composition", _composition(dossier, made_at, author))
    answers = _entry(number, "response", prefilled_response(dossier, said, form, made_at))
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{number}"},
        "type": "collection",
        "timestamp": made_at,
        "entry": [composition, device, answers],
    }


def _entry(number: UUID, name: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    own = str(uuid5(number, name))
    return {"fullUrl": f"urn:uuid:{own}", "resource": {"resourceType": resource["resourceType"], "id": own, **resource}}


def _device() -> dict[str, Any]:
    name = {"name": "cdshooks", "type": "user-friendly-name"}
    return {"resourceType": "Device", "deviceName": [name], "note": [{"text": "A documentation check by software."}]}


def _composition(dossier: Dossier, made_at: str, author: Mapping[str, str]) -> dict[str, Any]:
    made = dossier["determination"]
    policy = dossier.get("policy", {}).get("reference", "")
    title = " · ".join(part for part in ("CAR-T documentation check", dossier["product"], policy) if part)
    order = [{"reference": made["order"]}] if "order" in made else []
    return {
        "resourceType": "Composition",
        "status": "preliminary",
        "type": {"text": "Criteria map for a prior authorization"},
        "date": made_at,
        "author": [author],
        "title": title,
        **({"event": [{"detail": order}]} if order else {}),
        "section": [_section(row) for row in rows(dossier)],
    }


def _section(row: Mapping[str, Any]) -> dict[str, Any]:
    records = [place for place in row.get("location", ()) if "reference" in place]
    return {
        "title": f"{capital(row['label'])} [{', '.join(row['cite'])}]",
        "code": {"text": row["outcome"]},
        "text": {"status": "generated", "div": narrative(*_lines(row))},
        **({"entry": [reference_to(place) for place in records]} if records else {}),
    }


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"Outcome: {row['outcome']}"
    for title, key in (("On file", "shows"), ("Not on file", "missing"), ("To settle it", "ask")):
        if key in row:
            yield f"{title}: {row[key]}"
    for place in row.get("location", ()):
        if "center" in place:
            yield f"Treatment center: {', '.join(str(text) for text in place.values())}"
