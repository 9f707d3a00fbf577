"""The card for a denial in the chart: what can be done about it, and by when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
from cdshooks.hooks.cards import Topic, write_card
from cdshooks.hooks.coverage import coverages_of
from cdshooks.hooks.detail import LONGEST as LONGEST_DETAIL
from cdshooks.hooks.determination_json import determination_json
from cdshooks.hooks.plan_answers import PlanAnswer, Verdict
from cdshooks.hooks.summary import LONGEST
from cdshooks.hooks.text import clean, shortened

KEY = "org.cdshooks.appeal"
_LONGEST_PAYER = 40
_LINE_LENGTHS = (400, 280, 220, 180)


@dataclass(frozen=True, slots=True)
class _Denial:
    """A denial with what is needed to speak of it."""

    answer: PlanAnswer
    plans: tuple[PlanType, ...]
    payer: str
    product: str
    earlier: int
    as_of: date

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
) -> list[dict[str, Any]]:
    """One card for each product whose newest answer is a denial; `decide` makes the id of a card."""
    by_product: dict[str, list[PlanAnswer]] = {}
    for answer in answers:
        by_product.setdefault(str(answer.product or ""), []).append(answer)
    words = coverages_of(entries, chart)
    return [
        _card(_denial(found, words, library, as_of), library, decide(found[-1].reference))
        for found in by_product.values()
        if found[-1].verdict is not Verdict.CERTIFIED
    ]


def _denial(found: list[PlanAnswer], coverages: list[tuple[str, ...]], library: Library, as_of: date) -> _Denial:
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
    )


def _card(denial: _Denial, library: Library, decision: UUID) -> dict[str, Any]:
    say = library.wording.say
    topic = Topic(say("source.label"), "appeal", denial.product)
    found = determination_json(decision, library.hash, None, denial.as_of, None, None)
    card = write_card(
        decision, _summary(denial, library.wording), _detail(denial, library), topic, found, library.wording
    )
    return card | {"extension": card["extension"] | {KEY: _json(denial, library)}}


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
    """The whole detail, its lines cut as far as it takes to fit."""
    wording = library.wording
    known = len(denial.plans) == 1
    lines = (
        [_line(rule, denial, wording) for rule in _rules(denial, denial.plans[0])]
        if known
        else [_side(plan, denial, wording) for plan in denial.plans]
    )
    always = [_line(rule, denial, wording) for rule in (library.answer_sets.rules if library.answer_sets else ())]
    footer = f"{wording.say('appeal.disclaimer')} {wording.say('detail.disclaimer')}"
    for longest in _LINE_LENGTHS:
        bullets = "\n".join(f"- {shortened(line, longest)}" for line in [*lines, *always])
        text = "\n\n".join([*_head(denial, wording, known=known), bullets, footer])
        if len(text) <= LONGEST_DETAIL:
            break
    return text


def _head(denial: _Denial, wording: Wording, *, known: bool) -> list[str]:
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
    told = say("appeal.read_as", label=denial.plans[0].label) if known else say("appeal.ask_type")
    return [" ".join(notes), told]


def _line(rule: Rule, denial: _Denial, wording: Wording) -> str:
    blanks = {"step": rule.step, "length": rule.length, "start": rule.start, "note": rule.note}
    return wording.say(
        f"appeal.{_form(rule, denial)}", **blanks, **_due(rule, denial, wording), source=_source(rule, wording)
    )


def _side(plan: PlanType, denial: _Denial, wording: Wording) -> str:
    """One plan type as one line: its clocks in short, and where they stand written."""
    rules = [rule for rule in _rules(denial, plan) if rule.short]
    items = [
        wording.say(
            f"appeal.side_{_form(rule, denial)}", short=rule.short, length=rule.length, **_due(rule, denial, wording)
        )
        for rule in rules
    ]
    grades = dict.fromkeys(wording.say(f"appeal.grades.{rule.grade}") for rule in rules)
    titles = dict.fromkeys(title for rule in rules for title in rule.sources)
    source = wording.say("appeal.source", cites=_cites(rules), titles=", ".join(titles), grade=", ".join(grades))
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


def _source(rule: Rule, wording: Wording) -> str:
    grade = wording.say(f"appeal.grades.{rule.grade}")
    return wording.say("appeal.source", cites=_cites([rule]), titles=", ".join(rule.sources), grade=grade)


def _cites(rules: Iterable[Rule]) -> str:
    return ", ".join(dict.fromkeys(paragraph for rule in rules for paragraph in rule.cite))


def _json(denial: _Denial, library: Library) -> dict[str, Any]:
    """The same for a machine, every rule of every plan type that is left."""
    answer = denial.answer
    always = library.answer_sets.rules if library.answer_sets else ()
    return {
        "answer": answer.reference,
        **({"product": str(answer.product)} if answer.product else {}),
        **({"date": str(answer.day)} if answer.day else {}),
        "verdict": answer.verdict.value,
        "toldBy": clean(answer.told_by),
        "planTypes": [
            {"id": plan.id, "rules": [_rule_json(rule, denial) for rule in _rules(denial, plan)]}
            for plan in denial.plans
        ],
        "always": [_rule_json(rule, denial) for rule in always],
    }


def _rule_json(rule: Rule, denial: _Denial) -> Mapping[str, Any]:
    due = rule.due(denial.day, denial.as_of)
    optional = {"length": rule.length, "countedFrom": rule.anchor, "note": rule.note}
    return {
        "rule": rule.id,
        "step": rule.step,
        "cite": list(rule.cite),
        **{key: value for key, value in optional.items() if value},
        **({"due": due.isoformat(), "passed": due < denial.as_of} if due else {}),
        "grade": rule.grade,
        "sources": list(rule.sources),
    }
