"""The FHIR in a message, each resource held against its model of FHIR R4 (fhir.resources R4B)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdshooks.hooks.conformance import Departure, departures

NOT_CHECKED = "whether codes are in the value sets they are bound to, profiles, invariants, and where references lead"


def resources(value: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every resource in a message with its place; a Bundle's own entries one by one, as they may fail one by one."""
    if isinstance(value, Mapping):
        kind = value.get("resourceType")
        if isinstance(kind, str) and kind != "Bundle":
            yield place, value
            return
        for key, inner in value.items():
            yield from resources(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from resources(inner, f"{place}[{index}]")


def all_departures(message: Any) -> list[Departure]:
    """What in a message departs from CDS Hooks, and in its resources from FHIR R4."""
    return [*departures(message), *fhir_departures(message)]


def fhir_departures(value: Any) -> Iterator[Departure]:
    """What in the resources of a message is not as FHIR has it; no value is quoted."""
    # Imported here: the models take their time, and few commands need them.
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    for place, resource in resources(value):
        try:
            model = get_fhir_model_class(str(resource["resourceType"]))
        except (KeyError, ValueError):
            yield Departure(f"{place}.resourceType", "is no resource of FHIR R4")
            continue
        try:
            model.model_validate(resource)
        except ValidationError as error:
            for wrong in error.errors(include_url=False, include_context=False):
                no_object = wrong["type"] == "json_invalid"  # the models try to read a text there as JSON
                says = "is no object" if no_object else _unquoted(wrong["msg"], wrong.get("input"))
                yield Departure(_place(place, wrong["loc"]), says)


def elements_of(kind: str) -> set[str]:
    """The names of the elements of a resource of FHIR R4; none where there is no such resource."""
    from fhir.resources.R4B import get_fhir_model_class

    try:
        model = get_fhir_model_class(kind)
    except (KeyError, ValueError):
        return set()
    return {field.alias or name for name, field in model.model_fields.items()}


def _place(place: str, steps: tuple[int | str, ...]) -> str:
    return place + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _unquoted(message: str, value: object) -> str:
    """What a model says, without the value it says it of."""
    said = message.removeprefix("Value error, ")
    for quoted in (repr(value), str(value)):
        said = said.replace(quoted, "the value") if isinstance(value, str | int | float) and quoted else said
    return said[:1].lower() + said[1:]
