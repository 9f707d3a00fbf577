"""Suggestion templates are checked as FHIR R4 when the library loads, so that a click never writes rubbish.

fhir.resources has no plain R4; R4B has the same ServiceRequest and Task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir.resources.R4B.servicerequest import ServiceRequest
from fhir.resources.R4B.task import Task

_MODELS: dict[str, Any] = {"ServiceRequest": ServiceRequest, "Task": Task}
EMPTY: tuple[Any, ...] = (None, "", [], {})
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
    """A template with its blanks filled in, in every text of it; KeyError names an unknown blank.

    What a blank leaves empty is left out, with whatever held nothing else.
    """
    if isinstance(template, str):
        return template.format(**words) if "{" in template or "}" in template else template
    if isinstance(template, dict):
        return {key: item for key, value in template.items() if (item := filled(value, words)) not in EMPTY}
    return [filled(item, words) for item in template] if isinstance(template, list) else template


def template_problems(resource: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a template as a FHIR R4 resource once its blanks are filled in."""
    try:
        _MODELS[resource["resourceType"]].model_validate(filled(resource, SAMPLE))
    except KeyError as error:
        yield f"there is no blank or resource type {error}"
    except ValueError as error:
        yield " ".join(str(error).split())
