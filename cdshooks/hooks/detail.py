"""The card's detail: GitHub-flavoured Markdown that also reads well as plain text, most important first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from cdshooks.engine.dates import Period
from cdshooks.engine.model import Determination, Finding, Order, Outcome, Result, Section, Why
from cdshooks.engine.policy import Policy
from cdshooks.engine.wording import Wording
from cdshooks.hooks.blocks import Block, Point, capital, sentence
from cdshooks.hooks.confirm import confirmations
from cdshooks.hooks.lines import Line, grouped
from cdshooks.hooks.text import clean

LONGEST = 1800
_SOON = Period.parse("P1Y")
_SIZES = (
    (900, 4), (400, 4), (900, 3), (400, 3), (280, 3), (220, 3), (180, 3), (150, 3), (180, 2), (160, 2), (150, 2),
    (140, 2), (130, 2), (120, 2), (110, 1), (110, 0), (90, 0),
)  # fmt: skip
"""The first that fits: how long a line, and how spare a block may be to be shown."""
_FILED_IN_FULL = ("indication", "center")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a card is about, in words for a reader."""

    product: str
    payer: str
    order: Order
    policy: Policy | None
    notes: tuple[str, ...] = ()
    had_rems: bool = False


def write_detail(determination: Determination, subject: Subject, wording: Wording) -> str:
    """The whole detail, shortened line by line until it fits; the last line always stands."""
    blocks = [
        _notes(subject),
        *_refused(determination, wording),
        _unread(determination, wording),
        _others(determination, wording),
        _needed(determination, wording),
        _standing(subject),
        _lapsing(determination, subject, wording),
        confirmations(determination, wording),
        _on_file(determination, wording),
        _rems(determination, subject),
        _reminder(determination, wording),
        _differs(subject, wording),
    ]
    footer = _footer(subject, wording)
    present = [block for block in blocks if block is not None and block.lines]
    for longest_line, most_spare in _SIZES:
        shown = [block.render(longest_line) for block in present if block.spare <= most_spare]
        text = "\n\n".join([*shown, footer])
        if len(text) <= LONGEST:
            return text
    return _fitting(shown, footer)


def _fitting(blocks: list[str], footer: str) -> str:
    """The blocks, line by line, as far as there is room."""
    room, kept = LONGEST - len(footer) - 4, ""
    for line in "\n\n".join(blocks).split("\n"):
        if len(kept) + len(line) + 1 <= room:
            kept += f"{line}\n"
    return f"{kept.strip()}\n\n{footer}"


def said_first(policy: Policy, submitted: date | None, as_of: date, wording: Wording) -> tuple[str, ...]:
    """What to know before all else: that papers were sent already, and that our reading of the policy is old."""
    due = policy.review_due
    return (
        *([wording.say("detail.submitted", date=submitted)] if submitted else []),
        *([wording.say("detail.review_overdue", policy=policy.short, date=due)] if due and due < as_of else []),
    )


def _notes(subject: Subject) -> Block:
    return Block(
        "", tuple(sentence(capital(clean(note))) for note in (*subject.order.traps, *subject.notes)), bullets=False
    )


def _refused(determination: Determination, wording: Wording) -> list[Block]:
    """What is not met: exclusions under their own heading, before criteria."""
    refused = [f for line in grouped(determination, wording, Outcome.NOT_MET) for f in line.findings]
    if not refused:
        return []
    if determination.outcome is Result.REVIEW_NEEDED:
        texts = [_finding_text(finding) for finding in refused]
        texts += [f"{clean(note)} [{', '.join(determination.overridden_by)}]" for note in determination.notes]
        texts += [] if determination.overridden_by else [wording.say("detail.no_refusal")]
        return [Block(wording.say("detail.review-needed"), tuple(texts))]
    blocks = []
    for result in (Result.EXCLUSION_FOUND, Result.CRITERION_NOT_MET):
        excluded = result is Result.EXCLUSION_FOUND
        texts = [_finding_text(f) for f in refused if (f.section is Section.EXCLUSIONS) is excluded]
        if texts:
            blocks.append(Block(wording.say(f"detail.{result.value}"), tuple(texts)))
    what_now = [wording.say("detail.what_now")]
    what_now += [f"{clean(asked.text)} [{', '.join(asked.cite)}]" for asked in determination.may_override]
    return [*blocks, *(Block("", (text,), bullets=False, whole=True) for text in what_now)]


def _unread(determination: Determination, wording: Wording) -> Block | None:
    by_reason: dict[str, list[Finding]] = {}
    for finding in determination.findings:
        if finding.outcome is Outcome.COULD_NOT_CHECK:
            by_reason.setdefault(finding.reason, []).append(finding)
    if not by_reason:
        return None
    texts = [
        Point(
            capital(", ".join(finding.label for finding in findings)),
            sentence(clean(reason)),
            " ".join(dict.fromkeys(clean(f.ask) for f in findings if f.evidence)),
            ", ".join(dict.fromkeys(p for f in findings for p in f.cite)),
        )
        for reason, findings in by_reason.items()
    ]
    return Block(wording.say("detail.unread"), tuple(texts))


