"""In which departments a call is made, as far as the Encounter that was sent tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.wording import Wording
from cdshooks.hooks.prefetch import read_prefetch
from cdshooks.hooks.request import Request


def departments_of(request: Request, wording: Wording) -> frozenset[str]:
    """References (`Organization/x`, `Location/y`) of the service provider and locations of the call's Encounter.

    Empty when the call names no encounter or its Encounter was not sent. Nothing else in a call says reliably
    where a clinician works.
    """
    entries = read_prefetch(request, wording).entries if request.encounter_id else []
    return frozenset(
        "/".join(split_reference(reference)[1:])
        for _, resource in entries
        if resource.get("resourceType") == "Encounter" and resource.get("id") == request.encounter_id
        for reference in _references(resource)
    )


def _references(encounter: Any) -> Iterator[str]:
    stays = [stay for stay in listed(encounter.get("location")) if isinstance(stay, dict)]
    for place in (encounter.get("serviceProvider"), *(stay.get("location") for stay in stays)):
        if isinstance(place, dict) and isinstance(place.get("reference"), str):
            yield place["reference"]
