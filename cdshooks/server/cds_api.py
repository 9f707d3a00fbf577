"""The CDS Hooks routes: discovery, the call, and feedback."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from flask import Flask, Response

from cdshooks.engine.wording import Wording
from cdshooks.hooks.departments import departments_of
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.feedback import read_feedback
from cdshooks.hooks.request import Request, read_request
from cdshooks.hooks.service import Answer, ServiceOptions
from cdshooks.server import call_log
from cdshooks.server.callers import caller
from cdshooks.server.calls import current_call
from cdshooks.server.clients import Client
from cdshooks.server.decision_log import CallRecord
from cdshooks.server.replies import json_reply, posted_json
from cdshooks.server.site import Site

DEMO_CLIENT = "demo"
"""The name under which the calls of demo mode are recorded."""


def add_cds_routes(app: Flask, site: Site) -> None:
    """Route what an EHR calls. Source: CDS Hooks 2.0.1."""

    @app.get("/cds-services")
    def discovery() -> Response:
        return json_reply(site.discovery)

    @app.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        hook = site.hook(service_id)
        client, current = caller(), current_call()
        current.service, current.hook = service_id, hook
        body = posted_json()
        request = read_request(body, service_id, hook)
        _check_fhir_server(request, client)
        options = _with_earlier_overrides(site, request, client)
        answered = _answer(site, request, body, client, options)
        current.answered(request, answered.body, answered.failure)
        if answered.failure:
            call_log.failure(answered.failure)
        shown = shows_cards(client, request, site.library.wording)
        reply = json_reply(answered.body if shown else {"cards": []})
        made = CallRecord(
            current.request_id,
            site.now(),
            _name(client),
            shadow=not shown,
            rosters_version=options.rosters_version,
            fetched_sha256=answered.fetched_sha256,
        )
        current.decisions.update(site.recorder.record(made, request, answered, options))
        return reply

    @app.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> Response:
        site.hook(service_id)
        entries = read_feedback(posted_json())
        taken = site.recorder.take_feedback(_name(caller()), service_id, entries, site.now())
        current_call().feedback.update(taken.counts())
        return json_reply({})


def _answer(site: Site, request: Request, body: bytes, client: Client | None, options: ServiceOptions) -> Answer:
    """The answer to a call, with what was read for it from its FHIR server in the time that it has left."""
    call = current_call()
    reader = site.reader(request, body, client, spent=perf_counter() - call.began)
    answered = site.answer(request, site.library, site.today(client), options, reader)
    call.fetches.update(reader.results if reader else ())
    return answered


def shows_cards(client: Client | None, request: Request, wording: Wording) -> bool:
    """Whether the clinician sees what was determined: not in shadow, nor in a department that is not switched on."""
    if client is None or (not client.shadow and not client.departments):
        return True
    return not client.shadow and bool(client.departments & departments_of(request, wording))


def _check_fhir_server(request: Request, client: Client | None) -> None:
    """A client speaks for its own FHIR servers only: an issuer may sign for many hospitals."""
    if client is not None and request.fhir_server is not None and not client.serves(request.fhir_server):
        raise RequestError(400, "value", "fhirServer is not one that is registered for this client", "fhirServer")


def _name(client: Client | None) -> str:
    """The name under which a client's calls are recorded."""
    return client.name if client else DEMO_CLIENT


def _with_earlier_overrides(site: Site, request: Request, client: Client | None) -> ServiceOptions:
    """The options of this call, which can tell what was overridden as already submitted before."""
    options = site.options_now(client)
    ask = site.recorder.submitted(_name(client), request.patient_id, site.today(client), options.zone)
    return replace(options, submitted=ask)
