"""Who is let in to CDS services and Questionnaires: how many at once, how often, and only registered clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from flask import Flask, Response, g, request

from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.questionnaire import PATH as QUESTIONNAIRES
from cdshooks.server import call_log
from cdshooks.server.auth import Authenticator, Unauthorized
from cdshooks.server.calls import current_call
from cdshooks.server.clients import Client
from cdshooks.server.rate import CallRate, Places
from cdshooks.server.replies import unauthorized
from cdshooks.server.site import Site
from cdshooks.server.store import StoreError

AT_ONCE = 16
"""Calls that one process works on at the same time; those beyond it are told at once to come again."""
AT_ONCE_OF_ONE = 12
"""How many of them may be one client's: whoever is slow, or comes with a crowd, leaves room for the others."""

_GUARDED = ("/cds-services", QUESTIONNAIRES)
_DEMO = "/demo"  # its pages answer calls as well: they take a place, and ask nobody who they are
_WATCHED = ("/metrics", "/feedback")


@dataclass
class Door:
    """Lets in what may come in. Without an authenticator it is open to anyone: a demo."""

    site: Site
    authenticator: Authenticator | None
    rate: CallRate = field(default_factory=CallRate)
    places: Places = field(default_factory=lambda: Places(AT_ONCE, AT_ONCE_OF_ONE))

    def enter(self) -> None:
        """Let the current call in. Raises RequestError (404, 429, 503) or Unauthorized."""
        route = request.url_rule.rule if request.url_rule else ""
        if route in _WATCHED and not self._may_watch():
            raise RequestError(404, "not-found", "there is nothing at this address")
        if not route.startswith((*_GUARDED, _DEMO)):
            return
        self._take("")
        if self.authenticator is not None and route.startswith(_GUARDED):
            g.client = self._checked(self.authenticator)
            current_call().client = g.client.name
            self._take(g.client.name)

    def leave(self, error: BaseException | None = None) -> None:
        """Give back the places of the current call."""
        for whose in g.pop("places", ()):
            self.places.give_back(whose)

    def _take(self, whose: str) -> None:
        if not self.places.take(whose):
            raise RequestError(503, "throttled", "too many calls at this moment; try again in a second")
        g.places = (*g.get("places", ()), whose)

    def _checked(self, authenticator: Authenticator) -> Client:
        per_address = self.site.settings.address_rate
        if per_address and not self.rate.allows(("address", request.remote_addr), per_address):
            raise _too_often()
        try:
            client = authenticator.client_of(request.headers.get("Authorization"), self._audiences())
        except StoreError as error:
            # A token that cannot be remembered could be used twice.
            call_log.store_down(error)
            raise RequestError(503, "transient", "callers cannot be checked at present; try again") from None
        if not self.rate.allows(client.name, client.calls_per_second):
            raise _too_often()
        return client

    def _may_watch(self) -> bool:
        """Whether metrics and rates are for the current caller; a call that a proxy passed on is nobody's own."""
        settings = self.site.settings
        if settings.demo:
            return True
        if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP")):
            return False
        address = ip_address(request.remote_addr or "::")
        return any(address in network for network in settings.metrics_from)

    def _audiences(self) -> Iterator[str]:
        """The address that was called; of feedback also its service, for the standard does not say which."""
        address = f"{self.site.base_url()}{request.path}"
        yield address
        if address.endswith("/feedback"):
            yield address.removesuffix("/feedback")


def guard(app: Flask, door: Door) -> None:
    """Put the door before the app's CDS services and Questionnaires; health and pages stay open."""
    app.before_request(door.enter)
    app.teardown_request(door.leave)
    app.register_error_handler(Unauthorized, _refused)


def caller() -> Client | None:
    """The client that makes the current call; None in an open demo."""
    client: Client | None = g.get("client")
    return client


def _too_often() -> RequestError:
    return RequestError(429, "throttled", "too many calls; try again in a second")


def _refused(error: Unauthorized) -> Response:
    call_log.unauthorized(error.reason)
    return unauthorized()
