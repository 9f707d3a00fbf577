"""`history` and `authored`: what was given so far, and whose paper a paper is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from cdshooks.engine.chart import MEDICATION_KINDS, Chart, Record
from cdshooks.engine.codes import concept_texts
from cdshooks.engine.dates import read_moment
from cdshooks.engine.evidence.candidates import Candidates, Verdict
from cdshooks.engine.evidence.context import Check, Compiler, Context, as_list
from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.model import Evidence, Explanation, Gap, Resource
from cdshooks.engine.records import clip
from cdshooks.engine.results import value_words
from cdshooks.engine.valuesets import ValueSet

_MOST = 8


@dataclass(frozen=True, slots=True)
class _Course:
    """One drug or procedure as the chart shows it: its days, whether given, and why it stopped."""

    name: str
    days: tuple[date, ...]
    given: bool
    stopped: str
    evidence: Evidence


def compile_history(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """The treatment so far, as the chart shows it: names, first and last day, why stopped where said.

    Always for a person, who makes lines of it and adds `open`, what no chart says. `procedures`:
    transplants and the like. `status`: results that state the response, listed with their dates.
    Nothing found is missing as a history; it never means that nothing was given.
    """
    say = compiler.wording.say
    drugs = compiler.sets(list(compiler.products.therapy_drugs))
    procedures = compiler.union(as_list(filters.get("procedures")))
    status = compiler.union(as_list(filters.get("status")))
    kinds = compiler.reads(MEDICATION_KINDS[0], "Procedure")

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording)
        courses = [*_courses(candidates, drugs, MEDICATION_KINDS), *_courses(candidates, [procedures], ("Procedure",))]
        merged = sorted(_merged(courses), key=lambda c: (c.days[:1] or (date.max,), c.name))
        left_out, what = tuple(candidates.left_out), say("evidence.history")
        if not merged:
            unread = context.chart.unread(kinds)
            if unread:
                found = say("evidence.not_read", reason=unread)
                return Explanation(None, what, found, Gap.COULD_NOT_CHECK, left_out=left_out)
            return Explanation(None, what, say("evidence.history_none"), Gap.MISSING, left_out=left_out)
        shown = ", ".join(_told(course, compiler) for course in merged[:_MOST])
        shown += f" {say('evidence.more', count=len(merged) - _MOST)}" if len(merged) > _MOST else ""
        responses = ", ".join(_responses(candidates, status))
        found = say("evidence.history_found", courses=shown, open=filters["open"])
        if responses:
            found = f"{found}; {say('evidence.history_status', responses=responses)}"
        evidence = tuple(course.evidence for course in merged)
        return Explanation(None, what, found, Gap.ATTEST, evidence=evidence, left_out=left_out)

    return check


def _courses(candidates: Candidates, sets: list[ValueSet], kinds: tuple[str, ...]) -> Iterator[_Course]:
    """Every record of a drug or procedure that may be shown, as a course of its own."""
    chart = candidates.context.chart
    for value_set in sets:
        for record, concept in chart.find(kinds, value_set):
            candidate = candidates.admit(record)
            if candidate is None or candidate.verdict is not Verdict.FITS or candidate.evidence.sensitive:
                continue
            given = record.kind in ("MedicationAdministration", "Procedure")
            name = concept.ingredient or concept.display
            yield _Course(name, _days(record, chart), given, _stopped(record), candidate.evidence)


def _days(record: Record, chart: Chart) -> tuple[date, ...]:
    """First and last day on which something was, or was to be, given; () when none is said."""
    resource = record.resource
    periods = [resource.get(name) for name in ("effectivePeriod", "performedPeriod")]
    for dosage in listed(resource.get("dosageInstruction")):
        timing = dosage.get("timing") if isinstance(dosage, Mapping) else None
        repeat = timing.get("repeat") if isinstance(timing, Mapping) else None
        periods.append(repeat.get("boundsPeriod") if isinstance(repeat, Mapping) else None)
    ends = [period.get(end) for period in periods if isinstance(period, Mapping) for end in ("start", "end")]
    single = ("effectiveDateTime", "performedDateTime", "whenHandedOver", "authoredOn")
    texts = [end for end in ends if end] or [resource[name] for name in single if resource.get(name)][:1]
    moments = [moment for text in texts if (moment := read_moment(text, chart.zone))]
    return (min(m.first for m in moments), max(m.last for m in moments)) if moments else ()


def _stopped(record: Record) -> str:
    """Why it ended, in the chart's own words."""
    reasons = [record.resource.get(name) for name in ("statusReason", "reasonStopped")]
    texts = [text for reason in reasons for text in concept_texts(reason)]
    return clip(texts[0]) if texts else ""


