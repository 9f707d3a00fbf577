"""Who is let in to the CDS services: how many at once, how often, and only registered clients."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Flask, Response, g, request

from cdshooks.hooks.errors import RequestError
from cdshooks.server import call_log
from cdshooks.server.auth import Authenticator, Unauthorized
from cdshooks.server.calls import current_call
from cdshooks.server.clients import Client
from cdshooks.server.rate import CallRate
from cdshooks.server.replies import unauthorized
from cdshooks.server.site import Site
from cdshooks.server.store import StoreError

AT_ONCE = 32
"""Calls that one process works on at the same time; those beyond it are told at once to come again."""

_GUARDED = "/cds-services"


@dataclass
class Door:
    """Lets in what may come in. Without an authenticator it is open to anyone: a demo."""

    site: Site
    authenticator: Authenticator | None
    rate: CallRate = field(default_factory=CallRate)
    places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))

    def enter(self) -> None:
        """Let the current call in. Raises RequestError (429, 503) or Unauthorized."""
        if request.url_rule is None or not request.url_rule.rule.startswith(_GUARDED):
            return
        if not self.places.acquire(blocking=False):
            raise RequestError(503, "throttled", "too many calls at this moment; try again in a second")
        g.place_taken = True
        if self.authenticator is not None:
            g.client = self._checked(self.authenticator)
            current_call().client = g.client.name

    def leave(self, error: BaseException | None = None) -> None:
        """Give back the place of the current call."""
        if g.pop("place_taken", False):
            self.places.release()

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

    def _audiences(self) -> Iterator[str]:
        """The address that was called; of feedback also its service, for the standard does not say which."""
        address = f"{self.site.base_url()}{request.path}"
        yield address
        if address.endswith("/feedback"):
            yield address.removesuffix("/feedback")


def guard(app: Flask, door: Door) -> None:
    """Put the door before the app's CDS services; health and pages stay open."""
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
