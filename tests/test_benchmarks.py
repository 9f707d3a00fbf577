"""The benchmark: its charts, that what it measures is answered, and that the README's tables are its own."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import core, crowd, web
from benchmarks.charts import SIZES, request_body
from benchmarks.table import render
from cdshooks.server.callers import AT_ONCE

ROOT = Path(__file__).parents[1]
SMALL = {name: SIZES[name] for name in ("15 KB", "60 KB")}


def records(body):
    """Every resource of the chart."""
    return [e["resource"] for b in json.loads(body)["prefetch"].values() for e in b.get("entry", [])]


def test_a_service_that_is_measured_is_started_as_an_installed_one(monkeypatch):
    for name in ("PYTHONDONTWRITEBYTECODE", "CDSHOOKS_CLIENTS", "KEPT"):
        monkeypatch.setenv(name, "1")
    with core.demo_environment() as environment:
        assert environment["KEPT"] == "1" and environment["CDSHOOKS_MODE"] == "demo"
        assert not {"PYTHONDONTWRITEBYTECODE", "CDSHOOKS_CLIENTS"} & environment.keys()


@pytest.mark.parametrize(("name", "size"), list(SIZES.items())[:3], ids=list(SIZES)[:3])
def test_a_chart_is_as_large_as_its_name_and_always_the_same(name, size):
    body = request_body(size)
    assert 0.9 * size < len(body) <= size
    assert request_body(size) == body


def test_a_large_chart_is_shuffled_records_of_every_kind_of_which_half_matter():
    found = records(request_body(SIZES["500 KB"]))
    assert len(found) > 300
    assert {r["resourceType"] for r in found} >= {
        "Observation", "Condition", "MedicationRequest", "Procedure", "DiagnosticReport", "DocumentReference"
    }  # fmt: skip
    assert len({json.dumps(r, sort_keys=True) for r in found}) == len(found)
    irrelevant = [r for r in found if re.search(r"-(vital|problem|pill|procedure|note|study)-", r["id"])]
    assert 0.4 < len(irrelevant) / len(found) < 0.6
    observations = [r["id"] for r in found if r["resourceType"] == "Observation"]
    assert observations != sorted(observations)
    assert all(len(json.dumps(r)) < 4000 for r in found)


def test_every_chart_is_measured_with_and_without_a_car_t(monkeypatch):
    monkeypatch.setattr(core, "SIZES", SMALL)
    monkeypatch.setattr(core, "settle_collector", lambda: None)
    rows = list(core.measure(0))
    assert [row["chart"] for row in rows] == list(SMALL)
    assert all(row["decision_ratio"] > row["no_car_t_ratio"] > 0 for row in rows)


def test_a_failure_is_not_measured_as_an_answer(monkeypatch):
    monkeypatch.setattr(core, "answer", lambda *_: core_failure())
    with pytest.raises(RuntimeError, match=r"KeyError at chart\.py:7"):
        core.decide(request_body(SIZES["15 KB"]), None)


def core_failure():
    from cdshooks.hooks.service import Answer

    return Answer({"cards": []}, failure="KeyError at chart.py:7")


def test_the_view_that_is_compared_with_reads_the_body_and_says_nothing():
    reply = web.constant().test_client().post(f"/cds-services/{core.SERVICE}", data=b"{}")
    assert reply.get_json() == {"cards": []}


def test_a_server_is_started_called_and_ended():
    with web._served("granian", web.CONSTANT, 1) as port:
        row = web._loaded(port, request_body(SIZES["15 KB"]), 0.05)
    assert row["requests_per_s"] > 0
    assert row["p50_ms"] <= row["p99_ms"]
    with pytest.raises(OSError, match="refused"):
        web._post(web.http.client.HTTPConnection("127.0.0.1", port), b"{}")


def test_those_that_are_too_many_are_told_to_come_again():
    waited = crowd.measure(rounds=1)
    assert set(waited) == {200, 503}
    assert sum(map(len, waited.values())) == crowd.CALLS
    assert len(waited[200]) >= AT_ONCE


def sample():
    """A report of the shape that the command makes, all numbers one."""
    ratios = dict.fromkeys(("json_loads_ms", "decision_ms", "decision_ratio", "no_car_t_ms", "no_car_t_ratio"), 1)
    times = dict.fromkeys(("requests_per_s", "p50_ms", "p99_ms"), 1)
    process = dict.fromkeys(("cold_start_s", "memory_decision_mib", "memory_json_loads_mib"), 1)
    calls = [
        {"server": server, "workers": workers, "call": call, **times}
        for server in ("granian", "gunicorn")
        for workers in web.WORKERS
        for call in ("CAR-T", "no CAR-T", "constant view")
    ]
    return {"charts": [{"chart": name, **ratios} for name in SIZES], "process": process, "http": calls}


def test_the_readme_shows_what_the_command_writes():
    readme = (ROOT / "README.md").read_text("utf-8").split("\n## Speed\n", 1)[1].split("\n## ", 1)[0]
    assert "`make bench` (`python -m benchmarks`)" in readme
    assert re.search("^bench:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    def shape(text):
        return re.sub(r"\d+(\.\d+)?", "n", text).strip()

    assert shape(readme).endswith(shape(render(sample())))
