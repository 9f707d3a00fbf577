"""One call of a service from its bytes to what the clinician sees: answered, noted for the operator, recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

from cdshooks.engine.wording import Wording
from cdshooks.hooks.crd_request import asks_for_crd
from cdshooks.hooks.departments import departments_of
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.request import Request, read_request
from cdshooks.hooks.service import Answer, ServiceOptions
from cdshooks.server import call_log
from cdshooks.server.call_metrics import measured
from cdshooks.server.calls import current_call
from cdshooks.server.clients import Client
from cdshooks.server.decision_log import CallRecord
from cdshooks.server.dossier_desk import Prepared
from cdshooks.server.fhir_client import NOT_USED
from cdshooks.server.site import Site

DEMO_CLIENT = "demo"
"""The name under which the calls of demo mode are recorded."""
TURN_SECONDS = 3.0
"""How long a call may wait until it is computed: an answer after more than four seconds is of no use."""


def begin_call(site: Site, service_id: str) -> None:
    """Note of which service the current call is. Raises RequestError (404) when there is none of that id."""
    current = current_call()
    current.hook, current.service = site.hook(service_id), service_id


def answer_call(site: Site, body: bytes, client: Client | None = None, name: str = "") -> Mapping[str, Any]:
    """The answer to the call that has begun, recorded under a name (empty: the client's).

    Raises RequestError (400) for a body that is no call of the service.
    """
    current, name = current_call(), name or recorded_name(client)
    options = site.options_now(client)
    with site.turns.one(TURN_SECONDS):
        request = read_request(body, current.service, current.hook)
        _check_fhir_server(request, client)
        options = _with_earlier_overrides(options, site, request, client, name)
        answered = _answer(site, request, body, client, options)
        shown = shows_cards(client, request, site.library.wording)
        prepared = _dossiers(site, answered, client, name) if shown else None
    current.answered(request, answered.body, answered.failure)
    if answered.failure:
        call_log.failure(answered.failure)
    sent = answered.body if shown else {"cards": []}
    made = CallRecord(
        current.request_id,
        site.now(),
        name,
        shadow=not shown,
        rosters_version=options.rosters_version,
        fetched_sha256=answered.fetched_sha256,
        metrics=measured(answered, sent, options.side, current),
    )
    beside = prepared.keep if prepared else None
    current.decisions.update(site.recorder.record(made, request, answered, options, beside))
    return prepared.linked(sent, site.base_url(), site.library.wording.say("dossier.link")) if prepared else sent


def recorded_name(client: Client | None) -> str:
    """The name under which a client's calls are recorded."""
    return client.name if client else DEMO_CLIENT


def shows_cards(client: Client | None, request: Request, wording: Wording) -> bool:
    """Whether the clinician sees what was determined: not in shadow, nor in a department that is not switched on."""
    if client is None or (not client.shadow and not client.departments):
        return True
    return not client.shadow and bool(client.departments & departments_of(request, wording))


def _answer(site: Site, request: Request, body: bytes, client: Client | None, options: ServiceOptions) -> Answer:
    """The answer to a call, with what was read for it from its FHIR server in the time that it has left."""
    call = current_call()
    reader = site.reader(request, body, client, spent=perf_counter() - call.began)
    fetch = site.turns.lent(reader) if reader else None
    answered = site.answer(request, site.library, site.today(client), options, fetch)
    call.fetches.update(reader.results if reader else ())
    call.token_use = reader.token_use if reader else NOT_USED
    if answered.unusable:
        call_log.unusable_options(answered.unusable)
    return answered


def _dossiers(site: Site, answered: Answer, client: Client | None, name: str) -> Prepared | None:
    """The dossiers that the cards of a call will link to; none for a client that wants no such links."""
    if client is not None and not client.dossier_links:
        return None
    return site.dossiers.prepare(answered, site.library, name, site.now(), site.today(client))


def _check_fhir_server(request: Request, client: Client | None) -> None:
    """A client speaks for its own FHIR servers only: an issuer may sign for many hospitals."""
    if client is not None and request.fhir_server is not None and not client.serves(request.fhir_server):
        raise RequestError(400, "value", "fhirServer is not one that is registered for this client", "fhirServer")


def _with_earlier_overrides(
    options: ServiceOptions, site: Site, request: Request, client: Client | None, name: str
) -> ServiceOptions:
    """The options of this call, which can tell what was overridden as already submitted before."""
    ask = site.turns.lent(site.recorder.submitted(name, request.patient_id, site.today(client), options.zone))
    return replace(options, submitted=ask, system_actions=_takes_system_actions(request, client))


def _takes_system_actions(request: Request, client: Client | None) -> bool:
    """Whether a call is answered as Da Vinci CRD has it: agreed with the client, or, in an open demo, asked for."""
    return asks_for_crd(request.extension) if client is None else client.system_actions
