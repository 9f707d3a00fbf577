"""A whole exchange: an EHR that sends the order and a token, and keeps the chart on its FHIR server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ehr import PUBLIC, bearer, clients_file, clients_toml, token
from fhir_server import FhirServer, answer, fhir_server
from flask import Flask
from test_fixtures import STORIES, resources

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings
from cdshooks.server.site import COMPUTE_AT_ONCE

AS_OF = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "org.cdshooks.determination"
OAUTH = "canary-oauth-51f0"
EHR = "https://ehr.example.org/r4"
FAILED = {"prefetch-failed", "prefetch-timed-out"}
NOTHING_TO_CHECK = {"product-not-told", "wrong-patient", "no-car-t"}
MORE_THAN_ASKED = {
    "authorization-on-file",  # it sends a plan's answers, which order-sign does not ask for
    "guarded-evidence",  # it holds a record of another patient: of a search, such an answer is not trusted
}
ALL = {path.name: path for path in STORIES}
SIGNED = {"order-sign": "cart-order-sign", "order-select": "cart-order-select", "order-dispatch": "cart-order-dispatch"}


def story(path: Path) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads((path / "request.json").read_text("utf-8"))
    return sent


def stripped(sent: dict[str, Any], server: FhirServer, **fields: Any) -> dict[str, Any]:
    """The same call of an EHR that sends no prefetch but tells where the chart is."""
    told = {name: value for name, value in sent.items() if name != "prefetch"}
    return told | {"fhirServer": server.url, "fhirAuthorization": {"access_token": OAUTH, "scope": "any [x]"}} | fields


def app(library: Library, folder: Path, **settings: str) -> Flask:
    environment = {
        "CDSHOOKS_MODE": "demo",
        "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db",
        **settings,
    }
    return create_app(read_settings(environment), library, clock=lambda zone: NOW.astimezone(zone))


@contextmanager
def exchange(library: Library, folder: Path, *chart: Any) -> Iterator[tuple[FhirServer, Any]]:
    """A FHIR server with a chart, and an open demo that may read it."""
    with fhir_server() as server:
        server.resources = json.loads(json.dumps(chart).replace(EHR, server.url))  # what it says of itself
        made = app(library, folder, CDSHOOKS_DEMO_FHIR_SERVERS=server.url)
        yield server, made.test_client()


def cards(client: Any, body: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    reply = client.post(f"/cds-services/{SIGNED[body['hook']]}", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json["cards"]
    return found


def findings(found: list[dict[str, Any]]) -> list[Any]:
    return [(card["summary"], card["detail"], card["extension"][KEY]["findings"]) for card in found]


def chart_of(sent: dict[str, Any]) -> list[dict[str, Any]]:
    return [r for r in resources(sent["prefetch"]) if r["resourceType"] != "OperationOutcome"]


def told(*left_out: set[str]) -> Any:
    """A case for each story of a signing hook but those left out."""
    names = set().union(*left_out)
    paths = [path for path in STORIES if path.name not in names and story(path)["hook"] in SIGNED]
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


@told(FAILED, NOTHING_TO_CHECK, MORE_THAN_ASKED)
def test_a_story_without_prefetch_gets_the_findings_of_the_whole_one(
    shipped: Library, tmp_path: Path, path: Path
) -> None:
    sent = story(path)
    assert str(yaml.safe_load((path / "story.yaml").read_text("utf-8"))["as_of"]) == AS_OF.isoformat()
    with exchange(shipped, tmp_path, *chart_of(sent)) as (server, client):
        whole, fetched = cards(client, sent), cards(client, stripped(sent, server))
        assert server.asked
        assert set(server.tokens) == {f"Bearer {OAUTH}"}
    assert findings(fetched) == findings(whole)


def test_a_call_that_waits_for_its_fhir_server_lets_others_compute(shipped: Library, tmp_path: Path) -> None:
    sent = story(ALL["mcl-complete"])
    together = threading.Barrier(COMPUTE_AT_ONCE + 1, timeout=1.9)  # no longer than one request may take

    def once_all_are_there(call: Any, before: int) -> None:
        together.wait()
        answer(call, before)

    with exchange(shipped, tmp_path, *chart_of(sent)) as (server, client), ThreadPoolExecutor() as pool:
        server.faults["Patient"] = once_all_are_there
        made = client.application
        calls = [pool.submit(cards, made.test_client(), stripped(sent, server)) for _ in range(together.parties)]
        assert [len(call.result(30)) for call in calls] == [1] * together.parties
    assert not together.broken


@told(FAILED)
def test_a_complete_prefetch_asks_nothing(shipped: Library, tmp_path: Path, path: Path) -> None:
    sent = story(path)
    with exchange(shipped, tmp_path, *chart_of(sent)) as (server, client):
        cards(client, stripped(sent, server, prefetch=sent["prefetch"]))
        assert server.asked == []


@pytest.mark.parametrize("name", sorted(NOTHING_TO_CHECK))
def test_an_order_that_is_no_car_t_or_cannot_be_checked_asks_nothing(
    shipped: Library, tmp_path: Path, name: str
) -> None:
    sent = story(ALL[name])
    with exchange(shipped, tmp_path, *chart_of(sent)) as (server, client):
        assert len(cards(client, stripped(sent, server))) == (name != "no-car-t")
        assert server.asked == []


@pytest.mark.parametrize("name", sorted(FAILED))
def test_what_failed_in_prefetch_is_read_again(shipped: Library, tmp_path: Path, name: str) -> None:
    sent = story(ALL[name])
    with exchange(shipped, tmp_path, *chart_of(sent)) as (server, client):
        cards(client, stripped(sent, server, prefetch=sent["prefetch"]))
        kinds = {path.partition("?")[0].rpartition("/")[2] for path in server.asked}
    assert kinds
    assert kinds <= {"Observation", "DiagnosticReport", "DocumentReference", "PractitionerRole"}


def test_an_open_demo_without_the_setting_asks_nobody(shipped: Library, tmp_path: Path) -> None:
    sent = story(ALL["mcl-complete"])
    with fhir_server(*chart_of(sent)) as server:
        open_demo = app(shipped, tmp_path)
        other = app(shipped, tmp_path, CDSHOOKS_DEMO_FHIR_SERVERS="https://fhir.hospital.example/r4")
        for made in (open_demo, other):
            (card, *_) = cards(made.test_client(), stripped(sent, server))
            assert "not registered for this client" in card["detail"]
        assert server.asked == []


def registered(folder: Path, server: FhirServer, **changed: Any) -> dict[str, str]:
    table = clients_toml(fhir_servers=[server.url], allow_loopback=True, **changed)
    return {"CDSHOOKS_CLIENTS": str(clients_file(folder, table)), "CDSHOOKS_PUBLIC_URL": PUBLIC}


def test_a_registered_client_s_own_server_is_read_with_the_token_of_the_call(shipped: Library, tmp_path: Path) -> None:
    sent = story(ALL["mcl-complete"])
    with fhir_server(*chart_of(sent)) as server:
        client = app(shipped, tmp_path, **registered(tmp_path, server)).test_client()
        fetched = cards(client, stripped(sent, server), **bearer(token(NOW.timestamp())))
        bare = stripped(sent, server)
        del bare["fhirAuthorization"]
        asked = len(server.asked)
        (untold,) = cards(client, bare, **bearer(token(NOW.timestamp())))
        assert (asked > 0, len(server.asked)) == (True, asked)
        metrics = client.get("/metrics").text
    assert findings(fetched) == findings(cards(app(shipped, tmp_path).test_client(), sent))
    assert "no access token" in untold["detail"]
    assert 'cdshooks_fetches_total{client="hospital",result="read"} 9.0' in metrics  # searches, not their pages
    assert 'result="no-token"' in metrics
    assert OAUTH not in metrics + json.dumps(fetched)


def test_a_client_may_be_read_without_a_token_where_its_table_says_so(shipped: Library, tmp_path: Path) -> None:
    sent = story(ALL["mcl-complete"])
    with fhir_server(*chart_of(sent)) as server:
        settings = registered(tmp_path, server, fetch_without_token=True)
        bare = stripped(sent, server)
        del bare["fhirAuthorization"]
        cards(app(shipped, tmp_path, **settings).test_client(), bare, **bearer(token(NOW.timestamp())))
        assert set(server.tokens) == {None}


def test_a_dead_server_is_shown_and_costs_nothing_any_more(shipped: Library, tmp_path: Path) -> None:
    sent = story(ALL["mcl-complete"])
    with exchange(shipped, tmp_path) as (server, client):
        body = stripped(sent, server)
    cards(client, body)  # nothing listens there any more
    began = time.monotonic()
    (card, *_) = cards(client, body)
    assert time.monotonic() - began < 3
    assert "has not answered lately" in card["detail"]
    assert f'cdshooks_fhir_server_down{{server="{server.url}"}} 1.0' in client.get("/metrics").text
