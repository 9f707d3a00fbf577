"""Suggestion templates are checked as FHIR R4 when the library loads, so that a click never writes rubbish.

fhir.resources has no plain R4; R4B has the same ServiceRequest and Task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir.resources.R4B.servicerequest import ServiceRequest
from fhir.resources.R4B.task import Task

_MODELS: dict[str, Any] = {"ServiceRequest": ServiceRequest, "Task": Task}
SAMPLE = {
    "patient": "Patient/sample",
    "product": "product",
    "payer": "payer",
    "label": "document",
    "today": "2026-01-01",
    "owner": "coordinator",
    "owner_reference": "Practitioner/sample",
    "earliest": "2026-01-01",
    "needed_by": "2026-02-01",
}


def filled(template: Any, words: Mapping[str, str]) -> Any:
    """A template with its blanks filled in, in every text of it; KeyError names an unknown blank."""
    if isinstance(template, Mapping):
        return {key: filled(value, words) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(item, words) for item in template]
    return template.format(**words) if isinstance(template, str) else template


def template_problems(resource: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a template as a FHIR R4 resource once its blanks are filled in."""
    try:
        _MODELS[resource["resourceType"]].model_validate(filled(resource, SAMPLE))
    except KeyError as error:
        yield f"there is no blank or resource type {error}"
    except ValueError as error:
        yield " ".join(str(error).split())
