"""The criteria map on the card for a denial: what the denial names first, what is on file, what is missing."""

import json
from datetime import date
from pathlib import Path

import pytest
from fhir_answers import Answers
from jsonschema import Draft202012Validator

from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

ROOT = Path(__file__).parents[1]
STORIES = ROOT / "fhir_fixtures" / "stories"
SCHEMA = Draft202012Validator(json.loads((ROOT / "cards" / "schema" / "determination.json").read_text("utf-8")))
AS_OF = date(2026, 11, 21)
BLUE = "Blue Cross and Blue Shield of North Carolina"


def told(story):
    return json.loads((STORIES / story / "request.json").read_text("utf-8"))


def resources(body, kind):
    return [entry["resource"] for entry in body["prefetch"][kind]["entry"]]


@pytest.fixture
def view(shipped):
    """Open the chart of a story with the denial of `denied-wnc` in it; `edit` changes the call before it is made."""

    def viewed(story="denied-wnc", edit=lambda body: None, **changes):
        body, denied = told(story), told("denied-wnc")
        if not story.startswith("denied-"):
            own = json.dumps({key: denied["prefetch"][key] for key in ("claimResponses", "claims")})
            body["prefetch"] |= json.loads(own.replace("mcl-18", body["context"]["patientId"]))
            body["hook"] = "patient-view"
            body["context"].pop("draftOrders", None)
        resources(body, "claimResponses")[0].update(changes)
        edit(body)
        answered = answer(read_request(json.dumps(body).encode(), "cart-patient-view", "patient-view"), shipped, AS_OF)
        assert answered.failure is None
        (card,) = [c for c in answered.body["cards"] if "org.cdshooks.appeal" in c["extension"]]
        assert len(card["detail"]) <= 1800
        return card, card["extension"]["org.cdshooks.appeal"]

    return viewed


def outcomes(appeal):
    return {f["criterion"]: f["outcome"] for f in appeal["held"]["findings"]}


def test_a_denied_request_is_held_against_the_plan_s_policy_as_the_chart_stands_today(view):
    card, appeal = view("mcl-missing-three")
    held = appeal["held"]
    assert [error.message for error in SCHEMA.iter_errors(held)] == []
    assert held["policy"]["id"] == "wellcare-nc/wnc-cp-192"
    assert (held["product"], held["serviceDate"]) == ("tecartus", "2026-12-01")
    assert outcomes(appeal)["hiv"] == "stale"
    assert outcomes(appeal)["center"] == "met"
    assert sorted(appeal["rows"]) == sorted(row["row"] for row in held["criteriaMap"])
    assert "held against WellCare NC, version 2025-04, standing unconfirmed" in card["detail"]
    assert "HIV serology" in card["detail"]


