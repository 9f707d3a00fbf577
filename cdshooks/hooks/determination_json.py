"""The machine-readable determination that every card carries."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from cdshooks.engine.model import CountingDates, Determination, Evidence, Finding, LeftOut, Order, Reminder, Result
from cdshooks.engine.policy import Policy
from cdshooks.hooks.criteria_map import row_json
from cdshooks.hooks.submitted import SETTLED
from cdshooks.hooks.text import clean
from cdshooks.hooks.treatment_line_json import treatment_line_json

KEY = "org.cdshooks.determination"
_MOST_LEFT_OUT = 100


def determination_json(
    decision: UUID,
    library_hash: str,
    order: Order | None,
    as_of: date,
    policy: dict[str, Any] | None,
    determination: Determination | None,
    submitted: date | None = None,
) -> dict[str, Any]:
    """The determination as JSON (schema 1); without one: no findings, could not check.

    `submitted` is the day on which the same gaps were overridden as already submitted.
    """
    found = determination or Determination(Result.COULD_NOT_CHECK, ())
    return {
        "schema": 1,
        "decision": str(decision),
        "library": library_hash,
        **(_order(order) if order else {}),
        "asOf": as_of.isoformat(),
        **({"serviceDate": order.service_date.isoformat()} if order else {}),
        **({"policy": policy} if policy else {}),
        **({"alreadySubmitted": submitted.isoformat()} if submitted else {}),
        "outcome": found.outcome.value,
        "findings": [_finding(finding) for finding in found.findings],
        **({"criteriaMap": [row_json(row, found) for row in found.criteria_map]} if found.criteria_map else {}),
        **({"reminders": [_reminder(r) for r in found.reminders]} if found.reminders else {}),
        **({"leftOut": [_left_out(x) for x in found.left_out[:_MOST_LEFT_OUT]]} if found.left_out else {}),
    }


def policy_json(policy: Policy, service_date: date) -> dict[str, Any]:
    """Which version was applied and how sure it is that it stands."""
    standing = policy.standing(service_date)
    differs = policy.differs_from_label(service_date)
    return {
        "id": policy.id,
        "version": policy.version,
        "status": policy.status,
        "standing": standing.is_ if standing else "unconfirmed",
        "authority": policy.authority,
        **({"differsFromLabel": list(differs)} if differs else {}),
    }


def _order(order: Order) -> dict[str, Any]:
    named = {"product": str(order.product)} if order.product else {}
    return {"order": order.reference, **named, "recognizedBy": clean(order.recognized_by)}


def _finding(finding: Finding) -> dict[str, Any]:
    until = finding.counts_until.isoformat() if finding.counts_until else None
    return {
        "criterion": finding.criterion,
        "section": finding.section.value,
        "cite": list(finding.cite),
        "outcome": finding.outcome.value,
        "reason": "; ".join([clean(finding.reason), *(clean(note) for note in finding.notes)]),
        **({} if finding.outcome in SETTLED else {"ask": clean(finding.whole_ask)}),
        "owner": finding.owner,
        **({"denial": finding.denial} if finding.denial else {}),
        **({"countsUntil": until} if until else {}),
        **(_counts_from(finding.counts_from) if finding.counts_from else {}),
        **({"neededBy": finding.needed_by.isoformat()} if finding.needed_by else {}),
        **({"toReview": finding.to_review} if finding.to_review else {}),
        **({"evidence": [_evidence(item) for item in finding.evidence]} if finding.evidence else {}),
        **({"lines": [treatment_line_json(line) for line in finding.lines]} if finding.lines else {}),
    }


def _counts_from(dates: CountingDates) -> dict[str, str]:
    return {
        "countsFrom": dates.submission.isoformat(),
        "countsFromForService": dates.service.isoformat(),
        "earliestDate": dates.earliest.isoformat(),
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    optional = {
        "date": evidence.date,
        "display": clean(evidence.display),
        "source": clean(evidence.source or ""),
    }
    return {"reference": evidence.reference, **{k: v for k, v in optional.items() if v}}


def _reminder(reminder: Reminder) -> dict[str, Any]:
    return {"cite": list(reminder.cite), "text": reminder.text}


def _left_out(left: LeftOut) -> dict[str, Any]:
    return {"reference": left.reference, "why": left.why.value}
