"""`measurement` and `look_alike`: a value with its date, and what only looks like the thing asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.codes import concept_texts
from cdshooks.engine.dates import Period
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, contradicts, newest_first
from cdshooks.engine.evidence.context import Check, Compiler, Context, as_list
from cdshooks.engine.evidence.judge import judge
from cdshooks.engine.model import Explanation
from cdshooks.engine.results import has_members, value_words
from cdshooks.engine.valuesets import Concept, ValueSet, fold_words

_QUANTITY = re.compile(r"[<>≤≥~]?=? ?\d[\d.,]*( ?(-|–|to) ?\d[\d.,]*)?( ?[^\s\d]\S*)?")
"""A number, or two with a line between them, and at most a unit: what a text must be to count as a value."""
_PERCENT = ("", "%", "percent", "pct", "1", "{percent}")
_REPORTS = ("Observation", "DiagnosticReport", "DocumentReference")


def compile_measurement(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """The newest value under `code`, with its date; no threshold is applied to it; words without a number are asked.

    `lowest` and `highest`: the whole numbers of its scale; `percent`: it is a share of a hundred. `answers`: codes that
    are a value of the scale, as the result or as the record's own code. `named`: words by which a result without any
    known code is found and asked about. `prompt_after`: our own reminder of age; it makes nothing stale. Two values of
    one day that differ are asked, unless it `repeats` (a laboratory value may be measured several times a day).
    """
    code, say = compiler.union(filters["code"]), compiler.wording.say
    name = say("evidence.kinds.measurement", code=_name(compiler.sets(filters["code"]), compiler))
    answers, named = compiler.union(as_list(filters.get("answers"))), compiler.sets(filters.get("named"))
    prompt = Period.parse(filters["prompt_after"]) if "prompt_after" in filters else None
    scale = (filters["lowest"], filters["highest"]) if "lowest" in filters else None
    kinds, repeats, percent = compiler.reads("Observation"), bool(filters.get("repeats")), bool(filters.get("percent"))
    what = say("evidence.measurement", code=code.title)

    def check(context: Context) -> Explanation:
        chart, candidates = context.chart, Candidates(context, compiler.wording)
        for record, concept in chart.find(kinds, code):
            words = value_words(record.body) or _answer(record.body, context, answers)
            if not words and has_members(record, chart):
                continue
            candidate = _dated(candidates, candidates.admit(record, concept, value=words))
            verdict, why = _value(record.body, words, concept, context, answers, scale, compiler)
            if percent and not _is_share(record.body):
                verdict, why = Verdict.UNREAD, say("evidence.no_percentage", value=words)
            candidates.add(_with(candidate, verdict, why, _says(record.body, words, context, answers)))
        for record, concept in chart.find(kinds, answers):
            candidate = _dated(candidates, candidates.admit(record, concept))
            verdict = Verdict.FITS if concept.decides else Verdict.ASKS
            candidates.add(_with(candidate, verdict, concept.why_not, _grade(concept)))
        for record, _ in chart.find(("DiagnosticReport",), code):
            if not has_members(record, chart):
                candidates.add(_with(candidates.admit(record), Verdict.UNREAD, say("evidence.report_only"), ""))
        candidates.ask_named("Observation", named)
        candidates.found = _newest_of_each(candidates.found, repeats)
        explanation = judge(candidates, what, kinds, kind_name=name)
        return _prompted(explanation, candidates.speaking(), prompt, context, compiler)

    return check


def _name(sets: list[ValueSet], compiler: Compiler) -> str:
    """What is looked for, in words short enough for a card: the first of several."""
    return compiler.wording.say("evidence.or_alike", code=sets[0].title) if len(sets) > 1 else sets[0].title


def _dated(candidates: Candidates, candidate: Candidate | None) -> Candidate | None:
    """A value without a date is there, but cannot be relied on."""
    if candidate is None or candidate.verdict is not Verdict.FITS or candidate.moment is not None:
        return candidate
    return candidates.undated(candidate)


def _with(candidate: Candidate | None, verdict: Verdict, why: str, says: str) -> Candidate | None:
    if candidate is None or candidate.verdict is not Verdict.FITS:
        return candidate
    told = says if verdict is not Verdict.UNREAD else ""
    return replace(candidate, verdict=verdict, why=why, brief=candidate.evidence.display, says=told)


def _says(body: Mapping[str, Any], words: str, context: Context, answers: ValueSet) -> str:
    """The value in a form to compare it by: its grade on the scale, its number with unit, or its words."""
    if (number := _number(body)) is not None:
        quantity = body.get("valueQuantity")
        unit = quantity.get("unit") or quantity.get("code") if isinstance(quantity, dict) else None
        return f"{float(number):g} {unit or ''}".strip()
    coded = context.chart.systems.codings(body.get("valueCodeableConcept"))
    return next((_grade(found) for one in coded if (found := answers.find(one))), fold_words(words).strip())


def _grade(concept: Concept) -> str:
    """What an answer of a scale stands for: its number, else its own code."""
    return f"{float(concept.score):g}" if concept.score is not None else concept.coded[1]


def _value(
    body: Mapping[str, Any],
    words: str,
    concept: Concept,
    context: Context,
    answers: ValueSet,
    scale: tuple[int, int] | None,
    compiler: Compiler,
) -> tuple[Verdict, str]:
    """What the value of one record says: readable, only to be asked about, or not readable."""
    say = compiler.wording.say
    if not words:
        return Verdict.UNREAD, say("evidence.no_number")
    if scale is not None and (number := _number(body)) is not None:
        if number not in range(scale[0], scale[1] + 1):
            why = say("evidence.off_scale", value=words, lowest=scale[0], highest=scale[1])
            return Verdict.UNREAD, why
    elif scale is not None:
        coded = context.chart.systems.codings(body.get("valueCodeableConcept"))
        known = [found for one in coded if (found := answers.find(one))]
        if not known:
            texts = [body.get("valueString"), *concept_texts(body.get("valueCodeableConcept"))]
            said = any(isinstance(text, str) and text.strip() for text in texts)
            return (Verdict.ASKS if said else Verdict.UNREAD), say("evidence.free_text")
        if not any(one.decides for one in known):
            return Verdict.ASKS, known[0].why_not
    elif _number(body) is None and not _QUANTITY.fullmatch(words.strip()):
        return Verdict.ASKS, say("evidence.free_text")
    return (Verdict.FITS, "") if concept.decides else (Verdict.ASKS, concept.why_not)


def _is_share(body: Mapping[str, Any]) -> bool:
    """False for a number that is no percentage: outside 0 to 100, or of another unit. A fraction up to 1 is one."""
    number, quantity = _number(body), body.get("valueQuantity")
    units = [quantity.get(key) for key in ("unit", "code")] if isinstance(quantity, dict) else []
    foreign = [unit for unit in units if isinstance(unit, str) and unit.strip().lower() not in _PERCENT]
    return not foreign and (number is None or 0 < number <= 100)


def _answer(body: Mapping[str, Any], context: Context, answers: ValueSet) -> str:
    """The library's words for a coded value that came without its own."""
    coded = context.chart.systems.codings(body.get("valueCodeableConcept"))
    return next((found.display for one in coded if (found := answers.find(one))), "")


