"""The card for a denial in the chart: what can be done about it, and by when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from cdshooks.engine.appeals import PlanType, Rule, plan_types
from cdshooks.engine.chart import Chart
from cdshooks.engine.identity import Entry
from cdshooks.engine.library import Library
from cdshooks.engine.payers import recognise
from cdshooks.engine.records import clip
from cdshooks.engine.wording import Wording
from cdshooks.hooks.appeal_clock import Clock, Room, clock_lines, next_step
from cdshooks.hooks.appeal_map import AnsweringMap, answering_map, map_blocks, reasons_json
from cdshooks.hooks.blocks import Block
from cdshooks.hooks.cards import Topic, write_card
from cdshooks.hooks.coverage import coverages_of
from cdshooks.hooks.denied_request import Held
from cdshooks.hooks.detail import LONGEST as LONGEST_DETAIL
from cdshooks.hooks.determination_json import determination_json, policy_json
from cdshooks.hooks.plan_answers import PlanAnswer, Verdict
from cdshooks.hooks.standing_answers import StandingDenial, standing_denials
from cdshooks.hooks.summary import LONGEST
from cdshooks.hooks.text import clean, shortened

KEY = "org.cdshooks.appeal"
_LONGEST_PAYER = 40
_SIZES = (
    (400, True, True, 6, 400), (400, False, True, 6, 320), (400, False, True, 4, 240), (400, False, True, 3, 200),
    (400, False, True, 3, 160), (400, False, True, 2, 130), (400, False, False, 4, 240), (400, False, False, 3, 200),
    (400, False, False, 3, 160), (400, False, False, 2, 160), (400, False, False, 2, 130), (400, False, False, 2, 100),
    (280, False, False, 2, 100), (220, False, False, 2, 100), (160, False, False, 1, 100), (100, False, False, 1, 90),
)  # fmt: skip
"""The first that fits: how long a line of the clock, whether with its note and with the titles of its sources, how
many rows of the map, how long each. Days are kept whole as long as anything else can be left to the JSON."""


@dataclass(frozen=True, slots=True)
class _Denial:
    """A denial with what is needed to speak of it."""

    standing: StandingDenial
    clock: Clock
    payer: str
    product: str
    map: AnsweringMap

    @property
    def answer(self) -> PlanAnswer:
        """The plan's answer."""
        return self.standing.answer


def appeal_cards(
    answers: Iterable[PlanAnswer],
    entries: Iterable[Entry],
    chart: Chart,
    library: Library,
    as_of: date,
    decide: Callable[[str], UUID],
    hold: Callable[[PlanAnswer], Held],
) -> list[dict[str, Any]]:
    """One card for each product and payer whose newest answer is a denial.

    `decide` makes the id of a card, `hold` holds the denied request against the plan's policy.
    """
    words = coverages_of(entries, chart)
    standing = standing_denials(answers, library.payers, as_of)
    denials = [_denial(found, words, library, as_of, hold(found.answer)) for found in standing]
    return [_card(denial, library, decide(denial.answer.reference)) for denial in denials]


def _denial(
    found: StandingDenial, coverages: list[tuple[str, ...]], library: Library, as_of: date, held: Held
) -> _Denial:
    answer, say = found.answer, library.wording.say
    told = [answer.payer_words] if answer.payer_words else coverages
    day = answer.day.first if answer.day else as_of
    plans: dict[str, PlanType] = {}
    payer, sure = "", True
    for texts in told or [()]:
        match = recognise(library.payers, texts, (), (), day)
        payer = payer or (match.payer.short if match else clean(clip(texts[0])) if texts else "")
        program = match.payer.program if match else ""
        possible = plan_types(library.plan_types, texts, program, day)
        plans |= {plan.id: plan for plan in possible.types}
        sure = sure and possible.told
    return _Denial(
        standing=found,
        clock=Clock(tuple(plans.values()), sure and len(plans) == 1, answer.day, answer.use, as_of),
        payer=shortened(payer, _LONGEST_PAYER) or say("appeal.payer"),
        product=library.products.by_id[str(answer.product)].brand if answer.product else say("appeal.service"),
        map=answering_map(answer, held, library),
    )


def _card(denial: _Denial, library: Library, decision: UUID) -> dict[str, Any]:
    say = library.wording.say
    topic = Topic(say("source.label"), "appeal", denial.product)
    found = determination_json(decision, library.hash, None, denial.clock.as_of, None, None)
    card = write_card(
        decision, _summary(denial, library.wording), _detail(denial, library), topic, found, library.wording
    )
    return card | {"extension": card["extension"] | {KEY: _json(denial, library, decision)}}


