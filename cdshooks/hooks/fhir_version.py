"""Whether a call is in FHIR R4, the one version that is read here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdshooks.hooks.request import Request

_TOLD = "fhir-version"
_STU3 = ("STU3", "R3", "3.")


def is_stu3(request: Request) -> bool:
    """True when the caller says so in an extension, or when a draft MedicationRequest has elements of STU3 alone.

    A ProcedureRequest tells nothing: an EHR sends one, in its STU3 shape, within R4.
    """
    told = [value for key, value in request.extension.items() if key.endswith(_TOLD) and isinstance(value, str)]
    if told:
        return told[0].strip().upper().startswith(_STU3)
    return any(_stu3_shaped(entry.resource) for entry in request.draft_orders)


def _stu3_shaped(order: Mapping[str, Any]) -> bool:
    if order.get("resourceType") != "MedicationRequest":
        return False
    requester = order.get("requester")
    return "context" in order or (isinstance(requester, Mapping) and "agent" in requester)
