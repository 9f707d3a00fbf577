"""`patient`, `product`, `center` and `order`: facts about the request, the label and the roster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.centers import CenterMatch, RosterRow
from cdshooks.engine.dates import Period, ages, narrowed, read_moment
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.model import Explanation, Gap, Listing
from cdshooks.engine.products import WITH_STRENGTH
from cdshooks.engine.wording import Wording


def compile_patient(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """Age in completed years on the service date: `min_age` inclusive, `under_age` exclusive.

    Copies of the Patient that give different dates of birth leave the age to a person.
    """
    say, low, under = compiler.wording.say, filters.get("min_age"), filters.get("under_age")
    compiler.reads("Patient")
    named = {"evidence.min_age": low, "evidence.under_age": under}
    limits = " and ".join(say(key, age=age) for key, age in named.items() if age is not None)

    def check(context: Context) -> Explanation:
        what = say("evidence.patient", limits=limits, date=context.service_date)
        days = [m for text in context.chart.identity.birth_dates if (m := read_moment(text, context.chart.zone))]
        if not days or any(day.first > context.as_of for day in days):
            return Explanation(None, what, say("evidence.no_birth_date"), Gap.COULD_NOT_CHECK)
        birth = narrowed(days)
        if birth is None:
            told = " and ".join(map(str, days))
            return Explanation(None, what, say("evidence.birth_dates", days=told), Gap.ATTEST)
        youngest, oldest = ages(birth, context.service_date)
        fits = [(low is None or age >= low) and (under is None or age < under) for age in (youngest, oldest)]
        found = say("evidence.age", age=youngest if youngest == oldest else f"{youngest} to {oldest}")
        if fits[0] != fits[1]:
            return Explanation(None, what, f"{found}: {say('evidence.imprecise')}", Gap.COULD_NOT_CHECK)
        return Explanation(fits[0], what, found)

    return check


def compile_center(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """What the roster says of the order's centre for the product.

    `listed`: a row that is current; past its `valid_until` (or, without one, checked longer ago than
    `checked_within`) it is stale; no row is `absent` (attest or missing), never a no.
    `rems: enrolled`: enrolment and staff training on file for the service date.
    `fact: accredited`: accreditation of the programme, which says nothing about any product.
    """
    if "rems" in filters:
        return _with_listing(_compile_enrolment(compiler), compiler)
    if "fact" in filters:
        return _with_listing(_compile_accreditation(compiler), compiler)
    return _with_listing(_compile_listed(filters, compiler), compiler)


def _with_listing(inner: Check, compiler: Compiler) -> Check:
    """What `inner` says, with the center that it speaks of and where that center is listed."""
    say = compiler.wording.say

    def check(context: Context) -> Explanation:
        facility, row = context.center.facility, context.center.row
        if facility is None:
            return inner(context)
        if not facility.sent:
            not_sent = say("evidence.center_not_sent", center=facility.name)
            return replace(inner(context), truth=None, found=not_sent, gap=Gap.COULD_NOT_CHECK)
        shown = say("evidence.center_unlisted_short")
        if row is not None:
            kind = say(f"evidence.center_kinds.{row.evidence_kind}")
            synthetic = say("evidence.center_synthetic") if row.synthetic else ""
            shown = say("evidence.center_roster", kind=kind, synthetic=synthetic)
        name = row.facility_name if row else facility.name or facility.npi or ""
        listing = Listing(name, facility.npi or None, row.checked_on.isoformat() if row else None, shown)
        return replace(inner(context), listing=listing)

    return check


def _compile_listed(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    say, absent = compiler.wording.say, Gap(filters.get("absent", "attest"))
    within = Period.parse(filters["checked_within"]) if "checked_within" in filters else None

    def check(context: Context) -> Explanation:
        match, product = context.center, context.product.brand if context.product else ""
        what = say("evidence.center", product=product, date=context.service_date)
        if match.facility is None:
            return Explanation(None, what, say("evidence.center_untold"), absent)
        if match.row is None:
            name = match.facility.name or match.facility.npi or ""
            return Explanation(None, what, say("evidence.center_unlisted", center=name, product=product), absent)
        return _agreed(match, lambda row: _listing(row, product, context, within, compiler), what, compiler)

    return check


def _agreed(
    match: CenterMatch, judge_row: Callable[[RosterRow], Explanation], what: str, compiler: Compiler
) -> Explanation:
    """What a roster row is worth; rows checked on one day that are worth different things are asked about."""
    every = [judge_row(row) for row in match.rows]
    if all((found.truth, found.gap) == (every[0].truth, every[0].gap) for found in every):
        return replace(every[0], sentence=what)
    told = "; ".join(dict.fromkeys(found.found for found in every))
    return Explanation(None, what, compiler.wording.say("evidence.rows_disagree", rows=told), Gap.ATTEST)


def _listing(row: RosterRow, product: str, context: Context, within: Period | None, compiler: Compiler) -> Explanation:
    """What a roster row is worth on the service date; its `valid_until` rules over its age."""
    say = compiler.wording.say
    found = say(
        "evidence.center_listed",
        center=row.facility_name,
        product=product,
        date=row.checked_on,
        kind=say(f"evidence.center_kinds.{row.evidence_kind}"),
        synthetic=say("evidence.center_synthetic") if row.synthetic else "",
    )
    if row.valid_until is not None:
        if context.service_date <= row.valid_until:
            return Explanation(True, "", found, counts_until=row.valid_until)
        return Explanation(None, "", say("evidence.center_expired", found=found, date=row.valid_until), Gap.STALE)
    if within is not None and row.checked_on < within.before(context.as_of):
        return Explanation(None, "", say("evidence.center_old", found=found), Gap.STALE)
    return Explanation(True, "", found)


def _compile_enrolment(compiler: Compiler) -> Check:
    say = compiler.wording.say

    def enrolled(row: RosterRow, day: date) -> Explanation:
        if row.rems_enrolled is None:
            return Explanation(None, "", say("evidence.rems_unknown"), Gap.MISSING)
        name = row.facility_name
        if not row.rems_enrolled.holds(day):
            return Explanation(False, "", say("evidence.rems_not_enrolled", center=name, date=day))
        if row.staff_trained_on is None or row.staff_trained_on > day:
            return Explanation(None, "", say("evidence.rems_untrained", center=name), Gap.MISSING)
        found = say("evidence.rems_enrolled", center=name, trained=row.staff_trained_on, date=row.checked_on)
        return Explanation(True, "", found)

    return _of_row("evidence.rems", "evidence.rems_unknown", enrolled, compiler)


def _compile_accreditation(compiler: Compiler) -> Check:
    say = compiler.wording.say

    def accredited(row: RosterRow, day: date) -> Explanation:
        until = row.fact_accredited_until
        if until is None or until < day:
            return Explanation(None, "", say("evidence.fact_unknown"), Gap.MISSING)
        found = say("evidence.fact_until", center=row.facility_name, date=until, checked=row.checked_on)
        return Explanation(True, "", found, counts_until=until)

    return _of_row("evidence.fact", "evidence.fact_unknown", accredited, compiler)


def _of_row(asked: str, unknown: str, judged: Callable[[RosterRow, date], Explanation], compiler: Compiler) -> Check:
    """What the center's roster row says of the service date; a center without a row is `unknown`."""
    say = compiler.wording.say

    def check(context: Context) -> Explanation:
        day = context.service_date
        what = say(asked, date=day)
        if context.center.row is None:
            return Explanation(None, what, say(unknown), Gap.MISSING)
        return _agreed(context.center, lambda row: judged(row, day), what, compiler)

    return check