def _date(answer: PlanAnswer, wording: Wording) -> str:
    return str(answer.day) if answer.day else wording.say("appeal.no_date")


def _summary(denial: _Denial, wording: Wording) -> str:
    step = next_step(denial.clock, wording)
    key = "appeal.summary_denied" if denial.answer.verdict is Verdict.DENIED else "appeal.summary_reads"
    head = {"product": denial.product, "payer": denial.payer, "date": _date(denial.answer, wording)}
    return shortened(wording.say(key, step=f" {step}" if step else "", **head), LONGEST)


def _detail(denial: _Denial, library: Library) -> str:
    """The whole detail, its lines cut, notes and rows of the map left out as far as it takes to fit."""
    wording = library.wording
    always = library.answer_sets.rules if library.answer_sets else ()
    head, told = _head(denial, wording)
    footer = f"{wording.say('appeal.disclaimer')} {wording.say('detail.disclaimer')}"
    for longest, notes, titles, rows, longest_row in _SIZES:
        map_ = [block.render(longest_row) for block in map_blocks(denial.map, rows, wording)]
        clock = Block("", tuple(clock_lines(denial.clock, always, wording, Room(notes, titles)))).render(longest)
        text = "\n\n".join([head, *map_, told, clock, footer])
        if len(text) <= LONGEST_DETAIL:
            break
    return text


def _head(denial: _Denial, wording: Wording) -> tuple[str, str]:
    """What was answered, and what the days are counted by."""
    say, answer, standing = wording.say, denial.answer, denial.standing
    key = "appeal.denied" if answer.verdict is Verdict.DENIED else "appeal.reads"
    reference, day = clean(clip(answer.reference)), _date(answer, wording)
    notes = [say(key, product=denial.product, date=day, by=clean(answer.told_by), reference=reference)]
    if standing.earlier:
        notes.append(say("appeal.earlier_one" if standing.earlier == 1 else "appeal.earlier", count=standing.earlier))
    if beside := standing.beside:
        yes = clean(clip(beside.reference))
        notes.append(say("appeal.beside", date=_date(beside, wording), reference=yes))
    if not (answer.day and answer.day.exact):
        notes.append(say(_vague(denial), date=day))
    told = say("appeal.read_as", label=denial.clock.plans[0].label) if denial.clock.told else say("appeal.ask_type")
    return " ".join(notes), told


def _vague(denial: _Denial) -> str:
    """What to say of an answer whose day is not known, as a key of the wording."""
    if denial.answer.day is None:
        return "appeal.undated"
    return "appeal.imprecise" if denial.clock.day else "appeal.imprecise_uncounted"


def _json(denial: _Denial, library: Library, decision: UUID) -> dict[str, Any]:
    """The same for a machine, every rule of every plan type that is left."""
    answer, clock = denial.answer, denial.clock
    always = library.answer_sets.rules if library.answer_sets else ()
    return {
        "answer": answer.reference,
        **({"product": str(answer.product)} if answer.product else {}),
        **({"date": str(answer.day)} if answer.day else {}),
        "verdict": answer.verdict.value,
        **_map_json(denial, library, decision),
        "toldBy": clean(answer.told_by),
        "planTypes": [
            {"id": plan.id, "rules": [_rule_json(rule, clock) for rule in clock.rules(plan)]} for plan in clock.plans
        ],
        "always": [_rule_json(rule, clock) for rule in always],
    }


def _map_json(denial: _Denial, library: Library, decision: UUID) -> dict[str, Any]:
    """The reasons that the answer names, the denied request held against the policy, and which rows answer first."""
    map_, held = denial.map, denial.map.held
    reasons = {"reasons": reasons_json(map_.reasons)} if map_.reasons else {}
    if held.order is None or held.policy is None or held.determination is None:
        return reasons | {"notHeld": library.wording.say(f"appeal.not_held.{held.why_not}")}
    policy = policy_json(held.policy, held.order.service_date)
    found = determination_json(decision, library.hash, held.order, denial.clock.as_of, policy, held.determination)
    return reasons | {"rows": [row.id for row in map_.rows], "held": found}


def _rule_json(rule: Rule, clock: Clock) -> Mapping[str, Any]:
    due = clock.due(rule)
    start = rule.start if rule.length else ""
    optional = {"length": rule.length, "start": start, "countedFrom": rule.anchor, "note": rule.note}
    return {
        "rule": rule.id,
        "step": rule.step,
        "cite": list(rule.cite),
        **{key: value for key, value in optional.items() if value},
        **({"due": due.isoformat(), "passed": due < clock.as_of} if due else {}),
        "grade": rule.grade,
        "sources": list(rule.sources),
    }
