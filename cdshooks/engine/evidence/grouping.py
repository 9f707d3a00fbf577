"""Courses of treatment into lines, by plain rules; the periods stand in the library.

1. A line that the chart numbers holds every record that bears its number. Numbers go before dates.
2. Drugs that begin within `prepared` before a transplant or an infusion of cells (conditioning, lymphodepletion,
   bridging) or within `maintained` after a transplant (consolidation, maintenance) belong to its line; so with the
   infusion that is being ordered, which is no earlier line.
3. Any other course joins the line that began last, no more than `together` before it; or a numbered line that has
   the same drug on the same days; else it is a line of its own.
4. A transplant or radiotherapy belongs to the line that began last before it, when that ended within `follows`.
5. Courses of which not even the month is known join the first line that they may share days with. Records
   without any date stand apart, together.

Nothing here depends on the order of the records, and each record is in one line.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from cdshooks.engine.dates import Moment
from cdshooks.engine.evidence.courses import Course, Dose, courses
from cdshooks.engine.line_rules import LineProcedure, LineRules

_NOT_AFTER = Moment(date.max, date.max)
_KEY = attrgetter("key")


class Line(Struct):
    """The records of one line; `number` as the chart states it; `planned` when they lead up to the order."""

    course: Course = field(default_factory=Course)
    number: int | None = None
    planned: bool = False

    @property
    def doses(self) -> list[Dose]:
        """Its records, oldest first."""
        return sorted(self.course.doses, key=_KEY)

    @property
    def dated(self) -> bool:
        """True when a record of it has a date."""
        return any([dose.start for dose in self.course.doses])

    @property
    def start(self) -> Moment:
        """When it may have begun; after everything else while no record has a date."""
        return self.course.start if self.dated else _NOT_AFTER

    def add(self, course: Course) -> None:
        """Take a course in."""
        self.course.doses += course.doses


class _Anchor(Struct, frozen=True):
    """A procedure around which drugs belong together."""

    day: date
    procedure: LineProcedure
    course: Course | None

    def prepares(self, day: date) -> bool:
        before = self.procedure.prepared
        return before is not None and before.before(self.day) <= day <= self.day

    def maintains(self, day: date) -> bool:
        after = self.procedure.maintained
        return after is not None and self.day < day <= after.after(self.day)


def group(doses: Iterable[Dose], rules: LineRules, infusion: date | None = None) -> list[Line]:
    """The lines of some records, oldest first; `infusion` is the day of the infusion that is being ordered."""
    unique = sorted(set(doses), key=_KEY)
    lines = _numbered(unique)
    found = courses([dose for dose in unique if dose.number is None], rules)
    vague = [course for course in found if course.vague]
    anchors = _anchors([*(line.course for line in lines), *(c for c in found if not c.vague)], rules, infusion)
    own = [course for course in found if not course.vague and _procedure(course) is None]
    claimed = [(course, _claim(course, anchors)) for course in own]
    for course in (course for course, anchor in claimed if anchor is None):
        _join(course, lines, rules)
    for anchor in anchors:
        line = _placed(anchor, lines)
        for course in (course for course, by in claimed if by is anchor):
            line.add(course)
    for course in vague:
        shared = [line for line in lines if line.dated and _share(line, course)]
        (min(shared, key=_key) if shared else _begun(lines)).add(course)
    undated = [dose for dose in unique if dose.start is None and dose.number is None]
    lines += [Line(Course(undated))] if undated else []
    return sorted((line for line in lines if line.course.doses), key=_key)


def _numbered(doses: list[Dose]) -> list[Line]:
    numbers = sorted({dose.number for dose in doses if dose.number is not None})
    return [Line(Course([dose for dose in doses if dose.number == number]), number) for number in numbers]


def _procedure(course: Course) -> LineProcedure | None:
    """The procedure that a course is about: its first, unless drugs of the same plan began well before it."""
    first = min([dose for dose in course.doses if dose.procedure], key=_KEY, default=None)
    if first is None or first.start is None or first.procedure is None:
        return None
    prepared = first.procedure.prepared
    earliest = prepared.before(first.start.first) if prepared else first.start.first
    return first.procedure if earliest <= course.start.first else None


def _anchors(found: list[Course], rules: LineRules, infusion: date | None) -> list[_Anchor]:
    """Every procedure by its first day, oldest first, and the planned infusion last."""
    anchors = []
    for course in found:
        procedures = {dose.procedure for dose in course.doses if dose.procedure}
        for procedure in procedures:
            days = [dose.start.first for dose in course.doses if dose.procedure == procedure and dose.start]
            anchors += [_Anchor(min(days), procedure, course)] if days else []
    anchors.sort(key=lambda anchor: (anchor.day, anchor.procedure.name))
    planned = LineProcedure("", prepared=rules.planned)
    return [*anchors, *([_Anchor(infusion, planned, None)] if infusion else [])]


def _claim(course: Course, anchors: list[_Anchor]) -> _Anchor | None:
    """The procedure that a course of drugs leads up to, the nearest; else the last one that it follows on."""
    day = course.start.first
    before = [anchor for anchor in anchors if anchor.prepares(day)]
    after = [anchor for anchor in anchors if anchor.maintains(day)]
    return before[0] if before else after[-1] if after else None


def _join(course: Course, lines: list[Line], rules: LineRules) -> None:
    start = course.start
    same = [line for line in lines if line.dated and line.course.names & course.names and _share(line, course)]
    near = [
        line
        for line in lines
        if line.dated and line.start.first <= start.last and start.first <= rules.together.after(line.start.last)
    ]
    line = min(same, key=_key) if same else max(near, key=_key) if near else _begun(lines)
    line.add(course)


def _placed(anchor: _Anchor, lines: list[Line]) -> Line:
    """The line of a procedure: the one it is in, the one it follows on, or one of its own."""
    if anchor.course is None:
        return _begun(lines, planned=True)
    if home := next((line for line in lines if set(anchor.course.doses) <= set(line.course.doses)), None):
        return home
    before = [line for line in lines if line.dated and line.start.first <= anchor.day]
    last = max(before, key=_key, default=None)
    follows = anchor.procedure.follows
    line = last if last and follows and anchor.day <= follows.after(last.course.end) else _begun(lines)
    line.add(anchor.course)
    return line


def _begun(lines: list[Line], *, planned: bool = False) -> Line:
    line = Line(planned=planned)
    lines.append(line)
    return line


def _share(line: Line, course: Course) -> bool:
    return line.start.first <= course.end and course.start.first <= line.course.end


def _key(line: Line) -> tuple[date, date, int, str]:
    first = line.doses[0]
    return line.start.first, line.start.last, line.number or 0, f"{first.name} {first.evidence.reference}"


def disagree(lines: list[Line], by_dates: list[Line]) -> set[int]:
    """The numbers of the lines whose records the dates would group otherwise, or order otherwise."""
    homes: dict[int, set[int]] = {}
    for index, line in enumerate(by_dates):
        for number in (number for dose in line.doses if dose.start for number in dose.numbers):
            homes.setdefault(number, set()).add(index)
    numbered = [line for line in lines if line.number is not None and line.dated]
    torn = {number for number, where in homes.items() if len(where) > 1}
    shared = {n for n, where in homes.items() for m, others in homes.items() if n != m and where & others}
    turned = {n for a, b in pairwise(numbered) for n in _turned(a, b)}
    return torn | shared | turned


def _turned(earlier: Line, later: Line) -> set[int]:
    one, other = earlier.number or 0, later.number or 0
    return {one, other} if one > other else set()


def group_by_dates(doses: Iterable[Dose], rules: LineRules, infusion: date | None = None) -> list[Line]:
    """The lines that dates and plans alone would give: the numbers stay on the records and decide nothing."""
    original = {replace(dose, numbers=frozenset()): dose for dose in sorted(set(doses), key=lambda d: d.key)}
    lines = group(original, rules, infusion)
    return [Line(Course([original[dose] for dose in line.doses]), None, line.planned) for line in lines]
