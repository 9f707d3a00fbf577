"""What one call costs without a network: what the server runs, from the bytes of a body to those of an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.charts import SIZES, request_body
from cdshooks.engine.library import Library, load_library
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer
from cdshooks.server.settings import default_library
from cdshooks.server.wsgi import settle_collector

ROOT = Path(__file__).parents[1]
AS_OF = date(2026, 11, 21)
SERVICE, HOOK = "cart-order-sign", "order-sign"
LARGEST = "5 MB"

Row = dict[str, Any]


def decide(body: bytes, library: Library) -> bytes:
    """Bytes in, bytes out: evidence, explanation and cards. Raises RuntimeError if our own code failed on the way."""
    answered = answer(read_request(body, SERVICE, HOOK), library, AS_OF)
    if answered.failure:
        raise RuntimeError(answered.failure)
    return msgspec.json.encode(answered.body)


def measure(seconds: float) -> Iterator[Row]:
    """For each size the price of a decision and of an order that is no CAR-T, beside `json.loads` of the same bytes."""
    library = load_library(default_library())
    settle_collector()
    for name, size in SIZES.items():
        car_t, other = request_body(size), request_body(size, car_t=False)
        if b'"cards":[]' in decide(car_t, library) or decide(other, library) != b'{"cards":[]}':
            raise RuntimeError(f"the chart of {name} is not answered as it should be")
        parse, full, none = _in_turn(
            seconds,
            lambda body=car_t: json.loads(body),
            lambda body=car_t: decide(body, library),
            lambda body=other: decide(body, library),
        )
        yield {
            "chart": name,
            "bytes": len(car_t),
            "json_loads_ms": round(parse * 1e3, 3),
            "decision_ms": round(full * 1e3, 3),
            "decision_ratio": round(full / parse, 2),
            "no_car_t_ms": round(none * 1e3, 3),
            "no_car_t_ratio": round(none / parse, 2),
        }


def _in_turn(seconds: float, *calls: Callable[[], Any]) -> list[float]:
    """The shortest time of each call, in seconds; called in turn, so that a busy machine slows all of them alike."""
    times: list[list[float]] = [[] for _ in calls]
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times[0]) < 3:
        for call, taken in zip(calls, times, strict=True):
            began = time.perf_counter()
            call()
            taken.append(time.perf_counter() - began)
    return [min(taken) for taken in times]


_COLD = """
import sys
from cdshooks.server.wsgi import app
reply = app().test_client().post("/cds-services/cart-order-sign", data=sys.stdin.buffer.read(),
                                 content_type="application/json")
sys.exit(0 if reply.status_code == 200 and reply.get_json()["cards"] else 1)
"""
_PEAK = """
import json, sys, tracemalloc
from benchmarks.core import decide
from cdshooks.engine.library import load_library
from cdshooks.server.settings import default_library
library, body = load_library(default_library()), sys.stdin.buffer.read()
tracemalloc.start()
{"json": lambda: json.loads(body), "full": lambda: decide(body, library)}[sys.argv[1]]()
print(tracemalloc.get_traced_memory()[1] / 2**20)
"""


def cold_start(times: int) -> Row:
    """Seconds from the start of a process to its first answer with a card; the best of several."""
    body, taken = request_body(SIZES["60 KB"]), []
    with demo_environment() as environment:
        for _ in range(times):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", _COLD], input=body, env=environment, cwd=ROOT, check=True, capture_output=True
            )
            taken.append(time.perf_counter() - began)
    return {"cold_start_s": round(min(taken), 2)}


def peak_memory() -> Row:
    """MiB that are in use at most while the largest chart is answered, and while `json.loads` reads it."""
    body = request_body(SIZES[LARGEST])
    grown = {
        what: subprocess.run(
            [sys.executable, "-c", _PEAK, what], input=body, cwd=ROOT, check=True, capture_output=True
        ).stdout
        for what in ("json", "full")
    }
    return {"memory_json_loads_mib": round(float(grown["json"])), "memory_decision_mib": round(float(grown["full"]))}


@contextmanager
def demo_environment() -> Iterator[dict[str, str]]:
    """The environment of a service in demo mode with a store of its own, which goes with it."""
    with TemporaryDirectory(prefix="cdshooks-benchmark-") as folder:
        # An installed package has its bytecode: what is started first leaves it to those after it.
        unwanted = ("CDSHOOKS_", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
        yield {**kept, "CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"}
