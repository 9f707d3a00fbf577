"""The dossier's pages: linked from the card, open for its days, kept no longer; what people say is no evidence."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from ehr import FHIR, PUBLIC, bearer, clients_file, clients_toml
from recording import NOW
from sqlalchemy import text
from tales import shipped_library, tale
from terminal import prints

from cdshooks.server.app import create_app
from cdshooks.server.dossier_links import Ticket, read_ticket, sign
from cdshooks.server.dossiers import DOSSIERS
from cdshooks.server.settings import read_settings
from cdshooks.server.store import open_store
from cdshooks.server.store_queue import StoreQueue

URL = "/cds-services/cart-order-sign"
VIEW = "/cds-services/cart-patient-view"
CHART_TEXT = "Mantle cell lymphoma"


def denied_link(service, story):
    (card,) = service.http.post(VIEW, json=tale(story)).json["cards"]
    return card["links"][0]["url"].removeprefix("http://localhost")


class Service:
    """A service with a clock that can be set forward."""

    def __init__(self, folder, **said):
        self.url = f"sqlite:///{folder}/store.db"
        self.settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": self.url} | said)
        self.now = NOW
        clock = lambda zone: datetime.fromtimestamp(self.now.timestamp(), zone)  # noqa: E731
        self.http = create_app(self.settings, shipped_library(), clock=clock).test_client()

    def card(self, story="mcl-missing-three"):
        return self.http.post(URL, json=tale(story)).json["cards"][0]

    def link(self, story="mcl-missing-three"):
        return self.card(story)["links"][0]["url"].removeprefix("http://localhost")

    def ticket(self, path):
        return re.search(r'name="ticket" value="([^"]+)"', self.http.get(path).text)[1]


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path)


def test_the_link_is_absolute_and_the_same_for_the_same_call_and_day(service):
    cards = [service.http.post(URL, json=tale("mcl-missing-three")).data for _ in range(2)]
    assert cards[0] == cards[1]
    (link,) = service.card()["links"]
    assert link["type"] == "absolute" and link["url"].startswith("http://localhost/dossier/")
    service.now += timedelta(days=1)
    assert service.card()["links"][0]["url"] != link["url"]


def test_the_page_says_what_to_do_first_and_where_everything_lies(service):
    page = service.http.get(service.link())
    assert page.status_code == 200
    first = ("Lapses first", "2027-01-31", "Do first", "HIV serology", "2026-09-02", "Laboratory", "BG.C")
    for said in (*first, "Observation/mcl-1-hiv", "ibrutinib"):
        assert said in page.text
    assert page.text.index("Do first") < page.text.index('id="map"')
    assert "<script" not in page.text and "style=" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "form-action 'self'" in policy
    assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_shows_an_appeal_clock_where_there_is_a_denial(service):
    (card,) = service.http.post(VIEW, json=tale("denied-wnc")).json["cards"]
    page = service.http.get(denied_link(service, "denied-wnc")).text
    (plan, *_) = card["extension"]["org.cdshooks.appeal"]["planTypes"]
    assert "Appeal clock" in page and plan["rules"][0]["due"] in page and "NC Medicaid managed care" in page


def test_a_denial_that_was_held_against_no_policy_has_the_days_of_its_appeal(service):
    path = denied_link(service, "denied-self-funded-late")
    page = service.http.get(path).text
    for said in ("No policy of this plan is on file", "DOC.1–DOC.5"):
        assert said in page
    for said in ("Tecartus – appeal dossier", "4 months from the final internal denial", "2026-10-17", "– passed"):
        assert said in page
    assert "Criteria map" not in page and "Do first" not in page
    assert service.http.get(f"{path}/packet").text == page
    for end in ("map.csv", "bundle.json", "sensitive"):
        assert service.http.get(f"{path}/{end}").status_code == 404
    assert service.http.post(f"{path}/attest").status_code == 404


def test_what_is_attested_to_stands_beside_its_choices(service):
    form = service.http.get(service.link()).text.partition('id="attest"')[2]
    assert "Asked: The label&#39;s warnings and precautions have been weighed." in form
    excluded = form.partition("Excluded: Another CAR T-cell therapy was given before.")[2].partition("</fieldset>")[0]
    assert "> Confirmed: does not apply</label>" in excluded and "> Not so: it applies</label>" in excluded


def test_what_was_attested_of_an_exclusion_cannot_be_taken_for_the_contrary(service):
    path = service.link()
    said = {"name": "R. Nurse, RN", "says-prior-car-t": "yes", "says-dosage": "no"}
    service.http.post(f"{path}/attest", data={"ticket": service.ticket(path), **said})
    for end in ("", "/packet"):
        page = service.http.get(path + end).text
        assert "Attested: confirmed: does not apply" in page and "Attested: not so</strong>" in page


def test_an_exclusion_is_said_to_be_shown_by_the_chart_and_not_to_be_unmet(service):
    page = service.http.get(service.link("prior-kymriah")).text
    assert "The chart shows it" in page and "Not met" not in page and "peer-to-peer" in page


def test_chart_text_is_shown_as_text(service):
    body = tale("mcl-missing-three")
    for entry in body["prefetch"]["documents"]["entry"]:
        for content in entry["resource"].get("content", ()):
            content["attachment"]["title"] = "<script>alert(1)</script> letter of medical necessity for Tecartus"
    card = service.http.post(URL, json=body).json["cards"][0]
    path = card["links"][0]["url"].removeprefix("http://localhost")
    for page in ("", "/packet", "/bundle.json", "/map.csv"):
        assert "<script" not in service.http.get(f"{path}{page}").text


def test_a_packet_has_initials_and_nothing_that_is_only_for_us(service):
    page = service.http.get(f"{service.link()}/packet").text
    assert "Do first" not in page and "sensitive" not in page.lower() and "<form" not in page
    assert re.search(r"[A-Z]\.[A-Z]\., born \d{4}", page)
    assert not re.search(r"[A-Z]\.[A-Z]\., born \d{4}", service.http.get(service.link()).text)


def test_it_can_be_taken_along_as_csv_and_fhir(service):
    path = service.link()
    table, bundle = (service.http.get(f"{path}/{name}") for name in ("map.csv", "bundle.json"))
    assert table.mimetype == "text/csv" and table.text.startswith("criterion,")
    assert bundle.mimetype == "application/fhir+json" and bundle.get_json()["resourceType"] == "Bundle"


def test_a_changed_or_expired_link_opens_nothing(service):
    path = service.link()
    for other in (path[:-20] + path[-20:].swapcase(), path.replace("W", "X", 1), "/dossier/x", "/dossier/"):
        assert service.http.get(other).status_code == 404
    service.now += timedelta(days=30)
    assert service.http.get(path).status_code == 200
    service.now += timedelta(days=1)
    gone = service.http.get(path)
    assert gone.status_code == 404 and CHART_TEXT not in gone.text


def test_a_stranger_s_guesses_do_not_reach_the_store(service, monkeypatch):
    path = service.link()
    assert service.http.get(path).status_code == 200
    monkeypatch.setattr(StoreQueue, "run", lambda *_: pytest.fail("the store was asked"))
    assert service.http.get(path[:-20] + path[-20:].swapcase()).status_code == 404


def test_a_link_of_one_purpose_serves_no_other():
    ticket = Ticket("1" * 32, NOW.date())
    assert read_ticket(b"key", sign(b"key", ticket)) == ticket
    assert read_ticket(b"key", sign(b"key", ticket), "attest") is None
    assert read_ticket(b"other", sign(b"key", ticket)) is None


@pytest.mark.parametrize("later", ["a call", "a visit"])
def test_nothing_of_a_dossier_is_left_in_the_store_after_its_days(service, tmp_path, later):
    path = service.link()
    service.http.post(
        f"{path}/attest",
        data={"ticket": service.ticket(path), "name": "zq-nurse", "says-dosage": "yes", "words-dosage": "zq-remark"},
    )
    store = open_store(service.url)
    assert CHART_TEXT in stored(store, tmp_path)
    service.now += timedelta(days=31)
    if later == "a call":
        service.http.post(URL, json=tale("mm-abecma-ndc11"))
    else:
        service.http.get(path)
    left = stored(store, tmp_path)
    assert not [said for said in (CHART_TEXT, "zq-nurse", "zq-remark") if said in left]
    store.close()


def stored(store, folder):
    """Every byte of the database, its log written back first."""
    with store.engine.connect() as connection:
        connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(path.read_bytes() for path in folder.glob("store.db*")).decode("utf-8", "replace")


def test_the_same_call_keeps_what_was_attested(service):
    path = service.link()
    data = {"ticket": service.ticket(path), "name": "R. Nurse, RN", "says-dosage": "yes"}
    assert service.http.post(f"{path}/attest", data=data).status_code == 303
    assert service.link() == path and "R. Nurse, RN" in service.http.get(path).text


def test_what_was_attested_is_shown_by_whom_and_when_and_settles_nothing(service):
    path = service.link()
    before = service.http.get(path).text
    line = re.search(r'name="(line-[^"]+-bestResponse)"', before)[1]
    data = {"ticket": service.ticket(path), "name": "R. Nurse, RN", "says-prior-car-t": "no", line: "partial <b>"}
    data["words-prior-car-t"] = "one in 2020"
    assert service.http.post(f"{path}/attest", data=data).status_code == 303
    page = service.http.get(path).text
    assert "Attested: not so" in page and "R. Nurse, RN, 2026-11-21 12:00 UTC" in page and "one in 2020" in page
    assert "<b>" not in page.split("Treatment so far")[1].split("For a person to say")[0]
    assert "not evidence of the chart" in page
    tally = re.compile(r"<strong>(\d+)</strong> (open|for a person to say|on file)")
    assert tally.findall(page) == tally.findall(before)
    (answers,) = [e["resource"] for e in service.http.get(f"{path}/bundle.json").get_json()["entry"][2:]]
    assert "bendamustine, rituximab, best response: partial" in page
    assert json.dumps(answers).count('"valueReference": {"display": "R. Nurse, RN"}') == 3  # answer, remark, line


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"name": "R. Nurse"}, 422),
        ({"says-dosage": "yes"}, 422),
        ({"name": "R. Nurse", "words-dosage": "but"}, 422),
        ({"name": "R" * 121, "says-dosage": "yes"}, 422),
        ({"name": "R. Nurse", "says-dosage": "yes", "words-dosage": "w" * 1001}, 422),
        ({"name": "R. Nurse", "says-hiv": "yes"}, 422),
        ({"name": "R. Nurse", "says-dosage": "yes", "ticket": "x"}, 404),
        ({"name": "R. Nurse", "says-dosage": "yes", "words-dosage": "w" * 200_000}, 413),
    ],
)
def test_a_form_that_cannot_be_used_keeps_nothing(service, data, status):
    path = service.link()
    reply = service.http.post(f"{path}/attest", data={"ticket": service.ticket(path)} | data)
    assert reply.status_code == status
    assert "Who said and opened what" not in service.http.get(path).text


def test_sensitive_records_are_named_once_somebody_says_who_they_are(service):
    path = service.link()
    asked = service.http.get(f"{path}/sensitive")
    assert "2 records" in asked.text and "mcl-1-" not in asked.text
    ticket = service.ticket(f"{path}/sensitive")
    nobody = service.http.post(f"{path}/sensitive", data={"ticket": ticket, "name": " "})
    assert nobody.status_code == 422 and "mcl-1-" not in nobody.text
    assert service.http.post(f"{path}/sensitive", data={"ticket": "x", "name": "R"}).status_code == 404
    opened = service.http.post(f"{path}/sensitive", data={"ticket": ticket, "name": "R. Nurse, RN"})
    assert opened.text.count("mcl-1-") == 2
    assert "R. Nurse, RN: opened the sensitive records" in service.http.get(path).text
    assert "opened" not in service.http.get(f"{path}/bundle.json").text


def test_no_dossier_is_made_where_they_are_turned_off(tmp_path):
    service = Service(tmp_path, CDSHOOKS_DOSSIER_DAYS="0")
    assert "links" not in service.card()
    with open_store(service.url).reading() as connection:
        assert connection.execute(DOSSIERS.select()).all() == []


@pytest.mark.parametrize("said", [{"dossier_links": False}, {"shadow": True}], ids=str)
def test_no_dossier_is_made_for_a_client_that_wants_no_links_or_sees_no_cards(tmp_path, said):
    path = clients_file(tmp_path, clients_toml(**said))
    service = Service(tmp_path, CDSHOOKS_CLIENTS=str(path), CDSHOOKS_PUBLIC_URL=PUBLIC)
    service.now = datetime.now(UTC)
    reply = service.http.post(URL, json=tale("mcl-missing-three") | {"fhirServer": FHIR}, headers=bearer())
    assert reply.status_code == 200 and not [card for card in reply.json["cards"] if "links" in card]
    with open_store(service.url).reading() as connection:
        assert connection.execute(DOSSIERS.select()).all() == []


def test_a_card_comes_without_a_link_when_the_store_is_down(service):
    with open_store(service.url).writing() as connection:
        connection.execute(text("DROP TABLE dossiers"))
    card = service.card()
    assert card["summary"] and "links" not in card


def test_the_command_deletes_what_is_past_its_days_or_everything(service, monkeypatch):
    service.link()
    monkeypatch.setenv("CDSHOOKS_DATABASE_URL", service.url)
    assert "0 dossiers deleted" in prints("dossiers", "purge")
    assert "1 dossier deleted" in prints("dossiers", "purge", "--all")
