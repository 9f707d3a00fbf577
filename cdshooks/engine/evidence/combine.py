"""Combinators: all, any, not, at_least and hint. The tree is kept; nothing is flattened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from cdshooks.engine import truth
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.model import Explanation, Gap

_ALL_ORDER = (Gap.MISSING, Gap.STALE, Gap.COULD_NOT_CHECK, Gap.ATTEST)
_ANY_ORDER = (Gap.ATTEST, Gap.COULD_NOT_CHECK, Gap.STALE, Gap.MISSING)


def compile_all(checks: Sequence[Check], compiler: Compiler) -> Check:
    """Every one must hold; what blocks most speaks: missing, stale, unread, to attest."""

    sentence = compiler.wording.say("evidence.all")
    return lambda context: join_all([check(context) for check in checks], sentence)


def join_all(children: Sequence[Explanation], sentence: str) -> Explanation:
    """The explanation of `all` over explanations."""
    value = truth.all_of([child.truth for child in children])
    if value is None:
        return _unknown(sentence, tuple(children), _ALL_ORDER)
    speaking = children if value else [child for child in children if child.truth is False]
    return _joined(value, sentence, speaking, tuple(children))


def compile_any(checks: Sequence[Check], compiler: Compiler) -> Check:
    """One must hold; the branch nearest to holding speaks: to attest, unread, stale, missing."""

    sentence = compiler.wording.say("evidence.any")
    return lambda context: join_any([check(context) for check in checks], sentence)


def join_any(children: Sequence[Explanation], sentence: str) -> Explanation:
    """The explanation of `any` over explanations; the first that holds gives the evidence.

    It counts for as long as any of the branches that hold does. Hints speak only where every other
    branch found nothing at all; one that may be the newer record also where the others found an old one.
    """
    value = truth.any_of([child.truth for child in children])
    if value is None:
        unknown = [child for child in children if child.truth is None]
        asked = [child for child in unknown if not child.hint]
        if all([child.gap is Gap.MISSING for child in asked]):
            return _unknown(sentence, tuple(children), _ANY_ORDER)
        newer = [child for child in unknown if child.hint and child.newer and child.gap is not Gap.MISSING]
        stale = {child.gap for child in asked} <= {Gap.MISSING, Gap.STALE}
        return _unknown(sentence, tuple(children), _ANY_ORDER, newer if newer and stale else asked)
    deciding = [child for child in children if child.truth is value]
    if not value:
        return _joined(value, sentence, deciding, tuple(children))
    untils = [child.counts_until for child in deciding]
    until = None if None in untils else max(day for day in untils if day)
    return replace(_joined(value, sentence, deciding[:1], tuple(children)), counts_until=until)


def compile_not(inner: Check, compiler: Compiler) -> Check:
    """The opposite; unknown stays unknown."""
    sentence = compiler.wording.say("evidence.not")

    def check(context: Context) -> Explanation:
        child = inner(context)
        value = truth.not_(child.truth)
        return replace(child, truth=value, sentence=sentence, children=(child,))

    return check


def compile_at_least(count: int, checks: Sequence[Check], compiler: Compiler) -> Check:
    """At least `count` of several must hold."""

    def check(context: Context) -> Explanation:
        children = tuple(child(context) for child in checks)
        value = truth.at_least(count, (child.truth for child in children))
        sentence = compiler.wording.say("evidence.at_least", count=count)
        if value is None:
            return _unknown(sentence, children, _ALL_ORDER)
        return _joined(value, sentence, [c for c in children if c.truth is value], children)

    return check


def compile_hint(inner: Check, filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """A match only raises a question; no match, or one that could not be read, says nothing at all."""
    gap = Gap(filters.get("gap", Gap.ATTEST.value))
    says, leading, sensitive = filters["says"], bool(filters.get("leading")), bool(filters.get("sensitive"))
    silent = compiler.wording.say("evidence.no_hint", says=says)

    def check(context: Context) -> Explanation:
        child = inner(context)
        unread = gap is child.gap is Gap.COULD_NOT_CHECK and bool(child.evidence)
        if child.truth is True or child.gap is Gap.ATTEST or unread:
            words = f"{says} ({child.found})" if child.found and not sensitive else says
            hidden = (replace(item, sensitive=True) for item in child.evidence)
            return replace(
                child,
                truth=None,
                evidence=tuple(hidden) if sensitive else child.evidence,
                left_out=() if sensitive else child.left_out,
                hint=True,
                newer=bool(filters.get("newer")),
                sentence=compiler.wording.say("evidence.hint"),
                found=words,
                gap=gap,
                counts_until=None,
                children=(child,),
                leading=leading,
            )
        left_out = () if sensitive else child.left_out
        return Explanation(None, silent, "", Gap.MISSING, left_out=left_out, children=(child,), hint=True)

    return check


def _joined(
    value: bool, sentence: str, speaking: Sequence[Explanation], children: tuple[Explanation, ...]
) -> Explanation:
    untils = [child.counts_until for child in speaking if child.counts_until]
    listings = [child.listing for child in speaking if child.listing]
    lines = [child.lines for child in speaking if child.lines]
    return Explanation(
        value,
        sentence,
        _sentences(speaking),
        evidence=_evidence(speaking),
        counts_until=min(untils, default=None),
        notes=tuple([note for child in speaking for note in child.notes]),
        left_out=_left_out(children),
        children=children,
        leading=any([child.leading for child in speaking]),
        listing=listings[0] if listings else None,
        lines=lines[0] if lines else (),
    )


def _unknown(
    sentence: str,
    children: tuple[Explanation, ...],
    order: Sequence[Gap],
    among: Sequence[Explanation] | None = None,
) -> Explanation:
    """The unknown children (`among` these, if given) of the gap that speaks first in `order` give the reason."""
    unknown = [child for child in among or children if child.truth is None]
    gaps = [child.gap for child in unknown]
    gap = next(gap for gap in order if gap in gaps)
    speaking = [child for child in unknown if child.gap is gap]
    if gap is Gap.MISSING and order is _ANY_ORDER:
        speaking = speaking[:1]  # one way of saying that nothing was found is enough
    joined = _joined(False, sentence, speaking, children)
    return replace(joined, truth=None, gap=gap, counts_until=None)


def _sentences(children: Sequence[Explanation]) -> str:
    """What the children found, each part once."""
    parts = [part for child in children if child.found for part in child.found.split("; ")]
    return "; ".join(dict.fromkeys(parts) if len(parts) > 1 else parts)


def _evidence(children: Sequence[Explanation]) -> tuple[Any, ...]:
    return _once([item for child in children for item in child.evidence])


def _left_out(children: Sequence[Explanation]) -> tuple[Any, ...]:
    return _once([item for child in children for item in child.left_out])


def _once(items: list[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items) if len(items) > 1 else items)
