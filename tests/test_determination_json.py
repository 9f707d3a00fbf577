"""The machine-readable determination that every card carries, as the contract words it."""

import re

import pytest
from parts import (
    answer_to,
    cards_of,
    condition,
    coverage,
    determination_of,
    document,
    drug_order,
    full_chart,
    observation,
    patient,
    prefetch_of,
)

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
