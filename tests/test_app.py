"""The web edge: what each route answers, what it refuses, and what never leaves it."""

from __future__ import annotations

import io
import json
import logging
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from ehr import clients_file, clients_toml
from flask import Flask
from flask.testing import FlaskClient
from serving import running_server, wait_until_live

from cdshooks.engine.library import Library, load_library
from cdshooks.hooks.request import Request
from cdshooks.hooks.service import Answer
from cdshooks.server.app import create_app
from cdshooks.server.call_log import JsonLines
from cdshooks.server.clients import read_clients
from cdshooks.server.serve import run_server, start_lines
from cdshooks.server.settings import SettingsError, default_library, read_settings
from cdshooks.server.stories import move_dates

ROOT = Path(__file__).parents[1]
DEMO = read_settings({"CDSHOOKS_MODE": "demo"})
CALL = {"hook": "order-sign", "hookInstance": "h", "context": {"patientId": "p1"}}
URL = "/cds-services/cart-order-sign"
DISCOVERY = {"services": [{"hook": "order-sign", "id": "cart-order-sign", "title": "CAR-T", "description": "x"}]}


def as_told(request: Request, library: Library, as_of: date, options: Any, fetch: Any) -> Answer:
    return Answer({"cards": [], "asked": [request.patient_id, as_of.isoformat()]})


def at(moment: str) -> Any:
    return lambda zone: datetime.fromisoformat(moment).astimezone(zone)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(default_library())


@pytest.fixture
def app(library: Library) -> Flask:
    return create_app(
        DEMO, library, clock=at("2026-11-21T12:00:00+00:00"), answer=as_told, services=lambda _: DISCOVERY
    )


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def written(caplog: pytest.LogCaptureFixture) -> str:
    """The log as it is written out."""
    return "\n".join(JsonLines().format(record) for record in caplog.records)


def failing_client(library: Library, error: Exception) -> FlaskClient:
    def fail(*_: Any) -> Answer:
        raise error

    return create_app(DEMO, library, answer=fail, services=lambda _: DISCOVERY).test_client()


def test_discovery_lists_the_services(client: FlaskClient) -> None:
    reply = client.get("/cds-services")
    assert (reply.status_code, reply.json) == (200, DISCOVERY)


def test_a_call_is_answered_as_of_today(client: FlaskClient) -> None:
    reply = client.post(URL, json=CALL)
    assert reply.status_code == 200
    assert reply.json == {"cards": [], "asked": ["p1", "2026-11-21"]}


@pytest.mark.parametrize(
    ("zone", "moment", "today"),
    [
        ("UTC", "2026-11-21T23:30:00+00:00", "2026-11-21"),
        ("America/New_York", "2026-11-22T04:30:00+00:00", "2026-11-21"),
        ("Asia/Tokyo", "2026-11-20T15:30:00+00:00", "2026-11-21"),
    ],
)
def test_today_is_the_local_day_of_the_configured_zone(library: Library, zone: str, moment: str, today: str) -> None:
    settings = replace(DEMO, timezone=ZoneInfo(zone))
    client = create_app(settings, library, clock=at(moment), answer=as_told, services=lambda _: DISCOVERY).test_client()
    assert client.post(URL, json=CALL).get_json()["asked"][1] == today


