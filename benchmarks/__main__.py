"""`python -m benchmarks`: measures everything in one run, prints tables, and writes JSON where it is told to."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks import core, web
from benchmarks.table import render


def main() -> None:
    """Measure as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="how long each thing is measured")
    parser.add_argument("--no-http", action="store_true", help="leave out the calls over HTTP")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured as JSON as well")
    chosen = parser.parse_args()
    report = measured(chosen.seconds, over_http=not chosen.no_http)
    print(render(report))
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measured(seconds: float, *, over_http: bool) -> dict[str, Any]:
    """Everything that was measured in this run."""
    return {
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.platform()},
        "charts": list(core.measure(seconds)),
        "process": core.cold_start(3 if seconds >= 1 else 1) | core.peak_memory(),
        "http": list(web.measure(seconds)) if over_http else [],
    }


if __name__ == "__main__":
    main()
