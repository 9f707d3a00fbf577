"""What only a person can confirm: at most four lines, the pressing ones first."""

from __future__ import annotations

from cdshooks.engine.model import Determination, Finding, Gap, Outcome
from cdshooks.engine.wording import Wording
from cdshooks.hooks.blocks import Block, capital, sentence
from cdshooks.hooks.lines import UNPROMPTED, Line, grouped
from cdshooks.hooks.text import clean

_MOST_CONFIRMATIONS = 4


def confirmations(determination: Determination, wording: Wording) -> Block | None:
    """At most four lines; what a plan may still ask for is left to the determination."""
    lines = [line for line in grouped(determination, wording, Outcome.ATTEST) if line.group != UNPROMPTED]
    if not lines:
        return None
    order = wording.say("detail.confirm_order").split()
    ranked = sorted(lines, key=lambda line: _rank(line, order))
    full = ranked if len(ranked) <= _MOST_CONFIRMATIONS else ranked[: _MOST_CONFIRMATIONS - 1]
    texts = [_confirm_text(line, wording) for line in full]
    if rest := ranked[len(full) :]:
        texts.append(wording.say("detail.also", labels="; ".join(_also(line, wording) for line in rest)))
    return Block(wording.say("detail.confirm"), tuple(texts))


def _rank(line: Line, order: list[str]) -> tuple[bool, int]:
    """Leading lines first, then as the library orders the groups; a document of its own stands at ``*``."""
    return (not line.leading, order.index(line.group if line.group in order else "*"))


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
    whole = "; ".join(part for part in (capital(text), notes, *_review(line, wording)) if part)
    return f"{sentence(whole)} [{line.cites}]"


def _says_something(finding: Finding) -> bool:
    """True when the chart gave a reason of its own, not only silence or our paraphrase."""
    explanation = finding.explanation
    return explanation is not None and explanation.gap is Gap.ATTEST and bool(explanation.found)
