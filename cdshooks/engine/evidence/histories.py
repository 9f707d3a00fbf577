"""`history` and `authored`: what was given so far, line by line, and whose paper a paper is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import MEDICATION_KINDS, Chart, Record
from cdshooks.engine.codes import concept_texts
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.evidence.lines import Treatments, compile_lines, days_of, tell_lines
from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.model import Explanation, Gap, Resource, TreatmentLine
from cdshooks.engine.records import clip
from cdshooks.engine.wording import Wording

_OPEN = ("dates", "response", "stopped")
"""What may be asked of each line, in the order in which it is said."""


def compile_history(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """The lines of treatment so far, reconstructed from the chart, and what is open of each of them.

    Always for a person, who says what no chart says. `asks`: what is wanted of each line (dates, response,
    stopped). Nothing found is missing as a history; it never means that nothing was given.
    """
    say, treatments = compiler.wording.say, compile_lines(compiler)
    kinds = compiler.reads(MEDICATION_KINDS[0], "Procedure")
    asks = [name for name in _OPEN if name in filters["asks"]]

    def check(context: Context) -> Explanation:
        what, found = say("evidence.history"), treatments(context)
        unread = context.chart.unread(kinds)
        if not found.lines:
            text = say("evidence.not_read", reason=unread) if unread else say("evidence.history_none")
            gap = Gap.COULD_NOT_CHECK if unread else Gap.MISSING
            return Explanation(None, what, text, gap, left_out=found.left_out)
        parts = [*_told(found, compiler.wording), _open(found.earlier, asks, compiler.wording)]
        parts.append(say("evidence.also_unread", reason=unread) if unread else "")
        text = "; ".join(part for part in parts if part)
        return Explanation(
            None, what, text, Gap.ATTEST, evidence=found.evidence, left_out=found.left_out, lines=found.lines
        )

    return check


def _told(found: Treatments, wording: Wording) -> Iterator[str]:
    """The lines in words, and what the chart tells of them in two ways or not at all."""
    say, earlier = wording.say, found.earlier
    if earlier:
        key = "evidence.history_found_one" if len(earlier) == 1 else "evidence.history_found"
        yield say(key, count=len(earlier), courses=tell_lines(earlier, wording))
    if found.by_dates:
        dated = [line for line in found.by_dates if line.start and not line.for_this_order]
        yield say("evidence.history_disagrees", count=len(dated), courses=tell_lines(dated, wording))
    rest = [line for line in found.lines if line not in earlier]
    for line in rest:
        key = "evidence.history_planned" if line.for_this_order else "evidence.history_undated"
        yield say(key, names=" + ".join(line.regimen), days=days_of(line, wording))


def _open(lines: list[TreatmentLine], asks: list[str], wording: Wording) -> str:
    """What the chart leaves open, and of which lines."""
    say, texts = wording.say, []
    for name in asks:
        of = [line for line in lines if _is_open(line, name)]
        if of:
            days = ", ".join(days_of(line, wording) for line in of)
            which = say("evidence.history_of_each") if len(of) == len(lines) else say("evidence.history_of", days=days)
            texts.append(f"{say(f'evidence.history_open.{name}')} {which}")
    return say("evidence.history_asks", open=", ".join(texts)) if texts else ""


def _is_open(line: TreatmentLine, name: str) -> bool:
    if name == "response":
        return line.best_response is None
    return not line.stopped if name == "stopped" else line.start is None or line.end is None


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
        reference = person.get("reference") if isinstance(person, dict) else None
        for role in chart.resources("PractitionerRole") if isinstance(reference, str) else ():
            own = role.get("practitioner")
            own = own.get("reference") if isinstance(own, dict) else None
            if isinstance(own, str) and _same(own, str(reference)):
                yield role


def _same(one: str, other: str) -> bool:
    """True when two references name the same type and id, on whatever server."""
    return split_reference(one)[1:] == split_reference(other)[1:]