def _others(determination: Determination, wording: Wording) -> Block | None:
    """How many records of another patient were sent along and left out."""
    count = sum(left.why is Why.ANOTHER_PATIENT for left in determination.left_out)
    if not count:
        return None
    key = "detail.others_left_out_one" if count == 1 else "detail.others_left_out"
    return Block("", (wording.say(key, count=count),), bullets=False)


def _needed(determination: Determination, wording: Wording) -> Block | None:
    lines = grouped(determination, wording, Outcome.MISSING, Outcome.STALE)
    if not lines:
        return None
    return Block(wording.say("detail.needed"), tuple(_point(line, wording) for line in lines))


def _point(line: Line, wording: Wording) -> Point:
    reasons = "; ".join(dict.fromkeys(clean(finding.reason) for finding in line.findings))
    asks = " ".join(dict.fromkeys(clean(finding.ask) for finding in line.findings))
    return Point(capital(line.label), sentence(reasons), " ".join([asks, *_at_infusion(line, wording)]), line.cites)


def _at_infusion(line: Line, wording: Wording) -> Iterator[str]:
    """The day from which a document of this line counts at the infusion as well, where that is a later one."""
    days = {
        f.counts_from.earliest
        for f in line.findings
        if f.counts_from and f.counts_from.earliest > f.counts_from.submission
    }
    if days:
        yield wording.say("detail.counts_at_service", date=max(days))


def _finding_text(finding: Finding) -> str:
    return f"**{capital(finding.label)}** – {sentence(clean(finding.reason))} [{', '.join(finding.cite)}]"


def _standing(subject: Subject) -> Block | None:
    standing = subject.policy.standing(subject.order.service_date) if subject.policy else None
    if standing is None or standing.is_ != "unconfirmed":
        return None
    return Block("", (standing.says,), bullets=False, whole=True)


def _lapsing(determination: Determination, subject: Subject, wording: Wording) -> Block | None:
    """What counts today but lapses before the infusion; when all is there, what lapses first."""
    met = [f for f in determination.findings if f.outcome is Outcome.MET]
    notes = [f"**{capital(f.label)}** – {clean(note)}." for f in met for note in f.notes]
    soon = _SOON.after(subject.order.service_date)
    dated = [f for f in met if f.counts_until and f.counts_until <= soon]
    if determination.outcome is Result.READY and dated and not notes:
        first = min(dated, key=lambda f: (f.counts_until or date.max, f.criterion))
        notes.append(wording.say("detail.expires_first", label=first.label, date=first.counts_until))
    return Block(wording.say("detail.lapsing"), tuple(notes)) if notes else None


def _on_file(determination: Determination, wording: Wording) -> Block | None:
    lines = grouped(determination, wording, Outcome.MET)
    if not lines:
        return None
    items = [item for line in lines for item in dict.fromkeys(_filed(finding) for finding in line.findings)]
    filed = wording.say("detail.on_file", count=len(items), items=" · ".join(items))
    return Block("", (filed,), bullets=False, spare=4)


def _filed(finding: Finding) -> str:
    if finding.group in _FILED_IN_FULL:
        return clean(finding.reason)
    dated = finding.evidence[0].date if finding.evidence else None
    return f"{finding.label} {dated}" if dated else finding.label


def _rems(determination: Determination, subject: Subject) -> Block | None:
    """That no REMS is asked for any more; nothing where the product never had one."""
    if not subject.had_rems:
        return None
    rems = next((f for f in determination.findings if f.criterion == "rems"), None)
    if rems is None or rems.outcome is not Outcome.NOT_APPLICABLE:
        return None
    return Block("", (sentence(clean(rems.reason)),), bullets=False, whole=True, spare=3)


def _reminder(determination: Determination, wording: Wording) -> Block | None:
    """At most one claim-stage line, and only one that is meant for this order."""
    special = [r for r in determination.reminders if r.only_for_this_order]
    if not special:
        return None
    return Block("", (f"{special[0].text} [{', '.join(special[0].cite)}]",), bullets=False, spare=2)


def _differs(subject: Subject, wording: Wording) -> Block | None:
    """Where the policy and the label of that day differ: both by name, version and date, never merged."""
    policy, day = subject.policy, subject.order.service_date
    sentences = policy.differs_from_label(day) if policy else ()
    if policy is None or not sentences:
        return None
    name, brand = policy.short, subject.product
    title = wording.say("detail.differs", policy=name, version=policy.version, product=brand, date=day)
    return Block(title, sentences, whole=True, spare=1)


def _footer(subject: Subject, wording: Wording) -> str:
    policy = subject.policy
    if policy is None:
        return wording.say("detail.disclaimer")
    assumed = f" {wording.say('detail.assumed')}" if policy.start_basis == "assumed" else ""
    parts = [
        wording.say(
            "detail.footer",
            reference=policy.reference_number or policy.title,
            version=policy.version,
            assumed=assumed,
            date=subject.order.service_date,
        ),
        policy.controlled_by,
        wording.say("detail.disclaimer"),
    ]
    return " ".join(part for part in parts if part)
