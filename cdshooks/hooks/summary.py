"""The one sentence at the top of a card: product, payer, what is missing; at most 120 characters."""

from __future__ import annotations

from cdshooks.engine.model import Determination, Finding, Outcome, Result, Section
from cdshooks.engine.wording import Wording
from cdshooks.hooks.lines import UNPROMPTED, Line, grouped, says_something
from cdshooks.hooks.text import shortened

LONGEST = 120


def summarise(
    determination: Determination,
    product: str,
    payer: str,
    wording: Wording,
    *,
    unconfirmed: bool = False,
    label_only: bool = False,
    of_plan: bool = True,
    no_payer: str = "",
) -> str:
    """The card's summary for the outcome, naming as many items as fit.

    `unconfirmed`: the policy's standing is not confirmed; `label_only`: no policy of the payer was applied; `of_plan`:
    it is the plan's own policy, which asks for documents for prior approval;
    `no_payer`: `payer_unread` where who pays could not be read, `no_coverage` where none is active on the service date.
    """
    say, result = wording.say, determination.outcome
    head = {"product": product, "payer": payer}
    needed = grouped(determination, wording, Outcome.MISSING, Outcome.STALE)
    unread = grouped(determination, wording, Outcome.COULD_NOT_CHECK)
    if no_payer and result not in _REFUSALS:
        return _unpaid(f"summary.{no_payer}", [*needed, *unread], head, wording)
    if result is Result.READY:
        return _ready(determination, head, wording, unconfirmed=unconfirmed, label_only=label_only)
    more = say("summary.and_needed", count=len(needed)) if needed else ""
    items = grouped(determination, wording, Outcome.NOT_MET)
    if result is Result.EXCLUSION_FOUND:
        items = [line for line in items if line.findings[0].section is Section.EXCLUSIONS]
    if result is Result.DOCUMENTATION_MISSING:
        items, more = needed, say("summary.and_unread", count=len(unread)) if unread else ""
    if result is Result.COULD_NOT_CHECK:
        items = unread
    key = f"summary.{result.value}"
    if result is Result.DOCUMENTATION_MISSING and not of_plan:
        key = "summary.gather"
    if result is Result.REVIEW_NEEDED and not determination.overridden_by:
        key = "summary.review_guide"
    key += "_one" if len(items) == 1 and wording.has(f"{key}_one") else ""
    return _fitted(say(key, count=len(items), items="\0", **head), [line.short for line in items], more)


def _unpaid(key: str, items: list[Line], head: dict[str, str], wording: Wording) -> str:
    """The summary where no payer's criteria were looked at."""
    if not items:
        return shortened(wording.say(key, **head), LONGEST)
    sentence = wording.say(f"{key}_items", count=len(items), items="\0", **head)
    return _fitted(sentence, [line.short for line in items], "")


_REFUSALS = (Result.EXCLUSION_FOUND, Result.CRITERION_NOT_MET, Result.REVIEW_NEEDED)


def _ready(
    determination: Determination, head: dict[str, str], wording: Wording, *, unconfirmed: bool, label_only: bool
) -> str:
    """The summary when nothing is missing: what to confirm first, what lapses, else how many points."""
    asked = [line for line in grouped(determination, wording, Outcome.ATTEST) if line.group != UNPROMPTED]
    lapsing = [f.label for f in determination.findings if f.outcome is Outcome.MET and f.lapses]
    points = wording.say("summary.point" if len(asked) == 1 else "summary.points")
    blanks = {**head, "count": len(asked), "points": points}
    for key, names in (("summary.ready_leading", _first(asked)), ("summary.ready_lapsing", lapsing)):
        if names and not label_only:
            more = wording.say("summary.and_unconfirmed") if unconfirmed else ""
            return _fitted(wording.say(key, items="\0", **blanks), names, more)
    key = "summary.ready_unconfirmed" if unconfirmed else "summary.ready"
    key = "summary.label_ready" if label_only else key
    if any(f.criterion == "indication" and f.outcome is Outcome.ATTEST for f in determination.findings):
        key += "_indication"
    if label_only and not asked:
        key = "summary.label_ready_none"
    return shortened(wording.say(key, **blanks), LONGEST)


def _first(asked: list[Line]) -> list[str]:
    """What to confirm before the documents can be called complete: what presses, and papers that may not be the paper.

    The indication is named among them; alone it has a sentence of its own.
    """
    leading = [line for line in asked if line.leading]
    unsure = [line for line in asked if not line.leading and any(_unsure_document(f) for f in line.findings)]
    indication = [line for line in asked if line.group == "indication" and not line.leading]
    return [line.short for line in (*leading, *indication, *unsure)] if leading or unsure else []


def _unsure_document(finding: Finding) -> bool:
    return finding.section is Section.DOCUMENTATION and says_something(finding)


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
