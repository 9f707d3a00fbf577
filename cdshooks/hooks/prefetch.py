"""From what an EHR sent under its prefetch keys to resources, and how completely each kind was read.

Resources are found by their type across all keys, whatever the site calls them. A null or an empty
answer proves an absence only for the kinds that our own key of that name asks for, and so does a search
that we made ourselves; under a key of the site's own neither a single resource nor one that came along
with others proves anything of its kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdshooks.engine.chart import MEDICATION_KINDS, Reading, State
from cdshooks.engine.identity import Entry, listed, split_reference
from cdshooks.engine.model import Resource
from cdshooks.engine.wording import Wording
from cdshooks.hooks.discovery import KINDS, PREFETCH
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.fetched import Fetched, Miss, Query, is_bundle, join_pages
from cdshooks.hooks.request import Request

_DEEPEST_BUNDLE = 3
_ERRORS = ("error", "fatal")


@dataclass
class Sent:
    """What stood under one key, or came for it.

    `matched` are the kinds that were searched for; `cut_short` when all that it lacks are its next pages.
    """

    entries: list[Entry] = field(default_factory=list)
    failure: str | None = None
    shortfall: str | None = None
    cut_short: bool = False
    told: str = ""
    matched: set[str] = field(default_factory=set)
    fetched: bool = False

    @property
    def complete(self) -> bool:
        """True when everything that was asked for is there."""
        return not (self.failure or self.shortfall)


@dataclass
class Delivery:
    """Everything that was read: by key, the entries of all, the state of each kind, and the Patients by key."""

    sent: dict[str, Sent] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)

    @property
    def entries(self) -> list[Entry]:
        """Every entry of every key."""
        return [entry for sent in self.sent.values() for entry in sent.entries]

    @property
    def patients(self) -> dict[str, list[str]]:
        """The ids of the Patients under each key."""
        return {
            key: [str(r.get("id")) for _, r in sent.entries if r["resourceType"] == "Patient"]
            for key, sent in self.sent.items()
        }


def read_prefetch(request: Request, wording: Wording, fetched: Iterable[Fetched] = ()) -> Delivery:
    """Decode every prefetch key of the request, and what was fetched where it fell short."""
    delivery = Delivery({key: _answer(request, key, wording) for key in request.prefetch})
    for result in fetched:
        delivery.sent[result.query.key] = _completed(request, result, delivery.sent, wording)
    states: dict[str, list[Reading]] = defaultdict(list)
    for key, sent in delivery.sent.items():
        for kind in {*sent.matched, *KINDS.get(key, ())}:
            states[kind].append(_reading(sent))
    delivery.readings = {kind: _together(found) for kind, found in states.items()}
    _doubt(delivery, wording)
    _trust(delivery)
    _weigh_nameless(delivery, wording)
    for key, template in PREFETCH.items():
        for kind in template.kinds:
            delivery.readings.setdefault(kind, Reading(State.ABSENT, wording.say("prefetch.absent", key=key)))
    return delivery


def _doubt(delivery: Delivery, wording: Wording) -> None:
    """A failed key of the site's own may have held any kind that our own keys did not bring."""
    failed = [key for key, sent in delivery.sent.items() if sent.failure and not sent.fetched and key not in KINDS]
    if not failed:
        return
    asked = {kind for key in delivery.sent if key in PREFETCH for kind in PREFETCH[key].kinds}
    reason = wording.say("prefetch.foreign_failed", key=failed[0])
    for kind, reading in delivery.readings.items():
        if kind not in asked and reading.state is State.READ:
            delivery.readings[kind] = Reading(State.PARTIAL, reason)


def _trust(delivery: Delivery) -> None:
    """What we searched for ourselves and read to its end is read, however a key of the site's own fell short."""
    for key, sent in delivery.sent.items():
        if sent.fetched and sent.complete:
            for kind in KINDS.get(key, ()):
                delivery.readings[kind] = Reading(State.READ)


def _weigh_nameless(delivery: Delivery, wording: Wording) -> None:
    """A record of a medication that nothing names may be of any: its kind is not wholly read."""
    for kind, _, display in unsent_medications(delivery.entries):
        if not display and kind in delivery.readings and delivery.readings[kind].state is State.READ:
            delivery.readings[kind] = Reading(State.PARTIAL, wording.say("prefetch.nameless", kind=kind))


def unsent_medications(entries: list[Entry]) -> Iterator[tuple[str, str, str]]:
    """(kind, reference, display) of each record whose medication is a reference to something that is not there."""
    named = (resource for _, resource in entries if "medicationReference" in resource)
    found = [item for resource in named if (item := _medication_reference(resource))]
    if not found:
        return
    there = {url for url, _ in entries} | {f"{r['resourceType']}/{r.get('id')}" for _, r in entries}
    for kind, target, display in found:
        if not {target, "/".join(split_reference(target)[1:])} & there:
            yield kind, target, display


