"""The card for a denial in the chart: what can be done about it, and by when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from cdshooks.engine.appeals import DENIAL, FILING, PlanType, Rule, plan_types
from cdshooks.engine.chart import Chart
from cdshooks.engine.identity import Entry
from cdshooks.engine.library import Library
from cdshooks.engine.payers import recognise
from cdshooks.engine.records import clip
from cdshooks.engine.wording import Wording
from cdshooks.hooks.appeal_map import AnsweringMap, answering_map, map_blocks, reasons_json
from cdshooks.hooks.blocks import Block
from cdshooks.hooks.cards import Topic, write_card
from cdshooks.hooks.coverage import coverages_of
from cdshooks.hooks.denied_request import Held
from cdshooks.hooks.detail import LONGEST as LONGEST_DETAIL
from cdshooks.hooks.determination_json import determination_json, policy_json
from cdshooks.hooks.plan_answers import PlanAnswer, Verdict
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
class _Room:
    """What there is room for beside the days: the notes of rules, and the titles of their sources."""

    notes: bool
    titles: bool


@dataclass(frozen=True, slots=True)
class _Denial:
    """A denial with what is needed to speak of it."""

    answer: PlanAnswer
    plans: tuple[PlanType, ...]
    payer: str
    product: str
    earlier: int
    as_of: date
    map: AnsweringMap

    @property
    def day(self) -> date | None:
        """The day from which its days are counted: its first possible one."""
        return self.answer.day.first if self.answer.day else None


def appeal_cards(
    answers: Iterable[PlanAnswer],
    entries: Iterable[Entry],
    chart: Chart,
    library: Library,
    as_of: date,
    decide: Callable[[str], UUID],
    hold: Callable[[PlanAnswer], Held],
) -> list[dict[str, Any]]:
    """One card for each product whose newest answer is a denial.

    `decide` makes the id of a card, `hold` holds the denied request against the plan's policy.
    """
    by_product: dict[str, list[PlanAnswer]] = {}
    for answer in answers:
        by_product.setdefault(str(answer.product or ""), []).append(answer)
    words = coverages_of(entries, chart)
    denied = [found for found in by_product.values() if found[-1].verdict is not Verdict.CERTIFIED]
    denials = [_denial(found, words, library, as_of, hold(found[-1])) for found in denied]
    return [_card(denial, library, decide(denial.answer.reference)) for denial in denials]


def _denial(
    found: list[PlanAnswer], coverages: list[tuple[str, ...]], library: Library, as_of: date, held: Held
) -> _Denial:
    answer, say = found[-1], library.wording.say
    told = [answer.payer_words] if answer.payer_words else coverages
    day = answer.day.first if answer.day else as_of
    plans: dict[str, PlanType] = {}
    payer = ""
    for texts in told or [()]:
        match = recognise(library.payers, texts, (), (), day)
        payer = payer or (match.payer.short if match else clean(clip(texts[0])) if texts else "")
        program = match.payer.program if match else ""
        plans |= {plan.id: plan for plan in plan_types(library.plan_types, texts, program, day)}
    return _Denial(
        answer=answer,
        plans=tuple(plans.values()),
        payer=shortened(payer, _LONGEST_PAYER) or say("appeal.payer"),
        product=library.products.by_id[str(answer.product)].brand if answer.product else say("appeal.service"),
        earlier=sum(other.verdict is not Verdict.CERTIFIED for other in found[:-1]),
        as_of=as_of,
        map=answering_map(answer, held, library),
    )


def _card(denial: _Denial, library: Library, decision: UUID) -> dict[str, Any]:
    say = library.wording.say
    topic = Topic(say("source.label"), "appeal", denial.product)
    found = determination_json(decision, library.hash, None, denial.as_of, None, None)
    card = write_card(
        decision, _summary(denial, library.wording), _detail(denial, library), topic, found, library.wording
    )
    return card | {"extension": card["extension"] | {KEY: _json(denial, library, decision)}}


def _date(denial: _Denial, wording: Wording) -> str:
    return str(denial.answer.day) if denial.answer.day else wording.say("appeal.no_date")


def _summary(denial: _Denial, wording: Wording) -> str:
    say = wording.say
    step = say("appeal.step_open") if len(denial.plans) != 1 else ""
    for rule in _rules(denial, denial.plans[0]) if len(denial.plans) == 1 else ():
        due = rule.due(denial.day, denial.as_of)
        if rule.anchor == DENIAL and due:
            step = say("appeal.step_passed" if due < denial.as_of else "appeal.step_by", short=rule.short, due=due)
            break
    key = "appeal.summary_denied" if denial.answer.verdict is Verdict.DENIED else "appeal.summary_reads"
    head = {"product": denial.product, "payer": denial.payer, "date": _date(denial, wording)}
    return shortened(say(key, step=f" {step}" if step else "", **head), LONGEST)


def _rules(denial: _Denial, plan: PlanType) -> list[Rule]:
    return [rule for rule in plan.rules if rule.applies(denial.answer.use)]


def _detail(denial: _Denial, library: Library) -> str:
    """The whole detail, its lines cut, notes and rows of the map left out as far as it takes to fit."""
    wording = library.wording
    head, told = _head(denial, wording)
    footer = f"{wording.say('appeal.disclaimer')} {wording.say('detail.disclaimer')}"
    for longest, notes, titles, rows, longest_row in _SIZES:
        map_ = [block.render(longest_row) for block in map_blocks(denial.map, rows, wording)]
        clock = Block("", tuple(_clock(denial, library, _Room(notes, titles)))).render(longest)
        text = "\n\n".join([head, *map_, told, clock, footer])
        if len(text) <= LONGEST_DETAIL:
            break
    return text


def _clock(denial: _Denial, library: Library, room: _Room) -> Iterator[str]:
    """The rules of the type of plan, or those of each possible one side by side, then those that always hold."""
    wording, plans = library.wording, denial.plans
    if len(plans) == 1:
        yield from (_line(rule, denial, wording, room) for rule in _rules(denial, plans[0]))
    else:
        yield from (_side(plan, denial, wording, room) for plan in plans)
    for rule in library.answer_sets.rules if library.answer_sets else ():
        yield _line(rule, denial, wording, room)


def _head(denial: _Denial, wording: Wording) -> tuple[str, str]:
    """What was answered, and what the days are counted by."""
    say, answer = wording.say, denial.answer
    key = "appeal.denied" if answer.verdict is Verdict.DENIED else "appeal.reads"
    reference = clean(clip(answer.reference))
    head = say(key, product=denial.product, date=_date(denial, wording), by=clean(answer.told_by), reference=reference)
    notes = [head]
    if denial.earlier:
        notes.append(say("appeal.earlier_one" if denial.earlier == 1 else "appeal.earlier", count=denial.earlier))
    if answer.day is None:
        notes.append(say("appeal.undated"))
    elif not answer.day.exact:
        notes.append(say("appeal.imprecise", date=answer.day))
    told = say("appeal.read_as", label=denial.plans[0].label) if len(denial.plans) == 1 else say("appeal.ask_type")
    return " ".join(notes), told


def _line(rule: Rule, denial: _Denial, wording: Wording, room: _Room) -> str:
    """A rule as a line; where there is no room for notes a rule that has a clock goes without its further sentence."""
    note = rule.note if room.notes or not rule.length else ""
    blanks = {"step": rule.step, "length": rule.length, "start": rule.start, "note": note}
    return wording.say(
        f"appeal.{_form(rule, denial)}", **blanks, **_due(rule, denial, wording), source=_source([rule], wording, room)
    )


def _side(plan: PlanType, denial: _Denial, wording: Wording, room: _Room) -> str:
    """One plan type as one line: its clocks in short, and where they stand written."""
    rules = [rule for rule in _rules(denial, plan) if rule.short]
    items = [
        wording.say(
            f"appeal.side_{_form(rule, denial)}", short=rule.short, length=rule.length, **_due(rule, denial, wording)
        )
        for rule in rules
    ]
    source = _source(rules, wording, room)
    return wording.say("appeal.side", label=plan.label, items="; ".join(items), source=source)


def _form(rule: Rule, denial: _Denial) -> str:
    """Which sentence fits a rule: counted from the denial, from a filing made today, from later, or no clock."""
    if not rule.length:
        return "plain"
    if rule.anchor == DENIAL and denial.day:
        return "counted"
    return "filed" if rule.anchor == FILING else "uncounted"


def _due(rule: Rule, denial: _Denial, wording: Wording) -> dict[str, Any]:
    due = rule.due(denial.day, denial.as_of)
    if due is None:
        return {}
    days = (due - denial.as_of).days
    key = "left" if days >= 0 else "passed"
    key += {0: "_none", 1: "_one", -1: "_one"}.get(days, "")
    return {"due": due, "left": wording.say(f"appeal.{key}", days=abs(days))}


def _source(rules: list[Rule], wording: Wording, room: _Room) -> str:
    """The paragraphs of rules and how sure they are; the titles of their sources where there is room."""
    grades = dict.fromkeys(wording.say(f"appeal.grades.{rule.grade}") for rule in rules)
    titles = dict.fromkeys(title for rule in rules for title in rule.sources)
    blanks = {"cites": _cites(rules), "titles": ", ".join(titles), "grade": ", ".join(grades)}
    return wording.say("appeal.source" if room.titles else "appeal.source_short", **blanks)


def _cites(rules: Iterable[Rule]) -> str:
    return ", ".join(dict.fromkeys(paragraph for rule in rules for paragraph in rule.cite))


def _json(denial: _Denial, library: Library, decision: UUID) -> dict[str, Any]:
    """The same for a machine, every rule of every plan type that is left."""
    answer = denial.answer
    always = library.answer_sets.rules if library.answer_sets else ()
    return {
        "answer": answer.reference,
        **({"product": str(answer.product)} if answer.product else {}),
        **({"date": str(answer.day)} if answer.day else {}),
        "verdict": answer.verdict.value,
        **_map_json(denial, library, decision),
        "toldBy": clean(answer.told_by),
        "planTypes": [
            {"id": plan.id, "rules": [_rule_json(rule, denial) for rule in _rules(denial, plan)]}
            for plan in denial.plans
        ],
        "always": [_rule_json(rule, denial) for rule in always],
    }


def _map_json(denial: _Denial, library: Library, decision: UUID) -> dict[str, Any]:
    """The reasons that the answer names, the denied request held against the policy, and which rows answer first."""
    map_, held = denial.map, denial.map.held
    reasons = {"reasons": reasons_json(map_.reasons)} if map_.reasons else {}
    if held.order is None or held.policy is None or held.determination is None:
        return reasons | {"notHeld": library.wording.say(f"appeal.not_held.{held.why_not}")}
    policy = policy_json(held.policy, held.order.service_date)
    found = determination_json(decision, library.hash, held.order, denial.as_of, policy, held.determination)
    return reasons | {"rows": [row.id for row in map_.rows], "held": found}


def _rule_json(rule: Rule, denial: _Denial) -> Mapping[str, Any]:
    due = rule.due(denial.day, denial.as_of)
    start = rule.start if rule.length else ""
    optional = {"length": rule.length, "start": start, "countedFrom": rule.anchor, "note": rule.note}
    return {
        "rule": rule.id,
        "step": rule.step,
        "cite": list(rule.cite),
        **{key: value for key, value in optional.items() if value},
        **({"due": due.isoformat(), "passed": due < denial.as_of} if due else {}),
        "grade": rule.grade,
        "sources": list(rule.sources),
    }
