"""Another active blood cancer beside the labelled one: which of them is treated, only a person can say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import resource_concept
from cdshooks.engine.codes import Coded
from cdshooks.engine.evidence.candidates import Candidate, named_of, newest_first
from cdshooks.engine.evidence.conditions import Others, contradicting
from cdshooks.engine.evidence.context import Compiler, Context, as_list
from cdshooks.engine.identity import listed
from cdshooks.engine.model import Explanation, Gap
from cdshooks.engine.products import Indication
from cdshooks.engine.valuesets import Concept, ValueSet, union


@dataclass(frozen=True)
class Diseases:
    """What the labels in force name, and the other blood cancers that would contradict each of them."""

    named: ValueSet
    others: Others

    @classmethod
    def of(cls, indications: Iterable[Indication], compiler: Compiler) -> Diseases:
        """The diseases of these indications; one that any of them names is no other disease."""
        filters = [found for indication in indications for found in _conditions(indication.when)]
        named = dict.fromkeys(name for each in filters for name in as_list(each["code"]))
        others = dict.fromkeys(name for each in filters for name in as_list(each.get("contradicted_by")))
        apart = [name for name in others if name not in named]
        return cls(union(compiler.sets([*named])), Others.of(compiler.sets(apart)))


def read_diseases(compiler: Compiler) -> Callable[[Sequence[Indication]], Diseases]:
    """The diseases of the indications in force, gathered once for each set of them."""
    known: dict[tuple[str, ...], Diseases] = {}

    def diseases(indications: Sequence[Indication]) -> Diseases:
        key = tuple(indication.id for indication in indications)
        if key not in known:
            known[key] = Diseases.of(indications, compiler)
        return known[key]

    return diseases


def _conditions(expression: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The filters of every `condition` in an expression."""
    for word, inner in expression.items():
        if word == "condition":
            yield inner
        elif word in ("all", "any"):
            for part in inner:
                yield from _conditions(part)


def with_second_disease(found: Explanation, diseases: Diseases, context: Context, compiler: Compiler) -> Explanation:
    """The explanation of an indication, asked where another disease is recorded and the order does not say which."""
    if found.truth is not True and found.gap is not Gap.ATTEST:
        return found
    asked = {item.reference for item in found.evidence if found.truth is not True}
    beside = [
        candidate
        for candidate in _beside(diseases, context, compiler)
        if candidate.record.reference not in asked or _is_named(candidate, diseases, context)
    ]
    reasons = _reasons(context)
    labelled = any(diseases.named.find(coded) for coded in reasons)
    if other := next((c for coded in reasons if (c := _other(coded, diseases))), None):
        name = compiler.wording.say("evidence.sensitive") if other.sensitive else other.display
        told = "" if labelled else compiler.wording.say("evidence.other_reason", other=name)
    else:
        beside, told = [] if labelled else beside, ""
    if beside and not told:
        told = _named(newest_first(beside)[0], diseases, context, compiler)
    if not told:
        return found
    return replace(
        found,
        truth=None,
        gap=Gap.ATTEST,
        found=f"{found.found}; {told}",
        evidence=tuple(dict.fromkeys([*found.evidence, *(c.evidence for c in beside)])),
        hint=False,
    )


def _beside(diseases: Diseases, context: Context, compiler: Compiler) -> list[Candidate]:
    """Active diagnoses of another disease; codes that leave open which one it is do not count."""
    seen = contradicting(context, diseases.named, diseases.others, compiler)
    return [c for c in seen if any(_other(coded, diseases) for coded in context.chart.codes_of(c.record))]


def _is_named(candidate: Candidate, diseases: Diseases, context: Context) -> bool:
    """True for a diagnosis that carries a code of a labelled disease as well."""
    return any(diseases.named.find(coded) for coded in context.chart.codes_of(candidate.record))


def _other(coded: Coded, diseases: Diseases) -> Concept | None:
    """The concept of a code that is known to be of another disease."""
    concept = None if diseases.named.find(coded) else diseases.others.every.find(coded)
    return concept if concept is not None and (concept.decides or concept.grade != "A") else None


def _reasons(context: Context) -> list[Coded]:
    """Every code of the order's own reasons, and of the records that it refers to as such."""
    order, chart = context.order.resource, context.chart
    told = [*listed(order.get("reasonCode"))]
    for reference in listed(order.get("reasonReference")):
        reason = chart.resolve(reference, order)
        if reason and chart.identity.owns(reason.get("subject"), reason):
            told.append(resource_concept(reason, chart))
    return [coded for concept in told for coded in chart.systems.codings(concept)]


def _named(candidate: Candidate, diseases: Diseases, context: Context, compiler: Compiler) -> str:
    """The other disease with its date; a diagnosis whose own codes name both is told as such."""
    say, codes = compiler.wording.say, context.chart.codes_of(candidate.record)
    name, date = named_of(candidate.evidence, compiler.wording)
    if candidate.evidence.sensitive or not _is_named(candidate, diseases, context):
        return say("evidence.second_disease", record=name, date=date)
    other = next(c for coded in codes if (c := _other(coded, diseases)))
    return say("evidence.second_code", record=name, date=date, other=other.display)
