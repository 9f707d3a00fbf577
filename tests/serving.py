"""The service as it is served: a process of its own with workers, which a test may kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from cdshooks.server.settings import Settings

ROOT = Path(__file__).parents[1]


@contextmanager
def running_server(settings: Settings, workers: int, output: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = (
        "import os; from cdshooks.server.serve import run_server; from cdshooks.server.settings import read_settings;"
        f"run_server(read_settings(os.environ), port={port}, workers={workers})"
    )
    environment = {"PYTHONPATH": str(ROOT), **settings.environment()}
    with output.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-c", start], env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # the workers too, should one be left
        server.wait()


def wait_until_live(url: str, seconds: float = 30) -> requests.Response:
    end = time.monotonic() + seconds
    while True:
        try:
            return requests.get(f"{url}/health/live", timeout=5)
        except requests.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
