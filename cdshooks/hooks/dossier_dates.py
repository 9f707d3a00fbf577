"""The evidence against its windows, drawn on one scale: what lapses next, and when, against the day of infusion.

Days are ISO days; a record that is dated less precisely has no place on the scale. Places on it run from 0 to 1000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cdshooks.hooks.dossier import Dossier
from cdshooks.hooks.dossier_view import GAPS, findings_of, label_of, rows

_BEFORE, _AFTER = timedelta(days=400), timedelta(days=120)  # no further from the request and the infusion
_MARGIN = timedelta(days=7)
WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """One document on the scale, and in words: its day, until when it counts, from when a new one would.

    `dated_at`, `begins` and `ends` are places; None where there is no such day. `beyond`: it counts longer than
    the scale reaches. `lapses`: it counts today and no longer on the day of infusion.
    """

    label: str
    outcome: str
    dated: str
    until: str
    earliest: str
    needed_by: str
    dated_at: int | None
    begins: int | None
    ends: int | None
    beyond: bool
    lapses: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """The days that are drawn, with the places of the request and of the infusion."""

    first: date
    last: date
    as_of: date
    service: date
    spans: tuple[Span, ...]

    def place(self, day: date) -> int:
        """Where a day lies, from 0 to WIDTH."""
        within = min(max(day, self.first), self.last)
        return round(WIDTH * (within - self.first) / (self.last - self.first))

    @property
    def today_at(self) -> int:
        """The place of the day of the request."""
        return self.place(self.as_of)

    @property
    def service_at(self) -> int:
        """The place of the planned infusion."""
        return self.place(self.service)


def scale_of(dossier: Dossier) -> Scale | None:
    """Every document that has a window, what lapses first at the top; None where none has."""
    made = dossier["determination"]
    as_of = date.fromisoformat(made["asOf"])
    service = date.fromisoformat(made.get("serviceDate", made["asOf"]))
    checked = {criterion: place["date"] for criterion, place in _listings(dossier) if "date" in place}
    dated = [
        {**finding, "evidence": [*finding.get("evidence", ()), {"date": checked.get(finding["criterion"], "")}]}
        for finding in findings_of(dossier)
        if "countsUntil" in finding or "countsFrom" in finding
    ]
    if not dated:
        return None
    first, last = _ends(dated, as_of, service)
    scale = Scale(first, last, as_of, service, ())
    spans = sorted((_span(dossier, finding, scale) for finding in dated), key=_next)
    return Scale(first, last, as_of, service, tuple(spans))


def _listings(dossier: Dossier) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The listing of the treatment center that a criterion rests on: it is no record of the chart."""
    for row in rows(dossier):
        listed = [place for place in row.get("location", ()) if "center" in place]
        yield from ((criterion, place) for criterion in row["criteria"] for place in listed)


def _ends(findings: Iterable[Mapping[str, Any]], as_of: date, service: date) -> tuple[date, date]:
    days = {as_of, service}
    for finding in findings:
        told = (newest_day(finding), finding.get("countsUntil"), finding.get("earliestDate"))
        days |= {date.fromisoformat(day) for day in told if day}
    lowest, highest = as_of - _BEFORE, max(as_of, service) + _AFTER
    return max(min(days), lowest) - _MARGIN, min(max(days), highest) + _MARGIN


def _span(dossier: Dossier, finding: Mapping[str, Any], scale: Scale) -> Span:
    dated, until = newest_day(finding), finding.get("countsUntil", "")
    open_ = finding["outcome"] in GAPS
    earliest = finding.get("earliestDate", "") if open_ else ""
    needed_by = finding.get("neededBy", "") if open_ else ""
    begins = max(earliest, scale.as_of.isoformat()) if open_ and earliest else dated or (until and str(scale.first))
    ends = (needed_by or str(scale.service)) if open_ else until
    return Span(
        label=label_of(dossier, finding["criterion"]),
        outcome=finding["outcome"],
        dated=dated,
        until=until,
        earliest=earliest,
        needed_by=needed_by,
        dated_at=_place(scale, dated),
        begins=_place(scale, begins),
        ends=_place(scale, ends),
        beyond=bool(until) and date.fromisoformat(until) > scale.last,
        lapses=bool(until) and date.fromisoformat(until) < scale.service,
    )


def _place(scale: Scale, day: str) -> int | None:
    return scale.place(date.fromisoformat(day)) if day else None


def newest_day(finding: Mapping[str, Any]) -> str:
    """The newest whole day of what the finding shows; "" for none."""
    days = [item.get("date", "")[:10] for item in finding.get("evidence", ())]
    return max((day for day in days if len(day) == 10), default="")


def _next(span: Span) -> tuple[bool, str, str]:
    """What is open first, then what lapses first."""
    return span.outcome not in GAPS, span.until or "9999", span.label
