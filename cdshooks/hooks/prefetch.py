"""From what an EHR sent under its prefetch keys to resources, and how completely each kind was read.

Resources are found by their type across all keys, whatever the site calls them. A null or an empty
answer proves an absence only for the kinds that our own key of that name asks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdshooks.engine.chart import Reading, State
from cdshooks.engine.identity import Entry, listed
from cdshooks.engine.wording import Wording
from cdshooks.hooks.discovery import KINDS, PREFETCH
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.request import Request

_DEEPEST_BUNDLE = 3
_ERRORS = ("error", "fatal")


@dataclass
class Delivery:
    """Everything that was read: the entries, the state of each kind, and the Patients by key."""

    entries: list[Entry] = field(default_factory=list)
    readings: dict[str, Reading] = field(default_factory=dict)
    patients: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class _Answer:
    """What stood under one key."""

    entries: list[Entry] = field(default_factory=list)
    failure: str | None = None
    shortfall: str | None = None
    told: str = ""


def read_prefetch(request: Request, wording: Wording) -> Delivery:
    """Decode every prefetch key of the request."""
    delivery = Delivery()
    states: dict[str, list[Reading]] = defaultdict(list)
    failed: list[str] = []
    for key in request.prefetch:
        answer = _answer(request, key, wording)
        if answer.failure and key not in PREFETCH:
            failed.append(key)
        kinds = {str(resource["resourceType"]) for _, resource in answer.entries}
        asked = KINDS.get(key, ())
        for kind in kinds | set(asked):
            states[kind].append(_reading(answer))
        delivery.entries += answer.entries
        delivery.patients[key] = [str(r.get("id")) for _, r in answer.entries if r["resourceType"] == "Patient"]
    delivery.readings = {kind: _together(found) for kind, found in states.items()}
    _doubt(delivery, failed, wording)
    for key, template in PREFETCH.items():
        for kind in template.kinds:
            delivery.readings.setdefault(kind, Reading(State.ABSENT, wording.say("prefetch.absent", key=key)))
    return delivery


def _doubt(delivery: Delivery, failed: list[str], wording: Wording) -> None:
    """A failed key of the site's own may have held any kind that our own keys did not bring."""
    if not failed:
        return
    asked = {kind for key in delivery.patients if key in PREFETCH for kind in PREFETCH[key].kinds}
    reason = wording.say("prefetch.foreign_failed", key=failed[0])
    for kind, reading in delivery.readings.items():
        if kind not in asked and reading.state is State.READ:
            delivery.readings[kind] = Reading(State.PARTIAL, reason)


def _reading(answer: _Answer) -> Reading:
    if answer.failure and not answer.entries:
        return Reading(State.FAILED, answer.failure)
    if answer.failure or answer.shortfall:
        return Reading(State.PARTIAL, answer.failure or answer.shortfall or "")
    return Reading(State.READ, answer.told)


def _together(readings: list[Reading]) -> Reading:
    """One state from several keys: any failure or shortfall makes the kind less than read."""
    short = [reading for reading in readings if reading.state is not State.READ]
    if not short:
        silent = [reading for reading in readings if not reading.reason]
        return (silent or readings)[0]
    failed = all(reading.state is State.FAILED for reading in readings)
    return Reading(State.FAILED if failed else State.PARTIAL, short[0].reason)


def _answer(request: Request, key: str, wording: Wording) -> _Answer:
    try:
        value = request.prefetch_value(key)
    except RequestError:
        return _Answer(failure=wording.say("prefetch.unreadable", key=key))
    if value is None:
        return _Answer(told=wording.say("prefetch.none", key=key))
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return _Answer(failure=wording.say("prefetch.unreadable", key=key))
    if value["resourceType"] == "OperationOutcome":
        return _Answer(failure=wording.say("prefetch.failed", key=key))
    if value["resourceType"] != "Bundle":
        return _Answer([(None, value)])
    return _bundle(value, key, wording)


def _bundle(bundle: Mapping[str, Any], key: str, wording: Wording) -> _Answer:
    answer = _Answer()
    matches = 0
    for entry, resource in bundle_entries(bundle):
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            answer.shortfall = wording.say("prefetch.broken", key=key)
            continue
        if resource["resourceType"] == "OperationOutcome":
            if any(i.get("severity") in _ERRORS for i in listed(resource.get("issue")) if isinstance(i, dict)):
                answer.failure = wording.say("prefetch.failed", key=key)
            continue
        search = entry.get("search")
        matches += not (isinstance(search, Mapping) and search.get("mode") == "include")
        full_url = entry.get("fullUrl")
        answer.entries.append((full_url if isinstance(full_url, str) else None, resource))
    if any(continues(part) for part in _bundles(bundle)) or _promised(bundle) > matches:
        answer.shortfall = wording.say("prefetch.partial", key=key)
    return answer


def _bundles(bundle: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """A Bundle and those inside it."""
    yield bundle
    for entry in listed(bundle.get("entry")) if depth < _DEEPEST_BUNDLE else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Bundle":
            yield from _bundles(resource, depth + 1)


def continues(bundle: Mapping[str, Any]) -> bool:
    """True when a Bundle is one page and says that there is another."""
    return any(isinstance(link, dict) and link.get("relation") == "next" for link in listed(bundle.get("link")))


def _promised(bundle: Mapping[str, Any]) -> int:
    """How many matches the Bundles say that there are."""
    totals = [part.get("total") for part in _bundles(bundle)]
    counted = [total for total in totals if isinstance(total, int)]
    return max(totals[0] if isinstance(totals[0], int) else 0, sum(counted[1:] if totals[0] is not None else counted))


def bundle_entries(bundle: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Every entry with its resource; a Bundle inside a Bundle is opened."""
    for entry in listed(bundle.get("entry")):
        if not isinstance(entry, dict):
            yield {}, None
            continue
        resource = entry.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") == "Bundle" and depth < _DEEPEST_BUNDLE:
            yield from bundle_entries(resource, depth + 1)
        else:
            yield entry, resource
