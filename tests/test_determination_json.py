"""The machine-readable determination that every card carries, as the contract words it."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from parts import (
    answer_to,
    cards_of,
    center,
    concept,
    condition,
    coverage,
    determination_of,
    document,
    drug_order,
    full_chart,
    medication,
    observation,
    patient,
    prefetch_of,
)

ROOT = Path(__file__).parents[1]
SCHEMA = Draft202012Validator(json.loads((ROOT / "cards" / "schema" / "determination.json").read_text("utf-8")))
GOLDENS = sorted((ROOT / "fhir_fixtures" / "stories").glob("*/golden.json"))
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
OUTCOMES = {
    "ready",
    "could-not-check",
    "documentation-missing",
    "review-needed",
    "criterion-not-met",
    "exclusion-found",
}
FOUND = {"met", "not-met", "missing", "stale", "could-not-check", "attest", "not-applicable"}
WHY = {
    "another patient",
    "entered-in-error",
    "refuted",
    "not-done",
    "cancelled",
    "preliminary",
    "future-dated",
    "undated",
    "unreadable",
}


def of(library, *resources, orders=(), **fields):
    sent = prefetch_of(patient(), coverage(), *resources)
    (card,) = cards_of(answer_to(library, *orders, prefetch=sent, **fields))
    return determination_of(card)


def test_the_head_says_which_order_was_held_against_which_policy_on_which_days(example):
    found = of(example, *full_chart())
    assert found["schema"] == 1
    assert UUID.fullmatch(found["decision"])
    assert found["library"] == example.hash
    assert (found["order"], found["product"]) == ("MedicationRequest/order-1", "examplecel")
    assert found["recognizedBy"] == "RxNorm 900002"
    assert (found["asOf"], found["serviceDate"]) == ("2026-11-21", "2026-12-01")
    assert found["policy"] == {
        "id": "example-health/gene-therapy",
        "version": "2026-01",
        "status": "active",
        "standing": "confirmed",
        "authority": "payer-policy",
    }
    assert found["outcome"] == "ready"


def test_there_is_one_finding_per_criterion_in_the_order_of_the_policy(example):
    policy = example.in_force("example-health/gene-therapy", example.policies[1].effective.start)
    assert [f["criterion"] for f in of(example)["findings"]] == [c.id for c in policy.criteria]


@pytest.mark.parametrize("chart", [[], full_chart()])
def test_every_finding_has_the_keys_of_the_contract(example, chart):
    for finding in of(example, *chart)["findings"]:
        assert ("countsFrom" in finding) == ("countsFromForService" in finding) == ("earliestDate" in finding)
        assert ("neededBy" in finding) == ("ask" in finding)
        assert set(finding) - {"countsUntil", "evidence", "toReview", "ask"} >= {
            "criterion",
            "section",
            "cite",
            "outcome",
            "reason",
            "owner",
        }
        assert ("ask" in finding) == (finding["outcome"] not in {"met", "not-applicable"})
        assert finding["section"] in {"coverage", "exclusions", "documentation"}
        assert finding["outcome"] in FOUND
        assert finding["owner"] in {"prescriber", "coordinator", "laboratory", "center", "payer"}
        assert finding["cite"]
        assert finding["reason"]
        assert "\n" not in finding["reason"]
        for item in finding.get("evidence", []):
            assert set(item) <= {"reference", "date", "display", "source"}
            assert "/" in item["reference"]


def test_evidence_names_the_record_its_day_and_its_words(example):
    found = of(example, *full_chart())
    virus = next(f for f in found["findings"] if f["criterion"] == "virus")
    assert virus["evidence"] == [
        {"reference": "Observation/o-virus-ab-2026-10-20", "date": "2026-10-20", "display": "Virus ab (virus-ab)"}
    ]
    assert virus["countsUntil"] == "2027-01-19"
    assert (virus["countsFrom"], virus["countsFromForService"]) == ("2026-08-22", "2026-09-02")
    assert virus["earliestDate"] == "2026-09-02"


def test_only_what_is_met_counts_until_a_day(example):
    for chart in ([], full_chart(), [observation(day="2026-01-01"), document()]):
        for finding in of(example, *chart)["findings"]:
            assert "countsUntil" not in finding or finding["outcome"] == "met"


def test_what_was_left_out_is_told_with_its_reason(example):
    found = of(
        example,
        observation(id_="o1", status="preliminary"),
        condition(id_="c1", subject={"reference": "Patient/p2"}),
    )
    assert found["leftOut"] == [
        {"reference": "Condition/c1", "why": "another patient"},
        {"reference": "Observation/o1", "why": "preliminary"},
    ]
    assert {left["why"] for left in found["leftOut"]} <= WHY


def test_reminders_are_apart_from_findings(example):
    assert of(example)["reminders"] == [{"cite": ["NOTE.1"], "text": "Approval must be asked for before the service."}]


def test_a_card_that_can_decide_nothing_carries_an_empty_list_of_findings(example):
    for order in (drug_order({"text": "Exempla or Sampla"}), drug_order(subject={"reference": "Patient/p2"})):
        (card,) = cards_of(answer_to(example, order))
        found = determination_of(card)
        assert (found["outcome"], found["findings"]) == ("could-not-check", [])
        assert "policy" not in found
        assert UUID.fullmatch(found["decision"])


def test_chart_text_in_it_is_harmless(example):
    hostile = "<b>x</b> [x](https://evil.example)\n"
    found = of(
        example,
        observation(None, valueString=hostile),
        orders=[drug_order({"text": f"Exempla {hostile}"}, dispenseRequest={"performer": {"display": hostile}})],
    )
    for finding in found["findings"]:
        for text in (
            finding["reason"],
            finding.get("ask", ""),
            *(e.get("display", "") for e in finding.get("evidence", [])),
        ):
            assert not re.search(r"[<>\[\]\n]|://", text)
    assert not re.search(r"[<>\[\]\n]|://", found["recognizedBy"])


def test_a_positive_result_of_the_made_up_library_is_met_and_never_only_on_file(example):
    found = of(example, observation("positive", "2019-01-01"))
    virus = next(f for f in found["findings"] if f["criterion"] == "virus")
    assert virus["outcome"] == "met"
    assert found["outcome"] in OUTCOMES
    assert DAY.search(virus["reason"])


# ---- its schema


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.parent.name)
def test_the_determination_of_every_story_is_as_its_schema_says(golden):
    for card in json.loads(golden.read_text("utf-8").replace("<uuid>", "0" * 8).replace("<library>", "sha256:0"))[
        "cards"
    ]:
        assert [error.message for error in SCHEMA.iter_errors(determination_of(card))] == []


# ---- the criteria map


def rows_of(found):
    return {row["row"]: row for row in found["criteriaMap"]}


def test_every_finding_stands_in_exactly_one_row_where_the_paper_names_none(example):
    found = of(example, *full_chart())
    assert [row["criteria"] for row in found["criteriaMap"]] == [[f["criterion"]] for f in found["findings"]]
    outcomes = {f["criterion"]: f["outcome"] for f in found["findings"]}
    assert {row["row"]: row["outcome"] for row in found["criteriaMap"]} == outcomes


def test_a_row_says_what_is_on_file_and_where_it_lies(example):
    lab = {"resourceType": "Organization", "id": "lab", "name": "Example <Laboratory>"}
    sent = observation(performer=[{"reference": "Organization/lab"}])
    rows = rows_of(of(example, sent, document(author=[{"display": "Dr A"}]), lab))
    assert rows["virus"]["location"] == [
        {
            "reference": "Observation/o-virus-ab-2026-10-20",
            "date": "2026-10-20",
            "laboratory": "Example ‹Laboratory›",
            "display": "Virus ab (virus-ab)",
        }
    ]
    assert "missing" not in rows["virus"]
    assert [place["author"] for place in rows["letter"]["location"]] == ["Dr A"]


def test_a_row_with_nothing_says_what_is_missing_and_what_to_ask_for(example):
    found = of(example, condition(concept("alpha", "relapsed"), "c-alpha"))
    virus = rows_of(found)["virus"]
    (finding,) = (f for f in found["findings"] if f["criterion"] == "virus")
    assert virus["outcome"] == "missing"
    assert finding["reason"] in virus["missing"]
    assert virus["ask"] == finding["ask"]
    assert "location" not in virus


def test_the_row_of_the_treatment_center_names_the_center_and_the_day_it_was_checked(example):
    order = drug_order(dispenseRequest={"performer": {"reference": "Organization/center-1"}})
    found = of(example, *full_chart(), center(), orders=[order])
    (place,) = rows_of(found)["center"]["location"]
    assert (place["center"], place["npi"]) == ("Example Hospital", "1000000001")
    assert DAY.fullmatch(place["date"])
    nowhere = drug_order(dispenseRequest={"performer": {"display": "Elsewhere"}})
    (place,) = rows_of(of(example, orders=[nowhere]))["center"]["location"]
    assert place == {"center": "Elsewhere", "display": "on no roster"}


def test_sensitive_records_are_counted_in_the_map_and_never_named(shipped):
    for golden in GOLDENS:
        for card in json.loads(golden.read_text("utf-8"))["cards"]:
            found = determination_of(card)
            hidden = {f["criterion"]: f["toReview"] for f in found["findings"] if "toReview" in f}
            for row in found.get("criteriaMap", []):
                assert row.get("toReview", 0) == sum(hidden.get(name, 0) for name in row["criteria"])


def test_the_guide_s_map_has_its_five_rows_first_each_with_where_it_lies():
    golden = ROOT / "fhir_fixtures" / "stories" / "mcl-blue-plan" / "golden.json"
    (card,) = json.loads(golden.read_text("utf-8"))["cards"]
    rows = determination_of(card)["criteriaMap"]
    assert [row["row"] for row in rows][:5] == ["MAP.1", "MAP.2", "MAP.3", "MAP.4", "MAP.5"]
    diagnosis, history, performance, organs, centers = rows[:5]
    pathology = next(p for p in diagnosis["location"] if p["reference"] == "DiagnosticReport/mcl-16-pathology")
    assert (pathology["date"], pathology["laboratory"]) == (
        "2024-06-24",
        "Example Pathology and Laboratories (SYNTHETIC)",
    )
    assert all(place["date"] for place in history["location"])
    assert [place["date"] for place in performance["location"]] == ["2026-11-12"]
    assert [place["date"] for place in organs["location"]] == ["2026-11-16"] * 3
    assert organs["missing"].startswith("LVEF: ")
    assert organs["ask"].startswith("Attach the echocardiogram")
    assert centers["location"][0]["center"] == "Example Cancer Center (SYNTHETIC)"
    (row,) = (row for row in rows if row["row"] == "cyclin-d1")
    assert row["criteria"] == ["cyclin-d1"]
    named = [name for row in rows for name in row["criteria"]]
    assert sorted(named) == sorted(f["criterion"] for f in determination_of(card)["findings"])


def test_a_criterion_that_lists_earlier_treatment_carries_its_lines_and_decides_nothing_by_them(example):
    sent = [*full_chart(), medication(code="910001", day="2024-02-01"), medication(code="920001", day=None, id_="m")]
    found = of(example, *sent)
    (content,) = [finding for finding in found["findings"] if finding["criterion"] == "letter-content"]
    assert content["outcome"] == "attest"
    assert [line["regimen"] for line in content["lines"]] == [["oldamib"], ["newamab"]]
    assert content["lines"][1]["open"] == ["start", "end", "bestResponse", "stopped"]
    assert list(SCHEMA.iter_errors(found)) == []
    assert found["outcome"] == of(example, *full_chart())["outcome"]
    assert all("lines" not in finding for finding in of(example, *full_chart())["findings"])
