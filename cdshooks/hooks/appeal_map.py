"""The criteria map as the answer to a denial: what the denial names first, what is on file, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.appeals import Reason
from cdshooks.engine.criteria_map import WORST_FIRST, answering, worst
from cdshooks.engine.library import Library
from cdshooks.engine.model import Finding, MapRow, Order, Outcome
from cdshooks.engine.policy import Policy
from cdshooks.engine.wording import Wording
from cdshooks.hooks.blocks import Block, Point, Several, capital, sentence
from cdshooks.hooks.criteria_map import row_json
from cdshooks.hooks.denied_request import Held
from cdshooks.hooks.plan_answers import PlanAnswer
from cdshooks.hooks.submitted import SETTLED
from cdshooks.hooks.text import Cleaned, shortened

_LONGEST_PART = 90
_MET, _ASKED = (Outcome.MET.value,), (Outcome.ATTEST.value,)
_GAPS = [outcome.value for outcome in WORST_FIRST[: WORST_FIRST.index(Outcome.ATTEST)]]


@dataclass(frozen=True, slots=True)
class AnsweringMap:
    """The rows of a criteria map in the order in which they answer a denial; `named` of them answer its reasons."""

    held: Held
    reasons: tuple[Reason, ...]
    rows: tuple[MapRow, ...]
    named: int


def answering_map(answer: PlanAnswer, held: Held, library: Library) -> AnsweringMap:
    """The map of a denied request: rows that answer the denial's reasons first, each part worst first."""
    sets = library.answer_sets
    reasons = tuple(r for r in (sets.reasons if sets else ()) if any(r.words.mentions(t) for t in answer.reason_texts))
    found = held.determination
    if found is None:
        return AnsweringMap(held, reasons, (), 0)
    ranks = {row.id: _rank(answering(row, found), reasons) for row in found.criteria_map}
    rows = sorted(found.criteria_map, key=lambda row: ranks[row.id])
    return AnsweringMap(held, reasons, tuple(rows), sum(not rank[0] for rank in ranks.values()))


def _rank(findings: tuple[Finding, ...], reasons: tuple[Reason, ...]) -> tuple[bool, bool, int, int]:
    """What the denial names first, open before settled; what a reason names first before what it names next."""
    outcome = worst(findings)
    applies = [finding for finding in findings if finding.outcome is not Outcome.NOT_APPLICABLE]
    ranks = [rank for reason in reasons for finding in applies if (rank := reason.rank(finding)) is not None]
    return not ranks, outcome in SETTLED, min(ranks, default=0), WORST_FIRST.index(outcome)


def map_blocks(map_: AnsweringMap, most: int, wording: Wording) -> list[Block]:
    """The map as lines for a card, rows named by the denial first, at most so many; else why there is no map."""
    say, held = wording.say, map_.held
    reasons = "; ".join(f"{reason.cite}, {reason.says}" for reason in map_.reasons)
    head = [Block("", (say("appeal.reasons", reasons=reasons),), bullets=False)] if reasons else []
    if held.determination is None or held.policy is None:
        why = say(f"appeal.not_held.{held.why_not}")
        return [*head, Block("", (f"{why} {say('appeal.gather')}",), bullets=False, whole=True)]
    cleaned = Cleaned()
    rows = [row_json(row, held.determination, cleaned) for row in map_.rows]
    told = [row for index, row in enumerate(rows) if index < map_.named or row["outcome"] in _GAPS][:most]
    rest = [row for row in rows if row not in told]
    lines: list[Point | Several] = [*(_line(row, wording) for row in told), *_rest(rest, wording)]
    return [*head, Block(_title(held.policy, held.order, wording), tuple(lines))]


def _title(policy: Policy, order: Order | None, wording: Wording) -> str:
    standing = policy.standing(order.service_date) if order else None
    unconfirmed = wording.say("appeal.map_unconfirmed") if standing and standing.is_ == "unconfirmed" else ""
    return wording.say("appeal.map", policy=policy.short, version=policy.version, standing=unconfirmed)


def _rest(rows: list[dict[str, Any]], wording: Wording) -> Iterator[Several]:
    """The other rows by label: what is missing too, what only a person can confirm, what is on file."""
    for key, outcomes in (("also_missing", _GAPS), ("to_confirm", _ASKED), ("on_file", _MET)):
        labels = [row["label"] for row in rows if row["outcome"] in outcomes]
        if labels:
            yield Several(wording.say(f"appeal.{key}"), tuple((label, "") for label in labels), ", ")


def _line(row: dict[str, Any], wording: Wording) -> Point:
    """One row: what is missing before what is on file, then what would settle it."""
    say = wording.say
    parts = [
        *([say("appeal.row_missing", missing=shortened(row["missing"], _LONGEST_PART))] if "missing" in row else []),
        *([say("appeal.row_shows", shows=shortened(row["shows"], _LONGEST_PART))] if "shows" in row else []),
    ]
    found, ask = " ".join(sentence(part) for part in parts), sentence(row["ask"]) if "ask" in row else ""
    return Point(capital(row["label"]), found, ask, ", ".join(row["cite"]))


def reasons_json(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    """The reasons that an answer's own words name."""
    return [{"cite": reason.cite, "says": reason.says} for reason in reasons]
