"""What is kept of a determination: all that it takes to account for it, and no chart text."""

import hashlib
import json
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import msgspec
from parts import AS_OF, answer_to, cards_of, condition, determination_of, drug_order, full_chart, request_of

from cdshooks import __version__
from cdshooks.hooks.decision_record import decisions_of, gaps_of, submitted_of
from cdshooks.hooks.service import ServiceOptions, answer
from cdshooks.hooks.submitted import Submitted

OPTIONS = ServiceOptions(zone=ZoneInfo("America/New_York"), default_facility="1000000001")
CANARY = "Canary"


def kept_of(library, *orders, options=OPTIONS, **fields):
    request = request_of(*orders, **fields)
    return decisions_of(answer(request, library, AS_OF, options), request, options)


def test_a_determination_is_kept_with_its_findings_and_what_it_was_made_of(example):
    request = request_of(chart=full_chart())
    answered = answer(request, example, AS_OF, OPTIONS)
    (card,) = cards_of(answered)
    (kept,) = decisions_of(answered, request, OPTIONS)
    made, content = determination_of(card), kept.content
    assert (kept.id, kept.card, kept.shown) == (made["decision"], card["uuid"], True)
    assert (content["request"], content["library"]) == (request.body_sha256, example.hash)
    assert (content["asOf"], content["serviceDate"]) == ("2026-11-21", made["serviceDate"])
    assert (content["policy"]["id"], content["policy"]["version"]) == ("example-health/gene-therapy", "2026-01")
    assert (content["engine"], content["timezone"]) == (__version__, "America/New_York")
    assert content["defaultFacility"] == "1000000001"
    for found, told in zip(content["findings"], made["findings"], strict=True):
        for key in ("criterion", "outcome", "cite", "countsUntil"):
            assert found.get(key) == told.get(key)
        assert [e["reference"] for e in found.get("evidence", [])] == [e["reference"] for e in told.get("evidence", [])]


def test_evidence_is_kept_as_a_reference_with_the_hash_of_the_resource(example):
    (kept,) = kept_of(example, chart=full_chart())
    hashed = {item["reference"]: item["sha256"] for f in kept.content["findings"] for item in f.get("evidence", [])}
    for resource in full_chart():
        text = json.dumps(resource, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert hashed[f"{resource['resourceType']}/{resource['id']}"] == hashlib.sha256(text).hexdigest()


def test_no_text_of_the_chart_is_kept(example):
    def spoken(value, key=""):
        """The same resource with a canary in every text that a person reads."""
        if isinstance(value, dict):
            return {k: spoken(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [spoken(item, key) for item in value]
        return f"{CANARY} {value}" if key in ("text", "display", "title") else value

    chart = [condition({**condition("alpha")["code"], "text": "alpha"}, "c-alpha"), *full_chart()[1:]]
    chart = [spoken({**r, "note": [{"text": "n"}], "performer": [{"display": "d"}]}) for r in chart]
    order = drug_order({**drug_order()["medicationCodeableConcept"], "text": CANARY})
    kept = kept_of(example, order, chart=chart)
    sent = json.dumps(cards_of(answer_to(example, order, chart=chart)))
    assert CANARY in sent  # the card quotes it, the record does not
    assert kept and CANARY not in json.dumps([d.content for d in kept])


def test_the_same_call_is_kept_with_the_same_bytes(example):
    assert msgspec.json.encode(kept_of(example)) == msgspec.json.encode(kept_of(example))


def test_what_could_decide_nothing_is_kept_too(example):
    (kept,) = kept_of(example, prefetch={"patient": {"resourceType": "Patient", "id": "p2"}})
    assert (kept.content["outcome"], kept.content["findings"]) == ("could-not-check", [])
    assert "policy" not in kept.content


def test_a_card_that_found_no_room_is_kept_as_not_shown(example):
    orders = [drug_order(id_=f"order-{n}") for n in range(5)]
    kept = kept_of(example, *orders)
    assert sorted(d.shown for d in kept) == [False, False, True, True, True]
    assert len({d.id for d in kept}) == 5


def test_a_call_without_a_card_keeps_nothing(example):
    assert kept_of(example, drug_order("999999")) == ()


def test_what_the_sites_roster_and_a_failure_of_ours_were_is_kept(example):
    options = replace(OPTIONS, rosters=(), rosters_hash="sha256:x")
    request = request_of()
    failed = replace(answer(request, example, AS_OF, options), failure="KeyError at chart.py:7")
    (kept,) = decisions_of(failed, request, options)
    assert (kept.content["rosters"], kept.content["failure"]) == ("sha256:x", "KeyError at chart.py:7")


def test_what_was_overridden_as_submitted_can_be_told_again(example):
    (first,) = kept_of(example)
    past = Submitted(
        "MedicationRequest/order-1",
        "examplecel",
        "example-health/gene-therapy",
        gaps_of(first.content),
        date(2026, 11, 20),
    )
    (again,) = kept_of(example, options=replace(OPTIONS, submitted=lambda: [past]))
    assert again.content["indicator"] == "info"
    assert list(submitted_of(again.content)) == [past]
    assert list(submitted_of(first.content)) == []


def test_a_record_of_another_patient_is_named_as_left_out(example):
    stray = condition("alpha", "c-stray", subject={"reference": "Patient/p2"})
    (kept,) = kept_of(example, chart=[*full_chart(), stray])
    assert {"reference": "Condition/c-stray", "why": "another patient"} in kept.content["leftOut"]
