"""The card's detail: GitHub-flavoured Markdown that also reads well as plain text, most important first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cdshooks.engine.model import Determination, Finding, Order, Outcome, Result
from cdshooks.engine.policy import Policy
from cdshooks.engine.wording import Wording
from cdshooks.hooks.lines import Line, grouped
from cdshooks.hooks.text import clean, shortened

LONGEST = 1800
_MOST_CONFIRMATIONS = 4
_CONFIRM_ORDER = (
    "product", "indication", "center", "letter", "transplant", "adherence", "evaluation", "evaluation-content",
    "label", "rems", "other",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """What a card is about, in words for a reader."""

    product: str
    payer: str
    order: Order
    policy: Policy | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Block:
    """One paragraph or list of the detail; `room` is how far each of its lines may be cut."""

    title: str
    lines: tuple[str, ...]
    bullets: bool = True

    def render(self, longest_line: int) -> str:
        """The block as Markdown."""
        lines = [shortened(line, longest_line) for line in self.lines]
        head = [f"**{self.title}**"] if self.title else []
        return "\n".join([*head, *(f"- {line}" if self.bullets else line for line in lines)])


def write_detail(determination: Determination, subject: Subject, wording: Wording) -> str:
    """The whole detail, shortened line by line until it fits; the last line always stands."""
    blocks = [
        _notes(subject),
        _refused(determination, wording),
        _unread(determination, wording),
        _needed(determination, wording),
        _standing(subject),
        _lapsing(determination, wording),
        _confirm(determination, wording),
        _on_file(determination, wording),
        _rems(determination),
        _reminder(determination, wording),
    ]
    footer = _footer(subject, wording)
    present = [block for block in blocks if block is not None and block.lines]
    for longest_line in (400, 280, 220, 180, 150, 120):
        text = "\n\n".join([*(block.render(longest_line) for block in present), footer])
        if len(text) <= LONGEST:
            return text
    room = LONGEST - len(footer) - 3
    body = "\n\n".join(block.render(110) for block in present)
    return f"{body[:room].rsplit(chr(10), 1)[0]}\n…\n\n{footer}"


def _notes(subject: Subject) -> _Block:
    return _Block("", tuple(clean(note) for note in (*subject.order.traps, *subject.notes)), bullets=False)


def _refused(determination: Determination, wording: Wording) -> _Block | None:
    lines = grouped(determination, wording, Outcome.NOT_MET)
    if not lines:
        return None
    title = wording.say(f"detail.{determination.outcome.value}")
    texts = [_finding_text(finding, with_ask=False) for line in lines for finding in line.findings]
    if determination.outcome is Result.REVIEW_NEEDED:
        texts += [f"{clean(note)} [{', '.join(determination.overridden_by)}]" for note in determination.notes]
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
            cites=", ".join(dict.fromkeys(p for f in findings for p in f.cite)),
        )
        for reason, findings in by_reason.items()
    ]
    return _Block(wording.say("detail.unread"), tuple(texts))


def _needed(determination: Determination, wording: Wording) -> _Block | None:
    lines = grouped(determination, wording, Outcome.MISSING, Outcome.STALE)
    if not lines:
        return None
    return _Block(wording.say("detail.needed"), tuple(_line_text(line) for line in lines))


def _line_text(line: Line) -> str:
    reasons = "; ".join(dict.fromkeys(clean(finding.reason) for finding in line.findings))
    asks = " ".join(dict.fromkeys(clean(finding.ask) for finding in line.findings))
    return f"**{line.label}** – {_sentence(reasons)} {asks} [{line.cites}]"


def _finding_text(finding: Finding, *, with_ask: bool = True) -> str:
    ask = f" {clean(finding.ask)}" if with_ask else ""
    return f"**{finding.label}** – {_sentence(clean(finding.reason))}{ask} [{', '.join(finding.cite)}]"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _standing(subject: Subject) -> _Block | None:
    standing = subject.policy.standing(subject.order.service_date) if subject.policy else None
    if standing is None or standing.is_ != "unconfirmed":
        return None
    return _Block("", (standing.says,), bullets=False)


def _lapsing(determination: Determination, wording: Wording) -> _Block | None:
    """What counts today but lapses before the infusion; when all is there, what lapses first."""
    met = [f for f in determination.findings if f.outcome is Outcome.MET]
    notes = [f"**{f.label}** – {clean(note)}." for f in met for note in f.notes]
    dated = [f for f in met if f.counts_until]
    if determination.outcome is Result.READY and dated:
        first = min(dated, key=lambda f: (f.counts_until or date.max, f.criterion))
        notes.append(wording.say("detail.expires_first", label=first.label, date=first.counts_until))
    return _Block(wording.say("detail.lapsing"), tuple(notes)) if notes else None


def _confirm(determination: Determination, wording: Wording) -> _Block | None:
    lines = sorted(grouped(determination, wording, Outcome.ATTEST), key=_confirm_rank)
    if not lines:
        return None
    texts = [_confirm_text(line, wording) for line in lines]
    if len(texts) > _MOST_CONFIRMATIONS:
        rest = lines[_MOST_CONFIRMATIONS - 1 :]
        also = "; ".join(_also(line, wording) for line in rest)
        cites = ", ".join(dict.fromkeys(line.cites for line in rest))
        texts = [*texts[: _MOST_CONFIRMATIONS - 1], wording.say("detail.also", labels=also, cites=cites)]
    return _Block(wording.say("detail.confirm"), tuple(texts))


def _confirm_rank(line: Line) -> tuple[bool, int]:
    rank = _CONFIRM_ORDER.index(line.group) if line.group in _CONFIRM_ORDER else len(_CONFIRM_ORDER)
    return (not line.leading, rank)


def _also(line: Line, wording: Wording) -> str:
    notes = "; ".join(dict.fromkeys(clean(n) for f in line.findings for n in f.notes))
    return line.label + (f" ({notes})" if notes else "") + _review(line, wording)


def _review(line: Line, wording: Wording) -> str:
    return f"; {wording.say('detail.to_review', count=line.to_review)}" if line.to_review else ""


def _confirm_text(line: Line, wording: Wording) -> str:
    """One line to confirm: what was found, else our sentence for a silent chart, else the label."""
    said = [f for f in line.findings if f.explanation and f.reason != f.explanation.sentence]
    reasons = "; ".join(dict.fromkeys(clean(f.reason) for f in said if f.evidence or f.leading or line.group != "transplant"))
    silent = f"detail.silent.{line.group}"
    text = f"{line.label}: {reasons}" if reasons else wording.say(silent) if wording.has(silent) else line.label
    notes = "; ".join(dict.fromkeys(clean(n) for f in line.findings for n in f.notes))
    return f"{_sentence(text + (f' ({notes})' if notes else '') + _review(line, wording))} [{line.cites}]"


def _on_file(determination: Determination, wording: Wording) -> _Block | None:
    met = [f for f in determination.findings if f.outcome is Outcome.MET]
    if not met:
        return None
    shown = " · ".join(_filed(finding) for finding in met)
    return _Block("", (wording.say("detail.on_file", count=len(met), items=shown),), bullets=False)


def _filed(finding: Finding) -> str:
    if finding.evidence and finding.evidence[0].date:
        return f"{finding.label} {finding.evidence[0].date}"
    return finding.label if finding.group == "product" else clean(finding.reason)


def _rems(determination: Determination) -> _Block | None:
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


def _footer(subject: Subject, wording: Wording) -> str:
    policy = subject.policy
    if policy is None:
        return wording.say("detail.disclaimer")
    assumed = wording.say("detail.assumed") if policy.start_basis == "assumed" else ""
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