def test_it_finds_what_an_order_of_the_same_chart_finds(view, shipped):
    _, appeal = view("mcl-missing-three")
    body = told("mcl-missing-three")
    signed = answer(read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign"), shipped, AS_OF)
    order = signed.body["cards"][0]["extension"]["org.cdshooks.determination"]
    found = {f["criterion"]: f["outcome"] for f in order["findings"]}
    assert {name: o for name, o in outcomes(appeal).items() if found[name] != o} == {"dosage-form": "attest"}


@pytest.mark.parametrize(
    ("story", "changes", "named", "first"),
    [
        ("mcl-blue-plan", {"disposition": "Denied: required prior therapies not failed"}, ["DEN.1"], "MAP.2"),
        ("mcl-blue-plan", {"disposition": "Denied: ECOG outside criteria"}, ["DEN.2"], "MAP.4"),
        ("mcl-blue-plan", {"disposition": "Denied: treatment center not on the list"}, ["DEN.3"], "MAP.5"),
        ("mcl-blue-plan", {"processNote": [{"text": "Insufficient documentation"}]}, ["DEN.4"], "MAP.4"),
        ("mcl-blue-plan", {"error": [{"code": {"text": "Additional information required"}}]}, ["DEN.4"], "MAP.4"),
        ("mcl-missing-three", {"disposition": "Treating facility not certified"}, ["DEN.3"], "center"),
        ("mcl-missing-three", {"disposition": "Not Certified"}, None, "marrow-biopsy"),
    ],
)
def test_what_the_denial_names_comes_first(view, story, changes, named, first):
    insurer = {"insurer": {"display": BLUE}} if story == "mcl-blue-plan" else {}
    card, appeal = view(story, **insurer, **changes)
    assert [r["cite"] for r in appeal.get("reasons", [])] == (named or [])
    assert appeal["rows"][0] == first
    assert ("The answer's words name" in card["detail"]) == bool(named)
    lines = card["detail"].split("held against")[1].splitlines()[1:]
    assert appeal["held"]["criteriaMap"]
    row = next(row for row in appeal["held"]["criteriaMap"] if row["row"] == first)
    assert lines[0].startswith(f"- **{row['label'][:1].upper()}{row['label'][1:]}** – ")
    assert lines[0].endswith("]")


def test_a_reason_in_an_item_s_adjudication_is_read(view):
    def edit(body):
        item = resources(body, "claimResponses")[0]["item"][0]
        item["adjudication"][0]["reason"] = {"text": "Performance status not documented"}

    _, appeal = view(edit=edit)
    assert [reason["cite"] for reason in appeal["reasons"]] == ["DEN.2"]


def test_a_row_says_what_is_missing_and_what_is_on_file(view):
    card, appeal = view("mcl-blue-plan", disposition="Denied: LVEF not within criteria", insurer={"display": BLUE})
    line = next(line for line in card["detail"].splitlines() if line.startswith("- **Organ function**"))
    assert "not on file: LVEF" in line
    assert line.endswith("[MAP.4, DOC.3, DEN.2]")
    row = next(row for row in appeal["held"]["criteriaMap"] if row["label"].lower().startswith("organ"))
    assert any("Creatinine" in place.get("display", "") for place in row["location"])


def test_the_story_of_a_blue_plan_answers_both_reasons_first(view):
    card, appeal = view("denied-blue-plan")
    assert [reason["cite"] for reason in appeal["reasons"]] == ["DEN.1", "DEN.2"]
    assert appeal["rows"][:2] == ["MAP.2", "MAP.4"]
    lines = [line for line in card["detail"].splitlines() if "[MAP." in line]
    assert [line.rpartition("[")[2] for line in lines[:2]] == ["MAP.2, DOC.2, DEN.1]", "MAP.4, DOC.3, DEN.2]"]


def test_a_draft_order_of_the_product_is_what_is_held(view):
    def edit(body):
        body["context"]["draftOrders"] = told("mcl-complete")["context"]["draftOrders"]
        order = body["context"]["draftOrders"]["entry"][0]["resource"]
        order["subject"] = {"reference": "Patient/mcl-18"}
        order.pop("insurance", None)

    _, appeal = view(edit=edit)
    assert appeal["held"]["order"].startswith("MedicationRequest/")
    assert outcomes(appeal)["dosage-form"] == "met"


def test_an_order_that_the_request_refers_to_is_what_is_held(view):
    def edit(body):
        order = told("mcl-complete")["context"]["draftOrders"]["entry"][0]["resource"]
        order |= {"id": "asked", "status": "active", "subject": {"reference": "Patient/mcl-18"}}
        order.pop("insurance", None)
        body["prefetch"]["medications"]["entry"].append({"resource": order})
        item = resources(body, "claims")[0]["item"][0]
        item["extension"] = [{"url": "x", "valueReference": {"reference": "MedicationRequest/asked"}}]

    _, appeal = view(edit=edit)
    assert appeal["held"]["order"] == "MedicationRequest/asked"


def test_an_order_of_another_patient_is_not(view):
    def edit(body):
        order = told("mcl-complete")["context"]["draftOrders"]["entry"][0]["resource"]
        order |= {"id": "asked", "subject": {"reference": "Patient/other"}}
        body["prefetch"]["medications"]["entry"].append({"resource": order})
        item = resources(body, "claims")[0]["item"][0]
        item["extension"] = [{"url": "x", "valueReference": {"reference": "MedicationRequest/asked"}}]

    _, appeal = view(edit=edit)
    assert appeal["held"]["order"] == "ClaimResponse/mcl-18-answer"


def test_without_the_request_the_answer_s_own_words_tell_the_product_and_today_is_the_day(view):
    def edit(body):
        body["prefetch"].pop("claims")

    changes = {"item": [], "request": None, "disposition": "Tecartus denied"}
    _, appeal = view(edit=edit, **changes)
    assert appeal["held"]["product"] == "tecartus"
    assert appeal["held"]["serviceDate"] == "2026-11-21"


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (
            lambda b: resources(b, "claims")[0]["item"][0].update(
                productOrService={"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "38228"}]}
            ),
            "names no product",
        ),
        (lambda b: resources(b, "coverage")[0].update(status="cancelled"), "could not be matched to a coverage"),
        (lambda b: resources(b, "claims")[0]["item"][0].update(servicedDate="2020-08-01"), "No version"),
    ],
)
def test_where_the_policy_cannot_be_looked_at_the_card_says_why_and_what_to_gather(view, edit, why):
    card, appeal = view(edit=edit)
    assert "held" not in appeal
    assert why in appeal["notHeld"]
    assert why in card["detail"]
    assert "Gather: the criteria applied" in card["detail"]
    assert "[DOC.1–DOC.5, APP.5]" in card["detail"]


