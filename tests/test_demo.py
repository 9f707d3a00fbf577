"""The demo EHR: chart, order, card, suggestion, dismissal, all through plain forms and links."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ehr import clients_file
from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient

from cdshooks.engine.library import Library
from cdshooks.engine.templates import filled
from cdshooks.server.app import create_app
from cdshooks.server.feedback_log import comments
from cdshooks.server.feedback_rates import feedback_rates
from cdshooks.server.roster_rows import Reading, RowCheck
from cdshooks.server.settings import default_fixtures, read_settings
from cdshooks.server.store import open_store

SESSION = "0123456789ab"
ARRIVALS = sorted((default_fixtures() / "arrivals").glob("*.json"))


class Forms(HTMLParser):
    """The forms of a page: the fields of each with their values, and its button."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self._in_button = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.forms.append({"action": found["action"], "method": found["method"], "fields": [], "button": ""})
        if tag == "input" and found.get("type") == "hidden":
            self.forms[-1]["fields"].append((found["name"], found["value"]))
        self._in_button = tag == "button"

    def handle_data(self, data: str) -> None:
        if self._in_button:
            self.forms[-1]["button"] += data

    def handle_endtag(self, tag: str) -> None:
        self._in_button = False


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('demo')}/store.db"


@pytest.fixture(scope="module")
def client(shipped: Library, database: str) -> FlaskClient:
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": database})
    noon = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
    return create_app(settings, shipped, clock=lambda zone: noon.astimezone(zone)).test_client()


def shown(client: FlaskClient, **state: Any) -> str:
    reply = client.get("/demo", query_string={"session": SESSION, **state})
    assert reply.status_code == 200
    return reply.text


def summaries(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'<h3 id="card-\d+">(.*?)</h3>', page)]


def button(page: str, label: str) -> dict[str, Any]:
    return next(form for form in Forms(page).forms if form["button"] == label)


def pressed(client: FlaskClient, page: str, label: str, **more: str) -> str:
    form = button(page, label)
    fields: dict[str, list[str]] = {}
    for name, value in [*form["fields"], *more.items()]:
        fields.setdefault(name, []).append(value)
    reply = client.open(form["action"], method=form["method"].upper(), data=fields)
    assert reply.status_code == 303
    return client.get(reply.headers["Location"]).text


def linked(client: FlaskClient, page: str, words: str) -> str:
    (target,) = re.findall(rf'<a[^>]*href="([^"]*)">{re.escape(words)}</a>', page)
    return client.get(unescape(target)).text


def test_a_chart_is_shown_before_anything_is_asked(client: FlaskClient) -> None:
    page = shown(client)
    for text in (
        "Synthetic, Morgan",
        "WellCare of North Carolina",
        "Mantle cell lymphoma",
        "Tecartus",
        "Results (114)",
    ):
        assert text in page
    assert not summaries(page)
    assert "DEMO MODE" in page


def test_signing_shows_the_card_that_the_endpoint_answers_with(client: FlaskClient) -> None:
    for story in client.get("/demo/stories").get_json()["stories"]:
        body = client.get(story["url"]).data
        service = f"/cds-services/cart-{json.loads(body)['hook']}"
        cards = client.post(service, data=body, content_type="application/json").get_json()["cards"]
        page = shown(client, story=story["name"], signed="yes")
        assert summaries(page) == [card["summary"] for card in cards], story["name"]


def test_a_suggestion_becomes_a_draft_and_its_result_changes_the_next_answer(
    client: FlaskClient, database: str
) -> None:
    signed = shown(client, signed="yes")
    assert "HIV serology" in summaries(signed)[0]
    ordered = pressed(client, signed, "Order HIV 1+2 Ag/Ab")
    assert "✓ Added: Order HIV 1+2 Ag/Ab" in ordered and "HIV 1+2 antigen/antibody" in ordered
    assert summaries(ordered) == summaries(signed)
    come_in = linked(client, ordered, "Let the result come in")
    assert summaries(come_in) == [
        "Tecartus · WellCare NC: 2 documents needed for prior approval — marrow biopsy, psychosocial evaluation"
    ]
    assert "Order HIV" not in come_in and "(new)" in come_in
    store = open_store(database)
    with store.reading() as connection:
        (entry,) = [row for row in comments(connection) if row["outcome"] == "accepted"]
    store.close()
    assert entry["decision"] and entry["client"] == f"demo-{SESSION}"


