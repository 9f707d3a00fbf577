"""Policy + chart + order + two days → Determination: one finding per criterion, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from msgspec.structs import replace

from cdshooks.engine.claims import claim_reminders
from cdshooks.engine.counting import counting_dates, infusion_day
from cdshooks.engine.criteria_map import named_once
from cdshooks.engine.dates import read_moment
from cdshooks.engine.evidence import Context
from cdshooks.engine.model import (
    Determination,
    Explanation,
    Finding,
    Gap,
    LeftOut,
    Outcome,
    Paragraph,
    Reminder,
    Result,
    Section,
)
from cdshooks.engine.policy import Criterion, Override, Policy
from cdshooks.engine.wording import Wording

_SHOWN = 4
_NOTHING_TO_READ = (Outcome.MISSING, Outcome.COULD_NOT_CHECK)
_GAP_OUTCOME = {
    Gap.MISSING: Outcome.MISSING,
    Gap.STALE: Outcome.STALE,
    Gap.COULD_NOT_CHECK: Outcome.COULD_NOT_CHECK,
    Gap.ATTEST: Outcome.ATTEST,
}


def determine(policy: Policy, context: Context, wording: Wording) -> Determination:
    """Apply every criterion of `policy`; `context` carries the chart, the order, as_of and service_date."""
    findings: dict[str, Finding] = {}
    for criterion in policy.criteria:
        findings[criterion.id] = _with_denial(find(criterion, context, wording, findings), policy, wording)
    applied = [(override, override.check(context)) for override in policy.overrides]
    in_force = [override for override, found in applied if found.truth is True]
    every = tuple(findings.values())
    return Determination(
        outcome=_result(every, in_force) if policy.may_refuse else _unrefused(every),
        findings=every,
        reminders=tuple(_reminders(policy, context, wording)),
        left_out=_left_out(context, every),
        overridden_by=_overriding(every, in_force),
        notes=tuple(o.says for o in in_force),
        may_override=tuple(_open_overrides(every, applied, wording)),
        criteria_map=policy.criteria_map,
    )


def find(criterion: Criterion, context: Context, wording: Wording, earlier: Mapping[str, Finding]) -> Finding:
    """The finding of one criterion; `earlier` holds the findings of the criteria before it."""
    if criterion.only_if is not None:
        asked = criterion.only_if(context)
        if asked.truth is False:
            told = ". ".join(part for part in (asked.found, criterion.otherwise) if part)
            return _finding(criterion, context, Outcome.NOT_APPLICABLE, replace(asked, found=told), wording)
        if asked.truth is None:
            unread = asked.gap is Gap.COULD_NOT_CHECK
            untold = replace(asked, found=wording.say("finding.may_not_apply", found=asked.found))
            return _finding(criterion, context, Outcome.COULD_NOT_CHECK if unread else Outcome.ATTEST, untold, wording)
    about = [earlier[name] for name in criterion.about if name in earlier]
    if about and all(finding.outcome in _NOTHING_TO_READ for finding in about):
        absent = Explanation(None, criterion.says, wording.say("finding.no_document"))
        return _finding(criterion, context, Outcome.NOT_APPLICABLE, absent, wording)
    if criterion.check is None:
        looked_at = tuple(dict.fromkeys(item for finding in about for item in finding.evidence))
        explanation = Explanation(None, criterion.says, "", Gap.ATTEST, evidence=looked_at)
    else:
        explanation = criterion.check(context)
    if criterion.lists is not None:
        explanation = replace(explanation, lines=criterion.lists(context).lines)
    explanation = _prompted(criterion, explanation, context, wording)
    explanation = _dated(criterion, explanation, context, wording)
    return _finding(criterion, context, _outcome(criterion.section, explanation), explanation, wording)


def _outcome(section: Section, explanation: Explanation) -> Outcome:
    """A criterion that holds is met; an exclusion that holds is not, and a silent one is to attest."""
    if section is Section.EXCLUSIONS:
        if explanation.truth is None:
            unread = explanation.gap is Gap.COULD_NOT_CHECK
            return Outcome.COULD_NOT_CHECK if unread else Outcome.ATTEST
        return Outcome.NOT_MET if explanation.truth else Outcome.MET
    if explanation.truth is None:
        return _GAP_OUTCOME[explanation.gap or Gap.ATTEST]
    return Outcome.MET if explanation.truth else Outcome.NOT_MET


def _finding(
    criterion: Criterion, context: Context, outcome: Outcome, explanation: Explanation, wording: Wording
) -> Finding:
    window = criterion.window
    open_ = outcome not in (Outcome.MET, Outcome.NOT_APPLICABLE)
    return Finding(
        criterion=criterion.id,
        section=criterion.section,
        cite=criterion.cite,
        outcome=outcome,
        reason=explanation.found or wording.say("finding.person"),
        ask=_ask(criterion, context),
        owner=criterion.owner,
        label=criterion.label,
        evidence=named_once(explanation.evidence)[:_SHOWN],
        counts_until=explanation.counts_until if outcome is Outcome.MET else None,
        counts_from=None if outcome is Outcome.NOT_APPLICABLE else counting_dates(window, context),
        needed_by=infusion_day(context) if open_ else None,
        notes=explanation.notes,
        leading=explanation.leading or (outcome is Outcome.ATTEST and bool(explanation.notes)),
        lapses=_lapses(explanation, context),
        to_review=len({e.reference for e in explanation.evidence if e.sensitive}) if explanation.evidence else 0,
        remedy=criterion.remedy if outcome in (Outcome.MISSING, Outcome.STALE) else None,
        group=criterion.group,
        denial=criterion.denial,
        listing=explanation.listing,
        explanation=explanation,
        lines=explanation.lines,
    )


def _ask(criterion: Criterion, context: Context) -> str:
    """What to obtain, with its blanks filled."""
    if "{" not in criterion.ask and "}" not in criterion.ask:
        return criterion.ask
    return criterion.ask.format(
        counts=criterion.window.ask(context.as_of) if criterion.window else "",
        product=context.product.brand if context.product else "",
        center=context.center.facility.name if context.center.facility else "",
        service_date=context.service_date,
    )


def _prompted(criterion: Criterion, explanation: Explanation, context: Context, wording: Wording) -> Explanation:
    """Add what a person should weigh; sensitive records are counted, never named."""
    if not criterion.prompts and len(explanation.evidence) < 2 and len(explanation.left_out) < 2:
        return explanation
    notes, evidence = list(explanation.notes), list(explanation.evidence)
    left_out = list(explanation.left_out)
    for prompt in criterion.prompts:
        child = prompt.check(context)
        if not prompt.sensitive:
            left_out += child.left_out
        if child.truth is not True and child.gap is not Gap.ATTEST:
            continue
        if prompt.sensitive or any(item.sensitive for item in child.evidence):
            evidence += [replace(item, sensitive=True) for item in child.evidence]
            continue
        notes.append(f"{prompt.says} ({child.found})" if child.found else prompt.says)
        evidence += child.evidence
    return replace(
        explanation,
        notes=tuple(notes),
        evidence=tuple(dict.fromkeys(evidence)),
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _dated(criterion: Criterion, explanation: Explanation, context: Context, wording: Wording) -> Explanation:
    """Say when evidence lapses before the service date, or is older than a prompt of our own."""
    if explanation.truth is not True or criterion.section is Section.EXCLUSIONS:
        return explanation
    notes = list(explanation.notes)
    if _lapses(explanation, context):
        notes.append(wording.say("finding.lapses", until=explanation.counts_until, date=context.service_date))
    if criterion.prompt_after is not None and explanation.evidence:
        if _older(explanation.evidence[0].date, criterion.prompt_after.before(context.as_of), context):
            notes.append(wording.say("finding.prompt", days=_days(criterion.prompt_after.text)))
    return replace(explanation, notes=tuple(notes))


def _lapses(explanation: Explanation, context: Context) -> bool:
    """True when what counts today no longer counts on the service date."""
    return explanation.counts_until is not None and explanation.counts_until < context.service_date


def _older(text: str | None, boundary: date, context: Context) -> bool:
    moment = read_moment(text, context.chart.zone)
    return moment is not None and moment.last < boundary


def _days(period: str) -> str:
    """A duration of the library as an adjective: P90D → 90-day, P6M → 6-month."""
    return f"{period[1:-1]}-{ {'D': 'day', 'M': 'month', 'Y': 'year'}[period[-1]] }"


def _reached(finding: Finding, in_force: Iterable[Override]) -> bool:
    return any(finding.criterion in override.reaches for override in in_force)


def _result(findings: tuple[Finding, ...], in_force: list[Override]) -> Result:
    """The ladder of outcomes, worst first."""
    refused = [f for f in findings if f.outcome is Outcome.NOT_MET]
    standing = [f for f in refused if not _reached(f, in_force)]
    if any(f.section is Section.EXCLUSIONS for f in standing):
        return Result.EXCLUSION_FOUND
    if standing:
        return Result.CRITERION_NOT_MET
    if refused:
        return Result.REVIEW_NEEDED
    outcomes = {f.outcome for f in findings}
    if outcomes & {Outcome.MISSING, Outcome.STALE}:
        return Result.DOCUMENTATION_MISSING
    return Result.COULD_NOT_CHECK if Outcome.COULD_NOT_CHECK in outcomes else Result.READY


def _unrefused(findings: tuple[Finding, ...]) -> Result:
    """The outcome under a text that cannot refuse: what it does not find met is for a reviewer."""
    if any(f.outcome is Outcome.NOT_MET for f in findings):
        return Result.REVIEW_NEEDED
    return _result(findings, [])


def _with_denial(finding: Finding, policy: Policy, wording: Wording) -> Finding:
    """Say which reason for denial an open finding answers to."""
    if finding.denial is None or finding.outcome in (Outcome.MET, Outcome.NOT_APPLICABLE):
        return finding
    says = policy.denials.get(finding.denial, "")
    return replace(finding, guards=wording.say("finding.denial", denial=finding.denial, says=says))


def _overriding(findings: tuple[Finding, ...], in_force: list[Override]) -> tuple[Paragraph, ...]:
    """The paragraphs of the overrides that reach a finding that is not met."""
    refused = {str(f.criterion) for f in findings if f.outcome is Outcome.NOT_MET}
    return tuple(p for o in in_force if o.reaches & refused for p in o.cite)


def _open_overrides(
    findings: tuple[Finding, ...], applied: list[tuple[Override, Explanation]], wording: Wording
) -> Iterator[Reminder]:
    """What would reach a finding that is not met, but cannot be told to apply: asked, never applied."""
    for override, found in applied:
        if found.truth is None and (cite := _overriding(findings, [override])):
            yield Reminder(cite, wording.say("finding.may_override", says=override.says, found=found.found))


def _reminders(policy: Policy, context: Context, wording: Wording) -> Iterator[Reminder]:
    for reminder, check in policy.reminders:
        if check is None or check(context).truth is not False:
            yield from claim_reminders(reminder, context, wording)


def _left_out(context: Context, findings: tuple[Finding, ...]) -> tuple[LeftOut, ...]:
    """Every record that was not used, once, in a stable order."""
    from_forms = [left for f in findings if f.explanation for left in f.explanation.left_out]
    unique = dict.fromkeys([*context.chart.left_out, *from_forms])
    return tuple(sorted(unique, key=lambda left: (left.reference, left.why.value)))
