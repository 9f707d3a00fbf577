"""Suggestion templates: FHIR resources with blanks. Their schema allows only what a FHIR R4 resource may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    """What is wrong with the blanks of a template."""
    try:
        filled(resource, SAMPLE)
    except KeyError as error:
        yield f"there is no blank {error}"
    except (ValueError, IndexError) as error:
        yield f"a text cannot be filled in: {error}"