REFUSED: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "no body": ("POST", URL, {"content_type": "application/json"}, 400),
    "no JSON": ("POST", URL, {"data": "{", "content_type": "application/json"}, 400),
    "no call": ("POST", URL, {"json": {}}, 400),
    "another hook": ("POST", URL, {"json": CALL | {"hook": "patient-view"}}, 400),
    "no such service": ("POST", "/cds-services/other", {"json": CALL}, 404),
    "feedback of no such service": ("POST", "/cds-services/other/feedback", {"json": {"feedback": []}}, 404),
    "no such page": ("GET", "/nothing", {}, 404),
    "no such story": ("GET", "/demo/stories/..%2Fx", {}, 404),
    "GET of a service": ("GET", URL, {}, 405),
    "POST to discovery": ("POST", "/cds-services", {"json": CALL}, 405),
    "an unknown method": ("BREW", URL, {}, 405),
    "too large": ("POST", URL, {"data": b" " * (20 * 1024 * 1024 + 1), "content_type": "application/json"}, 413),
    "no content type": ("POST", URL, {"data": b"{}"}, 415),
    "a form": ("POST", URL, {"data": {"a": "b"}}, 415),
    "text": ("POST", URL, {"data": b"{}", "content_type": "text/plain"}, 415),
    "another charset": ("POST", URL, {"data": b"{}", "content_type": "application/json; charset=latin-1"}, 415),
    "compressed": ("POST", URL, {"json": CALL, "headers": {"Content-Encoding": "gzip"}}, 415),
    "unusable feedback": ("POST", f"{URL}/feedback", {"json": {"feedback": [{}]}}, 400),
}


