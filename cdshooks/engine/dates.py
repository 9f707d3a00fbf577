"""Calendar days, periods and windows: the only place where dates are compared.

A day is a local calendar day. A FHIR date may be partial (``2026``, ``2026-08``) and is then an
interval of days; what cannot be decided over the whole interval is *unsure*, never guessed.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from msgspec import Struct

_PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?")
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE | re.ASCII
)

_FULL = len("YYYY-MM-DD")
_IN_EVERY_MONTH = 28


class Period(Struct, frozen=True):
    """A calendar duration: whole months (years are twelve) and days."""

    months: int
    days: int
    text: str

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read an ISO 8601 date duration such as ``P3M`` or ``P90D``; ValueError on anything else."""
        match = _PERIOD.fullmatch(text)
        if not match or text == "P":
            raise ValueError(f"{text!r} is not a duration such as P3M or P90D")
        years, months, days = (int(part or 0) for part in match.groups())
        return cls(years * 12 + months, days, text)

    def before(self, day: date) -> date:
        """The day this period before `day`, clamped at the month's end."""
        earlier = _add_months(day, -self.months)
        return earlier - timedelta(days=self.days) if self.days else earlier

    def after(self, day: date) -> date:
        """The day this period after `day`, clamped at the month's end."""
        later = _add_months(day, self.months)
        return later + timedelta(days=self.days) if self.days else later


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if day.day <= _IN_EVERY_MONTH:
        return date(year, month + 1, day.day)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class Moment(Struct, frozen=True):
    """When something happened: every day from `first` to `last` inclusive is possible."""

    first: date
    last: date

    @property
    def exact(self) -> bool:
        """True when the day is known."""
        return self.first == self.last

    def __str__(self) -> str:
        """The date as precisely as it is known (``2026-08-21``, ``2026-08``, ``2026``)."""
        if self.exact:
            return self.first.isoformat()
        same_month = (self.first.year, self.first.month) == (self.last.year, self.last.month)
        if same_month and self.first.day == 1:
            return f"{self.first:%Y-%m}"
        if self.first.year == self.last.year and (self.first.month, self.last.month) == (1, 12):
            return f"{self.first:%Y}"
        return f"{self.first.isoformat()} to {self.last.isoformat()}"

    def until(self, other: Moment) -> Moment:
        """The interval from this moment's start to the other's end."""
        return Moment(self.first, max(self.last, other.last))


def narrowed(moments: Iterable[Moment]) -> Moment | None:
    """The days that every one of the moments allows; None when there is no such day."""
    every = list(moments)
    first, last = max(m.first for m in every), min(m.last for m in every)
    return Moment(first, last) if first <= last else None


def read_moment(value: object, zone: tzinfo) -> Moment | None:
    """Read a FHIR date, dateTime or instant as local calendar days in `zone`.

    An instant with an offset becomes the local day of `zone`; one without keeps its own day.
    Returns None for anything that is not a date, so that it counts as undated and not as today.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    if len(text) == _FULL and text[4] == text[7] == "-":
        return _day(text)
    if len(text) <= _FULL and (match := _DATE.fullmatch(text)):
        return _partial(*(int(part) if part else None for part in match.groups()))
    if match := _INSTANT.fullmatch(text):
        return _instant(*match.groups(), zone=zone)
    return None


def _day(text: str) -> Moment | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return Moment(day, day)


def _partial(year: int | None, month: int | None, day: int | None) -> Moment | None:
    try:
        if not year:
            return None
        if month is None:
            return Moment(date(year, 1, 1), date(year, 12, 31))
        if day is None:
            return Moment(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))
        return Moment(date(year, month, day), date(year, month, day))
    except (ValueError, calendar.IllegalMonthError):
        return None


def _instant(day: str, clock: str, offset: str | None, *, zone: tzinfo) -> Moment | None:
    if clock.endswith(":60"):  # a leap second belongs to the minute before
        clock = f"{clock[:-2]}59"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper().replace('Z', '+00:00')}")
        local = moment.date() if offset is None else moment.astimezone(zone).date()
    except (ValueError, OverflowError):
        return None
    return Moment(local, local)


class Place(StrEnum):
    """Where a moment lies with respect to a window."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNSURE = "unsure"


class Window(Struct, frozen=True):
    """A freshness window that ends on `as_of`: strict ("less than") or inclusive ("not more than")."""

    period: Period
    strict: bool

    def boundary(self, as_of: date) -> date:
        """The day `as_of` minus the period: excluded when strict, included otherwise."""
        return self.period.before(as_of)

    def holds(self, day: date, as_of: date) -> bool:
        """True when a document of `day` counts on `as_of`."""
        boundary = self.boundary(as_of)
        return day > boundary if self.strict else day >= boundary

    def first_day(self, anchor: date) -> date:
        """The first day of which a document counts on `anchor`: the boundary, or the day after it when strict."""
        return self.boundary(anchor) + timedelta(days=self.strict)

    def place(self, moment: Moment, as_of: date) -> Place:
        """Inside or outside for sure, else unsure; days after `as_of` are not possible ones."""
        since = self.first_day(as_of)
        first, last = moment.first >= since, min(moment.last, as_of) >= since
        if first and last:
            return Place.INSIDE
        return Place.UNSURE if first or last else Place.OUTSIDE

    def counts_until(self, moment: Moment) -> date:
        """The last day on which a document of `moment` (its earliest day) still counts."""
        day = self.period.after(moment.first)
        while self.holds(moment.first, day + timedelta(days=1)):
            day += timedelta(days=1)
        while not self.holds(moment.first, day):
            day -= timedelta(days=1)
        return day

    def ask(self, as_of: date) -> str:
        """The dates that will count, in words."""
        boundary = self.boundary(as_of).isoformat()
        return f"after {boundary}" if self.strict else f"{boundary} or later"


def ages(birth: Moment, day: date) -> tuple[int, int]:
    """Lowest and highest possible age in completed years on `day` (a partial birth date gives a range)."""
    return _completed_years(birth.last, day), _completed_years(birth.first, day)


def _completed_years(birth: date, day: date) -> int:
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
