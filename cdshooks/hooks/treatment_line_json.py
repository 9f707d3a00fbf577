"""A line of treatment in the machine-readable determination: the table that a card has no room for."""

from __future__ import annotations

from typing import Any

from cdshooks.engine.model import Said, TreatmentLine
from cdshooks.hooks.text import clean

_MOST_RECORDS = 20


def treatment_line_json(line: TreatmentLine) -> dict[str, Any]:
    """One line: what the chart tells of it, under `open` what it leaves to a person, and its records."""
    best = line.best_response
    optional = {
        "start": line.start,
        "end": line.end,
        "number": line.number,
        "coded": line.coded,
        "onlyOrdered": [clean(name) for name in line.only_ordered],
        "bestResponse": _said(best) if best else None,
        "responses": [_said(said) for said in line.responses],
        "stopped": [_said(said) for said in line.stopped],
        "intent": clean(line.intent),
        "forThisOrder": line.for_this_order,
        "disagrees": line.disagrees,
    }
    references = [item.reference for item in line.evidence]
    return {
        "regimen": [clean(name) for name in line.regimen],
        "basis": line.basis.value,
        **{name: value for name, value in optional.items() if value},
        **({"open": left} if (left := _open(line)) else {}),
        "records": len(references),
        "evidence": references[:_MOST_RECORDS],
    }


def _open(line: TreatmentLine) -> list[str]:
    """What no record of the line tells, by the names of the missing keys."""
    told = {"start": line.start, "end": line.end, "bestResponse": line.best_response, "stopped": line.stopped}
    return [name for name, value in told.items() if not value]


def _said(said: Said) -> dict[str, str]:
    return {"words": clean(said.words), **({"date": said.date} if said.date else {}), "reference": said.reference}
