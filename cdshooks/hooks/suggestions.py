"""Suggestions that a click can start: one FHIR R4 resource to create, one action each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid5

from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination
from cdshooks.engine.templates import filled


@dataclass(frozen=True, slots=True)
class Blanks:
    """What a suggestion's template may be filled with; none of it is chart text."""

    patient_id: str
    product: str
    payer: str
    as_of: date


def suggest(determination: Determination, library: Library, blanks: Blanks, decision: UUID) -> list[dict[str, Any]]:
    """One suggestion per remedy of what is missing or stale, in the order of the policy."""
    remedies: dict[str, str] = {}
    for finding in determination.findings:
        if finding.remedy:
            remedies.setdefault(finding.remedy, finding.label)
    return [_suggestion(library.suggestions[name], label, blanks, decision) for name, label in remedies.items()]


def _suggestion(template: Mapping[str, Any], label: str, blanks: Blanks, decision: UUID) -> dict[str, Any]:
    words = {
        "patient": f"Patient/{blanks.patient_id}",
        "product": blanks.product,
        "payer": blanks.payer,
        "label": label,
        "today": blanks.as_of.isoformat(),
    }
    return {
        "label": template["label"],
        "uuid": str(uuid5(decision, f"suggestion {template['id']}")),
        "actions": [
            {
                "type": "create",
                "description": template["description"],
                "resource": filled(template["resource"], words),
            }
        ],
    }
