"""The one sentence at the top of a card: product, payer, what is missing; at most 120 characters."""

from __future__ import annotations

from collections.abc import Sequence

from cdshooks.engine.model import Determination, Outcome, Result
from cdshooks.engine.wording import Wording
from cdshooks.hooks.lines import Line, grouped
from cdshooks.hooks.text import shortened

LONGEST = 120


def summarise(
    determination: Determination, product: str, payer: str, wording: Wording, *, unconfirmed: bool, label_only: bool
) -> str:
    """The card's summary for the outcome, naming as many items as fit.

    `unconfirmed`: the policy's standing is not confirmed; `label_only`: no policy of the payer was applied.
    """
    say, result = wording.say, determination.outcome
    lines = {outcome: grouped(determination, wording, outcome) for outcome in Outcome}
    needed = grouped(determination, wording, Outcome.MISSING, Outcome.STALE)
    head = {"product": product, "payer": payer}
    if result is Result.READY:
        asked = len(lines[Outcome.ATTEST])
        leading = [line.short for line in lines[Outcome.ATTEST] if line.leading]
        key = "summary.ready_unconfirmed" if unconfirmed else "summary.ready"
        key = "summary.label_ready" if label_only else key
        if any(f.criterion == "indication" and f.outcome is Outcome.ATTEST for f in determination.findings):
            key += "_indication"
        if leading:
            sentence = say("summary.ready_leading", count=asked, points=say("summary.points"), items="\0", **head)
            return _fitted(sentence, leading, "")
        ready = say(key, count=asked, points=say("summary.point" if asked == 1 else "summary.points"), **head)
        return shortened(ready, LONGEST)
    items: Sequence[Line] = lines[Outcome.NOT_MET]
    key = f"summary.{result.value}"
    if result is Result.DOCUMENTATION_MISSING:
        items = needed
        key += "_one" if len(needed) == 1 else ""
    if result is Result.COULD_NOT_CHECK:
        items = lines[Outcome.COULD_NOT_CHECK]
        if not items:
            return shortened(say("summary.payer_unread", **head), LONGEST)
        key += "_one" if len(items) == 1 else ""
    unread = lines[Outcome.COULD_NOT_CHECK]
    more = say("summary.and_needed", count=len(needed)) if needed and result is not Result.DOCUMENTATION_MISSING else ""
    if result is Result.DOCUMENTATION_MISSING and unread:
        more = say("summary.and_unread", count=len(unread))
    sentence = say(key, count=len(items), items="\0", **head)
    return _fitted(sentence, [line.short for line in items], more)


def _fitted(sentence: str, names: list[str], more: str) -> str:
    """Fill in as many names as fit, the rest as a number."""
    for tail in dict.fromkeys((more, "")):
        for shown in range(min(3, len(names)), 0, -1):
            rest = len(names) - shown
            text = ", ".join(names[:shown]) + (f" +{rest}" if rest else "")
            filled = sentence.replace("\0", text) + tail
            if len(filled) <= LONGEST:
                return filled
    return shortened(sentence.replace("\0", names[0] if names else ""), LONGEST)
