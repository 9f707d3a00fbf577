"""The card's detail: GitHub-flavoured Markdown that also reads well as plain text, most important first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cdshooks.engine.dates import Period
from cdshooks.engine.model import Determination, Finding, Gap, Order, Outcome, Result, Why
from cdshooks.engine.policy import Policy
from cdshooks.engine.wording import Wording
from cdshooks.hooks.lines import UNPROMPTED, Line, grouped
from cdshooks.hooks.text import clean, shortened

LONGEST = 1800
_MOST_CONFIRMATIONS = 4
_A_DOCUMENT = "a document"
_CONFIRM_ORDER = (
    "product", "indication", _A_DOCUMENT, "center", "letter", "transplant", "adherence", "evaluation",
    "evaluation-content", "label", "rems",
)  # fmt: skip


_SOON = Period.parse("P1Y")
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


@dataclass(frozen=True, slots=True)
class _Block:
    """One paragraph or list of the detail; `room` is how far each of its lines may be cut."""

    title: str
    lines: tuple[str, ...]
    bullets: bool = True

    def render(self, longest_line: int) -> str:
        """The block as Markdown."""
        lines = [_cut(line, longest_line) for line in self.lines]
        head = [f"**{self.title}**"] if self.title else []
        return "\n".join([*head, *(f"- {line}" if self.bullets else line for line in lines)])


def _cut(line: str, longest: int) -> str:
    """A line made shorter, its paragraphs kept: every line must be traceable."""
    body, bracket, cites = line.rpartition(" [")
    if not bracket or not line.endswith("]"):
        return shortened(line, longest)
    return f"{shortened(body, max(40, longest - len(cites) - 2))} [{cites}"


def write_detail(determination: Determination, subject: Subject, wording: Wording) -> str:
    """The whole detail, shortened line by line until it fits; the last line always stands."""
    blocks = [
        _notes(subject),
        _refused(determination, wording),
        _unread(determination, wording),
        _others(determination, wording),
        _needed(determination, wording),
        _standing(subject),
        _lapsing(determination, subject, wording),
        _confirm(determination, wording),
        _on_file(determination, wording),
        _rems(determination, subject),
        _reminder(determination, wording),
        _differs(subject, wording),
    ]
    footer = _footer(subject, wording)
    present = [block for block in blocks if block is not None and block.lines]
    for longest_line in (900, 400, 280, 220, 180, 150, 120):
        text = "\n\n".join([*(block.render(longest_line) for block in present), footer])
        if len(text) <= LONGEST:
            return text
    room = LONGEST - len(footer) - 3
    body = "\n\n".join(block.render(110) for block in present)
    return f"{body[:room].rsplit(chr(10), 1)[0]}\n…\n\n{footer}"


def _notes(subject: Subject) -> _Block:
    return _Block(
        "", tuple(_sentence(_capital(clean(note))) for note in (*subject.order.traps, *subject.notes)), bullets=False
    )


def _refused(determination: Determination, wording: Wording) -> _Block | None:
    lines = grouped(determination, wording, Outcome.NOT_MET)
    if not lines:
        return None
    title = wording.say(f"detail.{determination.outcome.value}")
    texts = [_finding_text(finding, with_ask=False) for line in lines for finding in line.findings]
    if determination.outcome is Result.REVIEW_NEEDED:
        texts += [f"{clean(note)} [{', '.join(determination.overridden_by)}]" for note in determination.notes]
        texts += [] if determination.overridden_by else [wording.say("detail.no_refusal")]
    else:
        texts.append(wording.say("detail.what_now"))
    return _Block(title, tuple(texts))


def _unread(determination: Determination, wording: Wording) -> _Block | None:
    by_reason: dict[str, list[Finding]] = {}
    for finding in determination.findings:
        if finding.outcome is Outcome.COULD_NOT_CHECK:
            by_reason.setdefault(finding.reason, []).append(finding)
    if not by_reason:
        return None
    texts = [
        wording.say(
            "detail.unread_line",
            reason=clean(reason),
            criteria=", ".join(finding.label for finding in findings),
            ask=" ".join(dict.fromkeys(clean(f.ask) for f in findings if f.evidence)),
            cites=", ".join(dict.fromkeys(p for f in findings for p in f.cite)),
        )
        for reason, findings in by_reason.items()
    ]
    return _Block(wording.say("detail.unread"), tuple(texts))


def _others(determination: Determination, wording: Wording) -> _Block | None:
    """How many records of another patient were sent along and left out."""
    count = sum(left.why is Why.ANOTHER_PATIENT for left in determination.left_out)
    if not count:
        return None
    key = "detail.others_left_out_one" if count == 1 else "detail.others_left_out"
    return _Block("", (wording.say(key, count=count),), bullets=False)


def _needed(determination: Determination, wording: Wording) -> _Block | None:
    lines = grouped(determination, wording, Outcome.MISSING, Outcome.STALE)
    if not lines:
        return None
    return _Block(wording.say("detail.needed"), tuple(_line_text(line) for line in lines))


def _line_text(line: Line) -> str:
    reasons = "; ".join(dict.fromkeys(clean(finding.reason) for finding in line.findings))
    asks = " ".join(dict.fromkeys(clean(finding.ask) for finding in line.findings))
    return f"**{_capital(line.label)}** – {_sentence(reasons)} {asks} [{line.cites}]"


def _finding_text(finding: Finding, *, with_ask: bool = True) -> str:
    ask = f" {clean(finding.ask)}" if with_ask else ""
    return f"**{_capital(finding.label)}** – {_sentence(clean(finding.reason))}{ask} [{', '.join(finding.cite)}]"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _standing(subject: Subject) -> _Block | None:
    standing = subject.policy.standing(subject.order.service_date) if subject.policy else None
    if standing is None or standing.is_ != "unconfirmed":
        return None
    return _Block("", (standing.says,), bullets=False)


def _lapsing(determination: Determination, subject: Subject, wording: Wording) -> _Block | None:
    """What counts today but lapses before the infusion; when all is there, what lapses first."""
    met = [f for f in determination.findings if f.outcome is Outcome.MET]
    notes = [f"**{_capital(f.label)}** – {clean(note)}." for f in met for note in f.notes]
    soon = _SOON.after(subject.order.service_date)
    dated = [f for f in met if f.counts_until and f.counts_until <= soon]
    if determination.outcome is Result.READY and dated and not notes:
        first = min(dated, key=lambda f: (f.counts_until or date.max, f.criterion))
        notes.append(wording.say("detail.expires_first", label=first.label, date=first.counts_until))
    return _Block(wording.say("detail.lapsing"), tuple(notes)) if notes else None


def _confirm(determination: Determination, wording: Wording) -> _Block | None:
    """At most four lines; what a plan may still ask for is left to the determination."""
    lines = [line for line in grouped(determination, wording, Outcome.ATTEST) if line.group != UNPROMPTED]
    if not lines:
        return None
    ranked = sorted(lines, key=_confirm_rank)
    full = ranked if len(ranked) <= _MOST_CONFIRMATIONS else ranked[: _MOST_CONFIRMATIONS - 1]
    texts = [_confirm_text(line, wording) for line in full]
    if rest := ranked[len(full) :]:
        texts.append(wording.say("detail.also", labels="; ".join(_also(line, wording) for line in rest)))
    return _Block(wording.say("detail.confirm"), tuple(texts))


def _confirm_rank(line: Line) -> tuple[bool, int]:
    known = line.group if line.group in _CONFIRM_ORDER else _A_DOCUMENT
    return (not line.leading, _CONFIRM_ORDER.index(known))


def _also(line: Line, wording: Wording) -> str:
    extra = "; ".join([*(clean(n) for f in line.findings for n in f.notes), *_review(line, wording)])
    return f"{line.label}{f' ({extra})' if extra else ''} [{line.cites}]"


def _review(line: Line, wording: Wording) -> list[str]:
    if not line.to_review:
        return []
    key = "detail.to_review_one" if line.to_review == 1 else "detail.to_review"
    return [wording.say(key, count=line.to_review)]


def _confirm_text(line: Line, wording: Wording) -> str:
    """One line to confirm: what was found, else our sentence for what only a person knows."""
    silent = f"detail.silent.{line.findings[0].criterion}"
    if len(line.findings) > 1 or not wording.has(silent):
        silent = f"detail.silent.{line.group}"
    found = [f for f in line.findings if _says_something(f)]
    if found or not wording.has(silent):
        reasons = "; ".join(dict.fromkeys(clean(f.reason) for f in found or line.findings))
        text = f"{line.label}: {reasons}"
    else:
        dates = [e.date for f in line.findings for e in f.evidence if e.date]
        text = wording.say(silent, date=dates[0] if dates else wording.say("evidence.no_date"))
    notes = "; ".join(dict.fromkeys(clean(n) for f in line.findings for n in f.notes))
    whole = "; ".join(part for part in (_capital(text), notes, *_review(line, wording)) if part)
    return f"{_sentence(whole)} [{line.cites}]"


def _says_something(finding: Finding) -> bool:
    """True when the chart gave a reason of its own, not only silence or our paraphrase."""
    explanation = finding.explanation
    return explanation is not None and explanation.gap is Gap.ATTEST and bool(explanation.found)


def _on_file(determination: Determination, wording: Wording) -> _Block | None:
    lines = grouped(determination, wording, Outcome.MET)
    if not lines:
        return None
    shown = " · ".join(_filed(line.findings[0]) for line in lines)
    return _Block("", (wording.say("detail.on_file", count=len(lines), items=shown),), bullets=False)


def _filed(finding: Finding) -> str:
    if finding.group in _FILED_IN_FULL:
        return clean(finding.reason)
    dated = finding.evidence[0].date if finding.evidence else None
    return f"{finding.label} {dated}" if dated else finding.label


def _rems(determination: Determination, subject: Subject) -> _Block | None:
    """That no REMS is asked for any more; nothing where the product never had one."""
    if not subject.had_rems:
        return None
    rems = next((f for f in determination.findings if f.criterion == "rems"), None)
    if rems is None or rems.outcome is not Outcome.NOT_APPLICABLE:
        return None
    return _Block("", (_sentence(clean(rems.reason)),), bullets=False)


def _reminder(determination: Determination, wording: Wording) -> _Block | None:
    """At most one claim-stage line, and only one that is meant for this order."""
    special = [r for r in determination.reminders if r.only_for_this_order]
    if not special:
        return None
    return _Block("", (f"{special[0].text} [{', '.join(special[0].cite)}]",), bullets=False)


def _differs(subject: Subject, wording: Wording) -> _Block | None:
    """Where the policy and the label of that day differ: both by name, version and date, never merged."""
    policy, day = subject.policy, subject.order.service_date
    sentences = policy.differs_from_label(day) if policy else ()
    if policy is None or not sentences:
        return None
    name, brand = policy.short, subject.product
    return _Block(
        wording.say("detail.differs", policy=name, version=policy.version, product=brand, date=day), sentences
    )


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
