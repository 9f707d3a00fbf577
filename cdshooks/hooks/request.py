"""Reading a call: strict about its envelope, tolerant of everything that an EHR may do inside."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from msgspec import Raw

from cdshooks.engine.identity import split_reference
from cdshooks.hooks import json_body
from cdshooks.hooks.envelope import members_of_call
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.focus import MAX_ORDERS, Focus, read_focus

_BEARER = re.compile(r"[\x21-\x7e]{1,16384}")


@dataclass(frozen=True, slots=True, repr=False)
class DraftEntry:
    """One order of the signing session, as it was sent."""

    full_url: str | None
    resource: Mapping[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One CDS Hooks call. Never printed whole, for it carries a chart, and never holding an access token.

    `prefetch` stays undecoded text until `prefetch_value` asks for a key: most calls order no CAR-T.
    `fetched_sha256` is the hash of what was fetched beside it, for an answer rests on that too.
    """

    service_id: str
    hook: str
    hook_instance: str
    fhir_server: str | None
    context: Mapping[str, Any]
    patient_id: str
    encounter_id: str | None
    user_id: str | None
    draft_orders: tuple[DraftEntry, ...]
    prefetch: Mapping[str, Raw]
    authorization_patient: str | None
    extension: Mapping[str, Any]
    hashed: Callable[[], str] = field(compare=False)
    focus: Focus = field(default_factory=Focus)
    fetched_sha256: str | None = None
    _decoded: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def body_sha256(self) -> str:
        """The SHA-256 of the body as it was sent."""
        return self.hashed()

    def prefetch_value(self, key: str) -> Any:
        """What the EHR sent under a prefetch key; None for a null.

        Raises KeyError when the key was not sent, RequestError (400) when its JSON cannot be used.
        """
        if key not in self._decoded:
            self._decoded[key] = json_body.value(self.prefetch[key], "prefetch")
        return self._decoded[key]


def read_request(body: bytes, service_id: str, hook: str) -> Request:
    """The call in a request body, for the service and hook it was posted to.

    Raises RequestError with the place of what is missing or of the wrong kind (400), or of what there is too much
    of (413). Source: CDS Hooks 2.0.1.
    """
    sent, prefetch = members_of_call(json_body.checked(body))
    _check_hook(sent, hook)
    hook_instance = _required_text(_value(sent, "hookInstance"), "hookInstance")
    context = _context(sent)
    return Request(
        service_id=service_id,
        hook=hook,
        hook_instance=hook_instance,
        fhir_server=_text(_value(sent, "fhirServer")),
        context=context,
        patient_id=_required_text(_local_id(context.get("patientId"), "Patient"), "context.patientId"),
        encounter_id=_text(_local_id(context.get("encounterId"), "Encounter")),
        user_id=_text(context.get("userId")),
        draft_orders=_draft_orders(context.get("draftOrders")),
        prefetch=_prefetch(sent, prefetch),
        authorization_patient=_authorization_patient(sent),
        extension=_object_or_empty(_value(sent, "extension")),
        hashed=_hashed(body, sent),
        focus=read_focus(hook, context),
    )


def access_token(body: bytes) -> str | None:
    """The access token of a call that `read_request` has read; None when it carries none that can be sent on.

    Its scope is never looked at: vendors write there what they like, and the FHIR server knows what it grants.
    """
    authorization = _object_or_empty(_value(json_body.members(json_body.checked(body)), "fhirAuthorization"))
    token = _text(authorization.get("access_token"))
    return token if token and _BEARER.fullmatch(token) else None


def hook_of(body: bytes) -> str | None:
    """The hook that a request names; None when it names none or cannot be read."""
    try:
        return _text(_value(json_body.members(json_body.checked(body)), "hook"))
    except RequestError:
        return None


def _value(sent: Mapping[str, Raw], name: str) -> Any:
    return json_body.value(sent[name], name) if name in sent else None


def _check_hook(sent: Mapping[str, Raw], hook: str) -> None:
    if _required_text(_value(sent, "hook"), "hook") != hook:
        raise RequestError(400, "value", f"this service answers the hook {hook} and no other", "hook")


def _context(sent: Mapping[str, Raw]) -> dict[str, Any]:
    context = _value(sent, "context")
    if context is None:
        raise RequestError(400, "required", "context is missing", "context")
    if not isinstance(context, dict):
        raise RequestError(400, "structure", "context is not an object", "context")
    return context


def _prefetch(sent: Mapping[str, Raw], told_apart: Mapping[str, Raw] | None) -> Mapping[str, Raw]:
    found = told_apart
    if found is None:
        prefetch = sent.get("prefetch", Raw(b"null"))
        found = json_body.members(prefetch, "prefetch") if bytes(prefetch) != b"null" else {}
    # Copies of their own: a slice would keep the whole body, and the access token in it, alive.
    return {key: value.copy() for key, value in found.items()} if _holds_token(sent) else found


def _hashed(body: bytes, sent: Mapping[str, Raw]) -> Callable[[], str]:
    """What tells the hash of a body. Most calls order no CAR-T, and nobody asks; a body with a token is not kept."""
    if _holds_token(sent):
        known = hashlib.sha256(body).hexdigest()
        return lambda: known
    return cache(lambda: hashlib.sha256(body).hexdigest())


def _holds_token(sent: Mapping[str, Raw]) -> bool:
    return "fhirAuthorization" in sent


def _authorization_patient(sent: Mapping[str, Raw]) -> str | None:
    authorization = _object_or_empty(_value(sent, "fhirAuthorization"))
    return _text(_local_id(authorization.get("patient"), "Patient"))


def _draft_orders(bundle: object) -> tuple[DraftEntry, ...]:
    """The orders of a Bundle; none at all is a call without orders, for some EHRs leave them out."""
    where = "context.draftOrders"
    if bundle is None:
        return ()
    if not isinstance(bundle, dict):
        raise RequestError(400, "structure", f"{where} is not a Bundle object", where)
    entries = bundle.get("entry")
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise RequestError(400, "structure", f"{where}.entry is not a list", f"{where}.entry")
    sent = tuple(
        DraftEntry(_text(entry.get("fullUrl")), entry["resource"])
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
    )
    if sum(entry.resource.get("resourceType") != "Medication" for entry in sent) > MAX_ORDERS:
        raise RequestError(413, "too-costly", f"{where} holds more than {MAX_ORDERS} orders", where)
    return sent


def _required_text(found: object, where: str) -> str:
    if found is None:
        raise RequestError(400, "required", f"{where} is missing", where)
    if not isinstance(found, str):
        raise RequestError(400, "value", f"{where} is not text", where)
    if not found.strip():
        raise RequestError(400, "value", f"{where} is blank", where)
    return found.strip()


def _text(found: object) -> str | None:
    return found.strip() or None if isinstance(found, str) else None


def _local_id(found: object, kind: str) -> object:
    """The id alone, also when it was written as a reference."""
    if not isinstance(found, str) or "/" not in found:
        return found
    _, named, identifier = split_reference(found.strip())
    return identifier if named == kind else found.strip().removeprefix(f"{kind}/")


def _object_or_empty(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
