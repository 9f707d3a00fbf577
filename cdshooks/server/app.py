"""The web application, put together from its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask

from cdshooks.engine.library import Library
from cdshooks.hooks.discovery import services as cds_services
from cdshooks.hooks.service import ServiceOptions
from cdshooks.hooks.service import answer as cds_answer
from cdshooks.server.call_log import log_call
from cdshooks.server.calls import watch_calls
from cdshooks.server.cds_api import add_cds_routes
from cdshooks.server.headers import send_headers
from cdshooks.server.live_rosters import LiveRosters
from cdshooks.server.metrics import Metrics, add_metrics
from cdshooks.server.pages import add_pages
from cdshooks.server.replies import MAX_BODY_BYTES, answer_errors
from cdshooks.server.settings import Settings, default_fixtures, refuse_production
from cdshooks.server.site import Answerer, Clock, Site
from cdshooks.server.store import open_store
from cdshooks.server.stories import read_stories


def create_app(
    settings: Settings,
    library: Library,
    *,
    clock: Clock = datetime.now,
    answer: Answerer = cds_answer,
    services: Callable[[Library], Mapping[str, Any]] = cds_services,
    fixtures: Path | None = None,
) -> Flask:
    """The Flask application for a library. Raises SettingsError in production mode, which is not available yet."""
    refuse_production(settings)
    app = Flask("cdshooks.server", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1  # what is larger is told apart from what is as large
    site = Site(
        settings=settings,
        library=library,
        clock=clock,
        answer=answer,
        options=ServiceOptions(zone=settings.timezone, default_facility=settings.default_facility),
        rosters=LiveRosters(lambda: open_store(settings.database_url), library.rosters, synthetic=settings.demo),
        discovery=services(library),
        stories=read_stories(fixtures or default_fixtures()) if settings.demo else {},
    )
    metrics = Metrics()
    watch_calls(app, [partial(log_call, library=library.hash), metrics.count])
    send_headers(app, settings.demo)
    answer_errors(app)
    add_cds_routes(app, site)
    add_pages(app, site)
    add_metrics(app, metrics)
    return app
