"""From the candidates of one retrieval to one explanation.

The order in which candidates speak: one that fits; else one that a person must look at; else one
that could not be read; else one that is too old; else one that contradicts; else none was found,
which is an absence only if the kind was read completely. Records that disagree are shown with their
dates, and asked.
"""

from __future__ import annotations

from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, before, newest_first, otherwise
from cdshooks.engine.evidence.context import Context
from cdshooks.engine.model import Explanation, Gap

_NAMED = 3


def judge(
    candidates: Candidates, what: str, kinds: tuple[str, ...], *, kind_name: str, looked: str = ""
) -> Explanation:
    """One explanation for a retrieval; `kinds` must be read completely before absence is claimed."""
    unread, told = _completeness(candidates.context, kinds)
    if not candidates.found:
        return _nothing(candidates, what, kind_name, unread, told, looked)
    candidates.settle()
    group = candidates.speaking()
    first = group[0]
    if candidates.disagreeing and first.verdict is Verdict.ASKS:
        return _disagreement(candidates, what)
    truth, gap = _standing(first.verdict, unread)
    return Explanation(
        truth,
        what,
        _found(candidates, group, unread),
        gap,
        evidence=tuple([c.evidence for c in group]),
        counts_until=max([c.until for c in group if c.until], default=None),
        left_out=tuple(candidates.left_out),
        leading=any([c.leading for c in group]),
    )


def _nothing(
    candidates: Candidates, what: str, kind_name: str, unread: str | None, told: str, looked: str
) -> Explanation:
    """That nothing was found: an absence, unless something was not read."""
    say, left_out = candidates.wording.say, tuple(candidates.left_out)
    if unread:
        found = say("evidence.not_read", reason=unread)
        return Explanation(None, what, found, Gap.COULD_NOT_CHECK, left_out=left_out)
    note = say("evidence.none_sent", reason=told) if told else ""
    none = say("evidence.none", kind=kind_name, dated=candidates.counting("" if told else looked), note=note)
    return Explanation(None, what, none, Gap.MISSING, left_out=left_out)


def _completeness(context: Context, kinds: tuple[str, ...]) -> tuple[str | None, str]:
    """Why an absence among the kinds cannot be claimed, and what the sender said of having none."""
    return context.once(kinds, lambda: (context.chart.unread(kinds), context.chart.said_none(kinds)))


def _disagreement(candidates: Candidates, what: str) -> Explanation:
    """Records that cannot all be right: each with its date, and the question which one holds."""
    say, every = candidates.wording.say, newest_first(candidates.disagreeing)
    named = [
        say(
            "evidence.of_date",
            date=c.evidence.date or say("evidence.no_date"),
            record=say("evidence.sensitive") if c.evidence.sensitive else c.name or c.evidence.display,
        )
        for c in every
    ]
    more = say("evidence.more", count=len(named) - _NAMED) if len(named) > _NAMED else ""
    return Explanation(
        None,
        what,
        say("evidence.disagree", first=named[0], others=", ".join(named[1:_NAMED]), more=more),
        Gap.ATTEST,
        evidence=tuple(dict.fromkeys(c.evidence for c in every)),
        left_out=tuple(candidates.left_out),
        leading=any(c.leading for c in every),
    )


def _standing(verdict: Verdict, unread: str | None) -> tuple[bool | None, Gap | None]:
    if verdict is Verdict.FITS:
        return True, None
    if verdict is Verdict.CONTRADICTS:
        return (None, Gap.COULD_NOT_CHECK) if unread else (False, None)
    gaps = {
        Verdict.ASKS: Gap.ATTEST,
        Verdict.UNREAD: Gap.COULD_NOT_CHECK,
        Verdict.STALE: Gap.COULD_NOT_CHECK if unread else Gap.STALE,
        Verdict.REQUESTED: Gap.COULD_NOT_CHECK if unread else Gap.MISSING,
    }
    return None, gaps[verdict]


def _found(candidates: Candidates, group: list[Candidate], unread: str | None) -> str:
    """What the first of a verdict says; questions that differ are asked beside it, the next one in full."""
    say, first = candidates.wording.say, group[0]
    if first.evidence.sensitive:
        return say("evidence.hidden", record=say("evidence.sensitive"), date=first.evidence.date or "")
    asked = first.verdict is Verdict.ASKS
    others = [c for c in group if c.why != first.why and not c.evidence.sensitive] if asked else []
    shown = [first, *others[:1]]
    rest = [c for c in group if c not in shown]
    return "; ".join(
        [_sentence(candidates, c, unread, _more(candidates, c, rest if c is shown[-1] else [])) for c in shown]
    )


def _sentence(candidates: Candidates, candidate: Candidate, unread: str | None, more: str) -> str:
    say = candidates.wording.say
    return say(
        f"evidence.{candidate.verdict}",
        record=candidate.brief or candidate.evidence.display,
        reference=candidate.evidence.reference,
        date=candidate.evidence.date or say("evidence.no_date"),
        why=candidate.why,
        more=more,
        counts=candidates.counts,
        unread=say("evidence.also_unread", reason=unread) if unread else "",
    )


def _more(candidates: Candidates, first: Candidate, rest: list[Candidate]) -> str:
    """How many others speak as the first does, and the newest that said otherwise before it."""
    say = candidates.wording.say
    more = say("evidence.more", count=len(rest)) if rest else ""
    says = candidates.found if first.about and first.says else []
    older = newest_first([c for c in says if otherwise(c, first) and before(c, first)])
    earlier = say("evidence.otherwise", date=older[0].moment) if older else ""
    return f"{more} {earlier}".strip()
