"""The CDS Hooks routes: discovery, the call, and feedback."""

from __future__ import annotations

from flask import Flask, Response

from cdshooks.hooks.feedback import read_feedback
from cdshooks.hooks.request import read_request
from cdshooks.server import call_log
from cdshooks.server.calls import current_call
from cdshooks.server.replies import json_reply, posted_json
from cdshooks.server.site import Site


def add_cds_routes(app: Flask, site: Site) -> None:
    """Route what an EHR calls. Source: CDS Hooks 2.0.1."""

    @app.get("/cds-services")
    def discovery() -> Response:
        return json_reply(site.discovery)

    @app.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        hook = site.hook(service_id)
        current = current_call()
        current.service, current.hook = service_id, hook
        request = read_request(posted_json(), service_id, hook)
        answered = site.answer(request, site.library, site.today(), site.options_now())
        current.answered(answered.body, answered.failure, orders=len(request.draft_orders))
        if answered.failure:
            call_log.failure(answered.failure)
        return json_reply(answered.body)

    @app.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> Response:
        site.hook(service_id)
        entries = read_feedback(posted_json())
        # Counted only: this release keeps no feedback.
        current_call().feedback.update(entry.outcome for entry in entries)
        return json_reply({})
