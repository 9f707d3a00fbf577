"""The records that the engine passes around: frozen, without behaviour that reads anything.

Those of which a determination makes hundreds are msgspec's structs, which are made ten times as fast as dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any, NewType

from msgspec import Struct

from cdshooks.engine.truth import Truth

CriterionId = NewType("CriterionId", str)
PolicyId = NewType("PolicyId", str)
ProductId = NewType("ProductId", str)
Paragraph = NewType("Paragraph", str)

Resource = Mapping[str, Any]
"""One FHIR resource as JSON; read, never changed."""


class Gap(StrEnum):
    """Why something is unknown, from the requester's side."""

    MISSING = "missing"
    STALE = "stale"
    COULD_NOT_CHECK = "could-not-check"
    ATTEST = "attest"


class Outcome(StrEnum):
    """The outcome of one criterion."""

    MET = "met"
    NOT_MET = "not-met"
    MISSING = "missing"
    STALE = "stale"
    COULD_NOT_CHECK = "could-not-check"
    ATTEST = "attest"
    NOT_APPLICABLE = "not-applicable"


class Result(StrEnum):
    """The outcome of a determination, worst first."""

    EXCLUSION_FOUND = "exclusion-found"
    CRITERION_NOT_MET = "criterion-not-met"
    REVIEW_NEEDED = "review-needed"
    DOCUMENTATION_MISSING = "documentation-missing"
    COULD_NOT_CHECK = "could-not-check"
    READY = "ready"


class Why(StrEnum):
    """Why a record of the request was not used as evidence."""

    ANOTHER_PATIENT = "another patient"
    ENTERED_IN_ERROR = "entered-in-error"
    REFUTED = "refuted"
    NOT_DONE = "not-done"
    CANCELLED = "cancelled"
    PRELIMINARY = "preliminary"
    FUTURE_DATED = "future-dated"
    UNDATED = "undated"
    UNREADABLE = "unreadable"


class Section(StrEnum):
    """The three sections of a policy; the section is the logic."""

    COVERAGE = "coverage"
    EXCLUSIONS = "exclusions"
    DOCUMENTATION = "documentation"


class Evidence(Struct, frozen=True):
    """A record of the chart that an answer rests on; `display` and `source` are chart text, not yet escaped.

    `source` is who issued the record: a laboratory when `laboratory` says so, else its author.
    """

    reference: str
    date: str | None = None
    display: str = ""
    source: str | None = None
    sensitive: bool = False
    laboratory: bool = False


class Listing(Struct, frozen=True):
    """The treating center that an answer rests on, and what shows it; no `date` where nothing on file does."""

    center: str
    npi: str | None
    date: str | None
    display: str


class LeftOut(Struct, frozen=True):
    """A record that was not used, and why."""

    reference: str
    why: Why


class Basis(StrEnum):
    """Why some records are taken for one line of treatment: the chart says so, or their dates do."""

    STATED = "stated"
    GROUPED = "grouped"


class Said(Struct, frozen=True):
    """Something that a record says of a treatment, in its own words or under a code; chart text, not yet escaped."""

    words: str
    reference: str
    date: str | None = None


class TreatmentLine(Struct, frozen=True):
    """One line of treatment as far as the chart tells it; never an inference that it failed.

    `start` and `end` are as precise as known; an end that is not told is None. `number` is the chart's own, `coded`
    when a code of grade A states it. `best_response` and `stopped` are None and () where nobody can know.
    `for_this_order`: drugs that lead up to the infusion that is being ordered. `disagrees`: the dates would group
    the stated lines otherwise.
    """

    regimen: tuple[str, ...]
    start: str | None
    end: str | None
    basis: Basis
    number: int | None = None
    coded: bool = False
    only_ordered: tuple[str, ...] = ()
    best_response: Said | None = None
    responses: tuple[Said, ...] = ()
    stopped: tuple[Said, ...] = ()
    intent: str = ""
    for_this_order: bool = False
    disagrees: bool = False
    evidence: tuple[Evidence, ...] = ()


class Explanation(Struct, frozen=True):
    """One node of the explanation tree: what was asked, what was found, and what that makes it."""

    truth: Truth
    sentence: str
    found: str = ""
    gap: Gap | None = None
    evidence: tuple[Evidence, ...] = ()
    counts_until: date | None = None
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    children: tuple[Explanation, ...] = ()
    leading: bool = False
    hint: bool = False
    newer: bool = False
    listing: Listing | None = None
    lines: tuple[TreatmentLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A draft order recognised as a CAR-T order.

    `product` is None when it cannot be told; `grade` is that of the code that recognised it
    (``text`` when it was recognised by name); `kind` says what the code names (a drug, an
    ingredient, a procedure); `service_date_source` is None when the order gives no date.
    """

    reference: str
    resource: Resource
    product: ProductId | None
    recognized_by: str
    grade: str
    kind: str
    service_date: date
    service_date_source: str | None
    traps: tuple[str, ...] = ()
    trial: bool = False
    notes: tuple[str, ...] = ()


class CountingDates(Struct, frozen=True):
    """From which day on a document counts: at submission (`as_of`, the anchor that is read), and at the infusion.

    The second is prudence of our own: no paper names the service date as an anchor.
    """

    submission: date
    service: date

    @property
    def earliest(self) -> date:
        """The first day of which a document counts on both days."""
        return max(self.submission, self.service)


class Finding(Struct, frozen=True):
    """One criterion applied to one chart."""

    criterion: CriterionId
    section: Section
    cite: tuple[Paragraph, ...]
    outcome: Outcome
    reason: str
    ask: str
    owner: str
    label: str
    evidence: tuple[Evidence, ...] = ()
    counts_until: date | None = None
    counts_from: CountingDates | None = None
    needed_by: date | None = None
    notes: tuple[str, ...] = ()
    leading: bool = False
    lapses: bool = False
    to_review: int = 0
    remedy: str | None = None
    group: str | None = None
    denial: Paragraph | None = None
    listing: Listing | None = None
    explanation: Explanation | None = None
    lines: tuple[TreatmentLine, ...] = ()
    guards: str = ""

    @property
    def whole_ask(self) -> str:
        """What would settle it, and which reason for denial that guards against: for all but a card, which is short."""
        return f"{self.ask} {self.guards}" if self.guards else self.ask


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row of the criteria map: a criterion of the paper, and the criteria whose findings answer it."""

    id: str
    label: str
    cite: tuple[Paragraph, ...]
    criteria: tuple[CriterionId, ...]


class Reminder(Struct, frozen=True):
    """Something to know at a later stage (a claim, the day of service); never a finding.

    In a policy `text` may have blanks, filled for an order: its product's claim code (`unassigned_code` while it has
    none), and the day that lies the period `due` after the service date.
    """

    cite: tuple[Paragraph, ...]
    text: str
    only_for_this_order: bool = False
    unassigned_code: str = ""
    due: str = ""


@dataclass(frozen=True)
class Determination:
    """What the documents show, criterion by criterion, for one order under one policy.

    `may_override`: what would turn a finding that is not met into a person's decision, if it applies.
    """

    outcome: Result
    findings: tuple[Finding, ...]
    reminders: tuple[Reminder, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    overridden_by: tuple[Paragraph, ...] = ()
    notes: tuple[str, ...] = ()
    may_override: tuple[Reminder, ...] = ()
    criteria_map: tuple[MapRow, ...] = ()

    @cached_property
    def by_criterion(self) -> Mapping[CriterionId, Finding]:
        """The findings by the id of their criterion."""
        return {finding.criterion: finding for finding in self.findings}