def compile_order(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """`form: product-level`: the order's code names the approved form and strength, not only the drug."""
    say = compiler.wording.say

    def check(context: Context) -> Explanation:
        order, what = context.order, say("evidence.form", form=context.product.form if context.product else "")
        if trap := order_trap(context, what, compiler.wording):
            return trap
        if order.kind in WITH_STRENGTH and order.grade == "A":
            return Explanation(True, what, say("evidence.form_coded", code=order.recognized_by))
        return Explanation(None, what, say("evidence.form_uncoded", code=order.recognized_by), Gap.ATTEST)

    return check


def order_trap(context: Context, what: str, wording: Wording) -> Explanation | None:
    """The question that an order text such as "out of specification" raises, above everything else."""
    if not context.order.traps:
        return None
    return Explanation(None, what, wording.say("evidence.trap"), Gap.ATTEST, leading=True)


def approved_on(context: Context, wording: Wording) -> Explanation:
    """Whether the product is FDA-approved on the service date; a name alone is to be confirmed."""
    product, order, say = context.product, context.order, wording.say
    day: date = context.service_date
    what = say("evidence.approved", date=day)
    if product is None:
        return Explanation(None, what, say("evidence.product_untold"), Gap.ATTEST)
    if product.approved is None:
        return Explanation(False, what, say("evidence.unapproved", product=product.brand, note=product.note))
    if order.trial:
        return Explanation(False, what, say("evidence.trial"))
    if not product.approved.holds(day):
        return Explanation(
            False, what, say("evidence.approved_later", product=product.brand, date=product.approved.start)
        )
    if trap := order_trap(context, what, wording):
        return trap
    if order.grade == "text":
        return Explanation(None, what, say("evidence.by_name", product=product.brand), Gap.ATTEST)
    return Explanation(True, what, say("evidence.approved_since", product=product.brand, date=product.approved.start))
