"""What is measured of each call, as Da Vinci CRD would have it: kept beside the call, told in its CRD Metric Data.

Of a chart it holds how many records of which kind were read. Source: Da Vinci CRD 2.2.1, CRDMetricData and metrics.md.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from cdshooks.engine.crd_table import Side
from cdshooks.hooks.answered import Answer
from cdshooks.server.calls import Call
from cdshooks.server.record_tables import ANSWERS, CALLS, DECISIONS, FEEDBACK, METRICS, Row, stamp

_NPI = "http://hl7.org/fhir/sid/us-npi"
_PAYER = "urn:org.cdshooks:payer"
_LABEL = "fda"  # the policy of no payer
_ENGAGED = {"accepted": "accept", "overridden": "override"}
_SAID = ("covered", "paNeeded", "docNeeded", "infoNeeded", "assertionId")


def measured(answered: Answer, sent: Mapping[str, Any], side: Side, call: Call) -> dict[str, Any]:
    """What is kept of a call that is about to be recorded; `sent` is its answer without links to dossiers."""
    return {
        **answered.measures,
        "source": f"{side}-src",
        "seconds": round(perf_counter() - call.began, 4),
        "tokenUse": call.token_use,
        "answer_sha256": hashlib.sha256(msgspec.json.encode(sent)).hexdigest(),
    }


def metric_data(connection: Connection, since: str, until: str) -> Iterator[dict[str, Any]]:
    """The CRD Metric Data of each call on record from `since` until before `until`, oldest first, and its client."""
    asked = select(CALLS, METRICS.c.content).outerjoin(METRICS, METRICS.c.call == CALLS.c.id)
    chosen = asked.where(CALLS.c.at >= since, CALLS.c.at < until).order_by(CALLS.c.at, CALLS.c.id)
    for row in connection.execute(chosen).mappings().all():
        kept = msgspec.json.decode(row["content"]) if row["content"] else {}
        yield _data(row, kept, _answers(connection, row))


def _answers(connection: Connection, call: Row) -> list[tuple[Row, Mapping[str, Any]]]:
    same = (DECISIONS.c.id == ANSWERS.c.decision) & (DECISIONS.c.content_sha256 == ANSWERS.c.content_sha256)
    asked = select(DECISIONS, ANSWERS.c.shown).join(ANSWERS, same).where(ANSWERS.c.call == call["id"])
    feedback = select(FEEDBACK.c.card, FEEDBACK.c.outcome).where(FEEDBACK.c.client == call["client"])
    found = connection.execute(asked.order_by(DECISIONS.c.id)).mappings().all()
    told = connection.execute(
        feedback.where(FEEDBACK.c.card.in_([row["card"] for row in found])).order_by(FEEDBACK.c.at)
    ).all()
    engaged = {card: _ENGAGED[outcome] for card, outcome in told}
    return [({**row, "engagement": engaged.get(row["card"], "ignored")}, _decoded(row)) for row in found]


def _decoded(row: Row) -> Mapping[str, Any]:
    content: Mapping[str, Any] = msgspec.json.decode(row["content"])
    return content


def _data(call: Row, kept: Mapping[str, Any], answers: list[tuple[Row, Mapping[str, Any]]]) -> dict[str, Any]:
    payers = {content.get("policy", {}).get("id", "").partition("/")[0] for _, content in answers} - {"", _LABEL}
    at = datetime.fromisoformat(call["at"])
    data = {
        "source": kept.get("source"),
        "client": call["client"],
        "hookInstance": call["hook_instance"],
        "hookType": call["hook"],
        "providerId": _identifier(_NPI, kept.get("providerId")),
        "groupId": _identifier(_NPI, kept.get("groupId")),
        "payerId": [_identifier(_PAYER, payer) for payer in sorted(payers)],
        "requestTime": stamp(at - timedelta(seconds=kept["seconds"])) if "seconds" in kept else None,
        "responseTime": call["at"],
        "httpResponse": 200,
        "tokenUse": kept.get("tokenUse"),
        "orderDetail": kept.get("orderDetail"),
        "resources": kept.get("resources"),
        "response": [] if call["shadow"] else [*_cards(kept, answers), *_coverage_information(answers)],
    }
    return {name: value for name, value in data.items() if value}


def _identifier(system: str, value: str | None) -> dict[str, str]:
    return {"system": system, "value": value} if value else {}


def _cards(kept: Mapping[str, Any], answers: list[tuple[Row, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Each card that was shown; its type where the call was answered as the guide has it."""
    for row, _ in answers:
        if row["shown"]:
            type_ = {"type": kept["cardType"]} if "cardType" in kept else {}
            yield {**type_, **_focus(row["order_reference"]), "engagement": row["engagement"]}


def _coverage_information(answers: list[tuple[Row, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Each order that was updated, with what was said of it under each coverage."""
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row, content in answers:
        told = content.get("coverageInformation", {})
        if "assertionId" in told:
            said[row["order_reference"]].append({name: told[name] for name in _SAID if name in told} | _forms(told))
    for order, coverages in said.items():
        yield {"type": "coverage-info", **_focus(order), "coverageInfo": coverages}


def _forms(told: Mapping[str, Any]) -> dict[str, Any]:
    """The questionnaires that were named; none is adaptive, and none came with its answers."""
    named = [{"reference": form, "adaptive": False, "response": False} for form in told.get("questionnaire", ())]
    return {"questionnaire": named} if named else {}


def _focus(order: str) -> dict[str, list[str]]:
    kind = order.partition("/")[0]
    return {"focus": [kind]} if kind.isalpha() else {}
