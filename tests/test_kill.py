"""The service is killed under load, again and again: what it acknowledged is there, once and whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import requests
from serving import running_server, wait_until_live
from sqlalchemy import select
from tales import tale

from cdshooks.server.ledger import faults
from cdshooks.server.record_tables import ANSWERS, CALLS, DECISIONS, FEEDBACK, row_sha256
from cdshooks.server.settings import read_settings
from cdshooks.server.store import Store, open_store

KEY = "org.cdshooks.determination"
CALL = "/cds-services/cart-order-sign"
THREADS = 4


@dataclass
class Acknowledged:
    """What the service said that it has done: the decisions of each call, and the time of feedback on each card."""

    calls: dict[str, set[str]] = field(default_factory=dict)
    feedback: set[tuple[str, str]] = field(default_factory=set)


def caller(url: str, told: Acknowledged, stop: threading.Event) -> None:
    """Call and give feedback until the service is gone; note only what was answered in full."""
    body = tale("mcl-missing-three")
    with requests.Session() as session:
        while not stop.is_set():
            request, moment = uuid4().hex, f"2026-11-21T12:00:00.{random.randrange(10**6):06}+00:00"
            headers = {"X-Request-Id": request}
            reply = session.post(f"{url}{CALL}", json=body | {"hookInstance": request}, headers=headers, timeout=20)
            cards = reply.json()["cards"]
            told.calls[request] = {card["extension"][KEY]["decision"] for card in cards}
            entry = {"card": cards[0]["uuid"], "outcome": "overridden", "outcomeTimestamp": moment}
            if session.post(f"{url}{CALL}/feedback", json={"feedback": [entry]}, timeout=20).status_code == 200:
                told.feedback.add((entry["card"], moment))


def children(of: int) -> set[int]:
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "--ppid", str(of)], stdout=subprocess.PIPE, text=True)
    found = (line.split() for line in listed.stdout.splitlines())
    return {int(pid) for pid, state in found if not state.startswith("Z")}


def workers_of(server: subprocess.Popen[bytes], without: int = 0) -> set[int]:
    """The two workers of a service, once there are two, and `without` is none of them."""
    end = time.monotonic() + 60
    while len(found := children(server.pid) - {without}) < 2:
        assert time.monotonic() < end and server.poll() is None
        time.sleep(0.1)
    return found


def test_a_worker_that_is_killed_is_replaced_and_the_other_lives_on(tmp_path: Path) -> None:
    settings = replace(read_settings({"CDSHOOKS_MODE": "demo"}), database_url=f"sqlite:///{tmp_path}/store.db")
    body = tale("mcl-missing-three")
    with running_server(settings, workers=2, output=tmp_path / "output") as (url, server):
        wait_until_live(url)
        victim, survivor = sorted(workers_of(server))
        assert requests.post(f"{url}{CALL}", json=body, timeout=20).status_code == 200
        os.kill(victim, signal.SIGKILL)
        assert survivor in workers_of(server, without=victim)
        answered, end = 1, time.monotonic() + 60
        while answered < 5 and time.monotonic() < end:  # connections that lay with the dead one are reset
            with suppress(requests.ConnectionError):
                answered += requests.post(f"{url}{CALL}", json=body, timeout=20).status_code == 200
        assert answered == 5 and survivor in children(server.pid)
        wait_until_live(url)
        server.terminate()
        assert server.wait(timeout=20) == 0


def calling(url: str, told: Acknowledged, stop: threading.Event) -> None:
    with suppress(requests.RequestException):
        caller(url, told, stop)


def wait_for(told: Acknowledged, feedback: int) -> None:
    """Wait until that much feedback was acknowledged; what is killed is then in the middle of something."""
    end = time.monotonic() + 20
    while len(told.feedback) < feedback and time.monotonic() < end:
        time.sleep(0.01)


def test_what_was_acknowledged_survives_kill_9(database_url: str, tmp_path: Path) -> None:
    settings = replace(read_settings({"CDSHOOKS_MODE": "demo"}), database_url=database_url)
    told, chance = Acknowledged(), random.Random(7)
    for _ in range(3 if database_url.startswith("sqlite") else 2):
        stop = threading.Event()
        with running_server(settings, workers=2, output=tmp_path / "output") as (url, server):
            wait_until_live(url)
            threads = [threading.Thread(target=calling, args=(url, told, stop)) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            wait_for(told, len(told.feedback) + chance.randint(3, 12))
            os.killpg(server.pid, signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join()
    store = open_store(database_url)
    check(store, told)
    store.close()


def check(store: Store, told: Acknowledged) -> None:
    """Set equality of what was acknowledged with what is stored of it, each once; and nothing half-written."""
    assert told.calls and told.feedback
    with store.reading() as connection:
        assert list(faults(connection)) == []
        requests_of = {row.id: row.request for row in connection.execute(select(CALLS.c.id, CALLS.c.request))}
        answers = [(requests_of[row.call], row.decision) for row in connection.execute(select(ANSWERS))]
        decisions = connection.execute(select(DECISIONS)).mappings().all()
        feedback = Counter((row.card, row.at) for row in connection.execute(select(FEEDBACK)))
    stored = Counter((request, decision) for request, decision in answers if request in told.calls)
    assert stored == Counter((request, decision) for request, ids in told.calls.items() for decision in ids)
    assert {key: n for key, n in feedback.items() if key in told.feedback} == dict.fromkeys(told.feedback, 1)
    assert set().union(*told.calls.values()) <= {row["id"] for row in decisions}
    assert len({row["id"] for row in decisions}) == len(decisions)
    assert all(row["content_sha256"] == row_sha256(json.loads(row["content"])) for row in decisions)
