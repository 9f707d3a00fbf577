"""One call is about one patient: whatever else it names must be the same one."""

from __future__ import annotations

from cdshooks.engine.identity import Identity, subject_of
from cdshooks.hooks.orders import Payload
from cdshooks.hooks.prefetch import Delivery
from cdshooks.hooks.request import Request


def another_patient(request: Request, identity: Identity, delivery: Delivery, payload: Payload) -> bool:
    """True when the token, an order or the Patient sent names someone else than the session."""
    if request.authorization_patient not in (None, request.patient_id):
        return True
    if identity.contradictory:
        return True
    patients = delivery.patients
    sent = {patient for ids in patients.values() for patient in ids}
    if any(patient != request.patient_id for patient in patients.get("patient", [])):
        return True
    if sent and request.patient_id not in sent:
        return True
    orders = (*(resource for _, resource in payload.drafts), *request.focus.tasks)
    return any(identity.owns(subject_of(resource), resource) is False for resource in orders)
