"""One line of JSON for each call: what an operator needs, and nothing that a caller wrote."""

import json
import logging
import re
import sys

import pytest
from tales import shipped_library, tale

from cdshooks.server.app import create_app
from cdshooks.server.call_log import JsonLines
from cdshooks.server.calls import current_call
from cdshooks.server.settings import read_settings

URL = "/cds-services/cart-order-sign"


@pytest.fixture(scope="module")
def app():
    return create_app(read_settings({"CDSHOOKS_MODE": "demo"}), shipped_library())


def line_of(caplog):
    return json.loads(JsonLines().format(caplog.records[-1]))


def test_a_call_s_line_says_what_was_asked_and_what_came_of_it(app, caplog):
    caplog.set_level(logging.INFO)
    reply = app.test_client().post(URL, json=tale("mcl-missing-three"))
    line = line_of(caplog)
    assert {"time", "ms", "request"} < line.keys()
    assert line | dict.fromkeys(("time", "ms", "request"), 0) == {
        "time": 0,
        "level": "info",
        "event": "call",
        "request": 0,
        "method": "POST",
        "route": "/cds-services/<service_id>",
        "status": 200,
        "outcome": reply.json["cards"][0]["extension"]["org.cdshooks.determination"]["outcome"],
        "ms": 0,
        "library": shipped_library().hash,
        "service": "cart-order-sign",
        "hook": "order-sign",
        "client": "-",
        "cards": 1,
        "products": ["tecartus"],
        "decisions": {"recorded": 1},
        "token": "not-used",
    }


def outcome_of(app, caplog, body):
    caplog.set_level(logging.INFO)
    service = f"/cds-services/cart-{body.get('hook', 'order-sign')}"
    app.test_client().post(service, json=body)
    return line_of(caplog)["outcome"]


@pytest.mark.parametrize(
    ("story", "outcome"),
    [("no-car-t", "no-card"), ("wrong-patient", "mismatch"), ("two-orders", "ready")],
)
def test_the_outcome_of_a_call_is_that_of_its_worst_card(app, caplog, story, outcome):
    assert outcome_of(app, caplog, tale(story)) == outcome


def test_a_refused_call_is_told_as_refused(app, caplog):
    assert outcome_of(app, caplog, {}) == "refused"
    assert line_of(caplog)["issue"] == "required"


@pytest.mark.parametrize("orders", [None, {"resourceType": "Bundle", "type": "collection"}])
def test_an_order_call_without_orders_is_told_as_stripped(app, caplog, orders):
    body = tale("mcl-complete")
    body["context"]["draftOrders"] = orders
    assert outcome_of(app, caplog, body) == "stripped"


def test_an_opened_chart_without_orders_is_not_stripped(app, caplog):
    body = tale("mcl-complete")
    del body["context"]["draftOrders"]
    assert outcome_of(app, caplog, body | {"hook": "patient-view"}) == "no-card"


UUID = "1f0c5b1e-4f6c-4a9e-9b0a-2f6c1d2e3a4b"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("sent", [UUID, TRACE])
def test_the_caller_s_own_request_id_is_kept_if_it_can_hold_no_words(app, caplog, sent):
    caplog.set_level(logging.INFO)
    reply = app.test_client().get("/health/live", headers={"X-Request-ID": sent})
    assert reply.headers["X-Request-Id"] == sent == line_of(caplog)["request"]


@pytest.mark.parametrize("sent", ["Jane-Doe-1960", "12345678", "a" * 15, "a" * 65, f"{UUID} x", f"{TRACE}\u00e9", ""])
def test_any_other_request_id_is_replaced(app, sent):
    made = app.test_client().get("/health/live", headers={"X-Request-ID": sent}).headers["X-Request-Id"]
    assert made != sent
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_what_a_route_learns_of_its_call_is_in_the_line(caplog):
    caplog.set_level(logging.INFO)

    def answer(*_):
        current_call().client = "example-hospital"
        current_call().fetches.update(ok=3, timeout=1)
        return type("Answered", (), {"body": {"cards": []}, "failure": None})

    app = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), shipped_library(), answer=answer)
    app.test_client().post(URL, json=tale("no-car-t"))
    line = line_of(caplog)
    assert (line["client"], line["fetches"]) == ("example-hospital", {"ok": 3, "timeout": 1})


def test_of_an_exception_only_its_type_and_place_are_written():
    try:
        raise ValueError("canary")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "it broke", (), sys.exc_info())
    line = json.loads(JsonLines().format(record))
    assert line["event"] == "it broke"
    assert line["where"].startswith("ValueError at test_call_log.py:")
    assert "canary" not in json.dumps(line)
