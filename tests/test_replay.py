"""A decision made again: the same where nothing changed, and a sentence for each thing that did."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import copy_library
from parts import AS_OF, body_of, full_chart, observation
from recording import PATIENT, call_of

from cdshooks.engine.library import load_library
from cdshooks.hooks.decision_record import decisions_of, gaps_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import ServiceOptions, answer
from cdshooks.hooks.submitted import Submitted
from cdshooks.server.decision_log import keep_call, kept_decisions
from cdshooks.server.live_rosters import Rosters
from cdshooks.server.replay import differences
from cdshooks.server.store import open_store

BODY = body_of(chart=full_chart())


@pytest.fixture
def store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


def kept_from(store, library, body=BODY, fetched=None, **options):
    """Record the answer to a body, and read it back."""
    request = read_request(body, "cart-order-sign", "order-sign")
    made = ServiceOptions(**options)
    answered = replace(answer(request, library, AS_OF, made), fetched_sha256=fetched)
    with store.writing("record") as connection:
        keep_call(connection, call_of(), request, decisions_of(answered, request, made), PATIENT)
    with store.reading() as connection:
        (kept,) = kept_decisions(connection)
    return kept


def library_s(library):
    return Rosters(library.rosters, None, 0)


def test_the_same_request_library_and_roster_make_the_same(store, example):
    assert differences(kept_from(store, example), BODY, example, library_s(example)) == []


def test_the_facility_and_the_zone_of_then_are_used(store, example):
    kept = kept_from(store, example, default_facility="1000000001")
    assert differences(kept, BODY, example, library_s(example)) == []


def test_another_request_is_told_with_what_it_changes(store, example):
    kept = kept_from(store, example)
    body = body_of(chart=[full_chart()[0], observation(day="2024-01-01"), *full_chart()[2:]])
    found = differences(kept, body, example, library_s(example))
    assert any(line.startswith("request (SHA-256): was ") for line in found)
    assert "virus: was met, is stale" in found
    assert "outcome: was ready, is documentation-missing" in found


def test_a_record_that_says_something_else_is_told(store, example):
    kept = kept_from(store, example)
    body = BODY.replace(b'"2026-10-20"', b'"2026-10-21"')
    assert any("virus: the evidence" in line for line in differences(kept, body, example, library_s(example)))


def test_another_library_is_told(store, example, tmp_path):
    kept = kept_from(store, example)
    files = copy_library(tmp_path / "cards")
    with (files / "wording" / "en.yaml").open("a") as wording:
        wording.write("more: A sentence more.\n")
    (line,) = differences(kept, BODY, load_library(files), library_s(example))
    assert line.startswith("card library: was sha256:")


def test_another_roster_is_told(store, example):
    body = body_of(chart=full_chart(), context={"encounterId": "e"})
    kept = kept_from(store, example, body, rosters=(), rosters_hash="sha256:empty")
    found = differences(kept, body, example, library_s(example))
    assert "roster: was sha256:empty, is none" in found
    assert differences(kept, body, example, Rosters((), "sha256:empty", 1)) == []


def test_a_version_of_the_registry_that_is_gone_is_told(store, example):
    kept = kept_from(store, example, rosters_version=7)
    assert differences(kept, BODY, example, None) == [
        "roster version 0: the registry has no such version; the library's was used"
    ]


def test_what_was_fetched_is_told(store, example):
    kept = kept_from(store, example, fetched="f" * 64)
    (line,) = differences(kept, BODY, example, library_s(example))
    assert line == f"what was read from the EHR's server then ({'f' * 64}) is not in the request"


def test_a_request_without_the_order_leads_to_no_decision(store, example):
    kept = kept_from(store, example)
    call = json.loads(BODY)
    call["context"]["draftOrders"]["entry"] = []
    (line,) = differences(kept, json.dumps(call).encode(), example, library_s(example))
    assert line.startswith("the request leads to no decision on MedicationRequest/order-1 under example-health/")


def test_gaps_that_were_overridden_then_are_known_again(store, example):
    chart = [r for r in full_chart() if r["resourceType"] != "DocumentReference"]
    body = body_of(chart=chart)
    request = read_request(body, "cart-order-sign", "order-sign")
    (first,) = decisions_of(answer(request, example, AS_OF), request, ServiceOptions())
    content, day = first.content, AS_OF - timedelta(days=1)
    past = Submitted(content["order"], content["product"], content["policy"]["id"], gaps_of(content), day)
    kept = kept_from(store, example, body, submitted=lambda: [past])
    assert kept.content["indicator"] == "info"
    assert differences(kept, body, example, library_s(example)) == []


@pytest.mark.parametrize("side", ["provider", "payer"])
def test_what_was_said_of_the_coverage_is_made_again_from_the_same_side(store, example, side):
    kept = kept_from(store, example, system_actions=True, side=side)
    assert kept.content["side"] == side and kept.content["coverageInformation"]["assertionId"]
    assert differences(kept, BODY, example, library_s(example)) == []


def test_another_thing_that_is_said_of_the_coverage_is_told(store, example):
    kept = kept_from(store, example, system_actions=True)
    silent = replace(example, crd=replace(example.crd, stated={}, info_by_criterion={}))
    found = differences(kept, BODY, silent, library_s(example))
    said = [line for line in found if line.startswith("coverage information")]
    assert said and not [line for line in said if "assertionId" in line]


def test_the_questionnaire_that_was_named_is_named_again(store, example):
    body = body_of(chart=[one for one in full_chart() if one["resourceType"] != "Observation"])
    kept = kept_from(store, example, body, system_actions=True, questionnaires="https://cds.hospital.example")
    url = "https://cds.hospital.example/Questionnaire/example-health.gene-therapy|2026-01"
    assert kept.content["coverageInformation"]["questionnaire"] == [url]
    assert differences(kept, body, example, library_s(example)) == []
