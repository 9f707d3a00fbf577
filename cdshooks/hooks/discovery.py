"""What the service offers: one hook per service id, and the few searches an EHR is asked to run.

An EHR runs the prefetch for every order that is signed, so each template is justified by a criterion
that reads its kind, uses root-level tokens only, and is narrowed where a search parameter allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.library import Library

ORDER_SIGN = "cart-order-sign"


@dataclass(frozen=True, slots=True)
class Template:
    """One prefetch template and the FHIR kinds that it brings."""

    query: str
    kinds: tuple[str, ...]


PREFETCH: Mapping[str, Template] = {
    "patient": Template("Patient/{{context.patientId}}", ("Patient",)),
    "coverage": Template("Coverage?beneficiary=Patient/{{context.patientId}}&status=active", ("Coverage",)),
    "conditions": Template("Condition?patient={{context.patientId}}", ("Condition",)),
    "medications": Template("MedicationRequest?patient={{context.patientId}}", ("MedicationRequest",)),
    "observations": Template(
        "Observation?patient={{context.patientId}}&category=laboratory,survey,exam,imaging,procedure", ("Observation",)
    ),
    "procedures": Template("Procedure?patient={{context.patientId}}", ("Procedure",)),
    "reports": Template("DiagnosticReport?patient={{context.patientId}}", ("DiagnosticReport",)),
    "documents": Template("DocumentReference?patient={{context.patientId}}&status=current", ("DocumentReference",)),
}

HOOKS: Mapping[str, str] = {ORDER_SIGN: "order-sign"}


def services(library: Library) -> dict[str, Any]:
    """The discovery document (CDS Hooks 2.0.1, Discovery)."""
    say = library.wording.say
    return {
        "services": [
            {
                "hook": hook,
                "id": service_id,
                "title": say(f"discovery.{hook}.title"),
                "description": say(f"discovery.{hook}.description"),
                "usageRequirements": say("discovery.usage"),
                "prefetch": {key: template.query for key, template in PREFETCH.items()},
            }
            for service_id, hook in HOOKS.items()
        ]
    }
