"""How the registry looks in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from cdshooks.server.registry import Difference, KeptRow, Registry, Version

_HEAD = ("facility", "NPI", "product", "evidence", "checked on", "by", "valid until", "source")


def table(rows: Sequence[KeptRow], day: date) -> str:
    """The rows in columns; a row whose validity is over on `day` says so."""
    if not rows:
        return "no such row"
    lines = [_HEAD, *(_cells(kept, day) for kept in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def version_line(registry: Registry) -> str:
    """Which version of the registry this is, and from what it was made."""
    version = registry.version
    if version is None:
        return "no version"
    made = f"{version.change} of {version.source}" + (f", file {version.file_name}" if version.file_name else "")
    return f"version {version.number} of {version.made_on} ({made}), rows: {version.row_count}"


def import_report(made: Version | None, change: Difference, store: str) -> str:
    """What an import did, or would do, to the rows in force."""
    did = f"version {made.number} of {made.made_on}" if made else "dry run, nothing was changed: the next version"
    return f"{did} in {store}: {', '.join(_changes(change))}"


def _changes(change: Difference) -> Iterator[str]:
    yield f"{change.new} new"
    yield f"{change.changed} changed"
    yield f"{change.unchanged} unchanged"
    yield f"{change.dropped} no longer in force"


def _cells(kept: KeptRow, day: date) -> tuple[str, ...]:
    row = kept.row
    over = " (over)" if row.valid_until and row.valid_until < day else ""
    until = f"{row.valid_until or '-'}{over}"
    checked = str(row.checked_on)
    source = f"{row.source}{' (SYNTHETIC)' if row.synthetic else ''}"
    return (row.facility_name, row.npi, row.product, row.evidence_kind, checked, row.checked_by, until, source)