@pytest.mark.parametrize(("method", "url", "options", "status"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_an_operation_outcome(
    client: FlaskClient, method: str, url: str, options: dict[str, Any], status: int
) -> None:
    options["headers"] = {"Origin": "https://sandbox.example"} | options.get("headers", {})
    reply = client.open(url, method=method, **options)
    assert reply.status_code == status
    outcome = reply.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["details"]["text"]
    assert reply.headers["Access-Control-Allow-Origin"] == "https://sandbox.example"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"


def test_a_refusal_says_where(client: FlaskClient) -> None:
    issue = client.post(URL, json=CALL | {"context": {}}).get_json()["issue"][0]
    assert issue["expression"] == ["context.patientId"]


def test_a_method_that_is_not_answered_gets_the_list_of_those_that_are(client: FlaskClient) -> None:
    assert client.get(URL).headers["Allow"] == "OPTIONS, POST"


def test_a_body_without_a_length_is_cut_off_at_the_limit(client: FlaskClient) -> None:
    body = io.BytesIO(b" " * (20 * 1024 * 1024 + 1))
    environ = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    reply = client.post(URL, content_type="application/json", environ_overrides=environ)
    assert reply.status_code == 413


@pytest.mark.parametrize(
    "content_type", ["application/json;charset=UTF-8", 'application/json; charset="utf-8"', "Application/FHIR+json"]
)
def test_json_is_read_under_its_usual_names(client: FlaskClient, content_type: str) -> None:
    assert client.post(URL, data=json.dumps(CALL), content_type=content_type).status_code == 200


def test_feedback_is_taken_for_cards_nobody_remembers(client: FlaskClient) -> None:
    entry = {"card": "c", "outcome": "accepted", "outcomeTimestamp": "2026-11-21T09:00:00Z"}
    reply = client.post(f"{URL}/feedback", json={"feedback": [entry]})
    assert (reply.status_code, reply.json) == (200, {})


def test_health_tells_which_library_is_loaded(client: FlaskClient, library: Library) -> None:
    assert client.get("/health/live").json == {"status": "live"}
    registry = {"version": 0, "rows": len(library.rosters)}
    assert client.get("/health/ready").json == {"status": "ready", "library": library.hash, "registry": registry}


@pytest.mark.parametrize("url", ["/cds-services", URL, f"{URL}/feedback"])
def test_a_preflight_is_answered_without_credentials(client: FlaskClient, url: str) -> None:
    asked = {
        "Origin": "https://sandbox.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    reply = client.options(url, headers=asked)
    assert (reply.status_code, reply.data) == (204, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == "https://sandbox.example"
    assert reply.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert reply.headers["Access-Control-Allow-Private-Network"] == "true"
    assert "Origin" in reply.headers["Vary"]


def test_a_failure_of_ours_tells_the_caller_nothing_but_an_id(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reply = failing_client(library, ValueError("canary-name")).post(URL, json=CALL)
    assert reply.status_code == 500
    issue = reply.get_json()["issue"][0]
    assert issue["details"]["text"] == f"internal error, request id {reply.headers['X-Request-Id']}"
    logged = written(caplog)
    assert "ValueError at answering.py:" in logged
    assert "canary" not in logged + caplog.text + reply.text


def test_a_failure_that_was_put_on_a_card_is_logged(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    def answer(*_: Any) -> Answer:
        return Answer({"cards": []}, failure="KeyError at chart.py:7")

    client = create_app(DEMO, library, answer=answer, services=lambda _: DISCOVERY).test_client()
    assert client.post(URL, json=CALL).status_code == 200
    assert '"event":"internal error"' in written(caplog)
    assert '"where":"KeyError at chart.py:7"' in written(caplog)


def test_every_story_is_answered_by_the_real_service(library: Library) -> None:
    client = create_app(DEMO, library).test_client()
    for story in client.get("/demo/stories").get_json()["stories"]:
        sent = client.get(story["url"]).data
        url = f"/cds-services/cart-{client.get(story['url']).get_json()['hook']}"
        reply = client.post(url, data=sent, content_type="application/json")
        assert reply.status_code == 200, story["name"]
        assert bool(reply.get_json()["cards"]) == (story["name"] != "no-car-t"), story["name"]


def test_the_log_holds_nothing_that_a_caller_wrote(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": "Bearer canary-token", "X-Request-Id": "canary-id", "Origin": "https://canary.example"}
    client.post(f"{URL}?name=canary", json=CALL | {"context": {"patientId": "canary"}}, headers=headers)
    client.post("/cds-services/canary", json={"canary": "canary"}, headers=headers)
    client.post(URL, data=b'{"canary": canary}', content_type="application/json")
    client.open("/canary", method="CANARY")
    logged = written(caplog)
    assert "canary" not in caplog.text.lower() + logged.lower()
    assert '"method":"POST","route":"/cds-services/<service_id>","status":200' in logged


def test_every_call_is_one_line_in_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reply = client.get("/health/live")
    (line,) = [json.loads(line) for line in written(caplog).splitlines()]
    assert (line["event"], line["method"], line["route"], line["status"]) == ("call", "GET", "/health/live", 200)
    assert line["request"] == reply.headers["X-Request-Id"]
    assert line["ms"] >= 0


def test_the_home_page_says_what_is_in_force(client: FlaskClient, library: Library) -> None:
    page = client.get("/").text
    assert "DEMO MODE: anyone can call this; synthetic data only." in page
    assert library.hash in page
    for policy in library.policies:
        assert policy.id in page
    for product in library.products.by_id.values():
        assert product.brand in page
    assert "http://localhost/demo/stories/mcl-missing-three" in page
    assert "cdshooks fire mcl-missing-three --url http://localhost" in page
    assert "http://localhost/cds-services/cart-order-sign" in page


def test_the_home_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/").text
    for remote in ("src=", "<link", "@import", "<script"):
        assert remote not in page


def test_a_public_address_is_used_in_links(library: Library) -> None:
    settings = replace(DEMO, public_url="https://cds.hospital.example")
    page = create_app(settings, library, answer=as_told, services=lambda _: DISCOVERY).test_client().get("/").text
    assert "https://cds.hospital.example/cds-services/cart-order-sign" in page


def test_the_stories_are_listed(client: FlaskClient) -> None:
    listed = client.get("/demo/stories").get_json()["stories"]
    assert {"mcl-complete", "mcl-missing-three"} <= {story["name"] for story in listed}
    assert all(story["title"] and client.get(story["url"]).status_code == 200 for story in listed)


def test_a_story_told_on_its_own_day_is_the_file(client: FlaskClient) -> None:
    file = ROOT / "fhir_fixtures/stories/mcl-complete/request.json"
    assert client.get("/demo/stories/mcl-complete").data == file.read_bytes()


def test_a_story_told_later_has_every_date_moved(library: Library) -> None:
    def told(moment: str) -> str:
        made = create_app(DEMO, library, clock=at(moment), answer=as_told, services=lambda _: DISCOVERY)
        return made.test_client().get("/demo/stories/mcl-complete").text

    then, later = told("2026-11-21T12:00:00+00:00"), told("2027-01-20T12:00:00+00:00")
    assert move_dates(then, timedelta(days=60)) == later
    birth_dates = [json.loads(text)["prefetch"]["patient"]["birthDate"] for text in (then, later)]
    assert date.fromisoformat(birth_dates[1]) - date.fromisoformat(birth_dates[0]) == timedelta(days=60)


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ('"2026-12-31"', '"2027-01-01"'),
        ('"2024-02-28T23:59:59.000-05:00"', '"2024-02-29T23:59:59.000-05:00"'),
        ('"Letter of 2026-11-14."', '"Letter of 2026-11-15."'),
        ('"2106-3"', '"2106-3"'),
        ('"2026-13-01"', '"2026-13-01"'),
        ('"9999-12-31"', '"9999-12-31"'),
        ('"5bde4991-8900-41-99"', '"5bde4991-8900-41-99"'),
        ('"12026-11-21"', '"12026-11-21"'),
    ],
)
def test_only_iso_days_are_moved(text: str, moved: str) -> None:
    assert move_dates(text, timedelta(days=1)) == moved


def test_production_mode_does_not_start_without_clients(library: Library) -> None:
    with pytest.raises(SettingsError, match="CDSHOOKS_CLIENTS is missing"):
        create_app(read_settings({}), library, answer=as_told, services=lambda _: DISCOVERY)


def test_the_start_lines_name_discovery_and_two_ways_to_a_card() -> None:
    lines = "\n".join(start_lines(DEMO, "0.0.0.0", 8123, ()))
    assert lines.startswith("DEMO MODE: anyone can call this; synthetic data only.")
    assert "http://127.0.0.1:8123/cds-services\n" in lines
    assert "curl -s http://127.0.0.1:8123/demo/stories/mcl-missing-three | curl" in lines
    assert "cdshooks fire mcl-missing-three --url http://127.0.0.1:8123" in lines


def test_in_production_the_start_lines_name_who_may_call(tmp_path: Path) -> None:
    clients = read_clients(clients_file(tmp_path, clients_toml(), clients_toml(name="other", tenant="t", shadow=True)))
    settings = replace(DEMO, mode="production", public_url="https://cds.hospital.example")
    assert start_lines(settings, "0.0.0.0", 8000, clients) == [
        "Production: https://cds.hospital.example/cds-services",
        "Callers:    hospital, other (shadow)",
    ]


def test_the_command_is_named_by_its_path_where_its_name_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/cdshooks", "serve"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert ".venv/bin/cdshooks fire mcl-missing-three" in "\n".join(start_lines(DEMO, "127.0.0.1", 8000, ()))


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(SettingsError, match="cannot be served: Address already in use"):
            run_server(DEMO, port=other.getsockname()[1])


def test_the_server_starts_with_two_workers_answers_and_stops(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with running_server(DEMO, workers=2, output=output) as (url, server):
        reply = wait_until_live(url)
        assert reply.json() == {"status": "live"}
        assert reply.headers["Server"] == "cdshooks"
        chunked = requests.post(
            f"{url}{URL}",
            data=iter([json.dumps(CALL).encode()]),
            headers={"Content-Type": "application/json"},
            timeout=5,
        )
        assert (chunked.status_code, chunked.json()) == (200, {"cards": []})
        for _ in range(19):  # each on a connection of its own: both workers get some
            requests.post(f"{url}{URL}", json=CALL, timeout=5)
        counted = 'cdshooks_calls_total{client="-",hook="order-sign",outcome="stripped"} 20.0'
        assert all(counted in requests.get(f"{url}/metrics", timeout=5).text for _ in range(6))
        server.terminate()
        assert server.wait(timeout=20) == 0
    printed = output.read_text()
    assert f"{url}/cds-services" in printed
    assert '"route":"/health/live","status":200' in printed


LYING = {
    "a length that is too short": ["Content-Length: 10"],
    "a length that is too long": ["Content-Length: 100000"],
    "a length that is no number": ["Content-Length: ten"],
    "a negative length": ["Content-Length: -1"],
    "two lengths": ["Content-Length: 10", "Content-Length: 20"],
    "a length beside chunks": ["Content-Length: 10", "Transfer-Encoding: chunked"],
    "chunks that are none": ["Transfer-Encoding: chunked"],
    "a coding that nobody knows": ["Transfer-Encoding: zq"],
    "no length": [],
}


def status_of(url: str, headers: list[str]) -> bytes:
    """The status line that a call with these headers gets; b"" when the connection is closed without one."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = [f"POST {URL} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", "Connection: close", *headers]
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall("\r\n".join([*head, "", json.dumps(CALL)]).encode())
        line.shutdown(socket.SHUT_WR)
        try:
            return line.recv(1000).split(b"\r\n")[0]
        except ConnectionError:
            return b""


def test_a_body_whose_length_is_a_lie_is_refused_and_the_server_lives_on(tmp_path: Path) -> None:
    with running_server(DEMO, workers=1, output=tmp_path / "output") as (url, _):
        wait_until_live(url)
        statuses = {name: status_of(url, headers) for name, headers in LYING.items()}
        assert {name: status for name, status in statuses.items() if status and b" 400 " not in status} == {}
        assert requests.post(f"{url}{URL}", json=CALL, timeout=5).status_code == 200
    printed = (tmp_path / "output").read_text()
    assert '"status":500' not in printed and "Traceback" not in printed


def test_a_call_that_is_on_its_way_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    with running_server(DEMO, workers=1, output=tmp_path / "output") as (url, server):
        wait_until_live(url)
        body = json.dumps(CALL).encode()

        def slowly() -> Iterator[bytes]:
            yield body[:10]
            time.sleep(0.2)
            server.terminate()
            time.sleep(0.3)
            yield body[10:]

        reply = requests.post(f"{url}{URL}", data=slowly(), headers={"Content-Type": "application/json"}, timeout=20)
        assert (reply.status_code, reply.json()) == (200, {"cards": []})
        assert server.wait(timeout=20) == 0


def test_strangers_who_never_send_their_bodies_keep_nobody_waiting(tmp_path: Path) -> None:
    settings = replace(DEMO, clients=clients_file(tmp_path), database_url=f"sqlite:///{tmp_path}/store.db")
    with ExitStack() as open_ones, running_server(settings, workers=1, output=tmp_path / "output") as (url, _):
        wait_until_live(url)
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        crowd = range(80)  # more than there are threads
        strangers = [open_ones.enter_context(socket.create_connection(address, timeout=10)) for _ in crowd]
        for number, stranger in enumerate(strangers):
            path = URL if number % 2 else "/nowhere"
            stranger.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{{".encode())
        statuses = {stranger.recv(12) for stranger in strangers}
        assert {b"HTTP/1.1 401", b"HTTP/1.1 404"} <= statuses <= {b"HTTP/1.1 401", b"HTTP/1.1 404", b"HTTP/1.1 503"}
        assert requests.get(f"{url}/health/live", timeout=5).status_code == 200
        assert requests.post(f"{url}{URL}", data=b"x" * 3_000_000, timeout=5).status_code == 401


@pytest.mark.parametrize(
    "path", ["/cds-services//cart-order-sign", "/health//live", "/cds-services/cart-order-sign//feedback"]
)
def test_a_call_is_never_redirected_to_the_host_that_it_names(client: FlaskClient, path: str) -> None:
    reply = client.post(path, json=CALL, headers={"Host": "elsewhere.example"})
    assert (reply.status_code, reply.headers.get("Location")) == (404, None)
    assert reply.get_json()["resourceType"] == "OperationOutcome"
