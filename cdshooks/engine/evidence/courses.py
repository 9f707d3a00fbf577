"""Courses of treatment: the records of one drug or procedure, cut where a pause parts them. Dates and names only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from enum import IntEnum
from operator import attrgetter

from msgspec import Struct

from cdshooks.engine.dates import Moment
from cdshooks.engine.line_rules import LineProcedure, LineRules
from cdshooks.engine.model import Evidence

_VAGUE_DAYS = 31
_UNDATED = Moment(date.max, date.max)
_KEY, _FIRST = attrgetter("key"), attrgetter("first", "last")


class Shown(IntEnum):
    """How a record shows that something was given, weakest first."""

    ORDERED = 0
    REPORTED = 1
    GIVEN = 2


class Dose(Struct, frozen=True):
    """One record of a treatment: the days on which it may have begun, and those on which it may have ended.

    `plans` are the care plans, episodes and orders that it stands under; `numbers` the lines that the chart
    states for it; `open_end` says that its end is not told.
    """

    name: str
    start: Moment | None
    end: Moment | None
    evidence: Evidence
    shown: Shown = Shown.GIVEN
    plans: frozenset[str] = frozenset()
    numbers: frozenset[int] = frozenset()
    coded: bool = False
    procedure: LineProcedure | None = None
    open_end: bool = False
    stopped: str = ""
    intent: str = ""

    @property
    def number(self) -> int | None:
        """The line that the chart states; None when it states none, or several."""
        return min(self.numbers) if len(self.numbers) == 1 else None

    @property
    def vague(self) -> bool:
        """True when not even the month is known."""
        return self.start is not None and (self.start.last - self.start.first).days >= _VAGUE_DAYS

    @property
    def key(self) -> tuple[date, date, str, str]:
        """A place in time that does not depend on the order sent; undated last."""
        start = self.start or _UNDATED
        return start.first, start.last, self.name, self.evidence.reference


class Course(Struct):
    """Dated records that belong together: of one drug or procedure, or of several under one plan."""

    doses: list[Dose] = []

    @property
    def start(self) -> Moment:
        """The days on which the first record may have begun."""
        return min([dose.start for dose in self.doses if dose.start], key=_FIRST)

    @property
    def end(self) -> date:
        """The last possible day."""
        return max([dose.end.last for dose in self.doses if dose.end])

    @property
    def names(self) -> set[str]:
        """The drugs and procedures."""
        return {dose.name for dose in self.doses}

    @property
    def plans(self) -> set[str]:
        """Every plan that one of the records stands under."""
        return {plan for dose in self.doses for plan in dose.plans}

    @property
    def vague(self) -> bool:
        """True when no record tells the month."""
        return all([dose.vague for dose in self.doses])

    @property
    def key(self) -> tuple[date, date, str, str]:
        """As that of the first record."""
        return min([dose.key for dose in self.doses])


def courses(doses: Iterable[Dose], rules: LineRules) -> list[Course]:
    """Dated records as courses, oldest first.

    Records of one name are parted by more than `pause`; by more than `together` when another drug or procedure
    begins in that pause; and where one stands under another plan than the other. A record of which not even the
    month is known joins the first course of its name that it may belong to. Courses under one plan that no
    `pause` parts are one.
    """
    dated = sorted([dose for dose in doses if dose.start], key=_KEY)
    by_name: dict[str, list[Dose]] = {}
    for dose in dated:
        by_name.setdefault(dose.name, []).append(dose)
    begun = [(c.start.first, name) for name, same in by_name.items() for c in _parted(same, rules, [])]
    found = [course for same in by_name.values() for course in _parted(same, rules, begun)]
    return _under_one_plan(sorted(found, key=_KEY), rules)


def _parted(same: list[Dose], rules: LineRules, begun: list[tuple[date, str]]) -> Iterator[Course]:
    parts: list[Course] = []
    end, plans = date.min, frozenset[str]()
    for dose in [dose for dose in same if not dose.vague]:
        if parts and not _parts(end, plans, dose, rules, begun):
            parts[-1].doses.append(dose)
        else:
            parts.append(Course([dose]))
            end, plans = date.min, frozenset()
        # Kept beside the course as it grows: to ask it anew for each record takes the square of the time.
        end, plans = max(end, dose.end.last) if dose.end else end, plans | dose.plans
    for dose in [dose for dose in same if dose.vague]:
        near = (part for part in parts if dose.start and dose.end and _share(part, dose.start.first, dose.end.last))
        first = next(near, None)
        parts += [] if first else [Course([dose])]
        if first:
            first.doses.append(dose)
    yield from parts


def _share(course: Course, first: date, last: date) -> bool:
    return course.start.first <= last and first <= course.end


def _parts(end: date, plans: frozenset[str], dose: Dose, rules: LineRules, begun: list[tuple[date, str]]) -> bool:
    """True when a record begins another course than the one before it, which ended then, under these plans."""
    assert dose.start is not None
    start = dose.start.first
    pause = rules.together if dose.procedure else rules.pause
    if start > pause.after(end) or (dose.plans and plans and not dose.plans & plans):
        return True
    if start <= rules.together.after(end):
        return False
    return any(end < day <= rules.together.after(start) for day, name in begun if name != dose.name)


def _under_one_plan(found: list[Course], rules: LineRules) -> list[Course]:
    joined: list[Course] = []
    for course in found:
        plans = course.plans
        near = [c for c in joined if plans & c.plans and course.start.first <= rules.pause.after(c.end)]
        for other in near[1:]:
            near[0].doses += other.doses
            joined.remove(other)
        if near:
            near[0].doses += course.doses
        else:
            joined.append(course)
    return joined
