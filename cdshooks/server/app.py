"""The web application, put together from its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask

from cdshooks.engine.library import Library
from cdshooks.hooks.discovery import services as cds_services
from cdshooks.hooks.service import ServiceOptions
from cdshooks.hooks.service import answer as cds_answer
from cdshooks.server.auth import Authenticator
from cdshooks.server.call_log import log_call
from cdshooks.server.callers import Door, guard
from cdshooks.server.calls import watch_calls
from cdshooks.server.cds_api import add_cds_routes
from cdshooks.server.clients import Client
from cdshooks.server.dossier_desk import DossierDesk
from cdshooks.server.dossier_pages import add_dossier_pages
from cdshooks.server.feedback_page import add_feedback_page
from cdshooks.server.fhir_client import FhirClient
from cdshooks.server.headers import send_headers
from cdshooks.server.jwks import ClientKeys
from cdshooks.server.key_address import fetch_keys
from cdshooks.server.live_rosters import LiveRosters
from cdshooks.server.metrics import Metrics, add_metrics
from cdshooks.server.openapi import add_openapi
from cdshooks.server.pages import add_pages
from cdshooks.server.production import registered_clients
from cdshooks.server.questionnaires import add_questionnaires
from cdshooks.server.rate_gauges import RateGauges
from cdshooks.server.recorder import Recorder
from cdshooks.server.replies import MAX_BODY_BYTES, answer_errors
from cdshooks.server.settings import Settings, default_fixtures
from cdshooks.server.site import Answerer, Clock, Site
from cdshooks.server.store import OpenedOnce
from cdshooks.server.stories import read_arrivals, read_stories
from cdshooks.server.used_tokens import UsedTokens


def create_app(
    settings: Settings,
    library: Library,
    *,
    clock: Clock = datetime.now,
    answer: Answerer = cds_answer,
    services: Callable[[Library], Mapping[str, Any]] = cds_services,
    fixtures: Path | None = None,
) -> Flask:
    """The Flask application for a library. Raises SettingsError for a setting that leaves a production service open."""
    clients = registered_clients(settings)
    app = Flask("cdshooks.server", static_folder=None)
    # Else a doubled slash is redirected to whatever host the call named, before the door.
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1  # what is larger is told apart from what is as large
    store = OpenedOnce(settings.database_url)
    rates = RateGauges(store, library.wording.override_reasons, lambda: clock(ZoneInfo("UTC")))
    metrics = Metrics(rates)
    recorder = Recorder(OpenedOnce(settings.database_url, keep=True), settings.patient_key)
    site = Site(
        settings=settings,
        library=library,
        clock=clock,
        answer=answer,
        options=_options(settings),
        rosters=LiveRosters(store, library.rosters, synthetic=settings.demo),
        recorder=recorder,
        dossiers=DossierDesk(recorder, settings),
        discovery=services(library),
        stories=read_stories(fixtures or default_fixtures()) if settings.demo else {},
        arrivals=read_arrivals(fixtures or default_fixtures()) if settings.demo else {},
        fhir=FhirClient(watch=metrics.show_server),
    )
    watch_calls(app, [partial(log_call, library=library.hash), metrics.count])
    send_headers(app, settings.demo, frozenset(origin for client in clients for origin in client.origins))
    answer_errors(app)
    guard(app, Door(site, _authenticator(store, clients, clock) if clients else None))
    _add_routes(app, site, metrics, store)
    return app


def _options(settings: Settings) -> ServiceOptions:
    """What the settings say of every call; an address of the call alone would not last in a canonical."""
    return ServiceOptions(
        zone=settings.timezone,
        default_facility=settings.default_facility,
        side=settings.side,
        questionnaires=settings.public_url or "",
    )


def _add_routes(app: Flask, site: Site, metrics: Metrics, store: OpenedOnce) -> None:
    add_cds_routes(app, site)
    add_pages(app, site)
    add_dossier_pages(app, site)
    add_questionnaires(app, site)
    add_metrics(app, metrics)
    add_feedback_page(app, site, store)
    add_openapi(app, site)


def _authenticator(store: OpenedOnce, clients: Sequence[Client], clock: Clock) -> Authenticator:
    return Authenticator(
        clients,
        ClientKeys(clients, fetch_keys),
        UsedTokens(store),
        lambda: clock(ZoneInfo("UTC")).timestamp(),
    )
