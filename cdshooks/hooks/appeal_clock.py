"""The clock of an appeal in words: the rules of the type of plan, or those of each possible one side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from cdshooks.engine.appeals import DENIAL, FILING, PlanType, Rule
from cdshooks.engine.dates import Moment
from cdshooks.engine.wording import Wording


@dataclass(frozen=True, slots=True)
class Clock:
    """What the days are counted by: the types of plan (`told`: it is the one there is), the answer's day and use."""

    plans: tuple[PlanType, ...]
    told: bool
    answered: Moment | None
    use: str
    as_of: date

    @property
    def day(self) -> date | None:
        """The day from which is counted, the first possible one; None where a deadline may have passed or not."""
        if self.answered is None:
            return None
        first = self.answered.first
        if self.answered.exact:
            return first
        due = [rule.due(first, self.as_of) for plan in self.plans for rule in plan.rules if rule.anchor == DENIAL]
        return None if any(day and day < self.as_of for day in due) else first

    def rules(self, plan: PlanType) -> list[Rule]:
        """The rules of a type of plan that are for this use of the request."""
        return [rule for rule in plan.rules if rule.applies(self.use)]

    def due(self, rule: Rule) -> date | None:
        """The last day of a rule; None where none can be counted."""
        return rule.due(self.day, self.as_of)


@dataclass(frozen=True, slots=True)
class Room:
    """What there is room for beside the days: the notes of rules, and the titles of their sources."""

    notes: bool
    titles: bool


def next_step(clock: Clock, wording: Wording) -> str:
    """The first deadline that runs from the denial, in short; that the type of plan sets it where that is not told."""
    if not clock.told:
        return wording.say("appeal.step_open")
    for rule in clock.rules(clock.plans[0]):
        due = clock.due(rule)
        if rule.anchor == DENIAL and due:
            key = "appeal.step_passed" if due < clock.as_of else "appeal.step_by"
            return wording.say(key, short=rule.short, due=due)
    return ""


def clock_lines(clock: Clock, always: Iterable[Rule], wording: Wording, room: Room) -> Iterator[str]:
    """The rules of the type of plan, or those of each possible one side by side, then those that always hold."""
    if clock.told:
        yield from (_line(rule, clock, wording, room) for rule in clock.rules(clock.plans[0]))
    else:
        yield from (_side(plan, clock, wording, room) for plan in clock.plans)
    if clock.told or room.titles:
        yield from (_line(rule, clock, wording, room) for rule in always)
    elif rules := [*always]:
        steps = "; ".join(rule.step for rule in rules)
        yield wording.say("appeal.always", steps=steps, source=_source(rules, wording, room))


def _line(rule: Rule, clock: Clock, wording: Wording, room: Room) -> str:
    """A rule as a line; where there is no room for notes a rule that has a clock goes without its further sentence."""
    note = rule.note if room.notes or not rule.length else ""
    blanks = {"step": rule.step, "length": rule.length, "start": rule.start, "note": note}
    return wording.say(
        f"appeal.{_form(rule, clock)}", **blanks, **_due(rule, clock, wording), source=_source([rule], wording, room)
    )


def _side(plan: PlanType, clock: Clock, wording: Wording, room: Room) -> str:
    """One plan type as one line: its clocks in short, and where they stand written."""
    rules = [rule for rule in clock.rules(plan) if rule.short]
    items = [
        wording.say(
            f"appeal.side_{_form(rule, clock)}", short=rule.short, length=rule.length, **_due(rule, clock, wording)
        )
        for rule in rules
    ]
    source = _source(rules, wording, room)
    return wording.say("appeal.side", label=plan.label, items="; ".join(items), source=source)


def _form(rule: Rule, clock: Clock) -> str:
    """Which sentence fits a rule: counted from the denial, from a filing made today, from later, or no clock."""
    if not rule.length:
        return "plain"
    if rule.anchor == DENIAL and clock.day:
        return "counted"
    return "filed" if rule.anchor == FILING else "uncounted"


def _due(rule: Rule, clock: Clock, wording: Wording) -> dict[str, Any]:
    due = clock.due(rule)
    if due is None:
        return {}
    days = (due - clock.as_of).days
    key = "left" if days >= 0 else "passed"
    key += {0: "_none", 1: "_one", -1: "_one"}.get(days, "")
    return {"due": due, "left": wording.say(f"appeal.{key}", days=abs(days))}


def _source(rules: list[Rule], wording: Wording, room: Room) -> str:
    """The paragraphs of rules and how sure they are; the titles of their sources where there is room."""
    grades = dict.fromkeys(wording.say(f"appeal.grades.{rule.grade}") for rule in rules)
    titles = dict.fromkeys(title for rule in rules for title in rule.sources)
    cites = dict.fromkeys(paragraph for rule in rules for paragraph in rule.cite)
    blanks = {"cites": ", ".join(cites), "titles": ", ".join(titles), "grade": ", ".join(grades)}
    return wording.say("appeal.source" if room.titles else "appeal.source_short", **blanks)