def test_what_every_suggestion_asks_for_completes_the_documents(client: FlaskClient) -> None:
    page = shown(client, signed="yes", session="b" * 12)
    for label, kind in {
        "Order HIV 1+2 Ag/Ab": "result",
        "Task: obtain the marrow biopsy report": "document",
        "Request psychology and social-work evaluation": "result",
    }.items():
        page = linked(client, pressed(client, page, label), f"Let the {kind} come in")
    assert "documents complete" in summaries(page)[0]


def test_the_listing_of_a_center_comes_into_the_roster_for_this_visit_alone(client: FlaskClient) -> None:
    state = {"story": "centre-unlisted", "signed": "yes", "session": "e" * 12}
    before = shown(client, **state)
    assert "proof of the treatment center" in summaries(before)[0]
    label = "Task: obtain proof of the treatment center"
    after = linked(client, pressed(client, before, label), "Let the document come in")
    assert summaries(after) != summaries(before) and label not in after and "not verified" not in after
    assert "FACT accreditation letter" in after
    assert summaries(shown(client, **state)) == summaries(before)


@pytest.mark.parametrize(
    ("story", "product"), [("centre-unlisted", "tecartus"), ("unknown-payer", "carvykti"), ("mcl-complete", "yescarta")]
)
def test_a_rems_record_settles_the_rems(client: FlaskClient, story: str, product: str) -> None:
    label = "Task: obtain the REMS enrollment record"
    state = {"story": story, "signed": "yes", "service": "2025-06-26", "product": product, "session": "f" * 12}
    page = shown(client, **state)
    assert label in page
    for task in ("Task: obtain proof of the treatment center", label):
        if task in page:
            page = linked(client, pressed(client, page, task), "Let the document come in")
    assert label not in page and "REMS enrollment" not in " ".join(summaries(page))


def test_a_card_is_dismissed_with_a_reason_for_this_visitor_alone(client: FlaskClient, database: str) -> None:
    signed = shown(client, signed="yes", session="c" * 12)
    after = pressed(client, signed, "Dismiss", reason="already-submitted", comment="sent by fax")
    assert "Dismissed; the feedback is stored" in after
    again = shown(client, signed="yes", session="c" * 12)
    assert 'class="card info"' in again and 'class="card warning"' in signed
    assert 'class="card warning"' in shown(client, signed="yes")
    store = open_store(database)
    with store.reading() as connection:
        rates = feedback_rates(connection)
        (entry,) = [row for row in comments(connection) if row["outcome"] == "overridden"]
    store.close()
    assert entry["comment"] == "sent by fax"
    assert any(rate.reason == "already-submitted" for rate in rates.reasons)


def test_a_card_that_was_dismissed_for_another_reason_is_gone(client: FlaskClient) -> None:
    after = pressed(client, shown(client, signed="yes", session="d" * 12), "Dismiss", reason="clinically-urgent")
    assert "Dismissed; the feedback is stored" in after and not summaries(after)


def test_the_dossier_is_opened_from_the_card(client: FlaskClient) -> None:
    panel = shown(client, signed="yes").split('id="cards"')[1]
    (address,) = re.findall(r'<a href="([^"]*/dossier/[^"]*)">', panel)
    assert "HIV serology" in client.get(address).text


def test_the_card_changes_on_the_day_after_the_rems_ended(client: FlaskClient) -> None:
    page = shown(client, story="mcl-complete", signed="yes")
    with_rems = linked(client, page, "2025-06-26")
    without = linked(client, page, "2025-06-27")
    assert "REMS" in with_rems.split('id="cards"')[1]
    assert "No REMS is asked for service dates from 2025-06-27" in without
    assert "No REMS is asked" not in with_rems


