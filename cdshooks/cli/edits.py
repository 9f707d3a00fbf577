"""Editing a request as a case says: set, drop, add, prefetch states and the service date. Nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cdshooks.cli.request_path import EditError, drop_at, put_at, steps
from cdshooks.hooks.discovery import PREFETCH

_DRAFT = re.compile(r"draftOrders\[(\d+)\](?:\.(.+))?")
_PATIENT_ELEMENT = {
    "Coverage": "beneficiary",
    **dict.fromkeys(("Claim", "ClaimResponse", "AllergyIntolerance", "Immunization", "Device"), "patient"),
}
_NO_PATIENT = ("Patient", "Organization", "Practitioner", "PractitionerRole", "Medication", "Location")
_FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}

Body = dict[str, Any]


def apply_state(body: Body, key: str, state: str) -> None:
    """Put a prefetch key into a state: failed, empty, null, partial or absent. EditError when it cannot be."""
    prefetch = body.setdefault("prefetch", {})
    if state == "absent":
        if prefetch.pop(key, ...) is ...:
            raise EditError(f"the request has no prefetch key {key}; it has {', '.join(prefetch)}")
    elif state == "partial":
        if not _is_bundle(prefetch.get(key)):
            raise EditError(f"prefetch.{key} is no Bundle, so it cannot be one page of several")
        prefetch[key].setdefault("link", []).append({"relation": "next", "url": "https://ehr.example.org/r4?page=2"})
    else:
        prefetch[key] = {"failed": _FAILED, "empty": _bundle(), "null": None}[state]


def drop(body: Body, target: str) -> None:
    """Take away a resource (every copy of it), an element, a prefetch key or a draft order. EditError if not there."""
    if target in references(body):
        for bundle in _bundles(body):
            _drop_from(bundle, target)
        for key, value in body.get("prefetch", {}).items():
            if not _is_bundle(value) and _reference(value) == target:
                body["prefetch"][key] = None
        return
    if (draft := _DRAFT.fullmatch(target)) and not draft[2]:
        drop_at(body, ("context", "draftOrders", "entry", int(draft[1])))
        return
    for root, path in _located(body, target):
        drop_at(root, path)


def put(body: Body, target: str, value: Any) -> None:
    """Set an element, on every copy of its resource; what is missing on the way is made. EditError if it cannot be."""
    for root, path in _located(body, target):
        put_at(root, path, value)


def add(body: Body, resource: Mapping[str, Any]) -> None:
    """Append a resource to the prefetch Bundle of its kind, for the request's patient unless it names another."""
    prefetch = body.setdefault("prefetch", {})
    key = _key_of(prefetch, resource["resourceType"])
    value = prefetch.get(key)
    if not _is_bundle(value):
        prefetch[key] = _bundle(*([value] if value else []))
    _append(prefetch[key], _with_patient(body, resource), body)


def add_order(body: Body, resource: Mapping[str, Any]) -> None:
    """Append an order to the signing session."""
    drafts = body.setdefault("context", {}).setdefault("draftOrders", {"resourceType": "Bundle", "type": "collection"})
    _append(drafts, _with_patient(body, resource), body)


def put_service_date(body: Body, order: str, source: str | None, day: str) -> None:
    """Set the planned day of an order where it keeps it (`source`, as the order reader names it)."""
    kind = order.split("/")[0]
    path = source or ("dosageInstruction.timing.event" if kind == "MedicationRequest" else "occurrenceDateTime")
    path = re.sub(r"(dosageInstruction|event)\b", r"\1[0]", path)
    put(body, f"{order}.{path}", day)


def references(body: Body) -> dict[str, list[Body]]:
    """Every resource of the request, all copies of it, by ``Type/id``."""
    found: dict[str, list[Body]] = {}
    for value in (*_drafts(body), *_prefetched(body)):
        found.setdefault(_reference(value), []).append(value)
    return found