def _merged(courses: list[_Course]) -> Iterator[_Course]:
    """One course per name: from its first day to its last."""
    by_name: dict[str, list[_Course]] = {}
    for course in courses:
        by_name.setdefault(course.name, []).append(course)
    for name, same in by_name.items():
        days = sorted(day for course in same for day in course.days)
        ends = (days[0], days[-1]) if days else ()
        stopped = next((course.stopped for course in same if course.stopped), "")
        first = min(same, key=lambda course: (course.days or (date.max,), course.evidence.reference))
        yield _Course(name, ends, any(course.given for course in same), stopped, first.evidence)


def _told(course: _Course, compiler: Compiler) -> str:
    say = compiler.wording.say
    days = " to ".join(dict.fromkeys(day.isoformat() for day in course.days)) or say("evidence.no_date")
    stopped = say("evidence.history_stopped", reason=course.stopped) if course.stopped else ""
    return say("evidence.history_course" if course.given else "evidence.history_ordered",
               name=course.name, days=days, stopped=stopped)  # fmt: skip


def _responses(candidates: Candidates, status: ValueSet) -> Iterator[str]:
    """Results that state how the disease stood, newest first, at most three."""
    found = []
    for record, _ in candidates.context.chart.find(("Observation",), status):
        candidate = candidates.admit(record, value=value_words(record.body))
        if candidate and candidate.verdict is Verdict.FITS and candidate.brief and not candidate.evidence.sensitive:
            found.append((candidate.evidence.date or "", candidate.brief))
    yield from (f"{brief} ({day})" if day else brief for day, brief in sorted(found, reverse=True)[:3])


def compile_authored(inner: Check, filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """`when`, written by someone of that `specialty` as a PractitionerRole says; else a person must say."""
    specialty, say = compiler.union(filters["specialty"]), compiler.wording.say

    def check(context: Context) -> Explanation:
        child = inner(context)
        if child.truth is not True or not child.evidence:
            return child
        chart, reference = context.chart, child.evidence[0].reference
        record = next((r for r in chart.all_of_kind("DocumentReference") if r.reference == reference), None)
        said = [role.get("specialty") for role in _roles(record, chart)] if record else []
        known = [found for one in said for coded in chart.systems.codings(one) if (found := specialty.find(coded))]
        if any(concept.decides for concept in known):
            return replace(child, found=f"{child.found}; {say('evidence.author', specialty=known[0].display)}")
        texts = [text for one in said for text in concept_texts(one)]
        why = say("evidence.author_other", specialty=clip(texts[0])) if texts else say("evidence.author_untold")
        return replace(child, truth=None, gap=Gap.ATTEST, found=f"{child.found}; {why}", counts_until=None)

    return check


def _roles(record: Record, chart: Chart) -> Iterator[Resource]:
    """The PractitionerRoles of a document's authors: referred to, or those of the same practitioner."""
    people = [*listed(record.resource.get("author")), *listed(record.resource.get("authenticator"))]
    for person in people:
        target = chart.resolve(person, record.resource)
        if target is not None and target.get("resourceType") == "PractitionerRole":
            yield target
        reference = person.get("reference") if isinstance(person, Mapping) else None
        for role in chart.resources("PractitionerRole") if isinstance(reference, str) else ():
            own = role.get("practitioner")
            own = own.get("reference") if isinstance(own, Mapping) else None
            if isinstance(own, str) and _same(own, str(reference)):
                yield role


def _same(one: str, other: str) -> bool:
    """True when two references name the same type and id, on whatever server."""
    return split_reference(one)[1:] == split_reference(other)[1:]
