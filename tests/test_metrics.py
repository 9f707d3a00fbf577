"""What Prometheus reads: every figure an operator alarms on, and a site that stopped firing."""

import os
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tales import shipped_library, tale

from cdshooks.hooks.service import Answer
from cdshooks.server.app import create_app
from cdshooks.server.calls import current_call
from cdshooks.server.metrics import FOLDER, Metrics, forget_dead_workers
from cdshooks.server.rate_gauges import RateGauges
from cdshooks.server.settings import read_settings

URL = "/cds-services/cart-order-sign"
DEMO = read_settings({"CDSHOOKS_MODE": "demo"})


@pytest.fixture
def client(tmp_path):
    settings = replace(DEMO, database_url=f"sqlite:///{tmp_path}/store.db")  # feedback of other tests is not in it
    return create_app(settings, shipped_library()).test_client()


def figures(client):
    """Every sample: (name, labels as text) → value."""
    text = client.get("/metrics").text
    return {
        (sample.name, " ".join(f"{key}={sample.labels[key]}" for key in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_calls_are_counted_by_hook_client_and_outcome(client):
    for story in ("mcl-missing-three", "mcl-missing-three", "no-car-t", "wrong-patient"):
        client.post(URL, json=tale(story))
    client.post(URL, json={})
    client.get("/health/live")
    found = figures(client)
    calls = {labels: value for (name, labels), value in found.items() if name == "cdshooks_calls_total"}
    assert calls == {
        "client=- hook=order-sign outcome=documentation-missing": 2,
        "client=- hook=order-sign outcome=no-card": 1,
        "client=- hook=order-sign outcome=mismatch": 1,
        "client=- hook=order-sign outcome=refused": 1,
    }
    assert found["cdshooks_call_seconds_count", "hook=order-sign"] == 5
    assert found["cdshooks_call_seconds_bucket", "hook=order-sign le=5.0"] == 5  # the time that CRD gives
    assert found["cdshooks_car_t_cards_total", "client=- hook=order-sign product=tecartus"] == 3


def test_a_site_that_stopped_firing_can_be_told(client):
    def fired():
        return figures(client).get(("cdshooks_last_fire_timestamp_seconds", "client=- hook=order-sign"))

    assert fired() is None
    began = time.time()
    client.post(URL, json=tale("no-car-t"))
    last = fired()
    assert last is not None and began <= last <= time.time()
    client.post(URL, json={})
    assert fired() == last, "a refused call is no sign of a working hook"


def test_an_order_call_without_orders_is_counted(client):
    client.post(URL, json=tale("mcl-complete"))
    body = tale("mcl-complete")
    del body["context"]["draftOrders"]
    assert client.post(URL, json=body).json == {"cards": []}
    assert figures(client)["cdshooks_stripped_calls_total", "client=- hook=order-sign"] == 1


def test_feedback_is_counted(client):
    entry = {"card": "c", "outcomeTimestamp": "2026-11-21T09:00:00Z"}
    another = entry | {"card": "another"}
    sent = [entry | {"outcome": "accepted"}, *(e | {"outcome": "overridden"} for e in (entry, another, entry))]
    assert client.post(f"{URL}/feedback", json={"feedback": sent}).status_code == 200
    found = figures(client)
    assert found["cdshooks_feedback_total", "client=- outcome=accepted"] == 1
    assert found["cdshooks_feedback_total", "client=- outcome=overridden"] == 2
    assert found["cdshooks_feedback_total", "client=- outcome=repeated"] == 1


def test_failures_and_fetches_are_counted_under_the_client_s_name():
    def answer(*_):
        current_call().client = "example-hospital"
        current_call().fetches.update(ok=3, timeout=1)
        return Answer({"cards": []}, failure="KeyError at chart.py:7")

    client = create_app(DEMO, shipped_library(), answer=answer).test_client()
    client.post(URL, json=tale("mcl-complete"))
    found = figures(client)
    assert found["cdshooks_failure_cards_total", "client=example-hospital hook=order-sign"] == 1
    assert found["cdshooks_calls_total", "client=example-hospital hook=order-sign outcome=failure"] == 1
    assert found["cdshooks_fetches_total", "client=example-hospital result=ok"] == 3
    assert found["cdshooks_fetches_total", "client=example-hospital result=timeout"] == 1


def test_every_label_is_one_of_ours(client):
    client.post(f"{URL}?canary=1", json=tale("two-orders"), headers={"X-Request-ID": "canary", "Origin": "canary"})
    client.post("/cds-services/canary", json=tale("two-orders") | {"hook": "canary"})
    client.post(f"{URL}/feedback", json={"feedback": [{"outcome": "canary"}]})
    text = client.get("/metrics").text
    names = set(re.findall(r'(\w+)="', text))
    ours = {"client", "hook", "outcome", "product", "result", "le"}
    assert names == ours | {"policy", "criterion", "reason"}
    assert "canary" not in text and tale("two-orders")["context"]["patientId"] not in text


def test_the_page_on_watching_names_every_metric_and_no_other():
    page = (Path(__file__).parents[1] / "docs" / "watching.md").read_text("utf-8")
    rates = RateGauges(lambda: pytest.fail("nobody asked"), (), lambda: pytest.fail("nobody asked"))
    made = {family.name for family in [*Metrics().registry.collect(), *rates.describe()]}
    assert {name.removesuffix("_total") for name in re.findall(r"^\| `(cdshooks_\w+)`", page, re.MULTILINE)} == made


def test_the_text_is_what_prometheus_asks_for(client):
    reply = client.get("/metrics")
    assert reply.status_code == 200
    assert reply.content_type.startswith("text/plain")
    assert reply.headers["Cache-Control"] == "no-store"


def test_what_a_dead_worker_said_of_the_present_is_forgotten_and_what_it_counted_stays(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with subprocess.Popen(["true"]) as dead:
        pass
    names = {
        f"{kind}_{pid}.db" for kind in ("gauge_livemax", "gauge_max", "counter") for pid in (dead.pid, os.getpid())
    }
    for name in names:
        (tmp_path / name).touch()
    forget_dead_workers()
    assert {path.name for path in tmp_path.iterdir()} == names - {f"gauge_livemax_{dead.pid}.db"}
