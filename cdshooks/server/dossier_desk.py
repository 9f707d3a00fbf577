"""Dossiers as the routes see them: made beside the record of a call, linked from its cards, found again by a ticket."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from cdshooks.engine.library import Library
from cdshooks.hooks.answered import Answer
from cdshooks.hooks.dossier import dossiers_of
from cdshooks.hooks.errors import RequestError, place_of
from cdshooks.server.dossier_links import PATH, Purpose, Ticket, dossier_id, read_ticket, sign
from cdshooks.server.dossiers import (
    Kept,
    Said,
    add_said,
    dossier_key,
    keep_dossiers,
    kept_dossier,
    purge_dossiers,
    unsaid_of,
)
from cdshooks.server.recorder import FEEDBACK_PATIENCE, Recorder
from cdshooks.server.settings import Settings
from cdshooks.server.store import StoreError
from cdshooks.server.store_queue import Result

log = logging.getLogger("cdshooks.dossiers")


@dataclass
class Prepared:
    """The dossiers of one call, by the uuid of their card; `links` is filled when they have been stored."""

    contents: Mapping[str, Mapping[str, Any]]
    client: str
    made_at: datetime
    today: date
    until: date
    configured: str | None
    links: dict[str, str] = field(default_factory=dict)

    def keep(self, connection: Connection) -> None:
        """Store them, in the transaction of the call's record."""
        purge_dossiers(connection, self.today)
        ids = {uuid: dossier_id(c["determination"]["decision"], self.client) for uuid, c in self.contents.items()}
        by_id = {ids[uuid]: content for uuid, content in self.contents.items()}
        keep_dossiers(connection, by_id, self.client, self.made_at, self.until)
        key = dossier_key(connection, self.configured)
        self.links = {uuid: sign(key, Ticket(id_, self.until)) for uuid, id_ in ids.items()}

    def linked(self, body: Mapping[str, Any], base: str, label: str) -> dict[str, Any]:
        """The answer with a link on each card whose dossier was stored."""
        return {**body, "cards": [self._linked(card, base, label) for card in body["cards"]]}

    def _linked(self, card: Mapping[str, Any], base: str, label: str) -> Mapping[str, Any]:
        if card["uuid"] not in self.links:
            return card
        link = {"label": label, "url": f"{base}{PATH}/{self.links[card['uuid']]}", "type": "absolute"}
        return {**card, "links": [link, *card.get("links", ())]}


class DossierDesk:
    """Makes, finds and adds to the dossiers of one process."""

    def __init__(self, recorder: Recorder, settings: Settings) -> None:
        self._recorder = recorder
        self._days = settings.dossier_days
        self._configured = settings.dossier_key
        self._key: bytes | None = None

    def prepare(self, answered: Answer, library: Library, client: str, now: datetime, today: date) -> Prepared | None:
        """The dossiers of an answer; None where there are none, or where they are turned off."""
        if not self._days:
            return None
        try:
            contents = dossiers_of(answered, library)
        except Exception as error:  # whatever is wrong with a dossier, the clinician gets the card
            log.error("dossier not made", extra={"fields": {"where": place_of(error)}})
            return None
        until = today + timedelta(days=self._days)
        return Prepared(contents, client, now, today, until, self._configured) if contents else None

    def ticket(self, text: str, purpose: Purpose = "read") -> Ticket | None:
        """The ticket in a link or a form; None for one that is not ours. Raises RequestError (503).

        Only the first asks the store: a stranger's guesses keep nobody from recording.
        """
        return read_ticket(self._signing_key(), text, purpose)

    def form(self, ticket: Ticket, purpose: Purpose) -> str:
        """What a form must bring back. Raises RequestError (503)."""
        return sign(self._signing_key(), ticket, purpose)

    def find(self, ticket: Ticket, today: date) -> Kept | None:
        """The dossier of a ticket; None when it is past its last day. Raises RequestError (503)."""

        def work(connection: Connection) -> Kept | None:
            purge_dossiers(connection, today)
            return kept_dossier(connection, ticket.dossier) if today <= ticket.until and self._days else None

        return self._run(work)

    def open(self, text: str, today: date) -> tuple[Ticket, Kept] | None:
        """The dossier of a link; None for a link that is not ours, is past its day, or leads to nothing."""
        ticket = self.ticket(text)
        kept = self.find(ticket, today) if ticket else None
        return (ticket, kept) if ticket and kept else None

    def of_decision(self, decision: str, client: str, today: date) -> tuple[Ticket, Kept] | None:
        """A client's dossier of a decision that has a map, and what its link holds; None where there is none."""
        try:
            number = dossier_id(decision, client)
        except ValueError:  # what a caller wrote is no id of ours
            return None
        kept = self.find(Ticket(number, today), today)
        return (Ticket(number, kept.until), kept) if kept and kept.has_map else None

    def address(self, ticket: Ticket) -> str:
        """The path of a dossier."""
        return f"{PATH}/{self.form(ticket, 'read')}"

    def add(self, ticket: Ticket, said: Sequence[Said], now: datetime) -> None:
        """Store what a person said. Raises RequestError (503) when it was not stored."""
        self._run(lambda c: add_said(c, ticket.dossier, said, now))

    def add_once(self, ticket: Ticket, said: Sequence[Said], now: datetime) -> list[Said]:
        """Store what is new of what a person said, and tell what that was. Raises RequestError (503)."""

        def work(connection: Connection) -> list[Said]:
            kept = kept_dossier(connection, ticket.dossier)
            new = unsaid_of(said, kept.said) if kept else []
            add_said(connection, ticket.dossier, new, now)
            return new

        return self._run(work)

    def _signing_key(self) -> bytes:
        """The key, which stays what it is as long as the process does."""
        if self._key is None:
            self._key = self._run(lambda c: dossier_key(c, self._configured))
        return self._key

    def _run(self, work: Callable[[Connection], Result]) -> Result:
        try:
            return self._recorder.run(work, FEEDBACK_PATIENCE)
        except StoreError as error:
            log.error("dossier not reached", extra={"fields": {"why": str(error)}})
            raise RequestError(503, "transient", "the dossier cannot be reached at present; try again") from None
