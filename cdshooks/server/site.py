"""What the routes of one running service share, settled at start; the only reader of the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request

from cdshooks.engine.centers import RosterRow
from cdshooks.engine.library import Library
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.fetched import Fetch
from cdshooks.hooks.request import Request, access_token
from cdshooks.hooks.service import Answer, ServiceOptions
from cdshooks.server.clients import Client
from cdshooks.server.dossier_desk import DossierDesk
from cdshooks.server.fhir_client import FhirClient, FhirReader
from cdshooks.server.live_rosters import LiveRosters
from cdshooks.server.rate import Turns
from cdshooks.server.recorder import Recorder
from cdshooks.server.registry import roster_hash
from cdshooks.server.settings import Settings
from cdshooks.server.stories import Story

Answerer = Callable[[Request, Library, date, ServiceOptions, Fetch | None], Answer]
Clock = Callable[[ZoneInfo], datetime]

COMPUTE_AT_ONCE = 2
"""Calls of one process that compute while others wait for a turn, a FHIR server or the store."""


@dataclass(frozen=True)
class Site:
    """One service: its settings, its library and what it offers.

    `arrived` are rows that came into the roster during a visit of the demo EHR, for that visit alone.
    """

    settings: Settings
    library: Library
    clock: Clock
    answer: Answerer
    options: ServiceOptions
    rosters: LiveRosters
    recorder: Recorder
    dossiers: DossierDesk
    discovery: Mapping[str, Any]
    stories: Mapping[str, Story]
    arrivals: Mapping[str, Any]
    fhir: FhirClient
    arrived: tuple[RosterRow, ...] = ()
    turns: Turns = field(default_factory=lambda: Turns(COMPUTE_AT_ONCE))

    def today(self, client: Client | None = None) -> date:
        """The calendar day in the client's time zone, else in the configured one."""
        return self.clock(self._zone(client)).date()

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self.clock(ZoneInfo("UTC")).astimezone(UTC)

    def options_now(self, client: Client | None = None) -> ServiceOptions:
        """The options of a client's call that comes now, with the newest roster."""
        now = self.rosters.current()
        rows, hash_ = now.rows, now.hash
        if self.arrived:
            rows = (*rows, *self.arrived)
            hash_ = roster_hash(rows)
        options = replace(self.options, rosters=rows, rosters_hash=hash_, rosters_version=now.version)
        if client is None:
            return options
        return replace(
            options,
            zone=self._zone(client),
            default_facility=client.default_facility or options.default_facility,
            suggestions=client.suggestions,
        )

    def reader(self, request: Request, body: bytes, client: Client | None, spent: float) -> FhirReader | None:
        """What reads from its FHIR server for a call that came `spent` seconds ago.

        None where the call names no server, or where no server may be asked.
        """
        access = self.settings.demo_access if client is None else client.fhir_access
        if access is None or request.fhir_server is None:
            return None
        return self.fhir.for_call(access, request.fhir_server, lambda: access_token(body), spent)

    def _zone(self, client: Client | None) -> ZoneInfo:
        return client.timezone if client and client.timezone else self.settings.timezone

    def hook(self, service_id: str) -> str:
        """The hook of a CDS service. Raises RequestError (404) when there is no service of that id."""
        for service in self.discovery["services"]:
            if service["id"] == service_id:
                return str(service["hook"])
        raise RequestError(404, "not-found", "there is no CDS service of that id; GET /cds-services lists them")

    def base_url(self) -> str:
        """The address of the service: the one that was set, else the one of the current call."""
        return self.settings.public_url or request.url_root.rstrip("/")
