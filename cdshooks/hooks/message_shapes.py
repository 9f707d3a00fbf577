"""The members that CDS Hooks 2.0.1 gives each object of its messages, and what a value of each must be.

A rule says what is wrong with a value, or None; it never quotes the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_USER = re.compile(r"(Practitioner|PractitionerRole|Patient|RelatedPerson)/[^/\s]+")
_LOCAL = re.compile(r"[A-Z][A-Za-z]+/[^/\s]+")
_LONGEST_SUMMARY = 139
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

Rule = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its name, whether it is required, and what is wrong with a value of it, if anything."""

    name: str
    rule: Rule
    required: bool = False


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "is no text"


def _array(value: Any) -> str | None:
    return None if isinstance(value, list) else "is no array"


def _objects(value: Any) -> str | None:
    """Of an array of objects; what is null or empty in it is told of by itself."""
    if not isinstance(value, list):
        return _array(value)
    odd = (index for index, row in enumerate(value) if row not in (None, "", []) and not isinstance(row, Mapping))
    at = next(odd, None)
    return None if at is None else f"holds what is no object (entry {at})"


def _object(value: Any) -> str | None:
    return None if isinstance(value, Mapping) else "is no object"


def _truth(value: Any) -> str | None:
    return None if isinstance(value, bool) else "is neither true nor false"


def _whole(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else "is no whole number"


def _matching(pattern: re.Pattern[str], what: str) -> Rule:
    return lambda value: None if isinstance(value, str) and pattern.fullmatch(value) else f"is not {what}"


def _one_of(*words: str) -> Rule:
    return lambda value: None if value in words else f"is none of {', '.join(words)}"


def _uuid(value: Any) -> str | None:
    try:
        UUID(value)
    except (ValueError, TypeError, AttributeError):
        return "is no UUID"
    return None


def _bundle(value: Any) -> str | None:
    is_one = isinstance(value, Mapping) and value.get("resourceType") == "Bundle"
    return None if is_one else "is no FHIR Bundle"


def _summary(value: Any) -> str | None:
    if not isinstance(value, str):
        return "is no text"
    return None if len(value) <= _LONGEST_SUMMARY else f"has {len(value)} characters; fewer than 140 are allowed"


def _local_references(value: Any) -> str | None:
    good = isinstance(value, list) and all(isinstance(v, str) and _LOCAL.fullmatch(v) for v in value)
    return None if good else "is no array of references such as ServiceRequest/1"


_https = _matching(re.compile(r"https://\S+"), "an https address (http is for tests only)")
_absolute = _matching(re.compile(r"https?://\S+"), "an absolute address")
_person = _matching(_USER, "a reference such as Practitioner/1 or PractitionerRole/1")
_plain_id = _matching(_ID, "a FHIR id: up to 64 letters, digits, - and ., without the type before it")
_one_local = _matching(_LOCAL, "a reference such as Organization/1")

REQUEST = (
    Member("hook", _text, True),
    Member("hookInstance", _uuid, True),
    Member("fhirServer", _https),
    Member("fhirAuthorization", _object),
    Member("context", _object, True),
    Member("prefetch", _object),
    Member("extension", _object),
)
AUTHORIZATION = (
    Member("access_token", _text, True),
    Member("token_type", _one_of("Bearer"), True),
    Member("expires_in", _whole, True),
    Member("scope", _text, True),
    Member("subject", _text, True),
    Member("patient", _text),
)
_SIGNING = (
    Member("userId", _person, True),
    Member("patientId", _plain_id, True),
    Member("encounterId", _plain_id),
    Member("draftOrders", _bundle, True),
)
CONTEXTS: Mapping[str, Sequence[Member]] = {
    "order-sign": _SIGNING,
    "order-select": (*_SIGNING, Member("selections", _local_references, True)),
    "order-dispatch": (
        Member("patientId", _plain_id, True),
        Member("dispatchedOrders", _local_references, True),
        Member("performer", _one_local, True),
        Member("fulfillmentTasks", _array),
    ),
    "patient-view": _SIGNING[:3],
}
CODING = (Member("code", _text, True), Member("system", _text, True))
CARD = (
    Member("uuid", _text),
    Member("summary", _summary, True),
    Member("detail", _text),
    Member("indicator", _one_of("info", "warning", "critical"), True),
    Member("source", _object, True),
    Member("suggestions", _objects),
    Member("selectionBehavior", _one_of("at-most-one", "any")),
    Member("overrideReasons", _objects),
    Member("links", _objects),
    Member("extension", _object),
)
SOURCE = (Member("label", _text, True), Member("url", _absolute), Member("icon", _absolute), Member("topic", _object))
SUGGESTION = (
    Member("label", _text, True),
    Member("uuid", _text),
    Member("isRecommended", _truth),
    Member("actions", _objects),
)
ACTION = (
    Member("type", _one_of("create", "update", "delete"), True),
    Member("description", _text),
    Member("resource", _object),
    Member("resourceId", _one_local),
)
LINK = (
    Member("label", _text, True),
    Member("url", _absolute, True),
    Member("type", _one_of("absolute", "smart"), True),
    Member("appContext", _text),
)
SERVICE = (
    Member("hook", _text, True),
    Member("id", _text, True),
    Member("title", _text),
    Member("description", _text, True),
    Member("prefetch", _object),
    Member("usageRequirements", _text),
)
FEEDBACK = (
    Member("card", _text, True),
    Member("outcome", _one_of("accepted", "overridden"), True),
    Member("acceptedSuggestions", _objects),
    Member("overrideReason", _object),
    Member("outcomeTimestamp", _matching(_INSTANT, "an instant such as 2026-11-21T18:00:00Z"), True),
)
RESPONSE = (Member("cards", _objects, True), Member("systemActions", _objects))
DISCOVERY = (Member("services", _objects, True),)
FEEDBACK_BATCH = (Member("feedback", _objects, True),)
OVERRIDE_REASON = (*CODING, Member("display", _text, True))
