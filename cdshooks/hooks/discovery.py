"""What the service offers: one hook per service id, and the few searches an EHR is asked to run.

An EHR runs the prefetch whenever the hook fires, so each template is justified by what reads its kind, uses
root-level tokens only, and is narrowed where a search parameter allows. One id per hook: some clients keep
only the last of two entries that share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.library import Library
from cdshooks.hooks.crd_request import OPTIONS, VERSION
from cdshooks.hooks.focus import ORDER_DISPATCH, ORDER_SELECT, PATIENT_VIEW

ORDER_SIGN = "cart-order-sign"
HOOK_SIGN = "order-sign"
_PATIENT = "patient={{context.patientId}}"


@dataclass(frozen=True, slots=True)
class Template:
    """One prefetch template and the FHIR kinds that it brings."""

    query: str
    kinds: tuple[str, ...]


PREFETCH: Mapping[str, Template] = {
    "patient": Template("Patient/{{context.patientId}}", ("Patient",)),
    "coverage": Template("Coverage?patient={{context.patientId}}&status=active", ("Coverage",)),
    "conditions": Template("Condition?patient={{context.patientId}}", ("Condition",)),
    "medications": Template("MedicationRequest?patient={{context.patientId}}", ("MedicationRequest",)),
    "observations": Template(
        "Observation?patient={{context.patientId}}&category=laboratory,survey,exam,imaging,procedure", ("Observation",)
    ),
    "procedures": Template("Procedure?patient={{context.patientId}}", ("Procedure",)),
    "reports": Template("DiagnosticReport?patient={{context.patientId}}", ("DiagnosticReport",)),
    "documents": Template("DocumentReference?patient={{context.patientId}}&status=current", ("DocumentReference",)),
}

# Who signs, and as what: a letter by the same practitioner needs the specialty of its author. `_include` of a
# document's author is not in the subset of queries that every client can run; a search by the user's own id is.
_SIGNER: Mapping[str, Template] = {
    "roles": Template("PractitionerRole?practitioner={{userPractitionerId}}", ("PractitionerRole",)),
}

MORE_PREFETCH: Mapping[str, Mapping[str, Template]] = {
    HOOK_SIGN: _SIGNER,
    ORDER_SELECT: _SIGNER,
    # The orders that are dispatched, for the call only names them, and the center that was chosen.
    ORDER_DISPATCH: {
        "services": Template(f"ServiceRequest?{_PATIENT}&status=active", ("ServiceRequest",)),
        "performer": Template("{{context.performer}}", ()),
    },
    # What plans have answered, and the requests that say for which product.
    PATIENT_VIEW: {
        "claimResponses": Template(f"ClaimResponse?{_PATIENT}", ("ClaimResponse",)),
        "claims": Template(f"Claim?{_PATIENT}", ("Claim",)),
    },
}
KINDS: Mapping[str, tuple[str, ...]] = {
    key: template.kinds for some in (PREFETCH, *MORE_PREFETCH.values()) for key, template in some.items()
}

HOOKS: Mapping[str, str] = {
    ORDER_SIGN: HOOK_SIGN,
    "cart-order-select": ORDER_SELECT,
    "cart-order-dispatch": ORDER_DISPATCH,
    "cart-patient-view": PATIENT_VIEW,
}


def service_of(hook: str | None) -> str:
    """The id of the service for a hook; order-sign's for one that no service answers."""
    return next((service_id for service_id, answered in HOOKS.items() if answered == hook), ORDER_SIGN)


def prefetch_of(hook: str) -> dict[str, Template]:
    """Every template of a hook by key."""
    return {**PREFETCH, **MORE_PREFETCH.get(hook, {})}


def services(library: Library) -> dict[str, Any]:
    """The discovery document (CDS Hooks 2.0.1, Discovery)."""
    wording = library.wording
    say = wording.say
    return {
        "services": [
            {
                "hook": hook,
                "id": service_id,
                "title": say(f"discovery.{hook}.title"),
                "description": say(f"discovery.{hook}.description"),
                "usageRequirements": " ".join(
                    say(key) for key in ("discovery.usage", f"discovery.{hook}.usage") if wording.has(key)
                ),
                "prefetch": {key: template.query for key, template in prefetch_of(hook).items()},
                **({"extension": crd} if (crd := _crd(hook, library)) else {}),
            }
            for service_id, hook in HOOKS.items()
        ]
    }


def _crd(hook: str, library: Library) -> dict[str, Any]:
    """The versions of Da Vinci CRD and the options of a hook that it has; patient-view is none of its hooks."""
    if hook == PATIENT_VIEW or library.crd is None:
        return {}
    say = library.wording.say
    options = [
        {
            "code": option.code,
            "type": option.type,
            "name": say(f"crd.options.{option.code}.name"),
            "description": say(f"crd.options.{option.code}.description"),
            "default": option.default,
        }
        for option in library.crd.options
    ]
    return {VERSION: list(library.crd.versions), OPTIONS: options}
