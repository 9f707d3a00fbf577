"""What a claim will need: the product's code of the service date, and the day of the response document."""

import json
from datetime import date
from pathlib import Path

import pytest

from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

STORIES = Path(__file__).parents[1] / "fhir_fixtures" / "stories"
AS_OF = date(2026, 11, 21)
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
MEDICAID = "WellCare of North Carolina"


@pytest.fixture
def reminded(shipped):
    """The claim reminders of a story, with codings added to its order, on another service date, as paid by Medicaid."""

    def told(story, *codes, day="2026-12-01", as_of=AS_OF):
        body = json.loads((STORIES / story / "request.json").read_text("utf-8"))
        order = body["context"]["draftOrders"]["entry"][0]["resource"]
        concept = order.get("medicationCodeableConcept") or order.get("code") or {}
        concept.setdefault("coding", []).extend({"system": HCPCS, "code": code} for code in codes)
        if "dosageInstruction" in order:
            order["dosageInstruction"][0]["timing"] = {"event": [day]}
        else:
            order["occurrenceDateTime"] = day
        request = read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign")
        answered = answer(request, shipped, as_of)
        assert answered.failure is None
        (card,) = answered.body["cards"]
        reminders = card["extension"]["org.cdshooks.determination"].get("reminders", [])
        return [r["text"] for r in reminders if r["cite"][0].startswith("CODE.")], card

    return told


@pytest.mark.parametrize(
    ("story", "day", "code"),
    [
        ("mcl-complete", "2026-12-01", "HCPCS Q2053 (Tecartus)."),
        ("mcl-complete", "2021-04-01", None),
        ("lbcl-yescarta-hcpcs", "2026-12-01", "HCPCS Q2041 (Yescarta; its first day is not on file"),
        ("ball-aucatzyl-icd-only", "2026-12-01", "HCPCS Q2058 (Aucatzyl; its first day is not on file"),
        ("mm-carvykti-text-only", "2026-12-01", "HCPCS Q2056 (Carvykti; its first day is not on file"),
        ("cll-breyanzi", "2026-12-01", "HCPCS Q2054 (Breyanzi)."),
        ("unapproved-anito-cel", "2026-12-01", "the product's own HCPCS code; none is on file"),
    ],
)
def test_the_claim_code_is_the_product_s_on_the_service_date(reminded, story, day, code):
    texts, _ = reminded(story, day=day)
    claims = [text for text in texts if "revenue code 0636" in text]
    assert len(claims) == (1 if code else 0), "no policy version was in force yet"
    assert all(code in text for text in claims)


def test_a_product_without_a_code_of_its_own_is_claimed_as_unassigned(reminded, shipped, monkeypatch):
    monkeypatch.setattr("cdshooks.engine.claims.claim_code", lambda *_: None)
    texts, _ = reminded("mcl-complete")
    assert any("HCPCS C9399, for Tecartus has no code of its own" in text for text in texts)


def test_a_code_that_is_past_its_last_day_is_pointed_out_in_one_line(reminded):
    texts, card = reminded("mcl-complete", "C9073")
    hint = "The order carries C9073, which is not the product's claim code on 2026-12-01; on file for that day: Q2053."
    assert hint in texts
    assert card["detail"].count("[CODE.") == 1 and hint in card["detail"]


def test_the_right_code_needs_no_hint(reminded):
    texts, card = reminded("mcl-complete", "Q2053")
    assert not any("The order carries" in text for text in texts)
    assert "[CODE." not in card["detail"]


def test_the_response_document_has_its_day(reminded):
    texts, card = reminded("ball-kymriah-child", day="2026-12-15")
    assert any("30-day response to the claim; day 30 is 2027-01-14." in text for text in texts)
    assert card["detail"].count("[CODE.") == 1
