"""The service over HTTP, under granian and gunicorn, beside a view that reads the same body and says nothing."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from statistics import quantiles
from tempfile import TemporaryFile
from typing import Any

from flask import Flask, Response, request

from benchmarks.charts import SIZES, request_body
from benchmarks.core import ROOT, SERVICE, Row, demo_environment
from cdshooks.server.rsgi import Served

WORKERS = (1, 2)
CHART = "60 KB"
OURS, CONSTANT = "ours", "constant"
_TARGETS = {
    ("granian", OURS): "cdshooks.server.rsgi:app",
    ("granian", CONSTANT): "benchmarks.web:served_constant",
    ("gunicorn", OURS): "cdshooks.server.wsgi:app()",
    ("gunicorn", CONSTANT): "benchmarks.web:constant()",
}
_CONNECTIONS = 4
_PATH = f"/cds-services/{SERVICE}"
_SECONDS_TO_START = 30


def constant() -> Flask:
    """An application with one view at our path: it reads the body and gives an answer that never changes."""
    app = Flask("constant")

    @app.post(_PATH)
    def nothing() -> Response:
        request.get_data()
        return Response(b'{"cards":[]}', content_type="application/json")

    return app


def served_constant() -> Served:
    """The same as granian serves it."""
    return Served(constant())


def _command(server: str, target: str, workers: int, port: int) -> list[str]:
    target = _TARGETS[server, target]
    if server == "granian":
        own = ["--interface", "rsgi", "--factory", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
        return [sys.executable, "-m", "granian", *own, "--workers", str(workers), target]
    bind = ["--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--worker-class", "gthread", "--threads", "8"]
    return [sys.executable, "-m", "gunicorn", *bind, target]


def measure(seconds: float) -> Iterator[Row]:
    """Requests per second and latencies (ms) for each server and number of workers."""
    bodies = {"CAR-T": request_body(SIZES[CHART]), "no CAR-T": request_body(SIZES[CHART], car_t=False)}
    for server in ("granian", "gunicorn"):
        for workers in WORKERS:
            with _served(server, OURS, workers) as port:
                found = {what: _loaded(port, body, seconds) for what, body in bodies.items()}
            with _served(server, CONSTANT, workers) as port:
                found["constant view"] = _loaded(port, bodies["CAR-T"], seconds)
            for what, row in found.items():
                yield {"server": server, "workers": workers, "call": what, **row}


@contextmanager
def _served(server: str, target: str, workers: int) -> Iterator[int]:
    """A server that answers at a port of its own, ended when done."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with demo_environment() as environment, TemporaryFile() as log:
        command = _command(server, target, workers, port)
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(_SECONDS_TO_START)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                return _post(connection, request_body(SIZES["15 KB"]))
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {' '.join(map(str, process.args))}")  # type: ignore[union-attr]


def _post(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", _PATH, body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    reply.read()
    if reply.status != 200:
        raise RuntimeError(f"answered {reply.status}")


def _loaded(port: int, body: bytes, seconds: float) -> dict[str, Any]:
    """What several connections get, each of which calls again as soon as it is answered."""
    until = time.monotonic() + seconds

    def calls(_: int) -> list[float]:
        taken: list[float] = []
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            while time.monotonic() < until or len(taken) < 2:
                began = time.perf_counter()
                _post(connection, body)
                taken.append(time.perf_counter() - began)
        return taken

    began = time.monotonic()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        taken = sorted(time_ for each in pool.map(calls, range(_CONNECTIONS)) for time_ in each)
    cuts = quantiles(taken, n=100)
    rate = len(taken) / (time.monotonic() - began)
    return {"requests_per_s": round(rate, 1), "p50_ms": round(cuts[49] * 1e3, 1), "p99_ms": round(cuts[98] * 1e3, 1)}
