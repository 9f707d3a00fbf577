"""The metrics of Da Vinci CRD, from a call to a line of its CRD Metric Data and to the measures that it suggests."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from parts import drug_order
from recording import NOW, call_of, decided, feedback_of, keep
from tales import shipped_library, tale
from terminal import prints

from cdshooks.hooks.service import ServiceOptions
from cdshooks.server.app import create_app
from cdshooks.server.call_metrics import metric_data
from cdshooks.server.crd_measures import suggested_measures
from cdshooks.server.feedback_log import keep_feedback
from cdshooks.server.settings import read_settings
from cdshooks.server.store import open_store

CRD = ServiceOptions(system_actions=True)
MEASURED = {"source": "provider-src", "seconds": 1.5, "tokenUse": "used", "cardType": "guideline"}
ALWAYS, NEVER = "", "9999"


@pytest.fixture
def store(database_url):
    opened = open_store(database_url)
    yield opened
    opened.close()


def lines(store, since=ALWAYS, until=NEVER):
    with store.reading() as connection:
        return list(metric_data(connection, since, until))


def test_a_call_is_told_in_the_words_of_the_guide(store, example):
    resources = [{"type": "Observation", "count": 3, "prefetch": True}]
    measured = {**MEASURED, "providerId": "1234567893", "groupId": "1000000004", "resources": resources}
    (made,) = keep(store, example, call=call_of(metrics=measured), options=CRD)
    (line,) = lines(store)
    said = made.content["coverageInformation"]
    assert line == {
        "source": "provider-src",
        "client": "demo",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "hookType": "order-sign",
        "providerId": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"},
        "groupId": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1000000004"},
        "payerId": [{"system": "urn:org.cdshooks:payer", "value": "example-health"}],
        "requestTime": "2026-11-21T11:59:58.500000+00:00",
        "responseTime": "2026-11-21T12:00:00.000000+00:00",
        "httpResponse": 200,
        "tokenUse": "used",
        "resources": resources,
        "response": [
            {"type": "guideline", "focus": ["MedicationRequest"], "engagement": "ignored"},
            {
                "type": "coverage-info",
                "focus": ["MedicationRequest"],
                "coverageInfo": [{name: value for name, value in said.items() if name != "coverage"}],
            },
        ],
    }
    assert said["assertionId"] == f"cdshooks-{made.id}"


@pytest.mark.parametrize(("outcome", "engagement"), [("accepted", "accept"), ("overridden", "override")])
def test_what_became_of_a_card_is_told(store, example, outcome, engagement):
    (made,) = keep(store, example)
    with store.writing("record") as connection:
        keep_feedback(connection, "demo", "cart-order-sign", [feedback_of(made.card, outcome)], NOW)
    assert lines(store)[0]["response"] == [{"focus": ["MedicationRequest"], "engagement": engagement}]


def test_a_shadow_call_answered_nothing(store, example):
    keep(store, example, call=call_of(shadow=True, metrics=MEASURED), options=CRD)
    assert "response" not in lines(store)[0]


def test_a_call_of_an_older_release_is_told_without_what_was_not_measured(store, example):
    keep(store, example)
    (line,) = lines(store)
    assert line.keys() == {"client", "hookInstance", "hookType", "payerId", "responseTime", "httpResponse", "response"}


def test_calls_are_chosen_by_their_time(store, example):
    keep(store, example)
    keep(store, example, call=call_of("call-2", NOW + timedelta(days=1)))
    assert [line["responseTime"][:10] for line in lines(store)] == ["2026-11-21", "2026-11-22"]
    assert len(lines(store, since="2026-11-22")) == len(lines(store, until="2026-11-22")) == 1


def test_the_questionnaire_that_was_named_is_told_as_the_guide_has_it(store, example):
    served = ServiceOptions(system_actions=True, questionnaires="https://check.example.org")
    (made,) = keep(store, example, options=served)
    (canonical,) = made.content["coverageInformation"]["questionnaire"]
    (info,) = [info for r in lines(store)[0]["response"] for info in r.get("coverageInfo", ())]
    assert info["questionnaire"] == [{"reference": canonical, "adaptive": False, "response": False}]
    (everything, *_) = suggested_measures(lines(store))
    assert everything["documentationWithQuestionnaire"] == {"count": 1, "share": 1.0}


def test_an_order_under_two_decisions_is_one_update(store, example):
    _, decisions = decided(example, drug_order(), drug_order(id_="order-2"), options=CRD)
    keep(store, example, drug_order(), drug_order(id_="order-2"), options=CRD)
    updates = [r for r in lines(store)[0]["response"] if r.get("type") == "coverage-info"]
    assert len(updates) == len({d.content["order"] for d in decisions}) == 2


# ---- the measures


def call(seconds=1.0, hook="order-sign", client="demo", payer="example-health", **said):
    told = [{"type": "coverage-info", "coverageInfo": [{"covered": "conditional", **said}]}] if said else []
    return {
        "client": client,
        "hookType": hook,
        "payerId": [{"value": payer}] if payer else [],
        "requestTime": NOW.isoformat(),
        "responseTime": (NOW + timedelta(seconds=seconds)).isoformat(),
        "httpResponse": 200,
        "response": told,
    }


def of_all(*calls):
    (everything, *_) = suggested_measures(calls)
    assert everything.pop("by") == "all"
    return everything


def test_the_share_that_was_answered_within_five_seconds():
    assert of_all(call(4.999), call(5.0), call(6), call(0.1))["underFiveSeconds"] == {"count": 2, "share": 0.5}


def test_a_call_that_was_not_timed_is_in_no_share_of_time():
    untimed = {name: value for name, value in call().items() if name != "requestTime"}
    assert of_all(call(), untimed)["underFiveSeconds"] == {"count": 1, "share": 1.0}


def test_each_measure_counts_calls_and_is_a_share_of_what_the_guide_says():
    found = of_all(
        call(),
        call(paNeeded="auth-needed", docNeeded="clinical", questionnaire=["http://example.org/Q|1"]),
        call(paNeeded="auth-needed"),
        call(paNeeded="satisfied"),
        call(docNeeded="conditional"),
    )
    assert found["calls"] == 5
    assert found["withCoverageInformation"] == {"count": 4, "share": 0.8}
    assert found["covered"] == {"conditional": {"count": 4, "share": 0.8}}
    assert found["authorizationNeeded"] == {"count": 2, "share": 0.4}
    assert found["authorizationWithQuestionnaire"] == {"count": 1, "share": 0.5}
    assert found["documentationNeeded"] == {"count": 1, "share": 0.2}
    assert found["documentationWithQuestionnaire"] == {"count": 1, "share": 1.0}
    assert found["authorizationSatisfied"] == {"count": 1, "share": 0.2}


def test_the_measures_are_told_by_client_hook_and_payer_too():
    found = [*suggested_measures([call(), call(hook="order-dispatch", client="other", payer=None)])]
    told = {
        tuple((name, line[name]) for name in ("by", "hook", "client", "payer") if name in line): line["calls"]
        for line in found
    }
    assert told == {
        (("by", "all"),): 2,
        (("by", "client"), ("client", "demo")): 1,
        (("by", "client"), ("client", "other")): 1,
        (("by", "hook"), ("hook", "order-dispatch")): 1,
        (("by", "hook"), ("hook", "order-sign")): 1,
        (("by", "payer"), ("payer", "example-health")): 1,
    }


def test_of_no_calls_there_is_no_share():
    assert of_all()["underFiveSeconds"] == {"count": 0}


# ---- end to end


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A demo whose store the commands open too."""
    environment = {"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return create_app(read_settings(environment), shipped_library()).test_client()


def post(service, body):
    reply = service.post(f"/cds-services/cart-{body['hook']}", json=body)
    assert reply.status_code == 200
    return reply.json


def assertion_of(answer):
    (action,) = answer["systemActions"]
    (said,) = action["resource"]["extension"]
    return next(p["valueString"] for p in said["extension"] if p["url"] == "coverage-assertion-id")


def test_the_id_on_an_order_leads_to_the_call_its_time_its_client_and_the_hash_of_its_answer(service, tmp_path):
    """A dispute: all that the plan or the site has is the order."""
    body = {**tale("mcl-missing-three"), "extension": {"davinci-crd.requestedVersion": "2.2"}}
    began, answer = datetime.now(UTC), post(service, body)
    shown = json.loads(prints("decisions", "show", assertion_of(answer)))
    (kept,) = shown["calls"]
    assert (kept["client"], kept["hook"], kept["hook_instance"]) == ("demo", "order-sign", body["hookInstance"])
    assert began.isoformat() <= kept["at"] <= datetime.now(UTC).isoformat()
    for card in answer["cards"]:  # links to dossiers are signed after the record is made, and expire
        card["links"] = [link for link in card["links"] if "/dossier/" not in link["url"]]
        card |= {} if card["links"] else {"links": None}
    answer["cards"] = [{name: value for name, value in card.items() if value is not None} for card in answer["cards"]]
    assert kept["answer_sha256"] == hashlib.sha256(msgspec.json.encode(answer)).hexdigest()
    assert shown["content"]["coverageInformation"]["assertionId"] == assertion_of(answer)
    file = tmp_path / "body.json"
    file.write_bytes(json.dumps(body).encode())
    assert "newest hash" in prints("decisions", "verify")
    (line,) = prints("decisions", "export", assertion_of(answer)).splitlines()
    assert json.loads(line) == shown


def test_the_command_tells_calls_and_measures_of_its_days(service):
    post(service, {**tale("mcl-missing-three"), "extension": {"davinci-crd.requestedVersion": "2.2"}})
    post(service, tale("mcl-complete"))
    post(service, tale("no-car-t"))
    today = datetime.now(UTC).date()
    found = [json.loads(line) for line in prints("decisions", "metrics", "--from", str(today)).splitlines()]
    assert [line["hookType"] for line in found] == ["order-sign"] * 2  # without a card there is no record
    assert {line["tokenUse"] for line in found} == {"not-used"}
    assert all(line["resources"] and line["orderDetail"] for line in found)
    (everything, *_) = map(json.loads, prints("decisions", "metrics", "--to", str(today), "--measures").splitlines())
    assert everything["calls"] == 2 and everything["withCoverageInformation"] == {"count": 1, "share": 0.5}
    assert everything["underFiveSeconds"]["count"] <= 2
    tomorrow = str(today + timedelta(days=1))
    assert prints("decisions", "metrics", "--from", tomorrow) == ""


def test_no_text_of_a_chart_and_no_patient_is_in_the_metrics(service):
    body = tale("epic-mcl-missing-three")
    post(service, body)
    told = prints("decisions", "metrics")
    assert body["context"]["patientId"] not in told and "SYNTHETIC" not in told
