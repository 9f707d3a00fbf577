"""What only a person can confirm: at most four lines, the pressing ones first."""

from __future__ import annotations

from cdshooks.engine.model import Determination, Outcome
from cdshooks.engine.wording import Wording
from cdshooks.hooks.blocks import Block, Several, capital, sentence
from cdshooks.hooks.lines import UNPROMPTED, Line, grouped
from cdshooks.hooks.text import clean

_MOST_CONFIRMATIONS = 4


def confirmations(determination: Determination, wording: Wording) -> Block | None:
    """At most four lines; what a plan may still ask for is left to the determination."""
    lines = [line for line in grouped(determination, wording, Outcome.ATTEST) if line.group != UNPROMPTED]
    if not lines:
        return None
    order = wording.say("detail.confirm_order").split()
    ranked = sorted(lines, key=lambda line: _rank(line, order, wording))
    full = ranked if len(ranked) <= _MOST_CONFIRMATIONS else ranked[: _MOST_CONFIRMATIONS - 1]
    texts: list[str | Several] = [_confirm_text(line, wording) for line in full]
    if rest := ranked[len(full) :]:
        texts.append(Several(wording.say("detail.also"), tuple((_also(line, wording), line.cites) for line in rest)))
    return Block(wording.say("detail.confirm"), tuple(texts))


def _rank(line: Line, order: list[str], wording: Wording) -> tuple[bool, bool, int]:
    """Leading lines first, then an absence against which the chart speaks, then in the library's order.

    A document of its own stands at ``*``.
    """
    spoken_against = bool(line.found) and wording.has(f"asked.{line.group}")
    return (not line.leading, not spoken_against, order.index(line.group if line.group in order else "*"))


def _also(line: Line, wording: Wording) -> str:
    extra = "; ".join([*(clean(n) for f in line.findings for n in f.notes), *_review(line, wording)])
    return f"{_named(line, wording)}{f' ({extra})' if extra else ''}"


def _named(line: Line, wording: Wording) -> str:
    """What a line is about; where the chart shows something, without saying that there is nothing."""
    asked = f"asked.{line.group}"
    return wording.say(asked) if line.found and wording.has(asked) else line.label


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
    if line.found or not wording.has(silent):
        reasons = "; ".join(dict.fromkeys(clean(f.reason) for f in line.found or line.findings))
        text = f"{_named(line, wording)}: {reasons}"
    else:
        dates = [e.date for f in line.findings for e in f.evidence if e.date]
        text = wording.say(silent, date=dates[0] if dates else wording.say("evidence.no_date"))
    notes = "; ".join(dict.fromkeys(clean(n) for f in line.findings for n in f.notes))
    whole = "; ".join(part for part in (capital(text), notes, *_review(line, wording)) if part)
    return f"{sentence(whole)} [{line.cites}]"
