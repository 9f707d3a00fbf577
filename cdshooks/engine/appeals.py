"""What can be done about a denial, by type of plan: rules of the library, and the days counted from them.

No clock lives here: every length is a period of the data, counted from the day that the rule names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cdshooks.engine.dates import Period
from cdshooks.engine.model import Finding, Paragraph
from cdshooks.engine.payers import NameRule, read_names
from cdshooks.engine.valuesets import ValueSet, fold_words

DENIAL = "denial"
FILING = "filing"


@dataclass(frozen=True, slots=True)
class Rule:
    """One step and its clock. `anchor`: counted from the denial, from the day of filing, or from a later notice."""

    id: str
    cite: tuple[Paragraph, ...]
    step: str
    short: str
    length: str
    within: Period | None
    anchor: str
    start: str
    note: str
    stage: str
    grade: str
    sources: tuple[str, ...]

    def due(self, denied: date | None, as_of: date) -> date | None:
        """The last day: counted from the denial, or from today where it counts from a filing made today."""
        origin = {DENIAL: denied, FILING: as_of}.get(self.anchor)
        return self.within.after(origin) if self.within and origin else None

    def applies(self, use: str) -> bool:
        """True when the rule is for this use of the request, or when either does not say."""
        return not self.stage or not use or (self.stage == "post-service") == (use == "claim")


@dataclass(frozen=True, slots=True)
class PlanType:
    """One type of plan: how it is recognised, how it may be hidden behind a name, and its rules."""

    id: str
    label: str
    programs: tuple[str, ...]
    names: tuple[NameRule, ...]
    could_be: tuple[NameRule, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for denial: the words that name it, and the criteria, or the section, whose findings answer it."""

    cite: Paragraph
    says: str
    words: ValueSet
    criteria: tuple[str, ...]
    section: str

    def rank(self, finding: Finding) -> int | None:
        """How early a finding answers this reason, as its criteria stand; None when it does not."""
        if finding.criterion in self.criteria:
            return self.criteria.index(finding.criterion)
        return len(self.criteria) if finding.denial == self.cite or finding.section == self.section else None


@dataclass(frozen=True, slots=True)
class AnswerSets:
    """How a plan's answer is read, and the rules that hold whatever the type of plan."""

    certified: ValueSet
    not_certified: ValueSet
    denied_words: ValueSet
    not_denied_words: ValueSet
    rules: tuple[Rule, ...]
    reasons: tuple[Reason, ...] = ()


def read_plan_type(data: Mapping[str, Any]) -> PlanType:
    """Read one plan type (already schema-checked)."""
    recognised = data["recognised_by"]
    return PlanType(
        id=data["id"],
        label=data["label"],
        programs=tuple(recognised.get("programs", [])),
        names=read_names(recognised.get("names", [])),
        could_be=read_names(data.get("could_be", [])),
        rules=_rules(data),
    )


def read_answer_sets(data: Mapping[str, Any], value_sets: Mapping[str, ValueSet]) -> AnswerSets:
    """Read how answers are recognised (already schema-checked)."""
    chosen = {key: _set(name, value_sets) for key, name in data["answers"].items()}
    reasons = tuple(_reason(row, value_sets) for row in data.get("reasons", []))
    return AnswerSets(**chosen, rules=_rules(data), reasons=reasons)


def _reason(row: Mapping[str, Any], value_sets: Mapping[str, ValueSet]) -> Reason:
    words, criteria = _set(row["words"], value_sets), tuple(row.get("criteria", []))
    return Reason(Paragraph(row["cite"]), row["says"], words, criteria, row.get("section", ""))


def _set(name: str, value_sets: Mapping[str, ValueSet]) -> ValueSet:
    return value_sets[name.removeprefix("vs/")]


@dataclass(frozen=True, slots=True)
class PlanTypes:
    """The types of plan that a coverage may be of; `told` where it tells one, which needs no asking."""

    types: tuple[PlanType, ...]
    told: bool


def plan_types(plans: Iterable[PlanType], texts: Iterable[str], program: str, day: date) -> PlanTypes:
    """The type of plan that a coverage tells; else those that its name leaves open, or all that a name may hide."""
    every, words = tuple(plans), fold_words(" / ".join(texts))
    sure = tuple(p for p in every if program in p.programs or any(rule.fits(words, day) for rule in p.names))
    if sure:
        return PlanTypes(sure, told=len(sure) == 1)
    open_ = tuple(p for p in every if any(rule.fits(words, day) for rule in p.could_be))
    return PlanTypes(open_ or tuple(p for p in every if p.could_be), told=False)


def _rules(data: Mapping[str, Any]) -> tuple[Rule, ...]:
    return tuple(_rule(row, data.get("sources", {})) for row in data["rules"])


def _rule(row: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]) -> Rule:
    return Rule(
        id=row["id"],
        cite=tuple(Paragraph(p) for p in row["cite"]),
        step=row["step"],
        short=row.get("short", ""),
        length=row.get("length", ""),
        within=Period.parse(row["within"]) if "within" in row else None,
        anchor=row.get("anchor", ""),
        start=row.get("from", ""),
        note=row.get("note", ""),
        stage=row.get("stage", ""),
        grade=row["grade"],
        sources=tuple(sources.get(key, {}).get("title", key) for key in row["sources"]),
    )
