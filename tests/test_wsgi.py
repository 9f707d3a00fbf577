"""The application as a web server makes it: what it does with the collector, and what it does not bring along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTED = """
import gc, sys
from cdshooks.engine.source import LibraryError
from cdshooks.server.wsgi import app
try:
    app()
except LibraryError:
    print("no library")
print(gc.isenabled(), gc.get_freeze_count() > 10_000, gc.get_threshold()[0] >= 100_000)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"fhir", "pydantic", "requests"}))
"""


def started(folder: Path, **settings: str) -> list[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CDSHOOKS_")}
    demo = {"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"}
    environment = {**kept, **demo, **settings}
    run = subprocess.run([sys.executable, "-c", STARTED], env=environment, cwd=ROOT, capture_output=True, check=True)
    return run.stdout.decode().splitlines()


def test_what_is_kept_is_out_of_the_collector_s_way_which_runs_seldom(tmp_path: Path) -> None:
    assert started(tmp_path)[0] == "True True True"


def test_a_start_brings_no_models_of_fhir(tmp_path: Path) -> None:
    assert started(tmp_path)[1] == "[]"


def test_a_start_that_fails_leaves_the_collector_on(tmp_path: Path) -> None:
    assert started(tmp_path, CDSHOOKS_LIBRARY=str(tmp_path))[:2] == ["no library", "True False False"]
