"""Recording, as the routes see it: a call is answered whatever becomes of its record, feedback once it is stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from typing import Any

from sqlalchemy import Connection, delete, insert

from cdshooks.hooks.decision_record import Decision, decisions_of
from cdshooks.hooks.errors import RequestError, place_of
from cdshooks.hooks.feedback import FeedbackEntry
from cdshooks.hooks.request import Request
from cdshooks.hooks.service import Answer, ServiceOptions
from cdshooks.hooks.submitted import Submitted
from cdshooks.server.decision_log import CallRecord, keep_call, kept_decisions
from cdshooks.server.feedback_log import Taken, keep_feedback, submitted_by
from cdshooks.server.ledger import LOCK
from cdshooks.server.patient_key import patient_hash, patient_key
from cdshooks.server.record_tables import KEYS
from cdshooks.server.store import Store, StoreError
from cdshooks.server.store_queue import Result, StoreQueue

log = logging.getLogger("cdshooks.records")

DECISION_PATIENCE, LOOK_UP_PATIENCE, FEEDBACK_PATIENCE = 1.5, 0.5, 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on record, and whether the patients that were named are its patient and nobody else."""

    content: Mapping[str, Any]
    same_patient: bool


class Recorder:
    """Records the calls and the feedback of one process."""

    def __init__(self, open_store: Callable[[], Store], key: str | None = None) -> None:
        self._queue = StoreQueue(open_store, LOCK)
        self._key = key

    def record(
        self,
        call: CallRecord,
        request: Request,
        answered: Answer,
        options: ServiceOptions,
        beside: Callable[[Connection], None] | None = None,
    ) -> Mapping[str, int]:
        """Store a call and its decisions; how many were recorded, or lost: the answer goes out all the same.

        What is to be stored `beside` them is stored with them or not at all.
        """
        count = len(answered.body["cards"])
        try:
            decisions = decisions_of(answered, request, options)
            count = len(decisions)
            if decisions:
                self._queue.run(lambda c: self._keep(c, call, request, decisions, beside), DECISION_PATIENCE)
        except Exception as error:  # whatever is wrong with the record, the clinician gets the card
            said = str(error) if isinstance(error, StoreError) else place_of(error)
            fields = {"request": call.request, "decisions": count, "why": said}
            log.error("decisions not recorded", extra={"fields": fields})
            return {"lost": count}
        return {"recorded": count} if count else {}

    def submitted(self, client: str, patient_id: str, as_of: date, zone: tzinfo) -> Callable[[], Iterable[Submitted]]:
        """Asks, at most once, what was overridden as already submitted; nothing while the store cannot be read."""

        @cache
        def ask() -> tuple[Submitted, ...]:
            try:
                return self._queue.run(
                    lambda c: submitted_by(c, client, self._patient(c, client, patient_id), as_of, zone),
                    LOOK_UP_PATIENCE,
                )
            except StoreError as error:
                log.warning("earlier feedback not looked up", extra={"fields": {"why": str(error)}})
                return ()

        return ask

    def take_feedback(self, client: str, service: str, entries: Sequence[FeedbackEntry], now: datetime) -> Taken:
        """Store feedback. Raises RequestError (503) when it was not stored: nothing of it is acknowledged."""
        try:
            return self._queue.run(lambda c: keep_feedback(c, client, service, entries, now), FEEDBACK_PATIENCE)
        except StoreError as error:
            log.error("feedback not stored", extra={"fields": {"why": str(error), "entries": len(entries)}})
            says = "the feedback could not be stored and is not acknowledged; send it again later"
            raise RequestError(503, "transient", says) from error

    def decided(self, client: str, decision: str, patient_ids: Iterable[str]) -> Decided | None:
        """A client's decision, by its id. Raises RequestError (503) while the store cannot be read."""

        def look(connection: Connection) -> Decided | None:
            kept = [k for k in kept_decisions(connection, ids=[decision]) if k.row["client"] == client]
            hashes = {self._patient(connection, client, id_) for id_ in patient_ids}
            return Decided(kept[-1].content, hashes == {kept[-1].row["patient"]}) if kept else None

        try:
            return self._queue.run(look, LOOK_UP_PATIENCE)
        except StoreError as error:
            log.error("decision not looked up", extra={"fields": {"why": str(error)}})
            raise RequestError(503, "transient", "the records cannot be reached at present; try again") from None

    def run(self, work: Callable[[Connection], Result], patience: float) -> Result:
        """The result of other work in the store, in its turn. Raises StoreError."""
        return self._queue.run(work, patience)

    def _keep(
        self,
        connection: Connection,
        call: CallRecord,
        request: Request,
        decisions: Sequence[Decision],
        beside: Callable[[Connection], None] | None,
    ) -> None:
        patient = self._patient(connection, call.client, request.patient_id)
        keep_call(connection, call, request, decisions, patient)
        if beside is not None:
            beside(connection)

    def _patient(self, connection: Connection, client: str, patient_id: str) -> str:
        return patient_hash(patient_key(connection, self._key), client, patient_id)

    def trouble(self) -> str | None:
        """Why nothing can be recorded at present; None when it can. While there is trouble, a write is tried."""
        if self._queue.trouble is None:
            return None
        try:
            self._queue.run(_probe, LOOK_UP_PATIENCE)
        except StoreError as error:
            return str(error)
        return None


def _probe(connection: Connection) -> None:
    """Write something, as a full disk and a file that may only be read would not let us."""
    connection.execute(delete(KEYS).where(KEYS.c.name == "probe"))
    connection.execute(insert(KEYS), {"name": "probe", "value": ""})
