"""Suggestions that a click can start: one FHIR R4 resource to create, one action each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid5

from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination, Finding, Resource
from cdshooks.engine.templates import filled

_PRESCRIBER = "prescriber"
_PERSON_OR_TEAM = re.compile(r"(Practitioner|PractitionerRole|Organization)/[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Blanks:
    """What a suggestion's template may be filled with; none of it is chart text.

    `service_date` is None when it is not known; `prescriber` is the reference of who asks for the order.
    """

    patient_id: str
    product: str
    payer: str
    as_of: date
    service_date: date | None = None
    prescriber: str = ""


def suggest(determination: Determination, library: Library, blanks: Blanks, decision: UUID) -> list[dict[str, Any]]:
    """One suggestion per remedy of what is missing or stale, in the order of the policy."""
    remedies: dict[str, list[Finding]] = {}
    for finding in determination.findings:
        if finding.remedy:
            remedies.setdefault(finding.remedy, []).append(finding)
    return [_suggestion(library.suggestions[name], same, library, blanks, decision) for name, same in remedies.items()]


def requester_of(order: Resource) -> str:
    """The reference of who asks for an order, where it is one that another resource can carry; else ""."""
    requester = order.get("requester")
    text = requester.get("reference") if isinstance(requester, Mapping) else None
    return text if isinstance(text, str) and _PERSON_OR_TEAM.fullmatch(text) else ""


def _suggestion(
    template: Mapping[str, Any], findings: list[Finding], library: Library, blanks: Blanks, decision: UUID
) -> dict[str, Any]:
    words = {
        "patient": f"Patient/{blanks.patient_id}",
        "product": blanks.product,
        "payer": blanks.payer,
        "label": findings[0].label,
        "today": blanks.as_of.isoformat(),
        **_owner(findings[0], library, blanks),
        **_span(findings, blanks),
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


def _owner(finding: Finding, library: Library, blanks: Blanks) -> dict[str, str]:
    """Who settles it: a role in words, and the prescriber by reference where the order names one."""
    reference = blanks.prescriber if finding.owner == _PRESCRIBER else ""
    return {"owner": library.wording.say(f"owner.{finding.owner}"), "owner_reference": reference}


def _span(findings: list[Finding], blanks: Blanks) -> dict[str, str]:
    """From the first day of which a document counts (today where any day does) to the infusion."""
    earliest = max((f.counts_from.earliest for f in findings if f.counts_from), default=blanks.as_of)
    ends = blanks.service_date if blanks.service_date and blanks.service_date >= earliest else None
    return {"earliest": earliest.isoformat(), "needed_by": ends.isoformat() if ends else ""}
