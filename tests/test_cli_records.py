"""The commands over what was recorded, as an operator types them."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from tales import shipped_library, tale
from terminal import fails, prints

from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings
from cdshooks.server.store import open_store

URL = "/cds-services/cart-order-sign"
COMMENT = "told Mr Example on Monday"
POLICY = "wellcare-nc/wnc-cp-192"


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A demo whose store the commands open too."""
    monkeypatch.setenv("CDSHOOKS_DATABASE_URL", f"sqlite:///{tmp_path}/store.db")
    monkeypatch.setenv("CDSHOOKS_MODE", "demo")
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db"})
    return create_app(settings, shipped_library()).test_client()


@pytest.fixture
def story(tmp_path):
    """The request of a story, in a file as a site would keep it."""
    file = tmp_path / "request.json"
    file.write_text(json.dumps(tale("mcl-missing-three")))
    return file


@pytest.fixture
def card(service, story):
    """A card that was answered and overridden."""
    (made,) = service.post(URL, data=story.read_bytes(), content_type="application/json").json["cards"]
    reason = {"code": "already-submitted", "system": "urn:org.cdshooks:override-reason"}
    said = {"reason": reason, "userComment": COMMENT}
    at = datetime.now(UTC).isoformat()
    entry = {"card": made["uuid"], "outcome": "overridden", "overrideReason": said, "outcomeTimestamp": at}
    assert service.post(f"{URL}/feedback", json={"feedback": [entry]}).status_code == 200
    return made


def decision_of(card):
    return card["extension"]["org.cdshooks.determination"]["decision"]


def test_decisions_are_listed_in_a_line_each(card):
    (line,) = prints("decisions", "list").splitlines()
    assert f"{decision_of(card)}  demo  tecartus  {POLICY} 2025-04" in line
    assert line.endswith("  1 call")


def test_decisions_of_a_patient_are_found_by_the_id_that_the_ehr_sends(card, story):
    patient = json.loads(story.read_text())["context"]["patientId"]
    assert decision_of(card) in prints("decisions", "list", "--patient", patient)
    assert decision_of(card) in prints("decisions", "export", "--patient", patient, "--client", "demo")
    assert prints("decisions", "list", "--patient", "somebody-else") == ""
    assert prints("decisions", "list", "--patient", patient, "--client", "other") == ""


def test_a_decision_is_shown_and_exported_without_comment_and_patient_id(card, story):
    shown = json.loads(prints("decisions", "show", decision_of(card)))
    (exported,) = map(json.loads, prints("decisions", "export", decision_of(card)).splitlines())
    assert shown == exported == json.loads(prints("decisions", "show", f"cdshooks-{decision_of(card)}"))
    assert shown["content"]["outcome"] == "documentation-missing"
    assert shown["feedback"][0]["outcome"] == "overridden"
    told = json.dumps(shown)
    assert COMMENT not in told and f'"{json.loads(story.read_text())["context"]["patientId"]}"' not in told


def test_a_decision_that_is_not_there_is_told(service):
    assert "there is no decision x" in fails(1, "decisions", "show", "x")
    assert "there is no decision x" in fails(1, "replay", "x", "--request", __file__)


def test_the_choice_by_policy_and_day(card):
    today = datetime.now(UTC).date()
    assert prints("decisions", "list", "--policy", POLICY, "--since", str(today - timedelta(days=1)))
    assert prints("decisions", "list", "--policy", "other") == ""
    assert prints("decisions", "list", "--since", str(today + timedelta(days=1))) == ""


def test_records_are_verified(card, tmp_path):
    assert "every record is as it was recorded; newest hash " in prints("decisions", "verify")
    with open_store(f"sqlite:///{tmp_path}/store.db").writing() as connection:
        connection.execute(text("DELETE FROM answers"))
    assert "it was recorded and is gone, or was changed" in fails(1, "decisions", "verify")


def test_a_purge_must_know_how_long_records_are_kept(card, monkeypatch):
    assert "set CDSHOOKS_RETENTION_DAYS" in fails(2, "decisions", "purge")
    assert "in the future" in fails(2, "decisions", "purge", "--before", "2999-01-01")
    monkeypatch.setenv("CDSHOOKS_RETENTION_DAYS", "2192")
    assert prints("decisions", "purge").startswith("0 calls, 0 decisions and 0 pieces of feedback from before ")
    assert prints("decisions", "list")


def test_a_purge_may_be_tried_first(card, tmp_path, monkeypatch):
    """The clock of the command is the machine's: the records are made older instead."""
    long_ago = "2000-01-01T00:00:00.000000+00:00"
    with open_store(f"sqlite:///{tmp_path}/store.db").writing() as connection:
        for table, column in (("decisions", "made_at"), ("calls", "at"), ("feedback", "received_at")):
            connection.execute(text(f"DROP TRIGGER {table}_kept"))
            connection.execute(text(f"UPDATE {table} SET {column} = '{long_ago}'"))
    monkeypatch.setenv("CDSHOOKS_RETENTION_DAYS", "365")
    gone = "1 call, 1 decision and 1 piece of feedback from before "
    assert prints("decisions", "purge", "--dry-run").startswith(gone)
    assert prints("decisions", "list")
    assert prints("decisions", "purge", "--before", "2001-01-01").startswith(gone)
    assert prints("decisions", "list") == ""


def test_a_decision_is_replayed_from_the_request_that_led_to_it(card, story):
    said = prints("replay", decision_of(card), "--request", str(story))
    assert said.startswith(f"the same: decision {decision_of(card)}, as of ")
    assert prints("replay", f"cdshooks-{decision_of(card)}", "--request", str(story)).startswith("the same: ")


def test_a_replay_of_another_request_says_what_differs(card, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps(tale("mcl-complete")))
    said = fails(1, "replay", decision_of(card), "--request", str(other))
    assert "is not the same when it is made again" in said
    assert fails(1, "replay", decision_of(card), "--request", __file__)


def test_rates_are_reported_as_text_csv_and_json(card):
    said = prints("feedback", "report")
    assert f"{POLICY} " in said and "1 (100%)" in said and "already-submitted" in said
    rows = list(csv.DictReader(io.StringIO(prints("feedback", "report", "--format", "csv"))))
    assert rows[0] | {"cards": "1", "overridden": "1", "override": "1.0"} == rows[0]
    told = json.loads(prints("feedback", "report", "--format", "json"))
    assert [str(rate["cards"]) for rate in told["rates"]] == [row["cards"] for row in rows]
    assert told["unknownCards"] == 0


def test_a_report_names_no_comment_and_an_export_does(card):
    for form in ("text", "csv", "json"):
        assert COMMENT not in prints("feedback", "report", "--format", form)
    (entry,) = map(json.loads, prints("feedback", "export").splitlines())
    assert (entry["comment"], entry["policy"], entry["card"]) == (COMMENT, POLICY, card["uuid"])
    assert prints("feedback", "export", "--since", "2999-01-01") == ""


def test_a_report_on_nothing_says_so(service):
    assert prints("feedback", "report") == "no card was shown\n"
    unknown = {"card": "x", "outcome": "accepted", "outcomeTimestamp": "2026-11-21T09:00:00Z"}
    service.post(f"{URL}/feedback", json={"feedback": [unknown]})
    assert "1 piece of feedback on cards that are not on record" in prints("feedback", "report")
