"""What was measured as Markdown tables; those of the README are copied from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CHARTS = ("chart", "json.loads", "decision", "ratio", "no CAR-T", "ratio")
CALLS = ("server", "workers", "call", "requests/s", "p50", "p99")


def render(report: Mapping[str, Any]) -> str:
    """The whole report: charts, process, and calls over HTTP where they were measured."""
    parts = [_table(CHARTS, [_chart_row(row) for row in report["charts"]]), _process(report["process"])]
    if report["http"]:
        parts.append(_table(CALLS, [_call_row(row) for row in report["http"]]))
    return "\n\n".join(parts)


def _chart_row(row: Mapping[str, Any]) -> list[str]:
    return [
        row["chart"],
        f"{row['json_loads_ms']:.2f} ms",
        f"{row['decision_ms']:.2f} ms",
        f"{row['decision_ratio']:.1f}×",
        f"{row['no_car_t_ms']:.2f} ms",
        f"{row['no_car_t_ratio']:.2f}×",
    ]


def _process(process: Mapping[str, Any]) -> str:
    return (
        f"Cold start to the first card: {process['cold_start_s']:.1f} s. Memory for the largest chart: "
        f"{process['memory_decision_mib']} MiB (`json.loads` alone: {process['memory_json_loads_mib']} MiB)."
    )


def _call_row(row: Mapping[str, Any]) -> list[str]:
    times = [f"{row[name]:.0f} ms" for name in ("p50_ms", "p99_ms")]
    return [row["server"], str(row["workers"]), row["call"], f"{row['requests_per_s']:.0f}", *times]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
