"""`planned_transplant`: a stem-cell transplant that is planned with the infusion."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import Record
from cdshooks.engine.dates import Moment, Period
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, turned
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.evidence.judge import judge
from cdshooks.engine.identity import split_reference
from cdshooks.engine.model import Explanation
from cdshooks.engine.records import quote
from cdshooks.engine.valuesets import Concept

_PLANNED = ("draft", "active", "on-hold", "preparation", "in-progress", "unknown")


def compile_planned_transplant(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """An autologous transplant ordered or scheduled with the infusion.

    True for one in the same signing session or encounter, or dated within `within` after today or of
    the infusion; completed, allogeneic, unspecified, undated or later ones are for a person, and so are
    those that only the words of `named` tell, and diagnoses of `history` that come after a transplant.
    """
    found_by, within = _find(filters, compiler), Period.parse(filters["within"])
    history = compiler.union(filters["history"]) if "history" in filters else None
    say, kinds = compiler.wording.say, compiler.reads("Procedure", *(["Condition"] if history else []))

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording)
        session = {id(record) for record in context.session}
        for record in [*context.session, *_on_chart(context)]:
            if (hit := found_by(record, context)) is None:
                continue
            concept, own = hit
            candidate = _planned(candidates, record, concept)
            if candidate is not None and candidate.verdict is Verdict.FITS:
                concurrent = own and _concurrent(record, candidate.moment, id(record) in session, within, context)
                why = concept.why_not if concept else say("evidence.free_text")
                verdict = Verdict.FITS if concurrent else Verdict.ASKS
                candidate = replace(candidate, verdict=verdict, why=why or say("evidence.transplant_asked"))
            candidates.add(candidate)
        for record, concept in context.chart.find(("Condition",), history) if history else ():
            candidates.add(turned(candidates.admit(record, concept), Verdict.ASKS, say("evidence.transplant_asked")))
        return judge(
            candidates, say("evidence.transplant", days=within.days), kinds, kind_name=say("evidence.kinds.transplant")
        )

    return check


def _find(
    filters: Mapping[str, Any], compiler: Compiler
) -> Callable[[Record, Context], tuple[Concept | None, bool] | None]:
    """What makes a record a transplant: its concept (None for words alone), and whether that is surely of own cells."""
    autologous, other = compiler.union(filters["autologous"]), compiler.union(filters["other"])
    named = compiler.sets(filters.get("named"))

    def found(record: Record, context: Context) -> tuple[Concept | None, bool] | None:
        codes = list(context.chart.codes_of(record))
        if own := next((c for coded in codes if (c := autologous.find(coded))), None):
            return own, own.decides
        if any_ := next((c for coded in codes if (c := other.find(coded))), None):
            return any_, False
        return (None, False) if quote(record, context.chart, named) else None

    return found


def _on_chart(context: Context) -> list[Record]:
    ordered = {record.reference for record in context.session}
    kinds = ("ServiceRequest", "Procedure")
    records = [record for kind in kinds for record in context.chart.all_of_kind(kind)]
    return [record for record in records if record.reference not in ordered]


def _planned(candidates: Candidates, record: Record, concept: Concept | None) -> Candidate | None:
    """Admit a plan: unlike evidence, it may lie in the future."""
    later = dataclasses.replace(candidates.context, as_of=date.max - timedelta(days=1))
    admitted = Candidates(later, candidates.wording)
    candidate = admitted.admit(record, concept)
    candidates.left_out += admitted.left_out
    return candidate


def _concurrent(record: Record, moment: Moment | None, in_session: bool, within: Period, context: Context) -> bool:
    if record.resource.get("status") not in _PLANNED:
        return False
    encounter = record.resource.get("encounter")
    named = encounter.get("reference", "") if isinstance(encounter, dict) else ""
    if in_session or (context.encounter and split_reference(str(named))[2] == context.encounter):
        return True
    if moment is None:
        return False
    infusion = context.service_date
    spans = (
        (context.as_of, within.after(context.as_of)),
        (within.before(infusion), within.after(infusion)),
    )
    return any(start <= moment.first and moment.last <= end for start, end in spans)