def test_another_product_is_another_card(client: FlaskClient, shipped: Library) -> None:
    for product in shipped.products.by_id.values():
        for story in ("mcl-missing-three", "lbcl-yescarta-hcpcs", "epic-mm-abecma"):
            page = shown(client, story=story, signed="yes", product=product.id)
            assert any(text.startswith(product.brand) for text in summaries(page)), (product.id, story)


def test_every_state_stands_in_the_address(client: FlaskClient) -> None:
    form = button(shown(client, signed="yes"), "Order HIV 1+2 Ag/Ab")
    reply = client.post(form["action"], data=dict(form["fields"]))
    asked = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert asked["added"] == ["order-hiv"] and asked["session"] == [SESSION] and asked["story"] == ["mcl-missing-three"]


@pytest.mark.parametrize(
    "state",
    [
        {"product": "nothing", "service": "2026-02-30", "session": "<b>", "added": "no-such", "dismissed": "<i>"},
        {"service": "0001-01-01", "signed": "yes"},
        {"service": "9999-12-31", "signed": "yes"},
        {"arrived": "order-hiv", "added": "order-hiv", "signed": "yes", "story": "denied-wnc"},
        {"arrived": "order-hiv", "signed": "yes", "story": "no-car-t"},
        {"added": "obtain-center-proof", "signed": "yes", "story": "wrong-patient"},
    ],
)
def test_a_state_that_makes_no_sense_is_still_a_page(client: FlaskClient, state: dict[str, str]) -> None:
    page = shown(client, **state)
    assert "<b>" not in page.split("<h1>")[0] and "no-such" not in page and "<i>" not in page


def test_a_story_that_nobody_knows_is_not_found(client: FlaskClient) -> None:
    assert client.get("/demo?story=canary").status_code == 404
    assert client.post("/demo/feedback", data={"story": "canary"}).status_code == 404
    assert client.post("/demo/feedback", data={"service_id": "canary"}).status_code == 404
    assert client.post("/demo/feedback", data={"service_id": "cart-order-sign"}).status_code == 400


def test_there_is_no_script_and_nothing_from_elsewhere(client: FlaskClient) -> None:
    reply = client.get("/demo?signed=yes")
    for word in ("<script", "src=", "<link", "@import", "onclick"):
        assert word not in reply.text
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_production_has_no_demo(shipped: Library, tmp_path: Path) -> None:
    settings = replace(
        read_settings({"CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db"}),
        clients=clients_file(tmp_path),
        public_url="https://cds.hospital.example",
    )
    production = create_app(settings, shipped).test_client()
    assert production.get("/demo").status_code == 404
    assert production.post("/demo/feedback").status_code == 404
    assert "/demo" not in production.get("/").text


@pytest.mark.parametrize("path", ARRIVALS, ids=lambda path: path.stem)
def test_what_comes_in_is_valid_and_marked_as_test_data(path: Path, shipped: Library) -> None:
    assert path.stem in shipped.suggestions
    words = {"patient": "Patient/p1", "today": "2026-11-21", "product": "product", "product_id": "tecartus"}
    words |= {"service": "2026-12-01", "facility": "Example Cancer Center (SYNTHETIC)", "npi": "1234567893"}
    check, reading = RowCheck(shipped.products, date(2026, 12, 1), "the demo"), Reading()
    for one in filled(json.loads(path.read_text("utf-8")), words):
        if "roster" in one:
            check.add(reading, path.stem, one["roster"])
            assert one["roster"]["checked_by"] == "synthetic"
            continue
        get_fhir_model_class(one["resourceType"]).model_validate(one)
        assert one["meta"]["tag"][0]["code"] == "HTEST"
        assert one["id"].startswith("arrived-")
    assert not reading.refusals


def test_what_every_suggestion_asks_for_can_come_in(shipped: Library) -> None:
    assert {path.stem for path in ARRIVALS} == set(shipped.suggestions)
