"""The criteria map of a dossier as CSV, a line for each record of a row, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from cdshooks.hooks.blocks import capital
from cdshooks.hooks.dossier import Dossier
from cdshooks.hooks.dossier_view import rows

COLUMNS = (
    "criterion", "paragraphs", "outcome", "shows", "not_on_file", "to_settle_it", "who", "earliest_date", "needed_by",
    "counts_until", "record", "date", "laboratory", "author", "display",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # some take the wide ones as well


class _Lines(list[str]):
    """What a csv writer writes to: no file, for this is pure."""

    def write(self, line: str) -> None:
        """Take one line."""
        self.append(line)


def map_csv(dossier: Dossier) -> str:
    """The map, worst first, with a header line."""
    lines = _Lines()
    writer = csv.writer(lines)
    writer.writerow(COLUMNS)
    for row in rows(dossier):
        for place in row.get("location") or [{}]:
            cells = {**_criterion(row), **_place(place)}
            writer.writerow([_inert(cells.get(column, "")) for column in COLUMNS])
    return "".join(lines)


def _criterion(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "criterion": capital(row["label"]),
        "paragraphs": ", ".join(row["cite"]),
        "outcome": row["outcome"],
        "shows": row.get("shows", ""),
        "not_on_file": row.get("missing", ""),
        "to_settle_it": row.get("ask", ""),
        "who": ", ".join(dict.fromkeys(finding["owner"] for finding in row["findings"])),
        "earliest_date": max(_told(row, "earliestDate"), default=""),
        "needed_by": min(_told(row, "neededBy"), default=""),
        "counts_until": min(_told(row, "countsUntil"), default=""),
    }


def _told(row: Mapping[str, Any], key: str) -> Iterator[str]:
    return (finding[key] for finding in row["findings"] if key in finding)


def _place(place: Mapping[str, str]) -> dict[str, str]:
    named = {"record": place.get("reference") or _center(place)}
    return named | {key: place.get(key, "") for key in ("date", "laboratory", "author", "display")}


def _center(place: Mapping[str, str]) -> str:
    npi = f" (NPI {place['npi']})" if "npi" in place else ""
    return f"{place['center']}{npi}" if "center" in place else ""


def _inert(cell: str) -> str:
    """The cell, so that no spreadsheet takes text of a chart for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
