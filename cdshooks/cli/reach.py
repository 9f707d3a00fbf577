"""Which cases speak of which criterion and paragraph, and what no case reaches yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cdshooks.cli.appeal_cases import named_rules
from cdshooks.cli.cases import APPEALS, BY_CRITERION, OUTCOME_KEYS, Case
from cdshooks.engine.library import Library
from cdshooks.engine.model import Outcome, Result
from cdshooks.engine.policy import Criterion, Override, Policy


def expected_outcomes(case: Case) -> Iterator[tuple[str, Outcome]]:
    """Each criterion that a case names, with the outcome that it expects."""
    for key, outcome in OUTCOME_KEYS.items():
        for criterion in case.expect.get(key, ()):
            yield criterion, outcome


def named_criteria(case: Case) -> set[str]:
    """Every criterion of which a case expects something."""
    named = {criterion for key in BY_CRITERION for criterion in case.expect.get(key, ())}
    return named | {criterion for criterion, _ in expected_outcomes(case)}


def barely_reached(policy: Policy, cases: Iterable[Case]) -> Iterator[tuple[Criterion, list[Outcome]]]:
    """Criteria for which cases expect fewer than two outcomes, with those; what only a person judges has one."""
    found = [pair for case in cases for pair in expected_outcomes(case)]
    for criterion in policy.criteria:
        reached = [outcome for outcome in Outcome if (criterion.id, outcome) in found]
        if len(reached) < (1 if criterion.check is None and criterion.only_if is None else 2):
            yield criterion, reached


@dataclass(frozen=True, slots=True)
class Row:
    """One paragraph of an outline: what takes care of it, whether that decides anything, and the cases that show it."""

    paragraph: str
    by: str
    decides: bool
    cases: tuple[str, ...]


def paragraph_rows(policy: Policy, cases: Iterable[Case], library: Library) -> Iterator[Row]:
    """One row for each paragraph of the outline and each thing that cites it; a bare paragraph has one without."""
    every = list(cases)
    own = [case for case in every if case.policy == policy.id]
    appeals = [case for case in every if case.policy == APPEALS]
    for paragraph in policy.outline:
        rows = [*_rows(policy, paragraph, own), *_appeal_rows(library, paragraph, appeals)]
        yield from rows or [Row(paragraph, "NOTHING cites or excuses it", True, ())]


def _appeal_rows(library: Library, paragraph: str, cases: list[Case]) -> Iterator[Row]:
    """The rules of the appeal clock that cite a paragraph, and the words by which an answer names it."""
    sets = library.answer_sets
    rules = [(f"{plan.id}/{rule.id}", rule) for plan in library.plan_types for rule in plan.rules]
    rules += [(rule.id, rule) for rule in (sets.rules if sets else ())]
    for name, rule in rules:
        if paragraph in rule.cite:
            shown = _names(case for case in cases if name in named_rules(case.expect))
            yield Row(paragraph, f"appeal clock: {name}{f' ({rule.length})' if rule.length else ''}", True, shown)
    for reason in sets.reasons if sets else ():
        if paragraph == reason.cite:
            shown = _names(case for case in cases if paragraph in case.expect.get("reasons", ()))
            yield Row(paragraph, "named by a plan's answer", True, shown)


def _rows(policy: Policy, paragraph: str, cases: list[Case]) -> Iterator[Row]:
    for criterion in policy.criteria:
        if paragraph in criterion.cite:
            by = f"{criterion.section.value}: {criterion.id}"
            yield Row(paragraph, by, True, _names(case for case in cases if criterion.id in named_criteria(case)))
    for override in policy.overrides:
        if paragraph in override.cite:
            yield Row(paragraph, "override", True, _names(case for case in cases if _overridden(case, override)))
    for reminder, _ in policy.reminders:
        if paragraph in reminder.cite:
            shown = _names(case for case in cases if paragraph in case.expect.get("reminders", ()))
            yield Row(paragraph, f"reminder: {reminder.text}", False, shown)
    for cited, because in policy.not_encoded:
        if paragraph in cited:
            yield Row(paragraph, f"not encoded: {because}", False, ())


def _names(cases: Iterable[Case]) -> tuple[str, ...]:
    """The names of cases, those that expect least else first: they say most about the thing itself."""
    return tuple(case.name for case in sorted(cases, key=lambda case: (len(named_criteria(case)), len(case.expect))))


def _overridden(case: Case, override: Override) -> bool:
    """Whether a case expects that a person decides about something which the override reaches."""
    reached = override.reaches & set(case.expect.get("not_met", ()))
    return bool(reached) and case.expect.get("outcome") == Result.REVIEW_NEEDED.value
