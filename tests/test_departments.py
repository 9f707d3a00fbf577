"""Where a call is made, as far as its Encounter tells."""

from __future__ import annotations

from typing import Any

import pytest
from parts import drug_order, request_of

from cdshooks.engine.library import Library
from cdshooks.hooks.departments import departments_of

ENCOUNTER: dict[str, Any] = {
    "resourceType": "Encounter",
    "id": "e1",
    "serviceProvider": {"reference": "https://ehr.example.org/r4/Organization/oncology"},
    "location": [{"location": {"reference": "Location/bmt-clinic/_history/2"}}, {"location": {"display": "Room 4"}}, 7],
}
CONTEXT = {"patientId": "p1", "encounterId": "e1"}


def found(library: Library, prefetch: dict[str, Any], context: dict[str, Any] = CONTEXT) -> set[str]:
    return set(departments_of(request_of(drug_order(), prefetch=prefetch, context=context), library.wording))


def test_the_encounter_names_its_provider_and_its_locations(example: Library) -> None:
    assert found(example, {"any": ENCOUNTER}) == {"Organization/oncology", "Location/bmt-clinic"}


@pytest.mark.parametrize(
    ("prefetch", "context"),
    [
        ({}, CONTEXT),
        ({"any": None}, CONTEXT),
        ({"any": {**ENCOUNTER, "id": "another"}}, CONTEXT),
        ({"any": ENCOUNTER}, {"patientId": "p1"}),
        ({"any": {"resourceType": "Encounter", "id": "e1"}}, CONTEXT),
        ({"any": {**ENCOUNTER, "location": "here", "serviceProvider": []}}, CONTEXT),
    ],
)
def test_without_it_no_department_is_known(example: Library, prefetch: dict[str, Any], context: dict[str, Any]) -> None:
    assert found(example, prefetch, context) == set()
