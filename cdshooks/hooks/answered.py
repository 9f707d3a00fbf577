"""What a site may set for a call, and what a call comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from cdshooks.engine.centers import RosterRow
from cdshooks.engine.crd_table import Side
from cdshooks.engine.model import Determination, Order, Resource
from cdshooks.hooks.coverage import Selection
from cdshooks.hooks.submitted import Submitted


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What a site may set: its time zone, the centre used when an order names none, and its own roster.

    `rosters` stands in for the library's, and `rosters_hash` for the difference that it makes to an answer;
    `rosters_version` is the registry's number for it, for the record alone.
    `submitted` tells which gaps of the call's patient were overridden as already submitted; it is asked only
    when a determination has gaps, and what it told is part of the decision. `system_actions`: the client takes
    coverage information as Da Vinci CRD has it; `side` is who says it, and `questionnaires` the address at which
    the Questionnaires of policies are served, "" where none is known.
    """

    zone: tzinfo = UTC
    default_facility: str | None = None
    suggestions: bool = True
    rosters: tuple[RosterRow, ...] | None = None
    rosters_hash: str | None = None
    rosters_version: int = 0
    submitted: Callable[[], Iterable[Submitted]] = tuple
    system_actions: bool = False
    side: Side = "provider"
    questionnaires: str = ""


@dataclass(frozen=True, slots=True)
class Determined:
    """One determination and what it was made of, for explanations and for the record.

    `authorization` is the number of an authorization that is on file for the order, "" where there is none.
    """

    order: Order
    policy_id: str
    policy_version: str
    payer: str
    determination: Determination
    card: dict[str, Any]
    selection: Selection
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response body, the determinations behind its cards, and the type of a failure of ours.

    `evidence_hashes`: the SHA-256 of each resource that a finding rests on, by reference. `fetched_sha256`: of
    what was read from the EHR's FHIR server; None when nothing was asked. `patient`: the Patient of the call.
    `unusable`: options of Da Vinci CRD that the call sent and that could not be obeyed, by code. `measures`: what the
    guide would have measured of a call, without anything of the chart.
    """

    body: dict[str, Any]
    determinations: tuple[Determined, ...] = ()
    failure: str | None = None
    evidence_hashes: Mapping[str, str] = field(default_factory=dict)
    fetched_sha256: str | None = None
    patient: Resource | None = field(default=None, repr=False)
    unusable: tuple[str, ...] = ()
    measures: Mapping[str, Any] = field(default_factory=dict)
