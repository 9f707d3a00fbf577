"""The CDS Hooks routes: discovery, the call, and feedback."""

from __future__ import annotations

from flask import Flask, Response

from cdshooks.hooks.feedback import read_feedback
from cdshooks.server.answering import answer_call, begin_call, recorded_name
from cdshooks.server.callers import caller
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
        begin_call(site, service_id)
        return json_reply(answer_call(site, posted_json(), caller()))

    @app.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> Response:
        site.hook(service_id)
        take_feedback(site, service_id, posted_json(), recorded_name(caller()))
        return json_reply({})


def take_feedback(site: Site, service_id: str, body: bytes, name: str) -> None:
    """Store a batch of feedback under a client's name. Raises RequestError (400, 503)."""
    taken = site.recorder.take_feedback(name, service_id, read_feedback(body), site.now())
    current_call().feedback.update(taken.counts())
