"""`condition`: a diagnosis, its state, and what contradicts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import Record
from cdshooks.engine.codes import Coded
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, newest_first
from cdshooks.engine.evidence.context import Check, Compiler, Context, as_list
from cdshooks.engine.evidence.judge import judge
from cdshooks.engine.identity import listed
from cdshooks.engine.model import Explanation, Gap
from cdshooks.engine.records import code_words, is_unconfirmed
from cdshooks.engine.valuesets import Concept, ValueSet, display_words, union

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_PAST = {"inactive", "resolved", "remission"}


def compile_condition(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """A diagnosis under `code`; with `state`, one that also says the state.

    `contradicted_by`: when nothing fits or asks, a confirmed active diagnosis of these sets is a no.
    One of these that is not sure is a question, and a hint: it speaks where no other indication does.
    `unlisted`: codes that the label does not name are for a person. `against`: a record of the
    disease that says the opposite state is shown beside it and asked.
    """
    if "state" in filters:
        return _compile_state(filters, compiler)
    code, say = compiler.union(filters["code"]), compiler.wording.say
    others = Others.of(compiler.sets(filters.get("contradicted_by")))
    unlisted = compiler.sets(filters.get("unlisted"))
    names = [display_words(code)] if others.sets else []
    relatives = compiler.sets(list(compiler.products.of_relatives))
    kinds, kind_name = compiler.reads("Condition"), say("evidence.kinds.Condition")
    what = say("evidence.condition", code=code.title)

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording)
        for record, concept in context.chart.find(kinds, code):
            codes = list(context.chart.codes_of(record))
            if not concept.decides and _decided([c for c in codes if not code.find(c)], others.sets):
                continue
            candidate = admitted(candidates, record, compiler, concept)
            if candidate and candidate.verdict is Verdict.FITS:
                candidate = _specific(candidate, concept, codes, code, unlisted, compiler)
            if not (filters.get("active") and code_words(record.resource.get("clinicalStatus")) and _past(record)):
                candidates.add(candidate)
        candidates.ask_named("Condition", names, unless=relatives)
        another = [] if candidates.found else list(contradicting(context, code, others, compiler))
        candidates.found += another
        candidates.ask_named("Condition", names, coded=True, unless=relatives)
        told = judge(candidates, what, kinds, kind_name=kind_name)
        return replace(told, hint=True) if another and told.gap is Gap.ATTEST else told

    return check


@dataclass(frozen=True)
class Others:
    """The value sets of other diseases, and all of them as one."""

    sets: list[ValueSet]
    every: ValueSet

    @classmethod
    def of(cls, sets: list[ValueSet]) -> Others:
        """These sets."""
        return cls(sets, union(sets))


def admitted(
    candidates: Candidates, record: Record, compiler: Compiler, concept: Concept | None = None
) -> Candidate | None:
    """A diagnosis that is not refuted; unconfirmed or past ones are for a person."""
    candidate = candidates.admit(record, concept)
    if candidate is None or candidate.verdict is not Verdict.FITS:
        return candidate
    if is_unconfirmed(record):
        return replace(candidate, verdict=Verdict.ASKS, why=compiler.wording.say("evidence.unconfirmed"))
    if _past(record):
        return replace(candidate, verdict=Verdict.ASKS, why=compiler.wording.say("evidence.past"))
    return candidate


def _past(record: Record) -> bool:
    return bool(_PAST & set(code_words(record.resource.get("clinicalStatus"))))


def _specific(
    candidate: Candidate,
    concept: Concept,
    codes: list[Coded],
    code: ValueSet,
    unlisted: list[ValueSet],
    compiler: Compiler,
) -> Candidate:
    if not concept.decides:
        return replace(candidate, verdict=Verdict.ASKS, why=concept.why_not)
    deciding = [coded for coded in codes if (found := code.find(coded)) and found.decides]
    if unlisted and all(any(s.find(coded) for s in unlisted) for coded in deciding):
        return replace(candidate, verdict=Verdict.ASKS, why=compiler.wording.say("evidence.unlisted"))
    return candidate


def _decided(codes: list[Coded], others: list[ValueSet]) -> bool:
    return any((found := s.find(coded)) and found.decides for coded in codes for s in others)


def contradicting(context: Context, code: ValueSet, others: Others, compiler: Compiler) -> Iterator[Candidate]:
    """Diagnoses of another disease: a confirmed, active, deciding one is a no, any other only asks."""
    if not others.sets:
        return
    trial = Candidates(context, compiler.wording)
    for record, concept in context.chart.find(("Condition",), others.every):
        codes = [c for c in context.chart.codes_of(record) if not code.find(c)]
        if not any(others.every.find(c) for c in codes):
            continue
        candidate = admitted(trial, record, compiler, concept)
        if candidate is None or candidate.verdict is not Verdict.FITS:
            continue
        confirmed = "confirmed" in code_words(record.resource.get("verificationStatus"))
        sure = confirmed and _decided(codes, others.sets)
        why = compiler.wording.say("evidence.other_disease")
        yield replace(candidate, verdict=Verdict.CONTRADICTS if sure else Verdict.ASKS, why=why)


def _compile_state(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """Records of the disease that say the state; without one, the state is for a person to state."""
    code, say = compiler.union(filters["code"]), compiler.wording.say
    state, against = compiler.union(filters["state"]), compiler.sets(filters.get("against"))
    asks = filters.get("state_asks") or {}
    asked = compiler.sets(asks.get("code"))
    kinds, what = compiler.reads("Condition"), say("evidence.state", code=code.title, state=state.title)

    def said_by(candidate: Candidate, context: Context) -> Candidate | None:
        """The candidate if its record says the state, or asks; None when it is silent."""
        record, said = candidate.record, list(set(state_codes(candidate.record, context)))
        if is_unconfirmed(record):
            return None
        if _decided(said, [state]):
            own = any(code.find(coded) for coded in context.chart.codes_of(record))
            verdict = Verdict.FITS if own else Verdict.ASKS
            return replace(candidate, verdict=verdict, why=say("evidence.state_apart"))
        if asks and _decided(said, asked):
            return replace(candidate, verdict=Verdict.ASKS, why=asks["says"])
        return None

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording)
        records = _records(context, code, state)
        admitted_ = [c for record, concept in records if (c := candidates.admit(record, concept))]
        readable = [c for c in admitted_ if c.verdict is not Verdict.UNREAD]
        candidates.found = [c for c in admitted_ if c.verdict is Verdict.UNREAD]
        candidates.found += [told for c in readable if (told := said_by(c, context))]
        if opposite := [c for c in readable if _decided(list(state_codes(c.record, context)), against)]:
            _oppose(candidates, opposite, compiler)
        if not candidates.found and readable:
            found = say("evidence.state_silent", code=code.title)
            shown = tuple(c.evidence for c in newest_first(readable)[:2])
            return Explanation(None, what, found, Gap.ATTEST, evidence=shown)
        # without a record of the disease no state is missing: the disease's own `condition` says what was found
        stated = judge(candidates, what, kinds, kind_name=say("evidence.kinds.Condition"))
        return replace(stated, gap=Gap.ATTEST, found="") if stated.gap is Gap.MISSING else stated

    return check


def _oppose(candidates: Candidates, opposite: list[Candidate], compiler: Compiler) -> None:
    """Records that say the opposite state leave it to a person; beside others they are named together."""
    say, own = compiler.wording.say, {c.record.reference for c in opposite}
    others = [c for c in candidates.found if c.record.reference not in own]
    why = say("evidence.opposite_state")
    candidates.found = [replace(c, verdict=Verdict.ASKS, why=why) for c in (*opposite, *others)]
    if others:
        named = [replace(c, name=say("evidence.in_remission", record=c.evidence.display)) for c in opposite]
        candidates.disagreeing = [*named, *others]


def _records(context: Context, code: ValueSet, state: ValueSet) -> list[tuple[Record, Concept]]:
    """Every record of the disease, then those that only state the state; none without the disease."""
    found = context.chart.find(("Condition",), code)
    own = {id(record) for record, _ in found}
    apart = [hit for hit in context.chart.find(("Condition",), state) if id(hit[0]) not in own]
    return found + apart if found else []


def state_codes(record: Record, context: Context) -> Iterator[Coded]:
    """Every code with which a Condition states its state: clinical status, code, stage, extensions."""
    resource, systems = record.resource, context.chart.systems
    clinical = resource.get("clinicalStatus")
    if isinstance(clinical, str):
        clinical = {"coding": [{"system": _CLINICAL, "code": clinical}]}
    yield from systems.codings(clinical)
    yield from systems.codings(resource.get("code"))
    for stage in listed(resource.get("stage")):
        yield from systems.codings(stage.get("summary") if isinstance(stage, dict) else None)
    for extension in as_list(resource.get("extension")):
        if isinstance(extension, dict):
            yield from systems.codings(extension.get("valueCodeableConcept"))
