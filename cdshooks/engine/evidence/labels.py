"""`product`: approval, REMS, and the labelled indications in force on the service date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.evidence.candidates import Candidates, Verdict, named_of, newest_first
from cdshooks.engine.evidence.combine import join_all, join_any
from cdshooks.engine.evidence.conditions import admitted
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.evidence.facts import approved_on
from cdshooks.engine.evidence.second_disease import read_diseases, with_second_disease
from cdshooks.engine.model import Explanation, Gap
from cdshooks.engine.products import Indication, Limitation, Product

Compile = Callable[[Mapping[str, Any], Compiler], Check]


def compile_product(filters: Mapping[str, Any], compiler: Compiler, compile_expression: Compile) -> Check:
    """`approved`, `rems: in-force`, `indication: any` (the label of the service date), `is: <product>`, `licensed`."""
    if "approved" in filters:
        return lambda context: approved_on(context, compiler.wording)
    if "licensed" in filters:
        return lambda context: _licensed(context, compiler)
    if "is" in filters:
        return lambda context: _is(filters["is"], context, compiler)
    if "rems" in filters:
        return lambda context: _rems(context, compiler)
    checks = {
        indication.id: compile_expression(indication.when, compiler)
        for product in compiler.products.by_id.values()
        for indication in product.indications
    }
    compiler.reads("Patient", "Condition")
    diseases = read_diseases(compiler)

    def check(context: Context) -> Explanation:
        say, product = compiler.wording.say, context.product
        what = say("evidence.indication", date=context.service_date)
        if product is None:
            return Explanation(None, what, say("evidence.product_untold"), Gap.ATTEST)
        in_force = [i for i in product.indications if i.span.holds(context.service_date)]
        if not in_force:
            return Explanation(False, what, say("evidence.no_indication", product=product.brand))
        labels = [checks[i.id](context) for i in in_force]
        asked = [_indication(i, label, context, compiler) for i, label in zip(in_force, labels, strict=True)]
        joined = join_any(asked, what)
        if joined.truth is False:
            return replace(joined, found=_contradiction(in_force, labels, asked, product, compiler))
        return with_second_disease(_with_ruled_out(joined, asked), diseases(in_force), context, compiler)

    return check


def _contradiction(
    in_force: list[Indication],
    labels: list[Explanation],
    asked: list[Explanation],
    product: Product,
    compiler: Compiler,
) -> str:
    """What the chart shows and what the label names, as near to each other as they come.

    Where only the age or a limitation rules an indication out, that one speaks, in full. Else the label's diseases
    are named in short, and an age that rules out another indication is not held against the patient.
    """
    every = range(len(in_force))
    fitting = [n for n in every if all(child.truth is not False for child in labels[n].children[1:])]
    of_age = [n for n in every if labels[n].children and labels[n].children[0].truth is not False]
    named = [in_force[n].says for n in fitting] or [indication.short for indication in in_force]
    shown = join_any([asked[n] for n in fitting or of_age or every], "").found
    told = "; ".join(dict.fromkeys(named))
    return compiler.wording.say("evidence.indication_not", found=shown, product=product.brand, labels=told)


def _with_ruled_out(joined: Explanation, asked: list[Explanation]) -> Explanation:
    """Where only hints speak, what ruled the other indications out (an age) stands before them."""
    ruled_out = [found.found for found in asked if found.truth is False and found.found]
    if joined.gap is not Gap.ATTEST or not ruled_out or not all(f.hint for f in asked if f.truth is None):
        return joined
    return replace(joined, found="; ".join(dict.fromkeys([*ruled_out, joined.found])))


def _licensed(context: Context, compiler: Compiler) -> Explanation:
    """Whether the product is licensed at all, so that there can be centers for it."""
    product, say = context.product, compiler.wording.say
    known = product is not None and product.approved is not None
    found = "" if known else say("evidence.not_licensed", product=product.brand if product else "")
    return Explanation(known, say("evidence.licensed"), found)


def _is(product: str, context: Context, compiler: Compiler) -> Explanation:
    """Whether the order is for one named product."""
    named = context.product is not None and context.product.id == product
    return Explanation(named, compiler.wording.say("evidence.product_is", product=product))


def _indication(indication: Indication, label: Explanation, context: Context, compiler: Compiler) -> Explanation:
    """One indication: its expression, its limitations of use, and the words for a reader."""
    say, elsewhere = compiler.wording.say, any(child.hint for child in label.children)
    limits = [
        found
        for limitation in indication.limitations
        if (found := _limitation(limitation, indication, context, compiler))
    ]
    joined = join_all([*limits, label], indication.says)
    if limits and label.truth is not False and joined.gap is not None:
        return replace(joined, gap=Gap.ATTEST, found="; ".join(limit.found for limit in limits))
    if joined.truth is True:
        age = label.children[0].found if label.children else ""
        return replace(joined, found=say("evidence.indication_met", indication=indication.short, found=age))
    if joined.truth is None and joined.gap is Gap.ATTEST:
        asked = say("evidence.indication_asked", short=indication.short, found=joined.found)
        return replace(joined, found=asked, hint=elsewhere)
    return joined


def _limitation(
    limitation: Limitation, indication: Indication, context: Context, compiler: Compiler
) -> Explanation | None:
    """False while the label leaves the disease out; a question once it no longer does, or when unsure."""
    candidates = Candidates(context, compiler.wording)
    found = [
        (candidate, concept)
        for record, concept in context.chart.find(("Condition",), compiler.union(limitation.code))
        if (candidate := admitted(candidates, record, compiler, concept))
    ]
    if not found:
        return None
    evidence = tuple(c.evidence for c in newest_first(candidate for candidate, _ in found)[:2])
    if not limitation.span.holds(context.service_date):
        if not indication.after_limitation:
            return None
        return Explanation(None, limitation.says, indication.after_limitation, Gap.ATTEST, evidence=evidence)
    if any(concept.decides and candidate.verdict is Verdict.FITS for candidate, concept in found):
        name, date = named_of(evidence[0], compiler.wording)
        told = compiler.wording.say("evidence.asks", record=name, date=date, why=limitation.says, more="")
        return Explanation(False, limitation.says, told, evidence=evidence)
    why = next(candidate.why or concept.why_not for candidate, concept in found)
    return Explanation(None, limitation.says, f"{limitation.says}: {why}", Gap.ATTEST, evidence=evidence)


def _rems(context: Context, compiler: Compiler) -> Explanation:
    """Whether a REMS of the product is in force on the service date."""
    say, product = compiler.wording.say, context.product
    what = say("evidence.rems_in_force", date=context.service_date)
    if product is None:
        return Explanation(None, what, say("evidence.product_untold"), Gap.ATTEST)
    if rems := product.rems_on(context.service_date):
        return Explanation(True, what, say("evidence.rems_named", rems=rems.name))
    return Explanation(False, what, rems_gone(product, compiler))


def rems_gone(product: Product, compiler: Compiler) -> str:
    """Why no REMS is asked for: it ended, or there never was one."""
    last = product.last_rems()
    if last is None or last.span.end is None:
        return compiler.wording.say("evidence.rems_never", product=product.brand)
    return compiler.wording.say("evidence.rems_ended", date=last.span.end, first=last.span.end + timedelta(days=1))