def _number(body: Mapping[str, Any]) -> float | None:
    """The number of a result that is one by itself, without a comparator; None for anything else."""
    quantity = body.get("valueQuantity")
    value = body.get("valueInteger")
    if isinstance(quantity, dict) and not quantity.get("comparator"):
        value = quantity.get("value")
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _newest_of_each(found: list[Candidate], repeats: bool) -> list[Candidate]:
    """The newest candidate of each verdict, and, unless it `repeats`, every other that says otherwise of that day."""
    if repeats:
        found = [replace(c, says="") for c in found]
    kept: list[Candidate] = []
    for verdict in Verdict:
        group = newest_first(c for c in found if c.verdict is verdict)
        kept += [c for c in group if c is group[0] or contradicts(c, group[0])]
    return kept


def _prompted(
    explanation: Explanation,
    speaking: list[Candidate],
    prompt: Period | None,
    context: Context,
    compiler: Compiler,
) -> Explanation:
    """Add our reminder where the value is older than we would send it."""
    if explanation.truth is not True or prompt is None or not speaking or speaking[0].moment is None:
        return explanation
    moment, boundary = speaking[0].moment, prompt.before(context.as_of)
    if moment.last >= boundary:
        return explanation
    note = compiler.wording.say(
        "evidence.older_than_prompt",
        record=speaking[0].brief,
        date=moment,
        days=_days_of(boundary, context.as_of),
    )
    return replace(explanation, notes=(*explanation.notes, note))


def _days_of(boundary: date, as_of: date) -> int:
    return (as_of - boundary).days


def compile_look_alike(inner: Check, filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """`when`; where it does not hold, a record under `code` is named as one that was not taken for it."""
    code, say = compiler.union(filters["code"]), compiler.wording.say

    def check(context: Context) -> Explanation:
        child = inner(context)
        if child.truth is True:
            return child
        candidates = Candidates(context, compiler.wording)
        for record, _ in context.chart.find(_REPORTS, code):
            candidates.add(candidates.admit(record, value=value_words(record.body)))
        open_to_all = [c for c in candidates.found if not c.evidence.sensitive]
        if not open_to_all:
            return child
        newest = newest_first(open_to_all)[0].evidence
        date_ = newest.date or say("evidence.no_date")
        note = say("evidence.look_alike", record=newest.display, date=date_, says=filters["says"])
        return replace(child, found=f"{child.found}; {note}" if child.found else note)

    return check
