"""A dossier as a reader needs it: what to do first, the criteria map worst first, what only a person can say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.criteria_map import WORST_FIRST
from cdshooks.engine.model import Outcome
from cdshooks.engine.wording import Wording
from cdshooks.hooks.blocks import capital
from cdshooks.hooks.dossier import Dossier

_RANK = {outcome.value: rank for rank, outcome in enumerate(WORST_FIRST)}
GAPS = tuple(outcome.value for outcome in WORST_FIRST[: WORST_FIRST.index(Outcome.ATTEST)])
"""What stands in the way of submitting, worst first."""
OPEN = {"start": "first day", "end": "last day", "bestResponse": "best response", "stopped": "why it was stopped"}
"""What a line of treatment may leave open, as a reader calls it."""
_ANSWERS = {"confirmed": ("confirmed", "confirmed: does not apply"), "not-so": ("not so", "not so: it applies")}
_TASKS = {outcome: rank for rank, outcome in enumerate(("not-met", "could-not-check", "missing", "stale"))}


@dataclass(frozen=True, slots=True)
class Task:
    """Something to obtain or to clear up: for which criteria, why, by whom, and between which days.

    `earliest` and `needed_by` are ISO days, "" where there is none; `request` is a wording to send on.
    """

    labels: tuple[str, ...]
    cite: tuple[str, ...]
    section: str
    outcome: str
    reason: str
    ask: str
    owner: str
    earliest: str
    needed_by: str
    request: str


def findings_of(dossier: Dossier) -> list[Mapping[str, Any]]:
    """The findings, in the order of the policy."""
    return list(dossier["determination"]["findings"])


def label_of(dossier: Dossier, criterion: str) -> str:
    """What a criterion is called, with a capital."""
    return capital(dossier["labels"].get(criterion, criterion))


def tasks(dossier: Dossier, wording: Wording) -> list[Task]:
    """What to do, in the order of the card: refused, unread, missing, stale. What one step settles is one task."""
    together: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for finding in sorted(findings_of(dossier), key=lambda f: _TASKS.get(f["outcome"], 0)):
        if finding["outcome"] in GAPS:
            together.setdefault(_step(finding), []).append(finding)
    return [_task(dossier, same, wording) for same in together.values()]


def _step(finding: Mapping[str, Any]) -> tuple[str, ...]:
    """What findings have in common that one step settles: what was not read is looked for in one go."""
    outcome = finding["outcome"]
    if outcome == Outcome.COULD_NOT_CHECK:
        return outcome, finding["reason"], finding.get("earliestDate", "")
    if outcome == Outcome.NOT_MET:
        return outcome, finding["criterion"]
    return outcome, finding.get("ask", ""), finding["owner"]


def _task(dossier: Dossier, same: list[Mapping[str, Any]], wording: Wording) -> Task:
    outcome = same[0]["outcome"]
    refused = outcome == Outcome.NOT_MET
    cite = tuple(dict.fromkeys(paragraph for finding in same for paragraph in finding["cite"]))
    earliest = "" if refused else max((finding.get("earliestDate", "") for finding in same), default="")
    needed_by = min((finding["neededBy"] for finding in same if "neededBy" in finding), default="")
    ask = _ask(dossier, same, wording)
    return Task(
        labels=tuple(label_of(dossier, finding["criterion"]) for finding in same),
        cite=cite,
        section=same[0]["section"],
        outcome=outcome,
        reason="; ".join(dict.fromkeys(finding["reason"] for finding in same)),
        ask=ask,
        owner=capital(owners(same, wording)),
        earliest=earliest,
        needed_by=needed_by,
        request="" if refused or not ask else _request(dossier, ask, cite, earliest, needed_by, wording),
    )


def _ask(dossier: Dossier, same: list[Mapping[str, Any]], wording: Wording) -> str:
    """The step itself: what is refused is not asked for, and what was not read is looked for first."""
    outcome, asks = same[0]["outcome"], " ".join(dict.fromkeys(f["ask"] for f in same if "ask" in f))
    if outcome == Outcome.NOT_MET:
        return what_now(dossier, wording)
    return wording.say("dossier.look", asks=asks) if outcome == Outcome.COULD_NOT_CHECK else asks


def what_now(dossier: Dossier, wording: Wording) -> str:
    """What can be done where the chart contradicts a criterion."""
    may_refuse = dossier["determination"].get("policy", {}).get("authority") != "secondary-summary"
    return wording.say("detail.what_now" if may_refuse else "detail.no_refusal")


def _request(dossier: Dossier, ask: str, cite: Iterable[str], earliest: str, needed_by: str, wording: Wording) -> str:
    return wording.say(
        "dossier.request",
        product=dossier["product"],
        policy=dossier.get("policy", {}).get("reference", ""),
        cites=", ".join(cite),
        ask=ask,
        dated=wording.say("dossier.request_dated", date=earliest) if earliest else "",
        needed=wording.say("dossier.request_needed", date=needed_by) if needed_by else "",
    )


def rows(dossier: Dossier) -> list[Mapping[str, Any]]:
    """The criteria map, worst first: each row with its `findings`."""
    found = {finding["criterion"]: finding for finding in findings_of(dossier)}
    made = dossier["determination"].get("criteriaMap", [])
    full = [{**row, "findings": [found[c] for c in row["criteria"] if c in found]} for row in made]
    return sorted(full, key=lambda row: _RANK[row["outcome"]])


def owners(findings: Iterable[Mapping[str, Any]], wording: Wording) -> str:
    """Who is asked for what is open in findings."""
    return ", ".join(dict.fromkeys(wording.say(f"owner.{finding['owner']}") for finding in findings))


def to_attest(dossier: Dossier) -> list[Mapping[str, Any]]:
    """The findings that only a person can settle."""
    return [finding for finding in findings_of(dossier) if finding["outcome"] == Outcome.ATTEST]


def treatment_lines(dossier: Dossier) -> list[Mapping[str, Any]]:
    """The lines of treatment that the chart tells of, once each, oldest first; not what leads up to this order."""
    found = {id_of_line(line): line for finding in findings_of(dossier) for line in finding.get("lines", ())}
    return list(found.values())


def id_of_line(line: Mapping[str, Any]) -> str:
    """What a line of treatment is called in a form: its first record."""
    return str(line["evidence"][0])


def subject_of(dossier: Dossier, subject: str) -> str:
    """What a person spoke of, in words: a criterion, or what was open in a line of treatment."""
    line, _, part = subject.partition(" ")
    regimen = next((found["regimen"] for found in treatment_lines(dossier) if id_of_line(found) == line), None)
    return f"{', '.join(regimen)}, {OPEN[part]}" if regimen and part in OPEN else label_of(dossier, subject)


def answer_of(dossier: Dossier, criterion: str, kind: str) -> str:
    """What a person chose, in words that cannot be taken for the contrary where the criterion is an exclusion."""
    excluded = {f["criterion"] for f in findings_of(dossier) if f["section"] == "exclusions"}
    return _ANSWERS[kind][criterion in excluded]


def places(dossier: Dossier) -> Iterator[Mapping[str, Any]]:
    """What shows that the treatment center is authorized, each listing once."""
    found = [place for row in rows(dossier) for place in row.get("location", ()) if "center" in place]
    yield from {(place["center"], place.get("date", "")): place for place in found}.values()


def to_review(dossier: Dossier) -> int:
    """How many sensitive records are counted and not named."""
    return sum(finding.get("toReview", 0) for finding in findings_of(dossier))


def counts(dossier: Dossier) -> dict[str, int]:
    """How many criteria are open, to be confirmed by a person, and on file."""
    outcomes = [finding["outcome"] for finding in findings_of(dossier)]
    settled = sum(outcome == Outcome.MET for outcome in outcomes)
    asked = sum(outcome == Outcome.ATTEST for outcome in outcomes)
    applies = sum(outcome != Outcome.NOT_APPLICABLE for outcome in outcomes)
    return {"open": applies - asked - settled, "attest": asked, "met": settled}