def _medication_reference(resource: Resource) -> tuple[str, str, str] | None:
    """The same for one record; None where its medication stands in it."""
    reference = resource.get("medicationReference")
    if resource["resourceType"] not in MEDICATION_KINDS or not isinstance(reference, Mapping):
        return None
    target, display = reference.get("reference"), reference.get("display")
    if not isinstance(target, str) or target.startswith("#") or resource.get("medicationCodeableConcept"):
        return None
    return resource["resourceType"], target, display.strip() if isinstance(display, str) else ""


def _completed(request: Request, result: Fetched, sent: Mapping[str, Sent], wording: Wording) -> Sent:
    """What a key comes to with what was fetched for it; what was sent stays evidence in any case."""
    query = result.query
    before = sent.get(query.key, Sent(failure=wording.say("prefetch.absent", key=query.key)))
    came = Sent()
    if result.pages:
        first = [request.prefetch_value(query.key)] if query.continues else []
        came = _asked(query, join_pages([*first, *result.pages]), request.patient_id, wording)
    if result.miss:
        came.shortfall = _why_missed(result.miss, query.key, before, wording)
    if not came.complete and not came.entries:
        came.failure = came.failure or came.shortfall
    came.entries = came.entries if query.continues and came.entries else [*before.entries, *came.entries]
    # One resource that was read by its reference says nothing of others of its kind.
    came.matched = came.matched | before.matched if query.key in KINDS else set()
    came.fetched = True
    return came


def _why_missed(miss: Miss, key: str, before: Sent, wording: Wording) -> str:
    why = wording.say(f"fetch.{miss}", key=key)
    if miss not in (Miss.UNREGISTERED, Miss.NO_TOKEN):
        return why
    return wording.say("fetch.unasked", reason=before.failure or before.shortfall or key, why=why)


def _asked(query: Query, value: Any, patient_id: str, wording: Wording) -> Sent:
    """What came for a query; no whole answer where it is not what was asked for, or not all about the patient."""
    came = _value(value, query.key, wording)
    if came.complete and (is_bundle(value) is not query.searches or came.matched - set(query.kinds or came.matched)):
        came.shortfall = wording.say("fetch.unreadable", key=query.key)
        came.entries = [entry for entry in came.entries if entry[1]["resourceType"] in query.kinds]
    if query.searches and any(_is_of_another(resource, patient_id) for _, resource in came.entries):
        came.shortfall = wording.say("fetch.unreadable", key=query.key)
    return came


def _is_of_another(resource: Resource, patient_id: str) -> bool:
    """True when a record names a Patient by another id: its server did not look for ours alone."""
    subject = resource.get("subject") or resource.get("patient") or resource.get("beneficiary")
    reference = subject.get("reference") if isinstance(subject, Mapping) else None
    _, kind, identifier = split_reference(reference) if isinstance(reference, str) else ("", "", "")
    return kind == "Patient" and identifier != patient_id


def _reading(answer: Sent) -> Reading:
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


def _answer(request: Request, key: str, wording: Wording) -> Sent:
    try:
        value = request.prefetch_value(key)
    except RequestError:
        return Sent(failure=wording.say("prefetch.unreadable", key=key))
    if value is None:
        return Sent(told=wording.say("prefetch.none", key=key))
    sent = _value(value, key, wording)
    if key not in KINDS and not is_bundle(value):
        sent.matched &= {"Patient"}  # there is but one
    return sent


def _value(value: Any, key: str, wording: Wording) -> Sent:
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return Sent(failure=wording.say("prefetch.unreadable", key=key))
    if value["resourceType"] == "OperationOutcome":
        return Sent(failure=wording.say("prefetch.failed", key=key))
    if value["resourceType"] != "Bundle":
        return Sent([(None, value)], matched={value["resourceType"]})
    return _bundle(value, key, wording)


def _bundle(bundle: Mapping[str, Any], key: str, wording: Wording) -> Sent:
    answer = Sent()
    matches = 0
    for entry, resource in bundle_entries(bundle):
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(kind, str):
            answer.shortfall = wording.say("prefetch.broken", key=key)
            continue
        if kind == "OperationOutcome":
            if any(i.get("severity") in _ERRORS for i in listed(resource.get("issue")) if isinstance(i, dict)):
                answer.failure = wording.say("prefetch.failed", key=key)
            continue
        search = entry.get("search")
        if not (isinstance(search, dict) and search.get("mode") == "include"):
            matches += 1
            answer.matched.add(kind)
        full_url = entry.get("fullUrl")
        answer.entries.append((full_url if isinstance(full_url, str) else None, resource))
    parts = [*_bundles(bundle)]
    if any(map(continues, parts)) or _promised(parts) > matches:
        answer.cut_short = answer.complete and continues(bundle)
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


def _promised(bundles: Iterable[Mapping[str, Any]]) -> int:
    """How many matches a Bundle, the first, and those inside it say that there are."""
    totals = [part.get("total") for part in bundles]
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
