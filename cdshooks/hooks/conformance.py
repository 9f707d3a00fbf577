"""Where a request, a response, a discovery or a feedback departs from CDS Hooks 2.0.1, told to who integrates it.

Nothing here stops an answer: the reader of requests is tolerant, and this says what it tolerated. Places are paths
such as ``cards[0].links[1].url``; no value of a chart is ever quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdshooks.hooks.message_shapes import (
    ACTION,
    AUTHORIZATION,
    CARD,
    CONTEXTS,
    DISCOVERY,
    FEEDBACK,
    FEEDBACK_BATCH,
    LINK,
    OVERRIDE_REASON,
    REQUEST,
    RESPONSE,
    SERVICE,
    SOURCE,
    SUGGESTION,
    Member,
)

_TOKEN = re.compile(r"\{\{([^}]*)\}\}")
_USER_TOKENS = ("userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId")


@dataclass(frozen=True, slots=True)
class Departure:
    """One departure from the standard: where it is, and what the standard has there."""

    place: str
    says: str

    def __str__(self) -> str:
        """``place: sentence``."""
        return f"{self.place}: {self.says}"


def kind_of_message(value: Any) -> str | None:
    """What a JSON value is meant to be: request, response, discovery or feedback; None when it is none of them."""
    marks = {"hook": "request", "cards": "response", "services": "discovery", "feedback": "feedback"}
    return next((kind for mark, kind in marks.items() if isinstance(value, Mapping) and mark in value), None)


def departures(value: Any) -> Iterator[Departure]:
    """Every departure of a message, whatever it is; one that cannot be told says so."""
    kind = kind_of_message(value)
    if kind is None:
        what = "FHIR, and no" if isinstance(value, Mapping) and "resourceType" in value else "no"
        yield Departure("$", f"is {what} CDS Hooks message: none of hook, cards, services and feedback is there")
    elif kind == "request":
        yield from request_departures(value)
    else:
        yield from _empty(value, "")
        yield from _AFTER[kind](value)


def request_departures(request: Mapping[str, Any]) -> Iterator[Departure]:
    """Departures of a call of a service (Calling a CDS Service; Passing the Access Token; the hooks' own pages)."""
    yield from _members(request, REQUEST, "")
    authorization, hook = request.get("fhirAuthorization"), request.get("hook")
    if isinstance(authorization, Mapping):
        yield from _members(authorization, AUTHORIZATION, "fhirAuthorization")
        if "fhirServer" not in request:
            yield Departure("fhirServer", "is required where fhirAuthorization is sent")
    context = request.get("context")
    if isinstance(context, Mapping) and isinstance(hook, str):
        yield from _members(context, CONTEXTS.get(hook, ()), "context")
        yield from _selections(context)
    prefetch = request.get("prefetch")
    for key, given in prefetch.items() if isinstance(prefetch, Mapping) else ():
        if given is not None and not (isinstance(given, Mapping) and isinstance(given.get("resourceType"), str)):
            yield Departure(f"prefetch.{key}", "is neither a FHIR resource nor null")


def _selections(context: Mapping[str, Any]) -> Iterator[Departure]:
    """Selections that lead to no draft order."""
    drafts = context.get("draftOrders")
    entries = drafts.get("entry") if isinstance(drafts, Mapping) else None
    selections = context.get("selections")
    if not isinstance(entries, list) or not isinstance(selections, list):
        return
    resources = [entry.get("resource") for entry in entries if isinstance(entry, Mapping)]
    known = {f"{r.get('resourceType')}/{r.get('id')}" for r in resources if isinstance(r, Mapping)}
    for index, selected in enumerate(selections):
        if selected not in known:
            yield Departure(f"context.selections[{index}]", "names no entry of context.draftOrders")


def _response(response: Mapping[str, Any]) -> Iterator[Departure]:
    """CDS Service Response: its cards and system actions."""
    yield from _members(response, RESPONSE, "")
    for place, card in _items(response, "cards", ""):
        yield from _card(card, place)
    for place, action in _items(response, "systemActions", ""):
        yield from _action(action, place, described=False)


def _card(card: Mapping[str, Any], place: str) -> Iterator[Departure]:
    yield from _members(card, CARD, place)
    if isinstance(source := card.get("source"), Mapping):
        yield from _members(source, SOURCE, f"{place}.source")
    if card.get("suggestions") and "selectionBehavior" not in card:
        yield Departure(f"{place}.selectionBehavior", "is required where there are suggestions")
    for at, suggestion in _items(card, "suggestions", place):
        yield from _members(suggestion, SUGGESTION, at)
        for action_at, action in _items(suggestion, "actions", at):
            yield from _action(action, action_at, described=True)
    for at, reason in _items(card, "overrideReasons", place):
        yield from _members(reason, OVERRIDE_REASON, at)
    for at, link in _items(card, "links", place):
        yield from _members(link, LINK, at)
        if link.get("type") != "smart" and "appContext" in link:
            yield Departure(f"{at}.appContext", "belongs to a link of type smart only")


def _action(action: Mapping[str, Any], place: str, *, described: bool) -> Iterator[Departure]:
    yield from _members(action, ACTION, place)
    if described and "description" not in action:
        yield Departure(f"{place}.description", "is required in a suggestion's action")
    if action.get("type") in ("create", "update") and "resource" not in action:
        yield Departure(f"{place}.resource", f"is required to {action['type']}")
    if action.get("type") == "delete" and "resourceId" not in action:
        yield Departure(f"{place}.resourceId", "should name what is deleted")


def _discovery(discovery: Mapping[str, Any]) -> Iterator[Departure]:
    """Discovery, and the tokens of its prefetch templates (Prefetch tokens)."""
    yield from _members(discovery, DISCOVERY, "")
    for place, service in _items(discovery, "services", ""):
        yield from _members(service, SERVICE, place)
        prefetch = service.get("prefetch")
        for key, template in prefetch.items() if isinstance(prefetch, Mapping) else ():
            for token in _TOKEN.findall(template) if isinstance(template, str) else ():
                if not re.fullmatch(r"context\.[A-Za-z]+", token) and token not in _USER_TOKENS:
                    at = f"{place}.prefetch.{key}"
                    yield Departure(at, f"{{{{{token}}}}} is no root-level context field and no user token")


def _feedback(feedback: Mapping[str, Any]) -> Iterator[Departure]:
    """Feedback: what became of cards."""
    yield from _members(feedback, FEEDBACK_BATCH, "")
    for place, item in _items(feedback, "feedback", ""):
        yield from _members(item, FEEDBACK, place)
        if item.get("outcome") == "accepted" and not item.get("acceptedSuggestions"):
            yield Departure(f"{place}.acceptedSuggestions", "is required where the outcome is accepted")


def _members(value: Mapping[str, Any], members: Sequence[Member], place: str) -> Iterator[Departure]:
    """Members that are missing though required, and those whose value is not of their kind."""
    for member in members:
        at = f"{place}.{member.name}" if place else member.name
        if member.name not in value:
            if member.required:
                yield Departure(at, "is required and missing")
        elif (wrong := member.rule(value[member.name])) is not None:
            yield Departure(at, wrong)


def _items(value: Mapping[str, Any], name: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of an array member, each with its place."""
    found = value.get(name)
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, Mapping):
            yield f"{place}.{name}[{index}]" if place else f"{name}[{index}]", item


def _empty(value: Any, place: str) -> Iterator[Departure]:
    """Members that are null or empty, which the standard allows in nothing but an empty list of cards or services."""
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        at = f"{place}[{key}]" if isinstance(key, int) else f"{place}.{key}" if place else str(key)
        if inner is None or (inner in ("", [], {}) and at not in ("cards", "services", "feedback")):
            yield Departure(at, "is null or empty; leave it out")
        elif isinstance(inner, Mapping | list):
            yield from _empty(inner, at)


_AFTER: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Departure]]] = {
    "response": _response,
    "discovery": _discovery,
    "feedback": _feedback,
}