def test_a_plan_without_a_policy_on_file_is_said_to_have_none(view):
    def edit(body):
        resources(body, "claimResponses")[0]["insurer"] = {"display": "Example Health"}
        resources(body, "claims")[0]["insurer"] = {"display": "Example Health"}
        unknown = {"contained": [], "payor": [{"display": "Example Health"}], "class": [], "type": {"text": "PPO"}}
        resources(body, "coverage")[0].update(unknown)

    card, appeal = view(edit=edit)
    assert appeal["notHeld"].startswith("No policy of this plan is on file")
    assert "Gather" in card["detail"]


def test_records_that_were_not_sent_could_not_be_checked_and_are_not_missing(view):
    def edit(body):
        for key in ("observations", "reports", "documents"):
            body["prefetch"].pop(key)

    _, appeal = view(edit=edit)
    assert outcomes(appeal)["hiv"] == "could-not-check"
    assert "missing" not in outcomes(appeal).values()


def test_what_was_not_sent_is_fetched_where_the_ehr_lets_us(shipped):
    body = told("denied-wnc")
    kept = ("patient", "coverage", "claimResponses", "claims")
    others = [r for key in body["prefetch"] if key not in kept for r in resources(body, key)]
    whole = answer(read_request(json.dumps(body).encode(), "cart-patient-view", "patient-view"), shipped, AS_OF)
    body["prefetch"] = {key: body["prefetch"][key] for key in kept}
    request = read_request(json.dumps(body).encode(), "cart-patient-view", "patient-view")

    def findings(answered):
        assert answered.failure is None
        return answered.body["cards"][0]["extension"]["org.cdshooks.appeal"]["held"]["findings"]

    fetch = Answers(*others)
    assert findings(answer(request, shipped, AS_OF, None, fetch)) == findings(whole)
    assert any(url.startswith("Observation?") for url in fetch.asked)
    assert {f["outcome"] for f in findings(answer(request, shipped, AS_OF)) if f["criterion"] == "hiv"} == {
        "could-not-check"
    }


@pytest.mark.parametrize("story", ["denied-wnc", "mcl-missing-three", "mcl-blue-plan", "prior-kymriah"])
def test_it_never_says_how_an_appeal_will_end(view, story):
    card, _ = view(story)
    for word in ("will succeed", "likely", "overturn", "win the", "should be approved"):
        assert word not in card["detail"]