def _located(body: Body, target: str) -> Iterator[tuple[Body, tuple[str | int, ...]]]:
    """Where a target lies: the object to start from and the path inside it."""
    if draft := _DRAFT.fullmatch(target):
        entries = list(_drafts(body))
        if int(draft[1]) >= len(entries) or not draft[2]:
            raise EditError(f"{target}: there are {len(entries)} draft orders, counted from 0; add a path")
        yield entries[int(draft[1])], steps(draft[2])
        return
    if "/" not in target:
        yield body, steps(target)
        return
    known = references(body)
    cut = next((at for at in _dots(target) if target[:at] in known), None)
    if cut is None:
        raise EditError(f"{target}: the request has no such resource{_near(target, known)}")
    for resource in known[target[:cut]]:
        yield resource, steps(target[cut + 1 :])


def _dots(text: str) -> Iterator[int]:
    return (index for index, char in reversed(list(enumerate(text))) if char == ".")


def _near(target: str, known: Mapping[str, Any]) -> str:
    """Resources of the same kind, to help with a misspelt id."""
    kind = target.split("/")[0]
    names = [name for name in known if name.startswith(f"{kind}/")]
    return f"; of this kind it has {', '.join(names[:8])}{' …' if len(names) > 8 else ''}" if names else ""


def _drafts(body: Body) -> Iterator[Body]:
    yield from _of_bundle(_draft_bundle(body))


def _draft_bundle(body: Body) -> Body:
    return (body.get("context") or {}).get("draftOrders") or {}


def _prefetched(body: Body) -> Iterator[Body]:
    for value in body.get("prefetch", {}).values():
        if _is_bundle(value):
            yield from _of_bundle(value)
        elif isinstance(value, dict):
            yield value


def _of_bundle(bundle: Body) -> Iterator[Body]:
    return (entry["resource"] for entry in bundle.get("entry", []) if isinstance(entry.get("resource"), dict))


def _bundles(body: Body) -> Iterator[Body]:
    yield _draft_bundle(body)
    yield from (value for value in body.get("prefetch", {}).values() if _is_bundle(value))


def _drop_from(bundle: Body, reference: str) -> None:
    entries = bundle.get("entry", [])
    kept = [entry for entry in entries if _reference(entry.get("resource")) != reference]
    if len(kept) < len(entries):
        _count(bundle, len(kept) - len(entries))
        bundle["entry"] = kept


def _append(bundle: Body, resource: Body, body: Body) -> None:
    url = f"{body['fhirServer'].rstrip('/')}/{_reference(resource)}" if body.get("fhirServer") else None
    entry = {"fullUrl": url, "resource": resource} if url else {"resource": resource}
    bundle.setdefault("entry", []).append(entry)
    _count(bundle, 1)


def _count(bundle: Body, by: int) -> None:
    # A total that is larger than what was sent would say that there are more pages.
    if isinstance(bundle.get("total"), int):
        bundle["total"] += by


def _key_of(prefetch: Body, kind: str) -> str:
    """Our own key for a kind, unless the site sends that kind under another one."""
    for key, value in prefetch.items():
        if any(resource.get("resourceType") == kind for resource in _prefetched({"prefetch": {key: value}})):
            return key
    return next((key for key, template in PREFETCH.items() if kind in template.kinds), kind)


def _with_patient(body: Body, resource: Mapping[str, Any]) -> Body:
    kind = resource["resourceType"]
    if kind in _NO_PATIENT:
        return dict(resource)
    element = _PATIENT_ELEMENT.get(kind, "subject")
    return {element: {"reference": f"Patient/{(body.get('context') or {}).get('patientId')}"}, **resource}


def resources_of(body: Body, kind: str) -> list[Body]:
    """Every resource of a kind in prefetch."""
    return [resource for resource in _prefetched(body) if resource.get("resourceType") == kind]


def _bundle(*resources: Body) -> Body:
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _is_bundle(value: Any) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == "Bundle"


def _reference(value: Any) -> str:
    return f"{value.get('resourceType')}/{value.get('id')}" if isinstance(value, dict) else ""
